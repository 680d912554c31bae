/** How long an answer about a person counts, and how long a press may wait for it (product contract 6). */
const KEPT_MS = 60_000;
export const BUDGET_MS = 1_500;

/**
 * Asks once a minute per key, and never longer than the budget. A failure is told to everybody who waits for it and is not kept: the
 * next press asks again. The minute begins when the question was asked, so that no answer is older than that.
 */
export function keptAMinute<T>(
  ask: (key: string) => Promise<T>,
  how: { most: number; now: () => number; budgetMs: number; late: string },
): (key: string) => Promise<T> {
  const kept = new Map<string, { until: number; answer: Promise<T> }>();

  async function within(key: string): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(how.late)), how.budgetMs);
    try {
      return await Promise.race([ask(key), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  return (key) => {
    const at = how.now();
    const known = kept.get(key);
    if (known !== undefined && known.until > at) return known.answer;
    const answer = within(key);
    kept.delete(key);
    kept.set(key, { until: at + KEPT_MS, answer });
    answer.catch(() => kept.get(key)?.answer === answer && kept.delete(key));
    for (const oldest of kept.keys()) {
      if (kept.size <= how.most) break;
      kept.delete(oldest);
    }
    return answer;
  };
}
