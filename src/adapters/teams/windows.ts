/** What Teams takes from one bot in one conversation (its published limits), each over its own stretch of time. */
const LIMITS = [
  { most: 7, withinMs: 1_000 },
  { most: 8, withinMs: 2_000 },
  { most: 60, withinMs: 30_000 },
  { most: 1_800, withinMs: 3_600_000 },
] as const;
/** How much of that answers may use up: whoever asks without end must not keep an incident's card from its channel. */
const ANSWERS = [
  { most: 54, withinMs: 30_000 },
  { most: 1_700, withinMs: 3_600_000 },
] as const;
/** And what cards get of it while answers wait, which go first. */
const CARDS_MEANWHILE = [{ most: 6, withinMs: 30_000 }] as const;
const LONGEST_MS = 3_600_000;
/** Its clock is not ours, and what is on its way arrives closer together than it was sent. */
const MARGIN_MS = 100;
const MOST_CONVERSATIONS = 1_000;

export type Caller = "answer" | "card" | "card while answers wait";
type Call = { at: number; answer: boolean };
type Kept = { calls: Call[]; restsUntil: number };

/** Counts every call per conversation, whoever makes it. */
export type Windows = {
  /** Counts one call, or says in how many milliseconds there may be room for it. */
  take(conversation: string, caller: Caller): number;
  /** Teams said how long it takes nothing there. */
  rest(conversation: string, ms: number): void;
};
export function createWindows(now: () => number): Windows {
  const conversations = new Map<string, Kept>();

  function recent(conversation: string): Kept {
    const kept = conversations.get(conversation) ?? { calls: [], restsUntil: 0 };
    const since = now() - LONGEST_MS - MARGIN_MS;
    kept.calls = kept.calls.filter((one) => one.at > since);
    conversations.delete(conversation);
    conversations.set(conversation, kept);
    for (const oldest of conversations.keys()) {
      if (conversations.size <= MOST_CONVERSATIONS) break;
      conversations.delete(oldest);
    }
    return kept;
  }

  function waitOf(calls: readonly Call[], limits: readonly { most: number; withinMs: number }[]): number {
    const at = now();
    const waits = limits.map(({ most, withinMs }) => {
      const nth = calls[calls.length - most];
      return nth === undefined ? 0 : nth.at + withinMs + MARGIN_MS - at;
    });
    return Math.max(0, ...waits);
  }

  return {
    take(conversation, caller) {
      const kept = recent(conversation);
      const answer = caller === "answer";
      const own = caller === "card" ? [] : kept.calls.filter((one) => one.answer === answer);
      const wait = Math.max(kept.restsUntil - now(), waitOf(kept.calls, LIMITS), waitOf(own, answer ? ANSWERS : CARDS_MEANWHILE));
      if (wait > 0) return wait;
      kept.calls.push({ at: now(), answer });
      return 0;
    },
    rest(conversation, ms) {
      const kept = recent(conversation);
      kept.restsUntil = Math.max(kept.restsUntil, now() + ms);
    },
  };
}
