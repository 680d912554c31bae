/** One day as people in a time zone have it: its name and the moments it begins and ends. */
export type Day = { name: string; from: Date; to: Date };

const HALF_DAY_MS = 43_200_000;

/** The day a moment falls on. A day on which the clock is turned is 23 or 25 hours long. */
export function dayOf(at: Date, timeZone: string): Day {
  const name = dateIn(at, timeZone);
  const from = midnight(name, timeZone);
  // From noon of one day to noon of the next whatever the clock does in between.
  const next = dateIn(new Date(from.getTime() + 3 * HALF_DAY_MS), timeZone);
  return { name, from, to: midnight(next, timeZone) };
}

/** The day of this name; undefined: there is no such day. */
export function dayNamed(name: string, timeZone: string): Day | undefined {
  const noon = new Date(`${name}T12:00:00Z`);
  if (Number.isNaN(noon.getTime())) return undefined;
  return dayOf(new Date(midnight(name, timeZone).getTime() + HALF_DAY_MS), timeZone);
}

/** "2026-11-22" as the wall calendar there says. */
const dateIn = (at: Date, timeZone: string): string => {
  const { year = "", month = "", day = "" } = parts(at, timeZone);
  return `${year}-${month}-${day}`;
};

/** When that day begins there. */
function midnight(name: string, timeZone: string): Date {
  const wall = Date.parse(`${name}T00:00:00Z`);
  let at = wall;
  // Twice: the offset is that of the moment looked for, which the first guess may miss by a turned clock.
  for (let turn = 0; turn < 2; turn++) at = wall - offsetAt(new Date(at), timeZone);
  // Where the clock skips midnight, the day begins with the first moment that bears its date.
  return dateIn(new Date(at), timeZone) < name ? new Date(at + 3_600_000) : new Date(at);
}

function offsetAt(at: Date, timeZone: string): number {
  const { year, month, day, hour, minute, second } = parts(at, timeZone);
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) - Math.floor(at.getTime() / 1000) * 1000;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();
function parts(at: Date, timeZone: string): Partial<Record<Intl.DateTimeFormatPartTypes, string>> {
  let format = FORMATS.get(timeZone);
  if (!format) {
    const two = "2-digit";
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: two,
      day: two,
      hour: two,
      minute: two,
      second: two,
    });
    FORMATS.set(timeZone, format);
  }
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
}
