import { describe, expect, test } from "vitest";
import { dutyAt, gapsBetween, onDutyAt, type Rota, type RotaLayer, type Swap, shiftsBetween } from "../../../src/engine/domain/rota.ts";
import { wallShort } from "../../../src/engine/domain/wall-clock.ts";
import fc from "../../support/fast-check.ts";

const DAY_MS = 86_400_000;
const at = (text: string) => new Date(text);
const layer = (more: Partial<RotaLayer> = {}): RotaLayer => ({
  name: "primary",
  everyDays: 7,
  handover: { weekday: 1, minute: 9 * 60 },
  start: "2026-10-05",
  people: ["mia", "noor"],
  ...more,
});
const berlin = (...layers: RotaLayer[]): Rota => ({ layers, timeZone: "Europe/Berlin" });
const told = (rota: Rota, from: string, to: string, swaps: readonly Swap[] = []) =>
  shiftsBetween(rota, swaps, at(from), at(to)).map((shift) => `${shift.from.toISOString().slice(0, 16)} ${shift.person}`);

describe("who is on call", () => {
  test("a week each, handed over at nine on the wall, summer and winter", () => {
    expect(told(berlin(layer()), "2026-10-05T00:00Z", "2026-11-03T00:00Z")).toEqual([
      "2026-10-05T00:00 null",
      "2026-10-05T07:00 mia",
      "2026-10-12T07:00 noor",
      "2026-10-19T07:00 mia",
      "2026-10-26T08:00 noor",
      "2026-11-02T08:00 mia",
    ]);
  });

  test("the first handover is on or after the day of start", () => {
    const rota = berlin(layer({ start: "2026-10-07" }));
    expect(told(rota, "2026-10-07T00:00Z", "2026-10-20T00:00Z")).toEqual([
      "2026-10-07T00:00 null",
      "2026-10-12T07:00 mia",
      "2026-10-19T07:00 noor",
    ]);
  });

  test("a later layer takes precedence where it applies, and the earlier one shows through where it does not", () => {
    const office = layer({
      name: "office",
      everyDays: 1,
      handover: { minute: 0 },
      people: ["tom"],
      restrict: { days: [1, 2, 3, 4, 5], hours: { from: 9 * 60, to: 17 * 60 } },
    });
    expect(told(berlin(layer(), office), "2026-10-09T00:00Z", "2026-10-12T20:00Z")).toEqual([
      "2026-10-09T00:00 mia",
      "2026-10-09T07:00 tom",
      "2026-10-09T15:00 mia",
      "2026-10-12T07:00 tom",
      "2026-10-12T15:00 noor",
    ]);
    expect(gapsBetween(berlin(office), [], at("2026-10-09T15:00Z"), at("2026-10-12T08:00Z"))).toEqual([
      { from: at("2026-10-09T15:00Z"), to: at("2026-10-12T07:00Z"), person: null },
    ]);
  });

  test("a night belongs to the day on which it begins", () => {
    const night = layer({ people: ["tom"], restrict: { days: [5], hours: { from: 22 * 60, to: 6 * 60 } } });
    expect(told(berlin(night), "2026-10-09T12:00Z", "2026-10-11T12:00Z")).toEqual([
      "2026-10-09T12:00 null",
      "2026-10-09T20:00 tom",
      "2026-10-10T04:00 null",
    ]);
  });

  test.each([
    ["a skipped hour moves forward", "Europe/Berlin", 150, "2026-03-28T12:00Z", ["2026-03-29 03:00", "2026-03-30 02:30"]],
    ["a doubled hour counts once, the first time", "Europe/Berlin", 150, "2026-10-24T12:00Z", ["2026-10-25 02:30", "2026-10-26 02:30"]],
    ["half an hour skipped", "Australia/Lord_Howe", 135, "2026-10-03T04:00Z", ["2026-10-04 02:30", "2026-10-05 02:15"]],
    ["half an hour doubled", "Australia/Lord_Howe", 105, "2026-04-04T04:00Z", ["2026-04-05 01:45", "2026-04-06 01:45"]],
  ] as const)("%s", (_, timeZone, minute, from, expected) => {
    const daily = layer({ everyDays: 1, handover: { minute }, start: "2026-01-01" });
    const shifts = shiftsBetween({ layers: [daily], timeZone }, [], at(from), new Date(at(from).getTime() + 2 * DAY_MS));
    expect(shifts.slice(1).map((shift) => wallShort(shift.from, timeZone))).toEqual(expected);
  });

  test.each([
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Africa/Cairo",
    "Pacific/Chatham",
    "UTC",
  ])("through a whole year in %s every shift begins at nine on the wall", (timeZone) => {
    const daily = layer({ everyDays: 1, handover: { minute: 540 }, start: "2025-12-01", people: ["a", "b", "c"] });
    const shifts = shiftsBetween({ layers: [daily], timeZone }, [], at("2026-01-01T12:00Z"), at("2027-01-01T12:00Z"));
    expect(shifts.length).toBe(366);
    expect(new Set(shifts.slice(1).map((shift) => wallShort(shift.from, timeZone).slice(11)))).toEqual(new Set(["09:00"]));
    const people = shifts.map((shift) => shift.person);
    expect(people.every((person, index) => index < 3 || person === people[index - 3])).toBe(true);
  });
});

describe("swaps", () => {
  const swap = (id: number, person: string, instead: string, from: string, until: string): Swap => ({
    id,
    person,
    instead,
    from: at(from),
    until: at(until),
  });
  test("somebody else does what falls to a person, for that time only, and may pass it on", () => {
    const swaps = [
      swap(1, "mia", "tom", "2026-10-06T10:00Z", "2026-10-13T10:00Z"),
      swap(2, "tom", "ada", "2026-10-07T10:00Z", "2026-10-08T10:00Z"),
    ];
    expect(told(berlin(layer()), "2026-10-06T00:00Z", "2026-10-14T00:00Z", swaps)).toEqual([
      "2026-10-06T00:00 mia",
      "2026-10-06T10:00 tom",
      "2026-10-07T10:00 ada",
      "2026-10-08T10:00 tom",
      "2026-10-12T07:00 noor",
    ]);
  });

  test("the next is not somebody who has given their duty away just now", () => {
    const swaps = [swap(1, "mia", "noor", "2026-10-06T10:00Z", "2026-10-06T14:00Z")];
    const three = berlin(layer({ people: ["mia", "noor", "tom"] }));
    expect(dutyAt(three, swaps, at("2026-10-06T11:00Z"))).toEqual({
      current: "noor",
      change: { at: at("2026-10-06T14:00Z"), person: "mia" },
      next: "tom",
      everyone: ["noor", "tom"],
    });
    expect(dutyAt(three, swaps, at("2026-10-06T15:00Z"))).toMatchObject({ current: "mia", next: "noor", everyone: ["mia", "noor", "tom"] });
    expect(dutyAt(berlin(layer({ people: ["mia"] })), [], at("2026-10-06T15:00Z"))).toMatchObject({
      current: "mia",
      change: undefined,
      next: null,
    });
  });
});

const ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/Santiago"];
const person = fc.constantFrom("a", "b", "c", "d");
const minute = fc.integer({ min: 0, max: 1439 });
const someLayer: fc.Arbitrary<RotaLayer> = fc
  .record({
    everyDays: fc.constantFrom(1, 2, 3, 7, 14),
    minute,
    weekday: fc.integer({ min: 1, max: 7 }),
    start: fc.constantFrom("2026-01-01", "2026-03-20", "2026-10-20"),
    people: fc.array(person, { minLength: 1, maxLength: 4 }),
    days: fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), { nil: undefined }),
    hours: fc.option(
      fc.record({ from: minute, to: fc.integer({ min: 1, max: 1440 }) }).filter(({ from, to }) => from !== to),
      { nil: undefined },
    ),
  })
  .map(({ everyDays, minute, weekday, start, people, days, hours }) => ({
    name: "any",
    everyDays,
    handover: { minute, ...(everyDays % 7 === 0 ? { weekday } : {}) },
    start,
    people,
    ...(days || hours ? { restrict: { ...(days ? { days } : {}), ...(hours ? { hours } : {}) } } : {}),
  }));
const someRota: fc.Arbitrary<Rota> = fc.record({
  layers: fc.array(someLayer, { minLength: 1, maxLength: 3 }),
  timeZone: fc.constantFrom(...ZONES),
});
const moment = fc
  .integer({ min: at("2026-03-01T00:00Z").getTime() / 60_000, max: at("2026-11-30T00:00Z").getTime() / 60_000 })
  .map((minutes) => new Date(minutes * 60_000));
const someSwaps = fc
  .array(fc.record({ person, instead: person, from: moment, hours: fc.integer({ min: 1, max: 200 }) }), { maxLength: 3 })
  .map((swaps) => swaps.map(({ hours, ...swap }, id): Swap => ({ ...swap, id, until: new Date(swap.from.getTime() + hours * 3_600_000) })));
const span = fc
  .tuple(moment, fc.integer({ min: 1, max: 20 * 24 * 60 }))
  .map(([from, length]) => ({ from, to: new Date(from.getTime() + length * 60_000) }));

describe("whatever the rota", () => {
  test("shifts part the time: no hole, no overlap, and at each moment the one person the rota says, or none", () => {
    fc.assert(
      fc.property(someRota, someSwaps, span, (rota, swaps, { from, to }) => {
        const shifts = shiftsBetween(rota, swaps, from, to);
        expect(shifts[0]?.from).toEqual(from);
        expect(shifts.at(-1)?.to).toEqual(to);
        for (const [index, shift] of shifts.entries()) {
          expect(shift.from < shift.to).toBe(true);
          const next = shifts[index + 1];
          if (next) expect([next.from, next.person === shift.person]).toEqual([shift.to, false]);
          for (const when of [shift.from, new Date(shift.to.getTime() - 1)]) expect(onDutyAt(rota, swaps, when)).toBe(shift.person);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("cut anywhere it says the same", () => {
    fc.assert(
      fc.property(someRota, someSwaps, span, fc.double({ min: 0, max: 1, noNaN: true }), (rota, swaps, { from, to }, part) => {
        const cut = new Date(Math.round(from.getTime() + (to.getTime() - from.getTime()) * part));
        const halves = [...shiftsBetween(rota, swaps, from, cut), ...shiftsBetween(rota, swaps, cut, to)];
        const joined = halves.filter((shift, index) => index === 0 || halves[index - 1]?.person !== shift.person);
        const whole = shiftsBetween(rota, swaps, from, to);
        expect(joined.map(({ from: begin, person: who }) => [begin, who])).toEqual(
          whole.map(({ from: begin, person: who }) => [begin, who]),
        );
      }),
      { numRuns: 150 },
    );
  });

  test("a moment is where the clock on the wall says, as another calendar reads it", () => {
    fc.assert(
      fc.property(someRota, moment, (rota, when) => {
        if (!("layers" in rota)) return;
        // Around a turned clock the wall alone does not say which of two moments it is.
        const offsets = new Set([-DAY_MS, 0, DAY_MS].map((more) => offset(new Date(when.getTime() + more), rota.timeZone)));
        fc.pre(offsets.size === 1);
        expect(onDutyAt(rota, [], when)).toBe(
          rota.layers.map((one) => byWall(one, rota.timeZone, when)).findLast((who) => who !== null) ?? null,
        );
      }),
      { numRuns: 400 },
    );
  });
});

/** The wall's reading as if it were UTC. */
function wall(when: Date, timeZone: string): Date {
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(when);
  return new Date(`${parts.replace(" ", "T")}Z`);
}
const offset = (when: Date, timeZone: string) => wall(when, timeZone).getTime() - when.getTime();

/** The same rules in days and minutes of the wall, without a calendar. */
function byWall(one: RotaLayer, timeZone: string, when: Date): string | null {
  const there = wall(when, timeZone);
  const weekday = (day: Date) => ((day.getUTCDay() + 6) % 7) + 1;
  const begin = new Date(`${one.start}T00:00Z`);
  const { weekday: wanted } = one.handover;
  while (wanted !== undefined && weekday(begin) !== wanted) begin.setUTCDate(begin.getUTCDate() + 1);
  const since = there.getTime() - begin.getTime() - one.handover.minute * 60_000;
  if (since < 0) return null;
  const { days = [1, 2, 3, 4, 5, 6, 7], hours = { from: 0, to: 1440 } } = one.restrict ?? {};
  const minutes = there.getUTCHours() * 60 + there.getUTCMinutes();
  const today = days.includes(weekday(there));
  const yesterday = days.includes(weekday(new Date(there.getTime() - DAY_MS)));
  const inside =
    hours.to > hours.from
      ? today && minutes >= hours.from && minutes < hours.to
      : (today && minutes >= hours.from) || (yesterday && minutes < hours.to);
  return inside ? (one.people[Math.floor(since / (one.everyDays * DAY_MS)) % one.people.length] ?? null) : null;
}
