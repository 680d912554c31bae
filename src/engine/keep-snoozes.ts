import { type Air, incidentId } from "./air.ts";
import { whatEnds } from "./domain/snooze.ts";
import { endSnoozes, presentOf } from "./snoozed.ts";
import type { IncidentSnoozeRow } from "./store.ts";

/**
 * Ends the silences whose time is over, or that the rows say must not go on, before the sweep looks at what is overdue; what only a product
 * or a chat can tell of the others is asked by a job of its own.
 */
export async function keepSnoozes(air: Air, now: Date): Promise<void> {
  const open = await air.store.openSnoozes();
  await eachSnooze(air, open, async (snooze) => {
    const facts = await air.store.snoozeFacts(snooze.incidentId);
    if (facts && whatEnds(snooze, presentOf(air, facts), now))
      await air.store.transaction((tx) => endSnoozes(tx, air, [snooze.incidentId], now));
  });
  if (open.length > 0)
    await air.store.transaction((tx) => tx.enqueue("watch-snoozes", { due: now.toISOString() }, { key: "watch-snoozes" }));
}

/** One incident that cannot be read keeps nobody else's asleep. */
export async function eachSnooze(
  air: Pick<Air, "log">,
  snoozes: readonly IncidentSnoozeRow[],
  look: (snooze: IncidentSnoozeRow) => Promise<void>,
): Promise<void> {
  for (const snooze of snoozes) {
    try {
      await look(snooze);
    } catch (error) {
      air.log.warn("a snooze could not be looked at", {
        incident: incidentId(snooze.incidentId),
        trouble: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
