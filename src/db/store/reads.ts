import {
  and,
  asc,
  desc,
  eq,
  exists,
  getTableColumns,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  not,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { OPEN_STATES, sameProposal } from "../../engine/domain/action.ts";
import type { AgreementRow, AlertSummary, IncidentView, Reads } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";
import { readBriefing } from "./briefing.ts";
import { readDigest } from "./digest.ts";
import { ERASED_TABLES, identitiesOf } from "./erasure.ts";
import { readFigures, readFiguresOf, uncompiled } from "./figures.ts";
import { countActions, listActions } from "./list-actions.ts";
import { countIncidents, countInvestigations, listIncidents, listInvestigations } from "./list-incidents.ts";
import { readPasts } from "./past.ts";
import { readGauges, readOutcomes, readReport } from "./report.ts";
import { rowsIn } from "./rows-in.ts";
import { lastSnoozes, readSnoozeFacts } from "./snoozes.ts";
import { lastTicks, ranBefore } from "./ticks.ts";

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
/** Who was told, of an incident, as far as a card may need it. */
const PAGES_SHOWN = 40;
/** Lines of one incident's story that are read at once. */
const STORY_READ = 2000;
/** Lines of the timeline a card may need. */
const TIMELINE_SHOWN = 60;

/** The named reads, over the database or over a transaction alike. */
export function reads(db: () => Db): Reads {
  const prepared = preparedReads(db);
  const one = async <T>(query: Promise<T[]>) => (await query)[0];
  const views = (ids: readonly number[]) => readViews(db(), ids);
  return {
    alert: (id) => one(db().select().from(t.alerts).where(eq(t.alerts.id, id))),
    incident: (id) => one(prepared().incident.execute({ id })),
    investigation: (id) => one(prepared().investigation.execute({ id })),
    action: (id) => one(db().select().from(t.actions).where(eq(t.actions.id, id))),
    evidence: (id) => one(db().select().from(t.evidence).where(eq(t.evidence.id, id))),
    async twinsOf(id) {
      const twin = alias(t.evidence, "twin");
      const rows = await db()
        .select({ id: twin.id })
        .from(t.evidence)
        .innerJoin(
          twin,
          and(
            eq(twin.incidentId, t.evidence.incidentId),
            eq(twin.digest, t.evidence.digest),
            ne(twin.investigationId, t.evidence.investigationId),
          ),
        )
        .where(eq(t.evidence.id, id))
        .orderBy(asc(twin.id));
      return rows.map((row) => row.id);
    },
    evidenceOf: (id) => prepared().evidence.execute({ id }),
    observationsOf: (id) => prepared().observations.execute({ id }),
    actionsOf: (id) => db().select().from(t.actions).where(eq(t.actions.investigationId, id)).orderBy(asc(t.actions.id)),
    alertsOf: async (id, limit = ALERTS_READ) => (await prepared().alerts.execute({ id, limit })).reverse(),
    incidentViews: views,
    listIncidents: (filter) => listIncidents(db(), filter),
    countIncidents: (filter) => countIncidents(db(), filter),
    listInvestigations: (filter) => listInvestigations(db(), filter),
    countInvestigations: (filter) => countInvestigations(db(), filter),
    listActions: (filter) => listActions(db(), filter),
    countActions: (filter) => countActions(db(), filter),
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
    alertsByIdentity: (identities) =>
      db()
        .select({
          id: t.alerts.id,
          identity: t.alerts.identity,
          digest: t.alerts.digest,
          incidentId: t.alerts.incidentId,
          investigationId: t.alerts.investigationId,
          status: t.alerts.status,
          severity: t.alerts.severity,
          handling: t.alerts.handling,
          preexisting: t.alerts.preexisting,
          entityCount: sql<number>`jsonb_array_length(${t.alerts.entities})`,
          told: sql<{ classification: string | null; determination: string | null } | null>`(
            select jsonb_build_object('classification', w.classification, 'determination', w.determination) from write_backs w
            where w.source = ${t.alerts.source} and w.kind = 'alert' and w.vendor_id = ${t.alerts.sourceId}
              and w.state <> 'failed' and not ${t.alerts.lab})`,
        })
        .from(t.alerts)
        .where(inArray(t.alerts.identity, [...identities])),
    vendorIncidents: async (source, ids) =>
      ids.length === 0
        ? []
        : db()
            .select()
            .from(t.vendorIncidents)
            .where(and(eq(t.vendorIncidents.source, source), inArray(t.vendorIncidents.vendorId, [...ids]))),
    async incidentsOfVendor(source, vendorId) {
      const rows = await db()
        .selectDistinct({ id: t.alerts.incidentId })
        .from(t.alerts)
        .where(and(eq(t.alerts.source, source), eq(t.alerts.vendorIncident, vendorId), eq(t.alerts.lab, false)))
        .orderBy(asc(t.alerts.incidentId));
      return rows.map((row) => row.id);
    },
    closingVendorIncidents: (source) =>
      db()
        .select()
        .from(t.vendorIncidents)
        .where(and(eq(t.vendorIncidents.source, source), eq(t.vendorIncidents.closing, true))),
    dueWriteBacks: (now, limit) =>
      db()
        .select()
        .from(t.writeBacks)
        .where(and(eq(t.writeBacks.state, "waiting"), lte(t.writeBacks.tryAt, now)))
        .orderBy(asc(t.writeBacks.tryAt), asc(t.writeBacks.vendorId))
        .limit(limit),
    writeBacksOf: async (source, kind, ids) =>
      ids.length === 0
        ? []
        : db()
            .select()
            .from(t.writeBacks)
            .where(and(eq(t.writeBacks.source, source), eq(t.writeBacks.kind, kind), inArray(t.writeBacks.vendorId, [...ids]))),
    approvalsOf: (id) => db().select().from(t.approvals).where(eq(t.approvals.actionId, id)).orderBy(asc(t.approvals.at)),
    approvalsOfActions: async (ids) =>
      ids.length === 0
        ? []
        : db()
            .select()
            .from(t.approvals)
            .where(inArray(t.approvals.actionId, [...ids]))
            .orderBy(asc(t.approvals.actionId), asc(t.approvals.at)),
    async setting<T>(key: string) {
      const row = await one(db().select().from(t.settings).where(eq(t.settings.key, key)));
      return row?.value as T | undefined;
    },
    async settingsUnder<T>(prefix: string) {
      const under = sql`starts_with(${t.settings.key}, ${prefix})`;
      const rows = await db().select({ value: t.settings.value }).from(t.settings).where(under).orderBy(asc(t.settings.key));
      return rows.map((row) => row.value as T);
    },
    async automaticSince(kind, hour, day) {
      const automatic = sql`${t.actions.decision}->>'decision' = 'automatic'`;
      const count = (where: SQL | undefined) => db().$count(t.actions, where);
      return {
        kindLastHour: await count(and(eq(t.actions.kind, kind), automatic, gte(t.actions.decidedAt, hour))),
        lastDay: await count(and(automatic, gte(t.actions.decidedAt, day))),
      };
    },
    approvedActions: () => db().select().from(t.actions).where(eq(t.actions.state, "approved")).orderBy(asc(t.actions.id)),
    agreement: (since, lab, until) => uncompiled(db(), (quick) => readAgreement(quick, since, lab, until)),
    figures: (which) => uncompiled(db(), (quick) => readFigures(quick, which)),
    figuresOf: (incidents) => readFiguresOf(db(), incidents),
    outcomes: (which) => readOutcomes(db(), which),
    gauges: (which) => readGauges(db(), which),
    reportCounts: (which) => uncompiled(db(), (quick) => readReport(quick, which)),
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
    identitiesOf: (email) => identitiesOf(db(), email),
    erasedTables: ERASED_TABLES,
    lastTicks: (now) => lastTicks(db(), now),
    ranBefore: (schedule, before) => ranBefore(db(), schedule, before),
    briefing: (asked) => readBriefing(db(), asked),
    timedActions: (by, limit) =>
      db()
        .select()
        .from(t.actions)
        .where(
          and(
            eq(t.actions.state, "succeeded"),
            // What did nothing itself only holds what another one did.
            eq(t.actions.undoable, true),
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
          and(
            inArray(
              t.actions.state,
              OPEN_STATES.filter((state) => state !== "pending"),
            ),
            or(isNull(t.actions.notBefore), lte(t.actions.notBefore, before)),
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
        .select({ message: t.messages, root: root.ref, rootInsteadOf: root.insteadOf })
        .from(t.messages)
        .leftJoin(root, and(eq(root.channel, t.messages.channel), eq(root.subject, t.messages.thread)))
        .where(and(deliverable(channel), or(isNull(t.messages.retryAt), lte(t.messages.retryAt, now))))
        .orderBy(asc(t.messages.priority), asc(t.messages.id))
        .limit(limit);
      return rows.map((row) => ({ ...row.message, root: row.root, rootInsteadOf: row.rootInsteadOf }));
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
    digest: (which) => readDigest(db(), which),
    timelineAfter: (after, events, limit) =>
      db()
        .select()
        .from(t.timeline)
        .where(and(gt(t.timeline.id, after), inArray(t.timeline.event, [...events])))
        .orderBy(asc(t.timeline.id))
        .limit(limit),
    async lastTimelineId() {
      const row = await one(db().select({ id: t.timeline.id }).from(t.timeline).orderBy(desc(t.timeline.id)).limit(1));
      return row?.id ?? 0;
    },
    timelineRows: (ids) =>
      ids.length === 0
        ? Promise.resolve([])
        : db()
            .select()
            .from(t.timeline)
            .where(inArray(t.timeline.id, [...ids]))
            .orderBy(asc(t.timeline.id)),
    channel: (channel) => one(db().select().from(t.channels).where(eq(t.channels.channel, channel))),
    troubledChannels: () => db().select().from(t.channels).where(isNotNull(t.channels.troubleKind)).orderBy(asc(t.channels.channel)),
    auditLines: (after, limit) =>
      db()
        .select({ seq: t.audit.seq, line: t.audit.line, hash: t.audit.hash, incidentId: t.audit.incidentId })
        .from(t.audit)
        .where(gt(t.audit.seq, after))
        .orderBy(asc(t.audit.seq))
        .limit(limit),
    async auditHead() {
      const row = await one(db().select().from(t.auditHead).where(eq(t.auditHead.id, 1)));
      return { count: row?.count ?? 0, hash: row?.hash ?? "" };
    },
    duePages: (now, limit) =>
      db()
        .select()
        .from(t.pages)
        .where(
          and(
            isNull(t.pages.sentAt),
            isNull(t.pages.droppedAt),
            lte(t.pages.dueAt, now),
            or(isNull(t.pages.tryAt), lte(t.pages.tryAt, now)),
          ),
        )
        .orderBy(asc(t.pages.dueAt), asc(t.pages.id))
        .limit(limit),
    heldPages: (limit) =>
      db()
        .select()
        .from(t.pages)
        .where(and(isNull(t.pages.sentAt), isNull(t.pages.droppedAt), isNotNull(t.pages.heldUntil), eq(t.pages.attempts, 0)))
        .orderBy(asc(t.pages.heldUntil), asc(t.pages.id))
        .limit(limit),
    pagesOnTheirWay: (limit) =>
      db()
        .select()
        .from(t.pages)
        .where(and(isNull(t.pages.sentAt), isNull(t.pages.droppedAt), isNull(t.pages.trouble), gt(t.pages.attempts, 0)))
        .orderBy(asc(t.pages.id))
        .limit(limit),
    async toldLately(targets, since) {
      if (targets.length === 0) return [];
      const onItsWay = and(isNull(t.pages.sentAt), isNull(t.pages.droppedAt), isNull(t.pages.trouble), gt(t.pages.attempts, 0));
      return db()
        .select({ target: t.pages.target, at: t.pages.sentAt })
        .from(t.pages)
        .where(and(inArray(t.pages.target, [...targets]), or(gte(t.pages.sentAt, since), onItsWay)))
        .orderBy(asc(t.pages.sentAt), asc(t.pages.id));
    },
    pages: (ids) =>
      ids.length === 0
        ? Promise.resolve([])
        : db()
            .select()
            .from(t.pages)
            .where(inArray(t.pages.id, [...ids])),
    pagesIn: (messages) =>
      messages.length === 0
        ? Promise.resolve([])
        : db()
            .select()
            .from(t.pages)
            .where(or(inArray(t.pages.id, [...messages]), inArray(t.pages.toldBy, [...messages])))
            .orderBy(asc(t.pages.id)),
    pagesOf: (incident) => db().select().from(t.pages).where(eq(t.pages.incidentId, incident)).orderBy(asc(t.pages.id)),
    async openOutside(target, since, limit) {
      const follow = alias(t.pages, "follow");
      const follows = (became: string) =>
        exists(
          db()
            .select({ one: sql`1` })
            .from(follow)
            .where(
              and(
                eq(follow.incidentId, t.pages.incidentId),
                eq(follow.target, target),
                sql`${follow.step} = ${`${became} `} || ${t.pages.id}::text`,
              ),
            ),
        );
      const rows = await db()
        .select({
          page: t.pages,
          state: t.actions.state,
          incident: { status: t.incidents.status, ackedAt: t.incidents.ackedAt },
          acknowledged: sql<boolean>`${follows("acknowledged")}`,
        })
        .from(t.pages)
        .innerJoin(t.incidents, eq(t.incidents.id, t.pages.incidentId))
        .leftJoin(t.actions, eq(t.actions.id, t.pages.actionId))
        .where(
          and(
            eq(t.pages.target, target),
            gte(t.pages.createdAt, since),
            gt(t.pages.attempts, 0),
            // No call about it is on its way: what is said next would overtake it.
            or(isNotNull(t.pages.sentAt), isNotNull(t.pages.droppedAt)),
            sql`${t.pages.step} !~ '^(acknowledged|resolved) '`,
            not(follows("resolved")),
          ),
        )
        .orderBy(desc(t.pages.id))
        .limit(limit);
      return rows.map(({ state, ...row }) => ({ ...row, action: state === null ? undefined : { state } }));
    },
    async dueCalls(now, limit) {
      const rows = await db()
        .select({ id: t.calls.id })
        .from(t.calls)
        .where(and(isNotNull(t.calls.nextAt), lte(t.calls.nextAt, now)))
        .orderBy(asc(t.calls.nextAt), asc(t.calls.id))
        .limit(limit);
      return rows.map((row) => row.id);
    },
    call: (id) => one(db().select().from(t.calls).where(eq(t.calls.id, id))),
    callsOf: (incident) =>
      db()
        .select()
        .from(t.calls)
        .where(and(eq(t.calls.incidentId, incident), isNull(t.calls.endedAt)))
        .orderBy(asc(t.calls.id)),
    pagesOfCalls: async (calls) =>
      calls.length === 0
        ? []
        : db()
            .select()
            .from(t.pages)
            .where(inArray(t.pages.callId, [...calls]))
            .orderBy(asc(t.pages.id)),
    owner: (incident) => one(db().select().from(t.owners).where(eq(t.owners.incidentId, incident))),
    async personalConversation(platform, account) {
      const [row] = await db()
        .select({ id: t.conversations.id })
        .from(t.conversations)
        .where(
          and(
            eq(t.conversations.platform, platform),
            eq(t.conversations.kind, "personal"),
            eq(t.conversations.person, account.toLowerCase()),
            isNull(t.conversations.removedAt),
          ),
        )
        .orderBy(desc(t.conversations.seenAt))
        .limit(1);
      return row?.id;
    },
    async silentOwners(now, before, limit) {
      const waitsSince = sql<Date>`(select min(a.deadline) from actions a
        where a.incident_id = ${t.owners.incidentId} and a.state = 'pending' and a.deadline <= ${now.toISOString()}::timestamptz)`.mapWith(
        t.actions.deadline,
      );
      const lastAt = sql<Date | null>`(select max(l.at) from timeline l
        where l.incident_id = ${t.owners.incidentId} and l.actor->>'kind' = 'person'
          and (l.actor->>'key' = ${t.owners.key} or l.actor->>'name' = ${t.owners.name}))`.mapWith(t.timeline.at);
      const rows = await db()
        .select({ owner: t.owners, severity: t.incidents.severity, waitsSince, lastAt })
        .from(t.owners)
        .innerJoin(t.incidents, eq(t.incidents.id, t.owners.incidentId))
        .where(
          and(
            eq(t.incidents.status, "open"),
            isNull(t.owners.returnedAt),
            lte(t.owners.since, before),
            sql`${waitsSince} <= ${before.toISOString()}::timestamptz`,
          ),
        )
        .orderBy(asc(t.owners.incidentId))
        .limit(limit);
      return rows.map(({ owner, ...row }) => ({ ...owner, ...row }));
    },
    async overdueActions(now, limit) {
      const called = exists(
        db()
          .select({ one: sql`1` })
          .from(t.calls)
          .where(and(eq(t.calls.actionId, t.actions.id), eq(t.calls.cause, "deadline"), isNull(t.calls.endedAt))),
      );
      const rows = await db()
        .select({ id: t.actions.id })
        .from(t.actions)
        .where(and(eq(t.actions.state, "pending"), lte(t.actions.deadline, now), not(called)))
        .orderBy(asc(t.actions.deadline), asc(t.actions.id))
        .limit(limit);
      return rows.map((row) => row.id);
    },
    async unansweredPages(limit) {
      const rows = await db()
        .select({ page: t.pages })
        .from(t.pages)
        .innerJoin(t.calls, eq(t.calls.id, t.pages.callId))
        .innerJoin(t.incidents, eq(t.incidents.id, t.pages.incidentId))
        .leftJoin(t.actions, eq(t.actions.id, t.pages.actionId))
        .where(
          and(
            isNotNull(t.pages.sentAt),
            gte(t.pages.createdAt, t.calls.since),
            isNull(t.calls.ackedAt),
            isNull(t.calls.endedAt),
            eq(t.incidents.status, "open"),
            // What asked for a decision is over with it, though nobody has looked at the call since.
            or(not(inArray(t.calls.cause, ["deadline", "second"])), eq(t.actions.state, "pending")),
          ),
        )
        .orderBy(desc(t.pages.sentAt), desc(t.pages.id))
        .limit(limit);
      return rows.map((row) => row.page);
    },
    swapsAfter: (moment) => db().select().from(t.dutySwaps).where(gt(t.dutySwaps.until, moment)).orderBy(asc(t.dutySwaps.id)),
    activeSnoozes: (now) => db().select().from(t.snoozes).where(gt(t.snoozes.until, now)).orderBy(asc(t.snoozes.id)),
    openSnoozes: async (incidents) =>
      incidents?.length === 0
        ? []
        : db()
            .select()
            .from(t.incidentSnoozes)
            .where(
              and(
                isNull(t.incidentSnoozes.endedAt),
                incidents === undefined ? undefined : inArray(t.incidentSnoozes.incidentId, [...new Set(incidents)]),
              ),
            )
            .orderBy(asc(t.incidentSnoozes.incidentId)),
    async snoozedIncidents(now) {
      const rows = await db()
        .select({ snooze: t.incidentSnoozes, title: t.incidents.title, severity: t.incidents.severity, lab: t.incidents.lab })
        .from(t.incidentSnoozes)
        .innerJoin(t.incidents, eq(t.incidents.id, t.incidentSnoozes.incidentId))
        .where(and(isNull(t.incidentSnoozes.endedAt), gt(t.incidentSnoozes.until, now), eq(t.incidents.status, "open")))
        .orderBy(asc(t.incidentSnoozes.until), asc(t.incidentSnoozes.id));
      return rows.map(({ snooze, ...incident }) => ({ ...snooze, ...incident }));
    },
    mutesSince: async (incidents, since) =>
      incidents.length === 0
        ? []
        : db()
            .select()
            .from(t.incidentSnoozes)
            .where(
              and(
                inArray(t.incidentSnoozes.incidentId, [...new Set(incidents)]),
                eq(t.incidentSnoozes.kind, "mute"),
                or(isNull(t.incidentSnoozes.endedAt), gt(t.incidentSnoozes.endedAt, since)),
              ),
            )
            .orderBy(asc(t.incidentSnoozes.id)),
    async backSince(incident) {
      const row = await one(
        db()
          .select({ at: t.incidentSnoozes.endedAt })
          .from(t.incidentSnoozes)
          .where(and(eq(t.incidentSnoozes.incidentId, incident), isNotNull(t.incidentSnoozes.endedAt)))
          .orderBy(desc(t.incidentSnoozes.endedAt))
          .limit(1),
      );
      return row?.at ?? undefined;
    },
    snoozeFacts: (incident) => readSnoozeFacts(db(), incident),
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
    storyOf: async (incident, limit = STORY_READ) =>
      (await db().select().from(t.timeline).where(eq(t.timeline.incidentId, incident)).orderBy(desc(t.timeline.id)).limit(limit)).reverse(),
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
    blocksOf: (targetDigest, lab) =>
      db()
        .select()
        .from(t.actions)
        .where(
          and(
            eq(t.actions.targetDigest, targetDigest),
            eq(t.actions.lab, lab),
            eq(t.actions.kind, "block-indicator"),
            inArray(t.actions.state, ["executing", "succeeded", "unclear", "byHand", "undoing"]),
          ),
        )
        .orderBy(asc(t.actions.id)),
    past: async (digests, since, except, lab) => {
      const [past] = await readPasts(db(), [{ digests, since, except, lab }]);
      if (!past) throw new Error("The database did not answer what was asked.");
      return past;
    },
  };
}

/**
 * Agree and Disagree leave the action cancelled, as other things do: what came of it tells them apart, also when the story's lines are gone.
 * An undo by the clock, of what was asked for or approved for a while, is no disagreement.
 */
async function readAgreement(db: Db, since: Date, lab: boolean, until?: Date): Promise<AgreementRow[]> {
  const before = until ? sql`and coalesce(a.decided_at, a.ended_at) < ${until.toISOString()}::timestamptz` : sql``;
  const rows = await db.execute(sql`
    with judged as (
      select a.playbook, a.kind, a.decided_at,
        a.state = 'cancelled' and a.outcome like 'Agreed:%' as agreed, a.state = 'cancelled' and a.outcome like 'Disagreed:%' as disagreed,
        a.decision->>'decision' = 'approve' as yes, a.decision->>'decision' = 'reject' as no, a.decision->>'decision' = 'automatic' as auto,
        a.state in ('undoing', 'undone') and not exists
          (select 1 from actions u where u.undoes = a.id and u.incident_id = a.incident_id and u.decision->>'via' = 'air') as undone,
        exists (select 1 from evidence e where e.id = a.evidence_id and e.override->>'verdict' = 'noThreatsFound') as overridden
      from actions a
      where a.playbook is not null and a.lab = ${lab} and a.undoes is null and a.decided_at is not null
        and coalesce(a.decided_at, a.ended_at) >= ${since.toISOString()}::timestamptz ${before}
    )
    select playbook, kind,
      (count(*) filter (where agreed))::int as agreed,
      (count(*) filter (where disagreed))::int as disagreed,
      (count(*) filter (where yes and not agreed))::int as approved,
      (count(*) filter (where no and not disagreed))::int as rejected,
      (count(*) filter (where auto))::int as automatic,
      (count(*) filter (where undone))::int as undone,
      (count(*) filter (where overridden))::int as overridden,
      (count(*) filter (where yes and not undone and not overridden))::int as "right",
      (count(*) filter (where yes or no or (auto and (undone or overridden))))::int as judged,
      min(decided_at) as since
    from judged group by playbook, kind order by playbook, kind`);
  const list = rowsIn<AgreementRow>(rows);
  return list.map((row) => ({ ...row, since: row.since === null ? null : t.readTimestamp(row.since) }));
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
    views.set(incident.id, {
      incident,
      alerts: [],
      investigations: [],
      evidence: [],
      actions: [],
      approvals: [],
      timeline: [],
      pages: [],
      calls: [],
      vendorIncidents: [],
      writeBacks: [],
    });
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
  const told = await db
    .select()
    .from(t.pages)
    .where(inArray(t.pages.incidentId, wanted))
    .orderBy(desc(t.pages.id))
    .limit(PAGES_SHOWN * wanted.length);
  for (const row of told) views.get(row.incidentId)?.pages.unshift(row);
  for (const row of await db
    .select()
    .from(t.calls)
    .where(and(inArray(t.calls.incidentId, wanted), isNull(t.calls.endedAt)))
    .orderBy(asc(t.calls.id)))
    views.get(row.incidentId)?.calls?.push(row);
  await addVendors(db, views);
  for (const row of await lastSnoozes(db, wanted)) Object.assign(views.get(row.incidentId) ?? {}, { snooze: row });
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

/** The sources' own incidents of the alerts in these views, and what their sources are told. */
async function addVendors(db: Db, views: ReadonlyMap<number, IncidentView>): Promise<void> {
  const ids = [...views.keys()];
  const v = t.vendorIncidents;
  const rows = await db
    .selectDistinctOn([t.alerts.incidentId, v.source, v.vendorId], { incidentId: t.alerts.incidentId, row: getTableColumns(v) })
    .from(t.alerts)
    .innerJoin(v, and(eq(v.source, t.alerts.source), eq(v.vendorId, t.alerts.vendorIncident)))
    .where(and(inArray(t.alerts.incidentId, ids), isNotNull(t.alerts.vendorIncident), eq(t.alerts.lab, false)))
    .orderBy(asc(t.alerts.incidentId), asc(v.source), asc(v.vendorId));
  for (const { incidentId, row } of rows) views.get(incidentId)?.vendorIncidents.push(row);
  for (const row of await db.select().from(t.writeBacks).where(inArray(t.writeBacks.incidentId, ids)).orderBy(asc(t.writeBacks.createdAt)))
    views.get(row.incidentId)?.writeBacks.push(row);
}
