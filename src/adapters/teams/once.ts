/** Teams asks again within seconds where no answer came. */
const KEPT_MS = 10 * 60_000;
const MOST = 1_000;

/** What comes twice is done once: the second gets the answer of the first. Nothing without an id comes twice. */
export function createOnce<Answer>(
  now: () => number = Date.now,
): (id: string, work: () => Promise<Answer>) => { answer: Promise<Answer>; again: boolean } {
  const kept = new Map<string, { answer: Promise<Answer>; until: number }>();
  return (id, work) => {
    const known = kept.get(id);
    if (id !== "" && known !== undefined && known.until > now()) return { answer: known.answer, again: true };
    const answer = work();
    if (id === "") return { answer, again: false };
    kept.set(id, { answer, until: now() + KEPT_MS });
    answer.catch(() => kept.delete(id));
    for (const oldest of kept.keys()) {
      if (kept.size <= MOST) break;
      kept.delete(oldest);
    }
    return { answer, again: false };
  };
}
