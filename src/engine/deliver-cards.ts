import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { Air } from "./air.ts";
import type { Card } from "./cards/card.ts";
import { goesOnCard, standInCard } from "./cards/stand-in-card.ts";
import { fallbackFor, noteTrouble, noteWorks } from "./channel-trouble.ts";
import { type Drawing, drawMessages, pageOf } from "./draw.ts";
import { notePages, type Posted } from "./note-pages.ts";
import { ChatError, type ChatPlatform, type MessageRef } from "./ports.ts";
import type { ChannelRow, Delivery, StaleMessage, Tx } from "./store.ts";
import { directOf } from "./want-cards.ts";

const CALL_TIMEOUT_MS = 15_000;
/** After a refusal of one message somebody has to mend something first. */
const REFUSED_RETRY_MS = 60_000;
const LATER_RETRY_MS = 2_000;

export type Publishing = { platforms: ReadonlyMap<string, ChatPlatform>; drawing: () => Promise<Drawing> };
/** Where the messages go: air's name of the channel, the platform's, and how the channel fared so far. */
export type Place = { channel: string; target: string; state: ChannelRow | undefined };

/** How one message fared; `called`: the platform was asked, `error`: what it said. */
type Tried = { row: StaleMessage; delivery: Delivery; called: boolean; error?: ChatError };

/**
 * Sends one batch and notes how it fared, in one transaction. What an error means is decided here, once:
 *
 *   later    a rate limit or an outage: the whole channel waits (`alone`: only this message)
 *   gone     a root is posted anew with its thread, a reply in its thread
 *   channel  nobody can post there: urgent things go elsewhere, one call a minute looks whether it works again
 *   account  the platform refuses air: as before, seldom
 *   refused  this message waits alone and lets the others pass
 *
 * True: the channel has to wait.
 */
export async function deliverCards(
  air: Air,
  publishing: Publishing,
  platform: ChatPlatform,
  place: Place,
  batch: readonly StaleMessage[],
): Promise<boolean> {
  const drawn = await publishing.drawing();
  const drawing = { ...drawn, channels: air.channels, lab: drawn.lab ?? air.capabilities.lab };
  const holds = new Map<number, readonly number[]>();
  const cards = await drawMessages(air.store, batch, drawing, holds);
  const meant = await standingIn(air, place, batch);
  const tried = await Promise.all(
    batch.map((row) => {
      const card = cards.get(row.id);
      const other = meant.get(row.id);
      if (!card || !other) return tryOne(air, platform, place, row, card);
      if (other.trouble !== null) return tryOne(air, platform, place, row, standInCard(card, other.channel, other.trouble));
      // What was never shown here is not begun here any more.
      return tryOne(air, platform, place, row, row.ref ? goesOnCard(card, other.channel) : undefined);
    }),
  );
  const errors = tried.flatMap(({ error }) => error ?? []);
  const [trouble] = errors.filter(({ kind }) => kind === "channel" || kind === "account");
  const now = air.clock.now();
  const waits = errors.filter(({ kind, alone }) => kind === "later" && !alone).map(({ retryAfterMs }) => retryAfterMs ?? LATER_RETRY_MS);
  const pace = (batch.length / platform.pace.perSecond) * 1000;
  const nextAt = new Date(now.getTime() + Math.max(pace, ...waits));
  const said = errors.find(({ kind }) => kind !== "gone")?.message ?? null;
  await air.store.transaction(async (tx) => {
    await notePages(tx, air, place.channel, pagesOf(air, place, tried, holds), now);
    await tx.noteDelivery(tried.map(({ delivery }) => delivery));
    for (const one of tried) await noteGone(tx, place.channel, one);
    const { state } = place;
    if (trouble) return noteTrouble(tx, air, state, place.channel, trouble, now);
    const works = tried.some(({ called, error }) => called && (!error || error.kind === "gone" || error.kind === "refused"));
    const stillTroubled = Boolean(state?.troubleKind) && !works;
    const since = works ? { troubledSince: null } : waits.length > 0 ? { troubledSince: state?.troubledSince ?? now } : {};
    await tx.updateChannel(place.channel, { nextAt, ...(stillTroubled ? {} : { trouble: said, ...since }) });
    if (state?.troubleKind && works) await noteWorks(tx, air, state, now);
  });
  if (said) air.log.warn("chat did not take a message", { platform: platform.name, trouble: said });
  return trouble !== undefined || waits.length > 0;
}

/** Messages that stand in for another channel, with how that one fares. Pages are no copies: they moved. */
async function standingIn(
  air: Air,
  place: Place,
  batch: readonly StaleMessage[],
): Promise<Map<number, { channel: string; trouble: string | null }>> {
  const copies = batch.flatMap((row) => {
    const channel = row.insteadOf ?? row.rootInsteadOf;
    return channel === null || channel === place.channel || pageOf(row.subject) !== undefined ? [] : [{ id: row.id, channel }];
  });
  if (copies.length === 0) return new Map();
  const troubled = new Map((await air.store.troubledChannels()).map((row) => [row.channel, row.trouble ?? "it cannot be posted to."]));
  return new Map(copies.map(({ id, channel }) => [id, { channel, trouble: troubled.get(channel) ?? null }]));
}

/** Half a character has no canonical form: one in a name would keep everything else in its channel from being posted. */
const halfless = (_key: string, value: unknown) => (typeof value === "string" ? value.toWellFormed() : value);

async function tryOne(air: Air, platform: ChatPlatform, place: Place, row: StaleMessage, card: Card | undefined): Promise<Tried> {
  const done = {
    id: row.id,
    shown: row.wanted,
    ref: row.ref,
    shownDigest: row.shownDigest,
    postingSince: null,
    retryAt: null,
    trouble: null,
  };
  if (!card) return { row, delivery: done, called: false };
  const digest = createHash("sha256")
    .update(canonicalize(JSON.parse(JSON.stringify(card, halfless))) ?? "")
    .digest("hex");
  if (row.ref && digest === row.shownDigest) return { row, delivery: done, called: false };
  const began = air.clock.now();
  try {
    const ref = await send(air, platform, place, row, card);
    return { row, delivery: { ...done, ref, shownDigest: digest }, called: true };
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    // Beside the mention in the channel, which is enough: nothing is made of it that somebody cannot be written to.
    if (directOf(row.subject) !== undefined && error.kind !== "later")
      return { row, delivery: { ...done, trouble: error.message }, called: false };
    const alone = error.kind === "refused" || (error.kind === "later" && error.alone) || (error.kind === "gone" && !row.ref);
    const retryMs = error.retryAfterMs ?? REFUSED_RETRY_MS;
    const delivery = {
      ...done,
      shown: row.shown,
      trouble: error.message,
      retryAt: alone ? new Date(air.clock.now().getTime() + retryMs) : null,
      // Perhaps sent although no answer came: it is looked for before it is posted again.
      postingSince: error.maybeSent && !row.ref ? (row.postingSince ?? began) : null,
      ...(error.kind === "gone" && row.ref ? { ref: null, shownDigest: null } : {}),
    };
    return { row, delivery, called: true, error };
  }
}

/**
 * Somebody deleted it. A reply is posted anew where it stood, a root with everything that hung on it. A reply whose thread is not there
 * says so only by the way: the root is drawn again, and if that is gone, too, it all comes back; else the reply waits.
 */
async function noteGone(tx: Tx, channel: string, { row, error }: Tried): Promise<void> {
  if (error?.kind !== "gone") return;
  if (row.ref && row.thread === null) await tx.postAnew(channel, row.subject);
  else if (!row.ref && row.thread !== null) await tx.drawAgain(channel, row.thread);
}

function pagesOf(air: Air, place: Place, tried: readonly Tried[], holds: ReadonlyMap<number, readonly number[]>): Posted[] {
  return tried.flatMap(({ row, delivery, error }): Posted[] => {
    const direct = directOf(row.subject);
    if (direct !== undefined && !row.ref && delivery.ref)
      return [{ leader: direct, told: holds.get(row.id) ?? [], trouble: null, direct: true }];
    const leader = pageOf(row.subject);
    if (leader === undefined || row.ref) return [];
    // A pause of the chat is waited for; what it refuses goes to the next at once, unless it is posted elsewhere.
    const moves = error?.kind === "channel" && fallbackFor(air, place.channel, new Set()) !== undefined;
    const refused = error && error.kind !== "later" && !moves ? error.message : null;
    return delivery.ref || refused !== null ? [{ leader, told: holds.get(row.id) ?? [], trouble: refused }] : [];
  });
}

async function send(air: Air, platform: ChatPlatform, place: Place, row: StaleMessage, card: Card): Promise<MessageRef> {
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const marker = `${air.sign(`marker:${row.channel}:${row.subject}`)}-${row.id}`;
  const thread = row.root ?? undefined;
  if (row.ref) {
    await platform.update(place.target, row.ref, card, marker, signal);
    return row.ref;
  }
  // Somebody began to post this before us and never noted how it ended.
  const found = row.postingSince ? await lookUp(air, platform, place, row, marker, signal) : undefined;
  if (found) {
    await platform.update(place.target, found, card, marker, signal);
    return found;
  }
  return platform.post(place.target, card, marker, thread, signal);
}

/** Where the platform does not let air look, a second post is the lesser evil. */
async function lookUp(air: Air, platform: ChatPlatform, place: Place, row: StaleMessage, marker: string, signal: AbortSignal) {
  if (row.postingSince === null) return undefined;
  try {
    return await platform.find(place.target, marker, row.postingSince, row.root ?? undefined, signal);
  } catch (error) {
    if (!(error instanceof ChatError) || (error.kind !== "refused" && error.kind !== "gone")) throw error;
    air.log.warn("a half-sent card could not be looked for, it is posted again", { channel: place.channel, trouble: error.message });
    return undefined;
  }
}
