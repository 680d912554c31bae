import { z } from "zod";
import { SEVERITIES, type Severity } from "../engine/domain/alert.ts";
import { isNeverTold, type QuietHours } from "../engine/domain/quiet-hours.ts";
import { isTimeZone } from "../engine/domain/wall-clock.ts";
import { days, minutesOf, read, readPause } from "./rota-shape.ts";
import { oneOf, section } from "./yaml-section.ts";

/* When nobody is told of what can wait, and how much is one message: `onCall.quiet` and `onCall.together`. */

const MOST = 20;
const HOUR_MS = 3_600_000;
/** Whether some moment of the week is left is the same in every week. */
const SOME_DAY = new Date("2026-01-05T00:00:00Z");
export const TOGETHER_MS = 60_000;

const from = read('must be a time like "22:00"', (text) => minutesOf(text));
const to = read('must be a time like "07:00", or "24:00"', (text) => minutesOf(text, 1440));

const severity = z
  .array(oneOf(SEVERITIES))
  .min(1, "must name at least one severity")
  .superRefine((severities, context) => {
    const at = severities.indexOf("critical");
    if (at >= 0)
      context.addIssue({
        code: "custom",
        path: [at],
        message: "critical is never quiet: somebody is told at once. Take it out of the list",
      });
  });

const Hours = section({
  from,
  to,
  days: z
    .preprocess((value) => (typeof value === "string" ? [value] : value), z.array(days).min(1, "must not be empty"))
    .transform((spans) => [...new Set(spans.flat())])
    .optional(),
  timeZone: z.string().refine(isTimeZone, 'must be a time zone like "Europe/Berlin" or UTC').optional(),
  severity,
}).superRefine((hours, context) => {
  if (hours.from === hours.to)
    context.addIssue({ code: "custom", path: ["to"], message: 'is the same as from: for a whole day write from "00:00" to "24:00"' });
});

export const Quiet = z
  .array(Hours)
  .min(1, "must name at least one span of hours")
  .max(MOST, `at most ${MOST} spans of hours`)
  .superRefine((quiet, context) => {
    // Said of each by itself.
    if (quiet.some(({ from: begin, to: end, timeZone }) => begin === end || (timeZone !== undefined && !isTimeZone(timeZone)))) return;
    for (const one of SEVERITIES) {
      const all = quietHoursOf(quiet, "UTC");
      if (!isNeverTold(all, one, SOME_DAY)) continue;
      const message = `leaves no hour of the week in which somebody is told of ${one} severity: leave some, or take ${one} out of severity`;
      context.addIssue({ code: "custom", path: [], message });
    }
  });

/** With the zone each of them is meant in. */
export const quietHoursOf = (quiet: z.output<typeof Quiet>, timeZone: string): QuietHours[] =>
  quiet.map(({ days: on, timeZone: own, ...hours }) => ({
    ...hours,
    severity: hours.severity as Severity[],
    ...(on ? { days: on } : {}),
    timeZone: own ?? timeZone,
  }));

/** A longer wait would be an escalation of its own. */
export const Together = read('must be a duration like "1m", at most an hour, or 0s: each is told by itself', (text) => {
  const ms = readPause(text);
  return ms !== undefined && ms <= HOUR_MS ? ms : undefined;
});
