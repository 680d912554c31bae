import type { Air } from "../engine/air.ts";
import { type BriefingReads, handoverFacts, morningFacts, SHOWN, WRITTEN } from "../engine/briefing.ts";
import { type BriefFacts, briefCard } from "../engine/cards/brief-card.ts";
import type { Card } from "../engine/cards/card.ts";
import { currentShift } from "../engine/handover.ts";
import { howOf, morningSince } from "../engine/morning.ts";
import type { Reads } from "../engine/store.ts";

/* The morning digest and the hand-over note whenever somebody asks: as a card, and whole as rows of a file. */

export type Brief = "digest" | "handover";
/** Whose names and which world; a command without a running air has neither. */
export type BriefFrom = Partial<Pick<Air, "paging" | "capabilities">>;

export const briefNow = async (air: Air, which: Brief): Promise<Card> =>
  briefCard(await factsOf(air.store, which, air.clock.now(), air, SHOWN));

export async function briefRows(reads: BriefingReads & Pick<Reads, "ranBefore">, which: Brief, now: Date, from: BriefFrom) {
  return rowsOf(await factsOf(reads, which, now, from, WRITTEN));
}

async function factsOf(
  reads: BriefingReads & Pick<Reads, "ranBefore">,
  which: Brief,
  now: Date,
  { paging, capabilities }: BriefFrom,
  most: number,
): Promise<BriefFacts> {
  const how = howOf({ ...(paging ? { paging } : {}), capabilities: { lab: capabilities?.lab ?? false } }, now);
  return which === "digest"
    ? morningFacts(reads, await morningSince(reads, now), how, most)
    : handoverFacts(reads, await currentShift(reads, now), how, most);
}

export const BRIEF_COLUMNS = ["part", "id", "incident", "severity", "text", "who", "at", "due", "expires", "note"] as const;

function rowsOf(brief: BriefFacts): Record<string, unknown>[] {
  const { changed } = brief;
  const summary = [
    { part: "summary", text: "told since", at: brief.since },
    ...brief.severities.map(({ severity, incidents }) => ({ part: "summary", severity, text: `${incidents} open` })),
    ...(brief.onCall ? [{ part: "summary", text: "on call", who: brief.onCall.name ?? "nobody", due: brief.onCall.until }] : []),
    ...(changed ? Object.entries(changed).map(([what, number]) => ({ part: "summary", text: `${number} ${what}` })) : []),
  ];
  return [...summary, ...brief.parts.flatMap(({ name, items }) => items.map((item) => ({ part: name, ...item })))];
}
