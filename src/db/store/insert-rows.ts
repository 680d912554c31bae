import { getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";

/**
 * `insert into t (...) select ... from jsonb_populate_recordset(...)`: however many rows, it is one statement with one parameter. So it is
 * prepared once, and building it costs a tenth of a values list of hundreds of parameters, which was most of intake's time.
 * Columns the first row leaves out take their defaults; the rows of one call name the same columns.
 */
export function insertRows<T extends PgTable>(table: T, rows: readonly Partial<T["$inferInsert"]>[]): SQL {
  const columns = Object.entries(getTableColumns(table)).filter(([key]) => rows[0] !== undefined && key in rows[0]);
  const names = sql.join(
    columns.map(([, column]) => sql.identifier(column.name)),
    sql`, `,
  );
  const records = rows.map((row) =>
    Object.fromEntries(columns.map(([key, column]) => [column.name, (row as Record<string, unknown>)[key] ?? null])),
  );
  const name = sql.identifier(getTableName(table));
  return sql`insert into ${name} (${names}) select ${names} from jsonb_populate_recordset(null::${name}, ${JSON.stringify(records)}::jsonb)`;
}
