import { sql } from "drizzle-orm";
import type { Severity } from "../../engine/domain/alert.ts";
import type { Classification } from "../../engine/domain/incident.ts";
import type { Figures } from "../../engine/store.ts";
import type { Db } from "../driver.ts";

/** Verdicts are looked up incident by incident: a flood of them would make a glance at the figures dear. */
const SAMPLE = 1_000;
/** Taking something back, widening and allowing contain nothing. */
const NO_CONTAINMENT = ["expand-investigation", "allow-indicator", "scan-device", "collect-package"];

/** What happened since then: incidents by severity and outcome, and the median times a SOC is measured by. */
export async function readFigures(db: Db, since: Date, lab: boolean): Promise<Figures> {
  const from = sql`${since.toISOString()}::timestamptz`;
  const incidents = await rowsOf<{ severity: Severity; outcome: Classification | "open" | "closed"; incidents: number }>(
    db,
    sql`
    select severity, case when status = 'open' then 'open' else coalesce(classification, 'closed') end as outcome, count(*)::int as incidents
    from incidents where opened_at >= ${from} and lab = ${lab} and status <> 'redirected'
    group by 1, 2 order by 1, 2`,
  );
  const [medians] = await rowsOf<{ verdict: number | null; decision: number | null; containment: number | null }>(
    db,
    sql`
    select
      (select percentile_cont(0.5) within group (order by extract(epoch from v.at - i.opened_at))
         from (select id, opened_at from incidents where opened_at >= ${from} and lab = ${lab} order by id desc limit ${SAMPLE}) i
         cross join lateral (select min(l.at) as at from timeline l where l.incident_id = i.id and l.event = 'verdict') v
         where v.at is not null)::float8 as verdict,
      (select percentile_cont(0.5) within group (order by extract(epoch from decided_at - proposed_at))
         from actions where decided_at >= ${from} and lab = ${lab} and decision->>'decision' <> 'automatic' and undoes is null)::float8 as decision,
      (select percentile_cont(0.5) within group (order by extract(epoch from c.at - c.opened_at))
         from (select i.opened_at, min(a.ended_at) as at from actions a join incidents i on i.id = a.incident_id
           where a.ended_at >= ${from} and a.lab = ${lab} and a.state in ('succeeded', 'undoing', 'undone') and a.undoes is null
             and a.kind not in (${sql.join(
               NO_CONTAINMENT.map((kind) => sql`${kind}`),
               sql`, `,
             )})
           group by i.id, i.opened_at) c)::float8 as containment`,
  );
  const ms = (seconds: number | null | undefined) => (seconds === null || seconds === undefined ? undefined : Math.max(0, seconds * 1000));
  return {
    incidents,
    medianMs: { verdict: ms(medians?.verdict), decision: ms(medians?.decision), containment: ms(medians?.containment) },
  };
}

async function rowsOf<Row>(db: Db, query: ReturnType<typeof sql>): Promise<Row[]> {
  const rows = await db.execute(query);
  return (Array.isArray(rows) ? rows : (rows as unknown as { rows: unknown[] }).rows) as Row[];
}
