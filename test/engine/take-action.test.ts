import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { freshEvidence } from "../../src/engine/fresh-rows.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { type TakeRequest, takeAction } from "../../src/engine/take-action.ts";
import { extendAction } from "../../src/engine/timed-actions.ts";
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
