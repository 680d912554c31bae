import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { drawMessages } from "../../src/engine/draw.ts";
import { type Accepted, ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import { mergeIncidents, splitIncident } from "../../src/engine/merge-incidents.ts";
import type { IncidentRow } from "../../src/engine/store.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { CLEAN, knowing, MALICIOUS, malware, type Steps, steps } from "../support/investigating.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, somebody, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const HOUR = 3_600_000;
const mia = somebody("Mia", { ...NO_ROLES, responder: true });
const viewer = somebody("Vera", { ...NO_ROLES, viewer: true });
const device = (): Entity => ({ kind: "device", name: fresh("WS") });

describe.each(DATABASES)("incidents that become one or two, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, { now: NOW, capabilities: NOTHING, policy: testPolicy, channels: [] });
  });
  afterAll(() => engine.close());

  const set = (id: number | string, change: Partial<IncidentRow>) =>
    engine.store.transaction((tx) => tx.updateIncident(typeof id === "string" ? numberOf(id) : id, change));
  /** Two open incidents with an investigation each, and what would tie them. */
  const two = async () => {
    const [left, right] = [device(), device()];
    const older = await given.one(anAlert([left], { title: "Left" }));
    const younger = await given.one(anAlert([right], { title: "Right" }));
    return { left, right, older, younger, bridge: () => given.one(anAlert([left, right], { title: "Both" })) };
  };
  const looked = (id: number) =>
    engine.store.transaction(async (tx) => {
      const evidence = await tx.evidenceOf(id);
      await tx.updateEvidence(
        evidence.map((row) => ({ id: row.id, verdict: row.verdict, judgement: null, remediation: "none", lookedRound: 1 })),
      );
      await tx.updateInvestigation(id, { status: "pendingApproval", round: 1, wanted: 1, pendingSince: engine.world.now });
    });

  describe("air merges", () => {
    test("a bridging alert in the same batch: one incident and one investigation, nothing of a second one is left", async () => {
      const [left, right] = [device(), device()];
      const answers = await given.ingest(
        anAlert([left], { title: "Left" }),
        anAlert([right], { title: "Right", severity: "critical" }),
        anAlert([left, right], { title: "Both" }),
      );
      expect(new Set(answers.map((answer) => answer.incident)).size).toBe(1);
      expect(new Set(answers.map((answer) => answer.investigation)).size).toBe(1);
      const [answer] = answers as [Accepted];
      const view = await given.view(numberOf(answer.incident));
      expect(view.incident).toMatchObject({ alertCount: 3, severity: "critical", title: "Right and 2 more alerts", status: "open" });
      expect(view.investigations).toMatchObject([{ id: numberOf(answer.investigation), wanted: 3 }]);
      expect(view.evidence.map((row) => row.entity)).toEqual(expect.arrayContaining([left, right]));
      expect(await engine.jobs("investigate")).toHaveLength(1);
      // Both were written once: nobody ever saw the incident that was absorbed before it was stored.
      expect(view.alerts.map((row) => row.incidentId)).toEqual([view.incident.id, view.incident.id, view.incident.id]);
    });

    test("what joined the younger one just before, in the same batch, is still looked at", async () => {
      const { left, right, older, younger } = await two();
      const running = numberOf(younger.investigation);
      await looked(numberOf(older.investigation));
      await looked(running);
      await engine.clearJobs();
      const added: Entity = { kind: "ip", address: "198.51.100.21" };
      const [joined] = await given.ingest(anAlert([right, added]), anAlert([left, right]));
      const item = (await engine.store.evidenceOf(numberOf(joined?.investigation))).find((row) => row.entity.kind === "ip");
      expect(item).toMatchObject({ lookedRound: null });
      const owner = await given.row(item?.investigationId ?? 0);
      expect(owner.wanted).toBeGreaterThan(owner.round);
      expect((await engine.jobs("investigate")).map((job) => job.data.investigation)).toContain(owner.id);
    });

    test("three incidents at once, into the oldest, each with its reason", async () => {
      const parts = [device(), device(), device()];
      const answers: Accepted[] = [];
      for (const part of parts) answers.push(await given.one(anAlert([part])));
      const [first, second, third] = answers.map((answer) => numberOf(answer.incident)) as [number, number, number];
      const bridge = await given.one(anAlert(parts));
      expect(numberOf(bridge.incident)).toBe(first);
      for (const id of [second, third]) {
        expect(await given.incident(id)).toMatchObject({ status: "redirected", redirectTo: first, closedAt: NOW });
        expect(given.events((await given.view(id)).timeline, "incident-redirected")).toEqual([
          expect.stringMatching(`^Merged into INC-${first}: same device within 24 h`),
        ]);
      }
      const view = await given.view(first);
      expect(view.incident).toMatchObject({ alertCount: 4, status: "open" });
      expect(given.events(view.timeline, "incident-merged")).toHaveLength(2);
    });

    test("a chain of redirects leads to the last survivor, for repeats and for updates", async () => {
      const [a, b, c] = [device(), device(), device()];
      const oldest = await given.one(anAlert([a]));
      const middle = await given.one(anAlert([b]));
      const alert = anAlert([c], { title: "Of the youngest" });
      const youngest = await given.one(alert);
      expect((await given.one(anAlert([b, c]))).incident).toBe(middle.incident);
      expect((await given.one(anAlert([a, b]))).incident).toBe(oldest.incident);
      expect(await given.incident(numberOf(youngest.incident))).toMatchObject({ redirectTo: numberOf(middle.incident) });

      expect(await given.one(alert)).toMatchObject({ alert: youngest.alert, incident: oldest.incident, duplicate: true });
      const added: Entity = { kind: "ip", address: "198.51.100.22" };
      const updated = await given.one({ ...alert, title: "Now known better", entities: [...alert.entities, { entity: added, roles: [] }] });
      expect(updated).toMatchObject({ alert: youngest.alert, incident: oldest.incident, updated: true });
      const view = await given.view(numberOf(oldest.incident));
      expect(view.alerts.find((row) => row.id === numberOf(youngest.alert))).toMatchObject({ title: "Now known better", duplicates: 2 });
      expect(view.evidence.map((row) => row.entity)).toContainEqual(added);
      expect(given.events(view.timeline, "alert-updated")).toHaveLength(1);
      // What joins by a key only the absorbed one had lands in the survivor, too.
      expect((await given.one(anAlert([c]))).incident).toBe(oldest.incident);
    });

    test.each<[string, "high" | "informational"]>([
      ["one that is investigated", "high"],
      ["one that is only stored", "informational"],
    ])("an update of %s that newly names an entity ties its incident to another", async (_, severity) => {
      const { left, older } = await two();
      const alert = anAlert([device()], { severity });
      const own = await given.one(alert);
      expect(own.incident).not.toBe(older.incident);
      const updated = await given.one({ ...alert, entities: [...alert.entities, { entity: left, roles: [] }] });
      expect(updated).toMatchObject({ alert: own.alert, incident: older.incident, updated: true });
      expect(await given.incident(numberOf(own.incident))).toMatchObject({ status: "redirected", redirectTo: numberOf(older.incident) });
      expect(await engine.store.alert(numberOf(own.alert))).toMatchObject({ incidentId: numberOf(older.incident) });
      const view = await given.view(numberOf(older.incident));
      expect(given.events(view.timeline, "alert-updated")).toHaveLength(1);
    });

    test("an update in one batch with the alert that ties it elsewhere never names an investigation that was folded away", async () => {
      const { left, older } = await two();
      const alert = anAlert([device()], { severity: "informational" });
      const own = await given.one(alert);
      expect(own.investigation).toBeNull();
      const [updated, bridge] = await given.ingest(
        { ...alert, severity: "high" },
        anAlert([left, ...alert.entities.map((named) => named.entity)]),
      );
      expect(bridge).toMatchObject({ incident: older.incident });
      expect(updated).toMatchObject({ incident: older.incident });
      const stored = await engine.store.alert(numberOf(own.alert));
      expect(await engine.store.investigation(stored?.investigationId ?? 0)).toMatchObject({ incidentId: numberOf(older.incident) });
      expect(updated?.investigation).toBe(`INV-${stored?.investigationId}`);
    });

    test("an update that also belongs to an incident it must not be merged with stays at home, with its evidence", async () => {
      const vendorIncident = { id: fresh("vendor") };
      const theirs = await given.one(anAlert([], { vendorIncident }));
      const alert = anAlert([device()]);
      const own = await given.one(alert);
      await set(theirs.incident, { assignee: "mia" });
      await set(own.incident, { assignee: "noor" });
      const updated = await given.one({ ...alert, title: "Now with their number", vendorIncident });
      expect(updated).toMatchObject({ incident: own.incident, investigation: own.investigation });
      expect(await given.incident(numberOf(theirs.incident))).toMatchObject({ status: "open", alertCount: 1 });
    });

    test("both were being investigated: both go on in the survivor, and what comes then joins the older", async () => {
      const { right, older, younger, bridge } = await two();
      expect(await bridge()).toMatchObject({ incident: older.incident, investigation: older.investigation });
      const view = await given.view(numberOf(older.incident));
      expect(view.investigations.map((row) => [row.id, row.status])).toEqual([
        [numberOf(older.investigation), "queued"],
        [numberOf(younger.investigation), "queued"],
      ]);
      expect((await given.view(numberOf(younger.incident))).investigations).toEqual([]);
      expect((await given.one(anAlert([right]))).investigation).toBe(older.investigation);
      for (const id of view.investigations.map((row) => row.id)) expect(await given.toTheEnd(id)).toMatchObject({ endedAt: NOW });
    });

    test("a round in flight while its incident is merged writes its findings, actions and story into the survivor", async () => {
      const product = fakeEndpointProduct();
      const { alert, device: name, file } = malware({ verdict: "malicious" });
      product.add(name);
      const elsewhere = fresh("WS");
      product.add(elsewhere);
      engine.world.capabilities = {
        ...product.capabilities,
        reputation: [knowing("vt", (entity) => (entity.kind === "file" ? MALICIOUS : undefined))],
        ...(product.capabilities.devices
          ? { devices: { ...product.capabilities.devices, seenOn: async (one) => (one.sha256 === file.sha256 ? [name, elsewhere] : []) } }
          : {}),
      };
      const left = device();
      const older = await given.one(anAlert([left], { title: "Older" }));
      const absorbed = await given.one(alert);
      const id = numberOf(absorbed.investigation);
      await investigate(engine.air, id, async (effect) => {
        expect((await given.one(anAlert([left, { kind: "device", name }]))).incident).toBe(older.incident);
        await engine.settle(effect);
      });
      const survivor = numberOf(older.incident);
      const actions = await engine.store.actionsOf(id);
      expect(actions.map((action) => action.kind)).toEqual(expect.arrayContaining(["isolate-device", "quarantine-file"]));
      expect(new Set(actions.map((action) => action.incidentId))).toEqual(new Set([survivor]));
      const evidence = await engine.store.evidenceOf(id);
      expect(evidence.map((row) => row.entity)).toContainEqual({ kind: "device", name: elsewhere });
      expect(new Set(evidence.map((row) => row.incidentId))).toEqual(new Set([survivor]));
      const view = await given.view(survivor);
      expect(given.events(view.timeline, "action-proposed")).toHaveLength(actions.length);
      expect((await given.view(numberOf(absorbed.incident))).timeline.map((line) => line.event)).toEqual(["incident-redirected"]);
      await given.toTheEnd(id);
      // Both investigations of the survivor see the same bad file; it is dealt with once.
      await given.toTheEnd(numberOf(older.investigation));
      const all = (await engine.store.listActions({ incidentId: survivor, limit: 200 })).items;
      expect(new Set(all.map((action) => `${action.kind} ${action.targetDigest}`)).size).toBe(all.length);
    });

    describe("what keeps two apart", () => {
      test.each<[string, Partial<IncidentRow>, Partial<IncidentRow>, RegExp]>([
        ["different assignees", { assignee: "mia" }, { assignee: "noor" }, /assigned to different people/],
        ["different classifications", { classification: "truePositive" }, { classification: "falsePositive" }, /classified differently/],
        [
          "different determinations",
          { classification: "truePositive", determination: "malware" },
          { classification: "truePositive", determination: "phishing" },
          /determinations differ/,
        ],
      ])("%s: the alert joins the older, and says why they were not merged", async (_, one, other, why) => {
        const { older, younger, bridge } = await two();
        await set(older.incident, one);
        await set(younger.incident, other);
        expect((await bridge()).incident).toBe(older.incident);
        expect(await given.incident(numberOf(younger.incident))).toMatchObject({ status: "open", redirectTo: null, alertCount: 1 });
        expect(given.events((await given.view(numberOf(older.incident))).timeline, "not-merged")).toEqual([expect.stringMatching(why)]);
      });

      test.each<[string, Partial<IncidentRow>, Partial<IncidentRow>]>([
        ["the same assignee", { assignee: "mia" }, { assignee: "mia" }],
        ["one that nobody has taken", { assignee: null }, { assignee: "noor", classification: "truePositive", determination: "malware" }],
      ])("%s does not; the survivor bears what either said", async (_, one, other) => {
        const { older, younger, bridge } = await two();
        await set(older.incident, one);
        await set(younger.incident, other);
        expect((await bridge()).incident).toBe(older.incident);
        expect(await given.incident(numberOf(younger.incident))).toMatchObject({ status: "redirected" });
        expect(await given.incident(numberOf(older.incident))).toMatchObject({ ...one, ...other });
      });

      test("a closed one takes no part in it", async () => {
        const { older, younger, bridge } = await two();
        await set(older.incident, { status: "closed", closedAt: NOW });
        expect((await bridge()).incident).toBe(younger.incident);
        expect(await given.incident(numberOf(older.incident))).toMatchObject({ status: "closed", alertCount: 1 });
      });
    });

    test("the card of the absorbed one says where it went; its actions stay where they stand, live, and are redrawn", async () => {
      engine.world.channels = [{ channels: ["console:soc", "slack:C0SOC"], post: "needed" }];
      const product = fakeEndpointProduct();
      const { alert, device: name } = malware({ verdict: "malicious" });
      product.add(name);
      engine.world.capabilities = {
        ...product.capabilities,
        reputation: [knowing("vt", (entity) => (entity.kind === "file" ? MALICIOUS : undefined))],
      };
      const left = device();
      const older = numberOf((await given.one(anAlert([left]))).incident);
      const absorbed = await given.one(alert);
      const younger = numberOf(absorbed.incident);
      await given.toTheEnd(numberOf(absorbed.investigation));
      const action = (await engine.store.actionsOf(numberOf(absorbed.investigation))).find((one) => one.kind === "isolate-device");
      const subjects = { root: `incident:${younger}`, card: `action:${action?.id}` };
      const before = {
        root: await engine.message("slack:C0SOC", subjects.root),
        card: await engine.message("slack:C0SOC", subjects.card),
        survivor: await engine.message("slack:C0SOC", `incident:${older}`),
      };
      expect(before.card).toMatchObject({ thread: subjects.root });

      await given.one(anAlert([left, { kind: "device", name }]));
      const root = await engine.message("slack:C0SOC", subjects.root);
      expect(root?.wanted).toBeGreaterThan(before.root?.wanted ?? 0);
      expect((await engine.message("slack:C0SOC", `incident:${older}`))?.wanted).toBeGreaterThan(before.survivor?.wanted ?? 0);
      const draw = async () => {
        const rows = await Promise.all(
          [subjects.root, subjects.card, `incident:${older}`].map((one) => engine.message("slack:C0SOC", one)),
        );
        const cards = await drawMessages(
          engine.store,
          rows.flatMap((row) => row ?? []),
          {
            now: engine.world.now,
            sign: testSign,
            publicUrl: undefined,
            pauses: [],
            deciders: () => ({ anyone: false, names: ["Ada"] }),
          },
        );
        return rows.map((row) => cards.get(row?.id ?? 0));
      };
      const [absorbedCard, actionCard, survivorCard] = await draw();
      expect(JSON.stringify(absorbedCard)).toContain(`INC-${older}`);
      expect(absorbedCard?.buttons.map((button) => button.label)).toEqual([expect.stringMatching(/^Show INC-/)]);
      expect(actionCard?.buttons.map((button) => button.label)).toEqual(expect.arrayContaining(["Approve", "Reject"]));
      expect(JSON.stringify(survivorCard)).toContain(`ACT-${action?.id}`);

      // The console draws at every read: nothing is ever sent there, so nothing of it may wait to be.
      const inConsole = await engine.message("console:soc", subjects.card);
      expect(inConsole).toMatchObject({ incidentId: older, shown: inConsole?.wanted });
      expect((await engine.store.stale(engine.world.now)).channels).not.toContain("console:soc");

      const waiting = await engine.message("slack:C0SOC", subjects.card);
      await decideAction(engine.air, approver("Ada"), { action: action?.id ?? 0, decision: "reject", reason: "it is the boss's" });
      const decided = await engine.message("slack:C0SOC", subjects.card);
      expect(decided).toMatchObject({ thread: subjects.root, incidentId: older });
      expect(decided?.wanted).toBeGreaterThan(waiting?.wanted ?? 0);
      expect((await draw())[1]?.buttons.map((button) => button.label)).not.toContain("Approve");
    });

    test("whoever watched the absorbed one in a channel that did not show the survivor sees the survivor there", async () => {
      const { left, older } = await (async () => {
        const left = device();
        return { left, older: await given.one(anAlert([left], { severity: "low" })) };
      })();
      engine.world.channels = [{ channels: ["slack:C0SOC"], post: "needed" }];
      const right = device();
      const younger = await given.one(anAlert([right], { severity: "low" }));
      // It was shown because a person had to decide there.
      await engine.store.transaction((tx) =>
        tx.wantMessages(
          [
            {
              channel: "slack:C0SOC",
              subject: `incident:${numberOf(younger.incident)}`,
              incidentId: numberOf(younger.incident),
              thread: null,
              priority: 20,
            },
          ],
          NOW,
        ),
      );
      expect(await engine.message("slack:C0SOC", `incident:${numberOf(older.incident)}`)).toBeUndefined();
      await given.one(anAlert([left, right], { severity: "low" }));
      expect(await engine.message("slack:C0SOC", `incident:${numberOf(older.incident)}`)).toMatchObject({ thread: null });
    });
  });

  describe("a person merges", () => {
    test("the younger goes into the older, whichever is named first; what kept air from it is no obstacle", async () => {
      const { older, younger, right } = await two();
      await set(older.incident, { assignee: "mia", classification: "truePositive" });
      await set(younger.incident, { assignee: "noor", classification: "falsePositive" });
      const [survivor, absorbed] = [numberOf(older.incident), numberOf(younger.incident)];
      expect(await mergeIncidents(engine.air, mia, absorbed, survivor)).toEqual({ survivor, absorbed });
      expect(await given.incident(survivor)).toMatchObject({ assignee: "mia", classification: "truePositive", alertCount: 2 });
      expect(await given.incident(absorbed)).toMatchObject({ status: "redirected", redirectTo: survivor });
      const view = await given.view(survivor);
      expect(view.alerts.map((row) => row.title)).toEqual(["Left", "Right"]);
      expect(view.investigations).toHaveLength(2);
      expect(given.events(view.timeline, "incident-merged")).toEqual([`Mia merged INC-${absorbed} into this incident`]);
      expect((await given.audit("incident.merged")).at(-1)).toMatchObject({
        subject: `INC-${absorbed}`,
        by: expect.stringContaining("Mia"),
      });
      // The keys went along.
      expect((await given.one(anAlert([right]))).incident).toBe(older.incident);
    });

    test("a viewer may not, and the attempt is in the audit", async () => {
      const { older, younger } = await two();
      const refused = (await given.audit("command.refused")).length;
      await expect(mergeIncidents(engine.air, viewer, numberOf(older.incident), numberOf(younger.incident))).rejects.toMatchObject({
        code: "forbidden",
        details: { missing: "responder" },
      });
      const lines = await given.audit("command.refused");
      expect(lines.length).toBe(refused + 1);
      expect(lines.at(-1)).toMatchObject({ subject: younger.incident, data: { verb: "incident.merge", missing: "responder" } });
      expect(await given.incident(numberOf(younger.incident))).toMatchObject({ status: "open" });
    });

    test("nor somebody who is named in either of the two", async () => {
      const suspect: Entity = { kind: "user", email: `${fresh("sam")}@contoso.com` };
      const sam = { ...mia, name: "Sam", key: suspect.email ?? "", identities: [suspect.email ?? ""] };
      const named = await given.one(anAlert([suspect]));
      const other = await given.one(anAlert([device()]));
      await expect(mergeIncidents(engine.air, sam, numberOf(other.incident), numberOf(named.incident))).rejects.toMatchObject({
        code: "forbidden",
        details: { missing: "not-a-suspect" },
      });
      expect((await given.audit("command.refused")).at(-1)).toMatchObject({ data: { missing: "not-a-suspect" } });
      await mergeIncidents(engine.air, mia, numberOf(other.incident), numberOf(named.incident));
    });

    test.each<[string, () => Promise<[number, number]>, RegExp]>([
      [
        "itself",
        async () => {
          const { older } = await two();
          return [numberOf(older.incident), numberOf(older.incident)];
        },
        /itself/,
      ],
      [
        "a closed one",
        async () => {
          const { older, younger } = await two();
          await set(younger.incident, { status: "closed", closedAt: NOW });
          return [numberOf(older.incident), numberOf(younger.incident)];
        },
        /is closed\. Reopen it first/,
      ],
      [
        "one that was merged already",
        async () => {
          const { older, younger, bridge } = await two();
          await bridge();
          const { older: third } = await two();
          return [numberOf(younger.incident), numberOf(third.incident)].concat(numberOf(older.incident)).slice(0, 2) as [number, number];
        },
        /was already merged into INC-/,
      ],
      [
        "a lab incident with a real one",
        async () => {
          const { older } = await two();
          const [lab] = (
            await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [anAlert([device()])], receivedAt: NOW }])
          ).flat();
          return [numberOf(older.incident), numberOf(lab?.incident)];
        },
        /never merged/,
      ],
    ])("%s: refused, nothing changed", async (_, make, message) => {
      const [one, other] = await make();
      const before = [await given.incident(one), await given.incident(other)];
      await expect(mergeIncidents(engine.air, mia, one, other)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringMatching(message),
      });
      expect([await given.incident(one), await given.incident(other)]).toEqual(before);
    });

    test("one that does not exist", async () => {
      const { older } = await two();
      await expect(mergeIncidents(engine.air, mia, numberOf(older.incident), 999_999)).rejects.toMatchObject({ code: "not-found" });
    });

    test("a round in flight meanwhile writes into the survivor", async () => {
      engine.world.capabilities = { ...NOTHING, reputation: [knowing("vt", () => CLEAN)] };
      const { older, younger } = await two();
      const id = numberOf(younger.investigation);
      await investigate(engine.air, id, async (effect) => {
        await mergeIncidents(engine.air, mia, numberOf(older.incident), numberOf(younger.incident));
        await engine.settle(effect);
      });
      const row = await given.row(id);
      expect(row).toMatchObject({ incidentId: numberOf(older.incident), endedAt: NOW });
      const view = await given.view(numberOf(older.incident));
      expect(given.events(view.timeline, "investigation-ended")).toHaveLength(1);
    });
  });

  describe("a person splits", () => {
    const at = (hours: number) => new Date(NOW.getTime() + hours * HOUR);
    /** An incident of three alerts; `leaving` shares one device with the others and has one of its own. */
    const three = async () => {
      const [shared, own, other] = [device(), device(), device()];
      const first = await given.one(anAlert([shared], { title: "First", severity: "low" }));
      const leaving = await given.one(anAlert([shared, own], { title: "Leaving", severity: "critical", detectedAt: at(1) }));
      const third = await given.one(anAlert([shared, other], { title: "Third", severity: "medium", detectedAt: at(2) }));
      const incident = numberOf(first.incident);
      expect([leaving.incident, third.incident]).toEqual([first.incident, first.incident]);
      return { shared, own, other, incident, first, leaving, third };
    };

    test("title, severity and count of both follow from their alerts", async () => {
      const { incident, leaving } = await three();
      await set(incident, { assignee: "noor" });
      expect(await given.incident(incident)).toMatchObject({ title: "Leaving and 2 more alerts", severity: "critical", alertCount: 3 });
      const { incident: parted } = await splitIncident(engine.air, mia, incident, numberOf(leaving.alert));
      expect(await given.incident(incident)).toMatchObject({
        title: "Third and 1 more alert",
        severity: "medium",
        alertCount: 2,
        status: "open",
        apart: [parted],
      });
      expect(await given.incident(parted)).toMatchObject({
        title: "Leaving",
        severity: "critical",
        alertCount: 1,
        status: "open",
        assignee: "noor",
        apart: [incident],
      });
      expect(await engine.store.alert(numberOf(leaving.alert))).toMatchObject({ incidentId: parted, joinedBecause: null });
      expect((await given.view(incident)).alerts.map((row) => row.title)).toEqual(["First", "Third"]);
      expect((await given.audit("incident.split")).at(-1)).toMatchObject({ subject: leaving.alert, data: { into: `INC-${parted}` } });
    });

    test("later alerts: by the shared key into the older and nothing is merged; by its own key into the split-off; by the others' into theirs", async () => {
      const { shared, own, other, incident, leaving } = await three();
      const { incident: parted } = await splitIncident(engine.air, mia, incident, numberOf(leaving.alert));
      const again = await given.one(anAlert([shared], { detectedAt: at(3) }));
      expect(numberOf(again.incident)).toBe(incident);
      expect(given.events((await given.view(incident)).timeline, "not-merged")).toEqual([expect.stringContaining("a person parted them")]);
      expect(numberOf((await given.one(anAlert([own], { detectedAt: at(3) }))).incident)).toBe(parted);
      expect(numberOf((await given.one(anAlert([other], { detectedAt: at(3) }))).incident)).toBe(incident);
      // Tied to both at once they still stay two.
      expect(numberOf((await given.one(anAlert([own, other], { detectedAt: at(3) }))).incident)).toBe(incident);
      expect(await given.incident(parted)).toMatchObject({ status: "open", alertCount: 2 });
    });

    test("spans are noted anew: what only the leaving alert reached no longer ties to the older", async () => {
      const { shared, incident, leaving, third } = await three();
      // 22 h after the last of those that stay, 25 h after the first: only through the third one it is tied.
      const { incident: parted } = await splitIncident(engine.air, mia, incident, numberOf(third.alert));
      const late = await given.one(anAlert([shared], { detectedAt: at(26) }));
      expect(numberOf(late.incident)).toBe(parted);
      expect(numberOf((await given.one(anAlert([shared], { detectedAt: at(24.5) }))).incident)).toBe(incident);
      expect(leaving.incident).toBe(`INC-${incident}`);
    });

    test("the only alert is not split off, nor one of another incident", async () => {
      const lonely = await given.one(anAlert([device()]));
      const elsewhere = await given.one(anAlert([device()]));
      await expect(splitIncident(engine.air, mia, numberOf(lonely.incident), numberOf(lonely.alert))).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("only alert"),
      });
      const { incident } = await three();
      await expect(splitIncident(engine.air, mia, incident, numberOf(elsewhere.alert))).rejects.toMatchObject({ code: "not-found" });
      await expect(splitIncident(engine.air, mia, 999_999, 1)).rejects.toMatchObject({ code: "not-found" });
    });

    test("a viewer and a suspect may not", async () => {
      const { incident, leaving } = await three();
      await expect(splitIncident(engine.air, viewer, incident, numberOf(leaving.alert))).rejects.toMatchObject({ code: "forbidden" });
      const email = `${fresh("sam")}@contoso.com`;
      const first = await given.one(anAlert([{ kind: "user", email }]));
      const second = await given.one(anAlert([{ kind: "user", email }]));
      const sam = { ...mia, name: "Sam", identities: [email] };
      await expect(splitIncident(engine.air, sam, numberOf(first.incident), numberOf(second.alert))).rejects.toMatchObject({
        details: { missing: "not-a-suspect" },
      });
    });

    test("merged again by a person, they are one like any other", async () => {
      const { shared, own, incident, leaving } = await three();
      const { incident: parted } = await splitIncident(engine.air, mia, incident, numberOf(leaving.alert));
      await mergeIncidents(engine.air, mia, incident, parted);
      expect(await given.incident(incident)).toMatchObject({
        alertCount: 3,
        severity: "critical",
        title: "Leaving and 2 more alerts",
        apart: [],
      });
      expect(numberOf((await given.one(anAlert([own], { detectedAt: at(2) }))).incident)).toBe(incident);
      expect(numberOf((await given.one(anAlert([shared], { detectedAt: at(2) }))).incident)).toBe(incident);
    });

    test("parted stays parted when either is merged on with a third", async () => {
      const { shared, own, incident, leaving } = await three();
      const bystander = device();
      const older = await two();
      const { incident: parted } = await splitIncident(engine.air, mia, incident, numberOf(leaving.alert));
      const fourth = await given.one(anAlert([bystander]));
      // Both halves are absorbed by older incidents of their own; what was parted is parted still.
      await mergeIncidents(engine.air, mia, parted, numberOf(older.younger.incident));
      expect(await given.incident(parted)).toMatchObject({ redirectTo: numberOf(older.younger.incident) });
      const both = await given.one(anAlert([shared, own], { detectedAt: at(2) }));
      expect(numberOf(both.incident)).toBe(incident);
      expect(await given.incident(numberOf(older.younger.incident))).toMatchObject({ status: "open" });
      expect(fourth.incident).not.toBe(both.incident);
    });

    test("parted stays parted when both halves are absorbed by others", async () => {
      const [hosts, ...rest] = [await two(), device()];
      expect(rest).toHaveLength(1);
      const { shared, own, incident, leaving } = await three();
      const { incident: parted } = await splitIncident(engine.air, mia, incident, numberOf(leaving.alert));
      const [one, other] = [numberOf(hosts.older.incident), numberOf(hosts.younger.incident)];
      await mergeIncidents(engine.air, mia, incident, one);
      await mergeIncidents(engine.air, mia, parted, other);
      await given.one(anAlert([shared, own], { detectedAt: at(2) }));
      expect(await given.incident(one)).toMatchObject({ status: "open" });
      expect(await given.incident(other)).toMatchObject({ status: "open" });
    });
  });
});
