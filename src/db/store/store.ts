import type { New, ObservationRow, Store, Tx } from "../../engine/store.ts";
import { coalesce } from "../coalesce.ts";
import type { Database } from "../connect.ts";
import type { RunningQueue } from "../queue.ts";
import * as t from "../schema.ts";
import { reads } from "./reads.ts";
import { transactionStore } from "./tx.ts";

/** Serialization failure and deadlock: the loser of a race simply goes again. */
const AGAIN = new Set(["40001", "40P01"]);
const TRIES = 5;

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

export function createStore(database: Database, queue: RunningQueue): Store {
  const transaction = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await database.transaction((tx) => work(transactionStore(tx, queue)));
      } catch (error) {
        if (attempt >= TRIES || !AGAIN.has(sqlState(error) ?? "")) throw error;
      }
    }
  };
  const save = coalesce<readonly New<ObservationRow>[], undefined>({
    run: async (groups) => {
      const rows = groups.flat();
      for (let from = 0; from < rows.length; from += 500) {
        await database.db
          .insert(t.observations)
          .values(rows.slice(from, from + 500))
          .onConflictDoNothing();
      }
      return groups.map(() => undefined);
    },
    weight: (group) => group.length,
    maxWeight: 500,
    maxWaiting: 10_000,
    overflow: () => new Error("Too many observations are waiting to be stored."),
    shared: databaseAway,
  });
  return {
    ...reads(() => database.db),
    transaction,
    async saveObservations(rows) {
      if (rows.length > 0) await save(rows);
    },
  };
}
