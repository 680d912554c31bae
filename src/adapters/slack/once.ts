/** Slack refuses what is older, so nothing comes back later than that. */
const KEPT_MS = 10 * 60_000;

/**
 * What comes twice is done once: a second submission of the same form gets the answer of the first. An answer that leaves the form open
 * (`again`) is not kept, because the same form comes back corrected.
 */
export function createOnce<Answer>(
  most: number,
  again: (answer: Answer) => boolean,
  now: () => number = Date.now,
): { take(id: string, work: () => Promise<Answer>): { answer: Promise<Answer>; repeated: boolean }; knows(id: string): boolean } {
  const kept = new Map<string, { answer: Promise<Answer>; until: number }>();
  const knows = (id: string) => (kept.get(id)?.until ?? 0) > now();
  const take = (id: string, work: () => Promise<Answer>) => {
    const known = kept.get(id);
    if (id !== "" && known !== undefined && known.until > now()) return { answer: known.answer, repeated: true };
    const answer = work();
    if (id === "") return { answer, repeated: false };
    const forget = () => kept.get(id)?.answer === answer && kept.delete(id);
    kept.set(id, { answer, until: now() + KEPT_MS });
    answer.then((done) => again(done) && forget(), forget);
    for (const oldest of kept.keys()) {
      if (kept.size <= most) break;
      kept.delete(oldest);
    }
    return { answer, repeated: false };
  };
  return { take, knows };
}
