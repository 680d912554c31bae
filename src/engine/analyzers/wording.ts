/** How numbers and strangers' texts stand in the sentences of observations. */

export const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
export const count = (number: number, one: string, several = `${one}s`) => `${number} ${number === 1 ? one : several}`;

/** Text of a stranger inside a sentence: one line, quoted, short enough to leave room for the sentence. */
export function quoted(text: string, length = 80): string {
  const line = shortened(text, length);
  return `"${line.replaceAll('"', "'")}"`;
}
export function shortened(text: string, length = 80): string {
  const line = text
    .slice(0, length * 4)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length > length ? `${line.slice(0, length).toWellFormed()}…` : line;
}

/** The first few of a list, and how many more there are. */
export function listed(values: readonly string[], show = 3): string {
  const names = values.slice(0, show).map((value) => shortened(value));
  return values.length > show ? `${names.join(", ")} and ${values.length - show} more` : names.join(", ");
}
