import { sql } from "drizzle-orm";
import type { Past } from "../../engine/ports.ts";
import type { New, ObservationRow, Store, Tx } from "../../engine/store.ts";
import { coalesce } from "../coalesce.ts";
import type { Database } from "../connect.ts";
import { databaseAway } from "../errors.ts";
import type { RunningQueue } from "../queue.ts";
import * as t from "../schema.ts";
import { insertRows } from "./insert-rows.ts";
import { type PastAsked, readPasts } from "./past.ts";
import { reads } from "./reads.ts";
import { inTransaction } from "./tx.ts";

const ANSWER = sql`
  analyzer = excluded.analyzer, source = excluded.source, family = excluded.family, label = excluded.label, weight = excluded.weight,
  text = excluded.text, technique = excluded.technique, raw = excluded.raw, raw_sha256 = excluded.raw_sha256,
  connector_version = excluded.connector_version,
  found = excluded.found, decisive = excluded.decisive, at = excluded.at, asked_at = excluded.asked_at, took_ms = excluded.took_ms,
  created_at = excluded.created_at, raw_removed_at = null`;

export function createStore(database: Database, queue: RunningQueue): Store {
  const transaction = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => database.transaction((tx) => inTransaction(tx, queue, work));
  const save = coalesce<readonly New<ObservationRow>[], undefined>({
    run: async (groups) => {
      // Twice the same row in one statement is an error in PostgreSQL: the later answer is kept.
      const rows = [...new Map(groups.flat().map((row) => [`${row.evidenceId} ${row.part} ${row.look}`, row])).values()];
      // An answer stands; a look that failed is asked again, after hours one that is old, and one of before the thing grew. The numbers are domain facts, told in look.ts.
      await database.db.execute(sql`
        ${insertRows(t.observations, rows)}
        on conflict (evidence_id, look, part) do update set ${ANSWER}
        where observations.label = 'failed' or observations.created_at < excluded.created_at - interval '4 hours'
          or observations.created_at <= (select grew_at from evidence where evidence.id = observations.evidence_id)`);
      return groups.map(() => undefined);
    },
    weight: (group) => group.length,
    maxWeight: 500,
    maxWaiting: 10_000,
    overflow: () => new Error("Too many observations are waiting to be stored."),
    shared: databaseAway,
  });
  const past = coalesce<PastAsked, Past>({
    run: (asked) => readPasts(database.db, asked),
    weight: () => 1,
    maxWeight: 64,
    parallel: 2,
    maxWaiting: 10_000,
    overflow: () => new Error("Too many questions about our own history are waiting."),
    shared: databaseAway,
  });
  return {
    ...reads(() => database.db),
    past: (digests, since, except, lab) => past({ digests, since, except, lab }),
    transaction,
    async saveObservations(rows) {
      if (rows.length > 0) await save(rows);
    },
  };
}
