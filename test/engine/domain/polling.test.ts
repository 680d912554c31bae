import { describe, expect, test } from "vitest";
import { handlingChange, outcomeOf } from "../../../src/engine/domain/handling.ts";
import {
  afterPage,
  backOffMs,
  dueInstant,
  firstPosition,
  OVERLAP_MS,
  type Position,
  readingFor,
} from "../../../src/engine/domain/polling.ts";
import fc from "../../support/fast-check.ts";

const START = Date.parse("2026-11-22T09:00:00Z");
const at = (ms: number) => new Date(START + ms);

/** A source's list: what changed when, and how late after its change it can be seen. */
type Change = { changed: number; visible: number };

/** Reads the list to its end, page by page; `dies` after so many pages without keeping the last position. */
function read(
  position: Position,
  list: readonly Change[],
  now: Date,
  page: number,
  dies?: number,
): { position: Position; seen: Set<Change> } {
  const seen = new Set<Change>();
  let kept = position;
  for (let number = 0; ; number++) {
    const reading = readingFor(kept, undefined, now);
    const since = Date.parse(reading.since);
    const all = list.filter((one) => START + one.changed >= since && START + one.visible <= now.getTime());
    const offset = Number(reading.next ?? 0);
    const items = all.slice(offset, offset + page);
    for (const one of items) seen.add(one);
    if (number === dies) return { position: kept, seen };
    const next = offset + page < all.length ? String(offset + page) : undefined;
    kept = afterPage(kept, reading, { changes: items.map((one) => at(one.changed)), next, old: 0 });
    if (next === undefined) return { position: kept, seen };
  }
}

describe("how far a source was read", () => {
  test("nothing that is shown within the overlap is skipped, wherever reading dies and however long pages are", () => {
    const change = fc
      .record({ changed: fc.integer({ min: 0, max: 3_600_000 }), late: fc.integer({ min: 0, max: OVERLAP_MS - 60_000 }) })
      .map(({ changed, late }): Change => ({ changed, visible: changed + late }));
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 40 }),
        fc.array(
          fc.record({
            gap: fc.integer({ min: 1000, max: 900_000 }),
            page: fc.integer({ min: 1, max: 7 }),
            dies: fc.option(fc.nat(4), { nil: undefined }),
          }),
          {
            maxLength: 12,
          },
        ),
        (list, rounds) => {
          let position = firstPosition(at(0), 0);
          const seen = new Set<Change>();
          let now = 0;
          for (const { gap, page, dies } of [
            ...rounds,
            { gap: 8_000_000, page: 5, dies: undefined },
            { gap: 1000, page: 5, dies: undefined },
          ]) {
            now += gap;
            const round = read(position, list, at(now), page, dies);
            position = round.position;
            for (const one of round.seen) seen.add(one);
          }
          expect([...list].filter((one) => !seen.has(one))).toEqual([]);
        },
      ),
    );
  });

  test("the position never goes back, and never beyond the moment it was asked", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -10_000_000, max: 10_000_000_000 }), { maxLength: 20 }), (changes) => {
        const first = firstPosition(at(0), 86_400_000);
        const next = afterPage(first, readingFor(first, undefined, at(60_000)), { changes: changes.map(at), next: undefined, old: 0 });
        expect(Date.parse(next.seen)).toBeGreaterThanOrEqual(Date.parse(first.seen));
        expect(Date.parse(next.seen)).toBeLessThanOrEqual(START + 60_000);
      }),
    );
  });

  test("what is old: before air's watch at first, more than an hour after an outage, else nothing", () => {
    const first = firstPosition(at(0), 86_400_000);
    expect(readingFor(first, undefined, at(0)).oldBefore).toBe(at(-60_000).toISOString());
    expect(readingFor(first, at(10_000_000), at(10_030_000)).oldBefore).toBe(at(-60_000).toISOString());
    expect(readingFor(first, at(0), at(10_000_000)).oldBefore).toBe(at(10_000_000 - 3_600_000).toISOString());
  });

  test("every process sees the same instants", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), fc.integer({ min: 5000, max: 3_600_000 }), (ms, every) => {
        const due = dueInstant(at(ms), every);
        expect(due.getTime()).toBeLessThanOrEqual(START + ms);
        expect(START + ms - due.getTime()).toBeLessThan(every);
        expect(dueInstant(due, every)).toEqual(due);
      }),
    );
  });

  test("waits as long as it is asked to, at most five minutes by itself, and longer with each failure", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.option(fc.integer({ min: 0, max: 10_000_000 }), { nil: undefined }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (failures, asked, random) => {
          const wait = backOffMs(failures, asked, random);
          expect(wait).toBeGreaterThanOrEqual(asked ?? 0);
          expect(wait).toBeLessThanOrEqual(Math.max(asked ?? 0, 300_000));
          expect(backOffMs(failures + 1, asked, random)).toBeGreaterThanOrEqual(wait);
        },
      ),
    );
  });
});

describe("how far a source's own people are", () => {
  const known = { status: "new", handling: null, told: null } as const;
  const told = { classification: "truePositive", determination: "malware" };
  test.each([
    ["nothing", known, { status: "new" }, undefined],
    ["somebody took it", known, { status: "inProgress", handling: { assignee: "kai" } }, "changed"],
    ["resolved", known, { status: "resolved", handling: { classification: "falsePositive" } }, "resolved"],
    [
      "resolved as we said",
      { ...known, told },
      { status: "resolved", handling: { classification: "truePositive", determination: "malware" } },
      "own",
    ],
    [
      "resolved as something else than we said",
      { ...known, told },
      { status: "resolved", handling: { classification: "falsePositive" } },
      "resolved",
    ],
    ["opened again", { ...known, status: "resolved" }, { status: "new" }, "reopened"],
  ] as const)("%s", (_what, before, alert, change) => {
    expect(handlingChange(before, { alert })).toBe(change);
  });

  test.each([
    ["TruePositive", "MultiStagedAttack", { classification: "truePositive", determination: "multiStagedAttack" }],
    ["truePositive", "compromisedUser", { classification: "truePositive", determination: "compromisedAccount" }],
    ["falsePositive", "malware", { classification: "falsePositive", determination: null }],
    ["unknown", "malware", undefined],
    [undefined, undefined, undefined],
  ])("%s, %s in our words", (classification, determination, expected) => {
    expect(outcomeOf({ classification, determination })).toEqual(expected);
  });
});
