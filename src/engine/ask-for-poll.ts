import type { Air } from "./air.ts";
import { dueInstant } from "./domain/polling.ts";
import type { AlertFeed } from "./ports.ts";

const TICK = "poll-tick ";
type Tick = { due: string; at: string };
/** Whoever starts asks at once, unless somebody just did. */
const JUST_ASKED_MS = 5_000;

/**
 * The tick of a schedule: it only enqueues. Every process ticks; an instant that is due is taken by the first one, whose row the others
 * find. `start`: the process has just begun, and a source that was not asked for seconds is asked now.
 */
export async function askForPoll(air: Air, feed: Pick<AlertFeed, "source" | "everyMs">, start = false): Promise<boolean> {
  const now = air.clock.now();
  const due = dueInstant(now, feed.everyMs);
  const key = `${TICK}${feed.source}`;
  return air.store.transaction(async (tx) => {
    await tx.lockSetting(key, "alone");
    const last = await tx.setting<Tick>(key);
    const taken = last !== undefined && Date.parse(last.due) >= due.getTime() && Date.parse(last.at) <= now.getTime();
    const justAsked = last !== undefined && Math.abs(now.getTime() - Date.parse(last.at)) < JUST_ASKED_MS;
    if (start ? justAsked : taken) return false;
    const tick: Tick = { due: due.toISOString(), at: now.toISOString() };
    await tx.putSetting(key, tick);
    await tx.enqueue("poll", { source: feed.source }, { key: feed.source });
    return true;
  });
}
