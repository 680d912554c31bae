import { and, asc, desc, eq, inArray, sql } from "drizzle-orm";
import type { IncidentSnoozeRow, SnoozeFacts } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";

/** The last silence of each incident that had one. */
export const lastSnoozes = (db: Db, incidents: readonly number[]): Promise<IncidentSnoozeRow[]> =>
  db
    .selectDistinctOn([t.incidentSnoozes.incidentId])
    .from(t.incidentSnoozes)
    .where(inArray(t.incidentSnoozes.incidentId, [...incidents]))
    .orderBy(asc(t.incidentSnoozes.incidentId), desc(t.incidentSnoozes.id));

/** What an incident is compared by with what its snooze had seen: an incident of thousands of alerts is not read whole for it. */
export async function readSnoozeFacts(db: Db, incident: number): Promise<SnoozeFacts | undefined> {
  const [row] = await db
    .select({ status: t.incidents.status, severity: t.incidents.severity, alerts: t.incidents.alertCount })
    .from(t.incidents)
    .where(eq(t.incidents.id, incident));
  if (!row) return undefined;
  // A person's word comes before every source, also before the round that follows from it.
  const said = sql`coalesce(${t.evidence.override}->>'verdict', ${t.evidence.verdict})`;
  const malicious = await db
    .selectDistinctOn([t.evidence.digest], { digest: t.evidence.digest, entity: t.evidence.entity })
    .from(t.evidence)
    .where(and(eq(t.evidence.incidentId, incident), sql`${said} = 'malicious'`))
    .orderBy(asc(t.evidence.digest), asc(t.evidence.id));
  const pending = await db
    .select({ id: t.actions.id, kind: t.actions.kind, target: t.actions.target, blastRadius: t.actions.blastRadius })
    .from(t.actions)
    .where(and(eq(t.actions.incidentId, incident), eq(t.actions.state, "pending")))
    .orderBy(asc(t.actions.id));
  const entities = await db
    .selectDistinctOn([t.evidence.digest], { digest: t.evidence.digest, entity: t.evidence.entity, facts: ROLE })
    .from(t.evidence)
    .leftJoin(t.observations, and(eq(t.observations.evidenceId, t.evidence.id), eq(t.observations.analyzer, "device-facts")))
    .where(eq(t.evidence.incidentId, incident))
    .orderBy(asc(t.evidence.digest), sql`${ROLE} asc nulls last`);
  return { ...row, malicious, pending, entities: entities.map(({ facts, ...one }) => ({ ...one, role: facts ?? undefined })) };
}

/** What the inventory said of a device when it was looked at; retention may have emptied it since. */
const ROLE = sql<string | null>`${t.observations.raw}->>'role'`;
