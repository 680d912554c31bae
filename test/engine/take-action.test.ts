import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { type TakeRequest, takeAction } from "../../src/engine/take-action.ts";
import { openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

describe.each(DATABASES)("an action asked for by hand, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(() => {
    Object.assign(engine.world, { capabilities: openLab().capabilities, policy: testPolicy });
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
    expect((await decideAction(engine.air, noor, { action: action.id, decision: "approve" })).waitsForSecond).toBe(true);
    const last = await decideAction(engine.air, approver("Paul"), { action: action.id, decision: "approve" });
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
    expect((await decideAction(engine.air, mia, { action: action.id, decision: "approve", version: again?.version })).waitsForSecond).toBe(
      true,
    );
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
