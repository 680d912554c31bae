import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { actionId, incidentId } from "../../src/engine/air.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Alert } from "../../src/engine/domain/alert.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { closeIncident, noteIncident } from "../../src/engine/manage-incident.ts";
import { mergeIncidents } from "../../src/engine/merge-incidents.ts";
import { remindAction } from "../../src/engine/remind-action.ts";
import { setVerdict } from "../../src/engine/set-verdict.ts";
import { snoozeIncident, unsnoozeIncident } from "../../src/engine/snooze-incident.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { takeAction } from "../../src/engine/take-action.ts";
import { keepThreads } from "../../src/engine/thread-lines.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import fc from "../support/fast-check.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES, stride } from "../support/open-test-db.ts";
import { mentioned, pagingWorld } from "../support/paging-air.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);

describe.each(DATABASES)("an incident that is silent for a while, %s", (kind) => {
  let engine: Engine;
  let world: ReturnType<typeof pagingWorld>;
  let channel: string;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(begin);
  afterAll(() => engine.close());

  async function begin() {
    await engine.empty();
    channel = `slack:${fresh("C")}`;
    world = pagingWorld(engine, channel, `slack:${fresh("COPS")}`);
    delete engine.air.whoIs;
  }
  const lea = approver("Lea");
  const mia = somebody("Mia", { ...NO_ROLES, responder: true });
  const at = async (minutes: number, rounds = 3) => {
    engine.world.now = minutesIn(minutes);
    await world.worker().tick(rounds);
  };
  const told = () => mentioned(world.chat);
  const snooze = (incident: number, hours = 4, by = lea) =>
    snoozeIncident(engine.air, by, { incident, kind: "snooze", forMs: hours * HOUR, reason: "the owner is asked" });
  const mute = (incident: number, hours?: number, by = lea) =>
    snoozeIncident(engine.air, by, { incident, kind: "mute", forMs: hours && hours * HOUR, reason: "a scanner" });
  const open = (incident: number) => engine.store.openSnoozes([incident]);
  const last = async (incident: number) => (await engine.store.incidentViews([incident])).get(incident)?.snooze;
  const events = async (incident: number) => (await engine.store.storyOf(incident)).map(({ event }) => event);
  const audit = async (event: string) =>
    (await engine.store.auditLines(0, 1000)).map(({ line }) => JSON.parse(line)).filter((line) => line.event === event);
  const rootCard = (incident: number) =>
    JSON.stringify(world.chat.messages.find(({ card }) => card.title.includes(`${incidentId(incident)}:`))?.card);
  const more = async (action: ActionRow, change: Partial<Alert>, ...others: Entity[]) => {
    const alert = anAlert([action.target, ...others], { severity: "low", detectedAt: engine.world.now, ...change });
    await ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts: [alert], receivedAt: engine.world.now }]);
  };

  describe("nobody is told", () => {
    test("until its end; then the chain begins with the first, and the cards say so", async () => {
      const action = await proposedAction(engine);
      await at(10);
      expect(await snooze(action.incidentId)).toEqual({
        until: minutesIn(250),
        expires: [{ action: actionId(action.id), at: action.expiresAt }],
      });
      await at(31);
      await at(60);
      await at(249);
      expect(told()).toEqual([]);
      expect(world.hook.calls).toEqual([]);
      expect(rootCard(action.incidentId)).toContain("Snoozed until 2026-10-05 13:10 UTC by Lea: ");
      expect(rootCard(action.incidentId)).toContain(`${actionId(action.id)} expires 2026-10-06 09:00 UTC`);
      await at(250);
      expect(told()).toEqual(["Mia"]);
      await at(251);
      expect(rootCard(action.incidentId)).toContain("Back since 2026-10-05 13:10 UTC: ");
      await at(260);
      expect(told()).toEqual(["Mia", "Noor"]);
      await at(270);
      expect(world.hook.calls).toHaveLength(1);
      expect(await events(action.incidentId)).toEqual(expect.arrayContaining(["incident-snooze", "incident-snooze-ended"]));
      expect(await audit("incident.snooze-ended")).toMatchObject([{ data: { owner: "lea@contoso.com", reason: "its time was over" } }]);
    });

    test("its thread says who, until when and why, and that it is back", async () => {
      const action = await proposedAction(engine);
      await at(1);
      engine.world.now = minutesIn(2);
      await snooze(action.incidentId, 1);
      await at(3);
      await at(4);
      await at(63);
      await at(64);
      const said = world.chat.messages.filter(({ thread }) => thread !== undefined).map(({ card }) => JSON.stringify(card));
      expect(said.some((card) => card.includes("Lea snoozed it until 2026-10-05 10:02 UTC: the owner is asked"))).toBe(true);
      expect(said.some((card) => card.includes("The snooze of Lea ended: its time was over"))).toBe(true);
    });

    test("of a grave one the reason is asked for; a mute it replaces is named", async () => {
      const { incidentId: incident } = await proposedAction(engine);
      const bare = snoozeIncident(engine.air, lea, { incident, kind: "snooze", forMs: HOUR, reason: " " });
      await expect(bare).rejects.toThrow(/is high: say why it can wait: snooze INC-\d+ 1h <reason>/);
      const { until } = await mute(incident, 24);
      expect((await snooze(incident, 1)).replaced).toEqual({ kind: "mute", until });
    });

    test("what was told before is told from the beginning afterwards", async () => {
      const action = await proposedAction(engine);
      await at(30);
      await at(31);
      expect(told()).toEqual(["Mia"]);
      engine.world.now = minutesIn(35);
      await snooze(action.incidentId, 1);
      await at(41);
      await at(60);
      expect(told()).toEqual(["Mia"]);
      await at(95);
      expect(told()).toEqual(["Mia", "Mia"]);
      await at(105);
      expect(told()).toEqual(["Mia", "Mia", "Noor"]);
    });

    test("a reminder is kept until then, and dropped where it was decided meanwhile", async () => {
      const [first, second] = [await proposedAction(engine), await proposedAction(engine)];
      for (const action of [first, second]) {
        await remindAction(engine.air, mia, action.id, minutesIn(20));
        await snooze(action.incidentId, 2);
      }
      await at(20);
      await at(100);
      expect(told()).toEqual([]);
      await decideAction(engine.air, lea, { action: first.id, decision: "reject", reason: "known good" });
      await at(120);
      expect(told()).toContain("Mia");
      expect(await engine.store.pagesOf(first.incidentId)).toMatchObject([
        { step: "reminder", sentAt: null, trouble: "It was decided before it was sent" },
      ]);
      expect((await engine.store.pagesOf(second.incidentId)).find(({ step }) => step === "reminder")?.sentAt).toEqual(minutesIn(120));
    });

    test("an alert that is open in PagerDuty is acknowledged there, and told anew afterwards", async () => {
      Object.assign(world.paging, { chain: ["person:mia@contoso.com", "pagerduty"] });
      const action = await proposedAction(engine);
      await at(30);
      await at(40);
      expect(world.hook.calls).toHaveLength(1);
      engine.world.now = minutesIn(41);
      await snooze(action.incidentId, 1);
      await at(42);
      const steps = async () => (await engine.store.pagesOf(action.incidentId)).map(({ step }) => step);
      expect(await steps()).toContainEqual(expect.stringMatching(/^acknowledged \d+$/));
      await at(102);
      await at(112);
      expect(world.hook.calls).toHaveLength(2);
      expect(new Set(world.hook.calls.map(({ id }) => id)).size).toBe(2);
    });

    test("the action's own expiry is not moved", async () => {
      const action = await proposedAction(engine);
      await snooze(action.incidentId, 24);
      await at(24 * 60);
      expect((await engine.store.action(action.id))?.state).toBe("expired");
      expect(told()).toEqual([]);
    });

    test("what somebody else waits for is told as ever, and so is air's own trouble", async () => {
      const [silent, other] = [await proposedAction(engine), await proposedAction(engine)];
      await snooze(silent.incidentId);
      await at(30);
      expect(told()).toEqual(["Mia"]);
      expect((await engine.store.pagesOf(other.incidentId))[0]?.sentAt).toEqual(minutesIn(30));
      expect(await engine.store.pagesOf(silent.incidentId)).toEqual([]);
    });

    test("more that are silent than one run takes hold nobody else back", async () => {
      for (let made = 0; made < 55; made++) {
        const action = await proposedAction(engine);
        await remindAction(engine.air, mia, action.id, minutesIn(5));
        await snooze(action.incidentId);
      }
      const other = await proposedAction(engine);
      await remindAction(engine.air, mia, other.id, minutesIn(6));
      await at(6, 4);
      expect((await engine.store.pagesOf(other.incidentId))[0]?.sentAt).toEqual(minutesIn(6));
    });
  });

  describe("ended before its time", () => {
    test("by a person; the chain begins", async () => {
      const action = await proposedAction(engine);
      await snooze(action.incidentId);
      await at(40);
      expect(await unsnoozeIncident(engine.air, mia, action.incidentId)).toBe("snooze");
      await at(41);
      expect(told()).toEqual(["Mia"]);
      expect(await last(action.incidentId)).toMatchObject({ endedAt: minutesIn(40), endedWhy: "Mia ended it" });
      await expect(unsnoozeIncident(engine.air, mia, action.incidentId)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("list snoozed"),
      });
    });

    test("ended and said anew before a word of it was posted, its thread does not say that it is back", async () => {
      const action = await proposedAction(engine);
      const replies = () => world.chat.messages.filter(({ thread }) => thread !== undefined).map(({ card }) => JSON.stringify(card));
      await at(1);
      engine.world.now = minutesIn(2);
      await snooze(action.incidentId, 1);
      await at(3);
      await at(4);
      engine.world.now = minutesIn(10);
      await unsnoozeIncident(engine.air, mia, action.incidentId);
      // The reply is wanted, and not posted yet.
      engine.world.now = minutesIn(11);
      await keepThreads(engine.air, engine.world.now);
      engine.world.now = minutesIn(12);
      await snooze(action.incidentId, 2);
      await noteIncident(engine.air, lea, action.incidentId, "Seen it.");
      for (const minute of [13, 14, 20, 30]) await at(minute);
      expect(replies().join()).not.toContain("It is back");
      expect(replies().join()).toContain("Lea snoozed it until 2026-10-05 11:12 UTC");
      // What else one reply holds is named.
      expect(replies().join()).not.toContain("And 1 more");
      expect(replies().join()).toContain("Also: Note: Lea: Seen it.");
    });

    const causes: [string, (action: ActionRow) => Promise<unknown>, RegExp][] = [
      ["a rising severity", (action) => more(action, { severity: "critical" }), /^its severity rose from high to critical$/],
      [
        "a protected asset by name",
        async (action) => {
          engine.world.policy = { ...testPolicy, protected: ["device:dc-*"] };
          await more(action, {}, { kind: "device", name: "dc-01" });
        },
        /^a protected asset is in it: dc-01 \(air\.yaml: device:dc-\*\)$/,
      ],
      [
        "a Malicious verdict",
        async (action) => {
          await more(action, {}, { kind: "ip", address: "203.0.113.9" });
          const found = (await engine.store.incidentViews([action.incidentId])).get(action.incidentId)?.evidence ?? [];
          const evidence = found.find(({ entity }) => entity.kind === "ip")?.id ?? 0;
          await setVerdict(engine.air, mia, { evidence, verdict: "malicious", reason: "it beacons there" });
        },
        /^203\[\.\]0\[\.\]113\[\.\]9 is Malicious, which was not known before$/,
      ],
      [
        "another action that waits",
        (action) => takeAction(engine.air, mia, { kind: "restrict-execution", target: action.target, reason: "to be sure" }, fresh("key")),
        /^ACT-\d+ \(.*\) waits for a decision, which it did not before$/,
      ],
    ];
    test.each(causes)("by %s, in the same transaction, and the page is told", async (_name, cause, why) => {
      const product = fakeEndpointProduct();
      engine.world.capabilities = product.capabilities;
      const name = fresh("WS");
      product.add(name);
      const action = await proposedAction(engine, { target: { kind: "device", name } });
      await snooze(action.incidentId);
      await at(35);
      expect(told()).toEqual([]);
      engine.world.now = minutesIn(36);
      await cause(action);
      expect(await open(action.incidentId)).toEqual([]);
      expect(await last(action.incidentId)).toMatchObject({ endedAt: minutesIn(36), endedWhy: expect.stringMatching(why) });
      await at(37);
      expect(told()).toContain("Mia");
      expect(await events(action.incidentId)).toContain("incident-snooze-ended");
    });

    test("not by more of the same", async () => {
      const action = await proposedAction(engine);
      await snooze(action.incidentId);
      await more(action, { severity: "high" });
      await more(action, { severity: "medium" });
      await at(35);
      expect(await open(action.incidentId)).toHaveLength(1);
      expect(told()).toEqual([]);
    });

    test("by being closed, without a word to anybody", async () => {
      const action = await proposedAction(engine);
      await snooze(action.incidentId);
      await decideAction(engine.air, lea, { action: action.id, decision: "reject", reason: "known good" });
      await engine.store.transaction((tx) => tx.updateInvestigation(action.investigationId, { status: "benign", endedAt: NOW }));
      await closeIncident(engine.air, lea, action.incidentId, { classification: "falsePositive" });
      await at(35);
      expect(await last(action.incidentId)).toMatchObject({ endedWhy: "it was closed" });
      expect(told()).toEqual([]);
    });

    test("when whoever answers for it loses the role; not while that cannot be looked up", async () => {
      const action = await proposedAction(engine);
      await snooze(action.incidentId);
      engine.air.whoIs = async () => undefined;
      await at(31);
      engine.air.whoIs = async () => lea;
      await at(32);
      expect(told()).toEqual([]);
      // A responder may not answer for a high one.
      engine.air.whoIs = async (key) => (key === lea.key ? { roles: { ...NO_ROLES, responder: true } } : undefined);
      await at(33);
      expect(told()).toEqual(["Mia"]);
      expect((await last(action.incidentId))?.endedWhy).toBe("Lea, who answers for it, no longer holds the role it needs");
    });

    test("by what a product knows to be protected of what came since", async () => {
      const product = fakeEndpointProduct();
      engine.world.capabilities = product.capabilities;
      const [first, second] = [fresh("WS"), fresh("WS")];
      product.add(first);
      product.add(second, { role: "domain-controller" });
      const action = await proposedAction(engine, { target: { kind: "device", name: first } });
      await snooze(action.incidentId);
      await more(action, {}, { kind: "device", name: second });
      expect(await open(action.incidentId)).toHaveLength(1);
      await at(31);
      expect(told()).toEqual(["Mia"]);
      expect((await last(action.incidentId))?.endedWhy).toMatch(/domain controller/);
    });
  });

  describe("refused, with what to do instead", () => {
    test("a protected asset in it: by name, on a waiting action, by what a product says, and when none answers", async () => {
      const named = await proposedAction(engine);
      engine.world.policy = { ...testPolicy, protected: [`device:${(named.target as { name: string }).name}`] };
      await expect(snooze(named.incidentId)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringMatching(/is protected\. .*ack INC-/),
      });
      await expect(mute(named.incidentId)).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("cannot be muted") });
      engine.world.policy = testPolicy;
      const waits = await proposedAction(engine);
      await engine.store.transaction((tx) =>
        tx.updateAction(waits.id, { blastRadius: { ...waits.blastRadius, protectedHits: ["built-in: domain controller"] } }),
      );
      await expect(snooze(waits.incidentId)).rejects.toThrow("built-in: domain controller");
      const product = fakeEndpointProduct();
      const name = fresh("WS");
      product.add(name, { role: "domain-controller" });
      const known = await proposedAction(engine, { target: { kind: "device", name } });
      engine.world.capabilities = product.capabilities;
      await expect(snooze(known.incidentId)).rejects.toThrow("built-in: domain controller");
      const devices = product.capabilities.devices;
      if (!devices) throw new Error("the product offers devices");
      engine.world.capabilities = { ...NOTHING, devices: { ...devices, find: async () => Promise.reject(new Error("down")) } };
      await expect(snooze(known.incidentId)).rejects.toThrow("could not be checked now");
      expect(await engine.store.openSnoozes()).toEqual([]);
    });

    test("who is named in it is refused, and that is paged even while it is silent", async () => {
      const action = await proposedAction(engine, { entities: [{ kind: "user", email: "lea@contoso.com" }] });
      await expect(snooze(action.incidentId)).rejects.toMatchObject({ code: "forbidden", details: { missing: "not-a-suspect" } });
      await snooze(action.incidentId, 4, approver("Ada"));
      await expect(unsnoozeIncident(engine.air, lea, action.incidentId)).rejects.toMatchObject({ code: "forbidden" });
      await at(1);
      expect(told()).toContain("Mia");
      expect((await engine.store.pagesOf(action.incidentId)).map(({ step }) => step)).toContain("suspect");
      expect(await open(action.incidentId)).toHaveLength(1);
    });

    test("roles: high needs an approver, low a responder, a viewer and a token never", async () => {
      const high = await proposedAction(engine);
      await expect(snooze(high.incidentId, 4, mia)).rejects.toMatchObject({ code: "forbidden", details: { missing: "approver" } });
      expect((await audit("command.refused")).at(-1)).toMatchObject({ data: { verb: "incident.snooze" } });
      await expect(snooze(high.incidentId, 4, { ...lea, machine: true })).rejects.toThrow("A person has to say");
      await engine.store.transaction((tx) => tx.updateIncident(high.incidentId, { severity: "low" }));
      await expect(snooze(high.incidentId, 4, somebody("Vera", { ...NO_ROLES, viewer: true }))).rejects.toMatchObject({
        code: "forbidden",
      });
      await snooze(high.incidentId, 4, mia);
    });

    test("how long", async () => {
      const { incidentId: id } = await proposedAction(engine);
      await expect(snooze(id, 25)).rejects.toMatchObject({ code: "invalid", field: "for", message: expect.stringContaining("24 h") });
      await expect(mute(id, 31 * 24)).rejects.toMatchObject({ code: "invalid", field: "for" });
      await engine.store.transaction((tx) => tx.updateIncident(id, { severity: "medium" }));
      await expect(snooze(id, 7 * 24 + 1)).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("7 d") });
      expect((await mute(id)).until).toEqual(minutesIn(24 * 60));
    });

    test("a mute without a reason, what is not there, and what was merged away", async () => {
      const [one, other] = [await proposedAction(engine), await proposedAction(engine)];
      await expect(snoozeIncident(engine.air, lea, { incident: one.incidentId, kind: "mute", reason: " \u200b" })).rejects.toMatchObject({
        code: "invalid",
        field: "reason",
      });
      await expect(snooze(4711)).rejects.toMatchObject({ code: "not-found" });
      await mergeIncidents(engine.air, lea, one.incidentId, other.incidentId);
      await expect(snooze(other.incidentId)).rejects.toThrow(`snooze ${incidentId(one.incidentId)}`);
    });

    test("of two people at once one is first, and the other learns who; the first may say it anew", async () => {
      const { incidentId: id } = await proposedAction(engine);
      const both = await Promise.allSettled([snooze(id, 1), snooze(id, 2, approver("Ada"))]);
      expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      const [row] = await open(id);
      const refused = both.find((one) => one.status === "rejected")?.reason as Error;
      expect(refused).toMatchObject({ code: "already-decided", details: { by: row?.by } });
      expect(refused.message).toContain(`unsnooze ${incidentId(id)}`);
      await snooze(id, 3, row?.by === "Lea" ? lea : approver("Ada"));
      expect(await open(id)).toMatchObject([{ until: minutesIn(180) }]);
    });
  });

  describe("muted", () => {
    test("its thread is silent, its alerts are stored, joined and counted, and the list has it", async () => {
      const action = await proposedAction(engine);
      await at(1);
      await mute(action.incidentId);
      await at(2);
      const replies = () => world.chat.messages.filter(({ thread }) => thread !== undefined).length;
      const before = replies();
      engine.world.now = minutesIn(5);
      await noteIncident(engine.air, mia, action.incidentId, "the same again");
      for (let more_ = 0; more_ < 3; more_++) await more(action, {});
      await at(6);
      await at(40);
      expect(replies()).toBe(before);
      expect(told()).toEqual([]);
      expect(rootCard(action.incidentId)).toContain("3 alerts came since.");
      expect(rootCard(action.incidentId)).toContain("Muted until 2026-10-06 09:01 UTC by Lea: ");
      expect((await engine.store.listIncidents({ snoozed: true, limit: 5 })).items.map(({ id }) => id)).toEqual([action.incidentId]);
      expect(await engine.store.snoozedIncidents(minutesIn(41))).toMatchObject([
        { incidentId: action.incidentId, by: "Lea", title: expect.any(String) },
      ]);
      await at(41);
      await more(action, { severity: "critical" });
      await at(42);
      await at(43);
      expect(told()).toEqual(["Mia"]);
      expect(replies()).toBeGreaterThan(before);
      expect(await engine.store.listIncidents({ snoozed: true, limit: 5 })).toMatchObject({ items: [] });
    });
  });

  describe("merged", () => {
    test("with one nobody silenced it is silent no more, whichever of the two it was", async () => {
      for (const which of [0, 1] as const) {
        const pair = [await proposedAction(engine), await proposedAction(engine)] as const;
        await snooze(pair[which].incidentId);
        await mergeIncidents(engine.air, lea, pair[0].incidentId, pair[1].incidentId);
        expect(await open(pair[0].incidentId)).toEqual([]);
        expect((await last(pair[0].incidentId))?.endedWhy).toContain("which nobody silenced");
      }
      await at(30);
      expect(told().length).toBeGreaterThan(0);
    });

    test("with another silent one it stays silent until the first of the two ends, and both were seen", async () => {
      const [one, other] = [await proposedAction(engine), await proposedAction(engine)];
      await snooze(one.incidentId, 3);
      await mute(other.incidentId);
      await mergeIncidents(engine.air, lea, one.incidentId, other.incidentId);
      expect(await open(one.incidentId)).toMatchObject([{ kind: "snooze", until: minutesIn(180), endedAt: null }]);
      await at(40);
      await at(179);
      expect(told()).toEqual([]);
      await at(180);
      expect(told()).toContain("Mia");
    });

    test("by an alert that ties the two", async () => {
      const [one, other] = [await proposedAction(engine), await proposedAction(engine)];
      await snooze(one.incidentId);
      await more(one, {}, other.target);
      expect((await engine.store.incident(other.incidentId))?.redirectTo).toBe(one.incidentId);
      expect(await open(one.incidentId)).toEqual([]);
    });
  });

  test("whoever dies at any moment of its end: it ends once, and nobody is told twice or forgotten", async () => {
    const calls = async (death?: Parameters<typeof world.worker>[0]) => {
      await begin();
      const action = await proposedAction(engine);
      await remindAction(engine.air, mia, action.id, minutesIn(40));
      await snooze(action.incidentId, 1);
      await at(45);
      engine.world.now = minutesIn(60);
      const worker = world.worker(death);
      await worker.tick();
      await at(61);
      await at(62);
      expect(await audit("incident.snooze-ended")).toHaveLength(1);
      const sent = (await engine.store.pagesOf(action.incidentId)).filter(({ sentAt }) => sentAt !== null);
      expect(sent.map(({ step }) => step)).toEqual(expect.arrayContaining(["deadline", "reminder"]));
      const each = sent.map(({ step, target }) => `${step} ${target}`);
      expect(each).toEqual([...new Set(each)]);
      return worker.calls();
    };
    const all = await calls();
    for (let n = 1; n <= all; n += stride(kind, 7)) for (const moment of ["before", "after"] as const) await calls({ at: n, moment });
  }, 180_000);

  test("at no moment what got worse is held back, in whatever order things happen", async () => {
    const worse = ["severity", "protected", "malicious", "action"] as const;
    const steps = fc.array(fc.constantFrom(...worse, "same", "snooze", "mute", "tick"), { minLength: 2, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(steps, async (happens) => {
        await begin();
        engine.world.policy = { ...testPolicy, protected: ["device:dc-*"] };
        const action = await proposedAction(engine, { change: { deadline: NOW } });
        const { incidentId: id } = action;
        await engine.store.transaction((tx) => tx.updateIncident(id, { severity: "medium", headline: null }));
        let minute = 1;
        const severities = ["medium", "high", "critical"] as const;
        for (const happened of happens) {
          engine.world.now = minutesIn(minute++);
          const before = await open(id);
          if (happened === "snooze") await snooze(id, 2).catch(() => {});
          else if (happened === "mute") await mute(id, 2).catch(() => {});
          else if (happened === "tick") await world.worker().tick(1);
          else if (happened === "same") await more(action, { severity: "low" });
          else if (happened === "severity") {
            const now = (await engine.store.incident(id))?.severity ?? "medium";
            const next = severities[severities.indexOf(now as (typeof severities)[number]) + 1];
            if (next) {
              await more(action, { severity: next });
              expect(await open(id)).toEqual([]);
            }
          } else if (happened === "protected") {
            await more(action, {}, { kind: "device", name: "dc-01" });
            expect(await open(id)).toEqual([]);
          } else if (happened === "malicious") {
            const address = `203.0.113.${minute}`;
            await more(action, {}, { kind: "ip", address });
            const found = (await engine.store.incidentViews([id])).get(id)?.evidence ?? [];
            const evidence = found.find(({ entity }) => entity.kind === "ip" && entity.address === address)?.id ?? 0;
            await setVerdict(engine.air, lea, { evidence, verdict: "malicious", reason: "it beacons there" });
            expect(await open(id)).toEqual([]);
          } else {
            // However it came about, and though nobody said so: whoever is about to hold a page back sees it.
            await engine.store.transaction(async (tx) => {
              const { id: _id, ...row } = action;
              await tx.insertActions([{ ...row, targetDigest: fresh("digest") }]);
            });
            await world.worker().tick(1);
            expect(await open(id)).toEqual([]);
          }
          if (before.length > 0 && (await open(id)).length === 0) {
            await world.worker().tick(2);
            expect(told().length).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: kind === "embedded" ? 8 : 30 },
    );
  }, 180_000);
});
