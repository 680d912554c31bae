import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { type Db, type Driver, MIGRATIONS } from "./driver.ts";
import * as schema from "./schema.ts";

/** Any number: every process of air takes the same advisory lock while it migrates, since drizzle's migrator takes none. */
const MIGRATION_LOCK = 4_242_001;

/** pg-boss stringifies json itself, so strings pass through. */
const PASS_JSON = {
  to: 114,
  from: [114, 3802],
  serialize: (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)),
  parse: (text: string) => JSON.parse(text) as unknown,
};

export async function openPostgres(url: string, max: number): Promise<Driver> {
  // Times come back in UTC whatever the server is set to: in year 1 a zone is 53 minutes and 28 seconds wide.
  const quiet = { onnotice: () => {}, connect_timeout: 10, backoff: () => 0.3, connection: { TimeZone: "UTC" } };
  await migratePostgres(url);
  const app = postgres(url, { ...quiet, max });
  const queue = postgres(url, { ...quiet, max: 6, types: { json: PASS_JSON } });
  await Promise.all([learnTypes(app), learnTypes(queue)]);

  type Rows = { rows: unknown[] };
  const flat = (result: unknown): Rows => {
    const list = result as unknown[];
    // A text of several statements comes back as a list of results, each a list with its own `command`.
    const several = Array.isArray(list[0]) && "command" in list[0];
    return { rows: several ? list.flatMap((one) => [...(one as unknown[])]) : [...list] };
  };
  return {
    kind: "postgres",
    db: drizzle(preparing(app), { schema }) as unknown as Db,
    boss: {
      async executeSql(text: string, values?: unknown[]) {
        if (values?.length) return flat(await queue.unsafe(text, values as never[], { prepare: true }));
        if (!/^\s*BEGIN\b/im.test(text)) return flat(await queue.unsafe(text));
        // postgres.js refuses a BEGIN on a pooled connection: it must be ours until the COMMIT.
        const own = await queue.reserve();
        try {
          return flat(await own.unsafe(text));
        } catch (error) {
          await own.unsafe("rollback").catch(() => {});
          throw error;
        } finally {
          own.release();
        }
      },
      async listen(channel: string, onNotify: (payload: string) => void, onReconnect: () => void) {
        const listening = await queue.listen(channel, onNotify, onReconnect);
        return { close: () => listening.unlisten() };
      },
    } as Driver["boss"],
    listen: async (channel, onNotify) => {
      // On reconnect something may have been missed, so the listener is told as if something had changed.
      await app.listen(channel, onNotify, () => onNotify(""));
    },
    close: async () => {
      await queue.end({ timeout: 5 });
      await app.end({ timeout: 5 });
    },
  };
}

/**
 * postgres.js asks every new connection for the array types, and nobody catches it when the server goes away just then: the process would
 * end. They are the same on all connections, so they are asked for once, where a failure is ours to tell.
 */
async function learnTypes(sql: postgres.Sql): Promise<void> {
  await sql`select 1`;
  (sql.options as { fetch_types: boolean }).fetch_types = false;
}

/** Longer statements are multi-row inserts, of which every number of rows would be a statement of its own on every connection. */
const PREPARE_UP_TO = 40;

/**
 * drizzle asks postgres.js for unprepared statements, and those cost two round trips each: one to learn the parameter types, one to run.
 * Prepared, a repeated statement costs one, and PostgreSQL plans it once per connection.
 */
function preparing<T extends object>(client: T): T {
  return new Proxy(client, {
    get(target, name, receiver) {
      const value: unknown = Reflect.get(target, name, receiver);
      if (typeof value !== "function") return value;
      const call = value.bind(target) as (...given: unknown[]) => unknown;
      if (name === "unsafe") {
        return (text: string, values: unknown[] = [], options: object = {}) =>
          call(text, values, { ...options, prepare: values.length > 0 && values.length <= PREPARE_UP_TO });
      }
      if (name === "begin" || name === "savepoint") {
        return (...given: unknown[]) =>
          call(
            ...given.map((one) =>
              typeof one === "function" ? (inner: object) => (one as (client: object) => unknown)(preparing(inner)) : one,
            ),
          );
      }
      return value;
    },
  });
}

/** Forward only, under an advisory lock: many processes may start at once. Returns when the database is up to date. */
async function migratePostgres(url: string): Promise<void> {
  const one = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    await one`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(one), { migrationsFolder: MIGRATIONS });
  } finally {
    await one.end({ timeout: 5 });
  }
}
