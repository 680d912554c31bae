import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { defender } from "../../src/adapters/alerts/defender.ts";
import { sanitize } from "../../src/adapters/alerts/sanitize.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { drawSubject } from "../../src/engine/draw.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { type Accepted, ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import type { ActionRow, EvidenceRow } from "../../src/engine/store.ts";
import { type FakeGraph, fakeGraph } from "../support/fake-graph.ts";
import { steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

/*
 * A campaign goes on while people decide: the alert is updated, or another one names the same cluster with other mails. None of them may stay in
 * an inbox because of the moment it came at.
 */
const mia = approver("Mia");
const id = (digit: number, tail = 0) => `${String(digit).repeat(8)}-58d8-43d0-a890-${String(tail).padStart(12, "0")}`;
const QUERY = '( (( (BodyFingerprintBin1:"1433502834") ) AND ( (P2SenderDomain:"evil.example") )) )';

describe.each(DATABASES)("a mail cluster that grows, %s", (database) => {
  let engine: Engine;
  let fake: FakeGraph;
  beforeAll(async () => {
    engine = await openEngine(database);
    engine.air.sleep = async () => {};
    fake = await fakeGraph(() => engine.world.now);
  });
  beforeEach(async () => {
    await engine.empty();
    fake.reset();
    Object.assign(engine.world, {
      now: NOW,
      capabilities: fake.capabilitiesOf(fake.connect()),
      policy: { ...testPolicy, mode: "ask", organization: { ...testPolicy.organization, domains: ["contoso.com"] } },
      channels: [],
    });
  });
  afterAll(async () => {
    await fake.close();
    await engine.close();
  });

  const later = (ms = 60_000) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
  };
  const mails = (...ids: string[]) => {
    for (const [at, networkMessageId] of ids.entries())
      fake.mail.add({
        networkMessageId,
        recipient: `${networkMessageId.slice(0, 3)}${at}@contoso.com`,
        subject: "Pay now",
        threatTypes: ["phish"],
        phishConfidenceLevel: "High",
        emailClusterId: "1433502834",
      });
  };
  const alert = (source: string, ids: readonly string[], incident = "4711") => ({
    id: source,
    incidentId: incident,
    title: "Email messages containing phish URLs removed after delivery",
    severity: "high",
    category: "InitialAccess",
    status: "new",
    serviceSource: "microsoftDefenderForOffice365",
    createdDateTime: NOW.toISOString(),
    lastUpdateDateTime: engine.world.now.toISOString(),
    evidence: [
      { "@odata.type": "#microsoft.graph.security.mailClusterEvidence", verdict: "malicious", query: QUERY, networkMessageIds: [...ids] },
    ],
  });
  const post = async (body: unknown): Promise<Accepted> =>
    (
      await ingestAlerts(engine.air, [
        { source: "defender", lab: false, alerts: [defender.parse(sanitize(body))], receivedAt: engine.world.now },
      ])
    ).flat()[0] as Accepted;
  const told = async (body: unknown): Promise<Accepted> => {
    const accepted = await post(body);
    await steps(engine).toTheEnd(numberOf(accepted.investigation));
    return accepted;
  };
  const clusters = async (accepted: Accepted): Promise<ActionRow[]> => {
    const { items } = await engine.store.listActions({ incidentId: numberOf(accepted.incident), limit: 200 });
    return items
      .filter(({ kind, target }) => kind === "soft-delete-mail" && target.kind === "mail-cluster")
      .toSorted((a, b) => a.id - b.id);
  };
  const evidence = async (accepted: Accepted): Promise<EvidenceRow> => {
    const rows = await engine.store.evidenceOf(numberOf(accepted.investigation));
    return rows.find(({ entity }) => entity.kind === "mail-cluster") as EvidenceRow;
  };
  const only = async (accepted: Accepted): Promise<ActionRow> => {
    const rows = await clusters(accepted);
    expect(rows).toHaveLength(1);
    return rows[0] as ActionRow;
  };
  const cardOf = async (action: ActionRow): Promise<string> => {
    const view = (await engine.store.incidentViews([action.incidentId])).get(action.incidentId);
    const drawing = {
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      deciders: () => ({ anyone: false, names: ["Mia"] }),
    };
    return JSON.stringify(view && drawSubject(`action:${action.id}`, view, drawing));
  };
  const carryOut = async (action: ActionRow): Promise<ActionRow> => {
    for (let minute = 0; minute < 5; minute++) {
      await executeAction(engine.air, action.id, engine.settle);
      const row = (await engine.store.action(action.id)) as ActionRow;
      if (row.state === "succeeded") return row;
      later();
    }
    throw new Error("it goes on and on");
  };
  const approve = (action: ActionRow, version = action.version) =>
    decideAction(engine.air, mia, { action: action.id, decision: "approve", confirmed: true, version });
  const inInboxes = () =>
    fake.mail.messages.filter(({ location }) => location === "inbox_folder").map(({ networkMessageId }) => networkMessageId);
  const idsOf = ({ target }: Pick<ActionRow, "target">) => (target.kind === "mail-cluster" ? target.messageIds : undefined);

  test.each([
    ["the same alert, updated", "a", [id(6), id(7)]],
    ["the same alert, which names only what is new", "a", [id(7)]],
    ["another alert of the incident with the same query", "b", [id(7)]],
  ])("%s: evidence and what waits take the new mail in, and the card asks anew", async (_what, source, ids) => {
    mails(id(6), id(7));
    const first = await told(alert("a", [id(6)]));
    const before = await only(first);
    expect(before).toMatchObject({
      state: "pending",
      blastRadius: { facts: [expect.stringContaining("1 message in 1 mailbox"), expect.anything()] },
    });
    later();
    const second = await told(alert(source, ids));
    expect(second).toMatchObject({ incident: first.incident, duplicate: source === "a" });
    expect((await evidence(first)).entity).toMatchObject({ messageIds: [id(6), id(7)] });
    const after = await only(first);
    expect(idsOf(after)).toEqual([id(6), id(7)]);
    expect(after).toMatchObject({ id: before.id, state: "pending", blastRadius: { count: 2 } });
    expect(after.version).not.toBe(before.version);
    const card = await cardOf(after);
    expect(card).toContain("Changed since it was first shown: ");
    expect(card).toContain("the cluster has grown by 1 message: 2 instead of 1");
    await expect(approve(after, before.version)).rejects.toMatchObject({ code: "changed" });
    await approve(after);
    await carryOut(after);
    expect(inInboxes()).toEqual([]);
    expect((await evidence(first)).remediation).toBe("remediated");
    // The analyzers have counted them all.
    const { id: cluster } = await evidence(first);
    const seen = (await engine.store.observationsOf(numberOf(first.investigation))).filter(({ evidenceId }) => evidenceId === cluster);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.map(({ createdAt }) => createdAt)).toEqual(seen.map(() => new Date(NOW.getTime() + 60_000)));
  });

  test("within one band of reach too: ten mails more are not what was approved for twelve", async () => {
    const ids = Array.from({ length: 14 }, (_, at) => id(5, at));
    mails(...ids);
    const first = await told(alert("a", ids.slice(0, 12)));
    const before = await only(first);
    later();
    await told(alert("a", ids));
    const after = await only(first);
    expect(after.version).not.toBe(before.version);
    expect(after.blastRadius.changed).toEqual(["the cluster has grown by 2 messages: 14 instead of 12"]);
  });

  test("the same mails again change nothing", async () => {
    mails(id(6), id(7));
    const first = await told(alert("a", [id(6), id(7)]));
    const before = await only(first);
    later();
    await told(alert("b", [id(7)]));
    expect(await only(first)).toMatchObject({ version: before.version, target: before.target });
    expect((await only(first)).blastRadius.changed).toBeUndefined();
  });

  test.each(["approved", "executing", "succeeded"] as const)(
    "what is %s stays as it was, and the rest is asked by itself",
    async (state) => {
      mails(id(6), id(7));
      fake.mail.settings.slow = state === "executing";
      const first = await told(alert("a", [id(6)]));
      const before = await only(first);
      await approve(before);
      if (state === "executing") await executeAction(engine.air, before.id, engine.settle);
      if (state === "succeeded") await carryOut(before);
      expect((await only(first)).state).toBe(state);
      later();
      await told(alert("a", [id(6), id(7)]));
      const [same, rest, ...others] = await clusters(first);
      expect(others).toEqual([]);
      expect(same).toMatchObject({ id: before.id, state, target: before.target, version: before.version });
      expect(rest).toMatchObject({ state: "pending", blastRadius: { count: 1 } });
      expect(idsOf(rest as ActionRow)).toEqual([id(7)]);
      fake.mail.finish();
      if (state !== "succeeded") await carryOut(before);
      fake.mail.settings.slow = false;
      expect(inInboxes()).toEqual([id(7)]);
      await approve(rest as ActionRow);
      await carryOut(rest as ActionRow);
      expect(inInboxes()).toEqual([]);
    },
  );

  test("what is done is no excuse for what comes while it is carried out", async () => {
    mails(id(6), id(7));
    const first = await told(alert("a", [id(6)]));
    const before = await only(first);
    await approve(before);
    later();
    // Told, and not looked at yet when the first is done.
    const again = await post(alert("a", [id(6), id(7)]));
    await carryOut(before);
    expect((await evidence(again)).remediation).not.toBe("remediated");
    await steps(engine).toTheEnd(numberOf(again.investigation));
    expect((await clusters(first)).map((row) => [row.state, idsOf(row)])).toEqual([
      ["succeeded", [id(6)]],
      ["pending", [id(7)]],
    ]);
  });

  test("a third part grows what waits for the second, not what was done", async () => {
    mails(id(6), id(7), id(8));
    const first = await told(alert("a", [id(6)]));
    await approve(await only(first));
    await carryOut(await only(first));
    later();
    await told(alert("a", [id(6), id(7)]));
    later();
    await told(alert("a", [id(6), id(7), id(8)]));
    expect((await clusters(first)).map((row) => [row.state, idsOf(row)])).toEqual([
      ["succeeded", [id(6)]],
      ["pending", [id(7), id(8)]],
    ]);
  });

  test("grown while a round looks: what the round saw is not taken for the whole", async () => {
    mails(id(6), id(7));
    const first = await post(alert("a", [id(6)]));
    const number = numberOf(first.investigation);
    let told = false;
    await investigate(engine.air, number, async (effect) => {
      if (!told) await post(alert("b", [id(7)]));
      told = true;
      await engine.settle(effect);
    });
    expect((await evidence(first)).lookedRound).toBeNull();
    later();
    await steps(engine).toTheEnd(number);
    expect(idsOf(await only(first))).toEqual([id(6), id(7)]);
  });

  test("decided while a round grows it: the decision stands, and the next round asks for the rest", async () => {
    mails(id(6), id(7));
    const first = await told(alert("a", [id(6)]));
    const before = await only(first);
    later();
    const number = numberOf((await post(alert("a", [id(6), id(7)]))).investigation);
    let decided = false;
    await investigate(engine.air, number, async (effect) => {
      if (!decided) await approve(before);
      decided = true;
      await engine.settle(effect);
    });
    await steps(engine).toTheEnd(number);
    expect((await clusters(first)).map((row) => [row.state, idsOf(row)])).toEqual([
      ["approved", [id(6)]],
      ["pending", [id(7)]],
    ]);
  });

  test("after a rejection the cluster is not asked for again", async () => {
    mails(id(6), id(7));
    const first = await told(alert("a", [id(6)]));
    const before = await only(first);
    await decideAction(engine.air, mia, { action: before.id, decision: "reject", reason: "a newsletter" });
    later();
    await told(alert("a", [id(6), id(7)]));
    expect(await only(first)).toMatchObject({ state: "rejected" });
  });

  test("of more mails than air keeps, how many are left out is said on the card and among the reasons", async () => {
    const ids = Array.from({ length: 530 }, (_, at) => id(4, at));
    mails(...ids.slice(0, 3));
    const first = await told(alert("a", ids.slice(0, 490)));
    later();
    await told(alert(fresh("b"), ids.slice(480)));
    const action = await only(first);
    expect(idsOf(action)).toHaveLength(500);
    expect(action.blastRadius.facts.join("; ")).toContain("at least 30 further messages belong to the cluster and are not touched");
    expect(await cardOf(action)).toContain("at least 30 further messages belong to the cluster and are not touched");
    const reasons = (await engine.store.observationsOf(numberOf(first.investigation))).map(({ text }) => text).join("\n");
    expect(reasons).toContain("At least 30 further messages belong to the cluster");
    // Told again, they are not counted again.
    later();
    await told(alert(fresh("c"), ids.slice(480)));
    expect((await evidence(first)).entity).toMatchObject({ unlisted: 30 });
  });

  test("an alert that names one cluster in two pieces means the mails of both", () => {
    const body = alert("a", [id(6)]);
    const { entities } = defender.parse(sanitize({ ...body, evidence: [...body.evidence, ...alert("a", [id(7)]).evidence] }));
    expect(entities).toMatchObject([{ entity: { messageIds: [id(6), id(7)] } }]);
  });

  test("a device, an account and a file learn the name a product knows them by; where none was found before, the card asks anew", async () => {
    const sha256 = "a".repeat(64);
    const ingest = async (entities: Entity[], incident = "i-1") =>
      (
        await ingestAlerts(engine.air, [
          {
            source: "siem",
            lab: false,
            alerts: [anAlert(entities, { vendorIncident: { id: incident } })],
            receivedAt: engine.world.now,
          },
        ])
      ).flat()[0] as Accepted;
    const first = await ingest([
      { kind: "device", name: "WS-9" },
      { kind: "user", email: "sam@contoso.com" },
      { kind: "file", sha256, name: "a.exe", path: "C:\\a.exe" },
    ]);
    await ingest([
      { kind: "device", name: "ws-9.contoso.com", id: "d-1" },
      { kind: "user", email: "SAM@contoso.com", id: "u-1" },
      { kind: "file", sha256, sha1: "b".repeat(40), path: "C:\\Windows\\other.exe", signer: "Microsoft Windows" },
    ]);
    const rows = await engine.store.evidenceOf(numberOf(first.investigation));
    expect(rows.map(({ entity }) => entity)).toEqual([
      { kind: "device", name: "WS-9", id: "d-1" },
      { kind: "user", email: "sam@contoso.com", id: "u-1" },
      // What decides whether and where something may be done stays the first source's word.
      { kind: "file", sha256, sha1: "b".repeat(40), name: "a.exe", path: "C:\\a.exe" },
    ]);
  });

  test("a single alert that lists more says so too", () => {
    const ids = Array.from({ length: 530 }, (_, at) => id(4, at));
    const [cluster] = defender.parse(sanitize(alert("a", [...ids, ...ids]))).entities;
    expect(cluster?.entity).toMatchObject({ unlisted: 30, messageIds: { length: 500 } });
  });
});
