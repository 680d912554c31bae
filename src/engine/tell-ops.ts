import { type Air, isLive } from "./air.ts";
import { NOBODY } from "./domain/paging.ts";
import type { Tx } from "./store.ts";
import { type PageTo, wantPages } from "./want-pages.ts";

/**
 * Whoever runs air is told something about air itself, once per `step`: in the ops channel, and where none is named in the default channel.
 * With neither, the log has it.
 */
export async function tellOps(tx: Tx, air: Air, step: string, text: string, now: Date): Promise<void> {
  const ops = (air.paging?.() ?? NOBODY).ops.length > 0;
  const fallback = air
    .channels()
    .at(-1)
    ?.channels.find((channel) => !isLive(channel));
  const to: PageTo[] = ops ? [{ kind: "ops" }] : fallback === undefined ? [] : [{ kind: "channel", channel: fallback }];
  await wantPages(tx, air, [{ incidentId: 0, actionId: null, step, to, text, by: "air" }], now);
}
