import { expect, test } from "vitest";
import { dayNamed, dayOf } from "../../../src/engine/domain/day.ts";
import fc from "../../support/fast-check.ts";

const HOUR = 3_600_000;

test.each([
  ["UTC", "2026-11-22T00:00:00Z", "2026-11-22", "2026-11-22T00:00:00.000Z", 24],
  ["Europe/Berlin", "2026-11-21T23:30:00Z", "2026-11-22", "2026-11-21T23:00:00.000Z", 24],
  ["Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-28T23:00:00.000Z", 23],
  ["Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25", "2026-10-24T22:00:00.000Z", 25],
  ["America/Los_Angeles", "2026-11-22T07:59:00Z", "2026-11-21", "2026-11-21T08:00:00.000Z", 24],
  ["Asia/Kathmandu", "2026-11-21T18:15:00Z", "2026-11-22", "2026-11-21T18:15:00.000Z", 24],
  // The clock skips midnight: the day begins at one.
  ["America/Santiago", "2026-09-06T12:00:00Z", "2026-09-06", "2026-09-06T04:00:00.000Z", 23],
])("in %s at %s it is %s", (timeZone, at, name, from, hours) => {
  const day = dayOf(new Date(at), timeZone);
  expect([day.name, day.from.toISOString(), (day.to.getTime() - day.from.getTime()) / HOUR]).toEqual([name, from, hours]);
});

test("every moment is in its day, and a day found by its name is the same", () => {
  const zones = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "America/Santiago",
    "Asia/Kathmandu",
  ];
  fc.assert(
    fc.property(
      fc.date({ min: new Date("2020-01-01"), max: new Date("2035-01-01"), noInvalidDate: true }),
      fc.constantFrom(...zones),
      (at, zone) => {
        const day = dayOf(at, zone);
        expect(day.from.getTime()).toBeLessThanOrEqual(at.getTime());
        expect(day.to.getTime()).toBeGreaterThan(at.getTime());
        expect(dayNamed(day.name, zone)).toEqual(day);
        expect(dayOf(day.to, zone).from).toEqual(day.to);
      },
    ),
    { numRuns: 300 },
  );
});

test("what is no day has none", () => {
  expect(dayNamed("2026-13-01", "UTC")).toBeUndefined();
});
