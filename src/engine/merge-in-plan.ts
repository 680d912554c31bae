import { incidentId } from "./air.ts";
import {
  decideJoin,
  extend,
  type Hit,
  type Joined,
  type MergeFacts,
  RETIRE,
  type Span,
  type Tie,
  tied,
  UNLIMITED,
} from "./domain/correlate.ts";
import { type Headline, headlineOf, incidentTitle, severityOfBoth } from "./domain/incident.ts";
import { follow, type Held, type Plan } from "./intake-plan.ts";
import type { Prepared } from "./prepare-alert.ts";
import type { IncidentRow } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";

/** Who joins and merges. */
export const CORRELATE = { kind: "air", job: "correlate" } as const;

/** The incident this alert belongs to; what it ties together becomes one in the plan. `home`: where it is already, or is asked into. */
export function join(plan: Plan, item: Prepared, home = item.requestedBy?.incident): Omit<Joined, "absorb"> | undefined {
  const at = item.eventAt.getTime();
  const hits = item.ties.ties.flatMap((tie): Hit[] =>
    plan.keys.get(tie.key)?.retired
      ? []
      : (plan.spans.get(tie.key) ?? [])
          .filter(({ row }) => tied(tie, at, row))
          .map(({ row }) => ({ incident: follow(plan.into, row.incident), tie })),
  );
  if (home !== undefined) hits.push({ incident: follow(plan.into, home), tie: AT_HOME });
  const possible = hits.filter(({ incident }) => {
    const row = plan.incidents.get(incident)?.row;
    return row?.status === "open" && row.lab === item.lab;
  });
  const joined = decideJoin(possible, (incident) => mergeFacts(plan, incident));
  for (const { incident, because } of joined?.absorb ?? []) merge(plan, incident, joined?.incident ?? incident, because, item.receivedAt);
  return joined;
}
/** An alert that is in an incident already, or that a person asks for there, belongs there before everything else. */
const AT_HOME: Tie = {
  key: "",
  lock: "",
  beforeMs: UNLIMITED,
  afterMs: UNLIMITED,
  because: "asked for in this incident",
  name: "this incident",
  strongest: true,
  retires: false,
};

function mergeFacts(plan: Plan, incident: number): MergeFacts {
  const row = plan.incidents.get(incident)?.row;
  return {
    id: incident,
    lab: row?.lab ?? false,
    assignee: row?.assignee ?? null,
    classification: row?.classification ?? null,
    determination: row?.determination ?? null,
    apart: row?.apart ?? [],
    alerts: row?.alertCount ?? 0,
  };
}

/** Two incidents become one, in the plan: rows already stored follow in one statement each when it is written. */
function merge(plan: Plan, from: number, to: number, because: string, at: Date): void {
  const absorbed = plan.incidents.get(from);
  const survivor = plan.incidents.get(to);
  if (!absorbed || !survivor) return;
  plan.into.set(from, to);
  survivor.row = mergedRow(survivor.row, absorbed.row, at);
  survivor.changed = true;
  if (absorbed.fresh) plan.incidents.delete(from);
  else {
    absorbed.row = { ...absorbed.row, status: "redirected", redirectTo: to, closedAt: at, updatedAt: at };
    absorbed.changed = true;
    plan.merges.push({ from, to });
  }
  // In an incident of its own that nobody ever saw, it did not open one: it joined.
  if (absorbed.fresh) for (const row of plan.newAlerts) if (row.incidentId === from) row.joinedBecause ??= because;
  for (const row of [...plan.newAlerts, ...plan.evidence, ...plan.timeline, ...plan.unstarted])
    if (row.incidentId === from) row.incidentId = to;
  for (const known of plan.known.values()) if (known.incidentId === from) known.incidentId = to;
  for (const parted of absorbed.row.apart) {
    const held = plan.incidents.get(parted);
    if (held && parted !== to) held.row = { ...held.row, apart: [...new Set([...held.row.apart, to])] };
  }
  if (plan.show.delete(from)) plan.show.add(to);
  mergeRunning(plan, from, to);
  if (absorbed.fresh) return;
  plan.timeline.push(
    timelineLine({ incidentId: to }, at, CORRELATE, "incident-merged", `${incidentId(from)} was merged into this incident: ${because}`),
    timelineLine({ incidentId: from }, at, CORRELATE, "incident-redirected", `Merged into ${incidentId(to)}: ${because}`),
  );
}

/** The union of two incidents, as the older one bears it. */
export function mergedRow(survivor: IncidentRow, absorbed: IncidentRow, at: Date): IncidentRow {
  const headline = headlineOf(headlineFrom(survivor), headlineFrom(absorbed));
  const alertCount = survivor.alertCount + absorbed.alertCount;
  return {
    ...survivor,
    headline,
    title: incidentTitle(headline, alertCount),
    severity: severityOfBoth(standingOf(survivor), standingOf(absorbed)),
    alertCount,
    assignee: survivor.assignee ?? absorbed.assignee,
    classification: survivor.classification ?? absorbed.classification,
    determination: survivor.determination ?? absorbed.determination,
    apart: [...new Set([...survivor.apart, ...absorbed.apart])],
    quiet: survivor.quiet && absorbed.quiet,
    preexisting: survivor.preexisting && absorbed.preexisting,
    stormId: survivor.stormId === absorbed.stormId ? survivor.stormId : null,
    openedAt: earlier(survivor.openedAt, absorbed.openedAt),
    updatedAt: later(later(survivor.updatedAt, absorbed.updatedAt), at),
  };
}

/** How severe it is, and whether anything of it happened under air's watch. */
export const standingOf = ({ severity, preexisting }: Pick<IncidentRow, "severity" | "preexisting">) => ({ severity, old: preexisting });

/** Where all its alerts are old, so is the one whose title it bears. */
export const headlineFrom = (row: IncidentRow): Headline => ({
  ...(row.headline ?? { title: row.title, severity: row.severity, at: row.openedAt.toISOString() }),
  ...(row.preexisting ? { old: true } : {}),
});

/** One investigation takes new alerts; one that began in this very batch is folded into it, one that already runs goes on beside it. */
function mergeRunning(plan: Plan, from: number, to: number): void {
  const moving = plan.running.get(from);
  if (!moving) return;
  plan.running.delete(from);
  moving.row = { ...moving.row, incidentId: to };
  const staying = plan.running.get(to);
  if (!staying) {
    plan.running.set(to, moving);
    moving.changed = true;
    return;
  }
  if (!moving.fresh && !staying.fresh) {
    plan.beside.push(moving);
    return;
  }
  const [keep, drop] = moving.fresh ? [staying, moving] : [moving, staying];
  for (const row of [...plan.newAlerts, ...plan.evidence, ...plan.timeline]) {
    if (row.investigationId === drop.row.id) row.investigationId = keep.row.id;
  }
  for (const known of plan.known.values()) if (known.investigationId === drop.row.id) known.investigationId = keep.row.id;
  keep.row = { ...keep.row, wanted: keep.row.wanted + drop.row.wanted };
  keep.changed = true;
  plan.running.set(to, keep);
}

export const later = (a: Date, b: Date) => (a > b ? a : b);
const earlier = (a: Date, b: Date) => (a < b ? a : b);

/** Notes when the incident saw the alert's keys, and retires a key that ties too many incidents together. */
export function keepMarks(plan: Plan, item: Prepared, incident: number): void {
  const at = item.eventAt.getTime();
  const byKey = new Map(item.ties.ties.map((tie): [string, Tie] => [tie.key, tie]));
  for (const { key, gapMs } of item.ties.marks) {
    const spans = plan.spans.get(key) ?? [];
    const mine = spans.filter(({ row }) => follow(plan.into, row.incident) === incident);
    if (mine.length === 0) count(plan, key, byKey.get(key), incident);
    const merged = extend(
      mine.map(({ row }) => row),
      at,
      gapMs,
    );
    const kept = mine.filter(({ row }) => merged.apart.includes(row));
    const taken = mine.filter((held) => !kept.includes(held));
    // One that begins where the new one begins is overwritten by it.
    plan.gone.push(...taken.filter((held) => !held.fresh && held.row.first !== merged.span.first).map((held) => held.row));
    const fresh: Held<Span> = { row: { incident, key, ...merged.span }, fresh: taken.every((held) => held.fresh), changed: true };
    plan.spans.set(key, [...spans.filter((held) => !taken.includes(held)), fresh]);
  }
}

function count(plan: Plan, key: string, tie: Tie | undefined, incident: number): void {
  const counted = plan.keys.get(key);
  if (!counted) return;
  // A key's row begins with its first incident counted.
  if (counted.fresh) {
    counted.fresh = false;
    return;
  }
  if (!tie?.retires || counted.retired) return;
  counted.incidents += 1;
  counted.changed = true;
  if (counted.incidents <= RETIRE.incidents) return;
  counted.retired = true;
  plan.timeline.push(
    timelineLine(
      { incidentId: incident },
      plan.now,
      CORRELATE,
      "key-retired",
      `${tie.name} no longer ties alerts together: it was seen in more than ${RETIRE.incidents} incidents within 7 days`,
    ),
  );
}
