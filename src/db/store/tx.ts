import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { and, asc, desc, eq, inArray, ne, type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { actorName } from "../../engine/domain/actor.ts";
import { ENDED } from "../../engine/domain/investigation.ts";
import type { Queue } from "../../engine/queue.ts";
import type { AuditEntry, Tx } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";
import { reads } from "./reads.ts";

/** Every process listens on it; the payload is empty, what changed stands in rows. */
export const CHANGE_CHANNEL = "air_change";

/** PostgreSQL takes at most 65,535 parameters; the widest table has 31 columns. */
const CHUNK = 500;

const SEQUENCES = {
  alerts: "alerts_id_seq",
  incidents: "incidents_id_seq",
  investigations: "investigations_id_seq",
  evidence: "evidence_id_seq",
};

const RUNNING = (["queued", "running", "pendingResource", "pendingApproval"] as const).filter((status) => !ENDED.has(status));

/** drizzle returns an array on PostgreSQL and `{ rows }` on the embedded database. */
const rowsOf = <T>(result: unknown): T[] => (Array.isArray(result) ? result : (result as { rows: T[] }).rows) as T[];

const bySubject = (a: { channel: string; subject: string }, b: { channel: string; subject: string }) =>
  `${a.channel} ${a.subject}` < `${b.channel} ${b.subject}` ? -1 : 1;

/*
 * Locks are taken in one order everywhere: join keys, incidents, action, investigation, evidence, messages and their channel, and the
 * head of the audit chain last. Who needs several takes them in this order, or a deadlock costs a second try.
 */
/** The port over one transaction. What is written last whenever it was asked for, the audit, waits until `work` is done. */
export async function inTransaction<T>(tx: Db, queue: Queue<Db>, work: (tx: Tx) => Promise<T>): Promise<T> {
  const entries: AuditEntry[] = [];
  const result = await work(transactionStore(tx, queue, entries));
  await appendAudit(tx, entries);
  return result;
}

export function transactionStore(tx: Db, queue: Queue<Db>, audit: AuditEntry[] = []): Tx {
  const insertMany = async <T extends PgTable>(table: T, rows: readonly T["$inferInsert"][]) => {
    for (let from = 0; from < rows.length; from += CHUNK)
      await tx.insert(table).values(rows.slice(from, from + CHUNK) as T["$inferInsert"][]);
  };
  return {
    ...reads(() => tx),
    enqueue: (name, data, job) => queue.send(tx, name, data, job),
    enqueueMany: (name, jobs) => queue.sendMany(tx, name, jobs),

    async lockJoinKeys(digests, now) {
      const sorted = [...new Set(digests)].sort();
      for (let from = 0; from < sorted.length; from += 5000) {
        await tx
          .insert(t.joinKeys)
          .values(sorted.slice(from, from + 5000).map((digest) => ({ digest, seenAt: now })))
          .onConflictDoUpdate({ target: t.joinKeys.digest, set: { seenAt: now } });
      }
    },
    candidates: (digests, lab) =>
      digests.length === 0
        ? Promise.resolve([])
        : tx
            .select({ digest: t.incidentKeys.digest, incidentId: t.incidentKeys.incidentId, at: t.incidentKeys.at })
            .from(t.incidentKeys)
            .innerJoin(t.incidents, eq(t.incidents.id, t.incidentKeys.incidentId))
            .where(and(inArray(t.incidentKeys.digest, [...new Set(digests)]), eq(t.incidents.status, "open"), eq(t.incidents.lab, lab))),
    async keepJoinKeys(rows) {
      // Twice the same key of one incident in one statement is an error in PostgreSQL: the latest sighting is kept.
      const latest = new Map<string, { digest: string; incidentId: number; at: Date }>();
      for (const row of rows) {
        const key = `${row.digest} ${row.incidentId}`;
        const known = latest.get(key);
        if (!known || known.at < row.at) latest.set(key, row);
      }
      const unique = [...latest.values()];
      for (let from = 0; from < unique.length; from += 5000) {
        await tx
          .insert(t.incidentKeys)
          .values(unique.slice(from, from + 5000))
          .onConflictDoUpdate({
            target: [t.incidentKeys.digest, t.incidentKeys.incidentId],
            set: { at: sql`greatest(${t.incidentKeys.at}, excluded.at)` },
          });
      }
    },
    alertsByIdentity: (identities) =>
      tx
        .select({
          id: t.alerts.id,
          identity: t.alerts.identity,
          digest: t.alerts.digest,
          incidentId: t.alerts.incidentId,
          investigationId: t.alerts.investigationId,
        })
        .from(t.alerts)
        .where(inArray(t.alerts.identity, [...identities])),
    async nextIds(table, count) {
      if (count === 0) return [];
      const result = await tx.execute(sql`select nextval(${SEQUENCES[table]})::int as id from generate_series(1, ${count})`);
      return rowsOf<{ id: number }>(result)
        .map((row) => row.id)
        .sort((a, b) => a - b);
    },
    insertAlerts: (rows) => insertMany(t.alerts, rows),
    async updateAlert(id, change) {
      await tx.update(t.alerts).set(change).where(eq(t.alerts.id, id));
    },
    async countDuplicates(counts) {
      for (const [id, count] of [...counts].sort(([a], [b]) => a - b)) {
        await tx
          .update(t.alerts)
          .set({ duplicates: sql`${t.alerts.duplicates} + ${count}` })
          .where(eq(t.alerts.id, id));
      }
    },
    insertIncidents: (rows) => insertMany(t.incidents, rows),
    lockIncidents: (ids) =>
      ids.length === 0
        ? Promise.resolve([])
        : tx
            .select()
            .from(t.incidents)
            .where(inArray(t.incidents.id, [...new Set(ids)]))
            .orderBy(asc(t.incidents.id))
            .for("update"),
    async updateIncident(id, change) {
      await tx.update(t.incidents).set(change).where(eq(t.incidents.id, id));
    },
    insertInvestigations: (rows) => insertMany(t.investigations, rows),
    lockRunning: (incidents) =>
      incidents.length === 0
        ? Promise.resolve([])
        : tx
            .select()
            .from(t.investigations)
            .where(and(inArray(t.investigations.incidentId, [...new Set(incidents)]), inArray(t.investigations.status, RUNNING)))
            .orderBy(asc(t.investigations.id))
            .for("update"),
    async lockInvestigation(id) {
      return (await tx.select().from(t.investigations).where(eq(t.investigations.id, id)).for("update"))[0];
    },
    async updateInvestigation(id, change) {
      await tx.update(t.investigations).set(change).where(eq(t.investigations.id, id));
    },
    async addEvidence(rows) {
      const unique = new Map<string, (typeof rows)[number]>();
      for (const row of rows) {
        const key = `${row.investigationId} ${row.digest}`;
        const known = unique.get(key);
        unique.set(key, known ? { ...known, said: [...known.said, ...row.said] } : row);
      }
      const list = [...unique.values()];
      for (let from = 0; from < list.length; from += CHUNK) {
        await tx
          .insert(t.evidence)
          .values(list.slice(from, from + CHUNK))
          .onConflictDoUpdate({
            target: [t.evidence.investigationId, t.evidence.digest],
            // What a new source says makes the evidence worth looking at again; a repeat without a word does not.
            set: {
              said: sql`${t.evidence.said} || excluded.said`,
              lookedRound: sql`case when jsonb_array_length(excluded.said) > 0 then null else ${t.evidence.lookedRound} end`,
            },
          });
      }
    },
    async updateEvidence(rows) {
      for (const { id, ...change } of rows) await tx.update(t.evidence).set(change).where(eq(t.evidence.id, id));
    },

    async markRemediated(id, remediation) {
      await tx.update(t.evidence).set({ remediation }).where(eq(t.evidence.id, id));
    },

    async insertActions(rows) {
      if (rows.length === 0) return [];
      const inserted = await tx
        .insert(t.actions)
        .values([...rows])
        .returning({ id: t.actions.id });
      return inserted.map((row) => row.id);
    },
    async moveAction(id, from, change, version) {
      const where: (SQL | undefined)[] = [
        eq(t.actions.id, id),
        eq(t.actions.state, from),
        version === undefined ? undefined : eq(t.actions.version, version),
      ];
      return (
        await tx
          .update(t.actions)
          .set(change)
          .where(and(...where))
          .returning()
      )[0];
    },
    async updateAction(id, change) {
      await tx.update(t.actions).set(change).where(eq(t.actions.id, id));
    },
    async lockAction(id) {
      return (await tx.select().from(t.actions).where(eq(t.actions.id, id)).for("update"))[0];
    },
    async addApproval(row) {
      return (await tx.insert(t.approvals).values(row).onConflictDoNothing().returning({ id: t.approvals.actionId })).length > 0;
    },
    async inFlightOn(targetDigest, except) {
      // The digest is locked first, so that two actions on one target cannot both find nobody in flight.
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${targetDigest}, 0))`);
      const [row] = await tx
        .select({ id: t.actions.id })
        .from(t.actions)
        .where(and(eq(t.actions.targetDigest, targetDigest), inArray(t.actions.state, ["executing", "undoing"]), ne(t.actions.id, except)))
        .limit(1);
      return row?.id;
    },

    addTimeline: (rows) => insertMany(t.timeline, rows),
    async writeAudit(entries) {
      audit.push(...entries);
    },

    async wantMessages(rows, now) {
      const unique = [...new Map(rows.map((row) => [`${row.channel} ${row.subject}`, row])).values()].sort(bySubject);
      if (unique.length === 0) return;
      // The channel's row first: the projector locks it before it reads, so a send that is swallowed is never a lost wake-up.
      const channels = [...new Set(unique.map((row) => row.channel))].sort();
      await tx
        .insert(t.channels)
        .values(channels.map((channel) => ({ channel, wanted: 1 })))
        .onConflictDoUpdate({ target: t.channels.channel, set: { wanted: sql`${t.channels.wanted} + 1` } });
      for (let from = 0; from < unique.length; from += CHUNK) {
        await tx
          .insert(t.messages)
          .values(unique.slice(from, from + CHUNK).map((row) => ({ ...row, wanted: 1, shown: 0, createdAt: now })))
          .onConflictDoUpdate({
            target: [t.messages.channel, t.messages.subject],
            set: { wanted: sql`${t.messages.wanted} + 1`, priority: sql`least(${t.messages.priority}, excluded.priority)`, retryAt: null },
          });
      }
      await queue.sendMany(
        tx,
        "publish",
        channels.map((channel) => ({ data: { channel }, key: channel })),
      );
    },
    async showMessages(rows, now) {
      // Sorted, so that two transactions never wait for each other's rows.
      const unique = [...new Map(rows.map((row) => [`${row.channel} ${row.subject}`, row])).values()].sort(bySubject);
      for (let from = 0; from < unique.length; from += CHUNK) {
        await tx
          .insert(t.messages)
          .values(unique.slice(from, from + CHUNK).map((row) => ({ ...row, wanted: 1, shown: 1, createdAt: now })))
          .onConflictDoNothing();
      }
    },
    knownMessages: (incidents) =>
      incidents.length === 0
        ? Promise.resolve([])
        : tx
            .select()
            .from(t.messages)
            .where(inArray(t.messages.incidentId, [...new Set(incidents)]))
            .orderBy(desc(t.messages.id)),
    async lockChannel(channel) {
      await tx.insert(t.channels).values({ channel, wanted: 0 }).onConflictDoNothing();
      const [row] = await tx.select({ nextAt: t.channels.nextAt }).from(t.channels).where(eq(t.channels.channel, channel)).for("update");
      return row ?? { nextAt: null };
    },
    async updateChannel(channel, change) {
      await tx.update(t.channels).set(change).where(eq(t.channels.channel, channel));
    },
    async updateMessages(rows) {
      for (const { id, ...change } of rows) await tx.update(t.messages).set(change).where(eq(t.messages.id, id));
    },
    async putSetting(key, value) {
      await tx.insert(t.settings).values({ key, value }).onConflictDoUpdate({ target: t.settings.key, set: { value } });
    },
    async notifyChange() {
      await tx.execute(sql`select pg_notify(${CHANGE_CHANNEL}, '')`);
    },
  };
}

/** Appends to the hash chain. Its head is one row for everybody, so it is locked last and held only until the commit. */
async function appendAudit(tx: Db, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.insert(t.auditHead).values({ id: 1, count: 0, hash: "" }).onConflictDoNothing();
  const [head] = await tx.select().from(t.auditHead).where(eq(t.auditHead.id, 1)).for("update");
  let { count, hash } = head ?? { count: 0, hash: "" };
  const rows = entries.map((entry) => {
    const { incidentId, actor, ...rest } = entry;
    const line = canonicalize({ ...rest, at: entry.at.toISOString(), actor, by: actorName(actor), seq: count + 1, prev: hash }) ?? "";
    count += 1;
    hash = createHash("sha256").update(line).digest("hex");
    return { seq: count, line, hash, incidentId: incidentId ?? null };
  });
  await tx.insert(t.audit).values(rows);
  await tx.update(t.auditHead).set({ count, hash }).where(eq(t.auditHead.id, 1));
}
