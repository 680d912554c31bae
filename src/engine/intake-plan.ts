import type { Snooze } from "./domain/alert-policy.ts";
import { RETIRE, type Span } from "./domain/correlate.ts";
import { handlingChange } from "./domain/handling.ts";
import type { Prepared } from "./prepare-alert.ts";
import type { AlertRow, EvidenceRow, IncidentRow, InvestigationRow, LockedKey, New, TimelineRow, Tx, WriteBackRow } from "./store.ts";

export type Known = Pick<
  AlertRow,
  "id" | "digest" | "incidentId" | "investigationId" | "status" | "severity" | "handling" | "preexisting"
> & {
  entityCount: number;
  told: Pick<WriteBackRow, "classification" | "determination"> | null;
};
export type Counted = { incidents: number; countedSince: Date; retired: boolean; fresh: boolean; changed: boolean };
/** `raised`: an incident that became more severe than it was. */
export type Held<Row> = { row: Row; fresh: boolean; changed: boolean; raised?: boolean };

/** Everything the batch changes, gathered in memory so that it is written in a handful of statements. */
export type Plan = {
  now: Date;
  ids: Record<"alerts" | "incidents" | "investigations", number[]>;
  known: Map<string, Known>;
  snoozes: Snooze[];
  /** By join key: when which incident saw it. */
  spans: Map<string, Held<Span>[]>;
  /** Stored spans that became part of another. */
  gone: Span[];
  /** In how many incidents each key was counted, and whether it still ties anything. */
  keys: Map<string, Counted>;
  /** Where an absorbed incident went. */
  into: Map<number, number>;
  merges: { from: number; to: number }[];
  incidents: Map<number, Held<IncidentRow>>;
  /** The investigation new alerts of an incident join. */
  running: Map<number, Held<InvestigationRow>>;
  /** Investigations of absorbed incidents that go on beside it, and got something to look at before. */
  beside: Held<InvestigationRow>[];
  /** Never begun, and never will: of incidents that are older than air's watch. */
  unstarted: InvestigationRow[];
  /** Incidents with alerts their source, which air asks itself, now says are resolved. */
  resolved: Set<number>;
  newAlerts: AlertRow[];
  updatedAlerts: { known: Known; change: Partial<AlertRow> }[];
  duplicates: Map<number, number>;
  evidence: New<EvidenceRow>[];
  timeline: New<TimelineRow>[];
  /** Shown now although the channel shows only what is needed. */
  show: Set<number>;
};

/** Locks and reads what the batch may touch. */
export async function openPlan(tx: Tx, alerts: readonly Prepared[], now: Date): Promise<Plan> {
  const keys = [...new Set(alerts.flatMap(({ ties }) => [...ties.ties, ...ties.marks].map((one) => one.lock)))];
  // Locked first: an alert or an incident that another transaction just made is seen by what is read after it.
  const locked = await tx.lockJoinKeys(keys, now);
  const labs = [...new Set(alerts.map((one) => one.lab))];
  const wanted = new Set(alerts.flatMap((one) => (one.requestedBy?.incident === undefined ? [] : [one.requestedBy.incident])));
  // Sent together: statements of one transaction go over the wire without waiting for each other's answers.
  const [rows, snoozes, ...lists] = await Promise.all([
    tx.alertsByIdentity(alerts.map((one) => one.identity)),
    tx.activeSnoozes(now),
    ...labs.map((lab) => tx.spans(rangesOf(alerts), lab)),
  ]);
  const known = new Map(rows.map((row) => [row.identity, row]));
  const found = lists.flat();
  const touched = [...new Set([...found.map((row) => row.incident), ...rows.map((row) => row.incidentId), ...wanted])];
  const [incidents, ids] = await Promise.all([lockFollowing(tx, touched), tx.nextIds(idsFor(alerts, known))]);
  const running = await tx.lockRunning([...incidents.keys()]);
  const into = new Map([...incidents.values()].flatMap((row) => (row.redirectTo === null ? [] : [[row.id, row.redirectTo] as const])));
  return {
    now,
    ids,
    known,
    snoozes,
    spans: Map.groupBy(
      found
        .filter((span) => incidents.get(follow(into, span.incident))?.status === "open")
        .map((row): Held<Span> => ({ row, fresh: false, changed: false })),
      (span) => span.row.key,
    ),
    gone: [],
    keys: new Map(locked.map((row): [string, Counted] => [row.digest, countedFrom(row, now)])),
    into,
    merges: [],
    incidents: new Map([...incidents.values()].map((row) => [row.id, { row, fresh: false, changed: false }])),
    // The oldest goes on; a younger one of an absorbed incident ends by itself.
    running: new Map(running.toReversed().map((row) => [row.incidentId, { row, fresh: false, changed: false }])),
    beside: [],
    unstarted: [],
    resolved: new Set(),
    newAlerts: [],
    updatedAlerts: [],
    duplicates: new Map(),
    evidence: [],
    timeline: [],
    show: new Set(),
  };
}

/** A repeat draws no ids: a source may send, or be asked for, the same alert every few seconds for as long as air runs. */
function idsFor(alerts: readonly Prepared[], known: ReadonlyMap<string, Known>): Record<keyof Plan["ids"], number> {
  let fresh = 0;
  let news = 0;
  for (const [identity, same] of Map.groupBy(alerts, (one) => one.identity)) {
    const stored = known.get(identity);
    if (!stored) fresh++;
    // An update may start an investigation, and so may an update that comes in the same moment as what it updates.
    if (!stored || same.some((one) => !isRepeat(stored, one))) news += same.length;
  }
  return { alerts: fresh, incidents: fresh, investigations: news };
}

/** Nothing in it is new to air. */
export const isRepeat = (
  known: Pick<Known, "digest" | "status" | "handling" | "told">,
  item: Pick<Prepared, "digest" | "alert">,
): boolean => known.digest === item.digest && handlingChange(known, item) === undefined;

/** Counting starts again after a period, and what was retired ties again after one. */
function countedFrom(row: LockedKey, now: Date): Counted {
  const within = (at: Date | null) => at !== null && now.getTime() - at.getTime() <= RETIRE.periodMs;
  const going = within(row.countedSince);
  return {
    incidents: going ? row.incidents : 0,
    countedSince: going && row.countedSince ? row.countedSince : now,
    retired: within(row.retiredAt),
    fresh: row.fresh,
    changed: false,
  };
}

/** Of each key, the time any alert of the batch could be tied in: an old key's every sighting is not read. */
function rangesOf(alerts: readonly Prepared[]): { digest: string; from: Date; to: Date }[] {
  const ranges = new Map<string, { from: number; to: number }>();
  const add = (key: string, from: number, to: number) => {
    const known = ranges.get(key);
    ranges.set(key, known ? { from: Math.min(known.from, from), to: Math.max(known.to, to) } : { from, to });
  };
  for (const { ties, eventAt } of alerts) {
    const at = eventAt.getTime();
    for (const tie of ties.ties) add(tie.key, at - tie.beforeMs, at + tie.afterMs);
    for (const mark of ties.marks) add(mark.key, at - mark.gapMs, at + mark.gapMs);
  }
  return [...ranges].map(([digest, { from, to }]) => ({ digest, from: clamp(from), to: clamp(to) }));
}
/** PostgreSQL's timestamps and JavaScript's dates both hold years 1 to 9999 comfortably. */
const clamp = (ms: number) => new Date(Math.min(253_402_300_799_000, Math.max(-62_135_596_800_000, ms)));

/** Locks incidents, and those they were merged into meanwhile. */
async function lockFollowing(tx: Tx, ids: readonly number[]): Promise<Map<number, IncidentRow>> {
  const locked = new Map<number, IncidentRow>();
  for (let next = [...ids]; next.length > 0; ) {
    for (const row of await tx.lockIncidents(next)) locked.set(row.id, row);
    next = [...locked.values()].flatMap((row) => (row.redirectTo !== null && !locked.has(row.redirectTo) ? [row.redirectTo] : []));
  }
  return locked;
}

export function follow(into: ReadonlyMap<number, number>, incident: number): number {
  let at = incident;
  for (let next = into.get(at); next !== undefined; next = into.get(at)) at = next;
  return at;
}
