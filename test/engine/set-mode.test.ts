import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import type { Mode } from "../../src/engine/domain/policy.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { beginObserving, modeInForce, setMode } from "../../src/engine/set-mode.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { knowing, MALICIOUS, malware, steps } from "../support/investigating.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = approver("Mia");
const ada = somebody("Ada", { ...NO_ROLES, admin: true });

describe.each(DATABASES)("the mode, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    await engine.database.boss.executeSql("delete from settings where key in ('mode', 'mode-lab', 'acting-since')");
    const { capabilities } = openLab(() => engine.world.now);
    Object.assign(engine.world, {
      now: NOW,
      capabilities,
      // Nobody wrote a mode into air.yaml; what stands here is the default.
      policy: { ...testPolicy, modeByCommand: true, deviceGroups: [{ name: "all", automation: "full" }] },
    });
  });
  afterAll(() => engine.close());

  const row = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const automatic = async () => {
    const target = { kind: "device", name: fresh("WS") } as const;
    await engine.world.capabilities.adopt([target]);
    return proposedAction(engine, {
      kind: "isolate-device",
      target,
      change: {
        state: "approved",
        decision: { decision: "automatic", by: "Automation", at: NOW.toISOString(), via: "air" },
        decidedAt: NOW,
      },
    });
  };
  /** Malware two families agree about: automatic at level full. */
  const found = async () => {
    engine.world.capabilities = { ...engine.world.capabilities, reputation: [knowing("vt", () => MALICIOUS)] };
    const walk = steps(engine);
    const id = await walk.begin(malware({ verdict: "malicious" }).alert);
    await walk.toTheEnd(id);
    return (await engine.store.actionsOf(id)).find((action) => action.kind === "quarantine-file") as ActionRow;
  };

  test("set by an admin it is in force for whoever decides next, audited and shown", async () => {
    expect(await modeInForce(engine.air)).toEqual({ mode: "act", from: "default", set: undefined });
    expect(await setMode(engine.air, ada, "observe", "first week")).toEqual({ before: "act", askAgain: 0 });
    expect(await modeInForce(engine.air)).toMatchObject({ mode: "observe", from: "command", set: { by: "Ada", reason: "first week" } });
    expect((await steps(engine).audit("mode.set")).at(-1)).toMatchObject({
      subject: "observe",
      by: "Ada",
      data: { before: "act", reason: "first week" },
    });
    // The policy of this process still says act: the row decides.
    expect(engine.air.policy().mode).toBe("act");
    expect((await found()).state).toBe("observed");
    await setMode(engine.air, ada, "act", "");
    expect((await found()).state).toBe("approved");
  });

  test.each<[string, typeof mia, boolean, RegExp, string]>([
    ["who is no admin", mia, true, /admin/, "forbidden"],
    ["where air.yaml says it", ada, false, /mode: act.*the file wins/, "invalid"],
  ])("refused: %s", async (_, person, modeByCommand, message, code) => {
    engine.world.policy = { ...engine.world.policy, modeByCommand };
    const before = (await steps(engine).audit("command.refused")).length;
    await expect(setMode(engine.air, person, "act", "")).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await engine.store.setting("mode-lab")).toBeUndefined();
    expect((await steps(engine).audit("command.refused")).length).toBe(before + 1);
  });

  test("the lab's mode is not the real one", async () => {
    await setMode(engine.air, ada, "act", "in the lab");
    engine.world.capabilities = { ...engine.world.capabilities, lab: false };
    expect((await modeInForce(engine.air)).from).toBe("default");
  });

  test("the first product that can act is connected: observe, until an admin sets another; never again after that", async () => {
    engine.world.capabilities = { ...engine.world.capabilities, lab: false };
    await setMode(engine.air, ada, "act", "before anything could act");
    await beginObserving(engine.air);
    expect(await modeInForce(engine.air)).toMatchObject({ mode: "observe", set: { by: "air" } });
    await setMode(engine.air, ada, "ask", "");
    await beginObserving(engine.air);
    expect(await modeInForce(engine.air)).toMatchObject({ mode: "ask", set: { by: "Ada" } });
  });

  test("a product that only answers does not count as one that acts", async () => {
    engine.world.capabilities = {
      ...engine.world.capabilities,
      lab: false,
      devices: undefined,
      identities: undefined,
      mail: undefined,
      indicators: undefined,
      apps: undefined,
      accessKeys: undefined,
      handwork: undefined,
    };
    await beginObserving(engine.air);
    expect((await modeInForce(engine.air)).from).toBe("default");
  });

  test("observed under one mode it is not carried out under another", async () => {
    await setMode(engine.air, ada, "observe", "");
    const action = await found();
    await setMode(engine.air, ada, "act", "");
    await executeAction(engine.air, action.id, engine.settle);
    expect(await row(action.id)).toMatchObject({ state: "observed" });
    expect(await engine.jobs("execute-action")).toEqual([]);
  });

  test.each<[Mode, boolean, boolean]>([
    ["ask", true, false],
    ["observe", true, true],
    ["act", false, false],
  ])("to %s: automatic asks again %s, approved by a person asks again %s", async (mode, byItself, byPerson) => {
    const [one, other] = [await automatic(), await proposedAction(engine)];
    await decideAction(engine.air, mia, { action: other.id, decision: "approve" });
    await setMode(engine.air, ada, mode, "");
    for (const [action, again] of [
      [one, byItself],
      [other, byPerson],
    ] as const) {
      const now = await row(action.id);
      expect(now.state).toBe(again ? "pending" : "approved");
      if (again) expect(now).toMatchObject({ decision: null, decidedAt: null, rule: expect.stringContaining(`mode ${mode}`) });
      if (again) expect(now.version).not.toBe(action.version);
      await engine.store.transaction((tx) => tx.moveAction(action.id, now.state, { state: "cancelled" }));
    }
  });

  test("a job that was on its way when the mode changed asks instead of acting", async () => {
    const action = await automatic();
    await engine.store.transaction((tx) => tx.putSetting("mode-lab", { mode: "ask", by: "Ada", at: NOW.toISOString(), reason: "" }));
    await executeAction(engine.air, action.id, engine.settle);
    expect(await row(action.id)).toMatchObject({ state: "pending", executingAt: null, decision: null, rule: "mode ask: everything asks" });
  });

  test("in mode observe nobody's approval carries anything out, and taking back stays possible", async () => {
    const done = await proposedAction(engine, { kind: "isolate-device", target: { kind: "device", name: "WS-001" } });
    await decideAction(engine.air, mia, { action: done.id, decision: "approve" });
    await executeAction(engine.air, done.id, engine.settle);
    const carriedOut = await row(done.id);
    await setMode(engine.air, ada, "observe", "");
    const waiting = await proposedAction(engine);
    await expect(decideAction(engine.air, mia, { action: waiting.id, decision: "approve" })).rejects.toMatchObject({ code: "paused" });
    expect((await row(waiting.id)).state).toBe("pending");
    if (carriedOut.state === "succeeded") expect((await undoAction(engine.air, mia, { action: done.id })).state).toBe("undoing");
  });
});
