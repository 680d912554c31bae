import { describe, expect, test } from "vitest";
import { isTimeZone, momentOf, wallText } from "../../../src/engine/domain/wall-clock.ts";

const moment = (when: Parameters<typeof momentOf>[0], now: string, zone: string) => momentOf(when, new Date(now), zone).toISOString();

describe("when somebody means by what they type", () => {
  test.each([
    ["in half an hour", { inMs: 1_800_000 }, "2026-10-05T09:00:00.000Z", "UTC", "2026-10-05T09:30:00.000Z"],
    ["later today, there", { hour: 14, minute: 30 }, "2026-10-05T09:00:00.000Z", "Europe/Berlin", "2026-10-05T12:30:00.000Z"],
    ["past already: tomorrow", { hour: 10, minute: 59 }, "2026-10-05T09:00:00.000Z", "Europe/Berlin", "2026-10-06T08:59:00.000Z"],
    ["tomorrow morning, there", "tomorrow", "2026-10-05T23:00:00.000Z", "Europe/Berlin", "2026-10-07T07:00:00.000Z"],
    ["over the end of the year", "tomorrow", "2026-12-31T12:00:00.000Z", "UTC", "2027-01-01T09:00:00.000Z"],
    ["after the clocks went back", "tomorrow", "2026-10-24T12:00:00.000Z", "Europe/Berlin", "2026-10-25T08:00:00.000Z"],
    ["after the clocks went forward", "tomorrow", "2026-03-28T12:00:00.000Z", "Europe/Berlin", "2026-03-29T07:00:00.000Z"],
    ["an hour the clock skips", { hour: 2, minute: 30 }, "2026-03-29T00:00:00.000Z", "Europe/Berlin", "2026-03-29T01:00:00.000Z"],
    ["half an hour off", { hour: 9, minute: 0 }, "2026-10-05T00:00:00.000Z", "Asia/Kolkata", "2026-10-05T03:30:00.000Z"],
  ] as const)("%s", (_, when, now, zone, expected) => expect(moment(when, now, zone)).toBe(expected));

  test("said as the wall there shows it", () => {
    expect(wallText(new Date("2026-10-05T12:30:00.000Z"), "Europe/Berlin")).toBe("2026-10-05 14:30 (Europe/Berlin)");
    expect([isTimeZone("Europe/Berlin"), isTimeZone("UTC"), isTimeZone("Mars")]).toEqual([true, true, false]);
  });
});
