import { AsyncLocalStorage } from "node:async_hooks";
import path from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { sql } from "drizzle-orm";
import { fromDrizzle } from "pg-boss";
import type { BossConnection, Db, Driver } from "./driver.ts";
import { sqlState } from "./errors.ts";

export type Database = {
  kind: "embedded" | "postgres";
  /** Outside a transaction only: inside one it throws, on every database and in every environment. */
  readonly db: Db;
  /**
   * No network and no other handle inside: on the embedded database everybody waits for this callback.
   * It may run more than once (deadlock, serialization failure), so it keeps nothing outside of `tx`.
   */
  transaction: <T>(work: (tx: Db) => Promise<T>) => Promise<T>;
  /** pg-boss calls inside our transaction. */
  bossIn: (tx: Db) => { db: BossConnection };
  boss: BossConnection;
  listen: Driver["listen"];
  close: () => Promise<void>;
};

/** Serialization failure, deadlock, and a row somebody else committed first: the loser of a race simply goes again and sees it. */
const AGAIN = new Set(["40001", "40P01", "23505"]);
const TRIES = 5;

/** `url` undefined: the embedded database in `dataDir`, or in memory where that is undefined too, or one that is open already (tests). */
export async function openDatabase(options: {
  url?: string | undefined;
  dataDir?: string | undefined;
  maxConnections?: number;
  inMemory?: PGlite;
}): Promise<Database> {
  // Each database is loaded only where it is used: the embedded one alone is most of a process's memory.
  const driver = options.url
    ? await (await import("./postgres.ts")).openPostgres(options.url, options.maxConnections ?? 10)
    : await (await import("./embedded.ts")).openEmbedded(options.dataDir && path.join(options.dataDir, "db"), options.inMemory);
  // Used inside a transaction the outer handle would survive a rollback on PostgreSQL and wait for itself for ever on the
  // embedded database. Both are silent, so it is made loud.
  const inside = new AsyncLocalStorage<true>();
  const outside = () => {
    if (inside.getStore()) throw new Error("The outer database handle was used inside a transaction; use tx.");
  };
  return {
    kind: driver.kind,
    get db() {
      outside();
      return driver.db;
    },
    transaction: async (work) => {
      outside();
      for (let attempt = 1; ; attempt++) {
        try {
          return await driver.db.transaction((tx) => inside.run(true, () => work(tx as Db)));
        } catch (error) {
          if (attempt >= TRIES || !AGAIN.has(sqlState(error) ?? "")) throw error;
        }
      }
    },
    bossIn: (tx) => ({ db: bossInside(tx) }),
    boss: driver.boss,
    listen: driver.listen,
    close: driver.close,
  };
}

/**
 * pg-boss on the transaction's own connection. On postgres.js its long statements are 1.6-2x faster prepared, which drizzle's
 * `execute` does not do; the session's client is not public, so without it the ordinary way is taken.
 */
function bossInside(tx: Db): BossConnection {
  const client = (tx as unknown as { session?: { client?: { unsafe?: unknown } } }).session?.client;
  if (typeof client?.unsafe !== "function") return fromDrizzle(tx as never, sql as never);
  const unsafe = client.unsafe.bind(client) as (text: string, values: unknown[], options: { prepare: boolean }) => Promise<unknown[]>;
  return {
    executeSql: async (text: string, values: unknown[] = []) => ({
      rows: [...(await unsafe(text, values, { prepare: values.length > 0 }))],
    }),
  };
}
