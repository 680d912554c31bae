import { schedule } from "node-cron";
import type { Air } from "../engine/air.ts";

/** Every ten seconds a sweep is asked for; it is a job, so one process does it however many ask. The tick itself only enqueues. */
export function startSchedule(air: Air): { stop: () => Promise<void> } {
  const task = schedule("*/10 * * * * *", async () => {
    const due = air.clock.now().toISOString();
    try {
      await air.store.transaction((tx) => tx.enqueue("sweep", { due }, { key: "sweep" }));
    } catch (error) {
      air.log.warn("the sweep could not be asked for", { error: error instanceof Error ? error.name : "unknown" });
    }
  });
  return { stop: async () => void (await task.stop()) };
}
