import { describe, expect, test } from "vitest";
import { readOnCall } from "../../src/bot/oncall-words.ts";
import { swapTimes } from "../../src/bot/swap-times.ts";

const BERLIN = "Europe/Berlin";
const TUESDAY = new Date("2026-10-06T10:00:00Z");

/** What `oncall <text>` comes to, in UTC; a refusal as it reads. */
function times(text: string, now = TUESDAY): string {
  const read = readOnCall(text.split(" "));
  if ("wrong" in read) return read.wrong;
  if (read.kind !== "oncall-swap") return read.kind;
  try {
    const { begin, until } = swapTimes(read, now, BERLIN);
    return `${read.people.join("+")} ${begin.toISOString()} ${until.toISOString()}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("when a swap begins and ends", () => {
  test.each([
    ["swap me noor for 4h", "me+noor 2026-10-06T10:00:00.000Z 2026-10-06T14:00:00.000Z"],
    ["swap me noor from now for 4h", "me+noor 2026-10-06T10:00:00.000Z 2026-10-06T14:00:00.000Z"],
    ["swap me with Noor Haddad until Fri 18:00", "me+with+Noor+Haddad 2026-10-06T10:00:00.000Z 2026-10-09T16:00:00.000Z"],
    ["swap me noor from Fri 18:00 to Mon 09:00", "me+noor 2026-10-09T16:00:00.000Z 2026-10-12T07:00:00.000Z"],
    ["swap me noor from 22:00 to 08:00", "me+noor 2026-10-06T20:00:00.000Z 2026-10-07T06:00:00.000Z"],
    ["swap me noor from 2026-10-12 09:00 to 2026-10-19 08:00", "me+noor 2026-10-12T07:00:00.000Z 2026-10-19T06:00:00.000Z"],
    // The first moment after the gap, as everywhere.
    ["swap me noor from 2027-03-28 02:30 to 2027-03-28 03:30", "me+noor 2027-03-28T01:00:00.000Z 2027-03-28T01:30:00.000Z"],
  ])("%s", (text, said) => expect(times(text)).toBe(said));

  test.each([
    [
      "swap me noor from Mon 09:00 to Mon 08:00",
      "is 6 days 23 h, until 2026-10-19 08:00. If that is meant, write the date: to 2026-10-19 08:00",
    ],
    ["swap me noor from 2027-03-28 02:15 to 2027-03-28 02:45", "02:15 does not exist on 2027-03-28 in Europe/Berlin"],
    ["swap me noor for Fri", '"Fri" is no time to end'],
    ["swap me noor for 400d", '"400d" is no length of a swap: it is longer than nothing, and at most 92 days'],
    ["swap me noor for 0h", '"0h" is no length of a swap'],
    ["swap me for 4h", "for 4h (from now)"],
  ])("%s is asked again", (text, said) => expect(times(text)).toContain(said));
});
