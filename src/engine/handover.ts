import { type BriefingHow, type BriefingReads, handoverFacts, SHOWN } from "./briefing.ts";
import { briefCard } from "./cards/brief-card.ts";
import type { Card } from "./cards/card.ts";
import { NOBODY } from "./domain/paging.ts";
import { onDuty } from "./on-duty.ts";
import type { Reads, Tx } from "./store.ts";
import { wantDigest } from "./want-cards.ts";

/** Who was on call when it was last looked, since when, and who was before them. */
export type NotedDuty = { person: string | null; since?: string; before?: string | null };
export const NOTED_DUTY = "duty-noted";

const DAY_MS = 86_400_000;
const SUBJECT = /^handover:([^/]+)\/([^/]+)\/(.*)$/;

/** The note of the shift that ends now stands in these channels, and mentions whoever comes on. */
export async function wantHandover(tx: Tx, channels: readonly string[], ended: NotedDuty, now: Date): Promise<void> {
  const subject = `handover:${shiftOf(ended, now).from.toISOString()}/${now.toISOString()}/${ended.person ?? ""}`;
  await wantDigest(
    tx,
    channels.map((channel) => ({ channel, subject })),
    now,
  );
}

/** Where nobody noted when it began, the last day is told. */
const shiftOf = ({ person, since }: NotedDuty, now: Date): { from: Date; person: string | null } => ({
  from: since === undefined ? new Date(now.getTime() - DAY_MS) : new Date(since),
  person,
});

/** The shift that is on, and who had the one before: for whoever wants the note before it changes. */
export async function currentShift(reads: Pick<Reads, "setting">, now: Date): Promise<{ from: Date; person: string | null }> {
  const noted = await reads.setting<NotedDuty>(NOTED_DUTY);
  return { from: shiftOf(noted ?? { person: null }, now).from, person: noted?.before ?? null };
}

/** Undefined: it is none. */
export async function drawHandover(reads: BriefingReads, subject: string, how: BriefingHow): Promise<Card | undefined> {
  const [, from = "", changed = "", person = ""] = SUBJECT.exec(subject) ?? [];
  const began = new Date(from);
  if (from === "" || Number.isNaN(began.getTime())) return undefined;
  const facts = await handoverFacts(reads, { from: began, person: person === "" ? null : person }, how, SHOWN);
  const paging = how.paging ?? NOBODY;
  const duty = await onDuty(reads, { paging: () => paging }, new Date(changed));
  return briefCard(duty?.current == null ? facts : { ...facts, comesOn: paging.nameOf(duty.current) });
}
