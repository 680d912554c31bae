import { type Air, isLive } from "./air.ts";
import { type BriefingHow, type BriefingReads, morningFacts, SHOWN } from "./briefing.ts";
import { briefCard } from "./cards/brief-card.ts";
import type { Card } from "./cards/card.ts";
import type { Reads, Tx } from "./store.ts";
import { wantDigest } from "./want-cards.ts";

const DAY_MS = 86_400_000;
const PREFIX = "morning:";

/** Where digest and report go: as air.yaml says, else where everything goes that has no rule of its own, else to whoever runs air. */
export function briefChannels(air: Pick<Air, "channels" | "paging" | "schedules">): string[] {
  const named = air.schedules?.().channels ?? [];
  if (named.length > 0) return [...named];
  const fallback = (air.channels().at(-1)?.channels ?? []).filter((channel) => !isLive(channel));
  return fallback.length > 0 ? fallback : [...(air.paging?.().ops ?? [])];
}

/** The morning digest is wanted, unless nothing is to be told. It is drawn when it is posted, so it shows how things stand then. */
export async function wantMorning(tx: Tx, air: Air, due: Date, now: Date): Promise<string | undefined> {
  const since = await morningSince(tx, due);
  const facts = await morningFacts(tx, since, howOf(air, now), 1);
  if (facts.parts.length === 0) return "there was nothing to tell";
  const channels = briefChannels(air);
  if (channels.length === 0) return "no channel of a chat is named to tell it in";
  const subject = `${PREFIX}${since.toISOString()}/${due.toISOString()}`;
  await wantDigest(
    tx,
    channels.map((channel) => ({ channel, subject })),
    now,
  );
  return undefined;
}

/** From the digest before; on the first day of the last 24 hours. */
export const morningSince = async (reads: Pick<Reads, "ranBefore">, due: Date): Promise<Date> =>
  (await reads.ranBefore("morning", due)) ?? new Date(due.getTime() - DAY_MS);

export const howOf = (air: Pick<Air, "paging"> & { capabilities: { lab: boolean } }, now: Date): BriefingHow => ({
  paging: air.paging?.(),
  lab: air.capabilities.lab,
  now,
});

/** Undefined: it is none. */
export async function drawMorning(reads: BriefingReads, subject: string, how: BriefingHow): Promise<Card | undefined> {
  if (!subject.startsWith(PREFIX)) return undefined;
  const since = new Date(subject.slice(PREFIX.length).split("/")[0] ?? "");
  return Number.isNaN(since.getTime()) ? undefined : briefCard(await morningFacts(reads, since, how, SHOWN));
}
