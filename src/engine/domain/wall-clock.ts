/** Hours people type, in their own time zone. */

export type When = { inMs: number } | { hour: number; minute: number } | "tomorrow";

/** Tomorrow is when people come in. */
const MORNING = { hour: 9, minute: 0 };

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** The next time a clock on the wall there shows it; for `tomorrow` the morning of the next day. */
export function momentOf(when: When, now: Date, zone: string): Date {
  if (when !== "tomorrow" && "inMs" in when) return new Date(now.getTime() + when.inMs);
  const { year, month, day } = wallClock(now, zone);
  if (when === "tomorrow") return atWall(year, month, day + 1, MORNING, zone);
  const today = atWall(year, month, day, when, zone);
  return today > now ? today : atWall(year, month, day + 1, when, zone);
}

function wallClock(at: Date, zone: string): Record<"year" | "month" | "day" | "hour" | "minute" | "second", number> {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return { year: of("year"), month: of("month"), day: of("day"), hour: of("hour"), minute: of("minute"), second: of("second") };
}

/** The wall reads as UTC would, off by the zone's offset; asked twice, because the offset may change between the two. */
function atWall(year: number, month: number, day: number, { hour, minute }: { hour: number; minute: number }, zone: string): Date {
  const wall = Date.UTC(year, month - 1, day, hour, minute);
  const offset = (at: number) => {
    const { year: y, month: m, day: d, hour: h, minute: min, second } = wallClock(new Date(at), zone);
    return Date.UTC(y, m - 1, d, h, min, second) - Math.floor(at / 1000) * 1000;
  };
  const first = wall - offset(wall);
  const second = wall - offset(first);
  // An hour the clock skips exists nowhere: the later reading is the one after the change.
  return new Date(offset(second) === offset(first) ? second : Math.max(first, second));
}

/** "2026-10-05 14:30 (Europe/Berlin)" */
export function wallText(at: Date, zone: string): string {
  const { year, month, day, hour, minute } = wallClock(at, zone);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)} (${zone})`;
}
