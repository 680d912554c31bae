import { readDuration } from "../engine/domain/duration.ts";

/** How long, and how many words said it; or words that mean a time nobody can be sure of. */
type Spoken = { ms: number; words: number } | { wrong: string };

const UNIT = /^(?:(m|min|mins|minutes?)|(h|hrs?|hours?)|(d|days?))$/i;
const TIME_WORD =
  /^(?:seconds?|secs?|mins?|minutes?|hrs?|hours?|days?|weeks?|months?|years?|while|moment|tomorrow|tonight|today|(?:mon|tues|wednes|thurs|fri|satur|sun)day)$/i;
const NUMBER_WORD =
  /^(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|ninety|hundred|half)(?:-|$)/i;
const SOME = /^(?:an?|the|next|another|few|several|some|couple|of|about|around|at|least|up|to)$/i;

/**
 * The words after `for` or `in`: `2h`, `2 hours`, `90min`. undefined: ordinary words, as in "for the night shift". What looks like a time
 * and is not understood is never taken for a reason: the action would last for ever, or be undone now.
 */
export function readSpoken(words: readonly string[]): Spoken | undefined {
  const first = trimmed(words[0]);
  const read = exact(words);
  if (read) {
    // "2h 30m" would otherwise lose its half hour.
    const rest = words.slice(trimmed(words[read.words])?.toLowerCase() === "and" ? read.words + 1 : read.words);
    const more = exact(rest);
    return more ? { wrong: words.slice(0, words.length - rest.length + more.words).join(" ") } : read;
  }
  if (first === undefined) return { wrong: "" };
  if (/^\p{P}*[\p{N}\p{Pd}\p{Sm}]/u.test(first) || NUMBER_WORD.test(first) || TIME_WORD.test(first)) return { wrong: phrase(words) };
  const said = words.slice(0, 6).map((word) => trimmed(word) ?? "");
  const ends = said.findIndex((word) => !SOME.test(word));
  const next = ends === -1 ? "" : (said[ends] ?? "");
  const timed = ends > 0 && (TIME_WORD.test(next) || NUMBER_WORD.test(next) || /^\p{N}/u.test(next));
  return timed ? { wrong: words.slice(0, ends + 1).join(" ") } : undefined;
}

/** The whole text and nothing else. */
export function readSpokenText(text: string): number | undefined {
  const words = text.trim().split(/\s+/u);
  const read = exact(words);
  return read?.words === words.length ? read.ms : undefined;
}

function exact(words: readonly string[]): { ms: number; words: number } | undefined {
  const first = trimmed(words[0]);
  if (first === undefined) return undefined;
  const alone = readDuration(first) ?? lasting(first);
  if (alone !== undefined) return { ms: alone, words: 1 };
  const ms = /^\d+$/.test(first) ? lasting(`${first}${trimmed(words[1]) ?? ""}`) : undefined;
  return ms === undefined ? undefined : { ms, words: 2 };
}

function lasting(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})([a-z]+)$/i.exec(text) ?? [];
  const [, minutes, hours, days] = UNIT.exec(unit ?? "") ?? [];
  return count && (minutes || hours || days) ? readDuration(`${count}${minutes ? "m" : hours ? "h" : "d"}`) : undefined;
}

const trimmed = (word: string | undefined) => word?.replace(/[,;.]$/, "");
const phrase = (words: readonly string[]) => words.slice(0, TIME_WORD.test(trimmed(words[1]) ?? "") ? 2 : 1).join(" ");
