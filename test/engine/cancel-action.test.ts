import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createConversation } from "../../src/bot/conversation.ts";
import { cancelAction } from "../../src/engine/cancel-action.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { type FakeDefender, fakeDefender } from "../support/fake-defender.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = approver("Mia");
const DAY = 86_400_000;

describe.each(DATABASES)("ending what was approved, %s", (kind) => {
  let engine: Engine;
  let fake: FakeDefender;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.sleep = async () => {};
    fake = await fakeDefender(() => engine.world.now);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    fake.reset();
    fake.product.slow = true;
    Object.assign(engine.world, { now: NOW, capabilities: fake.capabilities, policy: testPolicy });
  });
  afterAll(async () => {
    await fake.close();
    await engine.close();
  });

  const approved = async () => {
    const machine = fake.add(fresh("ws"));
    const target = { kind: "device", name: machine.computerDnsName } as const;
    const action = await proposedAction(engine, { target, change: { approvalsNeeded: 1 } });
    await decideAction(engine.air, mia, { action: action.id, decision: "approve" });
    await engine.clearJobs();
    return { id: action.id, machine, action };
  };
  const run = (id: number) => executeAction(engine.air, id, engine.settle);
  const now = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const later = (ms: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
  };
  const audited = async (id: number) =>
    (await engine.store.auditLines(0, 10_000))
      .map((row) => JSON.parse(row.line) as { event: string; subject: string })
      .filter((line) => line.subject === `ACT-${id}`)
      .map((line) => line.event);

  test("before it began it is cancelled at once, and the product never hears of it", async () => {
    const { id, action } = await approved();
    expect(await cancelAction(engine.air, mia, { action: id, reason: "wrong device" })).toMatchObject({ state: "cancelled" });
    await run(id);
    expect(fake.actions).toEqual([]);
    expect(await now(id)).toMatchObject({
      state: "cancelled",
      outcome: "Cancelled by Mia before it began: wrong device. Nothing was done.",
    });
    expect(await audited(id)).toEqual(["decision.approve", "action.cancelled"]);
    expect((await engine.store.timelineOf(action.investigationId)).map((row) => row.event)).toContain("action-cancelled");
  });

  test("while it waits for the device the product gives it up, and only its word ends it", async () => {
    const { id } = await approved();
    await run(id);
    expect(await now(id)).toMatchObject({ state: "executing" });
    await engine.clearJobs();
    expect(await cancelAction(engine.air, mia, { action: id, reason: "wrong device" })).toMatchObject({ state: "executing" });
    expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toEqual([id]);
    await run(id);
    expect(await now(id)).toMatchObject({
      state: "cancelled",
      outcome: expect.stringMatching(/^Cancelled by Mia, and the product confirms it\. Nothing was done\./),
    });
    expect(fake.actions).toMatchObject([{ status: "Cancelled", cancellationComment: `air ACT-${id}, cancelled by Mia` }]);
    expect(await audited(id)).toContain("action.cancel-requested");
  });

  test("by the button of its card, which carries what was shown", async () => {
    const { id, machine } = await approved();
    machine.healthStatus = "Inactive";
    await run(id);
    await engine.store.transaction((tx) => tx.updateAction(id, { waitingForDevice: true }));
    const drawing = async () => ({
      now: NOW,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      deciders: () => ({ anyone: false, names: ["Mia"] }),
    });
    const conversation = createConversation(engine.air, drawing);
    const shown = await conversation.say(`status ACT-${id}`, mia);
    const button = shown.buttons.find(({ label }) => label === "Cancel");
    expect(button?.value).toContain(`ACT-${id}.${(await now(id)).version}.cancel.`);
    expect(await conversation.press(button?.value ?? "", mia)).toMatchObject({ title: "Being cancelled" });
    expect((await conversation.say(`status ACT-${id}`, mia)).buttons.map(({ label }) => label)).not.toContain("Cancel");
    await run(id);
    expect(await now(id)).toMatchObject({ state: "cancelled" });
    expect((await conversation.say(`cancel ACT-${id}`, mia)).lines).toMatchObject([{ text: expect.stringContaining("has ended") }]);
  });

  test("what the device already did is done, and says that it came too late", async () => {
    const { id } = await approved();
    await run(id);
    await cancelAction(engine.air, mia, { action: id });
    fake.finish();
    await run(id);
    expect(await now(id)).toMatchObject({
      state: "succeeded",
      outcome: expect.stringMatching(/could not be cancelled any more.*is isolated/),
    });
  });

  test("a product that refuses is followed to the end, and says so meanwhile", async () => {
    const { id } = await approved();
    await run(id);
    fake.product.cancels = false;
    await cancelAction(engine.air, mia, { action: id });
    await run(id);
    expect(await now(id)).toMatchObject({ state: "executing", outcome: expect.stringContaining("does not cancel it") });
    const asked = () => fake.product.calls.filter(({ path }) => path.endsWith("/cancel")).length;
    expect(asked()).toBe(1);
    later(10_000);
    await run(id);
    expect(asked()).toBe(1);
    fake.finish();
    later(10_000);
    await run(id);
    expect(await now(id)).toMatchObject({ state: "succeeded" });
  });

  test("a request to cancel that nobody answered is made again", async () => {
    const { id } = await approved();
    await run(id);
    fake.fail({ on: /cancel$/, how: { drop: "before" }, times: 1 });
    await cancelAction(engine.air, mia, { action: id });
    await run(id);
    expect(await now(id)).toMatchObject({ state: "executing" });
    later(10_000);
    await run(id);
    expect(await now(id)).toMatchObject({ state: "cancelled" });
  });

  test("asked for while the call is lost: what never reached the product is cancelled, what did is given up", async () => {
    for (const drop of ["before", "after"] as const) {
      const { id } = await approved();
      fake.fail({ on: /isolate$/, how: { drop }, times: 1 });
      fake.product.listLagMs = 60_000;
      await run(id);
      await cancelAction(engine.air, mia, { action: id });
      for (let minute = 0; minute < 10; minute++) {
        await run(id);
        later(60_000);
      }
      expect(await now(id), drop).toMatchObject({ state: "cancelled", outcome: expect.stringContaining("Mia") });
    }
  });

  test("an undo that is cancelled leaves the first action as it stood", async () => {
    fake.product.slow = false;
    const { id, machine } = await approved();
    await run(id);
    fake.product.slow = true;
    await undoAction(engine.air, mia, { action: id });
    const undo = (await engine.store.listActions({ limit: 200 })).items.find((row) => row.undoes === id) as ActionRow;
    await run(undo.id);
    await cancelAction(engine.air, mia, { action: undo.id });
    await run(undo.id);
    expect(await now(undo.id)).toMatchObject({ state: "cancelled" });
    expect(await now(id)).toMatchObject({ state: "succeeded" });
    expect(fake.isolated(machine)).toBe(true);
  });

  test("needs the role, and something to cancel; each refusal says the next step and is kept", async () => {
    const { id } = await approved();
    await expect(cancelAction(engine.air, somebody("Eve"), { action: id })).rejects.toMatchObject({ code: "forbidden" });
    await expect(cancelAction(engine.air, approver("Eve", ["email"]), { action: id })).rejects.toMatchObject({ code: "forbidden" });
    await expect(cancelAction(engine.air, mia, { action: id, version: "another" })).rejects.toMatchObject({ code: "changed" });
    expect((await audited(id)).filter((event) => event === "decision.refused")).toHaveLength(3);
    await run(id);
    await cancelAction(engine.air, mia, { action: id });
    await expect(cancelAction(engine.air, mia, { action: id })).rejects.toMatchObject({ code: "already-decided" });
    await run(id);
    await expect(cancelAction(engine.air, mia, { action: id })).rejects.toThrow("has ended");
    const pending = await proposedAction(engine, { target: { kind: "device", name: fake.add(fresh("ws")).computerDnsName } });
    await expect(cancelAction(engine.air, mia, { action: pending.id })).rejects.toThrow(`reject ACT-${pending.id}`);
  });

  describe("nobody picks it up", () => {
    test("after three days the product is asked to give it up, and its word ends it", async () => {
      const { id } = await approved();
      await run(id);
      later(3 * DAY + 1);
      await run(id);
      await run(id);
      expect(await now(id)).toMatchObject({ state: "timedOut", outcome: expect.stringContaining("Nothing was done") });
      expect(fake.actions).toMatchObject([{ status: "Cancelled" }]);
    });
    test("what cannot be given up says that it may still happen", async () => {
      const { id } = await approved();
      await run(id);
      fake.product.cancels = false;
      later(3 * DAY + 1);
      await run(id);
      await run(id);
      expect(await now(id)).toMatchObject({ state: "executing" });
      later(3_700_000);
      await run(id);
      expect(await now(id)).toMatchObject({ state: "timedOut", outcome: expect.stringContaining("It may still happen") });
    });
    test("the product's own time-out is one", async () => {
      const { id } = await approved();
      await run(id);
      fake.finish("TimeOut");
      later(10_000);
      await run(id);
      expect(await now(id)).toMatchObject({ state: "timedOut" });
    });
  });
});
