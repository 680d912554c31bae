import type { Severity } from "../domain/alert.ts";
import { type Entity, entityName } from "../domain/entity.ts";
import type { Tone } from "./card.ts";

/**
 * How things are said. Indicators are defanged so that no client turns them into a link or fetches them;
 * times are UTC and written the same everywhere.
 *
 * In running text only what carries a scheme is defanged: a dot alone may as well belong to a file's name.
 */
export const defang = (text: string): string => text.replace(/\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s<>"']+/gi, (url) => defangUrl(url));

/** Text from outside, as one line that nothing links or fetches. */
export const outside = (text: string): string => defang(oneLine(text));

/** The name of an entity as shown: a url, address or domain defanged, everything else as it is. */
export function shown(entity: Entity): string {
  const name = oneLine(entityName(entity));
  switch (entity.kind) {
    case "url":
      return defangUrl(name);
    case "domain":
    case "ip":
      // No client makes a link of an IPv6 address, and with brackets around every colon nobody could read it.
      return defang(name).replace(/(?<!\[)\.(?!\])/g, "[.]");
    default:
      // A subject or the name of an account may be, or hold, an address as well.
      return defang(name);
  }
}

const defangUrl = (url: string) => {
  const [, scheme = "", host = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)(.*)$/is.exec(url) ?? [];
  // A redirector carries another address inside.
  return `${scheme.replace(/^ftp/i, "fxp")}${host.replace(/(?<!\[)\.(?!\])/g, "[.]")}${rest}`.replace(/http(?=s?:\/\/)/gi, "hxxp");
};

/** Attackers write line breaks and invisible characters into names; a card line is one line. */
export const oneLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "")
    .trim();

export const time = (at: Date | string): string => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** "29 min", "3 h 5 min", "2 d": between two moments, for people. */
export function span(from: Date, to: Date): string {
  const minutes = Math.max(0, Math.round((to.getTime() - from.getTime()) / 60_000));
  if (minutes < 1) return "under a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

/** "6 days 23 h", "4 h 30 min": how long something lasts, to the minute. */
export function lengthText(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  const parts = [days > 0 ? count(days, "day") : "", hours > 0 ? `${hours} h` : "", rest > 0 ? `${rest} min` : ""];
  return parts.filter((part) => part !== "").join(" ") || "under a minute";
}

export const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;
export const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

const KIND_WORD: Partial<Record<Entity["kind"], string>> = { url: "URL", ip: "IP address", "oauth-app": "OAuth app" };
/** What kind of thing it is, in words: "IP address", "mail cluster". */
export const kindWord = (kind: Entity["kind"]): string => KIND_WORD[kind] ?? kind.replaceAll("-", " ");

/** The colour that goes with a severity; the word stands beside it. */
export const SEVERITY_TONE: Record<Severity, Tone> = {
  informational: "neutral",
  low: "info",
  medium: "warning",
  high: "bad",
  critical: "bad",
};
