import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import type { Air } from "./air.ts";
import type { Card } from "./cards/card.ts";
import type { Drawing } from "./draw.ts";
import { drawMessages } from "./draw.ts";
import type { Settle } from "./investigate.ts";
import { ChatError, type ChatPlatform, type MessageRef } from "./ports.ts";
import type { Delivery, StaleMessage } from "./store.ts";

/** One writer works this long before it hands over to a fresh job; its slot then serves another channel for a while. */
const WRITER_MS = 20_000;
/** Calls on their way at once where the platform's pace allows it; more brings nothing on two cores. */
const MAX_IN_FLIGHT = 24;
const CALL_TIMEOUT_MS = 15_000;
/** After a refusal (no such channel, missing scope) somebody has to mend something first. */
const REFUSED_RETRY_MS = 60_000;
const LATER_RETRY_MS = 2_000;

export type Publishing = { platforms: ReadonlyMap<string, ChatPlatform>; drawing: () => Promise<Drawing> };

/**
 * Makes one channel's messages equal to the truth, most urgent first, at the platform's pace. There is one such job per channel,
 * so there is one writer. It draws the present: a late or repeated job is harmless.
 *
 * Before a first post goes out its row says so (`postingSince`); whoever finds that looks for the marker in the channel before posting
 * again, so that a death between post and note makes no second message.
 */
export async function publishCards(air: Air, publishing: Publishing, channel: string, settle: Settle): Promise<void> {
  const [name = "", ...rest] = channel.split(":");
  const platform = publishing.platforms.get(name);
  const target = rest.join(":");
  const started = air.clock.now().getTime();
  const most = Math.max(1, Math.min(MAX_IN_FLIGHT, platform?.pace.burst ?? 1));
  // Halving is too slow where the platform takes one a second: after a refusal one at a time, and double while it goes well.
  let size = most;
  if (!platform) return settle(async () => {});
  for (;;) {
    const now = air.clock.now();
    const due = (await air.store.channel(channel))?.nextAt;
    const wait = due ? due.getTime() - now.getTime() : 0;
    if (wait > WRITER_MS || now.getTime() - started > WRITER_MS) {
      return settle((tx) => tx.enqueue("publish", { channel }, { key: channel, ...(wait > 0 && due ? { startAfter: due } : {}) }));
    }
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const batch = await claim(air, channel, size);
    if (batch.length === 0) {
      await settle(async (tx) => {
        // Locked before the last look: what a transaction still open wants is seen after it.
        await tx.lockChannel(channel);
        const next = await tx.nextStaleAt(channel);
        // Put off only where it has to be: a deferred job is found by the next poll, not woken.
        if (next) await tx.enqueue("publish", { channel }, { key: channel, ...(next > air.clock.now() ? { startAfter: next } : {}) });
      });
      return;
    }
    const refused = await deliver(air, publishing, platform, { channel, target }, batch);
    size = refused ? 1 : Math.min(most, size * 2);
  }
}

const later = (a: Date, b: Date) => (a > b ? a : b);

/** Takes the most urgent stale messages and notes which of them are about to be posted for the first time. */
function claim(air: Air, channel: string, size: number): Promise<StaleMessage[]> {
  const now = air.clock.now();
  return air.store.transaction(async (tx) => {
    const batch = await tx.staleMessages(channel, now, size);
    const first = batch.filter((row) => !row.ref && row.postingSince === null);
    await tx.markPosting(
      first.map((row) => row.id),
      now,
    );
    return batch;
  });
}

type Place = { channel: string; target: string };

async function deliver(air: Air, publishing: Publishing, platform: ChatPlatform, place: Place, batch: StaleMessage[]): Promise<boolean> {
  const drawing = await publishing.drawing();
  const cards = await drawMessages(air.store, batch, drawing);
  const now = air.clock.now();
  let pausedUntil: Date | undefined;
  let trouble: string | null = null;
  const results = await Promise.all(
    batch.map(async (row): Promise<Delivery> => {
      const card = cards.get(row.id);
      const done = {
        id: row.id,
        shown: row.wanted,
        ref: row.ref,
        shownDigest: row.shownDigest,
        postingSince: null,
        retryAt: null,
        trouble: null,
      };
      if (!card) return done;
      const digest = createHash("sha256")
        .update(canonicalize(card) ?? "")
        .digest("hex");
      if (row.ref && digest === row.shownDigest) return done;
      try {
        const ref = await send(air, platform, place, row, card);
        return { ...done, ref, shownDigest: digest };
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        const retryAt = new Date(
          air.clock.now().getTime() + (error.retryAfterMs ?? (error.kind === "refused" ? REFUSED_RETRY_MS : LATER_RETRY_MS)),
        );
        if (error.kind === "gone") return { ...done, shown: row.shown, ref: null, shownDigest: null, trouble: error.message };
        trouble = error.message;
        // A rate limit or an outage concerns the whole channel; a refused message waits alone and lets the others pass.
        if (error.kind === "later") pausedUntil = later(pausedUntil ?? retryAt, retryAt);
        return {
          ...done,
          shown: row.shown,
          trouble: error.message,
          retryAt: error.kind === "refused" ? retryAt : null,
          // Perhaps sent although no answer came: it is looked for before it is posted again.
          postingSince: error.maybeSent && !row.ref ? (row.postingSince ?? now) : null,
        };
      }
    }),
  );
  const pace = new Date(air.clock.now().getTime() + (batch.length / platform.pace.perSecond) * 1000);
  await air.store.transaction(async (tx) => {
    await tx.noteDelivery(results);
    await tx.updateChannel(place.channel, { nextAt: pausedUntil ? later(pausedUntil, pace) : pace, trouble });
  });
  if (trouble) air.log.warn("chat did not take a message", { platform: platform.name, trouble });
  return pausedUntil !== undefined;
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
  const found = row.postingSince ? await platform.find(place.target, marker, row.postingSince, thread, signal) : undefined;
  if (found) {
    await platform.update(place.target, found, card, marker, signal);
    return found;
  }
  return platform.post(place.target, card, marker, thread, signal);
}
