/** Names and lines come from attackers: a sentence quotes at most this much of one. Never half a surrogate pair. */
export function brief(text: string, max = 120): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= max ? line.toWellFormed() : `${line.slice(0, max - 1).toWellFormed()}…`;
}
