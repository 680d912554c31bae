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
  const quiet = { onnotice: () => {}, connect_timeout: 10 };
  await migratePostgres(url);
  const app = postgres(url, { ...quiet, max });
  const queue = postgres(url, { ...quiet, max: 6, types: { json: PASS_JSON } });

  type Rows = { rows: unknown[] };
  const flat = (result: unknown): Rows => {
    const list = result as unknown[];
    // A text of several statements comes back as a list of results, each a list with its own `command`.
    const several = Array.isArray(list[0]) && "command" in list[0];
    return { rows: several ? list.flatMap((one) => [...(one as unknown[])]) : [...list] };
  };
  return {
    kind: "postgres",
    db: drizzle(app, { schema }) as unknown as Db,
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

/** Forward only, under an advisory lock: many processes may start at once. Returns when the database is up to date. */
export async function migratePostgres(url: string): Promise<void> {
  const one = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    await one`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(one), { migrationsFolder: MIGRATIONS });
  } finally {
    await one.end({ timeout: 5 });
  }
}
