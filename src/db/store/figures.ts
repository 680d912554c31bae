import { type SQL, sql } from "drizzle-orm";
import { CONTAINS, type FigureGroup, type FigureRow, type IncidentFigures, type Spread, TOLD_BY } from "../../engine/domain/figures.ts";
import type { Db } from "../driver.ts";
import { readTimestamp } from "../schema.ts";
import { ONE_BY_ONE, readRows } from "./rows-in.ts";

/*
 * The figures of incidents (engine/domain/figures.ts): how they are taken from the story, kept, and read. An incident from before they were
 * kept has no row, and neither has one in which nothing of it happened: of both they are taken from the story at every read.
 */

const listed = (values: readonly string[]): SQL =>
  sql`(${sql.join(
    values.map((value) => sql`${value}`),
    sql`, `,
  )})`;

const DECIDED = sql`(l.event in ${listed(TOLD_BY.decided)} and l.actor->>'kind' = 'person' and a.id is not null and a.undoes is null
  and coalesce(a.requested_by->>'key' <> l.actor->>'key', true))`;
const CONTAINED = sql`(l.event in ${listed(TOLD_BY.contained)} and a.undoes is null and a.kind in ${listed(CONTAINS)})`;
const EVERY = listed([...new Set(Object.values(TOLD_BY).flat())]);
const first = (which: SQL) => sql`min(l.at) filter (where ${which})`;

/** What the lines of these incidents' stories say. */
const told = (which: SQL): SQL => sql`
  select s.*, d.proposed_at as asked_at, d.family,
    d.family || ': ' || coalesce(d.decision->>'role', 'approvers' || coalesce(' of ' || d.device_group, '')) as approver,
    (select v.playbooks->>0 from investigations v
      where v.incident_id = s.incident_id and v.playbooks->>0 is not null order by v.id + 0 limit 1) as playbook
  from (
    select l.incident_id,
      ${first(sql`l.event in ${listed(TOLD_BY.acknowledged)}`)} as acked_at,
      ${first(sql`l.event in ${listed(TOLD_BY.accused)}`)} as accused_at,
      ${first(sql`l.event in ${listed(TOLD_BY.judged)}`)} as judged_at,
      ${first(sql`l.event in ${listed(TOLD_BY.proposed)}`)} as proposed_at,
      ${first(DECIDED)} as decided_at,
      (array_agg(l.actor->>'name' order by l.at, l.id) filter (where ${DECIDED}))[1] as decided_by,
      (array_agg(a.id order by l.at, l.id) filter (where ${DECIDED}))[1] as decided_action,
      ${first(CONTAINED)} as contained_at
    from timeline l left join actions a on a.id = l.action_id
    where ${which} and l.event in ${EVERY}
    group by l.incident_id
  ) s left join actions d on d.id = s.decided_action`;

const FIRSTS = ["acked_at", "accused_at", "judged_at", "proposed_at", "contained_at"] as const;
const DECISION = ["decided_at", "asked_at", "decided_by", "approver", "family"] as const;
const COLUMNS = sql.raw(["incident_id", ...FIRSTS, ...DECISION, "playbook"].join(", "));

/** Of two the earlier; what belongs to a decision goes with it. */
const EARLIER = sql.raw(
  [
    ...FIRSTS.map((name) => `${name} = least(f.${name}, excluded.${name})`),
    ...DECISION.map(
      (name) => `${name} = case when excluded.decided_at < coalesce(f.decided_at, 'infinity') then excluded.${name} else f.${name} end`,
    ),
    "playbook = coalesce(excluded.playbook, f.playbook)",
  ].join(", "),
);

/** Incidents whose story got a line that counts, and those that were merged, in the order it happened. */
export type FiguresToKeep = { told: Set<number>; merged: { from: number; to: number }[] };

/** Keeps what the stories say now; called once at the end of a transaction, so that rows are locked in one order. */
export async function keepFigures(db: Db, { told: incidents, merged }: FiguresToKeep): Promise<void> {
  for (const { from, to } of merged) {
    // What is kept of it may be more than its story still says.
    await db.execute(sql`
      insert into incident_figures as f (${COLUMNS})
      select ${to}::int, ${sql.raw([...FIRSTS, ...DECISION, "playbook"].join(", "))} from incident_figures where incident_id = ${from}
      on conflict (incident_id) do update set ${EARLIER}`);
    await db.execute(sql`delete from incident_figures where incident_id = ${from}`);
    incidents.delete(from);
    incidents.add(to);
  }
  await keepTold(db, [...incidents]);
}

/** Keeps what the stories of these say, where it is not kept yet. */
async function keepTold(db: Db, incidents: readonly number[]): Promise<void> {
  if (incidents.length === 0) return;
  const ids = JSON.stringify([...incidents]);
  await db.execute(sql`
    insert into incident_figures as f (${COLUMNS})
    select ${COLUMNS} from (select jsonb_array_elements_text(${ids}::jsonb)::int as id) one
      cross join lateral (${told(sql`l.incident_id = one.id`)} ${ONE_BY_ONE}) t
    order by incident_id
    on conflict (incident_id) do update set ${EARLIER}`);
}

const kept = (name: string) => sql.raw(`case when k.incident_id is null then d.${name} else k.${name} end as ${name}`);
const KEPT = sql.join([...FIRSTS, ...DECISION, "playbook"].map(kept), sql`, `);

/** The source whose alert opened it. Not ordered by a bare id: for one row the planner would walk the whole index of ids. */
export const sourceOf = (incident: SQL): SQL =>
  sql`(select (array_agg(a.source order by a.id))[1] from alerts a where a.incident_id = ${incident})`;

/** Only what nothing is kept of is taken from its story: beside each other, for a look at each would cost as much as all of it is worth. */
const figures = (which: SQL): SQL => sql`
  with chosen as (select i.id, i.opened_at, i.closed_at, i.severity from incidents i where i.status <> 'redirected' and ${which}),
  untold as (${told(
    sql`l.incident_id in (select c.id from chosen c where not exists (select 1 from incident_figures k where k.incident_id = c.id))`,
  )})
  select i.*, ${KEPT}
  from chosen i left join incident_figures k on k.incident_id = i.id left join untold d on d.incident_id = i.id`;

/** Opened in that span, in that world; what is older than air's watch took as long as it took without air. */
export const openedIn = ({ from, to, lab }: { from: Date; to: Date; lab: boolean }): SQL => sql`
  i.opened_at >= ${from.toISOString()}::timestamptz and i.opened_at < ${to.toISOString()}::timestamptz
  and i.lab = ${lab} and not i.preexisting`;

const GROUP: Record<Exclude<FigureGroup, "week">, SQL> = {
  playbook: sql`playbook`,
  approver: sql`approver`,
  family: sql`family`,
  severity: sql`severity`,
  source: sourceOf(sql`f.id`),
};
const TIMES = {
  acknowledge: sql`acked_at - opened_at`,
  verdict: sql`judged_at - opened_at`,
  decision: sql`decided_at - asked_at`,
  containment: sql`contained_at - opened_at`,
} as const;

type TimesRead = { group: string | null; incidents: number } & Record<string, number | string | null>;

export async function readFigures(
  db: Db,
  { by, timeZone = "UTC", ...span }: { from: Date; to: Date; lab: boolean; by?: FigureGroup; timeZone?: string },
): Promise<FigureRow[]> {
  const group = by === undefined ? sql`null` : by === "week" ? sql`to_char(opened_at at time zone ${timeZone}, 'IYYY-"W"IW')` : GROUP[by];
  const took = sql.join(
    Object.entries(TIMES).map(([name, time]) => sql`greatest(0, extract(epoch from ${time}) * 1000) as ${sql.identifier(name)}`),
    sql`, `,
  );
  const spreads = sql.join(
    Object.entries(TIMES).map(([name, time]) => {
      const column = sql.identifier(name);
      const part = (share: string) =>
        sql`(percentile_cont(${sql.raw(share)}) within group (order by ${column}) filter (where ${time} is not null))::float8`;
      return sql`(count(*) filter (where ${time} is not null))::int as ${sql.identifier(`${name}_n`)},
        ${part("0.5")} as ${sql.identifier(`${name}_p50`)}, ${part("0.9")} as ${sql.identifier(`${name}_p90`)}`;
    }),
    sql`, `,
  );
  const rows = await readRows<TimesRead>(
    db,
    sql`
    with took as (select f.*, ${group} as "group", ${took} from (${figures(openedIn(span))}) f)
    select ${by === undefined ? sql`null` : sql`"group"`} as "group", count(*)::int as incidents, ${spreads}
    from took ${by === undefined ? sql`` : sql`group by "group" order by "group" nulls last`}`,
  );
  return rows.map((row) => ({
    group: row.group,
    incidents: row.incidents,
    acknowledge: spreadOf(row, "acknowledge"),
    verdict: spreadOf(row, "verdict"),
    decision: spreadOf(row, "decision"),
    containment: spreadOf(row, "containment"),
  }));
}

function spreadOf(row: TimesRead, name: string): Spread {
  const ms = (value: unknown) => (value === null || value === undefined ? null : Math.round(Number(value)));
  return { n: Number(row[`${name}_n`] ?? 0), p50: ms(row[`${name}_p50`]), p90: ms(row[`${name}_p90`]) };
}

type FiguresRead = { id: number; decided_by: string | null; approver: string | null; playbook: string | null } & Pick<
  IncidentFigures,
  "family"
> &
  Record<"opened_at" | "closed_at" | (typeof FIRSTS)[number] | "decided_at" | "asked_at", unknown>;

export async function readFiguresOf(db: Db, incidents: readonly number[]): Promise<Map<number, IncidentFigures>> {
  if (incidents.length === 0) return new Map();
  const ids = JSON.stringify([...incidents]);
  const rows = await readRows<FiguresRead>(db, figures(sql`i.id in (select jsonb_array_elements_text(${ids}::jsonb)::int)`));
  const date = (value: unknown) => (value === null || value === undefined ? null : readTimestamp(value));
  return new Map(
    rows.map((row) => [
      row.id,
      {
        openedAt: readTimestamp(row.opened_at),
        acknowledgedAt: date(row.acked_at),
        accusedAt: date(row.accused_at),
        judgedAt: date(row.judged_at),
        proposedAt: date(row.proposed_at),
        askedAt: date(row.asked_at),
        decidedAt: date(row.decided_at),
        decidedBy: row.decided_by,
        approver: row.approver,
        family: row.family,
        containedAt: date(row.contained_at),
        closedAt: date(row.closed_at),
        playbook: row.playbook,
      },
    ]),
  );
}

/**
 * Reads over thousands of incidents look so dear to PostgreSQL that it compiles each of them, which takes longer than answering it: with
 * 100,000 incidents stored, a week by source took 2 s of which 1.5 were that. For this transaction only; the connection stays as it is.
 */
export const uncompiled = <T>(db: Db, work: (db: Db) => Promise<T>): Promise<T> =>
  db.transaction(async (tx) => {
    await tx.execute(sql`set local jit = off`);
    return work(tx as Db);
  });
