import canonicalize from "canonicalize";
import { type Air, alertId, incidentId, investigationId } from "./air.ts";
import { type Actor, actorName } from "./domain/actor.ts";
import { type Alert, highest, type NamedEntity } from "./domain/alert.ts";
import { alertPolicyFor, type PolicyAnswer, type Snooze } from "./domain/alert-policy.ts";
import {
  decideJoin,
  extend,
  type Hit,
  type Joined,
  type MergeFacts,
  RETIRE,
  type Span,
  type Tie,
  type Ties,
  tied,
  tiesOf,
  UNLIMITED,
} from "./domain/correlate.ts";
import { entityKey, evidenceKeys } from "./domain/entity.ts";
import { type Headline, headlineOf, incidentTitle } from "./domain/incident.ts";
import { joinable } from "./domain/never-act.ts";
import type { Policy } from "./domain/policy.ts";
import { sha256 } from "./sha256.ts";
import type { AlertRow, EvidenceRow, IncidentRow, InvestigationRow, LockedKey, New, TimelineRow, Tx } from "./store.ts";
import { alikeDigest, raiseStorms } from "./storm.ts";
import { type Changed, neededAtOnce, wantCards } from "./want-cards.ts";

/** One request's alerts, already parsed. They are stored together or not at all. */
export type Intake = {
  source: string;
  lab: boolean;
  alerts: readonly Alert[];
  receivedAt: Date;
  /** Asked for by a person: it is investigated whatever the policies say, under their name. */
  requestedBy?: { actor: Actor; incident?: number };
};

/** The answer to one alert, as product contract 3.2 shapes it; a duplicate names the surviving incident. */
export type Accepted = { alert: string; incident: string; investigation: string | null; duplicate: boolean; updated?: true };

/**
 * Stores a batch of requests in one transaction: alert, incident, investigation, evidence, timeline, messages and jobs.
 * Returns after the commit, one list per request, in order. Throws for the whole batch: the caller tries them one by one.
 */
export async function ingestAlerts(air: Air, requests: readonly Intake[]): Promise<Accepted[][]> {
  const policy = air.policy();
  const prepared = requests.map((request) => request.alerts.map((alert) => prepare(request, alert, policy)));
  return air.store.transaction(async (tx) => {
    const plan = await open(tx, prepared.flat(), air.clock.now());
    const accepted = prepared.map((alerts) => alerts.map((alert) => place(plan, alert, policy)));
    await write(tx, air, plan);
    return accepted.map((alerts) => alerts.map((answer) => answer()));
  });
}

type Prepared = {
  source: string;
  alert: Alert;
  lab: boolean;
  receivedAt: Date;
  eventAt: Date;
  identity: string;
  digest: string;
  /** Keys by their SHA-256: what an attacker wrote is never an index key itself. */
  ties: Ties;
  requestedBy: Intake["requestedBy"];
};

function prepare(request: Intake, alert: Alert, policy: Policy): Prepared {
  const eventAt = alert.detectedAt ?? request.receivedAt;
  const { raw: _raw, ...said } = alert;
  return {
    source: request.source,
    alert,
    lab: request.lab,
    receivedAt: request.receivedAt,
    eventAt,
    identity: sha256(`${request.lab ? "lab" : "real"}\n${request.source}\n${alert.sourceId}`),
    digest: sha256(canonicalize(said) ?? ""),
    ties: digested(
      tiesOf(
        {
          source: request.source,
          title: alert.title,
          product: alert.product,
          policyId: alert.policyId,
          vendorIncident: alert.vendorIncident?.id,
          entities: alert.entities,
          eventAt,
        },
        policy.correlation,
        (entity) => joinable(entity, policy.organization),
      ),
    ),
    requestedBy: request.requestedBy,
  };
}

function digested({ ties, marks }: Ties): Ties {
  // A key is tied, marked and locked under one name: it is digested once.
  const digests = new Map<string, string>();
  const digest = (key: string): string => {
    const known = digests.get(key) ?? sha256(key);
    digests.set(key, known);
    return known;
  };
  return {
    ties: ties.map((tie) => ({ ...tie, key: digest(tie.key), lock: digest(tie.lock) })),
    marks: marks.map((mark) => ({ ...mark, key: digest(mark.key), lock: digest(mark.lock) })),
  };
}

/** What an alert that is already stored is remembered by: for parting and rejoining incidents. */
export const marksOf = (
  alert: Pick<AlertRow, "source" | "title" | "product" | "policyId" | "vendorIncident" | "entities" | "detectedAt">,
  policy: Policy,
) =>
  digested(
    tiesOf(
      {
        source: alert.source,
        title: alert.title,
        product: alert.product ?? undefined,
        policyId: alert.policyId ?? undefined,
        vendorIncident: alert.vendorIncident ?? undefined,
        entities: alert.entities,
        eventAt: alert.detectedAt,
      },
      policy.correlation,
      (entity) => joinable(entity, policy.organization),
    ),
  ).marks;

type Known = { id: number; digest: string; incidentId: number; investigationId: number | null };
type Counted = { incidents: number; countedSince: Date; retired: boolean; fresh: boolean; changed: boolean };
type Held<Row> = { row: Row; fresh: boolean; changed: boolean };

/** Everything the batch changes, gathered in memory so that it is written in a handful of statements. */
type Plan = {
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
  newAlerts: AlertRow[];
  updatedAlerts: { known: Known; change: Partial<AlertRow> }[];
  duplicates: Map<number, number>;
  evidence: New<EvidenceRow>[];
  timeline: New<TimelineRow>[];
  /** Shown now although the channel shows only what is needed. */
  show: Set<number>;
};

async function open(tx: Tx, alerts: readonly Prepared[], now: Date): Promise<Plan> {
  const keys = [...new Set(alerts.flatMap(({ ties }) => [...ties.ties, ...ties.marks].map((one) => one.lock)))];
  // Locked first: an alert or an incident that another transaction just made is seen by what is read after it.
  const locked = await tx.lockJoinKeys(keys, now);
  const labs = [...new Set(alerts.map((one) => one.lab))];
  const count = alerts.length;
  const wanted = new Set(alerts.flatMap((one) => (one.requestedBy?.incident === undefined ? [] : [one.requestedBy.incident])));
  // Sent together: statements of one transaction go over the wire without waiting for each other's answers.
  const [rows, ids, snoozes, ...lists] = await Promise.all([
    tx.alertsByIdentity(alerts.map((one) => one.identity)),
    tx.nextIds({ alerts: count, incidents: count, investigations: count }),
    tx.activeSnoozes(now),
    ...labs.map((lab) => tx.spans(rangesOf(alerts), lab)),
  ]);
  const known = new Map(rows.map((row) => [row.identity, row]));
  const found = lists.flat();
  const touched = [...new Set([...found.map((row) => row.incident), ...rows.map((row) => row.incidentId), ...wanted])];
  const incidents = await lockFollowing(tx, touched);
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
    newAlerts: [],
    updatedAlerts: [],
    duplicates: new Map(),
    evidence: [],
    timeline: [],
    show: new Set(),
  };
}

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

function follow(into: ReadonlyMap<number, number>, incident: number): number {
  let at = incident;
  for (let next = into.get(at); next !== undefined; next = into.get(at)) at = next;
  return at;
}

/** Decides where one alert goes, and notes it in the plan. The answer is read once the plan is complete. */
function place(plan: Plan, item: Prepared, policy: Policy): () => Accepted {
  const known = plan.known.get(item.identity);
  if (known) return repeat(plan, item, known, policy);
  const answer = policyAnswer(plan, item, policy);
  const joined = join(plan, item);
  const held = joined ? plan.incidents.get(joined.incident) : undefined;
  const incident = held ?? newIncident(plan, item);
  if (held) grow(held, item);
  incident.row.quiet = (held?.row.quiet ?? true) && answer.outcome === "suppress";
  if (answer.show) plan.show.add(incident.row.id);
  const id = plan.ids.alerts.shift() ?? 0;
  const row: AlertRow = {
    id,
    source: item.source,
    sourceId: item.alert.sourceId,
    identity: item.identity,
    ...alertColumns(item),
    receivedAt: item.receivedAt,
    incidentId: incident.row.id,
    investigationId: null,
    joinedBecause: joined?.because ?? null,
    policyRule: answer.rule,
    policyName: answer.policy,
    suppressed: answer.outcome === "suppress",
    stormId: null,
    alike: alikeDigest({ source: item.source, category: item.alert.category ?? null, severity: item.alert.severity, lab: item.lab }),
    duplicates: 0,
    lab: item.lab,
  };
  if (answer.outcome === "investigate") row.investigationId = investigate(plan, incident.row, id, item, policy).row.id;
  plan.newAlerts.push(row);
  plan.known.set(item.identity, row);
  keepMarks(plan, item, incident.row.id);
  plan.timeline.push({
    incidentId: incident.row.id,
    investigationId: row.investigationId,
    actionId: null,
    at: item.receivedAt,
    actor: item.requestedBy?.actor ?? { kind: "source", name: item.source },
    event: joined ? "alert-joined" : "incident-opened",
    text: `${alertId(id)} from ${item.source}: ${item.alert.title}${joined ? ` (joined: ${joined.because})` : ""}`,
  });
  for (const { incident: other, why } of joined?.kept ?? []) {
    plan.timeline.push({
      incidentId: incident.row.id,
      investigationId: null,
      actionId: null,
      at: item.receivedAt,
      actor: { kind: "air", job: "correlate" },
      event: "not-merged",
      text: `${alertId(id)} is tied to ${incidentId(other)} too; they stay apart: ${why}`,
    });
  }
  return () => ({
    alert: alertId(id),
    incident: incidentId(row.incidentId),
    investigation: row.investigationId === null ? null : investigationId(row.investigationId),
    duplicate: false,
  });
}

function policyAnswer(plan: Plan, item: Prepared, policy: Policy): PolicyAnswer {
  if (item.requestedBy)
    return { outcome: "investigate", rule: `asked for by ${actorName(item.requestedBy.actor)}`, policy: null, show: true };
  if (item.alert.status === "resolved") return { outcome: "post", rule: "the source has already resolved it", policy: null, show: false };
  return alertPolicyFor(item.source, item.alert, policy.alertPolicies, plan.snoozes, plan.now);
}

/** The incident this alert belongs to; what it ties together becomes one in the plan. `home`: where it is already, or is asked into. */
function join(plan: Plan, item: Prepared, home = item.requestedBy?.incident): Omit<Joined, "absorb"> | undefined {
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
  for (const row of [...plan.newAlerts, ...plan.evidence, ...plan.timeline]) if (row.incidentId === from) row.incidentId = to;
  for (const known of plan.known.values()) if (known.incidentId === from) known.incidentId = to;
  for (const parted of absorbed.row.apart) {
    const held = plan.incidents.get(parted);
    if (held && parted !== to) held.row = { ...held.row, apart: [...new Set([...held.row.apart, to])] };
  }
  if (plan.show.delete(from)) plan.show.add(to);
  mergeRunning(plan, from, to);
  const note = (incident: number, event: string, text: string) =>
    plan.timeline.push({
      incidentId: incident,
      investigationId: null,
      actionId: null,
      at,
      actor: { kind: "air", job: "correlate" },
      event,
      text,
    });
  note(to, "incident-merged", `${incidentId(from)} was merged into this incident: ${because}`);
  if (!absorbed.fresh) note(from, "incident-redirected", `Merged into ${incidentId(to)}: ${because}`);
}

/** The union of two incidents, as the older one bears it. */
export function mergedRow(survivor: IncidentRow, absorbed: IncidentRow, at: Date): IncidentRow {
  const headline = headlineOf(headlineFrom(survivor), headlineFrom(absorbed));
  const alertCount = survivor.alertCount + absorbed.alertCount;
  return {
    ...survivor,
    headline,
    title: incidentTitle(headline, alertCount),
    severity: highest(survivor.severity, absorbed.severity),
    alertCount,
    assignee: survivor.assignee ?? absorbed.assignee,
    classification: survivor.classification ?? absorbed.classification,
    determination: survivor.determination ?? absorbed.determination,
    apart: [...new Set([...survivor.apart, ...absorbed.apart])],
    quiet: survivor.quiet && absorbed.quiet,
    stormId: survivor.stormId === absorbed.stormId ? survivor.stormId : null,
    openedAt: earlier(survivor.openedAt, absorbed.openedAt),
    updatedAt: later(later(survivor.updatedAt, absorbed.updatedAt), at),
  };
}

const headlineFrom = (row: IncidentRow): Headline =>
  row.headline ?? { title: row.title, severity: row.severity, at: row.openedAt.toISOString() };

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

/** The same alert again: counted. Where the source says something new, the row follows and what is new is looked at. */
function repeat(plan: Plan, item: Prepared, known: Known, policy: Policy): () => Accepted {
  plan.duplicates.set(known.id, (plan.duplicates.get(known.id) ?? 0) + 1);
  const updated = known.digest !== item.digest;
  if (updated) {
    known.digest = item.digest;
    const home = follow(plan.into, known.incidentId);
    const answer = policyAnswer(plan, item, policy);
    const incident = plan.incidents.get(home);
    if (incident) {
      const own = headlineFor(item);
      const headline = incident.row.alertCount === 1 ? own : headlineOf(headlineFrom(incident.row), own);
      incident.row = {
        ...incident.row,
        headline,
        title: incidentTitle(headline, incident.row.alertCount),
        severity: highest(incident.row.severity, item.alert.severity),
        updatedAt: plan.now,
      };
      incident.changed = true;
    }
    let decided: Partial<AlertRow> = {};
    if (incident?.row.status === "open") {
      // What the update ties together belongs together, as if it had come that way at first.
      join(plan, item, home);
      const target = plan.incidents.get(follow(plan.into, home)) ?? incident;
      target.row.quiet &&= answer.outcome === "suppress";
      if (answer.show) plan.show.add(target.row.id);
      if (answer.outcome === "investigate") {
        known.investigationId = investigate(plan, target.row, known.id, item, policy).row.id;
        decided = { policyRule: answer.rule, policyName: answer.policy, suppressed: false };
      }
      keepMarks(plan, item, target.row.id);
    }
    plan.updatedAlerts.push({ known, change: { ...alertColumns(item), ...decided } });
    plan.timeline.push({
      incidentId: follow(plan.into, home),
      investigationId: known.investigationId,
      actionId: null,
      at: item.receivedAt,
      actor: { kind: "source", name: item.source },
      event: "alert-updated",
      text: `${alertId(known.id)} was updated by ${item.source}: ${item.alert.title}`,
    });
  }
  return () => ({
    alert: alertId(known.id),
    incident: incidentId(follow(plan.into, known.incidentId)),
    investigation: known.investigationId === null ? null : investigationId(known.investigationId),
    duplicate: true,
    ...(updated ? { updated: true as const } : {}),
  });
}

const alertColumns = (item: Prepared) => ({
  digest: item.digest,
  title: item.alert.title,
  severity: item.alert.severity,
  category: item.alert.category ?? null,
  description: item.alert.description ?? null,
  product: item.alert.product ?? null,
  policyId: item.alert.policyId ?? null,
  vendorIncident: item.alert.vendorIncident?.id ?? null,
  techniques: item.alert.techniques,
  url: item.alert.url ?? null,
  status: item.alert.status,
  entities: item.alert.entities,
  raw: item.alert.raw,
  detectedAt: item.eventAt,
  updatedAt: item.receivedAt,
});

const headlineFor = (item: Prepared): Headline => ({
  title: item.alert.title,
  severity: item.alert.severity,
  at: item.eventAt.toISOString(),
});

function newIncident(plan: Plan, item: Prepared): Held<IncidentRow> {
  const id = plan.ids.incidents.shift() ?? 0;
  const incident: Held<IncidentRow> = {
    row: {
      id,
      title: item.alert.title,
      severity: item.alert.severity,
      status: "open",
      redirectTo: null,
      headline: headlineFor(item),
      assignee: null,
      classification: null,
      determination: null,
      ackedBy: null,
      ackedAt: null,
      apart: [],
      quiet: true,
      stormId: null,
      openedAt: item.receivedAt,
      updatedAt: item.receivedAt,
      closedAt: null,
      alertCount: 1,
      lab: item.lab,
    },
    fresh: true,
    changed: true,
  };
  plan.incidents.set(id, incident);
  return incident;
}

/** Severity is the highest of its alerts, the title the most severe alert's plus the count (product contract 4). */
function grow(held: Held<IncidentRow>, item: Prepared): void {
  const { row } = held;
  const headline = headlineOf(headlineFrom(row), headlineFor(item));
  const alertCount = row.alertCount + 1;
  held.changed = true;
  held.row = {
    ...row,
    headline,
    title: incidentTitle(headline, alertCount),
    severity: highest(row.severity, item.alert.severity),
    alertCount,
    updatedAt: later(row.updatedAt, item.receivedAt),
  };
}
const later = (a: Date, b: Date) => (a > b ? a : b);
const earlier = (a: Date, b: Date) => (a < b ? a : b);

/** Notes when the incident saw the alert's keys, and retires a key that ties too many incidents together. */
function keepMarks(plan: Plan, item: Prepared, incident: number): void {
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
  plan.timeline.push({
    incidentId: incident,
    investigationId: null,
    actionId: null,
    at: plan.now,
    actor: { kind: "air", job: "correlate" },
    event: "key-retired",
    text: `${tie.name} no longer ties alerts together: it was seen in more than ${RETIRE.incidents} incidents within 7 days`,
  });
}

/** What an alert names, as evidence nobody has looked at yet. */
export const evidenceOf = (
  alert: { source: string; entities: readonly NamedEntity[]; eventAt: Date; receivedAt: Date },
  home: { investigationId: number; incidentId: number },
  policy: Policy,
): New<EvidenceRow>[] =>
  alert.entities.map((named) => ({
    ...home,
    digest: sha256(evidenceKeys(named.entity)[0]),
    entityDigest: sha256(entityKey(named.entity)),
    entity: named.entity,
    said: [
      {
        source: alert.source,
        ...(named.verdict ? { verdict: named.verdict } : {}),
        ...(named.remediation ? { remediation: named.remediation } : {}),
        roles: named.roles,
        at: alert.eventAt.toISOString(),
        trusted: policy.trustedSources.has(alert.source),
      },
    ],
    verdict: "unknown",
    judgement: null,
    override: null,
    remediation: named.remediation ?? "none",
    lookedRound: null,
    foundBy: null,
    createdAt: alert.receivedAt,
  }));

/** An investigation that waits for its first round. */
export const queuedInvestigation = (
  row: Pick<InvestigationRow, "id" | "incidentId" | "trigger" | "startedAt" | "lab" | "wanted">,
): InvestigationRow => ({
  ...row,
  status: "queued",
  playbooks: [],
  advice: [],
  round: 0,
  beganAt: null,
  endedAt: null,
  pendingSince: null,
  pendingMs: 0,
  waitingSince: null,
  waitingMs: 0,
});

/** Joins the incident's running investigation or starts one, and hands it the alert's entities as evidence. */
function investigate(plan: Plan, incident: IncidentRow, alert: number, item: Prepared, policy: Policy): Held<InvestigationRow> {
  let running = plan.running.get(incident.id);
  if (!running) {
    running = {
      row: queuedInvestigation({
        id: plan.ids.investigations.shift() ?? 0,
        incidentId: incident.id,
        trigger: item.requestedBy
          ? { kind: "manual", alert: alertId(alert), by: actorName(item.requestedBy.actor) }
          : { kind: "alert", alert: alertId(alert) },
        startedAt: item.receivedAt,
        wanted: 0,
        lab: item.lab,
      }),
      fresh: true,
      changed: true,
    };
    plan.running.set(incident.id, running);
  }
  running.changed = true;
  running.row = { ...running.row, wanted: running.row.wanted + 1 };
  const home = { investigationId: running.row.id, incidentId: incident.id };
  plan.evidence.push(...evidenceOf({ ...item, entities: item.alert.entities }, home, policy));
  return running;
}

async function write(tx: Tx, air: Air, plan: Plan): Promise<void> {
  // Merged first: what is written below belongs to the survivors.
  for (const { from, to } of plan.merges) await tx.moveIncident(from, follow(plan.into, to));
  const incidents = [...plan.incidents.values()].filter((one) => one.changed);
  const investigations = [...plan.running.values(), ...plan.beside].filter((one) => one.changed);
  await raiseStorms(tx, plan.newAlerts, incidents, air.policy().storm, plan.now);
  await Promise.all([
    tx.insertIncidents(incidents.filter((one) => one.fresh).map((one) => one.row)),
    ...incidents.filter((one) => !one.fresh).map(({ row }) => tx.updateIncident(row.id, row)),
    tx.insertInvestigations(investigations.filter((one) => one.fresh).map((one) => one.row)),
    ...investigations.filter((one) => !one.fresh).map(({ row }) => tx.updateInvestigation(row.id, { wanted: row.wanted })),
    tx.insertAlerts(plan.newAlerts),
    ...plan.updatedAlerts.map(({ known, change }) =>
      tx.updateAlert(known.id, { ...change, investigationId: known.investigationId, incidentId: follow(plan.into, known.incidentId) }),
    ),
    tx.countDuplicates(plan.duplicates),
    tx.addEvidence(plan.evidence),
    tx.keepSpans(
      [...plan.spans.values()].flat().flatMap(({ row, changed }) => (changed ? [settled(plan, row)] : [])),
      plan.gone.map((row) => settled(plan, row)),
    ),
    tx.countJoinKeys(
      [...plan.keys].flatMap(([digest, counted]) => (counted.changed ? [{ digest, ...counted }] : [])),
      plan.now,
    ),
    tx.addTimeline(plan.timeline),
    tx.enqueueMany(
      "investigate",
      // What has begun goes on before what has not: a flood of new alerts starves nobody.
      investigations.map(({ row }) => ({ data: { investigation: row.id }, key: investigationId(row.id), urgent: row.round > 0 })),
    ),
  ]);
  await wantCards(tx, air, changesOf(plan, incidents), plan.now);
  // What is stored without a card stands in the lists, and those are live too.
  await tx.notifyChange();
}

const settled = (plan: Plan, span: Span): Span => ({ ...span, incident: follow(plan.into, span.incident) });

function changesOf(plan: Plan, incidents: readonly Held<IncidentRow>[]): Changed[] {
  const absorbed = Map.groupBy(plan.merges, ({ to }) => follow(plan.into, to));
  return incidents.map(({ row }) => ({
    incident: row.id,
    severity: row.severity,
    needed: row.status === "open" && (neededAtOnce(row.severity) || plan.show.has(row.id)),
    quiet: row.quiet || row.status === "redirected",
    calm: row.stormId === null,
    absorbed: (absorbed.get(row.id) ?? []).map(({ from }) => from),
  }));
}
