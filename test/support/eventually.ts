import { setTimeout as pause } from "node:timers/promises";

/** Asks until the answer is there: a fact that something else brings about is polled for, with a deadline, never slept for. */
export async function eventually<T>(ask: () => T | Promise<T>, what = "the awaited fact", deadlineMs = 30_000): Promise<NonNullable<T>> {
  const until = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > until) throw new Error(`${what} did not come about within ${deadlineMs} ms`);
    await pause(20);
  }
}
