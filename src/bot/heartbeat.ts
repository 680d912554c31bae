import { schedule } from "node-cron";
import type { Air } from "../engine/air.ts";
import { takeHeartbeat } from "../engine/take-heartbeat.ts";
import { timerLog } from "./schedule.ts";

const CALL_TIMEOUT_MS = 10_000;
const MINUTE = "0 * * * * *";

/** The first time something is wrong is told, and that it is over; not every minute between. */
type Told = { now: string | undefined };

/**
 * Calls an address each minute while air works, so that somebody outside notices when it does not. It waits for nobody: what goes wrong with
 * the call is for the log, and the next minute is another one. The address is never logged, for its path or query is the key.
 */
export function startHeartbeat(air: Air, url: string | undefined): { stop: () => Promise<void> } {
  if (url === undefined) return { stop: async () => {} };
  const tick = createHeartbeat(air, url);
  const task = schedule(MINUTE, tick, { noOverlap: true, logger: timerLog(air.log) });
  return { stop: async () => void (await task.stop()) };
}

/** One minute's look and call. */
export function createHeartbeat(air: Air, url: string): () => Promise<void> {
  const { host } = new URL(url);
  const told: Told = { now: undefined };
  let method: "GET" | "POST" = "GET";
  const call = async (): Promise<string | undefined> => {
    try {
      const answer = await fetch(url, { method, redirect: "error", signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
      await answer.body?.cancel();
      if (answer.ok) return undefined;
      // Some take posts only.
      if (method === "GET" && answer.status === 405) {
        method = "POST";
        return call();
      }
      return `it answered HTTP ${answer.status}`;
    } catch {
      return "it could not be reached";
    }
  };
  const tell = (what: string | undefined) => {
    if (what === told.now) return;
    if (what !== undefined) air.log.warn("the heartbeat was not sent", { host, trouble: what });
    else air.log.info("the heartbeat is sent again", { host });
    told.now = what;
  };
  return async () => {
    try {
      const found = await takeHeartbeat(air);
      if (found.kind === "taken") return;
      tell(found.kind === "trouble" ? found.why : await call());
    } catch (error) {
      tell(`the database did not answer (${error instanceof Error ? error.name : "unknown"})`);
    }
  };
}
