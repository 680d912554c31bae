import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { EntityOf } from "../../src/engine/domain/entity.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { ConnectorError, type MessageFacts } from "../../src/engine/ports.ts";
import { RECHECK_MS, recheckAction } from "../../src/engine/recheck-action.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { holding, message } from "../support/fake-mail-product.ts";
import { type Steps, steps } from "../support/investigating.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

describe.each(DATABASES)("what waits for a decision is looked at again, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, {
      now: NOW,
      policy: testPolicy,
      capabilities: NOTHING,
      channels: [{ channels: ["slack:C0SOC"], post: "all" }],
    });
  });
  afterAll(() => engine.close());

  const later = (ms: number) => {
    engine.world.now = new Date(NOW.getTime() + ms);
  };
  const recheck = async (action: ActionRow) => {
    await recheckAction(engine.air, action.id, engine.settle);
    return (await engine.store.action(action.id)) as ActionRow;
  };
  /** A mail that lies in an inbox, and whose removal waits. */
  const mail = async (more: Partial<MessageFacts> = {}) => {
    const id = fresh("mail");
    const facts = [message({ id, ...more })];
    engine.world.capabilities = holding({ messages: facts });
    const target: EntityOf<"message"> = {
      kind: "message",
      networkMessageId: id,
      subject: fresh("Invoice"),
      sender: "billing@fabrikam.example",
    };
    const action = await proposedAction(engine, { kind: "soft-delete-mail", target });
    return { action, facts, first: facts[0] as MessageFacts };
  };

  test.each<[string, (made: Awaited<ReturnType<typeof mail>>) => void]>([
    ["moved out of the inbox", ({ first }) => Object.assign(first, { location: "quarantine" })],
    ["gone from every mailbox", ({ first }) => Object.assign(first, { location: "gone" })],
    ["not found any more", ({ facts }) => facts.splice(0)],
  ])("mail that was %s: cancelled as remediated, and so is the investigation", async (_, leave) => {
    const made = await mail();
    const card = await engine.message("slack:C0SOC", `action:${made.action.id}`);
    leave(made);
    later(RECHECK_MS);
    const after = await recheck(made.action);
    expect(after).toMatchObject({ state: "cancelled", endedAt: engine.world.now, outcome: expect.stringMatching(/^Already remediated: /) });
    expect(await given.row(made.action.investigationId)).toMatchObject({
      status: "successfullyRemediated",
      endedAt: engine.world.now,
      pendingSince: null,
      pendingMs: RECHECK_MS,
    });
    expect(await engine.store.evidence(made.action.evidenceId ?? 0)).toMatchObject({ remediation: "remediated" });
    expect((await given.audit("action.cancelled")).at(-1)).toMatchObject({
      subject: `ACT-${made.action.id}`,
      data: { because: "already remediated" },
    });
    expect(given.events((await given.view(made.action.incidentId)).timeline, "action-cancelled")).toHaveLength(1);
    expect((await engine.message("slack:C0SOC", `action:${made.action.id}`))?.wanted).toBeGreaterThan(card?.wanted ?? 0);
    // Once is enough.
    await recheck(made.action);
    expect(given.events((await given.view(made.action.incidentId)).timeline, "action-cancelled")).toHaveLength(1);
    await expect(decideAction(engine.air, approver("Ada"), { action: made.action.id, decision: "approve" })).rejects.toMatchObject({
      code: "already-decided",
    });
  });

  test("still there: it goes on waiting, and the time of the look is kept", async () => {
    const { action } = await mail();
    later(RECHECK_MS);
    expect(await recheck(action)).toEqual({ ...action, checkedAt: engine.world.now });
    expect(await given.row(action.investigationId)).toMatchObject({ status: "pendingApproval", endedAt: null });
  });

  test("the product does not answer: nothing is concluded from that", async () => {
    const { action } = await mail();
    engine.world.capabilities = {
      ...engine.world.capabilities,
      mail: engine.world.capabilities.mail && {
        ...engine.world.capabilities.mail,
        find: () => Promise.reject(new ConnectorError("unavailable", "no answer")),
      },
    };
    later(RECHECK_MS);
    expect(await recheck(action)).toMatchObject({ state: "pending", outcome: null, decision: null });
    expect(await engine.store.evidence(action.evidenceId ?? 0)).toMatchObject({ remediation: "none" });
  });

  test("somebody isolated the device elsewhere", async () => {
    const product = fakeEndpointProduct();
    engine.world.capabilities = product.capabilities;
    const name = fresh("WS");
    const facts = product.add(name);
    const action = await proposedAction(engine, { kind: "isolate-device", target: { kind: "device", name } });
    facts.isolated = true;
    expect(await recheck(action)).toMatchObject({ state: "cancelled", outcome: expect.stringContaining("is isolated.") });
    expect(product.calls).toEqual([]);
  });

  test("a device the product does not know any more is not one that was dealt with", async () => {
    const product = fakeEndpointProduct();
    engine.world.capabilities = product.capabilities;
    const name = fresh("WS");
    product.add(name);
    const action = await proposedAction(engine, { kind: "isolate-device", target: { kind: "device", name } });
    product.remove(name);
    expect(await recheck(action)).toMatchObject({ state: "pending", outcome: null });
    expect(await given.row(action.investigationId)).toMatchObject({ status: "pendingApproval" });
    expect(await engine.store.evidence(action.evidenceId ?? 0)).toMatchObject({ remediation: "none" });
  });

  test("a proposal to take something back that is not needed any more remediates nothing", async () => {
    const product = fakeEndpointProduct();
    engine.world.capabilities = product.capabilities;
    const name = fresh("WS");
    product.add(name);
    const isolate = await proposedAction(engine, { kind: "isolate-device", target: { kind: "device", name } });
    await decideAction(engine.air, approver("Ada"), { action: isolate.id, decision: "approve" });
    await executeAction(engine.air, isolate.id, engine.settle);
    const release = await proposedAction(engine, {
      kind: "release-device",
      target: { kind: "device", name },
      change: { undoes: isolate.id, evidenceId: isolate.evidenceId },
    });
    await engine.store.transaction((tx) => tx.markRemediated(isolate.evidenceId ?? 0, "none"));
    const [device] = [await product.capabilities.devices?.find({ kind: "device", name }, new AbortController().signal)];
    await product.capabilities.devices?.release(device?.id ?? "", "by hand", "key", new AbortController().signal);
    const after = await recheck(release);
    expect(after).toMatchObject({ state: "cancelled", outcome: expect.stringMatching(/^Not needed: /) });
    expect(await engine.store.evidence(isolate.evidenceId ?? 0)).toMatchObject({ remediation: "none" });
  });

  test("what is done by hand, decided, or of the other world is left alone", async () => {
    const byHand = await mail();
    await engine.store.transaction((tx) => tx.updateAction(byHand.action.id, { byHand: "Remove it by hand." }));
    Object.assign(byHand.first, { location: "gone" });
    expect(await recheck(byHand.action)).toMatchObject({ state: "pending" });

    const rejected = await mail();
    await decideAction(engine.air, approver("Ada"), { action: rejected.action.id, decision: "reject", reason: "it is real" });
    Object.assign(rejected.first, { location: "gone" });
    expect(await recheck(rejected.action)).toMatchObject({ state: "rejected" });

    const other = await mail();
    Object.assign(other.first, { location: "gone" });
    engine.world.capabilities = { ...engine.world.capabilities, lab: true };
    expect(await recheck(other.action)).toMatchObject({ state: "pending" });
  });

  test("a decision that falls while the target is read wins", async () => {
    const { action, first } = await mail();
    Object.assign(first, { location: "gone" });
    await recheckAction(engine.air, action.id, async (effect) => {
      await decideAction(engine.air, approver("Ada"), { action: action.id, decision: "reject", reason: "it is real" });
      await engine.settle(effect);
    });
    expect(await engine.store.action(action.id)).toMatchObject({ state: "rejected", decision: { by: "Ada" } });
  });

  test("the sweep sends the look every ten minutes, not sooner", async () => {
    const { action } = await mail();
    const due = async () => (await engine.jobs("recheck-action")).map((job) => job.data.action).includes(action.id);
    later(RECHECK_MS - 1);
    await sweep(engine.air, engine.settle);
    expect(await due()).toBe(false);
    later(RECHECK_MS);
    await sweep(engine.air, engine.settle);
    expect(await due()).toBe(true);
    await engine.clearJobs();
    await recheck(action);
    await sweep(engine.air, engine.settle);
    expect(await due()).toBe(false);
  });
});
