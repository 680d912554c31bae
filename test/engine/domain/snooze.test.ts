import { describe, expect, test } from "vitest";
import { SEVERITIES, severityRank } from "../../../src/engine/domain/alert.ts";
import { isHeldBack, longestMs, type Present, seenNow, united, whatEnds } from "../../../src/engine/domain/snooze.ts";
import fc from "../../support/fast-check.ts";

const NOW = new Date("2026-10-05T09:00:00.000Z");
const HOUR = 3_600_000;
const digest = fc.constantFrom("a", "b", "c", "d");
const ids = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 });
const present: fc.Arbitrary<Present> = fc.record({
  status: fc.constant("open" as const),
  severity: fc.constantFrom(...SEVERITIES),
  alerts: fc.nat(50),
  malicious: fc.uniqueArray(digest, { maxLength: 3 }).map((all) => all.map((one) => ({ digest: one, name: one }))),
  pending: ids.map((all) => all.map((id) => ({ id, name: `ACT-${id}` }))),
  protected: fc.constant([]),
});
const snoozeOf = (seen: Present, hours = 4) => ({
  kind: "snooze" as const,
  seen: { ...seenNow(seen), checked: [] },
  until: new Date(NOW.getTime() + hours * HOUR),
});

describe("what ends a silence", () => {
  test("nothing, while the incident is as it was seen, or less", () => {
    fc.assert(
      fc.property(present, fc.nat(4), fc.nat(3), (seen, fewer, done) => {
        const less = { ...seen, malicious: seen.malicious.slice(done), pending: seen.pending.slice(fewer), alerts: seen.alerts + 9 };
        expect(whatEnds(snoozeOf(seen), less, NOW)).toBeUndefined();
      }),
    );
  });
  test("whatever is above what was seen, at every moment", () => {
    fc.assert(
      fc.property(present, present, fc.integer({ min: -2, max: 9 }), (seen, now, hours) => {
        const worse =
          severityRank(now.severity) > severityRank(seen.severity) ||
          now.malicious.some((one) => !seen.malicious.some((other) => other.digest === one.digest)) ||
          now.pending.some((one) => !seen.pending.some((other) => other.id === one.id));
        const over = hours >= 4;
        expect(whatEnds(snoozeOf(seen), now, new Date(NOW.getTime() + hours * HOUR)) !== undefined).toBe(worse || over);
      }),
    );
  });
  test("a protected asset before everything, and that it was closed before that", () => {
    fc.assert(
      fc.property(present, present, (seen, now) => {
        expect(whatEnds(snoozeOf(seen), { ...now, protected: ["DC-01 (built-in: domain controller)"] }, NOW)).toContain("DC-01");
        expect(whatEnds(snoozeOf(seen), { ...now, protected: ["DC-01"], status: "closed" }, NOW)).toBe("it was closed");
      }),
    );
  });
  test("two that are united end when the first does, and by nothing either had seen", () => {
    fc.assert(
      fc.property(present, present, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (one, other, first, second) => {
        const both = united(snoozeOf(one, first), snoozeOf(other, second));
        expect(both.until.getTime()).toBe(NOW.getTime() + Math.min(first, second) * HOUR);
        for (const seen of [one, other]) expect(whatEnds(both, seen, NOW)).toBeUndefined();
      }),
    );
  });
});

test("high and critical are silenced for a day, others for a week, noise for a month", () => {
  expect(SEVERITIES.map((severity) => longestMs("snooze", severity) / HOUR)).toEqual([168, 168, 168, 24, 24]);
  expect(longestMs("mute", "low") / HOUR).toBe(720);
});

test.each([
  ["deadline", true],
  ["deadline-last", true],
  ["reminder", true],
  ["incident high", true],
  ["suspect", false],
  ["second", false],
  ["failed", false],
  ["acknowledged 12", false],
  ["resolved 12", false],
])("a page of the step %s waits: %s", (step, waits) => expect(isHeldBack(step)).toBe(waits));
