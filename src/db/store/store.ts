import type { New, ObservationRow, Store, Tx } from "../../engine/store.ts";
import { coalesce } from "../coalesce.ts";
import type { Database } from "../connect.ts";
import { databaseAway } from "../errors.ts";
import type { RunningQueue } from "../queue.ts";
import * as t from "../schema.ts";
import { reads } from "./reads.ts";
import { inTransaction } from "./tx.ts";

export function createStore(database: Database, queue: RunningQueue): Store {
  const transaction = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => database.transaction((tx) => inTransaction(tx, queue, work));
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
