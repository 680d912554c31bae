import type { Air } from "./air.ts";
import { askAgain, LONG_STOP_MS, lastBeat } from "./ask-again.ts";
import { pauseOf } from "./pause.ts";
import { EXECUTIONS, modeNow, modeStops } from "./set-mode.ts";
import type { ActionRow, Tx } from "./store.ts";

/**
 * The last word before an execution begins, in the transaction that begins it: the stop button, the mode, and whether air was asleep. Until
 * the commit nobody can press pause or set the mode, so that after they did nothing begins.
 */
export async function mayBegin(tx: Tx, air: Air, action: ActionRow, now: Date): Promise<boolean> {
  await tx.lockSetting(EXECUTIONS, "shared");
  if (await pauseOf(tx, action.family)) return false;
  // A machine that slept has the sweep still before it, which asks again.
  const last = await lastBeat(tx);
  if (last && now.getTime() - last.getTime() > LONG_STOP_MS) return false;
  const why = modeStops(await modeNow(tx, air), action);
  if (!why) return true;
  await askAgain(tx, air, action, why, now);
  return false;
}
