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
