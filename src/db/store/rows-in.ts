import type { SQL } from "drizzle-orm";
import type { Db } from "../driver.ts";

/** What a statement answered: drizzle returns an array on PostgreSQL, and `{ rows }` on the embedded database. */
export const rowsIn = <Row>(result: unknown): Row[] =>
  (Array.isArray(result) ? result : ((result as { rows?: unknown[] }).rows ?? [])) as Row[];

export const readRows = async <Row>(db: Db, query: SQL): Promise<Row[]> => rowsIn<Row>(await db.execute(query));
