import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, evidenceId, investigationId, numberOf } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import type { Verdict } from "./domain/alert.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { isBlank } from "./domain/blank.ts";
import { type Entity, entityKey, entityName } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { ENDED, verdictWord } from "./domain/investigation.ts";
import { neverAct } from "./domain/never-act.ts";
import { mustFit } from "./domain/words.ts";
import { insertProposals } from "./insert-proposals.ts";
import { moveInvestigation } from "./investigation-status.ts";
import { type Proposed, propose, undoWish, type Wish } from "./propose-actions.ts";
import { groundsOf, restingOn } from "./resting-on.ts";
import { endSnoozes } from "./snoozed.ts";
import { type Started, startInvestigation } from "./start-investigation.ts";
import type { ActionRow, EvidenceRow, InvestigationRow, New, TimelineRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/*
 * What a person knows better (product contract 3.6, domain facts 7). None of these carries anything out: what follows from them is
 * proposed and asks, whatever the level.
 */

type Verb = "verdict" | "fp" | "fn";
type Found = { evidence: EvidenceRow; investigation: InvestigationRow };

async function findEvidence(air: Air, id: number): Promise<Found> {
  const evidence = await air.store.evidence(id);
  const investigation = evidence && (await air.store.investigation(evidence.investigationId));
  if (!evidence || !investigation) throw new Refusal("not-found", `There is no evidence ${evidenceId(id)}.`);
  if (investigation.lab !== air.capabilities.lab)
    throw new Refusal(
      "invalid",
      `${evidenceId(id)} belongs to the ${investigation.lab ? "lab" : "real products"}, which is not what air works on now.`,
    );
  return { evidence, investigation };
}

/** Evidence nobody judged, of which a person said in another incident what it is, with the actions that rest on it. */
type Judged = { found: Found; said: NonNullable<EvidenceRow["override"]>; rests: (action: ActionRow) => boolean };

/** What has to be said of the evidence of two incidents that are about to become one. Ordered as rows are locked. */
export async function judgedElsewhere(air: Air, one: number, other: number): Promise<Judged[]> {
  const views = await air.store.incidentViews([one, other]);
  const [left, right] = [one, other].map((id) => views.get(id)?.evidence ?? []) as [EvidenceRow[], EvidenceRow[]];
  const open = [...between(left, right), ...between(right, left)].sort((a, b) => a.row.investigationId - b.row.investigationId);
  return Promise.all(
    open.map(async ({ row, said }) => {
      const found = await findEvidence(air, row.id);
      return { found, said, rests: await restingOn(air, found.investigation, row.id) };
    }),
  );
}

/** Evidence without a person's word, with the newest there is of the same thing among the others. */
const between = (rows: readonly EvidenceRow[], others: readonly EvidenceRow[]) =>
  rows.flatMap((row) => {
    const key = entityKey(row.entity);
    const said = others.findLast((other) => other.override !== null && entityKey(other.entity) === key)?.override;
    return row.override === null && said ? [{ row, said }] : [];
  });

/** What a person said of it elsewhere holds here, with everything that follows. */
export async function holdHere(tx: Tx, air: Air, person: Person, { found, said, rests }: Judged): Promise<void> {
  await override(tx, air, person, found, said.verdict, said.reason, "verdict", [], rests, said.by);
}

/** The same thing in other investigations of the incident: what a person knows of it holds there, too. Ordered as rows are locked. */
async function everywhere(air: Air, found: Found): Promise<Found[]> {
  const twins = await Promise.all((await air.store.twinsOf(found.evidence.id)).map((id) => findEvidence(air, id)));
  return [found, ...twins].sort((a, b) => a.investigation.id - b.investigation.id);
}

/**
 * A person's verdict on a piece of evidence, with the reason. It comes before every source; what follows from it asks.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function setVerdict(
  air: Air,
  person: Person,
  request: { evidence: number; verdict: Exclude<Verdict, "unknown">; reason: string },
): Promise<EvidenceRow> {
  const { evidence, investigation } = await findEvidence(air, request.evidence);
  const asked = { verb: "evidence.verdict", subject: evidenceId(evidence.id), incidents: [evidence.incidentId] };
  await authorise(air, person, asked);
  if (isBlank(request.reason)) throw new Refusal("invalid", "Say why: the reason is kept with the evidence.");
  mustFit(request.reason, "reason");
  const all = await everywhere(air, { evidence, investigation });
  const rests = new Map(
    await Promise.all(all.map(async (one) => [one, await restingOn(air, one.investigation, one.evidence.id)] as const)),
  );
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      for (const [found, restsOn] of rests) await override(tx, air, person, found, request.verdict, request.reason, "verdict", [], restsOn);
      return { ...evidence, override: { verdict: request.verdict, by: person.name, reason: request.reason } };
    }),
  );
}

/**
 * "This was wrong": the evidence counts as clean, what waits because of it is cancelled, and taking back what was done and an allow
 * entry are proposed (domain facts 7). An action stands for the evidence it rests on.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function reportFalsePositive(
  air: Air,
  person: Person,
  request: { evidence: number } | { action: number },
  reason: string,
): Promise<{ evidence: EvidenceRow; proposed: number }> {
  mustFit(reason, "reason");
  const [first, ...others] = "evidence" in request ? [request.evidence] : await evidenceOfAction(air, request.action);
  const cleared = await clear(air, person, first, reason);
  for (const id of others) cleared.proposed += (await clear(air, person, id, reason)).proposed;
  return cleared;
}

async function clear(air: Air, person: Person, id: number, reason: string): Promise<{ evidence: EvidenceRow; proposed: number }> {
  const found = await findEvidence(air, id);
  const { evidence } = found;
  const asked = { verb: "evidence.fp", subject: evidenceId(id), incidents: [evidence.incidentId] };
  await authorise(air, person, asked);
  const because = `proposed because ${person.name} reported a false positive`;
  const parts = await Promise.all(
    (await everywhere(air, found)).map(async (one) => {
      const rests = await restingOn(air, one.investigation, one.evidence.id);
      const done = (await air.store.actionsOf(one.investigation.id)).filter(
        // What no product can take back by a call is proposed with the steps to do it by hand.
        (action) => rests(action) && action.state === "succeeded" && actionKinds[action.kind].undo.by !== undefined,
      );
      return { one, rests, undos: await Promise.all(done.map((action) => proposeUndo(air, action, one, because))) };
    }),
  );
  const allow = ALLOWED.has(evidence.entity.kind)
    ? [
        await proposeFor(
          air,
          { kind: "allow-indicator", target: evidence.entity, evidenceId: id, note: `${person.name}: ${reason}`, asks: because },
          found,
        ),
      ]
    : [];
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      // The incident before its investigations, as every intake locks them.
      await tx.lockIncidents([evidence.incidentId]);
      let proposed = 0;
      for (const { one, rests, undos } of parts) {
        const follows = one.evidence.id === evidence.id ? [...undos, ...allow] : undos;
        proposed += await override(tx, air, person, one, "noThreatsFound", reason, "fp", follows, rests);
      }
      return { evidence: { ...evidence, override: { verdict: "noThreatsFound", by: person.name, reason } }, proposed };
    }),
  );
}
const ALLOWED: ReadonlySet<Entity["kind"]> = new Set(["file", "ip", "domain", "url"]);

/**
 * "This was missed": a manual alert, an investigation, and blocking it is proposed (domain facts 7).
 *
 * @throws Refusal forbidden | invalid
 */
export async function reportFalseNegative(air: Air, person: Person, entity: Entity, id: string): Promise<Started & { proposed: number }> {
  const started = await startInvestigation(air, person, { entity }, id);
  if (!ALLOWED.has(entity.kind) || started.investigation === null) return { ...started, proposed: 0 };
  const investigation = await air.store.investigation(numberOf(started.investigation));
  const { domains, internalRanges } = air.policy().organization;
  const never = neverAct(entity, { organizationDomains: domains, internalRanges });
  if (!investigation || never) return { ...started, proposed: 0 };
  const evidence = (await air.store.evidenceOf(investigation.id)).find(
    (item) => item.entity.kind === entity.kind && entityName(item.entity) === entityName(entity),
  );
  const asks = `proposed because ${person.name} reported that it was missed`;
  const wish: Wish = {
    kind: "block-indicator",
    target: entity,
    evidenceId: evidence?.id ?? null,
    note: `${person.name} reported that it was missed.`,
    asks,
  };
  const proposal = await proposeFor(air, wish, { investigation });
  const proposed = await air.store.transaction(async (tx) => {
    const timeline: New<TimelineRow>[] = [];
    const locked = await tx.lockInvestigation(investigation.id);
    if (!locked) return [];
    const ids = await insertProposals(tx, air, locked, [proposal], timeline, air.clock.now());
    await tx.addTimeline(timeline);
    // A round may be under way that began without it, or be over already: one more sees that somebody has to decide.
    if (ids.length > 0) await anotherRound(tx, locked, air.clock.now());
    await tx.writeAudit([
      {
        at: air.clock.now(),
        actor: actorOf(person),
        event: "evidence.fn",
        subject: started.alert,
        incidentId: locked.incidentId,
        data: { kind: entity.kind, proposed: ids.map(actionId) },
      },
    ]);
    await redrawIncident(tx, air, locked.incidentId, air.clock.now(), { actions: ids, needed: ids.length > 0 });
    return ids;
  });
  return { ...started, proposed: proposed.length };
}

async function evidenceOfAction(air: Air, id: number): Promise<[number, ...number[]]> {
  const action = await air.store.action(id);
  if (!action) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
  const [first, ...others] = await groundsOf(air, action);
  if (first === undefined) throw new Refusal("invalid", `${actionId(id)} rests on no piece of evidence: name the EVD- instead.`);
  return [first, ...others];
}

const proposeFor = (air: Air, wish: Wish, { investigation }: Pick<Found, "investigation">): Promise<Proposed> =>
  propose(air, wish, {
    investigation: investigation.id,
    incident: investigation.incidentId,
    severity: "low",
    lab: investigation.lab,
    // What a person says is not a source's verdict: policy is asked as for something suspicious.
    verdict: "suspicious",
    judgement: undefined,
  });

async function proposeUndo(air: Air, action: ActionRow, found: Found, asks: string): Promise<Proposed> {
  const wish = undoWish(action) ?? { kind: action.kind, target: action.target };
  const note = `Takes back ${actionId(action.id)}.`;
  const proposal = await proposeFor(air, { ...wish, evidenceId: found.evidence.id, note, asks }, found);
  return { ...proposal, row: { ...proposal.row, undoes: action.id } };
}

/** Sets the override, cancels what waits because of this evidence, stores what follows, and has the next round judge anew. */
async function override(
  tx: Tx,
  air: Air,
  person: Person,
  { evidence, investigation }: Found,
  verdict: Verdict,
  reason: string,
  verb: Verb,
  proposals: readonly Proposed[],
  rests: (action: ActionRow) => boolean,
  by = person.name,
): Promise<number> {
  const now = air.clock.now();
  const touched: number[] = [];
  if (verdict === "noThreatsFound") {
    for (const action of await tx.actionsOf(investigation.id)) {
      if (!rests(action)) continue;
      if (action.state !== "pending" && action.state !== "observed" && action.state !== "approved") continue;
      const outcome = `Cancelled: ${by} judged ${evidenceId(evidence.id)} clean. Nothing was done.`;
      if (await tx.moveAction(action.id, action.state, { state: "cancelled", endedAt: now, outcome })) touched.push(action.id);
    }
  }
  const locked = await tx.lockInvestigation(investigation.id);
  if (!locked) throw new Refusal("not-found", `There is no investigation ${investigationId(investigation.id)}.`);
  await tx.overrideEvidence(evidence.id, { verdict, by, reason });
  const word = verdictWord(evidence.entity.kind, verdict);
  const gone = touched.length > 0 ? `. Cancelled because of it: ${touched.map(actionId).join(", ")}` : "";
  const timeline: New<TimelineRow>[] = [
    timelineLine(
      { incidentId: locked.incidentId, investigationId: locked.id },
      now,
      actorOf(person),
      `evidence-${verb}`,
      `${by} set ${evidenceId(evidence.id)} (${entityName(evidence.entity)}) to ${word}: ${reason}${gone}`,
    ),
  ];
  const ids = await insertProposals(tx, air, locked, proposals, timeline, now);
  if (verb === "fp") await classifyFalsePositive(tx, locked, evidence.id);
  await tx.addTimeline(timeline);
  await tx.writeAudit([
    {
      at: now,
      actor: actorOf(person),
      event: `evidence.${verb}`,
      subject: evidenceId(evidence.id),
      incidentId: locked.incidentId,
      data: { verdict, reason, cancelled: touched.map(actionId), proposed: ids.map(actionId) },
    },
  ]);
  await anotherRound(tx, locked, now);
  await endSnoozes(tx, air, [locked.incidentId], now);
  await redrawIncident(tx, air, locked.incidentId, now, { actions: [...touched, ...ids], needed: touched.length + ids.length > 0 });
  return ids.length;
}

/** Nothing else of the incident accuses anybody: then the whole of it was a false positive (domain facts 7). */
async function classifyFalsePositive(tx: Tx, investigation: InvestigationRow, cleared: number): Promise<void> {
  const incident = await tx.incident(investigation.incidentId);
  const { items } = await tx.listInvestigations({ incidentId: investigation.incidentId, limit: 50 });
  const evidence = (await Promise.all(items.map((one) => tx.evidenceOf(one.id)))).flat();
  const bad = evidence.some(
    (item) => item.id !== cleared && (item.override?.verdict ?? item.verdict) !== "noThreatsFound" && item.verdict !== "unknown",
  );
  if (incident && incident.classification === null && !bad)
    await tx.updateIncident(incident.id, { classification: "falsePositive", determination: "notMalicious" });
}

/** What a person stopped stays stopped. */
async function anotherRound(tx: Tx, locked: InvestigationRow, now: Date): Promise<void> {
  if (locked.status === "terminatedByUser") return;
  await moveInvestigation(tx, locked, ENDED.has(locked.status) ? "queued" : locked.status, now, {
    wanted: Math.max(locked.wanted, locked.round) + 1,
  });
  await tx.enqueue("investigate", { investigation: locked.id }, { key: investigationId(locked.id), urgent: true });
}
