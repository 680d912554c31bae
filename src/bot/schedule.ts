import { type Logger, schedule } from "node-cron";
import type { Air } from "../engine/air.ts";
import { lastBeat } from "../engine/ask-again.ts";
import { askForPoll } from "../engine/ask-for-poll.ts";
import { dueInstant } from "../engine/domain/polling.ts";
import type { AlertFeed, Log } from "../engine/ports.ts";

/**
 * Every ten seconds a sweep is asked for; it is a job, so one process does it however many ask. The tick itself only enqueues, and
 * remembers on this machine when the database last knew air alive.
 */
export function startSchedule(air: Air, remember: (beat: Date | undefined) => void): { stop: () => Promise<void> } {
  const task = schedule(
    "*/10 * * * * *",
    async () => {
      const due = air.clock.now().toISOString();
      try {
        await air.store.transaction((tx) => tx.enqueue("sweep", { due }, { key: "sweep" }));
        remember(await lastBeat(air.store));
      } catch (error) {
        air.log.warn("the sweep could not be asked for", { error: error instanceof Error ? error.name : "unknown" });
      }
    },
    { logger: timerLog(air.log) },
  );
  return { stop: async () => void (await task.stop()) };
}

/**
 * Sources that air asks: the first time at start, then at every instant of their interval. A second's tick looks at the clock alone; only an
 * instant this process has not seen yet asks the database, where the first of all processes takes it.
 */
export function startPolling(air: Air, feeds: readonly AlertFeed[]): { stop: () => Promise<void> } {
  if (feeds.length === 0) return { stop: async () => {} };
  const seen = new Map<string, number>();
  const tick = async (start: boolean) => {
    for (const feed of feeds) {
      const due = dueInstant(air.clock.now(), feed.everyMs).getTime();
      if (!start && seen.get(feed.source) === due) continue;
      try {
        await askForPoll(air, feed, start);
        seen.set(feed.source, due);
      } catch (error) {
        air.log.warn("a poll could not be asked for", { source: feed.source, error: error instanceof Error ? error.name : "unknown" });
      }
    }
  };
  const first = tick(true);
  const task = schedule("* * * * * *", () => tick(false), { noOverlap: true, logger: timerLog(air.log) });
  return {
    stop: async () => {
      await task.stop();
      await first;
    },
  };
}

/** What node-cron has to say (a tick came late, the machine was busy) is a line of our own log. */
export const timerLog = (log: Log): Logger => ({
  info: (message) => log.debug(message),
  warn: (message) => log.warn("a timer had trouble", { said: message }),
  error: (message) => log.error("a timer had trouble", { said: message instanceof Error ? message.name : message }),
  debug: () => {},
});
