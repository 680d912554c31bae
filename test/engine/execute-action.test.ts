import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { pause, resume } from "../../src/engine/pause.ts";
import { ConnectorError } from "../../src/engine/ports.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = approver("Mia");
const admin = somebody("Ada", { ...NO_ROLES, admin: true });
const DAY = 86_400_000;

describe.each(DATABASES)("carrying out, %s", (kind) => {
  let engine: Engine;
  let product: ReturnType<typeof fakeEndpointProduct>;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    product = fakeEndpointProduct();
    Object.assign(engine.world, { now: NOW, capabilities: product.capabilities, policy: testPolicy });
    await resume(engine.air, admin);
  });
  afterAll(() => engine.close());

  const approved = async (name = fresh("WS"), more: Partial<ActionRow> = {}) => {
    const facts = product.add(name);
    const action = await proposedAction(engine, { target: { kind: "device", name }, change: more });
    await decideAction(engine.air, mia, { action: action.id, decision: "approve" });
    await engine.clearJobs();
    return { id: action.id, facts, action };
  };
  const run = (id: number) => executeAction(engine.air, id, engine.settle);
  const now = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const events = async (action: ActionRow) =>
    (await engine.store.incidentViews([action.incidentId])).get(action.incidentId)?.timeline.map((line) => line.event);
  const audited = async (id: number) =>
    (await engine.store.auditLines(0, 10_000))
      .map((row) => JSON.parse(row.line) as { event: string; subject: string })
      .filter((line) => line.subject === `ACT-${id}`)
      .map((line) => line.event);

  test("done, and verified by reading back", async () => {
    const { id, facts, action } = await approved();
    await run(id);
    expect(facts.isolated).toBe(true);
    expect(product.calls).toEqual([
      { what: "isolate", device: facts.name, key: expect.stringContaining(`-${id}`), comment: `air ACT-${id}, approved by Mia` },
    ]);
    expect(await now(id)).toMatchObject({
      state: "succeeded",
      outcome: `Done and verified: ${facts.name} is isolated.`,
      executingAt: NOW,
      endedAt: NOW,
    });
    expect(await engine.store.evidenceOf(action.investigationId)).toMatchObject([{ remediation: "remediated" }]);
    expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "successfullyRemediated", endedAt: NOW });
    expect(await events(action)).toContain("action-succeeded");
    expect(await audited(id)).toEqual(["decision.approve", "action.executing", "action.succeeded"]);
    // A late or repeated job finds nothing to do.
    await run(id);
    expect(product.calls).toHaveLength(1);
    expect(await audited(id)).toHaveLength(3);
  });

  describe("what was proposed for one tenant", () => {
    const of = (tenant: string) => Object.assign(engine.world, { capabilities: { ...product.capabilities, tenantOf: () => tenant } });

    test("is carried out in no other: approved before the switch it is cancelled, and nothing is called", async () => {
      of("contoso");
      const { id } = await approved();
      of("fabrikam");
      await run(id);
      expect(product.calls).toEqual([]);
      expect(await now(id)).toMatchObject({ state: "cancelled", outcome: expect.stringContaining("of contoso, which is not connected") });
    });

    test("asks again when somebody decides after the switch", async () => {
      of("contoso");
      const name = fresh("WS");
      product.add(name);
      const action = await proposedAction(engine, { target: { kind: "device", name } });
      of("fabrikam");
      const decide = () => decideAction(engine.air, mia, { action: action.id, decision: "approve" });
      await expect(decide()).rejects.toMatchObject({ code: "changed", message: expect.stringContaining("another product or tenant") });
      expect(await now(action.id)).toMatchObject({ state: "pending", boundTo: expect.stringContaining("of fabrikam") });
      await decide();
      await run(action.id);
      expect(await now(action.id)).toMatchObject({ state: "succeeded" });
    });
  });

  test("the row says executing, committed, before the call goes out", async () => {
    const { id } = await approved();
    const gate = Promise.withResolvers<void>();
    product.gate = gate.promise;
    const running = run(id);
    await expect.poll(() => product.calls.length).toBe(1);
    expect(await now(id)).toMatchObject({ state: "executing", ticket: null });
    gate.resolve();
    await running;
    expect(await now(id)).toMatchObject({ state: "succeeded" });
  });

  test("what is already so takes no call", async () => {
    const { id, facts } = await approved();
    facts.isolated = true;
    await run(id);
    expect(product.calls).toEqual([]);
    expect(await now(id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Nothing to do") });
  });

  test("a target that is gone fails, and nothing was done", async () => {
    const { id, facts } = await approved();
    product.remove(facts.name);
    await run(id);
    expect(product.calls).toEqual([]);
    expect(await now(id)).toMatchObject({ state: "failed", outcome: expect.stringContaining("Nothing was done.") });
  });

  describe("after a death between the call and its answer", () => {
    const died = async () => {
      const { id, facts, action } = await approved();
      await engine.store.transaction((tx) => tx.moveAction(id, "approved", { state: "executing", executingAt: NOW }));
      return { id, facts, action };
    };
    test("it looks and finds it done", async () => {
      const { id, facts } = await died();
      facts.isolated = true;
      await run(id);
      expect(product.calls).toEqual([]);
      expect(await now(id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("found after an interruption") });
    });
    test("it looks and cannot know: a person is told, the call is never repeated", async () => {
      const { id, action } = await died();
      await run(id);
      await run(id);
      expect(product.calls).toEqual([]);
      expect(await now(id)).toMatchObject({ state: "unclear", outcome: expect.stringContaining("Outcome unclear") });
      expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "closedWithFailures" });
    });
    test("the sweep finds it, whatever happened to its job", async () => {
      const { id } = await died();
      await sweep(engine.air, engine.settle);
      expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toContain(id);
    });
  });

  describe("when the call fails", () => {
    test("no answer, but reading back shows it done", async () => {
      const { id } = await approved();
      product.failAfter = new ConnectorError("unclear", "no answer in time");
      await run(id);
      expect(await now(id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Done and verified") });
      expect(product.calls).toHaveLength(1);
    });
    test("no answer, and reading back does not show it: unclear, never repeated", async () => {
      const { id } = await approved();
      product.failBefore = new ConnectorError("unclear", "no answer in time");
      await run(id);
      await run(id);
      expect(await now(id)).toMatchObject({
        state: "unclear",
        outcome: expect.stringMatching(/^Outcome unclear\. No answer came\..*is on the network/),
      });
      expect(product.calls).toHaveLength(1);
    });
    test("accepted, but nothing changed: unclear", async () => {
      const { id } = await approved();
      product.ignores = true;
      await run(id);
      expect(await now(id)).toMatchObject({
        state: "unclear",
        outcome: expect.stringContaining("The product accepted it. But reading back"),
      });
    });
    test("certainly not reached: approved again, the job fails so that the queue tries again, and the next try does it", async () => {
      const { id, facts } = await approved();
      product.failBefore = new ConnectorError("unavailable", "connection refused");
      await expect(run(id)).rejects.toThrow("connection refused");
      expect(await now(id)).toMatchObject({ state: "approved", executingAt: null, outcome: "Not reached yet: connection refused" });
      product.failBefore = undefined;
      await run(id);
      expect(facts.isolated).toBe(true);
      expect(await now(id)).toMatchObject({ state: "succeeded" });
      expect(new Set(product.calls.map((call) => call.key)).size).toBe(1);
    });
    test("refused: failed, with the product's words", async () => {
      const { id } = await approved();
      product.failBefore = new ConnectorError("refused", "the app lacks Machine.Isolate");
      await run(id);
      expect(await now(id)).toMatchObject({ state: "failed", outcome: "Failed: the app lacks Machine.Isolate" });
    });
  });

  test("the stop button holds it back, and resume wakes it", async () => {
    const { id, facts } = await approved();
    await pause(engine.air, admin, "all", "wrong wave");
    await run(id);
    expect(product.calls).toEqual([]);
    expect(await now(id)).toMatchObject({ state: "approved" });
    expect(await engine.jobs("execute-action")).toEqual([]);
    await resume(engine.air, admin);
    expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toEqual([id]);
    await run(id);
    expect(facts.isolated).toBe(true);
  });

  test("a pause of another family does not hold it back", async () => {
    const { id } = await approved();
    await pause(engine.air, admin, "email", "mail only");
    await run(id);
    expect(await now(id)).toMatchObject({ state: "succeeded" });
  });

  test("one action in flight per target: the other waits its turn", async () => {
    const name = fresh("WS");
    const first = await approved(name);
    const second = await proposedAction(engine, { target: { kind: "device", name } });
    await decideAction(engine.air, mia, { action: second.id, decision: "approve" });
    await engine.clearJobs();
    product.slow = true;
    await run(first.id);
    expect(await now(first.id)).toMatchObject({ state: "executing", ticket: "ticket-1" });
    await run(second.id);
    expect(product.calls).toHaveLength(1);
    expect(await now(second.id)).toMatchObject({ state: "approved" });
    expect((await engine.jobs("execute-action")).map((job) => [job.key, job.startAfter > NOW])).toEqual([
      [`ACT-${first.id}`, true],
      [`ACT-${second.id}`, true],
    ]);
    product.finish("done");
    await run(first.id);
    await run(second.id);
    expect(await now(second.id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Nothing to do") });
    expect(product.calls).toHaveLength(1);
  });

  test("two jobs at once on one target make one call", async () => {
    const name = fresh("WS");
    const first = await approved(name);
    const second = await proposedAction(engine, { target: { kind: "device", name } });
    await decideAction(engine.air, mia, { action: second.id, decision: "approve" });
    product.slow = true;
    await Promise.all([run(first.id), run(second.id), run(first.id)]);
    expect(product.calls).toHaveLength(1);
  });

  describe("an operation that takes its time", () => {
    const started = async () => {
      product.slow = true;
      const one = await approved();
      await run(one.id);
      return one;
    };
    test("is followed until it is done, then verified", async () => {
      const { id, facts } = await started();
      expect(await now(id)).toMatchObject({ state: "executing", ticket: "ticket-1", outcome: "queued" });
      expect((await engine.jobs("execute-action"))[0]?.startAfter.getTime()).toBeGreaterThan(NOW.getTime());
      await run(id);
      expect(await now(id)).toMatchObject({ state: "executing" });
      product.finish("done");
      await run(id);
      expect(await now(id)).toMatchObject({ state: "succeeded", outcome: `Done and verified: ${facts.name} is isolated.` });
      expect(product.calls).toHaveLength(1);
    });
    test("that fails is failed", async () => {
      const { id } = await started();
      product.finish("failed", "the agent refused");
      await run(id);
      expect(await now(id)).toMatchObject({ state: "failed", outcome: "Failed: the agent refused" });
    });
    test("that nobody picks up times out after three days, not before", async () => {
      const { id, action } = await started();
      engine.world.now = new Date(NOW.getTime() + 3 * DAY);
      await run(id);
      expect(await now(id)).toMatchObject({ state: "executing" });
      engine.world.now = new Date(NOW.getTime() + 3 * DAY + 1);
      await run(id);
      expect(await now(id)).toMatchObject({ state: "timedOut", outcome: expect.stringContaining("within 3 days") });
      expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "closedWithFailures" });
    });
    test("on a device that is away says that it waits for the device", async () => {
      product.slow = true;
      const name = fresh("WS");
      product.add(name, { online: false });
      const action = await proposedAction(engine, { target: { kind: "device", name } });
      await decideAction(engine.air, mia, { action: action.id, decision: "approve" });
      await run(action.id);
      expect(await now(action.id)).toMatchObject({ state: "executing", waitingForDevice: true });
      expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "pendingResource" });
    });
  });

  test("approved but past its time it is cancelled, and nothing is done", async () => {
    const { id, action } = await approved();
    engine.world.now = action.expiresAt;
    await run(id);
    expect(product.calls).toEqual([]);
    expect(await now(id)).toMatchObject({ state: "cancelled", outcome: expect.stringContaining("nothing was done") });
  });

  test("what the lab proposed is never carried out on real products", async () => {
    engine.world.capabilities = openLab().capabilities;
    const action = await proposedAction(engine, { target: { kind: "device", name: "WS-001" } });
    await decideAction(engine.air, mia, { action: action.id, decision: "approve" });
    engine.world.capabilities = product.capabilities;
    product.add("WS-001");
    await run(action.id);
    expect(product.calls).toEqual([]);
    expect(await now(action.id)).toMatchObject({ state: "cancelled" });
  });

  describe("taken back", () => {
    const carriedOut = async () => {
      const one = await approved();
      await run(one.id);
      await engine.clearJobs();
      return one;
    };
    const undoOf = async (id: number) => {
      const actions = (await engine.store.listActions({ limit: 200 })).items.filter((action) => action.undoes === id);
      return actions[0] as ActionRow;
    };

    test("the opposite is carried out, and the first action reads undone", async () => {
      const { id, facts, action } = await carriedOut();
      expect(await undoAction(engine.air, mia, { action: id, reason: "a false alarm" })).toMatchObject({ state: "undoing" });
      const undo = await undoOf(id);
      expect(undo).toMatchObject({ kind: "release-device", state: "approved", decision: { by: "Mia", reason: "a false alarm" } });
      expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toEqual([undo.id]);
      await run(undo.id);
      expect(facts.isolated).toBe(false);
      expect(await now(undo.id)).toMatchObject({ state: "succeeded" });
      expect(await now(id)).toMatchObject({ state: "undone", outcome: expect.stringContaining("Undone by Mia.") });
      expect(await engine.store.evidenceOf(action.investigationId)).toMatchObject([{ remediation: "none" }]);
      expect(await audited(id)).toContain("action.undo-requested");
    });
    test("twice at once is undone once", async () => {
      const { id } = await carriedOut();
      const results = await Promise.allSettled([1, 2].map(() => undoAction(engine.air, mia, { action: id })));
      expect(results.map((result) => result.status).sort()).toEqual(["fulfilled", "rejected"]);
      expect(await engine.jobs("execute-action")).toHaveLength(1);
    });
    test("when the product refuses, the first action still stands, and says so", async () => {
      const { id, facts } = await carriedOut();
      await undoAction(engine.air, mia, { action: id });
      product.failBefore = new ConnectorError("refused", "not allowed");
      await run((await undoOf(id)).id);
      expect(facts.isolated).toBe(true);
      expect(await now(id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Could not be undone") });
    });
    test("an undo that was never begun before its time leaves the first action as it was", async () => {
      const { id } = await carriedOut();
      await undoAction(engine.air, mia, { action: id });
      await pause(engine.air, admin, "all", "stop");
      engine.world.now = new Date(NOW.getTime() + 10 * DAY);
      await sweep(engine.air, engine.settle);
      // Nobody swept for ten days, so it asked again before it expired.
      expect(await now((await undoOf(id)).id)).toMatchObject({ state: "expired" });
      expect(await now(id)).toMatchObject({ state: "succeeded" });
    });
    test("needs the role, and an action that was carried out", async () => {
      const { id } = await carriedOut();
      await expect(undoAction(engine.air, approver("Eve", ["email"]), { action: id })).rejects.toMatchObject({ code: "forbidden" });
      const pending = await proposedAction(engine);
      await expect(undoAction(engine.air, mia, { action: pending.id })).rejects.toMatchObject({ code: "invalid" });
      await pause(engine.air, admin, "all", "stop");
      await expect(undoAction(engine.air, mia, { action: id })).rejects.toMatchObject({ code: "paused" });
      expect(await now(id)).toMatchObject({ state: "succeeded" });
    });
  });
});
