import { Temporal } from "temporal-polyfill";

/** Hours people type, in their own time zone. */

/** `weekday` 1 is Monday; `date` is 2026-10-05. Without an hour of its own a day begins when people come in. */
export type When =
  | { inMs: number }
  | { hour: number; minute: number }
  | { weekday: number; hour?: number; minute?: number }
  | { date: string; hour?: number; minute?: number }
  | "tomorrow";

/** Tomorrow is when people come in. */
const MORNING = { hour: 9, minute: 0 };

export const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** A day of the calendar: 2026-10-05. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

/** The next time a clock on the wall there shows it; for `tomorrow` the morning of the next day. */
export function momentOf(when: When, now: Date, zone: string): Date {
  if (when !== "tomorrow" && "inMs" in when) return new Date(now.getTime() + when.inMs);
  const today = dateAt(now.getTime(), zone);
  if (when === "tomorrow") return new Date(wallMoment(today.add({ days: 1 }), minutesOf(MORNING), zone));
  const minutes = minutesOf({ hour: when.hour ?? MORNING.hour, minute: when.minute ?? MORNING.minute });
  if ("date" in when) return new Date(wallMoment(Temporal.PlainDate.from(when.date), minutes, zone));
  const step = "weekday" in when ? 7 : 1;
  const first = "weekday" in when ? today.add({ days: (when.weekday - today.dayOfWeek + 7) % 7 }) : today;
  const moment = wallMoment(first, minutes, zone);
  return new Date(moment > now.getTime() ? moment : wallMoment(first.add({ days: step }), minutes, zone));
}

const minutesOf = ({ hour, minute }: { hour: number; minute: number }) => hour * 60 + minute;

/** The day the calendar there shows. */
export const dateAt = (at: number, zone: string): Temporal.PlainDate =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDate();

/**
 * When the wall there shows so many minutes after midnight of that day; 1440 is the next midnight. What the clock skips exists nowhere: it is
 * the first moment after the gap, so that nothing outlasts it. Of an hour that comes twice it is the first.
 */
export function wallMoment(date: Temporal.PlainDate, minutes: number, zone: string): number {
  const day = minutes >= 1440 ? date.add({ days: 1 }) : date;
  const plainTime = new Temporal.PlainTime(Math.floor((minutes % 1440) / 60), minutes % 60);
  const there = day.toZonedDateTime({ timeZone: zone, plainTime });
  if (there.toPlainDate().equals(day) && there.toPlainTime().equals(plainTime)) return there.epochMilliseconds;
  return there.add({ milliseconds: 1 }).getTimeZoneTransition("previous")?.epochMilliseconds ?? there.epochMilliseconds;
}

/** "2026-10-05 14:30 (Europe/Berlin)" */
export function wallText(at: Date, zone: string): string {
  return `${wallShort(at, zone)} (${zone})`;
}

/** "2026-10-05 14:30" */
export function wallShort(at: Date, zone: string): string {
  const there = Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone);
  return `${there.toPlainDate()} ${there.toPlainTime().toString({ smallestUnit: "minute" })}`;
}

/** "Mon 2026-10-05 14:30" */
export const wallDay = (at: Date, zone: string): string => `${WEEKDAYS[dateAt(at.getTime(), zone).dayOfWeek - 1]} ${wallShort(at, zone)}`;
