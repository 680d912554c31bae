import type { Timing } from "../../src/adapters/teams/turns.ts";

/** A clock that only moves when it is told to, and what is to be done later on it. */
export function ownTiming(start = 1_000_000): Timing & { advance(ms: number): Promise<void>; next(): number | undefined } {
  let now = start;
  let later: { at: number; run: () => void }[] = [];
  // What waits for a promise goes on before the clock does.
  const settle = async () => {
    for (let nth = 0; nth < 20; nth += 1) await Promise.resolve();
  };
  const next = () => (later.length === 0 ? undefined : Math.min(...later.map(({ at }) => at)));
  return {
    now: () => now,
    after: (ms, run) => {
      const one = { at: now + ms, run };
      later.push(one);
      return () => {
        later = later.filter((other) => other !== one);
      };
    },
    next: () => next(),
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let at = next(); at !== undefined && at <= until; at = next()) {
        now = at;
        const due = later.filter((one) => one.at <= now);
        later = later.filter((one) => one.at > now);
        for (const { run } of due) run();
        await settle();
      }
      now = until;
    },
  };
}
