import type { Temporal } from "temporal-polyfill";
import { dateAt, wallMoment } from "./wall-clock.ts";

/*
 * When a schedule is due. Pure: the clock, the zone and what was done last go in, instants come out. An instant is the same in every
 * process, so that a row of it is written once.
 */

/** What a clock on the wall shows when it is time: every day, or on one day of the week (1 is Monday). `minute` counts from midnight. */
export type WallTime = { minute: number; weekday?: number };

/** The last instant at or before `now`. */
export function lastDue(when: WallTime, now: Date, zone: string): Date {
  // A day ahead: where the calendar left a day out, the instant of tomorrow may be now.
  for (let day = latestDay(when, dateAt(now.getTime(), zone).add({ days: 1 })); ; day = day.subtract({ days: step(when) })) {
    const at = dueOn(day, when, zone);
    if (at <= now.getTime()) return new Date(at);
  }
}

/** The first instant after `now`. */
export function nextDue(when: WallTime, now: Date, zone: string): Date {
  for (let day = latestDay(when, dateAt(now.getTime(), zone)); ; day = day.add({ days: step(when) })) {
    const at = dueOn(day, when, zone);
    if (at > now.getTime()) return new Date(at);
  }
}

export type Due = {
  /** The instant to do now. */
  run: Date;
  /** Instants before it that nobody did; the first and the last of them. */
  skipped: { count: number; first: Date; last: Date } | undefined;
};

/**
 * What is to be done now. `last`: the newest instant that was done or given up. Of what was missed meanwhile the newest is done, for it is
 * younger than its period, and what came before is given up. However long air was down, this costs the same.
 */
export function dueNow(when: WallTime, last: Date, now: Date, zone: string): Due | undefined {
  const run = lastDue(when, now, zone);
  if (run <= last) return undefined;
  const first = nextDue(when, last, zone);
  if (first >= run) return { run, skipped: undefined };
  const before = lastDue(when, new Date(run.getTime() - 1), zone);
  const days = dateAt(first.getTime(), zone).until(dateAt(before.getTime(), zone)).days;
  return { run, skipped: { count: Math.round(days / step(when)) + 1, first, last: before } };
}

const step = ({ weekday }: WallTime): number => (weekday === undefined ? 1 : 7);

/** The last day on or before this one on which it is due. */
const latestDay = ({ weekday }: WallTime, day: Temporal.PlainDate): Temporal.PlainDate =>
  weekday === undefined ? day : day.subtract({ days: (day.dayOfWeek - weekday + 7) % 7 });

/**
 * When it is due on a day. A time that comes twice is meant the first time; one the clock skips is the first moment after it was turned.
 */
const dueOn = (day: Temporal.PlainDate, { minute }: WallTime, zone: string): number => wallMoment(day, minute, zone);
