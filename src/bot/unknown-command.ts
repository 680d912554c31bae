import { distance } from "fastest-levenshtein";
import { readId } from "./read-id.ts";

/** What only looks: to run the wrong one of these does no harm. */
const LOOKS: ReadonlySet<string> = new Set(
  "help whoami status list actions log graph alerts policies oncall audit export protected".split(" "),
);

/**
 * What is said of a word that is no command. A command that changes something is only brought up for one slip of the finger: "show" is not
 * "stop".
 */
export function unknownCommand(name: string, rest: readonly string[], names: readonly string[]): string {
  const word = name.slice(0, 40);
  const said = `"${word}" is not a command.`;
  const [near] = names
    .map((known) => ({ known, slips: slipsBetween(word, known) }))
    .filter(({ known, slips }) => slips < Math.min(word.length, known.length) && slips <= (LOOKS.has(known) ? most(known) : 1))
    .sort((a, b) => a.slips - b.slips);
  if (near) return `${said} Did you mean "${near.known}"?`;
  const [id = ""] = rest;
  return readId(id) ? `${said} To look at it: status ${id}` : `${said} Say "help" for what air understands.`;
}

const most = (known: string) => Math.max(2, known.length / 3);

/** Two letters in the wrong order are one slip. */
function slipsBetween(word: string, known: string): number {
  const swapped = Array.from(
    { length: Math.max(0, word.length - 1) },
    (_, at) => word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2),
  );
  return swapped.includes(known) ? 1 : distance(word, known);
}
