import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpThrottle } from "../http.ts";

export type Sleep = (ms: number, signal: AbortSignal) => Promise<unknown>;
export type RationSettings = { name: string; gapMs: number; clock: Clock; sleep?: Sleep | undefined };

const FIRST_BACKOFF_MS = 2_000;
const LONGEST_BACKOFF_MS = 60_000;
/** More than anybody investigates at once; the oldest answers go first. */
const KEPT = 500;

export type Ration = {
  /**
   * `keepMs`: an answer so old still counts; `waitMs`: how long the asker can wait for its turn.
   *
   * @throws ConnectorError unavailable, where the turn would come later than that
   */
  ask: <T>(go: () => Promise<T>, signal: AbortSignal, how: { key?: string; keepMs?: number; waitMs: number }) => Promise<T>;
  forget: (key: string) => void;
};

/**
 * One call at a time and so far apart, for services that count tightly and do not say how long to wait when it was too much (domain facts
 * 8.7): then the next call waits twice as long each time.
 */
export function createRation({ name, gapMs, clock, sleep = sleepAtLeast }: RationSettings): Ration {
  const kept = new Map<string, { at: number; value: unknown }>();
  let nextAt = 0;
  let throttled = 0;

  async function turn(signal: AbortSignal, waitMs: number): Promise<void> {
    const now = clock.now().getTime();
    const at = Math.max(nextAt, now);
    if (at - now > waitMs) throw new ConnectorError("unavailable", `not asked: ${name} is rationed, and others asked first`, at - now);
    nextAt = at + gapMs;
    if (at === now) return;
    await sleep(at - now, signal).catch(() => {
      throw new ConnectorError("unavailable", `not asked: ${name} is rationed, and nobody waited for its turn`);
    });
  }

  return {
    async ask(go, signal, { key, keepMs = 0, waitMs }) {
      const known = () => {
        const old = key === undefined ? undefined : kept.get(key);
        return old && clock.now().getTime() - old.at < keepMs ? old : undefined;
      };
      // The type is that of whoever asked under this key before.
      const old = known();
      if (old) return old.value as Awaited<ReturnType<typeof go>>;
      await turn(signal, waitMs);
      // Somebody else may have asked the same in the meantime.
      const fresh = known();
      if (fresh) return fresh.value as Awaited<ReturnType<typeof go>>;
      try {
        const value = await go();
        throttled = 0;
        if (key === undefined) return value;
        kept.delete(key);
        kept.set(key, { at: clock.now().getTime(), value });
        for (const oldest of kept.keys()) {
          if (kept.size <= KEPT) break;
          kept.delete(oldest);
        }
        return value;
      } catch (error) {
        if (!(error instanceof HttpThrottle)) throw error;
        const own = Math.min(FIRST_BACKOFF_MS * 2 ** throttled++, LONGEST_BACKOFF_MS) * (1 + Math.random() / 4);
        const wait = Math.ceil(error.retryAfterMs ?? own);
        nextAt = Math.max(nextAt, clock.now().getTime() + wait);
        throw new HttpThrottle(error.message, wait);
      }
    },
    forget: (key) => void kept.delete(key),
  };
}

const sleepAtLeast: Sleep = (ms, signal) => pause(ms, undefined, { signal });
