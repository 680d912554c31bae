import { schedule } from "node-cron";
import type { Air } from "../engine/air.ts";
import { lastBeat } from "../engine/ask-again.ts";

/**
 * Every ten seconds a sweep is asked for; it is a job, so one process does it however many ask. The tick itself only enqueues, and
 * remembers on this machine when the database last knew air alive.
 */
export function startSchedule(air: Air, remember: (beat: Date | undefined) => void): { stop: () => Promise<void> } {
  const task = schedule("*/10 * * * * *", async () => {
    const due = air.clock.now().toISOString();
    try {
      await air.store.transaction((tx) => tx.enqueue("sweep", { due }, { key: "sweep" }));
      remember(await lastBeat(air.store));
    } catch (error) {
      air.log.warn("the sweep could not be asked for", { error: error instanceof Error ? error.name : "unknown" });
    }
  });
  return { stop: async () => void (await task.stop()) };
}
