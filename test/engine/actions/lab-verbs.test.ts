import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { actionKinds } from "../../../src/engine/actions/all.ts";
import { decideAction } from "../../../src/engine/decide-action.ts";
import { ACTION_KINDS, type ActionKindName } from "../../../src/engine/domain/action.ts";
import { NO_ROLES, type Person } from "../../../src/engine/domain/approval.ts";
import { Refusal } from "../../../src/engine/domain/errors.ts";
import { nameToType } from "../../../src/engine/domain/step-up.ts";
import { executeAction } from "../../../src/engine/execute-action.ts";
import type { ActionRow } from "../../../src/engine/store.ts";
import { takeAction } from "../../../src/engine/take-action.ts";
import { undoAction } from "../../../src/engine/undo-action.ts";
import { NOW } from "../../support/lab-capabilities.ts";
import { approver, type Engine, openEngine, testPolicy } from "../../support/open-engine.ts";
import { DATABASES } from "../../support/open-test-db.ts";
import type { Case, Product } from "./contract.ts";
import { labCases, openLabProduct } from "./lab-cases.ts";

/*
 * Every kind the lab carries out, the way a person does it: asked for and approved, carried out, seen in the lab, taken back by undo and
 * gone from the lab again; or refused with what cannot be undone and why.
 */

const ALL = ["device", "email", "identity", "network", "app"] as const;
const both = (name: string): Person => {
  const person = approver(name, ALL);
  return { ...person, roles: { ...NO_ROLES, responder: true, approves: ALL } };
};
const mia = both("Mia");
const others = [both("Tom"), both("Noor")];

/** What only undoes is played as the undo of another one. */
const kinds = (Object.entries(labCases) as [ActionKindName, Case][]).filter(([name]) => !actionKinds[name].onlyUndoes);

describe.each(DATABASES)("done and undone by people, %s", (database) => {
  let engine: Engine;
  let product: Product;
  beforeAll(async () => {
    engine = await openEngine(database);
  });
  beforeEach(async () => {
    // Incidents of an earlier kind hold nothing of the next one's target.
    await engine.empty();
    product = await openLabProduct();
    Object.assign(engine.world, { now: NOW, capabilities: product.capabilities, policy: testPolicy });
    engine.air.sleep = async () => {};
  });
  afterAll(() => engine.close());

  /** What the lab holds; a block that is made again lasts from then on. */
  const holds = async () => {
    const { indicators, ...rest } = (await product.holds()) as { indicators: { expiresAt?: Date }[] };
    return { ...rest, indicators: indicators.map(({ expiresAt: _, ...indicator }) => indicator) };
  };
  const row = async (id: number) => (await engine.store.action(id)) as ActionRow;
  /** Everybody it needs approves it. */
  const approved = async (action: ActionRow): Promise<ActionRow> => {
    for (const person of others) {
      if ((await row(action.id)).state !== "pending") break;
      await decideAction(engine.air, person, { action: action.id, decision: "approve", typed: nameToType(action) });
    }
    return row(action.id);
  };
  /** As the workers would, until it has ended; the clock goes on while a device takes its time. */
  const carriedOut = async (id: number): Promise<ActionRow> => {
    for (let round = 0; round < 20; round++) {
      const { state } = await row(id);
      if (state !== "approved" && state !== "executing") break;
      await executeAction(engine.air, id, engine.settle);
      engine.world.now = new Date(engine.world.now.getTime() + 60_000);
    }
    return row(id);
  };
  const done = async (kind: ActionKindName, { target, params }: Pick<Case, "target" | "params">): Promise<ActionRow> => {
    const asked = await takeAction(engine.air, mia, { kind, target, params: { ...params }, reason: "a drill" }, randomUUID());
    return carriedOut((await approved(asked)).id);
  };

  test.each(kinds)("%s", { timeout: 180_000 }, async (name, one) => {
    const kind = actionKinds[name];
    if (one.before) expect(await done(one.before, { target: one.target })).toMatchObject({ state: "succeeded" });
    const start = await holds();
    const action = await done(name, one);
    expect(action, action.outcome ?? "").toMatchObject({ state: "succeeded", decision: { decision: "approve" } });
    expect(action.outcome).toMatch(/^Done and verified: .*\.$/);
    expect(await holds()).not.toEqual(start);

    if (!action.undoable) {
      const refusal = await undoAction(engine.air, mia, { action: action.id }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).toBeInstanceOf(Refusal);
      // Why not; or the steps for a person, where only the product has no call for it.
      const steps = kind.undo.by ? /Restore a\.exe by hand, within 30 days: .{60}/ : kind.undo.text;
      expect((refusal as Refusal).message).toContain(`ACT-${action.id} cannot be undone from here. `);
      expect((refusal as Refusal).message).toMatch(steps);
      expect(await row(action.id)).toMatchObject({ state: "succeeded" });
      expect((await engine.store.listActions({ limit: 200 })).items.some((item) => item.undoes === action.id)).toBe(false);
      return;
    }
    const begun = await undoAction(engine.air, mia, { action: action.id, reason: "the drill is over" });
    // Either it begins at once, or it asks: then who asks is not who decides.
    if (begun.undoes === action.id) await approved(begun);
    const { items } = await engine.store.listActions({ limit: 200 });
    const opposite = items.find((item) => item.undoes === action.id);
    expect(opposite).toMatchObject({ kind: kind.undo.by });
    const taken = await carriedOut(opposite?.id ?? 0);
    expect(taken, taken.outcome ?? "").toMatchObject({ state: "succeeded" });
    expect(await row(action.id)).toMatchObject({ state: "undone" });
    // A risk that was dismissed is not the risk that was never there (the contract says so, too).
    if (name !== "confirm-compromised") expect(await holds()).toEqual(start);
    await expect(undoAction(engine.air, mia, { action: action.id })).rejects.toMatchObject({
      code: "already-decided",
      message: expect.stringMatching(/was already undone by Mia at|was already undone by (Tom|Noor) at/),
    });
  });

  test("what the lab carries out and what it hands to a person is every kind there is", () => {
    const byHand = ACTION_KINDS.filter((kind) => !labCases[kind]);
    expect(byHand).toMatchInlineSnapshot(`
      [
        "restore-file",
        "expand-investigation",
        "kill-process",
        "remove-registry-key",
        "stop-service",
        "disable-driver",
        "remove-scheduled-task",
        "remove-delegation",
        "block-sender",
      ]
    `);
  });
});
