import type { Air } from "./air.ts";
import { NOBODY } from "./domain/paging.ts";
import { chainNow } from "./on-duty.ts";
import type { Tx } from "./store.ts";
import { wantPages } from "./want-pages.ts";

/**
 * Whoever is on call is told that air itself is in trouble, or that this is over: once for each `step`, which names the trouble and when it
 * began. With nobody on call only the channels for air itself hear of it. `by`: who caused it; they know.
 */
export async function tellOnCall(tx: Tx, air: Air, step: string, text: string, now: Date, by = "air"): Promise<void> {
  if ((air.paging?.() ?? NOBODY).chain.length === 0) return;
  const [first] = await chainNow(tx, air, now);
  if (by !== "air" && first === `person:${by.toLowerCase()}`) return;
  await wantPages(tx, air, [{ incidentId: 0, actionId: null, step, to: [{ kind: "on-call" }], text, by }], now);
}
