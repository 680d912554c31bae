import { wallText } from "../domain/wall-clock.ts";
import type { Card, Line, Text } from "./card.ts";

/*
 * One surface, one clock. Whatever is kept says its times in UTC; what a person reads in a chat, in the console or as a page shows all of
 * them on the clock of `onCall.timeZone`, each with its name. Done where something is shown, so that no sentence has to know the zone.
 */

const MOMENT = /\b(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}) UTC\b/g;

/** "at 2026-10-05 09:00 UTC" becomes "at 2026-10-05 11:00 (Europe/Berlin)"; in UTC everything stays as it is. */
export function inZone(text: string, zone: string): string {
  if (zone === "UTC") return text;
  return text.replace(MOMENT, (whole, day: string, hour: string) => {
    const at = new Date(`${day}T${hour}:00Z`);
    // What only looks like one was written by somebody else.
    return Number.isNaN(at.getTime()) || !at.toISOString().startsWith(day) ? whole : wallText(at, zone);
  });
}

/** The card as whoever lives by that clock reads it; what a button means is no text. */
export function cardInZone(card: Card, zone: string): Card {
  if (zone === "UTC") return card;
  const say = (text: string) => inZone(text, zone);
  return {
    ...card,
    title: say(card.title),
    summary: say(card.summary),
    lines: card.lines.map((line) => lineInZone(line, zone)),
    buttons: card.buttons.map(({ confirm, ...button }) => ({
      ...button,
      ...(confirm ? { confirm: { ...confirm, title: say(confirm.title), text: say(confirm.text) } } : {}),
    })),
  };
}

function lineInZone(line: Line, zone: string): Line {
  const say = (text: Text): Text =>
    typeof text === "string" ? inZone(text, zone) : text.map((span) => ({ ...span, text: inZone(span.text, zone) }));
  switch (line.kind) {
    case "text":
    case "note":
      return { ...line, text: say(line.text) };
    case "facts":
      return { ...line, facts: line.facts.map(([label, value]) => [label, say(value)] as const) };
    case "list":
      return {
        ...line,
        ...(line.title === undefined ? {} : { title: inZone(line.title, zone) }),
        items: line.items.map((item) => ({ ...item, text: say(item.text) })),
      };
    case "code":
    case "mention":
    case "divider":
      return line;
    default:
      return line satisfies never;
  }
}
