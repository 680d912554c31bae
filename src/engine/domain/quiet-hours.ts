import type { Severity } from "./alert.ts";
import { readFollowUp } from "./outside-pages.ts";
import { dateAt, wallMoment } from "./wall-clock.ts";

/*
 * Hours in which nobody is told of what can wait. Pure: the hours, what it is about and a moment in; until when it waits out. Nothing
 * waits that would be lost by waiting, and what is critical never does.
 */

/** Minutes after midnight as the wall there shows them; past midnight where `to` is not after `from`. `days`: 1 is Monday, the day they begin. */
export type QuietHours = { from: number; to: number; days?: readonly number[]; timeZone: string; severity: readonly Severity[] };

/** Why a page waits: for the end of quiet hours, or to be told together with others. */
export type HeldWhy = "quiet" | "together";

const DAY_MS = 86_400_000;
/** Whoever is told when the quiet hours end needs some time to answer before it is too late. */
const ANSWER_MS = 30 * 60_000;
/** Hours that follow each other are looked at no further than this. */
const FAR_MS = 15 * DAY_MS;

/** What somebody does at that moment, or asked to hear at that moment, and what is about air itself. */
const NEVER_QUIET: ReadonlySet<string> = new Set([
  "suspect",
  "ceiling",
  "ends-soon",
  "reminder",
  "break-glass",
  "break-glass-confirm",
  "break-glass-kept",
  "chain-failed",
]);

/** When the quiet hours of a severity end that hold at a moment; hours that touch are one. Undefined: they do not hold. */
export function quietUntil(quiet: readonly QuietHours[], severity: Severity, at: Date): Date | undefined {
  const rules = quiet.filter((hours) => severity !== "critical" && hours.severity.includes(severity));
  const begin = at.getTime();
  let end = begin;
  while (end - begin < FAR_MS) {
    const now = end;
    const later = Math.max(now, ...rules.map((hours) => endOf(hours, now)));
    if (later === now) break;
    end = later;
  }
  return end === begin ? undefined : new Date(end);
}

/** No moment of a week is left in which somebody is told. */
export function isNeverTold(quiet: readonly QuietHours[], severity: Severity, from: Date): boolean {
  const end = quietUntil(quiet, severity, from);
  return end !== undefined && end.getTime() - from.getTime() > 8 * DAY_MS;
}

/** The end of the window a moment falls in; the moment itself: it falls in none. */
function endOf({ from, to, days, timeZone }: QuietHours, moment: number): number {
  const today = dateAt(moment, timeZone);
  // Begun yesterday it may last until today; where the calendar skipped yesterday, it began the day before.
  for (const back of [0, 1, 2]) {
    const day = today.subtract({ days: back });
    if (days && !days.includes(day.dayOfWeek)) continue;
    const [begin, end] = [wallMoment(day, from, timeZone), wallMoment(to > from ? day : day.add({ days: 1 }), to, timeZone)];
    if (begin <= moment && moment < end) return end;
  }
  return moment;
}

/**
 * Until when a page waits because of the hour; undefined: it is told now. `lostAt`: when it is too late, as the expiry of what it asks to
 * decide. `severity` undefined: it is about air itself, which is never quiet.
 */
export function waitsUntil(
  quiet: readonly QuietHours[],
  page: { step: string; severity: Severity | undefined; lostAt: Date | undefined },
  now: Date,
): Date | undefined {
  if (page.severity === undefined || NEVER_QUIET.has(page.step) || readFollowUp(page.step)) return undefined;
  const end = quietUntil(quiet, page.severity, now);
  if (end === undefined || (page.lostAt !== undefined && page.lostAt.getTime() < end.getTime() + ANSWER_MS)) return undefined;
  return end;
}
