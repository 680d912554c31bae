import {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  ilike,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { OPEN_STATES, sameProposal } from "../../engine/domain/action.ts";
import { deviceName } from "../../engine/domain/entity.ts";
import type { Past } from "../../engine/ports.ts";
import type { ActionFilter, ActionRow, AlertSummary, IncidentView, Page, Reads } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";

/** Lists and cards leave out what may be large: what the source sent, whole. */
const { raw: _raw, description: _description, ...alertSummary } = getTableColumns(t.alerts);

/** A reply can only be posted once its root is. */
const root = alias(t.messages, "root");
const deliverable = (channel: string) =>
  and(eq(t.messages.channel, channel), gt(t.messages.wanted, t.messages.shown), or(isNull(t.messages.thread), isNotNull(root.ref)));

/** Alerts one round of an investigation takes in; what older ones named is evidence already. */
const ALERTS_READ = 1000;
/** Alerts of one incident a card may need; the incident's row counts them all. */
const ALERTS_SHOWN = 100;
/** Lines of the timeline a card may need. */
const TIMELINE_SHOWN = 60;

/** The named reads, over the database or over a transaction alike. */
export function reads(db: () => Db): Reads {
  const prepared = preparedReads(db);
  const one = async <T>(query: Promise<T[]>) => (await query)[0];
  const page = <Row extends { id: number }>(rows: Row[], limit: number): Page<Row> => {
    const items = rows.slice(0, limit);
    return { items, next: rows.length > limit ? String(items.at(-1)?.id) : null };
  };
  const views = (ids: readonly number[]) => readViews(db(), ids);
  return {
    alert: (id) => one(db().select().from(t.alerts).where(eq(t.alerts.id, id))),
    incident: (id) => one(prepared().incident.execute({ id })),
    investigation: (id) => one(prepared().investigation.execute({ id })),
    action: (id) => one(db().select().from(t.actions).where(eq(t.actions.id, id))),
    evidence: (id) => one(db().select().from(t.evidence).where(eq(t.evidence.id, id))),
    evidenceOf: (id) => prepared().evidence.execute({ id }),
    observationsOf: (id) => prepared().observations.execute({ id }),
    actionsOf: (id) => db().select().from(t.actions).where(eq(t.actions.investigationId, id)).orderBy(asc(t.actions.id)),
    alertsOf: async (id, limit = ALERTS_READ) => (await prepared().alerts.execute({ id, limit })).reverse(),
    incidentViews: views,
    async listIncidents(filter) {
      const where = [
        filter.status && inArray(t.incidents.status, [...filter.status]),
        filter.severity && inArray(t.incidents.severity, [...filter.severity]),
        filter.after === undefined ? undefined : lt(t.incidents.id, filter.after),
      ];
      const rows = await db()
        .select()
        .from(t.incidents)
        .where(and(...where))
        .orderBy(desc(t.incidents.id))
        .limit(filter.limit + 1);
      return page(rows, filter.limit);
    },
    async listInvestigations(filter) {
      const where = [
        filter.status && inArray(t.investigations.status, [...filter.status]),
        filter.incidentId === undefined ? undefined : eq(t.investigations.incidentId, filter.incidentId),
        filter.after === undefined ? undefined : lt(t.investigations.id, filter.after),
      ];
      const rows = await db()
        .select()
        .from(t.investigations)
        .where(and(...where))
        .orderBy(desc(t.investigations.id))
        .limit(filter.limit + 1);
      return page(rows, filter.limit);
    },
    listActions: (filter) => readActions(db(), filter),
    async proposedIn(incident) {
      const rows = await db()
        .select({ kind: t.actions.kind, targetDigest: t.actions.targetDigest, undoes: t.actions.undoes })
        .from(t.actions)
        .where(
          and(
            eq(t.actions.incidentId, incident),
            or(
              and(isNull(t.actions.undoes), ne(t.actions.state, "cancelled")),
              and(isNotNull(t.actions.undoes), inArray(t.actions.state, ["observed", ...OPEN_STATES])),
            ),
          ),
        );
      return new Set(rows.map(sameProposal));
    },
    approvalsOf: (id) => db().select().from(t.approvals).where(eq(t.approvals.actionId, id)).orderBy(asc(t.approvals.at)),
    async setting<T>(key: string) {
      const row = await one(db().select().from(t.settings).where(eq(t.settings.key, key)));
      return row?.value as T | undefined;
    },
    async automaticSince(kind, hour, day) {
      const automatic = sql`${t.actions.decision}->>'decision' = 'automatic'`;
      const count = (where: SQL | undefined) => db().$count(t.actions, where);
      return {
        kindLastHour: await count(and(eq(t.actions.kind, kind), automatic, gte(t.actions.decidedAt, hour))),
        lastDay: await count(and(automatic, gte(t.actions.decidedAt, day))),
      };
    },
    lapsedActions: (now, limit) =>
      db()
        .select()
        .from(t.actions)
        .where(and(inArray(t.actions.state, ["pending", "approved"]), lte(t.actions.expiresAt, now)))
        .orderBy(asc(t.actions.id))
        .limit(limit),
    async uncheckedActions(before, limit) {
      const rows = await db()
        .select({ id: t.actions.id })
        .from(t.actions)
        .where(
          and(eq(t.actions.state, "pending"), lte(sql`coalesce(${t.actions.checkedAt}, ${t.actions.proposedAt})`, before.toISOString())),
        )
        .orderBy(asc(t.actions.id))
        .limit(limit);
      return rows.map((row) => row.id);
    },
    async deviceOwners(incident) {
      const rows = await db()
        .selectDistinct({ owner: sql<string | null>`${t.observations.raw}->>'owner'` })
        .from(t.observations)
        .innerJoin(t.investigations, eq(t.investigations.id, t.observations.investigationId))
        .where(and(eq(t.investigations.incidentId, incident), eq(t.observations.analyzer, "device-facts")));
      return rows.flatMap(({ owner }) => (owner ? [owner] : []));
    },
    redrawnBy: (now, limit) =>
      db()
        .select()
        .from(t.actions)
        .where(and(isNotNull(t.actions.redrawAt), lte(t.actions.redrawAt, now)))
        .orderBy(asc(t.actions.id))
        .limit(limit),
    timedActions: (by, limit) =>
      db()
        .select()
        .from(t.actions)
        .where(
          and(
            eq(t.actions.state, "succeeded"),
            isNotNull(t.actions.undoAfterMs),
            sql`${t.actions.endedAt} + ${t.actions.undoAfterMs} * interval '1 millisecond' <= ${by.toISOString()}::timestamptz`,
          ),
        )
        .orderBy(asc(t.actions.id))
        .limit(limit),
    badEvidenceSince: (incident, since) =>
      db()
        .select()
        .from(t.evidence)
        .where(and(eq(t.evidence.incidentId, incident), eq(t.evidence.verdict, "malicious"), gt(t.evidence.createdAt, since)))
        .orderBy(desc(t.evidence.id))
        .limit(5),
    queued: (before) =>
      db().$count(
        t.investigations,
        and(eq(t.investigations.status, "queued"), before === undefined ? undefined : lt(t.investigations.id, before)),
      ),
    async stale(before) {
      const investigations = await db()
        .select({ id: t.investigations.id })
        .from(t.investigations)
        .where(and(inArray(t.investigations.status, ["queued", "running"]), gt(t.investigations.wanted, t.investigations.round)))
        .orderBy(asc(t.investigations.id))
        .limit(500);
      const channels = await db()
        .selectDistinct({ channel: t.messages.channel })
        .from(t.messages)
        .where(and(gt(t.messages.wanted, t.messages.shown), or(isNull(t.messages.retryAt), lte(t.messages.retryAt, before))));
      const actions = await db()
        .select({ id: t.actions.id })
        .from(t.actions)
        .where(
          inArray(
            t.actions.state,
            OPEN_STATES.filter((state) => state !== "pending"),
          ),
        )
        .orderBy(asc(t.actions.id))
        .limit(500);
      return {
        investigations: investigations.map((row) => row.id),
        channels: channels.map((row) => row.channel),
        actions: actions.map((row) => row.id),
      };
    },
    async staleMessages(channel, now, limit) {
      const rows = await db()
        .select({ message: t.messages, root: root.ref })
        .from(t.messages)
        .leftJoin(root, and(eq(root.channel, t.messages.channel), eq(root.subject, t.messages.thread)))
        .where(and(deliverable(channel), or(isNull(t.messages.retryAt), lte(t.messages.retryAt, now))))
        .orderBy(asc(t.messages.priority), asc(t.messages.id))
        .limit(limit);
      return rows.map((row) => ({ ...row.message, root: row.root }));
    },
    rootMessages: (channel, limit) =>
      db()
        .select()
        .from(t.messages)
        .where(and(eq(t.messages.channel, channel), isNull(t.messages.thread)))
        .orderBy(desc(t.messages.id))
        .limit(limit),
    async nextStaleAt(channel) {
      const row = await one(
        db()
          .select({ at: t.messages.retryAt })
          .from(t.messages)
          .leftJoin(root, and(eq(root.channel, t.messages.channel), eq(root.subject, t.messages.thread)))
          .where(deliverable(channel))
          .orderBy(sql`${t.messages.retryAt} asc nulls first`)
          .limit(1),
      );
      return row ? (row.at ?? new Date(0)) : undefined;
    },
    channel: (channel) =>
      one(db().select({ nextAt: t.channels.nextAt, trouble: t.channels.trouble }).from(t.channels).where(eq(t.channels.channel, channel))),
    auditLines: (after, limit) =>
      db()
        .select({ seq: t.audit.seq, line: t.audit.line, hash: t.audit.hash })
        .from(t.audit)
        .where(gt(t.audit.seq, after))
        .orderBy(asc(t.audit.seq))
        .limit(limit),
    async auditHead() {
      const row = await one(db().select().from(t.auditHead).where(eq(t.auditHead.id, 1)));
      return { count: row?.count ?? 0, hash: row?.hash ?? "" };
    },
    activeSnoozes: (now) => db().select().from(t.snoozes).where(gt(t.snoozes.until, now)).orderBy(asc(t.snoozes.id)),
    storms: (ids) =>
      ids.length === 0
        ? Promise.resolve([])
        : db()
            .select()
            .from(t.storms)
            .where(inArray(t.storms.id, [...new Set(ids)])),
    async stormsOf(incidents) {
      const rows = await db()
        .select({ incident: t.incidents.id, storm: t.storms })
        .from(t.incidents)
        .innerJoin(t.storms, eq(t.storms.id, t.incidents.stormId))
        .where(inArray(t.incidents.id, [...new Set(incidents)]));
      return new Map(rows.map((row) => [row.incident, row.storm]));
    },
    stormAlerts: (storm, { offset, limit }) =>
      db().select(alertSummary).from(t.alerts).where(eq(t.alerts.stormId, storm)).orderBy(asc(t.alerts.id)).offset(offset).limit(limit),
    // By its incident, which the table is indexed by: an index more would cost every intake.
    timelineOf: (id) =>
      db()
        .select()
        .from(t.timeline)
        .where(
          and(
            eq(t.timeline.investigationId, id),
            eq(t.timeline.incidentId, sql`(select incident_id from investigations where investigations.id = ${id})`),
          ),
        )
        .orderBy(asc(t.timeline.id)),
    observationsOfEvidence: (id) =>
      db().select().from(t.observations).where(eq(t.observations.evidenceId, id)).orderBy(asc(t.observations.id)),
    async stormPending(storm) {
      const rows = await db()
        .select({ count: sql<number>`count(*)::int` })
        .from(t.actions)
        .innerJoin(t.incidents, eq(t.incidents.id, t.actions.incidentId))
        .where(and(eq(t.incidents.stormId, storm), eq(t.actions.state, "pending")));
      return rows[0]?.count ?? 0;
    },
    past: (digests, since, except, lab) => readPast(db(), digests, since, except, lab),
  };
}

/** When something last happened to an action. */
const updated = sql<string>`coalesce(${t.actions.endedAt}, ${t.actions.executingAt}, ${t.actions.decidedAt}, ${t.actions.proposedAt})`;
const likely = (part: string) => `%${part.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`)}%`;

async function readActions(db: Db, filter: ActionFilter): Promise<Page<ActionRow>> {
  const [at, id] = (filter.after ?? "").split("-").map(Number);
  const order = filter.order ?? "newest";
  // Sorted by a time, the cursor is the time and the id of the last row: rows that share a time are not lost between two pages.
  const moment = (ms: number) => new Date(ms).toISOString();
  const past =
    filter.after === undefined || at === undefined
      ? undefined
      : order === "newest"
        ? lt(t.actions.id, at)
        : order === "deadline"
          ? sql`(${t.actions.deadline}, ${t.actions.id}) > (${moment(at)}::timestamptz, ${id ?? 0})`
          : sql`(${updated}, ${t.actions.id}) < (${moment(at)}::timestamptz, ${id ?? 0})`;
  const where = [
    filter.states && inArray(t.actions.state, [...filter.states]),
    filter.kinds && inArray(t.actions.kind, [...filter.kinds]),
    filter.families && inArray(t.actions.family, [...filter.families]),
    filter.source === undefined ? undefined : eq(t.actions.source, filter.source),
    filter.entity === undefined ? undefined : eq(sql`${t.actions.target}->>'kind'`, filter.entity),
    filter.decidedBy === undefined ? undefined : ilike(sql`${t.actions.decision}->>'by'`, likely(filter.decidedBy)),
    filter.target === undefined ? undefined : ilike(sql`${t.actions.target}::text`, likely(filter.target)),
    filter.incidentId === undefined ? undefined : eq(t.actions.incidentId, filter.incidentId),
    filter.investigationId === undefined ? undefined : eq(t.actions.investigationId, filter.investigationId),
    filter.since === undefined ? undefined : gte(updated, filter.since.toISOString()),
    filter.breakGlass === undefined ? undefined : and(isNotNull(t.actions.breakGlass), sql`${t.actions.breakGlass}->'reviewed' is null`),
    past,
  ];
  const rows: ActionRow[] = await db
    .select()
    .from(t.actions)
    .where(and(...where))
    .orderBy(
      ...(order === "newest"
        ? [desc(t.actions.id)]
        : order === "deadline"
          ? [asc(t.actions.deadline), asc(t.actions.id)]
          : [desc(updated), desc(t.actions.id)]),
    )
    .limit(filter.limit + 1);
  const items = rows.slice(0, filter.limit);
  const last = items.at(-1);
  if (rows.length <= filter.limit || !last) return { items, next: null };
  const time = order === "deadline" ? last.deadline : (last.endedAt ?? last.executingAt ?? last.decidedAt ?? last.proposedAt);
  return { items, next: order === "newest" ? String(last.id) : `${time.getTime()}-${last.id}` };
}

/** Rows of our own history one question reads at most: beyond it, often is often. */
const PAST_LIMIT = 500;

async function readPast(db: Db, digests: readonly string[], since: Date, except: number, lab: boolean): Promise<Past> {
  const rows = await db
    .select({
      verdict: t.evidence.verdict,
      override: t.evidence.override,
      entity: t.evidence.entity,
      said: t.evidence.said,
      createdAt: t.evidence.createdAt,
      id: t.incidents.id,
      title: t.incidents.title,
      openedAt: t.incidents.openedAt,
      classification: t.incidents.classification,
      status: t.incidents.status,
    })
    .from(t.evidence)
    .innerJoin(t.incidents, eq(t.incidents.id, t.evidence.incidentId))
    .where(
      and(
        inArray(t.evidence.entityDigest, [...digests]),
        gte(t.evidence.createdAt, since),
        eq(t.incidents.lab, lab),
        ne(t.evidence.incidentId, except),
      ),
    )
    .orderBy(desc(t.evidence.createdAt))
    .limit(PAST_LIMIT);
  const incidents = [...new Map(rows.map((row) => [row.id, row])).values()];
  const verdicts = { malicious: 0, suspicious: 0, noThreatsFound: 0, unknown: 0 };
  for (const row of rows) verdicts[row.verdict] += 1;
  const times = rows.map((row) => row.createdAt);
  const [lastAt] = times;
  const firstAt = times.at(-1);
  return {
    alerts: rows.reduce((sum, row) => sum + row.said.length, 0),
    incidents: incidents.slice(0, 20).map(({ id, title, openedAt, classification, status }) => ({
      id,
      title,
      at: openedAt,
      status,
      ...(classification ? { classification } : {}),
    })),
    verdicts,
    overrides: rows.flatMap(({ override, createdAt }) => (override ? [{ ...override, at: createdAt }] : [])),
    devices: [...new Set(rows.flatMap(({ entity }) => ("device" in entity && entity.device ? [deviceName(entity.device)] : [])))],
    ...(firstAt ? { firstAt } : {}),
    ...(lastAt ? { lastAt } : {}),
  };
}

/** What every investigation reads: built once per handle and planned once per connection. */
function preparedReads(db: () => Db) {
  let made: ReturnType<typeof prepare> | undefined;
  return () => {
    const handle = db();
    made ??= prepare(handle);
    return made;
  };
}

function prepare(db: Db) {
  const id = sql.placeholder("id");
  return {
    incident: db.select().from(t.incidents).where(eq(t.incidents.id, id)).prepare("air_incident"),
    investigation: db.select().from(t.investigations).where(eq(t.investigations.id, id)).prepare("air_investigation"),
    evidence: db.select().from(t.evidence).where(eq(t.evidence.investigationId, id)).orderBy(asc(t.evidence.id)).prepare("air_evidence"),
    observations: db
      .select()
      .from(t.observations)
      .where(eq(t.observations.investigationId, id))
      .orderBy(asc(t.observations.id))
      .prepare("air_observations"),
    alerts: db
      .select(alertSummary)
      .from(t.alerts)
      .where(eq(t.alerts.incidentId, id))
      .orderBy(desc(t.alerts.id))
      .limit(sql.placeholder("limit"))
      .prepare("air_alerts"),
  };
}

/** Of each incident the newest, in the order they came: one that a storm blew into has thousands. */
async function newestAlerts(db: Db, incidents: readonly number[]): Promise<AlertSummary[]> {
  const ranked = db
    .select({
      ...alertSummary,
      place: sql<number>`row_number() over (partition by ${t.alerts.incidentId} order by ${t.alerts.id} desc)`.as("place"),
    })
    .from(t.alerts)
    .where(inArray(t.alerts.incidentId, [...incidents]))
    .as("ranked");
  const rows = await db.select().from(ranked).where(lte(ranked.place, ALERTS_SHOWN)).orderBy(asc(ranked.id));
  return rows.map(({ place: _place, ...row }) => row);
}

async function readViews(db: Db, ids: readonly number[]): Promise<Map<number, IncidentView>> {
  const views = new Map<number, IncidentView>();
  if (ids.length === 0) return views;
  const wanted = [...new Set(ids)];
  for (const incident of await db.select().from(t.incidents).where(inArray(t.incidents.id, wanted))) {
    views.set(incident.id, { incident, alerts: [], investigations: [], evidence: [], actions: [], approvals: [], timeline: [] });
  }
  const [alerts, investigations, evidence, actions, timeline] = [
    await newestAlerts(db, wanted),
    await db.select().from(t.investigations).where(inArray(t.investigations.incidentId, wanted)).orderBy(asc(t.investigations.id)),
    await db.select().from(t.evidence).where(inArray(t.evidence.incidentId, wanted)).orderBy(asc(t.evidence.id)),
    await db.select().from(t.actions).where(inArray(t.actions.incidentId, wanted)).orderBy(asc(t.actions.id)),
    await db
      .select()
      .from(t.timeline)
      .where(inArray(t.timeline.incidentId, wanted))
      .orderBy(desc(t.timeline.id))
      .limit(TIMELINE_SHOWN * wanted.length),
  ];
  for (const row of alerts) views.get(row.incidentId)?.alerts.push(row);
  for (const row of investigations) views.get(row.incidentId)?.investigations.push(row);
  for (const row of evidence) views.get(row.incidentId)?.evidence.push(row);
  for (const row of actions) views.get(row.incidentId)?.actions.push(row);
  for (const row of timeline) views.get(row.incidentId)?.timeline.unshift(row);
  const approved = actions.filter((action) => action.approvalsNeeded > 1);
  if (approved.length > 0) {
    const owner = new Map(actions.map((action) => [action.id, action.incidentId]));
    const rows = await db
      .select()
      .from(t.approvals)
      .where(
        inArray(
          t.approvals.actionId,
          approved.map((action) => action.id),
        ),
      )
      .orderBy(asc(t.approvals.at));
    for (const row of rows) views.get(owner.get(row.actionId) ?? -1)?.approvals.push(row);
  }
  return views;
}
