import { closest, distance } from "fastest-levenshtein";

/** ` Did you mean "x"?`, with its leading space, or nothing where no known word is near enough to be meant. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = longer(word, known) ?? nearest(word, known);
  return near === undefined ? "" : ` Did you mean "${near}"?`;
}

/** VIRUSTOTAL_KEY is nearer to VIRUSTOTAL_URL by letters, but VIRUSTOTAL_API_KEY is what was meant. */
function longer(word: string, known: readonly string[]): string | undefined {
  const parts = partsOf(word);
  return parts.length < 2 ? undefined : known.find((name) => parts.every((part) => partsOf(name).includes(part)));
}
const partsOf = (word: string) => word.toLowerCase().split(/[_-]/);

function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const byLower = new Map(known.map((name) => [name.toLowerCase(), name]));
  const near = closest(word.toLowerCase(), [...byLower.keys()]);
  return distance(word.toLowerCase(), near) > Math.max(2, Math.floor(word.length / 3)) ? undefined : byLower.get(near);
}
