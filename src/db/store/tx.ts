import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { and, asc, desc, eq, gt, gte, inArray, isNotNull, isNull, ne, or, type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { mayMove } from "../../engine/domain/action.ts";
import { actorName } from "../../engine/domain/actor.ts";
import { FIGURE_EVENTS } from "../../engine/domain/figures.ts";
import { ENDED } from "../../engine/domain/investigation.ts";
import { LEARNED_NAMES, learned } from "../../engine/domain/learn.ts";
import type { Queue } from "../../engine/queue.ts";
import type { AuditEntry, CallRow, EvidenceRow, New, NewCall, NewPage, Tx } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";
import { auditNaming, dropLinksOf, eraseRows, rewriteAudit } from "./erasure.ts";
import { type FiguresToKeep, keepFigures } from "./figures.ts";
import { insertRows } from "./insert-rows.ts";
import { reads } from "./reads.ts";
import { cutAudit, deleteIncidents, deleteRest, emptyAlerts, emptyAnswers } from "./retention.ts";
import { anyOf, ONE_BY_ONE, rowsIn } from "./rows-in.ts";
import { addTick, explainTick } from "./ticks.ts";

/** Every process listens on it; the payload is empty, what changed stands in rows. */
export const CHANGE_CHANNEL = "air_change";

/** A noisy source says the same of one device thousands of times: its latest words are kept. */
const SAID_KEPT = 40;

const RUNNING = (["queued", "running", "pendingResource", "pendingApproval"] as const).filter((status) => !ENDED.has(status));

/** drizzle returns an array on PostgreSQL and `{ rows }` on the embedded database. */

/** A raw statement's answer is a date on the embedded database and text on PostgreSQL. */
const dateOf = (value: unknown): Date | null => (value === null || value === undefined ? null : t.readTimestamp(value));

const toColumns = (row: Parameters<Tx["noteDelivery"]>[0][number]) => ({
  ...row,
  shown_digest: row.shownDigest,
  posting_since: row.postingSince,
  retry_at: row.retryAt,
});

const pageColumns = (row: NewPage) => ({
  ...row,
  incident_id: row.incidentId,
  action_id: row.actionId,
  created_at: row.createdAt,
  due_at: row.dueAt,
  call_id: row.callId,
});

/** What the alert that comes names a thing by, and nobody did before: laid under what is known of it. */
const NEW_NAMES = sql`(select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(excluded.entity) where key = any(${`{${LEARNED_NAMES.join(",")}}`}::text::text[]))`;
/** More of it came while a round looked at what there was. */
const GREW_SINCE = sql`(v.cluster is not null and evidence.entity <> v.cluster)`;

/** Mail clusters with what is known of them already, so that none of their mails is lost; the rows are locked until they are written. */
async function withGrown(tx: Db, rows: readonly New<EvidenceRow>[]): Promise<New<EvidenceRow>[]> {
  const clusters = rows.filter(({ entity }) => entity.kind === "mail-cluster");
  if (clusters.length === 0) return [...rows];
  const there = await tx
    .select({ investigation: t.evidence.investigationId, digest: t.evidence.digest, entity: t.evidence.entity })
    .from(t.evidence)
    .where(or(...clusters.map((row) => and(eq(t.evidence.investigationId, row.investigationId), eq(t.evidence.digest, row.digest)))))
    .orderBy(asc(t.evidence.id))
    .for("update");
  const known = new Map(there.map((row) => [`${row.investigation} ${row.digest}`, row.entity]));
  return rows.map((row) => {
    const before = known.get(`${row.investigationId} ${row.digest}`);
    if (before === undefined) return row;
    const entity = learned(before, row.entity);
    return { ...row, entity, grewAt: entity === before ? null : row.createdAt };
  });
}

const bySubject = (a: { channel: string; subject: string }, b: { channel: string; subject: string }) =>
  `${a.channel} ${a.subject}` < `${b.channel} ${b.subject}` ? -1 : 1;

/*
 * Locks are taken in one order everywhere: join keys, incidents, action, investigation, evidence, messages and their channel, the
 * incidents' figures, and the head of the audit chain last. Who needs several takes them in this order, or a deadlock costs a second try.
 */
/** The port over one transaction. What is written last whenever it was asked for, the audit, waits until `work` is done. */
export async function inTransaction<T>(tx: Db, queue: Queue<Db>, work: (tx: Tx) => Promise<T>): Promise<T> {
  const entries: AuditEntry[] = [];
  const figures: FiguresToKeep = { told: new Set(), merged: [] };
  const result = await work(transactionStore(tx, queue, entries, figures));
  await keepFigures(tx, figures);
  await appendAudit(tx, entries);
  return result;
}

export function transactionStore(
  tx: Db,
  queue: Queue<Db>,
  audit: AuditEntry[] = [],
  figures: FiguresToKeep = { told: new Set(), merged: [] },
): Tx {
  const insertMany = async <T extends PgTable>(table: T, rows: readonly T["$inferInsert"][]) => {
    if (rows.length > 0) await tx.execute(insertRows(table, rows));
  };
  return {
    ...reads(() => tx),
    enqueue: (name, data, job) => queue.send(tx, name, data, job),
    enqueueMany: (name, jobs) => queue.sendMany(tx, name, jobs),

    async lockJoinKeys(digests, now) {
      const rows = [...new Set(digests)].sort().map((digest) => ({ digest, seenAt: now, incidents: 1, countedSince: now }));
      if (rows.length === 0) return [];
      const locked = await tx.execute(
        sql`${insertRows(t.joinKeys, rows)} on conflict (digest) do update set seen_at = excluded.seen_at
          returning digest, incidents, counted_since, retired_at, (xmax = 0) as fresh`,
      );
      return rowsIn<{ digest: string; incidents: number; counted_since: unknown; retired_at: unknown; fresh: boolean }>(locked).map(
        (row) => ({
          digest: row.digest,
          incidents: row.incidents,
          countedSince: dateOf(row.counted_since),
          retiredAt: dateOf(row.retired_at),
          fresh: row.fresh,
        }),
      );
    },
    async spans(ranges, lab) {
      if (ranges.length === 0) return [];
      const rows = await tx.execute(sql`
        select k.digest, k.incident_id, k.first_at, k.at
        from jsonb_to_recordset(${JSON.stringify(ranges)}::jsonb) as r(digest text, "from" timestamptz, "to" timestamptz)
        cross join lateral (
          select * from incident_keys where incident_keys.digest = r.digest and at >= r."from" and first_at <= r."to" ${ONE_BY_ONE}
        ) k
        cross join lateral (select status, lab from incidents where incidents.id = k.incident_id ${ONE_BY_ONE}) i
        where i.status = 'open' and i.lab = ${lab}`);
      return rowsIn<{ digest: string; incident_id: number; first_at: unknown; at: unknown }>(rows).map((row) => ({
        key: row.digest,
        incident: row.incident_id,
        first: dateOf(row.first_at)?.getTime() ?? 0,
        last: dateOf(row.at)?.getTime() ?? 0,
      }));
    },
    async keepSpans(rows, gone) {
      const span = (row: (typeof rows)[number]) => ({
        digest: row.key,
        incidentId: row.incident,
        firstAt: new Date(row.first),
        lastAt: new Date(row.last),
      });
      if (gone.length > 0) {
        await tx.execute(sql`
          delete from incident_keys k using jsonb_to_recordset(${JSON.stringify(gone.map(span))}::jsonb)
            as g(digest text, "incidentId" int, "firstAt" timestamptz)
          where k.digest = g.digest and k.incident_id = g."incidentId" and k.first_at = g."firstAt"`);
      }
      // Two spans that begin together are one, in one statement they would be an error.
      const unique = new Map<string, (typeof rows)[number]>();
      for (const row of rows) {
        const key = `${row.key} ${row.incident} ${row.first}`;
        const known = unique.get(key);
        if (!known || known.last < row.last) unique.set(key, row);
      }
      if (unique.size === 0) return;
      await tx.execute(
        sql`${insertRows(t.keySpans, [...unique.values()].map(span))}
          on conflict (digest, incident_id, first_at) do update set at = greatest(incident_keys.at, excluded.at)`,
      );
    },
    async countJoinKeys(rows, now) {
      if (rows.length === 0) return;
      const given = rows.map(({ digest, incidents, countedSince, retired }) => ({ digest, incidents, since: countedSince, retired }));
      await tx.execute(sql`
        update join_keys set incidents = v.incidents, counted_since = v.since,
          retired_at = case when v.retired then coalesce(join_keys.retired_at, ${now.toISOString()}::timestamptz) else null end
        from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as v(digest text, incidents int, since timestamptz, retired boolean)
        where join_keys.digest = v.digest`);
    },
    async moveIncident(from, to) {
      await tx
        .update(t.alerts)
        .set({ incidentId: to, joinedBecause: sql`coalesce(${t.alerts.joinedBecause}, ${`opened INC-${from}, which was merged`})` })
        .where(eq(t.alerts.incidentId, from));
      await tx.update(t.actions).set({ incidentId: to }).where(eq(t.actions.incidentId, from));
      await tx.update(t.investigations).set({ incidentId: to }).where(eq(t.investigations.incidentId, from));
      await tx.update(t.evidence).set({ incidentId: to }).where(eq(t.evidence.incidentId, from));
      await tx.update(t.timeline).set({ incidentId: to }).where(eq(t.timeline.incidentId, from));
      figures.merged.push({ from, to });
      await tx
        .update(t.incidentSnoozes)
        .set({ incidentId: to })
        .where(and(eq(t.incidentSnoozes.incidentId, from), isNotNull(t.incidentSnoozes.endedAt)));
      await tx.execute(sql`
        insert into incident_keys (digest, incident_id, first_at, at)
          select digest, ${to}, first_at, at from incident_keys where incident_id = ${from}
        on conflict (digest, incident_id, first_at) do update set at = greatest(incident_keys.at, excluded.at)`);
      await tx.delete(t.keySpans).where(eq(t.keySpans.incidentId, from));
      // What a person parted from the absorbed incident is parted from the survivor.
      await tx.execute(sql`
        update incidents set apart = apart || to_jsonb(${to}::int)
        where id in (select jsonb_array_elements(apart)::int from incidents where id = ${from})
          and id <> ${to} and not apart @> to_jsonb(${to}::int)`);
      // Told of both incidents in the same words at the same moment: once is enough.
      await tx.execute(sql`
        update pages set incident_id = ${to} where incident_id = ${from} and not exists (
          select 1 from pages p where p.incident_id = ${to} and p.action_id is not distinct from pages.action_id
            and p.step = pages.step and p.target = pages.target and p.due_at = pages.due_at)`);
      // Called for in both for the same reason: the survivor's call goes on.
      await tx.execute(sql`
        update calls set ended_at = now(), next_at = null, ended_because = ${`INC-${from} was merged into INC-${to}`}
        where incident_id = ${from} and ended_at is null and exists (select 1 from calls c
          where c.incident_id = ${to} and c.action_id is not distinct from calls.action_id and c.cause = calls.cause and c.ended_at is null)`);
      await tx.update(t.calls).set({ incidentId: to }).where(eq(t.calls.incidentId, from));
      await tx.execute(sql`
        update owners set incident_id = ${to} where incident_id = ${from} and not exists (select 1 from owners o where o.incident_id = ${to})`);
      // The root card of the absorbed incident stays its own and says where it went; its replies are drawn again as the survivor's.
      const moved = await tx
        .update(t.messages)
        // The console draws at every read: nobody would ever send what is wanted there, and it would count as stale for good.
        .set({ incidentId: to, wanted: sql`${t.messages.wanted} + case when ${t.messages.channel} like 'console:%' then 0 else 1 end` })
        .where(and(eq(t.messages.incidentId, from), isNotNull(t.messages.thread)))
        .returning({ channel: t.messages.channel, stale: sql<boolean>`${t.messages.wanted} > ${t.messages.shown}` });
      const channels = moved.filter(({ stale }) => stale).map(({ channel }) => channel);
      for (const channel of new Set(channels.sort())) await wakeWriter(tx, queue, channel);
    },
    async moveAlerts(alerts, to) {
      if (alerts.length === 0) return;
      await tx
        .update(t.alerts)
        .set({ incidentId: to, joinedBecause: null })
        .where(inArray(t.alerts.id, [...alerts]));
    },
    async dropSpans(incident) {
      await tx.delete(t.keySpans).where(eq(t.keySpans.incidentId, incident));
    },
    async countAlike(alikes, since, most) {
      if (alikes.length === 0) return new Map();
      const rows = await tx.execute(sql`
        select a.alike, (select count(*)::int from (
          select 1 from alerts where alerts.alike = a.alike and alerts.received_at >= ${since.toISOString()}::timestamptz limit ${most + 1}
        ) as few) as count
        from jsonb_to_recordset(${JSON.stringify(alikes.map((alike) => ({ alike })))}::jsonb) as a(alike text)`);
      return new Map(rowsIn<{ alike: string; count: number }>(rows).map((row) => [row.alike, row.count]));
    },
    runningStorm: (alike, since) => runningStorm(tx, alike, since),
    async openStorm(alert, since, now) {
      // Two intakes may see the same storm begin.
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`storm ${alert.alike}`}, 0))`);
      const running = await runningStorm(tx, alert.alike, since);
      if (running !== undefined) return running;
      const { alike, source, category, severity, lab } = alert;
      const [made] = await tx
        .insert(t.storms)
        .values({ alike, source, category, severity, lab, alerts: 0, startedAt: now, lastAt: now })
        .returning({ id: t.storms.id });
      const id = made?.id ?? 0;
      const taken = await tx
        .update(t.alerts)
        .set({ stormId: id })
        .where(and(eq(t.alerts.alike, alike), gte(t.alerts.receivedAt, since), isNull(t.alerts.stormId)))
        .returning({ id: t.alerts.id });
      await tx.update(t.storms).set({ alerts: taken.length }).where(eq(t.storms.id, id));
      return id;
    },
    async countStorm(storm, more, now) {
      await tx
        .update(t.storms)
        .set({ alerts: sql`${t.storms.alerts} + ${more}`, lastAt: now })
        .where(eq(t.storms.id, storm));
    },
    async addSnooze(row) {
      const [made] = await tx.insert(t.snoozes).values(row).returning({ id: t.snoozes.id });
      return made?.id ?? 0;
    },
    async endSnoozes(policy, by, now) {
      const ended = await tx
        .update(t.snoozes)
        .set({ until: now, endedBy: by })
        .where(and(eq(t.snoozes.policy, policy), gt(t.snoozes.until, now)))
        .returning({ id: t.snoozes.id });
      return ended.length;
    },
    async addIncidentSnooze(row) {
      const [made] = await tx.insert(t.incidentSnoozes).values(row).returning({ id: t.incidentSnoozes.id });
      return made?.id ?? 0;
    },
    async changeIncidentSnooze(id, change) {
      await tx.update(t.incidentSnoozes).set(change).where(eq(t.incidentSnoozes.id, id));
    },
    async endIncidentSnooze(id, why, now) {
      const [ended] = await tx
        .update(t.incidentSnoozes)
        .set({ endedAt: now, endedWhy: why })
        .where(and(eq(t.incidentSnoozes.id, id), isNull(t.incidentSnoozes.endedAt)))
        .returning({ incident: t.incidentSnoozes.incidentId });
      if (!ended) return false;
      await tx
        .update(t.pages)
        .set({ tryAt: null, attempts: 0 })
        .where(and(eq(t.pages.incidentId, ended.incident), isNull(t.pages.sentAt), isNull(t.pages.droppedAt), gt(t.pages.tryAt, now)));
      return true;
    },
    async addSwap(row) {
      const [made] = await tx.insert(t.dutySwaps).values(row).returning({ id: t.dutySwaps.id });
      return made?.id ?? 0;
    },
    async endSwap(id, by, now) {
      const ended = await tx
        .update(t.dutySwaps)
        .set({ until: now, endedBy: by })
        .where(and(eq(t.dutySwaps.id, id), gt(t.dutySwaps.until, now)))
        .returning({ id: t.dutySwaps.id });
      return ended.length > 0;
    },
    async nextIds(counts) {
      // One round trip for all of them; a count of zero generates no rows.
      const wanted = Object.entries(counts).filter(([, count]) => count > 0);
      const ids: Record<keyof typeof counts, number[]> = { alerts: [], incidents: [], investigations: [] };
      if (wanted.length === 0) return ids;
      const parts = wanted.map(
        ([table, count]) =>
          sql`select ${table}::text as "table", nextval(${`${table}_id_seq`})::int as id from generate_series(1, ${count}::int)`,
      );
      for (const row of rowsIn<{ table: keyof typeof counts; id: number }>(await tx.execute(sql.join(parts, sql` union all `))))
        ids[row.table].push(row.id);
      for (const list of Object.values(ids)) list.sort((a, b) => a - b);
      return ids;
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
        unique.set(key, known ? { ...known, entity: learned(known.entity, row.entity), said: [...known.said, ...row.said] } : row);
      }
      if (unique.size === 0) return;
      const grown = await withGrown(tx, [...unique.values()]);
      // What a new source says makes the evidence worth looking at again; a repeat without a word does not.
      await tx.execute(sql`
        ${insertRows(t.evidence, grown)}
        on conflict (investigation_id, digest) do update set
          entity = case when excluded.entity->>'kind' = 'mail-cluster' then excluded.entity else ${NEW_NAMES} || evidence.entity end,
          grew_at = coalesce(excluded.grew_at, evidence.grew_at),
          remediation = case when excluded.grew_at is null then evidence.remediation else excluded.remediation end,
          said = case when evidence.said @> excluded.said then evidence.said when jsonb_array_length(evidence.said) < ${SAID_KEPT} then evidence.said else evidence.said - 0 end || excluded.said,
          found_by = coalesce(evidence.found_by, excluded.found_by),
          looked_round = case when jsonb_array_length(excluded.said) > 0 then null else evidence.looked_round end`);
    },
    async carryOver(between) {
      if (between.length === 0) return;
      await tx.execute(sql`
        with pairs as (select * from jsonb_to_recordset(${JSON.stringify(between)}::jsonb) as p("from" int, "to" int)),
        judged as (
          select distinct on (p."to", e.entity_digest) p."to", e.entity_digest, e.override
          from pairs p join evidence e on e.incident_id = p."from"
          where e.override is not null order by p."to", e.entity_digest, e.id desc
        ),
        dealt as (
          select distinct on (f.id) f.id, e.remediation
          from pairs p join evidence e on e.incident_id = p."from" and e.remediation = 'remediated'
          join evidence f on f.incident_id = p."to" and f.digest = e.digest and f.looked_round is null and f.remediation = 'none'
          -- Of a cluster that has more mails now, the rest is still to be dealt with.
          where coalesce(e.entity->'messageIds', f.entity->'messageIds', '[]') @> coalesce(f.entity->'messageIds', '[]')
          order by f.id, e.id desc
        ),
        fresh as (
          select e.id, j.override, d.remediation
          from pairs p join evidence e on e.incident_id = p."to"
          left join judged j on j."to" = p."to" and j.entity_digest = e.entity_digest and e.override is null
          left join dealt d on d.id = e.id
          where e.looked_round is null and (j.override is not null or d.remediation is not null)
        )
        update evidence set
          override = coalesce(fresh.override, evidence.override),
          verdict = coalesce(fresh.override->>'verdict', evidence.verdict),
          remediation = coalesce(fresh.remediation, evidence.remediation)
        from fresh where evidence.id = fresh.id`);
    },
    async updateEvidence(rows) {
      if (rows.length === 0) return;
      await tx.execute(sql`
        update evidence set verdict = v.verdict, judgement = v.judgement,
          remediation = case when ${GREW_SINCE} then evidence.remediation else v.remediation end,
          looked_round = case when ${GREW_SINCE} then null else v.looked_round end
        from jsonb_to_recordset(${JSON.stringify(rows.map(({ entity, ...row }) => ({ ...row, looked_round: row.lookedRound, cluster: entity?.kind === "mail-cluster" ? entity : null })))}::jsonb)
          as v(id int, verdict text, judgement jsonb, remediation text, looked_round int, cluster jsonb)
        where evidence.id = v.id and evidence.id = ${anyOf(rows.map(({ id }) => id))}`);
    },

    async overrideEvidence(id, override) {
      await tx
        .update(t.evidence)
        .set({ override, lookedRound: null, ...(override ? { verdict: override.verdict } : {}) })
        .where(eq(t.evidence.id, id));
    },
    async lookAgain(evidence) {
      if (evidence.length > 0)
        await tx
          .update(t.evidence)
          .set({ lookedRound: null })
          .where(inArray(t.evidence.id, [...evidence]));
    },
    async markRemediated(id, remediation, as) {
      const still = as && sql`${t.evidence.entity} = ${JSON.stringify(as)}::jsonb`;
      await tx
        .update(t.evidence)
        .set({ remediation })
        .where(and(eq(t.evidence.id, id), still));
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
      if (!mayMove(from, change.state)) throw new Error(`An action does not move from ${from} to ${change.state}.`);
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
    async dropApproval({ actionId, version, person }) {
      const { approvals } = t;
      await tx.delete(approvals).where(and(eq(approvals.actionId, actionId), eq(approvals.version, version), eq(approvals.person, person)));
    },
    async onTarget({ targetDigest, lab }) {
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${targetDigest}, 0))`);
      return tx
        .select()
        .from(t.actions)
        .where(
          and(
            eq(t.actions.targetDigest, targetDigest),
            eq(t.actions.lab, lab),
            inArray(t.actions.state, ["pending", "approved", "executing", "succeeded", "byHand", "undoing", "undone"]),
          ),
        )
        .orderBy(asc(t.actions.id));
    },
    async aheadOf({ id, targetDigest, lab, decidedAt, proposedAt }) {
      // The digest is locked first, so that two actions on one target cannot both find nobody ahead.
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${targetDigest}, 0))`);
      const decided = (decidedAt ?? proposedAt).toISOString();
      const [row] = await tx
        .select({ id: t.actions.id })
        .from(t.actions)
        .where(
          and(
            eq(t.actions.targetDigest, targetDigest),
            ne(t.actions.id, id),
            or(
              eq(t.actions.state, "executing"),
              and(
                eq(t.actions.state, "approved"),
                eq(t.actions.lab, lab),
                sql`(coalesce(${t.actions.decidedAt}, ${t.actions.proposedAt}), ${t.actions.id}) < (${decided}::timestamptz, ${id}::int)`,
              ),
            ),
          ),
        )
        .limit(1);
      return row?.id;
    },

    async addTimeline(rows) {
      await insertMany(t.timeline, rows);
      for (const row of rows) if (FIGURE_EVENTS.has(row.event)) figures.told.add(row.incidentId);
    },
    async writeAudit(entries) {
      audit.push(...entries);
    },

    async wantMessages(rows, now) {
      const unique = [...new Map(rows.map((row) => [`${row.channel} ${row.subject}`, row])).values()].sort(bySubject);
      if (unique.length === 0) return;
      await tx.execute(sql`
        ${insertRows(
          t.messages,
          unique.map((row) => ({ ...row, wanted: 1, shown: 0, createdAt: now })),
        )}
        on conflict (channel, subject) do update set
          wanted = messages.wanted + 1, priority = least(messages.priority, excluded.priority), retry_at = null`);
      const channels = [...new Set(unique.map((row) => row.channel))].sort();
      for (const channel of channels) await wakeWriter(tx, queue, channel);
    },
    async redrawStorms(since) {
      const stale = await tx
        .update(t.messages)
        .set({ wanted: sql`${t.messages.wanted} + 1`, retryAt: null })
        .where(
          and(
            isNull(t.messages.thread),
            eq(t.messages.wanted, t.messages.shown),
            inArray(
              t.messages.subject,
              tx
                .select({ subject: sql`'storm:' || ${t.storms.id}` })
                .from(t.storms)
                .where(gte(t.storms.lastAt, since)),
            ),
          ),
        )
        .returning({ channel: t.messages.channel });
      for (const channel of [...new Set(stale.map((row) => row.channel))].sort()) await wakeWriter(tx, queue, channel);
    },
    async showMessages(rows, now) {
      // Sorted, so that two transactions never wait for each other's rows.
      const unique = [...new Map(rows.map((row) => [`${row.channel} ${row.subject}`, row])).values()].sort(bySubject);
      if (unique.length === 0) return;
      const shown = unique.map((row) => ({ ...row, wanted: 1, shown: 1, createdAt: now }));
      await tx.execute(sql`${insertRows(t.messages, shown)} on conflict (channel, subject) do nothing`);
    },
    knownMessages: (incidents) =>
      incidents.length === 0
        ? Promise.resolve([])
        : tx
            .select()
            .from(t.messages)
            .where(inArray(t.messages.incidentId, [...new Set(incidents)]))
            .orderBy(desc(t.messages.id)),
    async wantedSubjects(channel, subjects) {
      const rows = await tx
        .select({ subject: t.messages.subject })
        .from(t.messages)
        .where(and(eq(t.messages.channel, channel), inArray(t.messages.subject, [...subjects])));
      return new Set(rows.map((row) => row.subject));
    },
    async lockChannel(channel) {
      await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`channel ${channel}`}, 0))`);
    },
    async updateChannel(channel, change) {
      await tx
        .insert(t.channels)
        .values({ channel, ...change })
        .onConflictDoUpdate({ target: t.channels.channel, set: change });
    },
    async standIn(channel, instead, urgent, now) {
      const severities = JSON.stringify(urgent.severities);
      const added = await tx.execute(sql`
        with waiting as (
          select m.* from messages m left join incidents i on i.id = m.incident_id
          where m.channel = ${channel} and m.wanted > m.shown and (m.priority <= ${urgent.upTo}
            or (m.thread is null and m.subject ~ '^(incident|storm):' and i.severity in (select jsonb_array_elements_text(${severities}::jsonb)))))
        insert into messages (channel, subject, incident_id, thread, wanted, shown, priority, created_at, instead_of)
        select ${instead}, m.subject, m.incident_id, m.thread, 1, 0, m.priority, ${now.toISOString()}::timestamptz, coalesce(m.instead_of, m.channel)
        from messages m
        where m.channel = ${channel}
          and (m.id in (select id from waiting) or m.subject in (select thread from waiting where thread is not null))
        order by m.subject
        on conflict (channel, subject) do nothing returning id`);
      await tx
        .update(t.messages)
        .set({ shown: sql`${t.messages.wanted}`, postingSince: null })
        .where(and(eq(t.messages.channel, channel), isNull(t.messages.ref), sql`${t.messages.subject} like 'page:%'`));
      const count = rowsIn(added).length;
      if (count > 0) await wakeWriter(tx, queue, instead);
      return count;
    },
    async redrawInstead(channel) {
      const stale = await tx
        .update(t.messages)
        .set({ wanted: sql`${t.messages.wanted} + 1`, retryAt: null })
        .where(eq(t.messages.insteadOf, channel))
        .returning({ channel: t.messages.channel });
      for (const other of [...new Set(stale.map((row) => row.channel))].sort()) await wakeWriter(tx, queue, other);
    },
    async drawAgain(channel, subject) {
      await tx
        .update(t.messages)
        .set({ shown: 0, shownDigest: null, retryAt: null })
        .where(and(eq(t.messages.channel, channel), eq(t.messages.subject, subject)));
    },
    async postAnew(channel, root) {
      await tx
        .update(t.messages)
        .set({ shown: 0, ref: null, shownDigest: null, postingSince: null, retryAt: null })
        .where(and(eq(t.messages.channel, channel), or(eq(t.messages.subject, root), eq(t.messages.thread, root))));
    },
    async markPosting(ids, now) {
      if (ids.length > 0)
        await tx
          .update(t.messages)
          .set({ postingSince: now })
          .where(inArray(t.messages.id, [...ids]));
    },
    async noteDelivery(rows) {
      if (rows.length === 0) return;
      await tx.execute(sql`
        update messages set
          shown = greatest(messages.shown, v.shown), ref = v.ref, shown_digest = v.shown_digest, posting_since = v.posting_since,
          retry_at = v.retry_at, trouble = v.trouble
        from jsonb_to_recordset(${JSON.stringify(rows.map(toColumns))}::jsonb)
          as v(id int, shown int, ref jsonb, shown_digest text, posting_since timestamptz, retry_at timestamptz, trouble text)
        where messages.id = v.id and messages.id = ${anyOf(rows.map(({ id }) => id))}`);
    },
    async addPages(rows) {
      if (rows.length === 0) return 0;
      // The unique constraint is what keeps two workers from telling somebody twice; the minute is for causes that repeat.
      const added = await tx.execute(sql`
        insert into pages (incident_id, action_id, step, target, text, by, created_at, due_at, call_id, stage)
        select v.* from jsonb_to_recordset(${JSON.stringify(rows.map(pageColumns))}::jsonb)
          as v(incident_id int, action_id int, step text, target text, text text, by text, created_at timestamptz, due_at timestamptz,
            call_id int, stage int)
        where not exists (
          select 1 from pages p
          where p.incident_id = v.incident_id and p.action_id is not distinct from v.action_id and p.step = v.step and p.target = v.target
            and p.due_at > v.due_at - interval '1 minute' and p.due_at <= v.due_at)
        on conflict do nothing returning id`);
      return rowsIn(added).length;
    },
    lockPages: (ids) =>
      ids.length === 0
        ? Promise.resolve([])
        : tx
            .select()
            .from(t.pages)
            .where(inArray(t.pages.id, [...new Set(ids)]))
            .orderBy(asc(t.pages.id))
            .for("update"),
    async updatePage(id, change) {
      await tx.update(t.pages).set(change).where(eq(t.pages.id, id));
    },
    async openCalls(rows) {
      const opened: CallRow[] = [];
      for (const row of rows) {
        const isIt = and(
          eq(t.calls.incidentId, row.incidentId),
          row.actionId === null ? isNull(t.calls.actionId) : eq(t.calls.actionId, row.actionId),
          eq(t.calls.cause, row.cause),
          isNull(t.calls.endedAt),
        );
        await tx
          .insert(t.calls)
          .values({ ...row, since: row.openedAt })
          .onConflictDoNothing();
        const [there] = await tx.select().from(t.calls).where(isIt).for("update");
        // What asks again where somebody had it already, or everybody was told, is another round.
        const again = there !== undefined && (there.ackedAt !== null || there.nextAt === null);
        const round = { since: row.openedAt, away: row.away, pushedAt: null, nextAt: row.nextAt, ackedBy: null, ackedAt: null };
        const [call] = await tx
          .update(t.calls)
          .set({ text: row.text, by: row.by, ...(again ? round : {}) })
          .where(isIt)
          .returning();
        if (call) opened.push(call);
      }
      return opened;
    },
    async openCallsOnce(rows, now) {
      const opened: NewCall[] = [];
      for (const row of rows) {
        const added = await tx.execute(sql`
          insert into calls (incident_id, action_id, cause, text, by, opened_at, since, away, next_at)
          select ${row.incidentId}::int, ${row.actionId}::int, ${row.cause}::text, ${row.text}::text, ${row.by}::text,
            ${row.openedAt.toISOString()}::timestamptz, ${row.openedAt.toISOString()}::timestamptz, ${JSON.stringify(row.away)}::jsonb,
            ${row.nextAt?.toISOString() ?? null}::timestamptz
          where not exists (select 1 from calls c
            where c.incident_id = ${row.incidentId}::int and c.action_id is not distinct from ${row.actionId}::int and c.cause = ${row.cause}::text)
          on conflict do nothing returning id`);
        if (rowsIn(added).length > 0) opened.push(row);
      }
      if (opened.length > 0) await queue.send(tx, "send-pages", { due: now.toISOString() }, { key: "send-pages" });
      return opened;
    },
    async lockCall(id) {
      const [row] = await tx.select().from(t.calls).where(eq(t.calls.id, id)).for("update");
      return row;
    },
    async updateCall(id, change) {
      await tx.update(t.calls).set(change).where(eq(t.calls.id, id));
    },
    async wakeCall(id, now) {
      await tx
        .update(t.calls)
        .set({ nextAt: now })
        .where(and(eq(t.calls.id, id), isNotNull(t.calls.nextAt)));
    },
    async putOwner(row) {
      await tx.insert(t.owners).values(row).onConflictDoUpdate({ target: t.owners.incidentId, set: row });
    },
    async dropOwner(incident) {
      await tx.delete(t.owners).where(eq(t.owners.incidentId, incident));
    },
    async dropCallPages({ call, target }, why, now) {
      await tx
        .update(t.pages)
        .set({ droppedAt: now, trouble: why })
        .where(
          and(
            eq(t.pages.callId, call),
            ...(target === undefined ? [] : [eq(t.pages.target, target)]),
            isNull(t.pages.sentAt),
            isNull(t.pages.droppedAt),
          ),
        );
    },
    async dropPages({ incident, steps }, why, now) {
      const dropped = await tx
        .update(t.pages)
        .set({ droppedAt: now, trouble: why })
        .where(and(eq(t.pages.incidentId, incident), inArray(t.pages.step, [...steps]), isNull(t.pages.sentAt), isNull(t.pages.droppedAt)))
        .returning({ id: t.pages.id });
      return dropped.length;
    },
    async putVendorIncidents(rows) {
      for (const row of rows)
        await tx
          .insert(t.vendorIncidents)
          .values(row)
          .onConflictDoUpdate({ target: [t.vendorIncidents.source, t.vendorIncidents.vendorId], set: row });
    },
    async putWriteBacks(rows) {
      for (const row of rows)
        await tx
          .insert(t.writeBacks)
          .values(row)
          .onConflictDoUpdate({ target: [t.writeBacks.source, t.writeBacks.kind, t.writeBacks.vendorId], set: row });
    },
    addTick: (row) => addTick(tx, row),
    emptyAlerts: (before, now) => emptyAlerts(tx, before, now),
    emptyAnswers: (before, now) => emptyAnswers(tx, before, now),
    deleteIncidents: (before) => deleteIncidents(tx, before),
    deleteRest: (before, now) => deleteRest(tx, before, now),
    cutAudit: (before) => cutAudit(tx, before),
    eraseRows: (place, known, after, dry) => eraseRows(tx, place, known, after, dry),
    dropLinksOf: (ids) => dropLinksOf(tx, ids),
    auditNaming: (known, after) => auditNaming(tx, known, after),
    rewriteAudit: (lines) => rewriteAudit(tx, lines),
    explainTick: (schedule, dueAt, why) => explainTick(tx, schedule, dueAt, why),
    async putSetting(key, value) {
      await tx.insert(t.settings).values({ key, value }).onConflictDoUpdate({ target: t.settings.key, set: { value } });
    },
    async lockSetting(key, how) {
      const lock = sql.raw(how === "alone" ? "pg_advisory_xact_lock" : "pg_advisory_xact_lock_shared");
      await tx.execute(sql`select ${lock}(hashtextextended(${`setting ${key}`}, 0))`);
    },
    async notifyChange() {
      await tx.execute(sql`select pg_notify(${CHANGE_CHANNEL}, '')`);
    },
  };
}

/**
 * Wakes a channel's writer without making all who write wait for each other, which one row or one job key would.
 *
 * Whoever wants something holds the channel's lock shared until its commit; the writer takes it alone before it looks for the last time
 * and goes (lockChannel). So a writer job that is seen here, waiting or running, will see what this transaction wrote; only where none
 * is seen, one is sent.
 */
async function runningStorm(tx: Db, alike: string, since: Date): Promise<number | undefined> {
  const [storm] = await tx
    .select({ id: t.storms.id })
    .from(t.storms)
    .where(and(eq(t.storms.alike, alike), gte(t.storms.lastAt, since)))
    .orderBy(desc(t.storms.id))
    .limit(1);
  return storm?.id;
}

async function wakeWriter(tx: Db, queue: Queue<Db>, channel: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock_shared(hashtextextended(${`channel ${channel}`}, 0))`);
  const there = await tx.execute(
    sql`select 1 as there from pgboss.job where name = 'publish' and singleton_key = ${channel} and (state = 'active' or (state = 'created' and start_after <= now())) limit 1`,
  );
  if (rowsIn(there).length === 0) await queue.sendMany(tx, "publish", [{ data: { channel }, key: channel }]);
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
