import { Temporal } from "temporal-polyfill";
import { dateAt, wallMoment } from "./wall-clock.ts";

/** Which span a report is asked for: a week of the calendar, so many days back from now, or between two moments. */
export type AskedSpan = { week: "this" | "last" | string } | { days: number } | { from: Date; to: Date };

const MOST_DAYS = 366;
const DAY_MS = 86_400_000;

/** `week`, `last week`, `7d`, `2026-W47`, or two moments with a slash between; undefined: it is none of them. */
export function readSpanWords(words: readonly string[]): AskedSpan | undefined {
  const [from, to, more] = words.join(" ").trim().split("/");
  if (from !== undefined && to !== undefined) return more === undefined ? between(from, to) : undefined;
  const text = words.join(" ").trim().toLowerCase().replaceAll("-", " ");
  if (text === "") return { days: 7 };
  if (text === "week" || text === "this week") return { week: "this" };
  if (text === "last week") return { week: "last" };
  const days = /^(\d{1,3}) ?d(ays?)?$/.exec(text)?.[1];
  if (days !== undefined) return Number(days) >= 1 && Number(days) <= MOST_DAYS ? { days: Number(days) } : undefined;
  const [, year, number] = /^(\d{4}) ?w(\d{1,2})$/.exec(text) ?? [];
  if (year === undefined || number === undefined) return undefined;
  const week = `${year}-W${number.padStart(2, "0")}`;
  return mondayOf(week) ? { week } : undefined;
}

function between(first: string, last: string): AskedSpan | undefined {
  const isMoment = (text: string) => /^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/i.test(text);
  const [from, to] = [new Date(first), new Date(last)];
  const longest = MOST_DAYS * DAY_MS;
  return isMoment(first) && isMoment(last) && to > from && to.getTime() - from.getTime() <= longest ? { from, to } : undefined;
}

/** The other way round. */
export function writeSpan(asked: AskedSpan): string {
  if ("days" in asked) return `${asked.days}d`;
  if ("from" in asked) return `${asked.from.toISOString()}/${asked.to.toISOString()}`;
  return asked.week === "this" ? "week" : asked.week === "last" ? "last-week" : asked.week;
}

/** From when to when it is, on the calendar of that zone. What is not over yet ends now. */
export function spanOf(asked: AskedSpan, now: Date, zone: string): { from: Date; to: Date } {
  if ("from" in asked) return asked;
  if ("days" in asked) return { from: new Date(now.getTime() - asked.days * DAY_MS), to: now };
  const today = dateAt(now.getTime(), zone);
  const thisWeek = today.subtract({ days: today.dayOfWeek - 1 });
  const monday = asked.week === "this" ? thisWeek : asked.week === "last" ? thisWeek.subtract({ days: 7 }) : mondayOf(asked.week);
  if (!monday) throw new Error("There is no such week.");
  const [from, to] = [monday, monday.add({ days: 7 })].map((day) => new Date(wallMoment(day, 0, zone))) as [Date, Date];
  return { from, to: to < now ? to : from < now ? now : to };
}

/** The first day of a week of the calendar; undefined: that year has none of this number. */
function mondayOf(week: string): Temporal.PlainDate | undefined {
  const [, year = "", number = ""] = /^(\d{4})-W(\d{2})$/.exec(week) ?? [];
  // The fourth of January is always in the first week.
  const fourth = Temporal.PlainDate.from({ year: Number(year), month: 1, day: 4 });
  const monday = fourth.subtract({ days: fourth.dayOfWeek - 1 }).add({ days: (Number(number) - 1) * 7 });
  return Number(number) >= 1 && weekName(monday) === week ? monday : undefined;
}

const weekName = (day: Temporal.PlainDate): string => `${day.yearOfWeek}-W${String(day.weekOfYear).padStart(2, "0")}`;

/** "2026-W47" where it is a week of the calendar, else its days or moments. */
export function spanText({ from, to }: { from: Date; to: Date }, zone: string): string {
  const [first, last] = [dateAt(from.getTime(), zone), dateAt(to.getTime() - 1, zone)];
  const whole = wallMoment(first, 0, zone) === from.getTime() && wallMoment(last, 1440, zone) === to.getTime();
  if (whole && first.dayOfWeek === 1 && last.equals(first.add({ days: 6 }))) return `${weekName(first)} (${first} to ${last})`;
  return `${first} to ${last}`;
}
