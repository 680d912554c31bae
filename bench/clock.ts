/** Milliseconds on the one clock that every thread of this machine shares. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until it is answered; undefined where it is not within the time. */
export async function until<T>(maxMs: number, everyMs: number, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = now() + maxMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || now() >= end) return answer;
    await sleep(everyMs);
  }
}

export type Spread = { n: number; p50: number; p95: number; p99: number; max: number };

export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0) * 10) / 10;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
