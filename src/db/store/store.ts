import { eq, sql } from "drizzle-orm";
import type { New, ObservationRow, Store, Tx } from "../../engine/store.ts";
import { coalesce } from "../coalesce.ts";
import type { Database } from "../connect.ts";
import { databaseAway } from "../errors.ts";
import type { RunningQueue } from "../queue.ts";
import * as t from "../schema.ts";
import { reads } from "./reads.ts";
import { inTransaction } from "./tx.ts";

const ANSWER = {
  source: sql`excluded.source`,
  family: sql`excluded.family`,
  label: sql`excluded.label`,
  weight: sql`excluded.weight`,
  text: sql`excluded.text`,
  technique: sql`excluded.technique`,
  raw: sql`excluded.raw`,
  found: sql`excluded.found`,
  at: sql`excluded.at`,
  createdAt: sql`excluded.created_at`,
};

export function createStore(database: Database, queue: RunningQueue): Store {
  const transaction = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => database.transaction((tx) => inTransaction(tx, queue, work));
  const save = coalesce<readonly New<ObservationRow>[], undefined>({
    run: async (groups) => {
      // Twice the same row in one statement is an error in PostgreSQL: the later answer is kept.
      const rows = [...new Map(groups.flat().map((row) => [`${row.evidenceId} ${row.part} ${row.look}`, row])).values()];
      for (let from = 0; from < rows.length; from += 500) {
        await database.db
          .insert(t.observations)
          .values(rows.slice(from, from + 500))
          .onConflictDoUpdate({
            target: [t.observations.evidenceId, t.observations.look, t.observations.part],
            set: ANSWER,
            // An answer stands; only a look that failed is asked again.
            setWhere: eq(t.observations.label, "failed"),
          });
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
