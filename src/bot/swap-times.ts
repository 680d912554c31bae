import { lengthText } from "../engine/cards/say.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { dateAt, momentOf, type When, wallShort } from "../engine/domain/wall-clock.ts";

const ALMOST_A_WEEK_MS = 6 * 86_400_000;

/**
 * When a swap begins and ends, from what was said. What would mean another time than its writer thought is asked for again.
 *
 * @throws Refusal invalid
 */
export function swapTimes({ from, to }: { from: When; to: When }, now: Date, zone: string): { begin: Date; until: Date } {
  const begin = momentOf(from, now, zone);
  const until = momentOf(to, begin, zone);
  const lasts = until.getTime() - begin.getTime();
  const gap = [skipped(from, begin, zone), skipped(to, until, zone)].find((text) => text !== undefined);
  if (lasts <= 0 && gap) throw new Refusal("invalid", `${gap} So the swap would have no length. Give times that are on the clock.`);
  // "from Mon 09:00 to Mon 08:00": the wrong day, or a week?
  const sameDay = typeof to === "object" && "weekday" in to && dateAt(begin.getTime(), zone).dayOfWeek === to.weekday;
  if (sameDay && lasts > ALMOST_A_WEEK_MS)
    throw new Refusal(
      "invalid",
      `From ${wallShort(begin, zone)} to the same day of the week after it is ${lengthText(lasts)}, until ${wallShort(until, zone)}. If that is meant, write the date: to ${wallShort(until, zone)}`,
    );
  return { begin, until };
}

/** The clock there never shows what was said. */
function skipped(when: When, moment: Date, zone: string): string | undefined {
  if (typeof when !== "object" || !("hour" in when) || when.hour === undefined) return undefined;
  const two = (number: number) => String(number).padStart(2, "0");
  const said = `${two(when.hour)}:${two(when.minute ?? 0)}`;
  const [day, shows] = wallShort(moment, zone).split(" ");
  return said === shows ? undefined : `${said} does not exist on ${day} in ${zone}: the clock is put forward to ${shows} then.`;
}
