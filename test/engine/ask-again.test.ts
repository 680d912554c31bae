import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { beat, lastBeat } from "../../src/engine/ask-again.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { pause, resume } from "../../src/engine/pause.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { steps } from "../support/investigating.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = approver("Mia");
const tom = approver("Tom");
const ada = somebody("Ada", { ...NO_ROLES, admin: true });
const MINUTE = 60_000;

describe.each(DATABASES)("what was approved and has not begun, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.database.boss.executeSql("delete from settings; delete from actions; delete from approvals");
    await engine.clearJobs();
    Object.assign(engine.world, { now: NOW, capabilities: openLab(() => engine.world.now).capabilities, policy: testPolicy });
  });
  afterAll(() => engine.close());

  const row = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const later = (minutes: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + minutes * MINUTE);
  };
  const waiting = async (change = {}) => {
    const target = { kind: "device", name: fresh("WS") } as const;
    await engine.world.capabilities.adopt([target]);
    return proposedAction(engine, { kind: "isolate-device", target, change });
  };
  const approved = async () => {
    const action = await waiting();
    await decideAction(engine.air, mia, { action: action.id, decision: "approve" });
    return row(action.id);
  };

  test.each([
    [59, "approved"],
    [61, "pending"],
  ] as const)("after a stop of %s min it is %s", async (minutes, state) => {
    const action = await approved();
    await beat(engine.air);
    later(minutes);
    await beat(engine.air);
    const now = await row(action.id);
    expect(now.state).toBe(state);
    expect(await lastBeat(engine.store)).toEqual(engine.world.now);
    if (state === "approved") return;
    expect(now).toMatchObject({ decision: null, decidedAt: null, rule: "air was stopped for more than 1 h (since 2026-10-05T09:00Z)" });
    expect(now.version).not.toBe(action.version);
    // As much time to answer as at first.
    expect(now.deadline.getTime() - engine.world.now.getTime()).toBe(action.deadline.getTime() - action.proposedAt.getTime());
    const view = await steps(engine).view(action.incidentId);
    expect(view.timeline.at(-1)).toMatchObject({ event: "action-asks-again", text: expect.stringContaining("stopped for more than 1 h") });
    expect(view.investigations[0]?.status).toBe("pendingApproval");
    expect((await steps(engine).audit("action.asks-again")).at(-1)).toMatchObject({ subject: `ACT-${action.id}`, data: { before: "Mia" } });
  });

  test("the first start of all, and a clock that went back, ask nothing again", async () => {
    const action = await approved();
    await beat(engine.air);
    later(-600);
    await beat(engine.air);
    expect((await row(action.id)).state).toBe("approved");
  });

  test("a database that is older than what this machine remembers was restored", async () => {
    const action = await approved();
    await beat(engine.air);
    later(10);
    await beat(engine.air, new Date(NOW.getTime() + 9 * MINUTE));
    expect(await row(action.id)).toMatchObject({
      state: "pending",
      rule: expect.stringContaining("restored to what it was at 2026-10-05T09:00Z"),
    });
  });

  test("what this machine remembers and the database has too is no restore", async () => {
    const action = await approved();
    await beat(engine.air);
    later(10);
    await beat(engine.air, NOW);
    expect((await row(action.id)).state).toBe("approved");
  });

  test("a machine that slept: nothing begins before the sweep has looked", async () => {
    const action = await approved();
    await sweep(engine.air, engine.settle);
    later(90);
    await executeAction(engine.air, action.id, engine.settle);
    expect(await row(action.id)).toMatchObject({ state: "approved", executingAt: null });
    await sweep(engine.air, engine.settle);
    expect((await row(action.id)).state).toBe("pending");
  });

  test.each([
    [59, "approved"],
    [61, "pending"],
  ] as const)("paused for %s min, after resume it is %s", async (minutes, state) => {
    const action = await approved();
    await pause(engine.air, mia, "device", "wait");
    later(minutes);
    await engine.clearJobs();
    await resume(engine.air, ada);
    expect((await row(action.id)).state).toBe(state);
    expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toEqual(state === "approved" ? [action.id] : []);
  });

  test("a pause of another family does not make it ask", async () => {
    const action = await approved();
    await pause(engine.air, mia, "email", "wait");
    later(90);
    await resume(engine.air, ada);
    expect((await row(action.id)).state).toBe("approved");
  });

  test("a family alone is resumed: only what it paused goes on, and a pause of all stays", async () => {
    const action = await approved();
    await pause(engine.air, mia, "device", "wait");
    await pause(engine.air, mia, "identity", "wait too");
    await engine.clearJobs();
    expect((await resume(engine.air, ada, "identity")).map((one) => one.family)).toEqual(["device"]);
    expect(await engine.jobs("execute-action")).toEqual([]);
    await expect(resume(engine.air, ada, "email")).rejects.toThrow(
      "No pause of email is in force; paused is: device. Nothing was resumed.",
    );
    expect(await resume(engine.air, ada, "device")).toEqual([]);
    expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toEqual([action.id]);

    await pause(engine.air, mia, "all", "everything waits");
    await engine.clearJobs();
    await expect(resume(engine.air, ada, "device")).rejects.toThrow(
      'Every execution is paused by Mia: everything waits. That ends with "resume" for all families at once; nothing was resumed.',
    );
    await pause(engine.air, mia, "device", "wait");
    expect((await resume(engine.air, ada, "device")).map((one) => one.family)).toEqual(["all"]);
    expect(await engine.jobs("execute-action")).toEqual([]);
    expect(await resume(engine.air, ada)).toEqual([]);
    expect((await engine.jobs("execute-action")).map((job) => job.data.action)).toEqual([action.id]);
  });

  test("what waited for more than an hour asks again, also while all is paused still", async () => {
    const action = await approved();
    await pause(engine.air, mia, "device", "wait");
    later(61);
    await pause(engine.air, mia, "all", "everything waits");
    await resume(engine.air, ada, "device");
    expect((await row(action.id)).state).toBe("pending");
  });

  test("both approvals have to be given anew, by the same two people if need be, and an old button does nothing", async () => {
    const action = await waiting({ approvalsNeeded: 2 });
    const typed = action.target.kind === "device" ? action.target.name : undefined;
    await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed });
    await decideAction(engine.air, tom, { action: action.id, decision: "approve", typed });
    expect((await row(action.id)).state).toBe("approved");
    await beat(engine.air);
    later(70);
    await beat(engine.air);
    await expect(
      decideAction(engine.air, mia, { action: action.id, decision: "approve", typed, version: action.version }),
    ).rejects.toMatchObject({
      code: "changed",
    });
    expect((await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed })).waitsForSecond).toBe(true);
    expect((await decideAction(engine.air, tom, { action: action.id, decision: "approve", typed })).action.state).toBe("approved");
  });

  test("an undo that has not begun asks again, and what it takes back stands until then", async () => {
    const action = await approved();
    for (let tries = 0; tries < 5 && (await row(action.id)).state !== "succeeded"; tries++) {
      await executeAction(engine.air, action.id, engine.settle);
      later(1);
    }
    expect((await row(action.id)).state).toBe("succeeded");
    await undoAction(engine.air, mia, { action: action.id });
    const undo = (await engine.store.listActions({ incidentId: action.incidentId, limit: 10 })).items.find(
      (one) => one.undoes === action.id,
    ) as ActionRow;
    await beat(engine.air);
    later(70);
    await beat(engine.air);
    expect([(await row(undo.id)).state, (await row(action.id)).state]).toEqual(["pending", "succeeded"]);
    await decideAction(engine.air, tom, { action: undo.id, decision: "approve" });
    expect([(await row(undo.id)).state, (await row(action.id)).state]).toEqual(["approved", "undoing"]);
  });
});
