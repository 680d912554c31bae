import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import { SEVERITIES, type Severity } from "../../../src/engine/domain/alert.ts";
import { isNeverTold, type QuietHours, quietUntil, waitsUntil } from "../../../src/engine/domain/quiet-hours.ts";
import fc from "../../support/fast-check.ts";

const BERLIN = "Europe/Berlin";
const night = (more: Partial<QuietHours> = {}): QuietHours => ({
  from: 22 * 60,
  to: 7 * 60,
  timeZone: BERLIN,
  severity: ["low", "medium"],
  ...more,
});
const until = (at: string, quiet: readonly QuietHours[] = [night()], severity: Severity = "medium") =>
  quietUntil(quiet, severity, new Date(at))?.toISOString();

describe("when quiet hours end", () => {
  test("at the time on the wall, past midnight, and never for what is not in the list", () => {
    expect(until("2026-10-05T19:59:59Z")).toBeUndefined();
    expect(until("2026-10-05T20:00:00Z")).toBe("2026-10-06T05:00:00.000Z");
    expect(until("2026-10-06T04:59:59Z")).toBe("2026-10-06T05:00:00.000Z");
    expect(until("2026-10-06T05:00:00Z")).toBeUndefined();
    expect(until("2026-10-05T23:00:00Z", [night()], "high")).toBeUndefined();
  });

  test("in the nights in which the clocks change the wall still says seven", () => {
    // Forward on 29 March at 01:00 UTC, back on 25 October at 01:00 UTC.
    expect(until("2026-03-28T21:00:00Z")).toBe("2026-03-29T05:00:00.000Z");
    expect(until("2026-10-24T20:00:00Z")).toBe("2026-10-25T06:00:00.000Z");
  });

  test("a window in an hour that the clock skips does not take place; one in a doubled hour lasts through both", () => {
    const skipped = [night({ from: 2 * 60, to: 3 * 60 })];
    expect(until("2026-03-29T01:00:00Z", skipped)).toBeUndefined();
    expect(until("2026-10-25T00:30:00Z", skipped)).toBe("2026-10-25T02:00:00.000Z");
    expect(until("2026-10-25T01:30:00Z", skipped)).toBe("2026-10-25T02:00:00.000Z");
  });

  test("on its days only, which are those it begins on; spans that touch are one", () => {
    const weekend = [night({ from: 0, to: 1440, days: [6, 7] }), night()];
    // Friday night goes on into Saturday and Sunday, and Sunday's night until Monday at seven.
    expect(until("2026-10-09T21:00:00Z", weekend)).toBe("2026-10-12T05:00:00.000Z");
    expect(until("2026-10-08T10:00:00Z", weekend)).toBeUndefined();
    const friday = [night({ days: [5] })];
    expect(until("2026-10-09T22:30:00Z", friday)).toBe("2026-10-10T05:00:00.000Z");
    expect(until("2026-10-10T22:30:00Z", friday)).toBeUndefined();
  });

  test("where all of the week would be quiet, that is found", () => {
    const all = [night({ from: 7 * 60, to: 22 * 60 }), night()];
    expect(isNeverTold(all, "low", new Date("2026-01-05T00:00:00Z"))).toBe(true);
    expect(isNeverTold(all, "high", new Date("2026-01-05T00:00:00Z"))).toBe(false);
    expect(isNeverTold([night()], "low", new Date("2026-01-05T00:00:00Z"))).toBe(false);
  });

  const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC"];
  const aSpan = fc.record({
    from: fc.integer({ min: 0, max: 1439 }),
    to: fc.integer({ min: 1, max: 1440 }),
    days: fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), { nil: undefined }),
    timeZone: fc.constantFrom(...zones),
    severity: fc.subarray(["low", "medium", "high"] as Severity[], { minLength: 1 }),
  });
  const aMoment = fc.date({ min: new Date("2026-01-01"), max: new Date("2027-12-31"), noInvalidDate: true });
  const made = (spans: readonly (Omit<QuietHours, "days"> & { days: number[] | undefined })[]): QuietHours[] =>
    spans.filter(({ from, to }) => from !== to).map(({ days, ...rest }) => ({ ...rest, ...(days ? { days } : {}) }));

  test("property: an end lies ahead, is no quiet moment itself, and every moment until then has the same end", () => {
    fc.assert(
      fc.property(
        fc.array(aSpan, { maxLength: 4 }),
        aMoment,
        fc.constantFrom(...SEVERITIES),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (spans, at, severity, part) => {
          const quiet = made(spans);
          if (severity !== "critical" && isNeverTold(quiet, severity, at)) return;
          const end = quietUntil(quiet, severity, at);
          if (end === undefined) return;
          expect(severity).not.toBe("critical");
          expect(end.getTime()).toBeGreaterThan(at.getTime());
          expect(quietUntil(quiet, severity, end)).toBeUndefined();
          const between = new Date(at.getTime() + Math.floor((end.getTime() - at.getTime() - 1) * part));
          expect(quietUntil(quiet, severity, between)).toEqual(end);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("property: one span holds exactly while the wall shows its hours, through both changes of the clock", () => {
    const change = fc.constantFrom("2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z");
    fc.assert(
      fc.property(
        change,
        fc.integer({ min: 0, max: 36 * 60 }),
        fc.integer({ min: 0, max: 1439 }),
        fc.integer({ min: 1, max: 1440 }),
        (start, minutes, from, to) => {
          // An end within the hour of the change is the one after it; see the test above.
          const inChange = (minute: number) => minute > 60 && minute < 240;
          if (from === to || inChange(from) || inChange(to)) return;
          const at = new Date(Date.parse(start) + minutes * 60_000);
          const wall = Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(BERLIN);
          const shows = wall.hour * 60 + wall.minute;
          const holds = to > from ? shows >= from && shows < to : shows >= from || shows < to;
          expect(quietUntil([night({ from, to })], "low", at) !== undefined).toBe(holds);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("what waits", () => {
  const at = new Date("2026-10-05T22:00:00Z");
  const page = { step: "deadline", severity: "medium" as Severity | undefined, lostAt: undefined as Date | undefined };
  test("what is lost before somebody could answer, what is about air itself and what somebody asked for does not", () => {
    const end = new Date("2026-10-06T05:00:00Z");
    expect(waitsUntil([night()], page, at)).toEqual(end);
    expect(waitsUntil([night()], { ...page, lostAt: new Date("2026-10-06T05:29:00Z") }, at)).toBeUndefined();
    expect(waitsUntil([night()], { ...page, lostAt: new Date("2026-10-06T06:00:00Z") }, at)).toEqual(end);
    expect(waitsUntil([night()], { ...page, severity: undefined }, at)).toBeUndefined();
    for (const step of ["suspect", "ceiling", "ends-soon", "reminder", "break-glass", "resolved 12"])
      expect(waitsUntil([night()], { ...page, step }, at)).toBeUndefined();
  });
});
