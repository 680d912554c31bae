import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ENDED,
  INVESTIGATION_MOVES,
  INVESTIGATION_STATUSES,
  type InvestigationStatus,
  type InvestigationTimes,
  mayBecome,
  timesAfter,
} from "../../src/engine/domain/investigation.ts";
import { moveInvestigation } from "../../src/engine/investigation-status.ts";
import fc from "../support/fast-check.ts";
import { type Steps, steps } from "../support/investigating.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { anAlert, type Engine, fresh, openEngine } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const START: InvestigationTimes = { beganAt: null, endedAt: null, pendingSince: null, pendingMs: 0, waitingSince: null, waitingMs: 0 };
const MINUTE = 60_000;
const at = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);
/** A walk of statuses with the minutes each lasted. */
const walk = (path: readonly (readonly [InvestigationStatus, number])[]) => {
  let minutes = 0;
  return path.reduce((times, [status, lasted]) => {
    const after = timesAfter(times, status, at(minutes));
    minutes += lasted;
    return after;
  }, START);
};

describe("the times of an investigation", () => {
  test("waiting for people and for devices is counted apart, over several stays", () => {
    expect(
      walk([
        ["queued", 3],
        ["running", 1],
        ["pendingApproval", 10],
        ["running", 2],
        ["pendingResource", 7],
        ["running", 1],
        ["pendingApproval", 5],
        ["successfullyRemediated", 0],
      ]),
    ).toEqual({ beganAt: at(3), endedAt: at(29), pendingSince: null, pendingMs: 15 * MINUTE, waitingSince: null, waitingMs: 7 * MINUTE });
  });
  test("while it waits, the clock runs from when it began to wait, not from the latest look", () => {
    expect(
      walk([
        ["running", 1],
        ["pendingApproval", 4],
        ["pendingApproval", 4],
        ["pendingApproval", 0],
      ]),
    ).toMatchObject({ pendingSince: at(1), pendingMs: 0 });
  });
  test("an end that is refined keeps its time; a retry opens it again, and it began when it first began", () => {
    expect(
      walk([
        ["running", 5],
        ["partiallyInvestigated", 60],
        ["benign", 1],
      ]),
    ).toMatchObject({ endedAt: at(5) });
    expect(
      walk([
        ["running", 5],
        ["failed", 60],
        ["queued", 1],
      ]),
    ).toMatchObject({ beganAt: at(0), endedAt: null });
  });
  test("what is suppressed, or older than our watch, never began", () => {
    for (const status of ["suppressedAlert", "preexistingAlert"] as const)
      expect(
        walk([
          ["queued", 1],
          [status, 0],
        ]),
      ).toMatchObject({ endedAt: at(1), beganAt: null });
  });
});

describe("the moves of an investigation", () => {
  test("nothing that has begun goes back to the queue but from an end, and a person's stop only there", () => {
    for (const from of INVESTIGATION_STATUSES) if (mayBecome(from, "queued") && from !== "queued") expect(ENDED.has(from), from).toBe(true);
    expect(INVESTIGATION_MOVES.terminatedByUser).toEqual(["queued"]);
    // From every status that goes on, every end is reachable that a round, a person or a time-out brings.
    for (const from of ["queued", "running", "pendingResource", "pendingApproval"] as const)
      for (const to of ["benign", "failed", "terminatedBySystem", "terminatedByUser", "partiallyInvestigated"] as const)
        expect(mayBecome(from, to), `${from} to ${to}`).toBe(true);
    for (const status of ["unsupportedOs", "preexistingAlert", "suppressedAlert"] as const) expect(INVESTIGATION_MOVES[status]).toEqual([]);
  });
});

describe.each(DATABASES)("any sequence of moves, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
    engine.world.capabilities = NOTHING;
  });
  afterAll(() => engine.close());

  test("what the table allows keeps the times true; what it does not is refused and changes nothing", async () => {
    const happenings = fc.array(fc.record({ to: fc.constantFrom(...INVESTIGATION_STATUSES), minutes: fc.integer({ min: 0, max: 500 }) }), {
      minLength: 1,
      maxLength: 14,
    });
    await fc.assert(
      fc.asyncProperty(happenings, async (list) => {
        engine.world.now = NOW;
        const id = await given.begin(anAlert([{ kind: "device", name: fresh("WS") }]));
        const spent = { pendingApproval: 0, pendingResource: 0 };
        let began: Date | null = null;
        let before = await given.row(id);
        for (const { to, minutes } of list) {
          const stay = minutes * MINUTE;
          const now = new Date(engine.world.now.getTime() + stay);
          if (before.status === "pendingApproval" || before.status === "pendingResource") spent[before.status] += stay;
          engine.world.now = now;
          const allowed = mayBecome(before.status, to);
          const moved = engine.store.transaction(async (tx) => {
            const locked = await tx.lockInvestigation(id);
            if (locked) await moveInvestigation(tx, locked, to, now);
          });
          if (allowed) await moved;
          else await expect(moved).rejects.toThrow(/does not move from/);
          const row = await given.row(id);
          if (!allowed) {
            expect(row).toEqual(before);
            continue;
          }
          if (began === null && to !== "queued" && to !== "suppressedAlert" && to !== "preexistingAlert") began = now;
          expect(row.status).toBe(to);
          expect(row.endedAt !== null).toBe(ENDED.has(to));
          expect(row.pendingSince !== null).toBe(to === "pendingApproval");
          expect(row.waitingSince !== null).toBe(to === "pendingResource");
          expect(row.beganAt).toEqual(began);
          const running = (since: Date | null) => (since ? now.getTime() - since.getTime() : 0);
          expect(row.pendingMs + running(row.pendingSince)).toBe(spent.pendingApproval);
          expect(row.waitingMs + running(row.waitingSince)).toBe(spent.pendingResource);
          before = row;
        }
      }),
      { numRuns: 40 },
    );
  });
});
