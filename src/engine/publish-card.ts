import type { Air } from "./air.ts";
import { standIn } from "./channel-trouble.ts";
import { deliverCards, type Publishing } from "./deliver-cards.ts";
import type { Settle } from "./investigate.ts";
import type { StaleMessage } from "./store.ts";

/** One writer works this long before it hands over to a fresh job; its slot then serves another channel for a while. */
const WRITER_MS = 20_000;
/** Calls on their way at once where the platform's pace allows it; more brings nothing on two cores. */
const MAX_IN_FLIGHT = 24;

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
    const state = await air.store.channel(channel);
    // What became urgent since the last try is shown elsewhere before this one waits.
    if (state?.troubleKind === "channel") await air.store.transaction((tx) => standIn(tx, air, channel, now));
    const due = state?.nextAt;
    const wait = due ? due.getTime() - now.getTime() : 0;
    if (wait > WRITER_MS || now.getTime() - started > WRITER_MS) {
      return settle((tx) => tx.enqueue("publish", { channel }, { key: channel, ...(wait > 0 && due ? { startAfter: due } : {}) }));
    }
    if (wait > 0) await pause(air, wait);
    // In trouble one call looks whether it is over.
    const batch = await claim(air, channel, state?.troubleKind ? 1 : size);
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
    const paused = await deliverCards(air, publishing, platform, { channel, target, state }, batch);
    size = paused ? 1 : Math.min(most, size * 2);
  }
}

const pause = (air: Air, ms: number) => air.sleep?.(ms) ?? new Promise<void>((resolve) => setTimeout(resolve, ms));

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
