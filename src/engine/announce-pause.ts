import { type Air, isLive } from "./air.ts";
import type { Card } from "./cards/card.ts";
import { type PauseFacts, pauseCard } from "./cards/pause-card.ts";
import { NOBODY } from "./domain/paging.ts";
import type { Reads, Tx } from "./store.ts";
import { wantPause } from "./want-cards.ts";

/** Pauses that are over, so that the message each of them made can say so. The oldest fall out: their messages stay as they are. */
const ENDED_SETTING = "pauses-ended";
const KEPT = 50;

/** One message per pause: a second one, with another reason, is another message. */
const subjectOf = ({ family, at }: Pick<PauseFacts, "family" | "at">) => `pause:${family}:${at}`;
const SUBJECT = /^pause:([a-z]+):(.+)$/;

/** Where root cards go, and where whoever runs air reads; the console has a line of its own. */
function channelsOf(air: Pick<Air, "channels" | "paging">): string[] {
  const roots = air.channels().flatMap((rule) => rule.channels);
  return [...new Set([...roots, ...(air.paging?.() ?? NOBODY).ops])].filter((channel) => !isLive(channel));
}

/** Says it once in every channel where people decide, in the transaction of the pause. */
export const announcePauses = (tx: Tx, air: Air, pauses: readonly PauseFacts[], now: Date): Promise<void> =>
  wantPause(
    tx,
    pauses.flatMap((pause) => channelsOf(air).map((channel) => ({ channel, subject: subjectOf(pause) }))),
    now,
  );

/** The same messages say from now on how it ended. */
export async function announceEnded(
  tx: Tx,
  air: Air,
  pauses: readonly PauseFacts[],
  ended: NonNullable<PauseFacts["ended"]>,
  now: Date,
): Promise<void> {
  if (pauses.length === 0) return;
  const before = (await tx.setting<PauseFacts[]>(ENDED_SETTING)) ?? [];
  await tx.putSetting(ENDED_SETTING, [...pauses.map((pause): PauseFacts => ({ ...pause, ended })), ...before].slice(0, KEPT));
  await announcePauses(tx, air, pauses, now);
}

/** The message of a pause as it stands; undefined: it is none, or too long ago. */
export async function drawPause(
  reads: Pick<Reads, "setting">,
  subject: string,
  { present, lab }: { present: readonly PauseFacts[]; lab: boolean },
): Promise<Card | undefined> {
  if (!SUBJECT.test(subject)) return undefined;
  const over = (await reads.setting<PauseFacts[]>(ENDED_SETTING)) ?? [];
  const pause = [...present, ...over].find((one) => subjectOf(one) === subject);
  return pause && pauseCard(pause, lab);
}
