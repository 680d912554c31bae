import type { Air } from "./air.ts";
import { lastBeat } from "./ask-again.ts";
import { channelName } from "./cards/stand-in-card.ts";
import { silentChannels } from "./chat-troubles.ts";
import { dueInstant } from "./domain/polling.ts";
import type { Reads } from "./store.ts";

/** How often air says that it lives. */
const EVERY_MS = 60_000;
/** A sweep is asked for every ten seconds and done by the queue: without one for this long no job moves. */
const STILL_MS = 90_000;
/** Somebody should have been told by then. */
const UNTOLD_MS = 300_000;

const TICK = "heartbeat-tick";
type Tick = { due: string; at: string };

/** `taken`: another process has this minute. `works`: say so. `trouble`: say nothing, so that somebody outside notices. */
export type Heartbeat = { kind: "taken" } | { kind: "works" } | { kind: "trouble"; why: string };

/**
 * Takes the minute that is due, and looks whether air does its work: alerts can be stored (this is a write), jobs move, people can be
 * reached. Every process asks; the first of a minute gets it, and the others find its row.
 */
export async function takeHeartbeat(air: Air): Promise<Heartbeat> {
  const now = air.clock.now();
  const due = dueInstant(now, EVERY_MS);
  return air.store.transaction(async (tx): Promise<Heartbeat> => {
    await tx.lockSetting(TICK, "alone");
    const last = await tx.setting<Tick>(TICK);
    // A clock that was put back does not silence it.
    if (last && Date.parse(last.due) >= due.getTime() && Date.parse(last.at) <= now.getTime()) return { kind: "taken" };
    const tick: Tick = { due: due.toISOString(), at: now.toISOString() };
    await tx.putSetting(TICK, tick);
    const why =
      (await queueTrouble(tx, now)) ??
      (await silentChannels(tx, air, now)).map(({ channel }) => `${channelName(channel)} takes nothing`)[0];
    return why === undefined ? { kind: "works" } : { kind: "trouble", why };
  });
}

/** What air itself does not do in time; before the first beat, or after it was late, no job moves. */
export async function queueTrouble(tx: Pick<Reads, "setting" | "duePages">, now: Date): Promise<string | undefined> {
  const beat = await lastBeat(tx);
  if (!beat || now.getTime() - beat.getTime() > STILL_MS) return "no job was done for more than a minute";
  const [late] = await tx.duePages(new Date(now.getTime() - UNTOLD_MS), 1);
  return late ? "somebody should have been told and was not" : undefined;
}
