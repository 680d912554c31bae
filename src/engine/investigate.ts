import { z } from "zod";
import { type Air, evidenceId, investigationId } from "./air.ts";
import { alreadySo } from "./already-so.ts";
import { analyzers } from "./analyzers/all.ts";
import { afterRejection } from "./domain/after-rejection.ts";
import { CLUSTERS_BY } from "./domain/automation.ts";
import { entityKeys, entityName, evidenceKeys } from "./domain/entity.ts";
import { type Excluded, excludedBy } from "./domain/exclusions.ts";
import { ENDED, EXPANSION_ASKS, statusText, verdictWord } from "./domain/investigation.ts";
import { growthOf } from "./domain/learn.ts";
import { neverAct } from "./domain/never-act.ts";
import type { Observation } from "./domain/observation.ts";
import { type Judgement, judge } from "./domain/verdict.ts";
import { freshEvidence } from "./fresh-rows.ts";
import { askedBefore, growActions } from "./grow-action.ts";
import { insertProposals, line } from "./insert-proposals.ts";
import { foundIn, moveInvestigation, statusOf } from "./investigation-status.ts";
import { look, saidObservations } from "./look.ts";
import { noteLook } from "./look-again.ts";
import { MANUAL_SOURCE } from "./manual-alert.ts";
import { blockedBy } from "./own-blocks.ts";
import { choosePlaybook, incidentFacts, type Playbook, plan } from "./playbook.ts";
import { adviceFor, stepsFor } from "./playbook-steps.ts";
import { type Proposed, propose, targetDigest, type Wish } from "./propose-actions.ts";
import { sha256 } from "./sha256.ts";
import { endSnoozes } from "./snoozed.ts";
import type { ActionRow, AlertSummary, EvidenceRow, IncidentRow, InvestigationRow, New, ObservationRow, TimelineRow, Tx } from "./store.ts";
import { neededAtOnce, redrawIncident, wantCards } from "./want-cards.ts";

/** A job as a handler sees it: what to do, and the one way to finish it. */
export type Settle = (effect: (tx: Tx) => Promise<void>) => Promise<void>;

/** More evidence than this is not looked at: somebody is flooding us, and a person has to look. */
const MAX_EVIDENCE = 300;
/** Rounds of expansion; each adds what the last one found. */
const MAX_ROUNDS = 8;
/** A status "Running" worth showing: faster investigations go straight to their result. */
const SHOW_RUNNING_AFTER_MS = 400;

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
  // What only a person named is known or it is not: a lab takes in what alerts bring.
  const brought = todo.filter((item) => item.said.length === 0 || item.said.some((said) => said.source !== MANUAL_SOURCE));
  await air.capabilities.adopt(brought.map((item) => item.entity));
  const showRunning = setTimeout(() => void markRunning(air, row), SHOW_RUNNING_AFTER_MS);
  const fresh: New<ObservationRow>[] = [];
  let judged: Judged[] = judgeAll(air, { evidence, todo, known, fresh, alerts });
  try {
    const asked = new Map<number, readonly string[]>();
    // What is judged bad is scoped at once: the answers of the first pass decide who looks in the second.
    for (let pass = 0; pass < PASSES; pass++) {
      const due = judged
        .filter((item) => pass > 0 || todo.includes(item.row))
        .filter((item) => stepsOf(playbooks, item).some((step) => !asked.get(item.row.id)?.includes(step)));
      if (due.length === 0) break;
      const steps = new Map(due.map((item) => [item.row.id, stepsOf(playbooks, item)]));
      for (const [id, names] of steps) asked.set(id, names);
      const answers = await look(air, {
        evidence: due.map((item) => item.row),
        known: [...known, ...fresh],
        all: evidence,
        again: new Set(todo.map((item) => item.id)),
        analyzersFor: (item) => analyzers.filter((analyzer) => steps.get(item.id)?.includes(analyzer.name)),
        severity: incident.severity,
        entities: named,
        organization: air.policy().organization,
        history: {
          past: (entity, since) => air.store.past(entityKeys(entity).map(sha256), since, incident.id, row.lab),
          blockedBy: (entity) => blockedBy(air, entity, row.lab),
        },
      });
      fresh.push(...answers);
      judged = judgeAll(air, { evidence, todo, known, fresh, alerts });
    }
  } finally {
    clearTimeout(showRunning);
  }
  // Also what was answered before: the process may have died between an answer and this place, or the file been judged bad only now.
  const seen = [...known, ...fresh];
  const found = newEvidence(row, judged, seen, air.clock.now());
  const wishes = [...wishesOf(air, playbooks, { judged, alerts, actions }), ...expansionsOf(judged, seen, actions)];
  const proposals = await Promise.all(
    wishes.map(async ({ because, ...given }) => {
      const wish = { ...given, ...clusterOf(given, seen) };
      // Each piece of evidence is a ground of its own; the strongest decides whether it may be automatic.
      const grounds = judged.filter((item) => because.includes(item.row.id));
      const basis = grounds.find((item) => item.judgement.automatic.allowed) ?? grounds[0];
      const proposal = await propose(air, wish, {
        investigation,
        incident: incident.id,
        severity: incident.severity,
        lab: row.lab,
        verdict: basis?.judgement.verdict ?? "unknown",
        judgement: basis?.judgement,
      });
      return { ...proposal, already: await alreadySo(air, proposal.row) };
    }),
  );
  await settle((tx) => finishRound(tx, air, { row, incident, playbooks, judged, todo, found, proposals, hadActions: actions.length > 0 }));
}

/** Looking, and looking once more at what turned out bad. */
const PASSES = 2;

const stepsOf = (playbooks: readonly Playbook[], item: Judged): string[] =>
  item.left?.unseen
    ? []
    : stepsFor(playbooks, {
        origin: item.row.foundBy === null ? "alert" : "found",
        verdict: item.judgement.verdict,
        kind: item.row.entity.kind,
      });

/** The playbook made for this, and the general one for whatever else the incident holds. */
export function playbooksFor(air: Pick<Air, "playbooks">, incident: IncidentRow, alerts: readonly AlertSummary[]): Playbook[] {
  const all = air.playbooks();
  const chosen = choosePlaybook(all, incidentFacts(incident, alerts.map(toFacts)));
  const general = all.filter((playbook) => !playbook.applies && playbook !== chosen);
  return chosen ? [chosen, ...general] : general;
}

const toFacts = (alert: AlertSummary) => ({
  title: alert.title,
  entities: alert.entities,
  source: alert.source,
  ...(alert.category ? { category: alert.category } : {}),
  ...(alert.product ? { product: alert.product } : {}),
});

type Judged = { row: EvidenceRow; judgement: Judgement; changed: boolean; left: Excluded | undefined };

function judgeAll(
  air: Air,
  input: { evidence: EvidenceRow[]; todo: EvidenceRow[]; known: ObservationRow[]; fresh: New<ObservationRow>[]; alerts: AlertSummary[] },
): Judged[] {
  const now = air.clock.now();
  const byEvidence = Map.groupBy([...dropRetried(input.known, input.fresh), ...input.fresh], (row) => row.evidenceId);
  const sourceFamilies = new Set(input.alerts.map((alert) => alert.source));
  const policy = air.policy();
  const allTrusted = input.alerts.length > 0 && input.alerts.every((alert) => policy.trustedSources.has(alert.source));
  return input.evidence.map((row) => {
    // An analyst's word comes before a line in a file.
    const left = row.override ? undefined : excludedBy(row.entity, policy.automation.exclude);
    const observations: Observation[] = [
      ...(left?.unseen ? [] : saidObservations(row)),
      ...(byEvidence.get(row.id) ?? []).map(({ technique, found, decisive, raw: _raw, ...seen }) => ({
        ...seen,
        ...(technique ? { technique } : {}),
        ...(found ? { found } : {}),
        ...(decisive ? { decisive } : {}),
      })),
    ];
    const judgement = judge({
      observations,
      sourceFamilies,
      // What look-ups found nobody said: it is as trusted as the alerts that led to it.
      trusted: row.said.length > 0 ? row.said.every((said) => said.trusted) : allTrusted,
      now,
      ...(left ? { excluded: left.because } : {}),
      ...(row.override ? { override: row.override } : {}),
    });
    return { row, judgement, left, changed: judgement.verdict !== row.verdict || row.judgement === null || input.todo.includes(row) };
  });
}

/** A look that failed earlier and was asked again: the new answer stands. */
function dropRetried(known: readonly ObservationRow[], fresh: readonly New<ObservationRow>[]): ObservationRow[] {
  const again = new Set(fresh.map((row) => `${row.evidenceId} ${row.look}`));
  return known.filter((row) => !again.has(`${row.evidenceId} ${row.look}`));
}

/** Found because a bad thing was seen there: that widens the scope only once it is judged bad (domain facts 1.4). */
const WIDENS_WHEN_BAD: ReadonlySet<string> = new Set(["file-prevalence", "seen-elsewhere"]);

/** What look-ups discovered and nobody has as evidence yet. */
function newEvidence(
  row: InvestigationRow,
  judged: readonly Judged[],
  seen: readonly New<ObservationRow>[],
  now: Date,
): New<EvidenceRow>[] {
  const known = new Set(judged.flatMap((item) => evidenceKeys(item.row.entity)));
  const bad = new Set(judged.filter((item) => item.judgement.verdict === "malicious").map((item) => item.row.id));
  const found: New<EvidenceRow>[] = [];
  const discovered = seen.filter((one) => !WIDENS_WHEN_BAD.has(one.analyzer) || bad.has(one.evidenceId));
  const names = new Map(judged.map((item) => [item.row.id, entityName(item.row.entity)]));
  for (const { entity, by } of discovered.flatMap((one) => (one.found ?? []).map((entity) => ({ entity, by: one })))) {
    if (row.round >= MAX_ROUNDS || judged.length + found.length >= MAX_EVIDENCE) break;
    if (evidenceKeys(entity).some((key) => known.has(key))) continue;
    for (const key of evidenceKeys(entity)) known.add(key);
    const foundBy = `found by ${by.analyzer} on ${names.get(by.evidenceId) ?? "other evidence"}`.slice(0, 300);
    found.push(freshEvidence(entity, { investigationId: row.id, incidentId: row.incidentId, foundBy, createdAt: now }));
  }
  return found;
}

/** A bad thing that was seen on many devices: whether they are looked at is asked, once. */
function expansionsOf(
  judged: readonly Judged[],
  observations: readonly (New<ObservationRow> | ObservationRow)[],
  actions: readonly ActionRow[],
): (Wish & { because: number[] })[] {
  const asked = new Set(actions.filter((action) => action.kind === "expand-investigation").map((action) => action.targetDigest));
  return judged
    .filter((item) => item.judgement.verdict === "malicious" && !item.left)
    .flatMap((item) => {
      const seen = observations.filter((row) => row.evidenceId === item.row.id && WIDENS_WHEN_BAD.has(row.analyzer));
      // Two products may count; whoever saw more of them is followed.
      const [devices = []] = seen.map((row) => Devices.safeParse(row.raw).data?.devices ?? []).toSorted((a, b) => b.length - a.length);
      const digest = targetDigest("expand-investigation", item.row.entity);
      if (devices.length < EXPANSION_ASKS || asked.has(digest)) return [];
      asked.add(digest);
      const note = `Seen on ${devices.length} of our devices. From ${EXPANSION_ASKS} on, widening the investigation asks a person.`;
      const target = item.row.entity;
      return [
        { kind: "expand-investigation" as const, target, evidenceId: item.row.id, note, params: { devices }, because: [item.row.id] },
      ];
    });
}
const Devices = z.object({ devices: z.array(z.string()) });

/** What air.yaml leaves alone is no ground for anything. */
const plannedEvidence = (judged: readonly Judged[]) =>
  judged
    .filter((item) => !item.left)
    .map((item) => ({
      id: item.row.id,
      entity: item.row.entity,
      verdict: item.judgement.verdict,
      roles: item.row.said.flatMap((said) => said.roles),
      remediation: item.row.remediation,
      found: item.row.foundBy !== null,
    }));

/** What holds a mail cluster together, in the mail product's words: only there is exactly one cluster to speak of. */
function clusterOf(wish: Wish, seen: readonly New<ObservationRow>[]): Pick<Wish, "cluster"> {
  if (wish.target.kind !== "mail-cluster") return {};
  const answer = seen.findLast((row) => row.evidenceId === wish.evidenceId && row.analyzer === "mail-clusters" && row.label !== "failed");
  const [only, ...others] = Clusters.safeParse(answer?.raw).data ?? [];
  return only && others.length === 0 ? { cluster: { by: only.by, messages: only.emails } } : {};
}
const Clusters = z.array(z.object({ by: z.enum(CLUSTERS_BY), emails: z.number().int().min(0) }));

/** What the playbooks tell an analyst to do by hand, each sentence once. */
const adviceOf = (playbooks: readonly Playbook[], judged: readonly Judged[]): string[] =>
  [...new Set(playbooks.flatMap((playbook) => adviceFor(playbook, plannedEvidence(judged)).map((advice) => advice.text)))].slice(0, 10);

/** What the playbook wants, less what must never be acted on, is already dealt with or was proposed before. */
function wishesOf(
  air: Air,
  playbooks: readonly Playbook[],
  input: { judged: readonly Judged[]; alerts: readonly AlertSummary[]; actions: readonly ActionRow[] },
): (Wish & { because: number[] })[] {
  if (input.alerts.length > 0 && input.alerts.every((alert) => alert.status === "resolved")) return [];
  const policy = air.policy();
  const evidence = plannedEvidence(input.judged);
  const before = Map.groupBy(
    input.actions.filter((action) => action.undoes === null && action.state !== "cancelled"),
    (action) => `${action.kind} ${action.targetDigest}`,
  );
  const wished = new Set<string>();
  const remediation = new Map(input.judged.map((item) => [item.row.id, item.row.remediation]));
  return playbooks
    .flatMap((playbook) => plan(playbook, evidence).map((wish) => ({ ...wish, playbook: playbook.name })))
    .flatMap((wish) => {
      const file = wish.target.kind === "file" ? wish.target : undefined;
      const never = neverAct(wish.target, {
        organizationDomains: policy.organization.domains,
        internalRanges: policy.organization.internalRanges,
        namedEntity: { remediation: remediation.get(wish.evidenceId), signer: file?.signer },
      });
      const key = `${wish.kind} ${targetDigest(wish.kind, wish.target)}`;
      const families = familiesOf(input.judged, wish.because);
      const asked = before.get(key) ?? [];
      const again = afterRejection(asked, families);
      const growth = again.ask ? undefined : growthOf(wish.target, askedBefore(asked));
      if (never || wished.has(key) || !(again.ask || growth)) return [];
      wished.add(key);
      return [
        {
          kind: wish.kind,
          target: growth ? ("rest" in growth ? growth.rest : growth.target) : wish.target,
          evidenceId: wish.evidenceId,
          note: wish.note,
          ...(growth ? { growth, whole: wish.target } : {}),
          because: wish.because,
          playbook: wish.playbook,
          families,
          ...(!again.ask || again.rejected === undefined ? {} : { rejectedBefore: again.rejected }),
        },
      ];
    });
}

/** Source families that speak against the grounds of a wish. */
const familiesOf = (judged: readonly Judged[], because: readonly number[]): string[] => [
  ...new Set(judged.filter((item) => because.includes(item.row.id)).flatMap((item) => item.judgement.for.map((reason) => reason.family))),
];

async function markRunning(air: Air, row: InvestigationRow): Promise<void> {
  try {
    await air.store.transaction(async (tx) => {
      const locked = await tx.lockInvestigation(row.id);
      if (locked?.status !== "queued") return;
      await moveInvestigation(tx, locked, "running", air.clock.now());
      await redrawIncident(tx, air, locked.incidentId, air.clock.now());
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
        entity: row.entity,
        verdict: judgement.verdict,
        judgement,
        remediation: row.remediation,
        lookedRound: looked.has(row.id) ? number : row.lookedRound,
      })),
  );
  // A merge may have moved it to another incident since this round began.
  const home = locked.incidentId;
  const added = tx.addEvidence(round.found.map((row) => ({ ...row, incidentId: home })));
  // Sent together; one connection answers in order.
  await Promise.all([kept, added, ...(round.found.length > 0 ? [tx.carryOver([{ from: home, to: home }])] : [])]);
  const timeline: New<TimelineRow>[] = round.judged
    .filter((item) => item.judgement.verdict !== item.row.verdict && item.judgement.verdict !== "noThreatsFound")
    .map((item) =>
      line(
        locked,
        now,
        "verdict",
        `${entityName(item.row.entity)} (${evidenceId(item.row.id)}): ${verdictWord(item.row.entity.kind, item.judgement.verdict)}`,
      ),
    );
  const grown = await growActions(tx, locked, round.proposals, timeline, now);
  const actions = await insertProposals(tx, air, locked, grown.insert, timeline, now);
  const again = round.hadActions ? await noteLook(tx, await tx.actionsOf(locked.id), round.judged, looked, now) : [];
  // What another alert added since this round began raised `wanted`, and stands in rows that this lock now shows.
  const unchanged = locked.wanted === round.row.wanted && round.found.length === 0 && grown.again.length === 0;
  const evidence = unchanged ? round.judged.map((item) => lookedAt(item, looked, number)) : await tx.evidenceOf(locked.id);
  const more = evidence.some((item) => item.lookedRound === null) && number < MAX_ROUNDS * 4;
  const states = round.hadActions || round.proposals.length > 0 || !unchanged ? await tx.actionsOf(locked.id) : [];
  const status = more ? ("running" as const) : statusOf(evidence, states);
  await moveInvestigation(tx, locked, status, now, {
    round: number,
    wanted: more ? number + 1 : number,
    playbooks: [...new Set([...locked.playbooks, ...round.playbooks.map((playbook) => playbook.name)])],
    advice: adviceOf(round.playbooks, round.judged),
  });
  if (ENDED.has(status))
    timeline.push(
      line(locked, now, "investigation-ended", `Investigation INV-${locked.id} ended. ${statusText(status, foundIn(evidence, states))}`),
    );
  await tx.addTimeline(timeline);
  // Ahead of what has not begun: a flood of new alerts does not starve what is under way.
  if (more) await tx.enqueue("investigate", { investigation: locked.id }, { key: investigationId(locked.id), urgent: true });
  await endSnoozes(tx, air, [home], now);
  const worst = evidence.some((item) => item.verdict === "malicious");
  await wantCards(
    tx,
    air,
    [
      {
        incident: home,
        severity: incident.severity,
        needed: worst || neededAtOnce(incident.severity) || states.some((action) => action.state === "pending"),
        actions: [...new Set([...actions, ...grown.redraw, ...again])],
      },
    ],
    now,
  );
}

const lookedAt = (item: Judged, looked: ReadonlySet<number>, number: number): EvidenceRow => ({
  ...item.row,
  verdict: item.judgement.verdict,
  judgement: item.judgement,
  lookedRound: looked.has(item.row.id) ? number : item.row.lookedRound,
});

/** An investigation of the lab does not go on once a real connector is configured, nor the other way round. */
async function closeIfSwitched(tx: Tx, row: InvestigationRow | undefined, now: Date): Promise<void> {
  if (!row || ENDED.has(row.status)) return;
  await moveInvestigation(tx, row, "terminatedBySystem", now, { wanted: row.round });
  await tx.addTimeline([line(row, now, "investigation-ended", "Ended: the lab and real products are never mixed")]);
}
