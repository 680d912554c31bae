/** How long is waited after a failure that says nothing about it: twice as long each time, and never all at once. */
const FIRST_REST_MS = 2_000;
const LONGEST_REST_MS = 60_000;

/** After the `nth` failure in a row, from 0 on; what Teams itself asked for is never cut short. */
export const restAfter = (nth: number, askedMs: number | undefined, random: () => number): number =>
  Math.max(askedMs ?? 0, Math.round(Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(nth, 10)) * (0.5 + random() / 2)));
