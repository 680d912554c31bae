import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../driver.ts";

/** What a statement answered: drizzle returns an array on PostgreSQL, and `{ rows }` on the embedded database. */
export const rowsIn = <Row>(result: unknown): Row[] =>
  (Array.isArray(result) ? result : ((result as { rows?: unknown[] }).rows ?? [])) as Row[];

export const readRows = async <Row>(db: Db, query: SQL): Promise<Row[]> => rowsIn<Row>(await db.execute(query));

/**
 * At the end of a lateral look-up by a key: it is carried out row by row, by its index. Without it PostgreSQL, which takes every list of ours
 * for a hundred rows, reads the whole table instead as long as it believes the table small: until the first `analyze`, and then for as long
 * as the statement stays planned. The embedded database analyzes nothing by itself. Measured at 50 alerts a second on a new database: the
 * look into our own history had become 5 ms within ten seconds.
 */
export const ONE_BY_ONE: SQL = sql`offset 0`;

/** These ids as something to compare with, beside a join with the same rows: see ONE_BY_ONE. */
export const anyOf = (ids: readonly number[]): SQL => sql`any(${`{${ids.join(",")}}`}::text::int[])`;
