import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { freshEvidence } from "../../src/engine/fresh-rows.ts";
import { pause, resume } from "../../src/engine/pause.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { type TakeRequest, takeAction } from "../../src/engine/take-action.ts";
import { extendAction } from "../../src/engine/timed-actions.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

describe.each(DATABASES)("an action asked for by hand, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(() => {
    Object.assign(engine.world, { now: NOW, capabilities: openLab().capabilities, policy: testPolicy });
  });
  afterAll(() => engine.close());

  const responder = somebody("Rita", { ...NO_ROLES, responder: true });
  const mia = approver("Mia");
  const noor = approver("Noor");
  const viewer = somebody("Vera", { ...NO_ROLES, viewer: true });
  const device = (): Entity => ({ kind: "device", name: fresh("WS") });
  const take = async (person: Person, request: Partial<TakeRequest> = {}) => {
    const whole = { kind: "isolate-device", target: device(), reason: "beacons to a known address", ...request } as const;
    await engine.world.capabilities.adopt([whole.target]);
    return takeAction(engine.air, person, whole, fresh("by-hand"));
  };

  test("a responder asks: a manual alert, and the action waits for an approver", async () => {
    const action = await take(responder);
    expect(action).toMatchObject({ state: "pending", source: "Chat action", rule: "asked for by Rita", requestedBy: { name: "Rita" } });
    const [alert] = await engine.store.alertsOf(action.incidentId);
    expect(alert).toMatchObject({ source: "manual", policyRule: "asked for by Rita" });
    const { action: decided } = await decideAction(engine.air, mia, { action: action.id, decision: "approve" });
    expect(decided).toMatchObject({ state: "approved", decision: { by: "Mia" } });
  });

  test("an approver of its family has decided by asking; of another family not", async () => {
    expect(await take(mia)).toMatchObject({ state: "approved", decision: { by: "Mia", reason: "beacons to a known address" } });
    expect(await take(approver("Otto", ["email"]))).toMatchObject({ state: "pending" });
  });

  test("where two are needed, whoever asked is neither of them", async () => {
    engine.world.policy = { ...testPolicy, perKind: { "isolate-device": { approvals: 2 } } };
    const action = await take(mia);
    expect(action).toMatchObject({ state: "pending", approvalsNeeded: 2 });
    await expect(decideAction(engine.air, mia, { action: action.id, decision: "approve" })).rejects.toMatchObject({
      code: "forbidden",
      details: { missing: "not-the-requester" },
    });
    expect(await engine.store.approvalsOf(action.id)).toEqual([]);
    const typed = action.target.kind === "device" ? action.target.name : "";
    expect((await decideAction(engine.air, noor, { action: action.id, decision: "approve", typed })).waitsForSecond).toBe(true);
    const last = await decideAction(engine.air, approver("Paul"), { action: action.id, decision: "approve", typed });
    expect(last.action.state).toBe("approved");
  });

  test("the same again while it waits is refused, and names the one that waits", async () => {
    const target = device();
    const first = await take(responder, { target });
    await expect(take(responder, { target })).rejects.toMatchObject({
      code: "already-decided",
      message: expect.stringContaining(`ACT-${first.id}`),
    });
  });

  test.each<[string, Partial<TakeRequest>, string]>([
    ["no reason", { reason: "  " }, "reason"],
    ["a kind aimed at something else", { kind: "disable-user" }, "target"],
    ["our own domain", { kind: "block-indicator", target: { kind: "domain", name: "contoso.com" } }, "target"],
    ["a private address", { kind: "block-indicator", target: { kind: "ip", address: "10.0.0.9" } }, "target"],
    ["a service account", { kind: "disable-user", target: { kind: "user", name: "NT AUTHORITY\\SYSTEM" } }, "target"],
    ["parameters it does not take", { params: { forever: true } }, "params.forever"],
  ])("%s is refused with its field, and nothing is started", async (_, request, field) => {
    const before = await engine.store.listIncidents({ limit: 1 });
    await expect(take(mia, request)).rejects.toMatchObject({ code: "invalid", field });
    expect((await engine.store.listIncidents({ limit: 1 })).items[0]?.id).toBe(before.items[0]?.id);
  });

  test("a viewer may not ask, a suspect neither, and in mode observe nobody", async () => {
    await expect(take(viewer)).rejects.toMatchObject({ code: "forbidden" });
    await expect(take(responder, { kind: "disable-user", target: { kind: "user", email: "rita@contoso.com" } })).rejects.toMatchObject({
      code: "forbidden",
      details: { missing: "not-a-suspect" },
    });
    engine.world.policy = { ...testPolicy, mode: "observe" };
    await expect(take(mia)).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("observe") });
  });

  test("for a while only, where nothing could end it: refused with what to say instead, and nothing is left behind", async () => {
    const lab = openLab().capabilities;
    engine.world.capabilities = { ...lab, devices: undefined };
    const before = [await engine.store.listIncidents({ limit: 1 }), await engine.store.listInvestigations({ limit: 1 })];
    const asked = takeAction(
      engine.air,
      mia,
      { kind: "isolate-device", target: device(), reason: "x", forMs: 7_200_000 },
      fresh("by-hand"),
    );
    await expect(asked).rejects.toMatchObject({
      code: "invalid",
      field: "for",
      message:
        'Nothing was done: it cannot end by itself after 2 h, because no connected product can take it back (Release it from isolation). Leave out "for 2 h", and somebody takes it back by hand.',
    });
    expect([await engine.store.listIncidents({ limit: 1 }), await engine.store.listInvestigations({ limit: 1 })]).toEqual(before);
  });

  describe("that ends by itself", () => {
    const HOUR = 3_600_000;
    /** Isolated for two hours, carried out now. */
    async function isolated() {
      engine.world.now = NOW;
      const action = await take(mia, { forMs: 2 * HOUR });
      await executeAction(engine.air, action.id, engine.settle);
      expect(await engine.store.action(action.id)).toMatchObject({ state: "succeeded", undoAfterMs: 2 * HOUR });
      return action;
    }
    const at = async (ms: number) => {
      engine.world.now = new Date(NOW.getTime() + ms);
      await sweep(engine.air, engine.settle);
    };
    const events = async (incident: number) =>
      (await engine.store.incidentViews([incident])).get(incident)?.timeline.map((row) => row.event) ?? [];
    const undoOf = async (id: number) => (await engine.store.listActions({ limit: 200 })).items.filter((action) => action.undoes === id);

    test("is warned of once, fifteen minutes before, and then taken back", async () => {
      const action = await isolated();
      await at(1.5 * HOUR);
      expect(await events(action.incidentId)).not.toContain("action-ends-soon");
      await at(1.8 * HOUR);
      await at(1.9 * HOUR);
      expect((await events(action.incidentId)).filter((event) => event === "action-ends-soon")).toHaveLength(1);
      expect(await undoOf(action.id)).toEqual([]);
      await at(2 * HOUR);
      await at(2.1 * HOUR);
      expect(await engine.store.action(action.id)).toMatchObject({ state: "undoing" });
      const [undo, ...more] = await undoOf(action.id);
      expect(more).toEqual([]);
      expect(undo).toMatchObject({ kind: "release-device", state: "approved", decision: { by: "Automation" } });
      await executeAction(engine.air, undo?.id ?? 0, engine.settle);
      expect(await engine.store.action(action.id)).toMatchObject({ state: "undone" });
    });

    test("is kept where something bad was found since, and a person decides", async () => {
      const action = await isolated();
      engine.world.now = new Date(NOW.getTime() + HOUR);
      await engine.store.transaction(async (tx) => {
        const where = {
          investigationId: action.investigationId,
          incidentId: action.incidentId,
          foundBy: "a test",
          createdAt: engine.world.now,
        };
        await tx.addEvidence([freshEvidence({ kind: "file", name: "b.exe", sha256: "b".repeat(64) }, where)]);
        const found = (await tx.evidenceOf(action.investigationId)).at(-1);
        if (found) await tx.updateEvidence([{ id: found.id, verdict: "malicious", judgement: null, lookedRound: 1, remediation: "none" }]);
      });
      await at(2 * HOUR);
      expect(await engine.store.action(action.id)).toMatchObject({ state: "succeeded", undoAfterMs: null });
      expect(await undoOf(action.id)).toEqual([]);
      expect(await events(action.incidentId)).toContain("action-kept");
    });

    test("lasts longer when an approver of its family says so, and is warned of again", async () => {
      const action = await isolated();
      await at(1.9 * HOUR);
      await expect(extendAction(engine.air, responder, action.id, HOUR)).rejects.toMatchObject({ code: "forbidden" });
      expect(await extendAction(engine.air, noor, action.id, HOUR)).toEqual(new Date(NOW.getTime() + 3 * HOUR));
      await at(2.5 * HOUR);
      expect(await engine.store.action(action.id)).toMatchObject({ state: "succeeded", undoWarnedAt: null });
      await expect(extendAction(engine.air, noor, action.id, 8 * 24 * HOUR)).rejects.toMatchObject({ code: "invalid" });
      await at(3 * HOUR);
      expect(await engine.store.action(action.id)).toMatchObject({ state: "undoing" });
    });

    test("only what can be taken back can end by itself", async () => {
      await expect(take(mia, { kind: "scan-device", forMs: HOUR })).rejects.toMatchObject({ code: "invalid", field: "for" });
      await expect(extendAction(engine.air, noor, (await take(mia)).id, HOUR)).rejects.toMatchObject({ code: "invalid" });
    });
  });

  describe("several want the same", () => {
    const SECONDS = 1_000;
    const row = async (id: number) => (await engine.store.action(id)) ?? expect.fail(`no ACT-${id}`);
    const undoOf = async (id: number) => (await engine.store.listActions({ limit: 200 })).items.find((action) => action.undoes === id);
    const done = async (person: Person, target: Entity, forMs?: number) => {
      const { id } = await take(person, { target, forMs });
      await executeAction(engine.air, id, engine.settle);
      return row(id);
    };
    const at = async (ms: number) => {
      engine.world.now = new Date(NOW.getTime() + ms);
      await sweep(engine.air, engine.settle);
    };
    const story = async ({ incidentId }: { incidentId: number }) =>
      (await engine.store.incidentViews([incidentId]))
        .get(incidentId)
        ?.timeline.map(({ text }) => text)
        .join("\n") ?? "";

    test("what one wants for a while does not end while another wants it for good; an undo of the first takes both back", async () => {
      const target = device();
      const timed = await done(mia, target, 30 * SECONDS);
      const kept = await done(noor, target);
      expect(kept).toMatchObject({ state: "succeeded", undoable: false, outcome: expect.stringContaining("Nothing to do") });
      await at(31 * SECONDS);
      await at(3_600 * SECONDS);
      expect(await row(timed.id)).toMatchObject({
        state: "succeeded",
        undoAfterMs: null,
        outcome: expect.stringContaining(`Not ended: ACT-${kept.id} (Noor) keeps it.`),
      });
      expect(await undoOf(timed.id)).toBeUndefined();
      expect(await story(timed)).toContain(`is not ended: ACT-${kept.id} (Noor) keeps it.`);
      await expect(undoAction(engine.air, noor, { action: kept.id })).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining(`undo ACT-${timed.id}`),
      });
      await undoAction(engine.air, noor, { action: timed.id });
      await executeAction(engine.air, (await undoOf(timed.id))?.id ?? 0, engine.settle);
      expect(await row(timed.id)).toMatchObject({ state: "undone" });
      expect(await row(kept.id)).toMatchObject({
        state: "undone",
        outcome: expect.stringContaining(`together with ACT-${timed.id}, by Noor`),
      });
      expect(await story(kept)).toContain(`Undone together with ACT-${timed.id}`);
    });

    test("what did nothing itself is not taken back at its end", async () => {
      const target = device();
      const kept = await done(noor, target);
      const timed = await done(mia, target, 30 * SECONDS);
      await at(3_600 * SECONDS);
      expect(await undoOf(timed.id)).toBeUndefined();
      expect(await row(timed.id)).toMatchObject({ state: "succeeded", undoable: false });
      expect(await row(kept.id)).toMatchObject({ state: "succeeded", undoable: true });
    });

    test("of two that end by themselves the later end counts, and then both have ended", async () => {
      const target = device();
      const short = await done(mia, target, 3_600 * SECONDS);
      const long = await done(noor, target, 7_200 * SECONDS);
      await at(3_601 * SECONDS);
      expect(await row(short.id)).toMatchObject({ state: "succeeded", undoAfterMs: 7_200 * SECONDS });
      await at(7_201 * SECONDS);
      expect(await row(short.id)).toMatchObject({ state: "undoing" });
      await executeAction(engine.air, (await undoOf(short.id))?.id ?? 0, engine.settle);
      expect(await row(short.id)).toMatchObject({ state: "undone" });
      expect(await row(long.id)).toMatchObject({ state: "undone" });
    });

    test("who wanted it before somebody released it by hand keeps nothing", async () => {
      const target = device();
      await done(noor, target);
      engine.world.now = new Date(NOW.getTime() + SECONDS);
      await done(noor, target);
      const { id } = await take(noor, { kind: "release-device", target });
      await executeAction(engine.air, id, engine.settle);
      engine.world.now = new Date(NOW.getTime() + 2 * SECONDS);
      const timed = await done(mia, target, 30 * SECONDS);
      await at(60 * SECONDS);
      expect(await row(timed.id)).toMatchObject({ state: "undoing" });
    });

    test("twelve at once are one", async () => {
      const target = device();
      await engine.world.capabilities.adopt([target]);
      const all = await Promise.allSettled(Array.from({ length: 12 }, () => take(responder, { target })));
      expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const one of all) if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "already-decided" });
      await expect(take(mia, { target })).rejects.toMatchObject({ code: "already-decided" });
    });
  });

  test("while paused, whoever would have decided it by asking is refused, and nothing is kept", async () => {
    const { items: before } = await engine.store.listActions({ limit: 1 });
    await pause(engine.air, mia, "device", "a drill");
    try {
      await expect(take(mia)).rejects.toMatchObject({ code: "paused", message: expect.stringContaining("Nothing was asked for or done") });
      expect((await engine.store.listActions({ limit: 1 })).items[0]?.id).toBe(before[0]?.id);
      expect(await take(responder)).toMatchObject({ state: "pending" });
    } finally {
      await resume(engine.air, mia);
    }
  });

  test("what cannot be decided after it was asked says that it waits", async () => {
    const target = device();
    await engine.world.capabilities.adopt([target]);
    const { devices } = engine.world.capabilities;
    if (!devices) return expect.fail("the lab has devices");
    const newest = async () => (await engine.store.listActions({ limit: 1 })).items[0]?.id;
    const before = await newest();
    // It answers until the action is kept.
    const find: typeof devices.find = async (...args) => {
      if ((await newest()) !== before) throw new Error("away");
      return devices.find(...args);
    };
    engine.world.capabilities = { ...engine.world.capabilities, devices: { ...devices, find } as typeof devices };
    const refused = await takeAction(engine.air, mia, { kind: "isolate-device", target, reason: "x" }, fresh("by-hand")).catch(
      (error: unknown) => error,
    );
    const [last] = (await engine.store.listActions({ limit: 1 })).items;
    expect(refused).toMatchObject({ message: expect.stringContaining(`ACT-${last?.id} waits for a decision; nothing was done now.`) });
    expect(last).toMatchObject({ state: "pending" });
  });

  test("what cannot be undone is not decided by asking: its name is typed first", async () => {
    const target: Entity = { kind: "user", email: `${fresh("lee")}@contoso.com` };
    const action = await take(mia, { kind: "revoke-sessions", target });
    expect(action).toMatchObject({ state: "pending" });
    const { action: decided } = await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: target.email });
    expect(decided).toMatchObject({ state: "approved" });
  });

  test("what grew between the card and the click asks again, on a new card", async () => {
    const { lab, capabilities } = openLab();
    engine.world.capabilities = capabilities;
    const target: Entity = { kind: "device", name: fresh("WS") };
    await lab.adopt([target]);
    const action = await takeAction(engine.air, responder, { kind: "isolate-device", target, reason: "x" }, fresh("by-hand"));
    engine.world.policy = { ...testPolicy, protected: [`device:${target.name}`] };
    await expect(decideAction(engine.air, mia, { action: action.id, decision: "approve", version: action.version })).rejects.toMatchObject({
      code: "changed",
    });
    const again = await engine.store.action(action.id);
    expect(again).toMatchObject({
      state: "pending",
      approvalsNeeded: 2,
      blastRadius: { changed: [expect.stringContaining("now protected")] },
    });
    expect(again?.version).not.toBe(action.version);
    expect(await engine.store.approvalsOf(action.id)).toEqual([]);
    const decided = await decideAction(engine.air, mia, {
      action: action.id,
      decision: "approve",
      version: again?.version,
      typed: target.name,
    });
    expect(decided.waitsForSecond).toBe(true);
  });

  test("whose device it is may not decide about it, as the inventory said", async () => {
    const action = await take(responder);
    const [evidence] = await engine.store.evidenceOf(action.investigationId);
    await engine.store.saveObservations([
      {
        evidenceId: evidence?.id ?? 0,
        investigationId: action.investigationId,
        look: "device-facts/lab",
        part: 0,
        analyzer: "device-facts",
        source: "lab",
        family: "endpoint",
        label: "neutral",
        weight: 0,
        text: "Workstation.",
        technique: null,
        raw: { owner: "Mia@contoso.com" },
        rawSha256: null,
        connectorVersion: null,
        found: null,
        decisive: null,
        at: NOW,
        askedAt: NOW,
        tookMs: 1,
        createdAt: NOW,
      },
    ]);
    await expect(decideAction(engine.air, mia, { action: action.id, decision: "approve" })).rejects.toMatchObject({
      code: "forbidden",
      details: { missing: "not-a-suspect" },
    });
    expect((await decideAction(engine.air, noor, { action: action.id, decision: "approve" })).action.state).toBe("approved");
  });

  test("what it reaches cannot be read now: nothing is decided, and it stays open", async () => {
    const action = await take(responder);
    const { devices } = engine.world.capabilities;
    const away = { ...devices, find: () => Promise.reject(new Error("away")) } as typeof devices;
    engine.world.capabilities = { ...engine.world.capabilities, devices: away };
    await expect(decideAction(engine.air, mia, { action: action.id, decision: "approve" })).rejects.toMatchObject({ code: "unavailable" });
    expect(await engine.store.action(action.id)).toMatchObject({ state: "pending", version: action.version });
  });
});
