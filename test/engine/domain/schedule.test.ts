import { describe, expect, test } from "vitest";
import { dueNow, lastDue, nextDue, type WallTime } from "../../../src/engine/domain/schedule.ts";
import fc from "../../support/fast-check.ts";

const HOUR = 3_600_000;
const at = (text: string) => new Date(text);
const iso = (date: Date | undefined) => date?.toISOString();
const daily = (hour: number, minute = 0): WallTime => ({ minute: hour * 60 + minute });

describe("a clock that is turned", () => {
  test("a time it skips is the first moment after", () => {
    // 02:30 does not exist in Berlin on 29 March 2026: at 02:00 it is 03:00.
    expect(iso(lastDue(daily(2, 30), at("2026-03-29T06:00:00Z"), "Europe/Berlin"))).toBe("2026-03-29T01:00:00.000Z");
    expect(iso(lastDue(daily(2, 30), at("2026-03-29T00:59:59Z"), "Europe/Berlin"))).toBe("2026-03-28T01:30:00.000Z");
    // Half an hour on Lord Howe.
    expect(iso(nextDue(daily(2, 15), at("2026-10-03T12:00:00Z"), "Australia/Lord_Howe"))).toBe("2026-10-03T15:30:00.000Z");
  });
  test("a time that comes twice is meant the first time, and once", () => {
    const twice = { when: daily(2, 30), zone: "Europe/Berlin" };
    expect(iso(nextDue(twice.when, at("2026-10-24T12:00:00Z"), twice.zone))).toBe("2026-10-25T00:30:00.000Z");
    expect(iso(nextDue(twice.when, at("2026-10-25T00:30:00Z"), twice.zone))).toBe("2026-10-26T01:30:00.000Z");
    expect(iso(lastDue(twice.when, at("2026-10-25T01:45:00Z"), twice.zone))).toBe("2026-10-25T00:30:00.000Z");
  });
  test("eight in the morning is eight in the morning, summer and winter", () => {
    expect(iso(lastDue(daily(8), at("2026-03-28T12:00:00Z"), "Europe/Berlin"))).toBe("2026-03-28T07:00:00.000Z");
    expect(iso(lastDue(daily(8), at("2026-03-29T12:00:00Z"), "Europe/Berlin"))).toBe("2026-03-29T06:00:00.000Z");
    const monday = { minute: 510, weekday: 1 };
    expect(iso(lastDue(monday, at("2026-10-26T07:29:59Z"), "Europe/Berlin"))).toBe("2026-10-19T06:30:00.000Z");
    expect(iso(lastDue(monday, at("2026-10-26T07:30:00Z"), "Europe/Berlin"))).toBe("2026-10-26T07:30:00.000Z");
  });
  test("a day the calendar left out", () => {
    // There was no 30 December 2011 in Samoa.
    expect(iso(nextDue(daily(8), at("2011-12-29T18:00:00Z"), "Pacific/Apia"))).toBe("2011-12-30T10:00:00.000Z");
    expect(iso(nextDue(daily(8), at("2011-12-30T10:00:00Z"), "Pacific/Apia"))).toBe("2011-12-30T18:00:00.000Z");
  });
});

describe("after a while without air", () => {
  const zone = "Europe/Berlin";
  const last = at("2026-11-01T07:00:00Z");
  test("nothing is due before the next instant, and that one is due once", () => {
    expect(dueNow(daily(8), last, at("2026-11-02T06:59:59Z"), zone)).toBeUndefined();
    const due = dueNow(daily(8), last, at("2026-11-02T07:00:00Z"), zone);
    expect(due).toEqual({ run: at("2026-11-02T07:00:00Z"), skipped: undefined });
    expect(dueNow(daily(8), at("2026-11-02T07:00:00Z"), at("2026-11-02T20:00:00Z"), zone)).toBeUndefined();
  });
  test.each<[string, string, string, number]>([
    ["3 hours", "2026-11-02T10:00:00Z", "2026-11-02T07:00:00.000Z", 0],
    ["3 days", "2026-11-04T12:00:00Z", "2026-11-04T07:00:00.000Z", 2],
    ["a year", "2027-11-01T12:00:00Z", "2027-11-01T07:00:00.000Z", 364],
  ])("%s: the newest is done, what was before is counted", (_, now, run, skipped) => {
    const due = dueNow(daily(8), last, at(now), zone);
    expect(iso(due?.run)).toBe(run);
    expect(due?.skipped?.count ?? 0).toBe(skipped);
  });
});

test("in every zone: instants follow each other, one a period, and those that are counted are those that are there", () => {
  const zones = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Auckland",
  ];
  const times = fc.record({
    zone: fc.constantFrom(...zones),
    minute: fc.integer({ min: 0, max: 1439 }),
    weekday: fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
    from: fc.date({ min: at("2015-01-01T00:00:00Z"), max: at("2032-01-01T00:00:00Z"), noInvalidDate: true }),
    awayMs: fc.integer({ min: 0, max: 40 * 24 * HOUR }),
  });
  fc.assert(
    fc.property(times, ({ zone, minute, weekday, from, awayMs }) => {
      const when: WallTime = { minute, ...(weekday === undefined ? {} : { weekday }) };
      const first = lastDue(when, from, zone);
      const next = nextDue(when, from, zone);
      expect(first <= from && from < next).toBe(true);
      // Turned clocks make a day an hour longer or shorter, and no more.
      expect(Math.abs(next.getTime() - first.getTime() - (weekday === undefined ? 24 : 168) * HOUR)).toBeLessThanOrEqual(1.5 * HOUR);
      expect(nextDue(when, first, zone)).toEqual(next);
      expect(lastDue(when, next, zone)).toEqual(next);
      expect(lastDue(when, new Date(next.getTime() - 1), zone)).toEqual(first);
      // One after the other, as air would have done them.
      const now = new Date(from.getTime() + awayMs);
      const missed: Date[] = [];
      for (let one = next; one <= now; one = nextDue(when, one, zone)) missed.push(one);
      const due = dueNow(when, first, now, zone);
      expect(due?.run).toEqual(missed.at(-1));
      expect(due?.skipped?.count ?? 0).toBe(Math.max(0, missed.length - 1));
      if (due?.skipped) expect([due.skipped.first, due.skipped.last]).toEqual([missed[0], missed.at(-2)]);
    }),
    { numRuns: 1500 },
  );
});
