/** PostgreSQL's code of an error, or the network's, wherever in the chain of causes it stands. */
export function sqlState(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const code = (cause as { code?: unknown }).code;
    if (typeof code === "string") return code;
  }
  return undefined;
}

/** The database cannot be reached, as opposed to refusing what it was told. */
export function databaseAway(error: unknown): boolean {
  const code = sqlState(error);
  return code !== undefined && (/^(ECONN|EPIPE|ENOTFOUND|EHOST|ETIMEDOUT|CONNECT|CONNECTION_)/.test(code) || /^(08|57P|53)/.test(code));
}

/**
 * An error for the log: name, code, what was tried and where, never what a query was given, which somebody typed. The database's own
 * words are left out for the same reason: they repeat the value it refused.
 */
export function errorFacts(error: unknown): string {
  if (!(error instanceof Error)) return withoutParams(String(error));
  const code = sqlState(error);
  const said = `${error.name}${code === undefined ? "" : ` (${code})`}: ${withoutParams(error.message)}`;
  // The stack repeats the message before its first frame.
  const stack = error.stack ?? "";
  const at = stack.indexOf(error.message);
  return at === -1 || error.message === "" ? said : said + stack.slice(at + error.message.length);
}

/** `Failed query: select ... params: ...`: the values may hold anything, line breaks too, so all that follows goes. */
export const withoutParams = (text: string): string => text.replace(/\nparams: ?[\s\S]*$/, "");
