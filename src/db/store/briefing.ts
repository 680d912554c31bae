import { and, asc, desc, eq, gt, gte, inArray, isNotNull, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import type { BriefingAsked, BriefingRows, Some } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";

const i = t.incidents;
const a = t.actions;

const byUrgency = sql`case ${i.severity} when 'critical' then 0 when 'high' then 1 when 'medium' then 2 when 'low' then 3 else 4 end`;

/** Nobody closed it by hand. */
const closedByItself = (
  since: Date,
): SQL => sql`exists (select 1 from timeline l where l.incident_id = ${i.id} and l.event = 'incident-close'
  and l.at >= ${since.toISOString()}::timestamptz and l.actor->>'kind' in ('air', 'source'))`;

const WITHOUT_EFFECT = ["failed", "timedOut"] as const;

/** Everything a briefing tells of, each with how much there is and the first of it. `most`: how many of each are read. */
export async function readBriefing(db: Db, { since, now, until, lab, most }: BriefingAsked): Promise<BriefingRows> {
  const incidents = async (where: SQL | undefined, ...order: SQL[]): Promise<Some<typeof i.$inferSelect>> => {
    const all = and(eq(i.lab, lab), where);
    const rows = await db
      .select()
      .from(i)
      .where(all)
      .orderBy(...order)
      .limit(most);
    return { rows, total: rows.length < most ? rows.length : await db.$count(i, all) };
  };
  const actions = async (where: SQL | undefined, ...order: SQL[]): Promise<Some<typeof a.$inferSelect>> => {
    const all = and(eq(a.lab, lab), where);
    const rows = await db
      .select()
      .from(a)
      .where(all)
      .orderBy(...order)
      .limit(most);
    return { rows, total: rows.length < most ? rows.length : await db.$count(a, all) };
  };
  const open = eq(i.status, "open");
  const pending = eq(a.state, "pending");
  const endsAt = sql`${a.endedAt} + ${a.undoAfterMs} * interval '1 millisecond'`;
  const severities = await db
    .select({ severity: i.severity, incidents: sql<number>`count(*)::int` })
    .from(i)
    .where(and(eq(i.lab, lab), open))
    .groupBy(i.severity);
  const counts = async (where: SQL | undefined) => db.$count(i, and(eq(i.lab, lab), where));
  return {
    severities,
    open: await incidents(open, byUrgency, asc(i.openedAt), asc(i.id)),
    waiting: await actions(pending, asc(a.proposedAt), asc(a.id)),
    late: await db.$count(a, and(eq(a.lab, lab), pending, lte(a.deadline, now))),
    expiring: await actions(and(pending, lt(a.expiresAt, until)), asc(a.expiresAt), asc(a.id)),
    alone: await actions(and(isNotNull(a.breakGlass), sql`${a.breakGlass}->'reviewed' is null`), asc(a.id)),
    closedByThemselves: await incidents(
      and(eq(i.status, "closed"), gte(i.closedAt, since), closedByItself(since)),
      desc(i.closedAt),
      desc(i.id),
    ),
    unsettled: await actions(
      // What is unclear stays so until somebody looked; here it is told for as long as its incident is open.
      or(
        and(inArray(a.state, [...WITHOUT_EFFECT]), gte(a.endedAt, since)),
        and(eq(a.state, "unclear"), sql`exists (select 1 from incidents o where o.id = ${a.incidentId} and o.status = 'open')`),
      ),
      desc(a.endedAt),
      desc(a.id),
    ),
    ending: await actions(
      and(eq(a.state, "succeeded"), eq(a.undoable, true), isNotNull(a.undoAfterMs), sql`${endsAt} < ${until.toISOString()}::timestamptz`),
      sql`${endsAt} asc`,
      asc(a.id),
    ),
    snoozes: await db
      .select()
      .from(t.snoozes)
      .where(and(gt(t.snoozes.until, now), lt(t.snoozes.until, until), isNull(t.snoozes.endedBy)))
      .orderBy(asc(t.snoozes.until))
      .limit(most),
    decided: await actions(
      // Automation decides without anybody: whoever takes over is told what people decided.
      and(gte(a.decidedAt, since), isNotNull(a.decision), sql`${a.decision}->>'decision' <> 'automatic'`),
      desc(a.decidedAt),
      desc(a.id),
    ),
    automatic: await db.$count(a, and(eq(a.lab, lab), gte(a.decidedAt, since), sql`${a.decision}->>'decision' = 'automatic'`)),
    acknowledged: await incidents(and(gte(i.ackedAt, since), isNotNull(i.ackedBy)), desc(i.ackedAt), desc(i.id)),
    opened: await counts(and(gte(i.openedAt, since), sql`${i.status} <> 'redirected'`, eq(i.preexisting, false))),
    closed: await counts(and(eq(i.status, "closed"), gte(i.closedAt, since))),
    notes: await notesSince(db, since, lab, most),
  };
}

async function notesSince(db: Db, since: Date, lab: boolean, most: number): Promise<BriefingRows["notes"]> {
  // A note is a change of its incident: so the stories of few are read, and not everybody's.
  const where = and(eq(t.timeline.event, "incident-note"), gte(t.timeline.at, since), eq(i.lab, lab), gte(i.updatedAt, since));
  const rows = await db
    .select({ row: t.timeline })
    .from(t.timeline)
    .innerJoin(i, eq(i.id, t.timeline.incidentId))
    .where(where)
    .orderBy(desc(t.timeline.id))
    .limit(most);
  if (rows.length < most) return { rows: rows.map(({ row }) => row), total: rows.length };
  const [all] = await db
    .select({ total: sql<number>`count(*)::int` })
    .from(t.timeline)
    .innerJoin(i, eq(i.id, t.timeline.incidentId))
    .where(where);
  return { rows: rows.map(({ row }) => row), total: all?.total ?? rows.length };
}
