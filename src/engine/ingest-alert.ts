import { type Air, alertId, incidentId, investigationId } from "./air.ts";
import { closeAsResolved } from "./close-as-resolved.ts";
import { actorName } from "./domain/actor.ts";
import { highest, severityRank } from "./domain/alert.ts";
import { alertPolicyFor, type PolicyAnswer } from "./domain/alert-policy.ts";
import type { Span } from "./domain/correlate.ts";
import { type HandlingChange, handlingChange, handlingText } from "./domain/handling.ts";
import { type Headline, headlineOf, incidentTitle, severityOfBoth } from "./domain/incident.ts";
import { excludedAtIntake } from "./domain/intake-exclusions.ts";
import type { Policy } from "./domain/policy.ts";
import { evidenceOf, queuedInvestigation } from "./fresh-rows.ts";
import { follow, type Held, type Known, openPlan, type Plan } from "./intake-plan.ts";
import { askedRule } from "./manual-alert.ts";
import { moveIncident } from "./merge-calls.ts";
import { CORRELATE, headlineFrom, join, keepMarks, later, standingOf as standsAt } from "./merge-in-plan.ts";
import { type Intake, type Prepared, prepare } from "./prepare-alert.ts";
import { endSnoozes, uniteSnoozes } from "./snoozed.ts";
import type { AlertRow, IncidentRow, InvestigationRow, Tx } from "./store.ts";
import { alikeDigest, raiseStorms } from "./storm.ts";
import { timelineLine } from "./timeline-line.ts";
import { type Changed, neededAtOnce, wantCards } from "./want-cards.ts";

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
    const plan = await openPlan(tx, prepared.flat(), air.clock.now());
    const accepted = prepared.map((alerts) => alerts.map((alert) => place(plan, alert, policy)));
    await write(tx, air, plan);
    return accepted.map((alerts) => alerts.map((answer) => answer()));
  });
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
  const preexisting = item.preexisting !== undefined;
  incident.row.quiet = (held?.row.quiet ?? true) && (preexisting || answer.outcome === "suppress");
  incident.row.preexisting = (held?.row.preexisting ?? true) && preexisting;
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
    // A thousand old alerts at once are no storm, and make none of what comes next.
    alike: preexisting
      ? ""
      : alikeDigest({ source: item.source, category: item.alert.category ?? null, severity: item.alert.severity, lab: item.lab }),
    duplicates: 0,
    lab: item.lab,
    preexisting,
  };
  if (preexisting && !held) row.investigationId = unstarted(plan, incident.row.id, id, item).id;
  if (answer.outcome === "investigate") row.investigationId = investigate(plan, incident.row, id, item, policy).row.id;
  plan.newAlerts.push(row);
  plan.known.set(item.identity, { ...row, entityCount: row.entities.length, told: null });
  keepMarks(plan, item, incident.row.id);
  plan.timeline.push(
    timelineLine(
      { incidentId: incident.row.id, investigationId: row.investigationId },
      item.receivedAt,
      item.requestedBy?.actor ?? { kind: "source", name: item.source },
      joined ? "alert-joined" : "incident-opened",
      item.requestedBy
        ? `${alertId(id)}, asked for by ${actorName(item.requestedBy.actor)}: ${item.alert.title}`
        : `${alertId(id)} from ${item.source}: ${item.alert.title}${joined ? ` (joined: ${joined.because})` : ""}`,
    ),
    ...(item.alert.clockAhead && item.alert.detectedAt
      ? [
          timelineLine(
            { incidentId: incident.row.id },
            item.receivedAt,
            { kind: "source", name: item.source },
            "clock-ahead",
            `${alertId(id)} says it was seen at ${item.alert.detectedAt.toISOString()}, which is still to come: ${item.source}'s clock is ahead, so the time it arrived counts`,
          ),
        ]
      : []),
    ...(joined?.kept ?? []).map(({ incident: other, why }) =>
      timelineLine(
        { incidentId: incident.row.id },
        item.receivedAt,
        CORRELATE,
        "not-merged",
        `${alertId(id)} is tied to ${incidentId(other)} too; they stay apart: ${why}`,
      ),
    ),
  );
  return () => ({
    alert: alertId(id),
    incident: incidentId(row.incidentId),
    investigation: row.investigationId === null ? null : investigationId(row.investigationId),
    duplicate: false,
  });
}

function policyAnswer(plan: Plan, item: Prepared, policy: Policy): PolicyAnswer {
  if (item.requestedBy) return { outcome: "investigate", rule: askedRule(actorName(item.requestedBy.actor)), policy: null, show: true };
  if (item.preexisting) return { outcome: "post", rule: item.preexisting, policy: null, show: false };
  if (item.alert.status === "resolved") return { outcome: "post", rule: "the source has already resolved it", policy: null, show: false };
  const excluded = excludedAtIntake(item.alert, policy.exclude);
  if (excluded) return { outcome: "suppress", rule: excluded, policy: null, show: false };
  return alertPolicyFor(item.source, item.alert, policy.alertPolicies, plan.snoozes, plan.now);
}
/** The same alert again: counted. Where the source says something new, the row follows and what is new is looked at. */
function repeat(plan: Plan, item: Prepared, known: Known, policy: Policy): () => Accepted {
  // What air asked for again came once: only what a source sends again is a repeat of its own.
  if (!item.polled) plan.duplicates.set(known.id, (plan.duplicates.get(known.id) ?? 0) + 1);
  const handled = handlingChange(known, item);
  const updated = known.digest !== item.digest || handled === "reopened";
  if (!updated && handled) noteHandling(plan, item, known, handled);
  if (updated) {
    const stays = known.preexisting && severityRank(item.alert.severity) <= severityRank(known.severity) && !moreEntities(item, known);
    known.digest = item.digest;
    const home = follow(plan.into, known.incidentId);
    const answer = stays ? STAYS_PREEXISTING : policyAnswer(plan, item, policy);
    const incident = plan.incidents.get(home);
    if (handled === "resolved" && item.polled) plan.resolved.add(home);
    if (incident) {
      const own = headlineFor(item, stays);
      const headline = incident.row.alertCount === 1 ? own : headlineOf(headlineFrom(incident.row), own);
      incident.row = {
        ...incident.row,
        headline,
        title: incidentTitle(headline, incident.row.alertCount),
        severity: severityOfBoth(standsAt(incident.row), own),
        updatedAt: plan.now,
      };
      incident.changed = true;
    }
    let decided: Partial<AlertRow> = {};
    if (incident?.row.status === "open") {
      // What the update ties together belongs together, as if it had come that way at first.
      join(plan, item, home);
      const target = plan.incidents.get(follow(plan.into, home)) ?? incident;
      target.row.quiet &&= stays || answer.outcome === "suppress";
      target.row.preexisting &&= stays;
      if (answer.show) plan.show.add(target.row.id);
      if (answer.outcome === "investigate") {
        known.investigationId = investigate(plan, target.row, known.id, item, policy).row.id;
        decided = { policyRule: answer.rule, policyName: answer.policy, suppressed: false, preexisting: false };
      }
      keepMarks(plan, item, target.row.id);
    }
    Object.assign(known, standingOf(item));
    plan.updatedAlerts.push({ known, change: { ...alertColumns(item), ...decided } });
    plan.timeline.push(
      timelineLine(
        { incidentId: follow(plan.into, home), investigationId: known.investigationId },
        item.receivedAt,
        { kind: "source", name: item.source },
        "alert-updated",
        `${alertId(known.id)} was updated by ${item.source}: ${item.alert.title}`,
      ),
    );
  }
  return () => ({
    alert: alertId(known.id),
    incident: incidentId(follow(plan.into, known.incidentId)),
    investigation: known.investigationId === null ? null : investigationId(known.investigationId),
    duplicate: true,
    ...(updated ? { updated: true as const } : {}),
  });
}

/** An old alert about which the source says nothing that makes it worse. */
/**
 * An investigation that went through this many rounds is one that alerts keep coming to. Each round reads all it holds, so what comes
 * within the rest is looked at in one round; a single incident of thousands of alerts otherwise costs their square.
 */
const BUSY_ROUNDS = 32;
const REST_MS = 5_000;

const STAYS_PREEXISTING: PolicyAnswer = { outcome: "post", rule: "", policy: null, show: false };
const moreEntities = (item: Prepared, known: Known) => item.alert.entities.length > known.entityCount;

const standingOf = (item: Prepared): Pick<Known, "status" | "severity" | "handling" | "entityCount"> => ({
  status: item.alert.status,
  severity: item.alert.severity,
  handling: item.alert.handling ?? null,
  entityCount: item.alert.entities.length,
});

/** How far the source is with an alert follows in its row, and is said; it is looked at again by nobody. */
function noteHandling(plan: Plan, item: Prepared, known: Known, handled: HandlingChange): void {
  const home = follow(plan.into, known.incidentId);
  const incident = plan.incidents.get(home);
  const text = handled === "own" ? undefined : handlingText(known, item, handled);
  Object.assign(known, standingOf(item));
  plan.updatedAlerts.push({ known, change: alertColumns(item) });
  if (handled === "own" || !incident) return;
  incident.row = { ...incident.row, updatedAt: plan.now };
  incident.changed = true;
  if (handled === "resolved" && item.polled) plan.resolved.add(home);
  const actor = { kind: "source", name: item.source } as const;
  if (text)
    plan.timeline.push(
      timelineLine({ incidentId: home, investigationId: known.investigationId }, item.receivedAt, actor, "alert-handled", text),
    );
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
  handling: item.alert.handling ?? null,
  entities: item.alert.entities,
  raw: item.alert.raw,
  detectedAt: item.eventAt,
  updatedAt: item.receivedAt,
});

const headlineFor = (item: Prepared, old = item.preexisting !== undefined): Headline => ({
  title: item.alert.title,
  severity: item.alert.severity,
  at: item.eventAt.toISOString(),
  ...(old ? { old } : {}),
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
      alertCount: counts(item),
      lab: item.lab,
      preexisting: item.preexisting !== undefined,
    },
    fresh: true,
    changed: true,
  };
  plan.incidents.set(id, incident);
  return incident;
}

/** A look that a person asked for is stored as an alert, and is none that came. */
const counts = (item: Prepared) => (item.requestedBy === undefined ? 1 : 0);

/** Severity is the highest of its alerts that happened under air's watch, or of all where none did; the title the most severe alert's plus the count (product contract 4). */
function grow(held: Held<IncidentRow>, item: Prepared): void {
  const { row } = held;
  const alertCount = row.alertCount + counts(item);
  // What a person asks for says nothing new of the incident; what a source says comes before what was asked for.
  const headline =
    item.requestedBy !== undefined
      ? headlineFrom(row)
      : row.alertCount === 0
        ? headlineFor(item)
        : headlineOf(headlineFrom(row), headlineFor(item));
  held.changed = true;
  const severity =
    item.requestedBy === undefined
      ? severityOfBoth(standsAt(row), { severity: item.alert.severity, old: item.preexisting !== undefined })
      : highest(row.severity, item.alert.severity);
  held.raised ||= severityRank(severity) > severityRank(row.severity);
  held.row = {
    ...row,
    headline,
    title: incidentTitle(headline, alertCount),
    severity,
    alertCount,
    updatedAt: later(row.updatedAt, item.receivedAt),
  };
}
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
  // Asked for, it is looked at again with what its sources said of it, under their own names.
  for (const said of item.requestedBy?.about ?? [])
    plan.evidence.push(...evidenceOf({ ...said, eventAt: said.detectedAt, receivedAt: item.receivedAt }, home, policy));
  return running;
}

/** Of an incident that is older than air's watch: it says so, and is never begun. */
function unstarted(plan: Plan, incident: number, alert: number, item: Prepared): InvestigationRow {
  const row: InvestigationRow = {
    ...queuedInvestigation({
      id: plan.ids.investigations.shift() ?? 0,
      incidentId: incident,
      trigger: { kind: "alert", alert: alertId(alert) },
      startedAt: item.receivedAt,
      wanted: 0,
      lab: item.lab,
    }),
    status: "preexistingAlert",
    endedAt: item.receivedAt,
  };
  plan.unstarted.push(row);
  return row;
}

async function write(tx: Tx, air: Air, plan: Plan): Promise<void> {
  // Merged first: what is written below belongs to the survivors.
  for (const { from, to } of plan.merges) {
    const into = follow(plan.into, to);
    await uniteSnoozes(tx, air, { from, to: into }, plan.now);
    const survivor = await tx.incident(into);
    if (survivor) await moveIncident(tx, from, survivor, plan.now);
    else await tx.moveIncident(from, into);
  }
  const incidents = [...plan.incidents.values()].filter((one) => one.changed);
  const investigations = [...plan.running.values(), ...plan.beside].filter((one) => one.changed);
  const counted = await raiseStorms(
    tx,
    plan.newAlerts.filter((row) => !row.preexisting),
    incidents,
    air.policy().storm,
    plan.now,
  );
  await Promise.all([
    tx.insertIncidents(incidents.filter((one) => one.fresh).map((one) => one.row)),
    ...incidents.filter((one) => !one.fresh).map(({ row }) => tx.updateIncident(row.id, row)),
    tx.insertInvestigations([...investigations.filter((one) => one.fresh).map((one) => one.row), ...plan.unstarted]),
    ...investigations.filter((one) => !one.fresh).map(({ row }) => tx.updateInvestigation(row.id, { wanted: row.wanted })),
    tx.insertAlerts(plan.newAlerts),
    ...plan.updatedAlerts.map(({ known, change }) =>
      tx.updateAlert(known.id, { ...change, investigationId: known.investigationId, incidentId: follow(plan.into, known.incidentId) }),
    ),
    tx.countDuplicates(plan.duplicates),
    tx.addEvidence(plan.evidence),
    tx.carryOver(olderWithEvidence(plan)),
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
      investigations.map(({ row }) => ({
        data: { investigation: row.id },
        key: investigationId(row.id),
        urgent: row.round > 0,
        ...(row.round >= BUSY_ROUNDS ? { restMs: REST_MS } : {}),
      })),
    ),
  ]);
  await endSnoozes(
    tx,
    air,
    incidents.filter((one) => !one.fresh).map(({ row }) => row.id),
    plan.now,
  );
  // Last: a storm's row is every intake's, and is held to the commit.
  for (const [storm, more] of [...counted].sort(([a], [b]) => a - b)) await tx.countStorm(storm, more, plan.now);
  await wantCards(tx, air, changesOf(plan, incidents), plan.now);
  for (const incident of new Set([...plan.resolved].map((id) => follow(plan.into, id)))) await closeAsResolved(tx, air, incident, plan.now);
  // What is stored without a card stands in the lists, and those are live too.
  await tx.notifyChange();
}

/** Incidents that were there before, and got something to look at. */
const olderWithEvidence = (plan: Plan) =>
  [...new Set(plan.evidence.map((row) => row.incidentId))]
    .filter((id) => plan.incidents.get(id)?.fresh === false)
    .map((id) => ({ from: id, to: id }));

const settled = (plan: Plan, span: Span): Span => ({ ...span, incident: follow(plan.into, span.incident) });

function changesOf(plan: Plan, incidents: readonly Held<IncidentRow>[]): Changed[] {
  const absorbed = Map.groupBy(plan.merges, ({ to }) => follow(plan.into, to));
  return incidents.map(({ row, raised }) => ({
    incident: row.id,
    raised: raised ?? false,
    severity: row.severity,
    needed: row.status === "open" && (neededAtOnce(row.severity) || plan.show.has(row.id)),
    quiet: row.quiet || row.status === "redirected",
    calm: row.stormId === null,
    counts: true,
    absorbed: (absorbed.get(row.id) ?? []).map(({ from }) => from),
  }));
}
