import { type SQL, sql } from "drizzle-orm";
import type { Severity } from "../../engine/domain/alert.ts";
import {
  ACTION_OUTCOMES,
  type ActionOutcome,
  type AlertOutcome,
  type Gauges,
  type IncidentOutcomes,
  type ReportCounts,
  type SourceCounts,
  TOLD_BY,
} from "../../engine/domain/figures.ts";
import type { Db } from "../driver.ts";
import { openedIn, sourceOf } from "./figures.ts";
import { readRows } from "./rows-in.ts";

/** Sources of one report; the quiet ones are left out. */
const SOURCES = 20;

type Which = { from: Date; to: Date; lab: boolean; answerWithinMs: number };

/** What happened in a span, counted (engine/weekly-report.ts). Every part is found by an index; alerts by when they came in. */
export async function readReport(db: Db, which: Which): Promise<ReportCounts> {
  const opened = sql`from incidents i where i.status <> 'redirected' and ${openedIn(which)}`;
  const incidents = await readOutcomes(db, which);
  const evidence = await readRows<ReportCounts["evidence"][number]>(
    db,
    sql`select e.verdict, count(*)::int as pieces from evidence e where e.incident_id in (select i.id ${opened}) group by 1 order by 1`,
  );
  const came = await alertsIn(db, which);
  const settled = await settledIn(db, which);
  const wrong = await wrongBySource(db, which);
  const [machine] = await readRows<{ investigations: number; ran: number | null; look_ups: number }>(
    db,
    sql`
    with v as (
      select v.id, greatest(0, extract(epoch from coalesce(v.ended_at, v.pending_since, v.waiting_since) - v.began_at) * 1000 - v.pending_ms - v.waiting_ms) as ran
      from investigations v where v.began_at is not null and v.incident_id in (select i.id ${opened})
    )
    select count(*)::int as investigations, sum(ran)::float8 as ran,
      (select count(*)::int from observations o where o.investigation_id in (select v.id from v) and o.part = 0 and o.asked_at is not null
        and o.label <> 'failed') as look_ups
    from v`,
  );
  const actions = Object.fromEntries(
    ACTION_OUTCOMES.map((outcome) => [outcome, settled.find((row) => row.outcome === outcome)?.actions ?? 0]),
  );
  return {
    incidents,
    alerts: [...Map.groupBy(came, (row) => `${row.severity} ${row.outcome}`).values()].flatMap(([first, ...more]) =>
      first ? [{ severity: first.severity, outcome: first.outcome, alerts: first.alerts + sum(more, "alerts") }] : [],
    ),
    evidence,
    actions: actions as Record<ActionOutcome, number>,
    sources: sources(came, wrong),
    pages: await pagesIn(db, which),
    machine: {
      investigations: machine?.investigations ?? 0,
      ranMs: Math.round(Number(machine?.ran ?? 0)),
      lookUps: machine?.look_ups ?? 0,
      actions: settled.reduce((total, row) => total + row.done, 0),
    },
  };
}

export const readOutcomes = (db: Db, which: Omit<Which, "answerWithinMs">): Promise<IncidentOutcomes> =>
  readRows<IncidentOutcomes[number]>(
    db,
    sql`
    select i.severity, case when i.status = 'open' then 'open' else coalesce(i.classification, 'closed') end as outcome, count(*)::int as incidents
    from incidents i where i.status <> 'redirected' and ${openedIn(which)} group by 1, 2 order by 1, 2`,
  );

/** `opened`: how many of them opened an incident. */
type Came = { source: string; severity: Severity; outcome: AlertOutcome; alerts: number; repeats: number; opened: number };

const alertsIn = (db: Db, which: Which): Promise<Came[]> =>
  readRows<Came>(
    db,
    sql`
    select source, severity, case when preexisting then 'preexisting' when suppressed then 'suppressed'
        when investigation_id is not null then 'investigated' else 'shown' end as outcome,
      count(*)::int as alerts, sum(duplicates)::int as repeats, (count(*) filter (where joined_because is null))::int as opened
    from alerts where ${within(sql`received_at`, which)} and lab = ${which.lab} group by 1, 2, 3 order by 1, 2, 3`,
  );

/** Agree and Disagree leave an action cancelled, and so does much else: what came of it says which. */
const settledIn = (db: Db, which: Which) =>
  readRows<{ outcome: ActionOutcome; actions: number; done: number }>(
    db,
    sql`
    select case
        when decision->>'decision' = 'automatic' then 'automatic'
        when state = 'expired' then 'expired'
        when state = 'byHand' then 'byHand'
        when outcome like 'Agreed:%' then 'agreed'
        when outcome like 'Disagreed:%' then 'disagreed'
        when outcome like 'Not needed:%' then 'cancelled'
        when decision->>'decision' = 'approve' then 'approved'
        when decision->>'decision' = 'reject' then 'rejected'
        else 'cancelled' end as outcome,
      count(*)::int as actions,
      (count(*) filter (where decision->>'decision' = 'automatic' and state in ('succeeded', 'undoing', 'undone')))::int as done
    from actions where ${within(sql`coalesce(decided_at, ended_at)`, which)} and lab = ${which.lab} and undoes is null
    group by 1`,
  );

type Wrong = { source: string | null; falsePositives: number; undone: number; overridden: number };

/** Whose alerts turned out wrong: closed as false positives, or acted on and taken back, or cleared by a person. Few: each is looked up. */
const wrongBySource = (db: Db, which: Which) =>
  readRows<Wrong>(
    db,
    sql`
    select source, sum(fp)::int as "falsePositives", sum(undone)::int as undone, sum(overridden)::int as overridden
    from (
      select ${sourceOf(sql`i.id`)} as source, 1 as fp, 0 as undone, 0 as overridden
      from incidents i where i.status <> 'redirected' and i.classification = 'falsePositive' and ${openedIn(which)}
      union all
      select ${sourceOf(sql`x.incident_id`)}, 0, x.undone::int, coalesce(x.overridden, false)::int
      from (
        select a.incident_id, e.override->>'verdict' = 'noThreatsFound' as overridden,
          a.state in ('undoing', 'undone') and not exists
            (select 1 from actions u where u.undoes = a.id and u.incident_id = a.incident_id and u.decision->>'via' = 'air') as undone
        from actions a left join evidence e on e.id = a.evidence_id
        where ${within(sql`coalesce(a.decided_at, a.ended_at)`, which)} and a.lab = ${which.lab} and a.undoes is null
      ) x where x.undone or x.overridden
    ) s group by source`,
  );

function sources(came: readonly Came[], wrong: readonly Wrong[]): SourceCounts[] {
  const bySource = Map.groupBy(came, (row) => row.source);
  const names = new Set([...bySource.keys(), ...wrong.flatMap((row) => row.source ?? [])]);
  return [...names]
    .map((source) => {
      const rows = bySource.get(source) ?? [];
      const { falsePositives = 0, undone = 0, overridden = 0 } = wrong.find((row) => row.source === source) ?? {};
      const [alerts, repeats, incidents] = [sum(rows, "alerts"), sum(rows, "repeats"), sum(rows, "opened")];
      return { source, alerts, repeats, incidents, falsePositives, undone, overridden };
    })
    .sort((a, b) => b.alerts + b.repeats - a.alerts - a.repeats || (a.source < b.source ? -1 : 1))
    .slice(0, SOURCES);
}

const acknowledged = sql`(${sql.join(
  TOLD_BY.acknowledged.map((event) => sql`${event}`),
  sql`, `,
)})`;

const ofWorld = (lab: boolean): SQL => sql`exists (select 1 from incidents i where i.id = p.incident_id and i.lab = ${lab})`;

/**
 * Answered: somebody acknowledged the call or the incident, or decided, within the interval after it was sent. An acknowledgement that was
 * taken back was one all the same: the rows forget it, the story does not.
 */
async function pagesIn(db: Db, which: Which): Promise<ReportCounts["pages"]> {
  const until = sql`p.sent_at + ${which.answerWithinMs}::float8 * interval '1 millisecond'`;
  const [pages] = await readRows<ReportCounts["pages"]>(
    db,
    sql`
    select (count(*) filter (where sent))::int as sent, (count(*) filter (where sent and asks))::int as asked,
      (count(*) filter (where sent and asks and answered))::int as answered, (count(*) filter (where untold))::int as untold
    from (
      select p.sent_at is not null as sent, p.sent_at is null and p.dropped_at is null and p.trouble is not null as untold,
        p.call_id is not null or p.step like 'deadline%' or p.step in ('second', 'reminder') as asks,
        exists (select 1 from actions a where a.id = p.action_id and a.decided_at between p.sent_at and ${until})
          or exists (select 1 from incidents i where i.id = p.incident_id and i.acked_at between p.sent_at and ${until})
          or exists (select 1 from calls c where c.id = p.call_id and c.acked_at between p.sent_at and ${until})
          or exists (select 1 from timeline l where l.incident_id = p.incident_id and l.at between p.sent_at and ${until}
            and (l.event in ${acknowledged} or (l.event = 'incident-assign' and exists
              (select 1 from calls c where c.id = p.call_id and c.cause like 'incident %')))) as answered
      from pages p where ${within(sql`p.created_at`, which)} and ${ofWorld(which.lab)}
    ) p`,
  );
  return pages ?? { sent: 0, untold: 0, asked: 0, answered: 0 };
}

/** What a monitoring system counts beside the times: pages by why and what became of them, automatic actions by kind and state. */
export async function readGauges(db: Db, which: Omit<Which, "answerWithinMs">): Promise<Gauges> {
  const pages = await readRows<Gauges["pages"][number]>(
    db,
    sql`
    select split_part(p.step, ' ', 1) as step, case when p.sent_at is not null then 'sent' when p.dropped_at is not null then 'not needed'
        when p.trouble is not null then 'untold' else 'waiting' end as outcome, count(*)::int as pages
    from pages p where ${within(sql`p.created_at`, which)} and ${ofWorld(which.lab)} group by 1, 2`,
  );
  const automatic = await readRows<Gauges["automatic"][number]>(
    db,
    sql`
    select kind, state, count(*)::int as actions from actions
    where ${within(sql`coalesce(decided_at, ended_at)`, which)} and lab = ${which.lab} and decision->>'decision' = 'automatic' group by 1, 2`,
  );
  return { pages, automatic };
}

const within = (column: SQL, { from, to }: Pick<Which, "from" | "to">): SQL =>
  sql`${column} >= ${from.toISOString()}::timestamptz and ${column} < ${to.toISOString()}::timestamptz`;

const sum = <Row>(rows: readonly Row[], field: keyof Row): number => rows.reduce((total, row) => total + Number(row[field]), 0);
