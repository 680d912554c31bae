import { databaseAway, sqlState } from "../../db/errors.ts";

/** What went wrong, with the next step where there is one. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = sqlState(error);
  if (databaseAway(error))
    return `The database cannot be reached (${code}). Check DATABASE_URL and that PostgreSQL runs, or ask: air doctor`;
  if (code === "28P01" || code === "28000") return "PostgreSQL refused the user or password in DATABASE_URL.";
  if (code === "3D000") return "The database named in DATABASE_URL does not exist. Create it first: createdb air";
  if (code === "EADDRINUSE") return "The port is in use by another program. Stop it, or set PORT to another one.";
  if (code === "EEXIST" || code === "ENOTDIR") return "AIR_DATA_DIR names a file. It has to be a folder air may write to.";
  if (code === "EACCES") return `${error.message}. Choose a folder or port this user may use (AIR_DATA_DIR, PORT).`;
  return error.message;
}
