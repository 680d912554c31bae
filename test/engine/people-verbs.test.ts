import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { ActionState } from "../../src/engine/domain/action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { type Entity, entityName } from "../../src/engine/domain/entity.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import { mergeIncidents } from "../../src/engine/merge-incidents.ts";
import { ConnectorError, type Indicator, type IndicatorCapability, type ReputationSource } from "../../src/engine/ports.ts";
import { reportFalseNegative, reportFalsePositive, setVerdict } from "../../src/engine/set-verdict.ts";
import { type StartRequest, startInvestigation } from "../../src/engine/start-investigation.ts";
import { retryInvestigation, stopInvestigation } from "../../src/engine/stop-investigation.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { CLEAN, knowing, MALICIOUS, malware, type Steps, steps } from "../support/investigating.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = somebody("Mia", { ...NO_ROLES, responder: true });
const viewer = somebody("Vera", { ...NO_ROLES, viewer: true });
const ada = approver("Ada");
const bea = approver("Bea");
const device = (): Entity => ({ kind: "device", name: fresh("WS") });

/** A block list that keeps what it is told. */
function blockList() {
  const entries = new Map<string, "block" | "allow">();
  const calls: string[] = [];
  const enter = (what: "block" | "allow") => async (indicator: Indicator) => {
    calls.push(`${what} ${entityName(indicator)}`);
    entries.set(entityName(indicator), what);
    return { id: "now", state: "done" as const };
  };
  const capability: IndicatorCapability = {
    connector: "fake-edr",
    find: async (indicator) => {
      const action = entries.get(entityName(indicator));
      return action && { id: entityName(indicator), action };
    },
    block: enter("block"),
    allow: enter("allow"),
    unblock: async (indicator) => {
      calls.push(`unblock ${entityName(indicator)}`);
      entries.delete(entityName(indicator));
      return { id: "now", state: "done" };
    },
  };
  return { entries, calls, capability };
}

describe.each(DATABASES)("what people say, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  let product: ReturnType<typeof fakeEndpointProduct>;
  let list: ReturnType<typeof blockList>;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    product = fakeEndpointProduct();
    list = blockList();
    const quarantined = new Set<string>();
    Object.assign(engine.world, {
      now: NOW,
      capabilities: {
        ...product.capabilities,
        indicators: list.capability,
        ...(product.capabilities.devices
          ? {
              devices: {
                ...product.capabilities.devices,
                isQuarantined: async (id: string) => quarantined.has(id),
                quarantine: async (id: string) => {
                  quarantined.add(id);
                  return { id: "now", state: "done" };
                },
              },
            }
          : {}),
      },
      // The most that policy can allow: what a person says must ask all the same.
      policy: { ...testPolicy, mode: "act", deviceGroups: [{ name: "all", automation: "full" }] },
      channels: [],
    });
  });
  afterAll(() => engine.close());

  const sources = (...reputation: ReputationSource[]) => {
    engine.world.capabilities = { ...engine.world.capabilities, reputation };
  };
  const accusingFiles = (name = "vt") => knowing(name, (entity) => (entity.kind === "file" ? MALICIOUS : undefined));
  const later = (minutes: number) => {
    engine.world.now = new Date(NOW.getTime() + minutes * 60_000);
  };
  const start = (request: StartRequest, person = mia) => startInvestigation(engine.air, person, request, fresh("manual"));
  const states = async (id: number) =>
    Object.fromEntries((await engine.store.actionsOf(id)).map((action): [string, ActionState] => [action.kind, action.state]));
  const actionOf = async (id: number, wanted: ActionRow["kind"], undoes?: number) => {
    const found = (await engine.store.actionsOf(id)).find(
      (action) => action.kind === wanted && (undoes === undefined || action.undoes === undoes),
    );
    if (!found) throw new Error(`INV-${id} has no ${wanted}`);
    return found;
  };
  const carryOut = async (id: number) => {
    await executeAction(engine.air, id, engine.settle);
    return (await engine.store.action(id)) as ActionRow;
  };
  /** A device with a bad file on it, looked at to the end: isolation waits, quarantine goes by itself. */
  const bad = async () => {
    const made = malware({ verdict: "malicious" });
    product.add(made.device);
    sources(accusingFiles());
    const id = await given.begin(made.alert);
    await given.toTheEnd(id);
    await engine.clearJobs();
    return { ...made, id };
  };

  describe("investigate", () => {
    test.each<[string, () => Entity, string, string]>([
      ["a device", device, "Automated investigation started manually: ", "informational"],
      [
        "a person",
        () => ({ kind: "user", email: `${fresh("p")}@contoso.com` }),
        "Admin triggered user compromise investigation: ",
        "medium",
      ],
      [
        "a message",
        () => ({ kind: "message", networkMessageId: fresh("m") }),
        "Admin triggered manual investigation of email: ",
        "informational",
      ],
    ])("%s: a manual alert in the person's name, looked into although it is %s", async (_, make, title, severity) => {
      const entity = make();
      const started = await start({ entity });
      expect(started).toMatchObject({ duplicate: false, already: false, investigation: expect.stringMatching(/^INV-/) });
      expect(await engine.store.alert(numberOf(started.alert))).toMatchObject({
        source: "manual",
        severity,
        title: expect.stringMatching(`^${title}`),
        entities: [{ entity, roles: [] }],
        policyRule: expect.stringContaining("asked for by Mia"),
        raw: { requestedBy: "Mia", via: "slack" },
      });
      expect(await given.row(numberOf(started.investigation))).toMatchObject({
        status: "queued",
        trigger: { kind: "manual", alert: started.alert, by: expect.stringContaining("Mia") },
      });
      expect((await engine.jobs("investigate")).map((job) => job.data.investigation)).toEqual([numberOf(started.investigation)]);
      expect((await given.audit("investigation.started")).at(-1)).toMatchObject({
        subject: started.investigation,
        by: expect.stringContaining("Mia"),
      });
    });

    test("an alert that started nothing, and its incident: in the incident they are in", async () => {
      const quiet = await given.one(anAlert([device()], { severity: "informational" }));
      expect(quiet.investigation).toBeNull();
      const byAlert = await start({ alert: numberOf(quiet.alert) });
      expect(byAlert).toMatchObject({ incident: quiet.incident, already: false });
      expect(byAlert.investigation).not.toBeNull();
      const byIncident = await start({ incident: numberOf(quiet.incident) });
      expect(byIncident).toMatchObject({ incident: quiet.incident, investigation: byAlert.investigation, already: true });
      expect(await given.row(numberOf(byAlert.investigation))).toMatchObject({ wanted: 2 });
    });

    test("one that runs there takes it in, and says so; after it has ended there is a new one", async () => {
      const shared = device();
      const first = await given.one(anAlert([shared]));
      const joined = await start({ entity: shared });
      expect(joined).toMatchObject({ incident: first.incident, investigation: first.investigation });
      expect((await start({ alert: numberOf(first.alert) })).already).toBe(true);
      await given.toTheEnd(numberOf(first.investigation));
      const again = await start({ incident: numberOf(first.incident) });
      expect(again).toMatchObject({ incident: first.incident, already: false });
      expect(again.investigation).not.toBe(first.investigation);
    });

    test("what was merged away leads to the survivor", async () => {
      const [left, right] = [device(), device()];
      const older = await given.one(anAlert([left]));
      const younger = await given.one(anAlert([right]));
      await given.one(anAlert([left, right]));
      expect((await start({ incident: numberOf(younger.incident) })).incident).toBe(older.incident);
      expect((await start({ alert: numberOf(younger.alert) })).incident).toBe(older.incident);
    });

    test("a closed incident is not opened that way; an entity of it makes a new one", async () => {
      const shared = device();
      const closed = await given.one(anAlert([shared]));
      await engine.store.transaction((tx) => tx.updateIncident(numberOf(closed.incident), { status: "closed", closedAt: NOW }));
      for (const request of [{ incident: numberOf(closed.incident) }, { alert: numberOf(closed.alert) }])
        await expect(start(request)).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("is closed") });
      expect((await start({ entity: shared })).incident).not.toBe(closed.incident);
    });

    test("refused: a viewer (audited), what does not exist, what names nothing, what is the lab's", async () => {
      await expect(start({ entity: device() }, viewer)).rejects.toMatchObject({ code: "forbidden", details: { missing: "responder" } });
      expect((await given.audit("command.refused")).at(-1)).toMatchObject({ data: { verb: "investigation.start", missing: "responder" } });
      await expect(start({ alert: 999_999 })).rejects.toMatchObject({ code: "not-found" });
      await expect(start({ incident: 999_999 })).rejects.toMatchObject({ code: "not-found" });
      const empty = await given.one(anAlert([]));
      await expect(start({ alert: numberOf(empty.alert) })).rejects.toMatchObject({ code: "invalid" });
      await expect(start({ incident: numberOf(empty.incident) })).rejects.toMatchObject({ code: "invalid" });
      const [lab] = (
        await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [anAlert([device()])], receivedAt: NOW }])
      ).flat();
      await expect(start({ incident: numberOf(lab?.incident) })).rejects.toMatchObject({ message: expect.stringContaining("the lab") });
    });
  });

  describe("stop", () => {
    test("cancels what has not begun, undoes nothing, and what is under way goes on", async () => {
      const { id, device: name } = await bad();
      const quarantine = await actionOf(id, "quarantine-file");
      expect(await states(id)).toMatchObject({ "isolate-device": "pending", "quarantine-file": "approved", "block-indicator": "pending" });
      await carryOut(quarantine.id);
      const block = await actionOf(id, "block-indicator");
      await decideAction(engine.air, ada, { action: block.id, decision: "approve" });
      await engine.store.transaction((tx) => tx.moveAction(block.id, "approved", { state: "executing", executingAt: NOW }));
      later(5);
      await stopInvestigation(engine.air, mia, id, "the wrong machine");
      expect(await states(id)).toMatchObject({
        "isolate-device": "cancelled",
        "quarantine-file": "succeeded",
        "block-indicator": "executing",
      });
      expect(await actionOf(id, "isolate-device")).toMatchObject({
        outcome: expect.stringContaining("Nothing was done."),
        endedAt: engine.world.now,
      });
      expect(await given.row(id)).toMatchObject({ status: "terminatedByUser", endedAt: engine.world.now, pendingSince: null });
      expect((await given.audit("investigation.stopped")).at(-1)).toMatchObject({
        subject: `INV-${id}`,
        data: { reason: "the wrong machine", cancelled: 1 },
      });
      expect(product.calls.filter((call) => call.device === name)).toEqual([]);
      // What was under way ends, and the investigation stays as the person left it.
      list.entries.set(entityName(block.target), "block");
      expect(await carryOut(block.id)).toMatchObject({ state: "succeeded" });
      expect(await given.row(id)).toMatchObject({ status: "terminatedByUser" });
      await expect(stopInvestigation(engine.air, mia, id, undefined)).rejects.toMatchObject({ code: "already-decided" });
    });

    test("an undo that has not begun is cancelled too, and the action stands as before", async () => {
      const { id } = await bad();
      const isolate = await actionOf(id, "isolate-device");
      await decideAction(engine.air, ada, { action: isolate.id, decision: "approve" });
      expect(await carryOut(isolate.id)).toMatchObject({ state: "succeeded" });
      await undoAction(engine.air, bea, { action: isolate.id });
      expect(await engine.store.action(isolate.id)).toMatchObject({ state: "undoing" });
      await stopInvestigation(engine.air, mia, id, undefined);
      expect(await actionOf(id, "release-device")).toMatchObject({ state: "cancelled" });
      expect(await engine.store.action(isolate.id)).toMatchObject({ state: "succeeded" });
      // So that it can still be taken back.
      await undoAction(engine.air, bea, { action: isolate.id });
    });

    test("a round that was under way does not wake it up again", async () => {
      const { alert, device: name } = malware({ verdict: "malicious" });
      product.add(name);
      sources(accusingFiles());
      const id = await given.begin(alert);
      await investigate(engine.air, id, async (effect) => {
        await stopInvestigation(engine.air, mia, id, undefined);
        await engine.settle(effect);
      });
      await given.round(id);
      expect(await given.row(id)).toMatchObject({ status: "terminatedByUser", round: 0 });
      expect(await engine.store.actionsOf(id)).toEqual([]);
    });

    test("a new alert starts a new one in the same incident", async () => {
      const { id, device: name } = await bad();
      const stopped = await given.row(id);
      await stopInvestigation(engine.air, mia, id, undefined);
      const next = await given.one(anAlert([{ kind: "device", name }]));
      expect(next.incident).toBe(`INC-${stopped.incidentId}`);
      expect(numberOf(next.investigation)).not.toBe(id);
      expect(await given.row(id)).toMatchObject({ status: "terminatedByUser" });
    });

    test("a viewer, a suspect and a wrong id are refused", async () => {
      const email = `${fresh("sam")}@contoso.com`;
      const accepted = await given.one(anAlert([{ kind: "user", email }]));
      const id = numberOf(accepted.investigation);
      await expect(stopInvestigation(engine.air, viewer, id, undefined)).rejects.toMatchObject({ code: "forbidden" });
      await expect(stopInvestigation(engine.air, { ...mia, identities: [email] }, id, undefined)).rejects.toMatchObject({
        details: { missing: "not-a-suspect" },
      });
      await expect(stopInvestigation(engine.air, mia, 999_999, undefined)).rejects.toMatchObject({ code: "not-found" });
      expect(await given.row(id)).toMatchObject({ status: "queued" });
    });
  });

  describe("retry", () => {
    test("asks only what failed, and nothing that was answered", async () => {
      const { alert, device: name } = malware();
      product.add(name);
      const good = knowing("good", (entity) => (entity.kind === "file" ? CLEAN : undefined));
      const broken = knowing("broken", (entity) => (entity.kind === "file" ? CLEAN : undefined));
      broken.broken = new ConnectorError("unavailable", "no answer");
      sources(good, broken);
      const id = await given.begin(alert);
      expect(await given.toTheEnd(id)).toMatchObject({ status: "partiallyInvestigated" });
      const asked = { good: good.asked.length, broken: broken.asked.length };
      expect(asked.good).toBeGreaterThan(0);
      broken.broken = undefined;
      later(30);
      expect(await retryInvestigation(engine.air, mia, id)).toEqual({ evidence: 1 });
      expect(await given.row(id)).toMatchObject({ status: "queued", endedAt: null });
      expect((await engine.jobs("investigate")).map((job) => job.data.investigation)).toContain(id);
      expect(await given.toTheEnd(id)).toMatchObject({ status: "benign", endedAt: engine.world.now });
      expect([good.asked.length, broken.asked.length]).toEqual([asked.good, asked.broken + 1]);
      // Everything is answered now.
      await expect(retryInvestigation(engine.air, mia, id)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("left nothing open"),
      });
    });

    test("an answer that comes the second time is kept whole: what it decides, its raw text and its digest", async () => {
      const { alert, device: name } = malware();
      product.add(name);
      let failing = true;
      engine.world.capabilities = {
        ...engine.world.capabilities,
        indicators: {
          ...list.capability,
          find: async (indicator) => {
            if (failing) throw new ConnectorError("unavailable", "no answer");
            return indicator.kind === "file" ? { id: "1", action: "allow" } : undefined;
          },
        },
      };
      const id = await given.begin(alert);
      await given.toTheEnd(id);
      const before = (await engine.store.observationsOf(id)).filter((row) => row.label === "failed");
      expect(before.length).toBeGreaterThan(0);
      failing = false;
      later(10);
      await retryInvestigation(engine.air, mia, id);
      await given.toTheEnd(id);
      const listed = (await engine.store.observationsOf(id)).filter((row) =>
        before.some((one) => one.look === row.look && one.evidenceId === row.evidenceId),
      );
      expect(listed.map((row) => row.decisive)).toContain("allow");
      for (const row of listed) {
        expect(row.rawSha256 === null).toBe(row.raw === null);
        expect(row.askedAt).toEqual(engine.world.now);
      }
      const file = await given.evidence(id, "file");
      expect(file.verdict).toBe("noThreatsFound");
      // Judged again by what is stored, it stays so.
      const other = await given.evidence(id, "device");
      await setVerdict(engine.air, mia, { evidence: other.id, verdict: "noThreatsFound", reason: "only to look again" });
      await given.toTheEnd(id);
      expect((await given.evidence(id, "file")).verdict).toBe("noThreatsFound");
    });

    test("what was stopped can be picked up; what runs cannot; a viewer may not", async () => {
      const made = malware();
      product.add(made.device);
      const id = await given.begin(made.alert);
      await expect(retryInvestigation(engine.air, mia, id)).rejects.toMatchObject({ message: expect.stringContaining("still running") });
      await stopInvestigation(engine.air, mia, id, undefined);
      await expect(retryInvestigation(engine.air, viewer, id)).rejects.toMatchObject({ code: "forbidden" });
      sources(knowing("vt", (entity) => (entity.kind === "file" ? CLEAN : undefined)));
      await retryInvestigation(engine.air, mia, id);
      expect(await given.toTheEnd(id)).toMatchObject({ status: "benign" });
    });
  });

  describe("verdict", () => {
    test("malicious: what follows is proposed and asks, at level full and in mode act; nothing is carried out", async () => {
      const { alert, device: name } = malware({ verdict: "malicious" });
      product.add(name);
      sources(knowing("vt", (entity) => (entity.kind === "file" ? CLEAN : undefined)));
      const id = await given.begin(alert);
      await given.toTheEnd(id);
      const file = await given.evidence(id, "file");
      expect(file.verdict).not.toBe("malicious");
      await engine.clearJobs();
      await setVerdict(engine.air, mia, { evidence: file.id, verdict: "malicious", reason: "I ran it" });
      expect(await given.row(id)).toMatchObject({ endedAt: null });
      expect(await given.toTheEnd(id)).toMatchObject({ status: "pendingApproval", pendingSince: NOW });
      const actions = await engine.store.actionsOf(id);
      expect(actions.length).toBeGreaterThan(0);
      expect(actions.map((action) => [action.kind, action.state])).toEqual(actions.map((action) => [action.kind, "pending"]));
      expect(await engine.jobs("execute-action")).toEqual([]);
      expect(await given.evidence(id, "file")).toMatchObject({
        verdict: "malicious",
        override: { verdict: "malicious", by: "Mia", reason: "I ran it" },
        judgement: { automatic: { allowed: false } },
      });
      expect((await given.audit("evidence.verdict")).at(-1)).toMatchObject({
        subject: `EVD-${file.id}`,
        data: { verdict: "malicious", reason: "I ran it" },
      });
    });

    test("it stays, whatever the sources say later", async () => {
      const { id, device: name, file } = await bad();
      const evidence = await given.evidence(id, "file");
      await setVerdict(engine.air, mia, { evidence: evidence.id, verdict: "noThreatsFound", reason: "our own tool" });
      await given.toTheEnd(id);
      sources(accusingFiles(), accusingFiles("other"));
      await given.one(anAlert([{ kind: "device", name }, file]));
      const joined = await given.view((await given.row(id)).incidentId);
      for (const one of joined.investigations) await given.toTheEnd(one.id);
      expect(await engine.store.evidence(evidence.id)).toMatchObject({ verdict: "noThreatsFound", override: { by: "Mia" } });
    });

    test("clean cancels what waits because of it, and it is not proposed again; what was done stays done", async () => {
      const { id } = await bad();
      await carryOut((await actionOf(id, "quarantine-file")).id);
      const file = await given.evidence(id, "file");
      await setVerdict(engine.air, mia, { evidence: file.id, verdict: "noThreatsFound", reason: "our own tool" });
      expect(await states(id)).toMatchObject({ "block-indicator": "cancelled", "quarantine-file": "succeeded" });
      const before = (await engine.store.actionsOf(id)).length;
      await given.toTheEnd(id);
      expect(await engine.store.actionsOf(id)).toHaveLength(before);
      expect(await engine.jobs("execute-action")).toEqual([]);
    });

    test("of people a determination is said, not a file's verdict", async () => {
      const user: Entity = { kind: "user", email: `${fresh("u")}@contoso.com` };
      const accepted = await given.one(anAlert([user]));
      const id = numberOf(accepted.investigation);
      await given.toTheEnd(id);
      const evidence = await given.evidence(id, "user");
      for (const [verdict, word] of [
        ["malicious", "Compromised"],
        ["suspicious", "At risk"],
      ] as const) {
        await setVerdict(engine.air, mia, { evidence: evidence.id, verdict, reason: "they told me" });
        const view = await given.view(numberOf(accepted.incident));
        expect(given.events(view.timeline, "evidence-verdict").at(-1)).toContain(`to ${word}: they told me`);
      }
      expect(await engine.jobs("execute-action")).toEqual([]);
    });

    test("refused: a viewer, a suspect, no reason, no such evidence", async () => {
      const email = `${fresh("sam")}@contoso.com`;
      const id = await given.begin(anAlert([{ kind: "user", email }]));
      const evidence = (await given.evidence(id, "user")).id;
      const request = { evidence, verdict: "noThreatsFound", reason: "it was me" } as const;
      await expect(setVerdict(engine.air, viewer, request)).rejects.toMatchObject({ code: "forbidden" });
      await expect(setVerdict(engine.air, { ...mia, identities: [email] }, request)).rejects.toMatchObject({
        details: { missing: "not-a-suspect" },
      });
      await expect(setVerdict(engine.air, mia, { ...request, reason: "  " })).rejects.toMatchObject({ code: "invalid" });
      await expect(setVerdict(engine.air, mia, { ...request, evidence: 999_999 })).rejects.toMatchObject({ code: "not-found" });
      expect((await engine.store.evidence(evidence))?.override).toBeNull();
    });
  });

  describe("what rests on a piece of evidence", () => {
    test("the isolation of the device goes with the file on it, by verdict and by fp, and is not proposed again", async () => {
      for (const clear of ["verdict", "fp of the file", "fp of the isolation"] as const) {
        const { id } = await bad();
        const isolate = await actionOf(id, "isolate-device");
        const file = await given.evidence(id, "file");
        expect(isolate.evidenceId).not.toBe(file.id);
        if (clear === "verdict") await setVerdict(engine.air, mia, { evidence: file.id, verdict: "noThreatsFound", reason: "ours" });
        else
          await reportFalsePositive(engine.air, mia, clear === "fp of the file" ? { evidence: file.id } : { action: isolate.id }, "ours");
        expect(await engine.store.action(isolate.id), clear).toMatchObject({ state: "cancelled" });
        expect(await engine.store.evidence(file.id), clear).toMatchObject({ override: { verdict: "noThreatsFound" } });
        await given.toTheEnd(id);
        expect((await engine.store.actionsOf(id)).filter((action) => action.kind === "isolate-device")).toHaveLength(1);
      }
    });

    test("it stays while another file is bad on that device; a verdict on the device itself does not take it away", async () => {
      const made = malware({ verdict: "malicious" });
      product.add(made.device);
      sources(accusingFiles());
      const other = { ...malware({ device: made.device }).file, name: "b.exe", path: "C:\\Users\\mia\\Downloads\\b.exe" };
      const id = await given.begin({ ...made.alert, entities: [...made.alert.entities, { entity: other, roles: [] }] });
      await given.toTheEnd(id);
      const isolate = await actionOf(id, "isolate-device");
      const machine = await given.evidence(id, "device");
      const [one, two] = (await engine.store.evidenceOf(id)).filter((row) => row.entity.kind === "file");
      await setVerdict(engine.air, mia, { evidence: machine.id, verdict: "noThreatsFound", reason: "it behaves" });
      await setVerdict(engine.air, mia, { evidence: one?.id ?? 0, verdict: "noThreatsFound", reason: "ours" });
      await given.toTheEnd(id);
      expect(await engine.store.action(isolate.id)).toMatchObject({ state: "pending" });
      await setVerdict(engine.air, mia, { evidence: two?.id ?? 0, verdict: "noThreatsFound", reason: "ours, too" });
      expect(await engine.store.action(isolate.id)).toMatchObject({ state: "cancelled" });
    });

    test("a carried-out isolation: fp of the file proposes to release the device", async () => {
      const { id } = await bad();
      const isolate = await actionOf(id, "isolate-device");
      await decideAction(engine.air, ada, { action: isolate.id, decision: "approve" });
      await carryOut(isolate.id);
      await reportFalsePositive(engine.air, mia, { evidence: (await given.evidence(id, "file")).id }, "ours");
      expect(await actionOf(id, "release-device", isolate.id)).toMatchObject({ state: "pending", decision: null });
    });

    test("fp of an action with several grounds clears them all", async () => {
      const made = malware({ verdict: "malicious" });
      const second = malware();
      for (const name of [made.device, second.device]) product.add(name);
      sources(accusingFiles());
      const twin = { ...made.file, device: second.device };
      const entities: Entity[] = [{ kind: "device", name: second.device }, twin];
      const id = await given.begin({
        ...made.alert,
        entities: [...made.alert.entities, ...entities.map((entity) => ({ entity, roles: [] }))],
      });
      await given.toTheEnd(id);
      const block = await actionOf(id, "block-indicator");
      await reportFalsePositive(engine.air, mia, { action: block.id }, "our own tool");
      const files = (await engine.store.evidenceOf(id)).filter((row) => row.entity.kind === "file");
      expect(files.map((row) => row.override?.verdict)).toEqual(["noThreatsFound", "noThreatsFound"]);
      expect(await engine.store.action(block.id)).toMatchObject({ state: "cancelled" });
      await given.toTheEnd(id);
      expect((await engine.store.actionsOf(id)).filter((action) => action.state === "pending").map((action) => action.kind)).toEqual([
        "allow-indicator",
      ]);
    });
  });

  describe("the same file in two investigations of one incident", () => {
    const twice = async () => {
      const made = await bad();
      // Five weeks apart: only a person knows that they belong together.
      const later = await given.begin({ ...made.alert, sourceId: fresh("alert"), detectedAt: new Date(NOW.getTime() - 35 * 86_400_000) });
      await given.toTheEnd(later);
      const [one, other] = [await given.row(made.id), await given.row(later)];
      expect(one.incidentId).not.toBe(other.incidentId);
      await mergeIncidents(engine.air, ada, one.incidentId, other.incidentId);
      await engine.clearJobs();
      return { ids: [made.id, later] as const, file: await given.evidence(made.id, "file") };
    };

    test.each(["fp", "verdict"] as const)("%s holds in both, and what waits because of either is cancelled", async (verb) => {
      const { ids, file } = await twice();
      if (verb === "fp") await reportFalsePositive(engine.air, mia, { evidence: file.id }, "ours");
      else await setVerdict(engine.air, mia, { evidence: file.id, verdict: "noThreatsFound", reason: "ours" });
      for (const id of ids) {
        await given.toTheEnd(id);
        expect((await given.evidence(id, "file")).override).toMatchObject({ verdict: "noThreatsFound", by: "Mia" });
        const waiting = (await engine.store.actionsOf(id)).filter((action) => action.state === "pending");
        expect(waiting.map((action) => action.kind).filter((kind) => kind !== "allow-indicator")).toEqual([]);
      }
    });
  });

  describe("fp", () => {
    /** The block was carried out because of the file. */
    const blocked = async () => {
      const made = await bad();
      const block = await actionOf(made.id, "block-indicator");
      await decideAction(engine.air, ada, { action: block.id, decision: "approve" });
      expect(await carryOut(block.id)).toMatchObject({ state: "succeeded", undoable: true });
      await engine.clearJobs();
      list.calls.length = 0;
      return { ...made, block, file: await given.evidence(made.id, "file") };
    };

    test.each<[string, (made: Awaited<ReturnType<typeof blocked>>) => { evidence: number } | { action: number }]>([
      ["a piece of evidence", ({ file }) => ({ evidence: file.id })],
      ["an action that rests on it", ({ block }) => ({ action: block.id })],
    ])("of %s: clean; taking back and an allow entry are proposed, ask, and nothing is carried out", async (_, of) => {
      const made = await blocked();
      const { evidence, proposed } = await reportFalsePositive(engine.air, mia, of(made), "our own tool");
      expect(evidence).toMatchObject({ id: made.file.id, override: { verdict: "noThreatsFound", by: "Mia" } });
      expect(proposed).toBeGreaterThanOrEqual(2);
      const unblock = await actionOf(made.id, "unblock-indicator", made.block.id);
      const allow = await actionOf(made.id, "allow-indicator");
      for (const action of [unblock, allow]) expect(action).toMatchObject({ state: "pending", decision: null });
      expect(await engine.store.action(made.block.id)).toMatchObject({ state: "succeeded" });
      await given.toTheEnd(made.id);
      expect(await engine.jobs("execute-action")).toEqual([]);
      expect(list.calls).toEqual([]);
      expect(await given.row(made.id)).toMatchObject({ status: "pendingApproval" });
      expect((await given.audit("evidence.fp")).at(-1)).toMatchObject({
        subject: `EVD-${made.file.id}`,
        data: { verdict: "noThreatsFound" },
      });

      // Said twice it is proposed once.
      await reportFalsePositive(engine.air, mia, of(made), "still our own tool");
      const kinds = (await engine.store.actionsOf(made.id)).map((action) => action.kind);
      expect(kinds.filter((one) => one === "unblock-indicator")).toHaveLength(1);
      expect(kinds.filter((one) => one === "allow-indicator")).toHaveLength(1);

      // Approving it takes the original back.
      await decideAction(engine.air, ada, { action: unblock.id, decision: "approve" });
      expect(await engine.store.action(made.block.id)).toMatchObject({ state: "undoing" });
      await expect(decideAction(engine.air, bea, { action: unblock.id, decision: "approve" })).rejects.toMatchObject({
        code: "already-decided",
      });
      expect(await carryOut(unblock.id)).toMatchObject({ state: "succeeded" });
      expect(await engine.store.action(made.block.id)).toMatchObject({ state: "undone" });
      expect(list.entries.size).toBe(0);
      expect((await engine.store.evidence(made.file.id))?.remediation).toBe("none");
    });

    test("an allow entry that was carried out does not call the evidence remediated", async () => {
      const made = await blocked();
      const undone = await undoAction(engine.air, ada, { action: made.block.id });
      const undo = await actionOf(made.id, "unblock-indicator", undone.id);
      await carryOut(undo.id);
      await reportFalsePositive(engine.air, mia, { evidence: made.file.id }, "our own tool");
      const allow = await actionOf(made.id, "allow-indicator");
      await decideAction(engine.air, ada, { action: allow.id, decision: "approve" });
      expect(await carryOut(allow.id)).toMatchObject({ state: "succeeded" });
      expect(list.calls.at(-1)).toMatch(/^allow /);
      expect((await engine.store.evidence(made.file.id))?.remediation).toBe("none");
    });

    test("somebody took it back meanwhile: approving the proposal is refused and changes nothing", async () => {
      const made = await blocked();
      await reportFalsePositive(engine.air, mia, { evidence: made.file.id }, "our own tool");
      const proposal = await actionOf(made.id, "unblock-indicator", made.block.id);
      await undoAction(engine.air, bea, { action: made.block.id });
      await expect(decideAction(engine.air, ada, { action: proposal.id, decision: "approve" })).rejects.toMatchObject({
        code: "already-decided",
      });
      const own = (await engine.store.actionsOf(made.id)).find((action) => action.undoes === made.block.id && action.id !== proposal.id);
      await carryOut(own?.id ?? 0);
      expect(await engine.store.action(made.block.id)).toMatchObject({ state: "undone" });
      await expect(decideAction(engine.air, ada, { action: proposal.id, decision: "approve" })).rejects.toMatchObject({
        code: "already-decided",
      });
      expect(await engine.store.action(proposal.id)).toMatchObject({ state: "pending" });
      expect(list.calls).toHaveLength(1);
    });

    test("what waited is cancelled and not proposed again; a person who may not, and an unknown id, are refused", async () => {
      const { id } = await bad();
      const file = await given.evidence(id, "file");
      const block = await actionOf(id, "block-indicator");
      await expect(reportFalsePositive(engine.air, viewer, { action: block.id }, "no")).rejects.toMatchObject({ code: "forbidden" });
      await expect(reportFalsePositive(engine.air, mia, { action: 999_999 }, "no")).rejects.toMatchObject({ code: "not-found" });
      await reportFalsePositive(engine.air, mia, { action: block.id }, "our own tool");
      expect(await engine.store.action(block.id)).toMatchObject({ state: "cancelled" });
      await given.toTheEnd(id);
      const again = (await engine.store.actionsOf(id)).filter((action) => action.evidenceId === file.id && action.state === "pending");
      expect(again.map((action) => action.kind)).toEqual(["allow-indicator"]);
    });
  });

  describe("fn", () => {
    test("a manual alert, an investigation, and blocking it is proposed and asks", async () => {
      const entity: Entity = { kind: "domain", name: `${fresh("evil")}.example` };
      const started = await reportFalseNegative(engine.air, mia, entity, fresh("fn"));
      expect(started).toMatchObject({ proposed: 1, already: false });
      const id = numberOf(started.investigation);
      expect(await actionOf(id, "block-indicator")).toMatchObject({ state: "pending", target: entity, decision: null });
      await given.toTheEnd(id);
      expect(await given.row(id)).toMatchObject({ status: "pendingApproval", endedAt: null, pendingSince: NOW });
      expect(await engine.jobs("execute-action")).toEqual([]);
      expect((await given.audit("evidence.fn")).at(-1)).toMatchObject({ subject: started.alert });
      // Proposed once, however often it is said.
      expect((await reportFalseNegative(engine.air, mia, entity, fresh("fn"))).proposed).toBe(0);
    });

    test("the round that looks at it runs at the same time: the investigation waits for the decision all the same", async () => {
      const entity: Entity = { kind: "domain", name: `${fresh("evil")}.example` };
      const started = await startInvestigation(engine.air, mia, { entity }, fresh("fn"));
      const id = numberOf(started.investigation);
      await investigate(engine.air, id, async (effect) => {
        expect((await reportFalseNegative(engine.air, mia, entity, fresh("fn"))).proposed).toBe(1);
        await engine.settle(effect);
      });
      await given.toTheEnd(id);
      expect(await given.row(id)).toMatchObject({ status: "pendingApproval", endedAt: null });
    });

    test("the round is over before the block is proposed: the investigation waits for the decision all the same", async () => {
      const entity: Entity = { kind: "domain", name: `${fresh("evil")}.example` };
      const air = {
        ...engine.air,
        store: {
          ...engine.store,
          // As a worker does that is faster than the verb: it has looked and settled before the verb reads on.
          evidenceOf: async (id: number) => {
            if ((await given.row(id)).status === "queued") await given.toTheEnd(id);
            return engine.store.evidenceOf(id);
          },
        },
      };
      const started = await reportFalseNegative(air, mia, entity, fresh("fn"));
      expect(started.proposed).toBe(1);
      const id = numberOf(started.investigation);
      const row = await given.row(id);
      if (row.wanted > row.round) await given.toTheEnd(id);
      expect(await given.row(id)).toMatchObject({ status: "pendingApproval", endedAt: null });
    });

    test.each<[string, Entity]>([
      ["a private address", { kind: "ip", address: "10.1.2.3" }],
      ["the organisation's own domain", { kind: "domain", name: "mail.contoso.com" }],
      ["a link into it", { kind: "url", url: "https://www.contoso.com/portal" }],
    ])("%s is looked into, and never proposed to be blocked", async (_, entity) => {
      const started = await reportFalseNegative(engine.air, mia, entity, fresh("fn"));
      expect(started.investigation).not.toBeNull();
      expect(started.proposed).toBe(0);
      expect(await engine.store.actionsOf(numberOf(started.investigation))).toEqual([]);
    });

    test("what cannot be blocked is looked into; a viewer may not", async () => {
      expect(await reportFalseNegative(engine.air, mia, device(), fresh("fn"))).toMatchObject({
        proposed: 0,
        investigation: expect.any(String),
      });
      await expect(reportFalseNegative(engine.air, viewer, device(), fresh("fn"))).rejects.toMatchObject({ code: "forbidden" });
    });
  });
});
