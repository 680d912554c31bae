import { plain, type Span, type Text } from "../../engine/cards/card.ts";
import { visible } from "../../engine/cards/visible.ts";

/*
 * Text on its way to Slack. Alert text is written by attackers, so it is made visible, cut and escaped here and nowhere else.
 * Lengths are UTF-16 units, the stricter way to count; cuts fall between code points.
 */

export const visibleSpans = (text: Text): Span[] =>
  (typeof text === "string" ? [{ text }] : text).map((span) => ({ ...span, text: visible(span.text) })).filter((span) => span.text !== "");

export const isBlank = (text: Text): boolean => plain(text).trim() === "";

/** At most `max` UTF-16 units, cut between code points, ending in "…" where something was cut. */
export function cutTo(text: string, max: number): string {
  if (text.length <= max) return text;
  if (max < 1) return "";
  const end = max - 1;
  const before = text.charCodeAt(end - 1);
  const splitsPair = end > 0 && before >= 0xd800 && before <= 0xdbff;
  return `${text.slice(0, splitsPair ? end - 1 : end)}…`;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Escaped for mrkdwn and top-level text: nothing in it mentions or links. Never cut through an entity. */
export function escapeTo(text: string, max: number): string {
  const escaped = visible(text).replace(/[&<>]/g, (sign) => ENTITIES[sign] ?? sign);
  if (escaped.length <= max) return escaped;
  let out = "";
  for (const point of visible(text)) {
    const next = ENTITIES[point] ?? point;
    if (out.length + next.length > max - 1) break;
    out += next;
  }
  return max < 1 ? "" : `${out}…`;
}
