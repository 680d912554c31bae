import { and, desc, eq, gte, ilike, inArray, lt, or, type SQL, sql } from "drizzle-orm";
import type { IncidentFilter, IncidentRow, InvestigationFilter, InvestigationRow, Page } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";
import { likely } from "./likely.ts";

/* Newest first, and paged by id: a row that changes meanwhile keeps its place. */

export async function listIncidents(db: Db, filter: IncidentFilter): Promise<Page<IncidentRow>> {
  const rows = await db
    .select()
    .from(t.incidents)
    .where(and(...ofIncidents(filter), filter.after === undefined ? undefined : lt(t.incidents.id, filter.after)))
    .orderBy(desc(t.incidents.id))
    .limit(filter.limit + 1);
  return pageOf(rows, filter.limit);
}

export const countIncidents = (db: Db, filter: Omit<IncidentFilter, "limit" | "after">): Promise<number> =>
  db.$count(t.incidents, and(...ofIncidents(filter)));

export async function listInvestigations(db: Db, filter: InvestigationFilter): Promise<Page<InvestigationRow>> {
  const rows = await db
    .select()
    .from(t.investigations)
    .where(and(...ofInvestigations(filter), filter.after === undefined ? undefined : lt(t.investigations.id, filter.after)))
    .orderBy(desc(t.investigations.id))
    .limit(filter.limit + 1);
  return pageOf(rows, filter.limit);
}

export const countInvestigations = (db: Db, filter: Omit<InvestigationFilter, "limit" | "after">): Promise<number> =>
  db.$count(t.investigations, and(...ofInvestigations(filter)));

function pageOf<Row extends { id: number }>(rows: Row[], limit: number): Page<Row> {
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? String(items.at(-1)?.id) : null };
}

const ofIncidents = (filter: Omit<IncidentFilter, "limit">): (SQL | undefined)[] => [
  filter.status && inArray(t.incidents.status, [...filter.status]),
  filter.severity && inArray(t.incidents.severity, [...filter.severity]),
  filter.assignee === undefined ? undefined : eq(sql`lower(${t.incidents.assignee})`, filter.assignee.toLowerCase()),
  filter.since === undefined ? undefined : gte(t.incidents.openedAt, filter.since),
  filter.until === undefined ? undefined : lt(t.incidents.openedAt, filter.until),
  filter.source === undefined ? undefined : withAlert(sql`lower(${t.alerts.source}) = ${filter.source.toLowerCase()}`),
  filter.snoozed
    ? sql`exists (select 1 from ${t.incidentSnoozes} where ${t.incidentSnoozes.incidentId} = ${t.incidents.id} and ${t.incidentSnoozes.endedAt} is null)`
    : undefined,
  filter.text === undefined
    ? undefined
    : or(
        ilike(t.incidents.title, likely(filter.text)),
        withAlert(sql`(${ilike(t.alerts.title, likely(filter.text))} or ${eq(t.alerts.sourceId, filter.text)})`),
      ),
];
const withAlert = (such: SQL) => sql`exists (select 1 from ${t.alerts} where ${t.alerts.incidentId} = ${t.incidents.id} and ${such})`;

const ofInvestigations = (filter: Omit<InvestigationFilter, "limit">): (SQL | undefined)[] => [
  filter.status && inArray(t.investigations.status, [...filter.status]),
  filter.incidentId === undefined ? undefined : eq(t.investigations.incidentId, filter.incidentId),
  filter.since === undefined ? undefined : gte(t.investigations.startedAt, filter.since),
  filter.until === undefined ? undefined : lt(t.investigations.startedAt, filter.until),
];
