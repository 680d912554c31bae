import { isDate, type When } from "../engine/domain/wall-clock.ts";
import { weekdayOf } from "./rota-shape.ts";
import { readSpokenText } from "./spoken-duration.ts";

/** How far ahead a card shows. */
const MOST_DAYS = 92;
const SWAP = "oncall swap <person or me> <person> from <when> to <when>, oncall swap <person or me> <person> for 4h (from now)";
const WHEN = "Write now, 14:30, Fri 18:00, 2026-12-24 09:00 or 2h";

export type OnCallCommand =
  | { kind: "oncall"; days: number | undefined }
  /** `people`: both, as written; who they are is asked where people are known. */
  | { kind: "oncall-swap"; people: readonly string[]; from: When; to: When }
  | { kind: "oncall-cancel"; swap: number };

/** `oncall`, `oncall 7d`, `oncall swap me noor from Fri 18:00 to Mon 09:00`, `oncall swap me noor for 4h`, `oncall cancel 3`. */
export function readOnCall(words: readonly string[]): OnCallCommand | { wrong: string } {
  const [first, ...rest] = words;
  if (first === undefined) return { kind: "oncall", days: undefined };
  switch (first.toLowerCase()) {
    case "swap":
      return readSwap(rest);
    case "cancel": {
      const swap = Number(/^#?(\d{1,9})$/.exec(rest.join(""))?.[1] ?? 0);
      return swap > 0 ? { kind: "oncall-cancel", swap } : { wrong: "Usage: oncall cancel <number of the swap>. The numbers: oncall" };
    }
    default: {
      const days = Number(/^(\d{1,3})\s*d(ays?)?$/i.exec(words.join(" "))?.[1] ?? 0);
      if (days >= 1 && days <= MOST_DAYS) return { kind: "oncall", days };
      return { wrong: `Usage: oncall, oncall 7d (at most ${MOST_DAYS}d), ${SWAP}, oncall cancel <number>.` };
    }
  }
}

function readSwap(words: readonly string[]): OnCallCommand | { wrong: string } {
  const lower = words.map((word) => word.toLowerCase());
  const from = lower.indexOf("from");
  const to = lower.findIndex((word, index) => index > from && (word === "to" || word === "until" || word === "for"));
  // Without a beginning it begins now.
  const names = from < 0 ? to : from;
  if (names < 2 || to < 0) return { wrong: `Usage: ${SWAP}; like: oncall swap me noor from Fri 18:00 to Mon 09:00.` };
  const said = { begin: from < 0 ? "now" : words.slice(from + 1, to).join(" "), end: words.slice(to + 1).join(" ") };
  const [begin, end] = [readMoment(said.begin), readMoment(said.end)];
  if (!begin) return { wrong: `"${said.begin.slice(0, 40)}" is no time. ${WHEN}.` };
  // A length that air reads, and none of a swap: which is too short or too long is said, not that it is no time.
  if (!end && /^\d+\s*(m|min|mins|minutes?|h|hrs?|hours?|d|days?)$/i.test(said.end))
    return {
      wrong: `"${said.end.slice(0, 40)}" is no length of a swap: it is longer than nothing, and at most 92 days. Write 30m, 4h or 7d.`,
    };
  if (!end || (lower[to] === "for" && !(typeof end === "object" && "inMs" in end)))
    return { wrong: `"${said.end.slice(0, 40)}" is no time to end. ${WHEN}.` };
  return { kind: "oncall-swap", people: words.slice(0, names), from: begin, to: end };
}

/** A moment as people say it, more of them than a reminder needs. */
function readMoment(text: string): When | undefined {
  const [first = "", second, ...more] = text.trim().replace("T", " ").split(/\s+/);
  if (first.toLowerCase() === "now" && second === undefined) return { inMs: 0 };
  if (first.toLowerCase() === "tomorrow" && second === undefined) return "tomorrow";
  const inMs = readSpokenText(text);
  if (inMs !== undefined) return { inMs };
  const clock = (word: string) => {
    const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(word) ?? [];
    return hour === undefined ? undefined : { hour: Number(hour), minute: Number(minute) };
  };
  if (second === undefined && clock(first)) return clock(first);
  const time = second === undefined ? {} : clock(second);
  if (!time || more.length > 0) return undefined;
  if (isDate(first)) return { date: first, ...time };
  const weekday = weekdayOf(first);
  return weekday === undefined ? undefined : { weekday, ...time };
}
