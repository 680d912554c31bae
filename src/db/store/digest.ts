import { and, asc, eq, gte, inArray, lt, type SQL, sql } from "drizzle-orm";
import type { Became } from "../../engine/domain/incident.ts";
import type { DigestRows, Reads } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";

const i = t.incidents;

/** The newest investigation says what became of an incident that nobody closed. */
const became: SQL<Became> = sql`case
  when ${i.quiet} then 'suppressed'
  when ${i.status} = 'closed' and ${i.classification} = 'truePositive' then 'closed'
  when ${i.status} = 'closed' then 'benign'
  else coalesce((
    select case
      when v.status in ('queued', 'running') then 'lookedAt'
      when v.status in ('pendingResource', 'pendingApproval') then 'waits'
      when v.status = 'benign' then 'noThreats'
      when v.status = 'suppressedAlert' then 'suppressed'
      when v.status in ('unsupportedAlertType', 'unsupportedOs', 'preexistingAlert') then 'notInvestigated'
      else 'other' end
    from investigations v where v.incident_id = ${i.id} order by v.id desc limit 1), 'notInvestigated') end`;

const shown = (channel: string, subject: SQL): SQL =>
  sql`exists (select 1 from messages m where m.channel = ${channel} and m.subject = ${subject})`;

export async function readDigest(db: Db, which: Parameters<Reads["digest"]>[0]): Promise<DigestRows> {
  const { channel, from, to, lab } = which;
  const severities = [...which.severities];
  const unshown = and(
    gte(i.openedAt, from),
    lt(i.openedAt, to),
    inArray(i.severity, severities),
    eq(i.lab, lab),
    sql`${i.status} <> 'redirected'`,
    eq(i.preexisting, false),
    sql`not ${shown(channel, sql`'incident:' || ${i.id}`)}`,
    sql`(${i.stormId} is null or not ${shown(channel, sql`'storm:' || ${i.stormId}`)})`,
  );
  const counts = await db
    .select({ severity: i.severity, became: sql<Became>`${became}`.as("became"), incidents: sql<number>`count(*)::int` })
    .from(i)
    .where(unshown)
    .groupBy(i.severity, sql`2`)
    .orderBy(asc(i.severity), sql`2`);
  const newest = await db
    .select({ id: i.id, title: i.title, severity: i.severity, became: sql<Became>`${became}` })
    .from(i)
    .where(and(unshown, sql`${i.stormId} is null`))
    .orderBy(sql`${i.openedAt} desc, ${i.id} desc`)
    .limit(which.newest);
  const s = t.storms;
  const storms = await db
    .select()
    .from(s)
    .where(
      and(
        lt(s.startedAt, to),
        gte(s.lastAt, from),
        inArray(s.severity, severities),
        eq(s.lab, lab),
        sql`not ${shown(channel, sql`'storm:' || ${s.id}`)}`,
      ),
    )
    .orderBy(asc(s.id));
  return { counts, newest, storms };
}
