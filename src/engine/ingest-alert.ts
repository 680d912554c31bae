import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { type Air, alertId, incidentId, investigationId } from "./air.ts";
import { type Alert, highest, severityRank } from "./domain/alert.ts";
import { type Candidate, chooseIncident, type JoinKey, joinKeys } from "./domain/correlate.ts";
import { evidenceKeys } from "./domain/entity.ts";
import { joinable } from "./domain/never-act.ts";
import { investigates, type Policy } from "./domain/policy.ts";
import type { AlertRow, EvidenceRow, IncidentRow, InvestigationRow, New, TimelineRow, Tx } from "./store.ts";
import { type Changed, neededAtOnce, wantCards } from "./want-cards.ts";

/** One request's alerts, already parsed. They are stored together or not at all. */
export type Intake = { source: string; lab: boolean; alerts: readonly Alert[]; receivedAt: Date };

/** The answer to one alert, as product contract 3.2 shapes it; a duplicate names the surviving incident. */
export type Accepted = { alert: string; incident: string; investigation: string | null; duplicate: boolean; updated?: true };

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/**
 * Stores a batch of requests in one transaction: alert, incident, investigation, evidence, timeline, messages and jobs.
 * Returns after the commit, one list per request, in order. Throws for the whole batch: the caller tries them one by one.
 */
export async function ingestAlerts(air: Air, requests: readonly Intake[]): Promise<Accepted[][]> {
  const prepared = requests.map((request) => request.alerts.map((alert) => prepare(request, alert, air.policy())));
  return air.store.transaction(async (tx) => {
    const plan = await open(tx, prepared.flat(), air.clock.now());
    const accepted = prepared.map((alerts) => alerts.map((alert) => place(plan, alert, air.policy())));
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
  keys: JoinKey[];
};

function prepare(request: Intake, alert: Alert, policy: Policy): Prepared {
  const eventAt = alert.detectedAt ?? request.receivedAt;
  const entities = alert.entities.map((named) => named.entity);
  const keys = joinKeys(
    { source: request.source, entities, ...(alert.vendorIncident ? { vendorIncident: alert.vendorIncident.id } : {}) },
    policy.correlation,
    (entity) => joinable(entity, policy.organization),
  ).map((key) => ({ ...key, key: sha256(key.key) }));
  const { raw: _raw, ...said } = alert;
  return {
    source: request.source,
    alert,
    lab: request.lab,
    receivedAt: request.receivedAt,
    eventAt,
    identity: sha256(`${request.lab ? "lab" : "real"}\n${request.source}\n${alert.sourceId}`),
    digest: sha256(canonicalize(said) ?? ""),
    keys,
  };
}

/** Everything the batch changes, gathered in memory so that it is written in a handful of statements. */
type Plan = {
  now: Date;
  ids: Record<"alerts" | "incidents" | "investigations", number[]>;
  known: Map<string, { id: number; digest: string; incidentId: number; investigationId: number | null }>;
  /** By join key: which incidents hold it, and when it was seen there. */
  candidates: Map<string, Candidate[]>;
  incidents: Map<number, { row: IncidentRow; fresh: boolean; changed: boolean }>;
  running: Map<number, { row: InvestigationRow; fresh: boolean; changed: boolean }>;
  newAlerts: AlertRow[];
  updatedAlerts: { id: number; change: Partial<AlertRow> }[];
  duplicates: Map<number, number>;
  evidence: New<EvidenceRow>[];
  keys: { digest: string; incidentId: number; at: Date }[];
  timeline: New<TimelineRow>[];
};

async function open(tx: Tx, alerts: readonly Prepared[], now: Date): Promise<Plan> {
  const digests = [...new Set(alerts.flatMap((one) => one.keys.map((key) => key.key)))];
  // Locked first: an alert or an incident that another transaction just made is seen by what is read after it.
  await tx.lockJoinKeys(digests, now);
  const labs = [...new Set(alerts.map((one) => one.lab))];
  const count = alerts.length;
  // Sent together: statements of one transaction go over the wire without waiting for each other's answers.
  const [rows, ids, ...lists] = await Promise.all([
    tx.alertsByIdentity(alerts.map((one) => one.identity)),
    tx.nextIds({ alerts: count, incidents: count, investigations: count }),
    ...labs.map((lab) => tx.candidates(digests, lab)),
  ]);
  const known = new Map(rows.map((row) => [row.identity, row]));
  const found = lists.flat();
  const touched = [...new Set([...found.map((row) => row.incidentId), ...[...known.values()].map((row) => row.incidentId)])];
  const incidents = await tx.lockIncidents(touched);
  const running = await tx.lockRunning(touched);
  const open = new Set(incidents.filter((row) => row.status === "open").map((row) => row.id));
  return {
    now,
    ids,
    known,
    candidates: Map.groupBy(
      found.filter((row) => open.has(row.incidentId)).map((row) => ({ incident: row.incidentId, key: row.digest, at: row.at.getTime() })),
      (candidate) => candidate.key,
    ),
    incidents: new Map(incidents.map((row) => [row.id, { row, fresh: false, changed: false }])),
    running: new Map(running.map((row) => [row.incidentId, { row, fresh: false, changed: false }])),
    newAlerts: [],
    updatedAlerts: [],
    duplicates: new Map(),
    evidence: [],
    keys: [],
    timeline: [],
  };
}

/** Decides where one alert goes, and notes it in the plan. The answer is read once the plan is complete. */
function place(plan: Plan, item: Prepared, policy: Policy): () => Accepted {
  const known = plan.known.get(item.identity);
  if (known) return repeat(plan, item, known, policy);
  const lab = item.lab;
  const candidates = item.keys
    .flatMap((key) => plan.candidates.get(key.key) ?? [])
    .filter((candidate) => plan.incidents.get(candidate.incident)?.row.lab === lab);
  const chosen = chooseIncident(item.keys, item.eventAt.getTime(), candidates);
  const existing = chosen && plan.incidents.get(chosen.incident);
  const incident = existing ?? newIncident(plan, item);
  if (existing) {
    existing.changed = true;
    existing.row = grow(existing.row, item);
  }
  const id = plan.ids.alerts.shift() ?? 0;
  const policyAnswer =
    item.alert.status === "resolved"
      ? { investigate: false, rule: "the source has already resolved it" }
      : investigates(item.source, item.alert, policy);
  const investigation = policyAnswer.investigate ? investigate(plan, incident.row, id, item, policy) : undefined;
  plan.newAlerts.push({
    id,
    source: item.source,
    sourceId: item.alert.sourceId,
    identity: item.identity,
    ...alertColumns(item),
    receivedAt: item.receivedAt,
    incidentId: incident.row.id,
    investigationId: investigation?.id ?? null,
    joinedBecause: chosen?.because ?? null,
    policyRule: policyAnswer.rule,
    duplicates: 0,
    lab,
  });
  plan.known.set(item.identity, { id, digest: item.digest, incidentId: incident.row.id, investigationId: investigation?.id ?? null });
  keepKeys(plan, item, incident.row.id);
  plan.timeline.push({
    incidentId: incident.row.id,
    investigationId: investigation?.id ?? null,
    actionId: null,
    at: item.receivedAt,
    actor: { kind: "source", name: item.source },
    event: chosen ? "alert-joined" : "incident-opened",
    text: `${alertId(id)} from ${item.source}: ${item.alert.title}${chosen ? ` (joined: ${chosen.because})` : ""}`,
  });
  return () => ({
    alert: alertId(id),
    incident: incidentId(incident.row.id),
    investigation: investigation ? investigationId(investigation.id) : null,
    duplicate: false,
  });
}

/** The same alert again: counted. Where the source says something new, the row follows and what is new is looked at. */
function repeat(
  plan: Plan,
  item: Prepared,
  known: { id: number; digest: string; incidentId: number; investigationId: number | null },
  policy: Policy,
): () => Accepted {
  plan.duplicates.set(known.id, (plan.duplicates.get(known.id) ?? 0) + 1);
  const updated = known.digest !== item.digest;
  let investigation = known.investigationId;
  if (updated) {
    known.digest = item.digest;
    const incident = plan.incidents.get(known.incidentId);
    if (incident) {
      incident.row = { ...incident.row, severity: highest(incident.row.severity, item.alert.severity), updatedAt: plan.now };
      incident.changed = true;
    }
    const started = item.alert.status !== "resolved" && investigates(item.source, item.alert, policy).investigate;
    if (started && incident?.row.status === "open") investigation = investigate(plan, incident.row, known.id, item, policy).id;
    plan.updatedAlerts.push({ id: known.id, change: { ...alertColumns(item), investigationId: investigation } });
    keepKeys(plan, item, known.incidentId);
    plan.timeline.push({
      incidentId: known.incidentId,
      investigationId: investigation,
      actionId: null,
      at: item.receivedAt,
      actor: { kind: "source", name: item.source },
      event: "alert-updated",
      text: `${alertId(known.id)} was updated by ${item.source}: ${item.alert.title}`,
    });
  }
  return () => ({
    alert: alertId(known.id),
    incident: incidentId(plan.incidents.get(known.incidentId)?.row.redirectTo ?? known.incidentId),
    investigation: investigation === null ? null : investigationId(investigation),
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
  techniques: item.alert.techniques,
  url: item.alert.url ?? null,
  status: item.alert.status,
  entities: item.alert.entities,
  raw: item.alert.raw,
  detectedAt: item.eventAt,
  updatedAt: item.receivedAt,
});

function newIncident(plan: Plan, item: Prepared) {
  const id = plan.ids.incidents.shift() ?? 0;
  const incident = {
    row: {
      id,
      title: item.alert.title,
      severity: item.alert.severity,
      status: "open",
      redirectTo: null,
      assignee: null,
      openedAt: item.receivedAt,
      updatedAt: item.receivedAt,
      closedAt: null,
      alertCount: 1,
      lab: item.lab,
    } satisfies IncidentRow,
    fresh: true,
    changed: true,
  };
  plan.incidents.set(id, incident);
  return incident;
}

/** Severity is the highest of its alerts; the title is the most severe alert's (product contract 4). */
function grow(row: IncidentRow, item: Prepared): IncidentRow {
  const worse = severityRank(item.alert.severity) > severityRank(row.severity);
  return {
    ...row,
    title: worse ? item.alert.title : row.title,
    severity: highest(row.severity, item.alert.severity),
    alertCount: row.alertCount + 1,
    updatedAt: later(row.updatedAt, item.receivedAt),
  };
}
const later = (a: Date, b: Date) => (a > b ? a : b);

function keepKeys(plan: Plan, item: Prepared, incident: number): void {
  for (const key of item.keys) {
    plan.keys.push({ digest: key.key, incidentId: incident, at: item.eventAt });
    const holders = plan.candidates.get(key.key) ?? [];
    holders.push({ incident, key: key.key, at: item.eventAt.getTime() });
    plan.candidates.set(key.key, holders);
  }
}

/** Joins the incident's running investigation or starts one, and hands it the alert's entities as evidence. */
function investigate(plan: Plan, incident: IncidentRow, alert: number, item: Prepared, policy: Policy): InvestigationRow {
  let running = plan.running.get(incident.id);
  if (!running) {
    running = {
      row: {
        id: plan.ids.investigations.shift() ?? 0,
        incidentId: incident.id,
        status: "queued",
        trigger: { kind: "alert", alert: alertId(alert) },
        playbooks: [],
        round: 0,
        wanted: 0,
        startedAt: item.receivedAt,
        endedAt: null,
        pendingSince: null,
        lab: item.lab,
      },
      fresh: true,
      changed: true,
    };
    plan.running.set(incident.id, running);
  }
  running.changed = true;
  running.row = { ...running.row, wanted: running.row.wanted + 1 };
  for (const named of item.alert.entities) {
    plan.evidence.push({
      investigationId: running.row.id,
      incidentId: incident.id,
      digest: sha256(evidenceKeys(named.entity)[0]),
      entity: named.entity,
      said: [
        {
          source: item.source,
          ...(named.verdict ? { verdict: named.verdict } : {}),
          ...(named.remediation ? { remediation: named.remediation } : {}),
          roles: named.roles,
          at: item.eventAt.toISOString(),
          trusted: policy.trustedSources.has(item.source),
        },
      ],
      verdict: "unknown",
      judgement: null,
      override: null,
      remediation: named.remediation ?? "none",
      lookedRound: null,
      createdAt: item.receivedAt,
    });
  }
  return running.row;
}

async function write(tx: Tx, air: Air, plan: Plan): Promise<void> {
  const incidents = [...plan.incidents.values()].filter((one) => one.changed);
  const investigations = [...plan.running.values()].filter((one) => one.changed);
  await Promise.all([
    tx.insertIncidents(incidents.filter((one) => one.fresh).map((one) => one.row)),
    ...incidents.filter((one) => !one.fresh).map(({ row }) => tx.updateIncident(row.id, row)),
    tx.insertInvestigations(investigations.filter((one) => one.fresh).map((one) => one.row)),
    ...investigations.filter((one) => !one.fresh).map(({ row }) => tx.updateInvestigation(row.id, { wanted: row.wanted })),
    tx.insertAlerts(plan.newAlerts),
    ...plan.updatedAlerts.map(({ id, change }) => tx.updateAlert(id, change)),
    tx.countDuplicates(plan.duplicates),
    tx.addEvidence(plan.evidence),
    tx.keepJoinKeys(plan.keys),
    tx.addTimeline(plan.timeline),
    tx.enqueueMany(
      "investigate",
      investigations.map(({ row }) => ({ data: { investigation: row.id }, key: investigationId(row.id) })),
    ),
  ]);
  const changes: Changed[] = incidents.map(({ row }) => ({ incident: row.id, severity: row.severity, needed: neededAtOnce(row.severity) }));
  await wantCards(tx, air, changes, plan.now);
  // What is stored without a card stands in the lists, and those are live too.
  await tx.notifyChange();
}
