import { Refusal } from "./errors.ts";

/** Of a note or a reason, through whichever door: what is longer is no longer read by whoever takes over. */
export const LONGEST_WORDS = 2_000;

const number = (value: number): string => value.toLocaleString("en-US");

/**
 * Too long is refused and said, never cut: half of a reason may say the opposite.
 *
 * @throws Refusal invalid
 */
export function mustFit(words: string | undefined, what: "note" | "reason"): void {
  const length = words?.trim().length ?? 0;
  if (length > LONGEST_WORDS)
    throw new Refusal(
      "invalid",
      `The ${what} has ${number(length)} characters; at most ${number(LONGEST_WORDS)} are kept. Nothing was done: say it shorter.`,
      { field: what === "note" ? "text" : "reason" },
    );
}
