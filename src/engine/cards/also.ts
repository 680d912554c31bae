import { cut } from "./card.ts";
import { count, outside } from "./say.ts";

const NAMED = 2;
const LONGEST = 120;

/** " Also: Mia wrote a note; Device actions go on." What else one message holds, for a notification that shows its first words only. */
export function alsoText(texts: readonly string[]): string {
  if (texts.length === 0) return "";
  const named = texts.slice(0, NAMED).map((text) => cut(outside(text), LONGEST).replace(/[.!?]$/u, ""));
  const rest = texts.length - named.length;
  return ` Also: ${named.join("; ")}${rest > 0 ? `; and ${count(rest, "other")}` : ""}.`;
}
