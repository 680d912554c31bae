/** What Teams takes from one bot in one conversation (its published limits), each over its own stretch of time. */
const LIMITS = [
  { most: 7, withinMs: 1_000 },
  { most: 8, withinMs: 2_000 },
  { most: 60, withinMs: 30_000 },
  { most: 1_800, withinMs: 3_600_000 },
] as const;
/** Its clock is not ours, and what is on its way arrives closer together than it was sent. */
const MARGIN_MS = 100;
const MOST_CONVERSATIONS = 1_000;

/** Counts calls per conversation. `take` counts one, or says in how many milliseconds there is room for it. */
export type Windows = { take(conversation: string): number; count(conversation: string): void };
export function createWindows(now: () => number): Windows {
  const calls = new Map<string, number[]>();

  function recent(conversation: string): number[] {
    const at = now();
    const kept = (calls.get(conversation) ?? []).filter((one) => one > at - LIMITS[3].withinMs - MARGIN_MS);
    calls.delete(conversation);
    calls.set(conversation, kept);
    for (const oldest of calls.keys()) {
      if (calls.size <= MOST_CONVERSATIONS) break;
      calls.delete(oldest);
    }
    return kept;
  }

  return {
    take(conversation) {
      const kept = recent(conversation);
      const at = now();
      const waits = LIMITS.map(({ most, withinMs }) => {
        const nth = kept[kept.length - most];
        return nth === undefined ? 0 : nth + withinMs + MARGIN_MS - at;
      });
      const wait = Math.max(0, ...waits);
      if (wait === 0) kept.push(at);
      return wait;
    },
    count(conversation) {
      recent(conversation).push(now());
    },
  };
}
