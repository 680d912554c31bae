import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, evidenceId } from "./air.ts";
import { analyzers } from "./analyzers/all.ts";
import type { Actor } from "./domain/actor.ts";
import type { Verdict } from "./domain/alert.ts";
import { entityKey, entityName, evidenceKeys } from "./domain/entity.ts";
import { ENDED } from "./domain/investigation.ts";
import { neverAct } from "./domain/never-act.ts";
import type { Observation } from "./domain/observation.ts";
import { type Judgement, judge } from "./domain/verdict.ts";
import { sha256 } from "./ingest-alert.ts";
import { statusOf } from "./investigation-status.ts";
import { look, saidObservations } from "./look.ts";
import { choosePlaybook, type Playbook, plan } from "./playbook.ts";
import { type Proposed, propose, targetDigest, type Wish } from "./propose-actions.ts";
import type { ActionRow, AlertSummary, EvidenceRow, IncidentRow, InvestigationRow, New, ObservationRow, TimelineRow, Tx } from "./store.ts";
import { neededAtOnce, wantCards } from "./want-cards.ts";

/** A job as a handler sees it: what to do, and the one way to finish it. */
export type Settle = (effect: (tx: Tx) => Promise<void>) => Promise<void>;

/** More evidence than this is not looked at: somebody is flooding us, and a person has to look. */
const MAX_EVIDENCE = 300;
/** Rounds of expansion; each adds what the last one found. */
const MAX_ROUNDS = 8;
/** A status "Running" worth showing: faster investigations go straight to their result. */
const SHOW_RUNNING_AFTER_MS = 400;

const AIR: Actor = { kind: "air", job: "investigate" };

/**
 * One round of one investigation: look at what nobody looked at yet, judge, widen, propose, end.
 * Everything slow happens before the settling transaction; that reads the row locked and takes nothing for granted.
 */
export async function investigate(air: Air, investigation: number, settle: Settle): Promise<void> {
  const row = await air.store.investigation(investigation);
  if (!row || ENDED.has(row.status) || row.lab !== air.capabilities.lab)
    return settle(async (tx) => closeIfSwitched(tx, row, air.clock.now()));
  const [incident, alerts, evidence, known, actions] = await Promise.all([
    air.store.incident(row.incidentId),
    air.store.alertsOf(row.incidentId),
    air.store.evidenceOf(investigation),
    air.store.observationsOf(investigation),
    air.store.listActions({ incidentId: row.incidentId, limit: 200 }).then((page) => page.items),
  ]);
  if (!incident) return settle(async () => {});
  const named = alerts.flatMap((alert) => alert.entities);
  const playbooks = playbooksFor(air, incident, alerts);
  const todo = evidence.filter((item) => item.lookedRound === null).slice(0, MAX_EVIDENCE);
  await air.capabilities.adopt(todo.map((item) => item.entity));
  const showRunning = setTimeout(() => void markRunning(air, row), SHOW_RUNNING_AFTER_MS);
  let fresh: New<ObservationRow>[];
  try {
    const used = new Set(
      playbooks.flatMap((playbook) => [...playbook.root, ...playbook.hunting, ...playbook.scoping]).map((step) => step.look),
    );
    fresh = await look(air, {
      evidence: todo,
      known,
      analyzers: analyzers.filter((analyzer) => used.has(analyzer.name)),
      severity: incident.severity,
      entities: named,
    });
  } finally {
    clearTimeout(showRunning);
  }
  const judged = judgeAll(air, { evidence, todo, known, fresh, alerts });
  const found = newEvidence(row, judged, fresh, air.clock.now());
  const wishes = wishesOf(air, playbooks, { judged, alerts, actions });
  const proposals = await Promise.all(
    wishes.map(({ because, ...wish }) => {
      // Each piece of evidence is a ground of its own; the strongest decides whether it may be automatic.
      const grounds = judged.filter((item) => because.includes(item.row.id));
      const basis = grounds.find((item) => item.judgement.automatic.allowed) ?? grounds[0];
      return propose(air, wish, {
        investigation,
        incident: incident.id,
        severity: incident.severity,
        lab: row.lab,
        verdict: basis?.judgement.verdict ?? "unknown",
        judgement: basis?.judgement,
      });
    }),
  );
  await settle((tx) => finishRound(tx, air, { row, incident, playbooks, judged, todo, found, proposals, hadActions: actions.length > 0 }));
}

/** The playbook made for this, and the general one for whatever else the incident holds. */
function playbooksFor(air: Air, incident: IncidentRow, alerts: readonly AlertSummary[]): Playbook[] {
  const all = air.playbooks();
  const chosen = choosePlaybook(all, {
    title: incident.title,
    severity: incident.severity,
    categories: alerts.flatMap((alert) => (alert.category ? [alert.category] : [])),
    products: alerts.flatMap((alert) => [alert.source, ...(alert.product ? [alert.product] : [])]),
    entityKinds: [...new Set(alerts.flatMap((alert) => alert.entities.map((named) => named.entity.kind)))],
  });
  const general = all.filter((playbook) => !playbook.applies && playbook !== chosen);
  return chosen ? [chosen, ...general] : general;
}

type Judged = { row: EvidenceRow; judgement: Judgement; changed: boolean };

function judgeAll(
  air: Air,
  input: { evidence: EvidenceRow[]; todo: EvidenceRow[]; known: ObservationRow[]; fresh: New<ObservationRow>[]; alerts: AlertSummary[] },
): Judged[] {
  const now = air.clock.now();
  const byEvidence = Map.groupBy([...dropRetried(input.known, input.fresh), ...input.fresh], (row) => row.evidenceId);
  const sourceFamilies = new Set(input.alerts.map((alert) => alert.source));
  return input.evidence.map((row) => {
    const observations: Observation[] = [
      ...saidObservations(row),
      ...(byEvidence.get(row.id) ?? []).map(({ technique, found, raw: _raw, ...seen }) => ({
        ...seen,
        ...(technique ? { technique } : {}),
        ...(found ? { found } : {}),
      })),
    ];
    const judgement = judge({
      observations,
      sourceFamilies,
      trusted: row.said.length > 0 && row.said.every((said) => said.trusted),
      now,
      ...(row.override ? { override: row.override } : {}),
    });
    return { row, judgement, changed: judgement.verdict !== row.verdict || row.judgement === null || input.todo.includes(row) };
  });
}

/** A look that failed earlier and was asked again: the new answer stands. */
function dropRetried(known: readonly ObservationRow[], fresh: readonly New<ObservationRow>[]): ObservationRow[] {
  const again = new Set(fresh.map((row) => `${row.evidenceId} ${row.look}`));
  return known.filter((row) => !again.has(`${row.evidenceId} ${row.look}`));
}

/** Found because a bad thing was seen there: that widens the scope only once it is judged bad (domain facts 1.4). */
const WIDENS_WHEN_BAD: ReadonlySet<string> = new Set(["file-prevalence"]);

/** What look-ups discovered and nobody has as evidence yet. */
function newEvidence(
  row: InvestigationRow,
  judged: readonly Judged[],
  fresh: readonly New<ObservationRow>[],
  now: Date,
): New<EvidenceRow>[] {
  const known = new Set(judged.flatMap((item) => evidenceKeys(item.row.entity)));
  const bad = new Set(judged.filter((item) => item.judgement.verdict === "malicious").map((item) => item.row.id));
  const found: New<EvidenceRow>[] = [];
  const discovered = fresh.filter((seen) => !WIDENS_WHEN_BAD.has(seen.analyzer) || bad.has(seen.evidenceId));
  for (const entity of discovered.flatMap((observation) => observation.found ?? [])) {
    if (row.round >= MAX_ROUNDS || judged.length + found.length >= MAX_EVIDENCE) break;
    if (evidenceKeys(entity).some((key) => known.has(key))) continue;
    for (const key of evidenceKeys(entity)) known.add(key);
    found.push({
      investigationId: row.id,
      incidentId: row.incidentId,
      digest: sha256(evidenceKeys(entity)[0]),
      entity,
      said: [],
      verdict: "unknown",
      judgement: null,
      override: null,
      remediation: "none",
      lookedRound: null,
      createdAt: now,
    });
  }
  return found;
}

/** What the playbook wants, less what must never be acted on, is already dealt with or was proposed before. */
function wishesOf(
  air: Air,
  playbooks: readonly Playbook[],
  input: { judged: readonly Judged[]; alerts: readonly AlertSummary[]; actions: readonly ActionRow[] },
): (Wish & { because: number[] })[] {
  if (input.alerts.length > 0 && input.alerts.every((alert) => alert.status === "resolved")) return [];
  const policy = air.policy();
  const before = new Set(
    input.actions
      .filter((action) => action.undoes === null && action.state !== "cancelled")
      .map((action) => `${action.kind} ${action.targetDigest}`),
  );
  const remediation = new Map(input.judged.map((item) => [item.row.id, item.row.remediation]));
  const evidence = input.judged.map((item) => ({
    id: item.row.id,
    entity: item.row.entity,
    verdict: item.judgement.verdict,
    roles: item.row.said.flatMap((said) => said.roles),
    remediation: item.row.remediation,
  }));
  return playbooks
    .flatMap((playbook) => plan(playbook, evidence))
    .flatMap((wish) => {
      const file = wish.target.kind === "file" ? wish.target : undefined;
      const never = neverAct(wish.target, {
        organizationDomains: policy.organization.domains,
        internalRanges: policy.organization.internalRanges,
        namedEntity: { remediation: remediation.get(wish.evidenceId), signer: file?.signer },
      });
      const key = `${wish.kind} ${targetDigest(wish.kind, wish.target)}`;
      if (never || before.has(key)) return [];
      before.add(key);
      return [{ kind: wish.kind, target: wish.target, evidenceId: wish.evidenceId, note: wish.note, because: wish.because }];
    });
}

async function markRunning(air: Air, row: InvestigationRow): Promise<void> {
  try {
    await air.store.transaction(async (tx) => {
      const locked = await tx.lockInvestigation(row.id);
      if (locked?.status !== "queued") return;
      await tx.updateInvestigation(row.id, { status: "running" });
      const incident = await tx.incident(row.incidentId);
      if (incident)
        await wantCards(
          tx,
          air,
          [{ incident: incident.id, severity: incident.severity, needed: neededAtOnce(incident.severity) }],
          air.clock.now(),
        );
    });
  } catch {
    // Only a nicety; the settling transaction sets the status in any case.
  }
}

async function finishRound(
  tx: Tx,
  air: Air,
  round: {
    row: InvestigationRow;
    incident: IncidentRow;
    /** The incident had actions before this round; without any, nothing can have decided one meanwhile. */
    hadActions: boolean;
    playbooks: Playbook[];
    judged: Judged[];
    todo: EvidenceRow[];
    found: New<EvidenceRow>[];
    proposals: Proposed[];
  },
): Promise<void> {
  const now = air.clock.now();
  const locked = await tx.lockInvestigation(round.row.id);
  if (!locked || ENDED.has(locked.status)) return;
  const number = locked.round + 1;
  const { incident } = round;
  const looked = new Set(round.todo.map((item) => item.id));
  const kept = tx.updateEvidence(
    round.judged
      .filter((item) => item.changed)
      .map(({ row, judgement }) => ({
        id: row.id,
        verdict: judgement.verdict,
        judgement,
        remediation: row.remediation,
        lookedRound: looked.has(row.id) ? number : row.lookedRound,
      })),
  );
  const added = tx.addEvidence(round.found);
  // Sent together; one connection answers in order.
  await Promise.all([kept, added]);
  const timeline: New<TimelineRow>[] = round.judged
    .filter((item) => item.judgement.verdict !== item.row.verdict && item.judgement.verdict !== "noThreatsFound")
    .map((item) =>
      line(locked, now, "verdict", `${entityName(item.row.entity)} (${evidenceId(item.row.id)}): ${WORD[item.judgement.verdict]}`),
    );
  const actions = await insertProposals(tx, locked, incident, round.proposals, timeline, now);
  // What another alert added since this round began raised `wanted`, and stands in rows that this lock now shows.
  const unchanged = locked.wanted === round.row.wanted && round.found.length === 0;
  const evidence = unchanged ? round.judged.map((item) => lookedAt(item, looked, number)) : await tx.evidenceOf(locked.id);
  const more = evidence.some((item) => item.lookedRound === null) && number < MAX_ROUNDS * 4;
  const states = round.hadActions || actions.length > 0 ? await tx.actionsOf(locked.id) : [];
  const status = more ? ("running" as const) : statusOf(evidence, states);
  await tx.updateInvestigation(locked.id, {
    status,
    round: number,
    wanted: more ? number + 1 : number,
    playbooks: [...new Set([...locked.playbooks, ...round.playbooks.map((playbook) => playbook.name)])],
    endedAt: ENDED.has(status) ? now : null,
    pendingSince: status === "pendingApproval" ? (locked.pendingSince ?? now) : locked.pendingSince,
  });
  if (ENDED.has(status)) timeline.push(line(locked, now, "investigation-ended", `Investigation INV-${locked.id} ended: ${status}`));
  await tx.addTimeline(timeline);
  if (more) await tx.enqueue("investigate", { investigation: locked.id }, { key: `INV-${locked.id}` });
  const worst = evidence.some((item) => item.verdict === "malicious");
  await wantCards(
    tx,
    air,
    [
      {
        incident: locked.incidentId,
        severity: incident.severity,
        needed: worst || neededAtOnce(incident.severity) || states.some((action) => action.state === "pending"),
        actions,
      },
    ],
    now,
  );
}

async function insertProposals(
  tx: Tx,
  investigation: InvestigationRow,
  incident: IncidentRow,
  proposals: readonly Proposed[],
  timeline: New<TimelineRow>[],
  now: Date,
): Promise<number[]> {
  if (proposals.length === 0) return [];
  // Another round may have proposed the same in the meantime (a second investigation of the incident).
  const already = new Set(
    (await tx.listActions({ incidentId: incident.id, limit: 200 })).items
      .filter((action) => action.undoes === null && action.state !== "cancelled")
      .map((action) => `${action.kind} ${action.targetDigest}`),
  );
  const rows: New<ActionRow>[] = [];
  for (const { row, answer } of proposals) {
    if (already.has(`${row.kind} ${row.targetDigest}`)) continue;
    const spent = await tx.automaticSince(row.kind, new Date(now.getTime() - 3_600_000), new Date(now.getTime() - 86_400_000));
    const mine = rows.filter((one) => one.decision?.decision === "automatic");
    const said = answer({
      kindLastHour: spent.kindLastHour + mine.filter((one) => one.kind === row.kind).length,
      lastDay: spent.lastDay + mine.length,
    });
    if (said.kind === "none") continue;
    const automatic = said.kind === "automatic";
    rows.push({
      ...row,
      rule: said.rule,
      state: automatic ? "approved" : said.kind === "observe" ? "observed" : "pending",
      decision: automatic ? { decision: "automatic", by: "Automation", at: now.toISOString(), via: "air", reason: said.rule } : null,
      decidedAt: automatic ? now : null,
    });
  }
  const ids = await tx.insertActions(rows);
  const automatic = rows.flatMap((row, index) => (row.state === "approved" ? [{ row, id: ids[index] ?? 0 }] : []));
  for (const [index, row] of rows.entries()) {
    const how =
      row.state === "approved"
        ? "is carried out automatically"
        : row.state === "observed"
          ? "would be done (mode observe)"
          : "waits for a decision";
    timeline.push({
      ...line(investigation, now, "action-proposed", `${actionKinds[row.kind].title(row.target)} ${how}: ${row.rule}`),
      actionId: ids[index] ?? null,
    });
  }
  await tx.enqueueMany(
    "execute-action",
    automatic.map(({ id }) => ({ data: { action: id }, key: actionId(id) })),
  );
  await tx.writeAudit(
    automatic.map(({ row, id }) => ({
      at: now,
      actor: AIR,
      event: "action.approved-automatically",
      subject: actionId(id),
      incidentId: incident.id,
      data: { kind: row.kind, target: entityKey(row.target), rule: row.rule, version: row.version },
    })),
  );
  return ids;
}

const lookedAt = (item: Judged, looked: ReadonlySet<number>, number: number): EvidenceRow => ({
  ...item.row,
  verdict: item.judgement.verdict,
  judgement: item.judgement,
  lookedRound: looked.has(item.row.id) ? number : item.row.lookedRound,
});

const WORD: Record<Verdict, string> = {
  malicious: "Malicious",
  suspicious: "Suspicious",
  noThreatsFound: "No threats found",
  unknown: "Unknown",
};

const line = (investigation: InvestigationRow, at: Date, event: string, text: string): New<TimelineRow> => ({
  incidentId: investigation.incidentId,
  investigationId: investigation.id,
  actionId: null,
  at,
  actor: AIR,
  event,
  text: text.slice(0, 2000),
});

/** An investigation of the lab does not go on once a real connector is configured, nor the other way round. */
async function closeIfSwitched(tx: Tx, row: InvestigationRow | undefined, now: Date): Promise<void> {
  if (!row || ENDED.has(row.status)) return;
  await tx.updateInvestigation(row.id, { status: "terminatedBySystem", endedAt: now, wanted: row.round });
  await tx.addTimeline([line(row, now, "investigation-ended", "Ended: the lab and real products are never mixed")]);
}
