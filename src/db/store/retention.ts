import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { sql } from "drizzle-orm";
import { OPEN_STATES } from "../../engine/domain/action.ts";
import { ENDED, INVESTIGATION_STATUSES } from "../../engine/domain/investigation.ts";
import type { Removed } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import { rowsIn } from "./rows-in.ts";

/*
 * What is older than it is kept for. Each function is one batch of one transaction, bounded by rows, and takes only rows nobody else holds:
 * it waits for nobody, and nobody on the way of an alert waits for it.
 */

const time = (at: Date) => sql`${at.toISOString()}::timestamptz`;
const list = (values: readonly string[]) =>
  sql.join(
    values.map((value) => sql`${value}`),
    sql`, `,
  );

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Whole payloads are large: few are held at once. */
const PAYLOADS = 50;
const ANSWERS = 1_000;

/** Empties what a source sent; what air understood of it stays. Answers how many. */
export async function emptyAlerts(db: Db, before: Date, now: Date): Promise<number> {
  const old = rowsIn<{ id: number; raw: unknown }>(
    await db.execute(sql`
      select id, raw from alerts where raw is not null and received_at < ${time(before)}
      order by received_at, id limit ${PAYLOADS} for update skip locked`),
  );
  if (old.length === 0) return 0;
  const sums = old.map(({ id, raw }) => ({ id, sum: sha256(canonicalize(typeof raw === "string" ? parsed(raw) : raw) ?? "") }));
  await db.execute(sql`
    update alerts set raw = null, raw_sha256 = v.sum, raw_removed_at = ${time(now)}
    from jsonb_to_recordset(${JSON.stringify(sums)}::text::jsonb) as v(id int, sum text) where alerts.id = v.id`);
  return old.length;
}
/** A driver hands over jsonb read or as text. */
const parsed = (raw: string): unknown => {
  try {
    return JSON.parse(raw);
  } catch {
    return raw;
  }
};

/** Empties what products answered; its SHA-256 was written with it. Whose a device is stays: those people decide nothing about it. */
export async function emptyAnswers(db: Db, before: Date, now: Date): Promise<number> {
  const done = rowsIn(
    await db.execute(sql`
      update observations set
        raw = case when analyzer = 'device-facts' and jsonb_typeof(raw) = 'object' and raw->>'owner' is not null
          then jsonb_build_object('owner', raw->'owner') end,
        raw_removed_at = ${time(now)}
      where id in (select id from observations where raw is not null and raw_removed_at is null and created_at < ${time(before)}
        order by created_at, id limit ${ANSWERS} for update skip locked)
      returning id`),
  );
  return done.length;
}

/** Something in it still waits, runs, ends by itself, or is to be looked at; or keeps something elsewhere. */
const STILL = sql`
  exists (select 1 from actions a where a.incident_id = i.id and (
    a.state in (${list(OPEN_STATES)})
    or (a.state = 'succeeded' and a.undoable and a.undo_after_ms is not null)
    or (a.break_glass is not null and a.break_glass->'reviewed' is null)
    or (a.state in ('succeeded', 'byHand') and exists (select 1 from actions b
      where b.target_digest = a.target_digest and b.lab = a.lab and b.incident_id <> a.incident_id
        and (b.state in (${list(OPEN_STATES)}) or (b.state = 'succeeded' and b.undoable and b.undo_after_ms is not null))))))
  or exists (select 1 from investigations v where v.incident_id = i.id
    and v.status in (${list(INVESTIGATION_STATUSES.filter((status) => !ENDED.has(status)))}))
  or exists (select 1 from write_backs w where w.incident_id = i.id and w.state = 'waiting')`;

/** Of a storm thousands of alerts may be one incident. */
const INCIDENTS = 20;
const ALERTS = 2_000;

/** Tables of an incident, those that hang on others first. */
const OF_INCIDENT = [
  "evidence",
  "actions",
  "timeline",
  "pages",
  "write_backs",
  "incident_keys",
  "incident_snoozes",
  "incident_figures",
  "calls",
  "owners",
  "alerts",
  "investigations",
] as const;

/** Deletes incidents that were closed before then with everything that belongs to them, and what was merged into them. */
export async function deleteIncidents(db: Db, before: Date): Promise<Removed> {
  const none: Removed = { incidents: 0, alerts: 0, actions: 0 };
  const old = rowsIn<{ id: number; alert_count: number }>(
    await db.execute(sql`
      select i.id, i.alert_count from incidents i where i.status = 'closed' and i.closed_at < ${time(before)} and not (${STILL})
      order by i.closed_at, i.id limit ${INCIDENTS} for update of i skip locked`),
  );
  const some: number[] = [];
  let alerts = 0;
  for (const { id, alert_count } of old) {
    if (some.length > 0 && alerts + alert_count > ALERTS) break;
    some.push(id);
    alerts += alert_count;
  }
  if (some.length === 0) return none;
  const ids = sql`(select value::int from jsonb_array_elements_text(${JSON.stringify(some)}::text::jsonb))`;
  // Whoever takes something back holds its action: either that is seen here, or it finds nothing to take back any more.
  await db.execute(sql`select id from actions where incident_id in ${ids} order by id for update`);
  const still = rowsIn<{ id: number }>(await db.execute(sql`select i.id from incidents i where i.id in ${ids} and (${STILL})`));
  const busy = new Set(still.map(({ id }) => id));
  const gone = some.filter((id) => !busy.has(id));
  if (gone.length === 0) return none;
  const merged = rowsIn<{ id: number }>(
    await db.execute(sql`
      with recursive absorbed as (
        select id from incidents where redirect_to in (select value::int from jsonb_array_elements_text(${JSON.stringify(gone)}::text::jsonb))
        union select r.id from incidents r join absorbed a on r.redirect_to = a.id)
      select id from absorbed`),
  );
  const all = sql`(select value::int from jsonb_array_elements_text(${JSON.stringify([...gone, ...merged.map(({ id }) => id)])}::text::jsonb))`;
  await db.execute(sql`delete from approvals where action_id in (select id from actions where incident_id in ${all})`);
  await db.execute(sql`delete from observations where investigation_id in (select id from investigations where incident_id in ${all})`);
  const counts: Record<string, number> = {};
  for (const table of OF_INCIDENT)
    counts[table] = rowsIn(
      await db.execute(sql`delete from ${sql.identifier(table)} where incident_id in ${all} returning incident_id`),
    ).length;
  // A storm's card stands for all its incidents, and goes with the storm.
  await db.execute(sql`delete from messages where incident_id in ${all} and subject !~ '^storm:'`);
  await db.execute(sql`delete from incidents where id in ${all}`);
  return { incidents: gone.length, alerts: counts.alerts ?? 0, actions: counts.actions ?? 0 };
}

const ROWS = 2_000;
const DAY = sql`interval '1 day'`;

/** Deletes rows that belong to no incident: what was told of air itself, swaps and snoozes, and what is kept only for a while. */
export async function deleteRest(db: Db, before: Date, now: Date): Promise<number> {
  const old = time(before);
  const present = time(now);
  const which = [
    ["lookups", sql`good_until < ${present} - ${DAY}`],
    ["taken_requests", sql`until < ${present}`],
    ["login_links", sql`expires_at < ${present} - ${DAY}`],
    ["ticks", sql`due_at < ${old} and due_at < (select max(other.due_at) from ticks other where other.schedule = ticks.schedule)`],
    ["pages", sql`incident_id = 0 and due_at < ${old}`],
    ["calls", sql`incident_id = 0 and ended_at < ${old}`],
    ["messages", sql`incident_id = 0 and created_at < ${old}`],
    ["snoozes", sql`until < ${old}`],
    ["duty_swaps", sql`until < ${old}`],
    ["storms", sql`last_at < ${old} and not exists (select 1 from alerts a where a.storm_id = storms.id)`],
    [
      "messages",
      sql`subject ~ '^storm:' and created_at < ${old}
      and not exists (select 1 from storms s where s.id = substring(messages.subject from '^storm:([0-9]+)')::int)`,
    ],
    ["join_keys", sql`seen_at < ${old} and not exists (select 1 from incident_keys k where k.digest = join_keys.digest)`],
    [
      "vendor_incidents",
      sql`updated_at < ${old} and not closing
      and not exists (select 1 from alerts a where a.source = vendor_incidents.source and a.vendor_incident = vendor_incidents.vendor_id)`,
    ],
  ] as const;
  let deleted = 0;
  for (const [table, where] of which) {
    const name = sql.identifier(table);
    const result = await db.execute(
      sql`delete from ${name} where ctid in (select ctid from ${name} where ${where} limit ${ROWS} for update skip locked) returning 1`,
    );
    deleted += rowsIn(result).length;
  }
  return deleted;
}

const LINES = 1_000;

/**
 * Cuts lines from the start of the audit that were written before then, never the last one. Answers the last line cut, which whoever calls
 * this writes into the chain in the same transaction: an export that begins behind it is only good with that line in it.
 */
export async function cutAudit(db: Db, before: Date): Promise<{ through: number; hash: string; lines: number } | undefined> {
  const lines = rowsIn<{ seq: number | string; line: string; hash: string }>(
    await db.execute(sql`select seq, line, hash from audit order by seq limit ${LINES + 1}`),
  );
  const young = lines.findIndex(({ line }) => !(atOf(line) < before.getTime()));
  // The last of them stays: there is always a line to go on from.
  const count = Math.min(young === -1 ? lines.length : young, lines.length - 1, LINES);
  const last = lines[count - 1];
  if (count < 1 || !last) return undefined;
  await db.execute(sql`delete from audit where seq <= ${Number(last.seq)}`);
  return { through: Number(last.seq), hash: last.hash, lines: count };
}

/** A line nobody can read is as young as can be: it is kept. */
function atOf(line: string): number {
  try {
    return Date.parse((JSON.parse(line) as { at?: string }).at ?? "");
  } catch {
    return Number.NaN;
  }
}
