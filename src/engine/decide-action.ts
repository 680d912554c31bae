import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { namedIn } from "./authorise.ts";
import { span, time } from "./cards/say.ts";
import { type ActionState, LONGEST_MS } from "./domain/action.ts";
import { actorOf, approverGroup, mayDecide, type Person, remembered, sameHuman } from "./domain/approval.ts";
import { glassOpensAt } from "./domain/break-glass.ts";
import { entityKey } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { nameToType, readTyped, stepUpOf } from "./domain/step-up.ts";
import { mustFit } from "./domain/words.ts";
import { ifNothing } from "./if-nothing.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { mustStillHold } from "./must-still-hold.ts";
import { noEndText } from "./no-end.ts";
import { pageSuspect } from "./page-suspect.ts";
import { pausedBy, pauseOf } from "./pause.ts";
import { groundsOf } from "./resting-on.ts";
import { modeNow, modeStops } from "./set-mode.ts";
import type { ActionRow, ApprovalRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";
import { wantPages } from "./want-pages.ts";
import { widen } from "./widen-investigation.ts";

/** What a person may say of an action. `done` and `notNeeded` answer a "do by hand"; `agree` and `disagree` a "would have". */
export type Decision = "approve" | "reject" | "done" | "notNeeded" | "agree" | "disagree";

export type DecideRequest = {
  action: number;
  decision: Decision;
  /** The version that was shown; without it (commands, HTTP) the present one is meant. */
  version?: string | undefined;
  reason?: string | undefined;
  /** What a person typed with an approval: the target's name where it is asked for (step-up), and a reason behind it. */
  typed?: string | undefined;
  /** No name has to be typed: a program calls, which mistypes nothing, or a whole set was confirmed. A name that is given must be right. */
  confirmed?: boolean | undefined;
  /** As part of a bulk decision whose sum needs this many people. */
  approvals?: number | undefined;
  /** Approved for this long only: it then ends by itself. Of two who approve, the shorter time counts. */
  forMs?: number | undefined;
};

/** What became of the click: the action as it stands, and whether a second person is still needed. */
export type Decided = { action: ActionRow; waitsForSecond: boolean };

/**
 * The one door: Slack, Teams, console, HTTP and CLI all end here (product contract 6).
 *
 * The person's roles were looked up just before, outside. One transaction compares and sets the row, writes the audit line and the
 * timeline, and queues the execution. The first valid decision wins; later ones learn who and when. A refused click changes nothing,
 * and an authenticated refusal is an audit line of its own.
 *
 * @throws Refusal not-found | forbidden | already-decided | changed | expired | paused | invalid
 */
export async function decideAction(air: Air, person: Person, request: DecideRequest): Promise<Decided> {
  const action = await air.store.action(request.action);
  if (!action) {
    const refusal = new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
    await auditRefusal(air, person, { id: request.action, incidentId: 0 }, request.decision, refusal);
    throw refusal;
  }
  try {
    await mustBeAllowed(air, person, action);
    mustFit(request.reason, "reason");
    if (request.decision === "done") {
      mustNotHaveAsked(air, person, action);
      const said = { ...request, ...typedByHand(action, request) };
      mustFit(said.reason, "reason");
      return await air.store.transaction((tx) => decideInside(tx, air, person, said));
    }
    if (request.decision !== "approve") {
      const heard = request.decision === "reject" ? await familiesHeard(air, action) : [];
      return await air.store.transaction((tx) => decideInside(tx, air, person, request, heard));
    }
    mustNotHaveAsked(air, person, action);
    const steppedUp = { ...request, ...typedReason(action, request) };
    mustFit(steppedUp.reason, "reason");
    await mustStillHold(air, person, action);
    return await air.store.transaction((tx) => decideInside(tx, air, person, steppedUp));
  } catch (error) {
    // The transaction is gone and nothing changed; that somebody tried is kept.
    if (error instanceof Refusal) await auditRefusal(air, person, action, request.decision, error);
    throw error;
  }
}

/**
 * The target's name stands where it has to be typed (product contract 6, step-up); what follows it is the reason.
 *
 * @throws Refusal invalid, which says what to type; nothing is consumed
 */
function typedReason(action: ActionRow, request: DecideRequest): { reason?: string | undefined } {
  if (request.confirmed) {
    if (request.typed !== undefined && !isName(request.typed, action)) throw wrongName(action, "This names another target.");
    return {};
  }
  const stepUp = stepUpOf(action);
  if (!stepUp.needed) return { reason: request.reason ?? request.typed };
  const { named, rest } = readTyped(request.typed, action);
  if (!named) throw wrongName(action, `${stepUp.because[0]?.toUpperCase()}${stepUp.because.slice(1)}, so its name has to be typed.`);
  return { reason: request.reason ?? (rest || undefined) };
}

/** air cannot take back what a person did, but where two have to answer for it nobody says so by a slip of the finger. */
const typedByHand = (action: ActionRow, request: DecideRequest): { reason?: string | undefined } =>
  action.approvalsNeeded > 1 ? typedReason(action, request) : { reason: request.reason ?? request.typed };

const isName = (typed: string, action: ActionRow) => {
  const read = readTyped(typed, action);
  return read.named && read.rest === "";
};

const wrongName = (action: ActionRow, why: string) =>
  new Refusal(
    "invalid",
    `Nothing was decided. ${why} Type: ${nameToType(action)}${action.byHand === null ? `  (or say: approve ${actionId(action.id)} ${nameToType(action)})` : ""}`,
    {
      field: "confirm",
      details: { type: nameToType(action) },
    },
  );

/**
 * The person's own right to decide this action, whatever they decide: role, suspects, tokens.
 *
 * @throws Refusal forbidden
 */
export async function mustBeAllowed(air: Air, person: Person, action: ActionRow): Promise<void> {
  const view = (await air.store.incidentViews([action.incidentId])).get(action.incidentId);
  const entities = view ? await namedIn(air, view) : [];
  const permission = mayDecide(person, { ...action, protectedHits: action.blastRadius.protectedHits }, entities);
  if (!permission.allowed) throw new Refusal("forbidden", permission.message, { details: { missing: permission.missing } });
  if (person.machine && action.approvalsNeeded > 1)
    throw new Refusal("forbidden", "A token never counts toward two approvals.", { details: { missing: "person" } });
}

/**
 * Asked before a form is shown, so that nobody types a name or a reason in vain: is it still to be decided as it was shown, and may this
 * person? The decision itself asks everything again.
 *
 * @throws Refusal not-found | forbidden | already-decided | changed | expired | paused
 */
export async function mayStillDecide(
  air: Air,
  person: Person,
  shown: { action: number; version: string; decision: string },
): Promise<void> {
  const action = await air.store.action(shown.action);
  try {
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(shown.action)}.`);
    await mustBeAllowed(air, person, action);
    const asks = { approve: "pending", reject: "pending", done: "pending", notNeeded: "pending", agree: "observed", disagree: "observed" };
    const expected = Object.hasOwn(asks, shown.decision) ? asks[shown.decision as keyof typeof asks] : undefined;
    if (expected === undefined) return;
    if (action.state !== expected) throw alreadyDecided(action);
    if (air.clock.now() >= action.expiresAt) throw new Refusal("expired", `${actionId(action.id)} expired: nothing was done.`);
    if (shown.version !== action.version)
      throw new Refusal("changed", `${actionId(action.id)} changed since that card was drawn. Look at the new card and decide again.`);
    if (shown.decision === "approve" || shown.decision === "done") mustNotHaveAsked(air, person, action);
    if (shown.decision !== "approve") return;
    const pause = await pauseOf(air.store, action.family);
    if (pause) throw new Refusal("paused", `${pausedBy(pause)} An admin can resume.`);
  } catch (error) {
    if (error instanceof Refusal)
      await auditRefusal(air, person, { id: shown.action, incidentId: action?.incidentId ?? 0 }, shown.decision, error);
    throw error;
  }
}

/** Every authenticated refusal is a line of the audit (product contract 6). */
export async function auditRefusal(
  air: Air,
  person: Person,
  action: Pick<ActionRow, "id" | "incidentId">,
  decision: string,
  refusal: Refusal,
): Promise<void> {
  await air.store.transaction(async (tx) => {
    await pageSuspect(tx, air, person, { verb: decision, incident: action.incidentId, action: action.id }, refusal);
    await tx.writeAudit([
      {
        at: air.clock.now(),
        actor: actorOf(person),
        event: "decision.refused",
        subject: actionId(action.id),
        incidentId: action.incidentId,
        data: { decision, code: refusal.code, missing: refusal.details.missing ?? null },
      },
    ]);
  });
}

async function decideInside(tx: Tx, air: Air, person: Person, request: DecideRequest, heard: readonly string[] = []): Promise<Decided> {
  let action = await tx.lockAction(request.action);
  // What ends by the clock looks who else holds the target: either it sees this approval, or this one comes after it.
  if (action && request.decision === "approve") await tx.onTarget(action);
  const now = air.clock.now();
  if (!action) throw new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
  const expected: ActionState = request.decision === "agree" || request.decision === "disagree" ? "observed" : "pending";
  if (action.state !== expected) throw alreadyDecided(action);
  if (now >= action.expiresAt) throw new Refusal("expired", `${actionId(action.id)} expired: nothing was done.`);
  if (request.version !== undefined && request.version !== action.version) {
    throw new Refusal("changed", `${actionId(action.id)} changed since that card was drawn. Look at the new card and decide again.`);
  }
  const forHand = request.decision === "done" || request.decision === "notNeeded";
  if (request.decision === "approve" && action.byHand !== null)
    throw new Refusal("invalid", "No connected product can carry this out. Do it by hand and press Done by hand.");
  if (forHand && action.byHand === null) throw new Refusal("invalid", "This action is not one to do by hand: approve or reject it.");

  if (request.decision === "approve") {
    const pause = await pauseOf(tx, action.family);
    if (pause) throw new Refusal("paused", `${pausedBy(pause)} An admin can resume.`);
    const stops = modeStops(await modeNow(tx, air), { ...action, decision: null });
    if (stops) throw new Refusal("paused", `${actionId(action.id)} is not carried out: ${stops}.`);
    if (action.lab !== air.capabilities.lab) throw new Refusal("invalid", `${actionId(action.id)} belongs to what air no longer works on.`);
    action = await limited(tx, await raised(tx, action, request), request.forMs);
    if (person.machine && action.approvalsNeeded > 1)
      throw new Refusal("forbidden", "A token never counts toward two approvals.", { details: { missing: "person" } });
    if (await waitsForSecond(tx, air, person, action, request, now)) return { action, waitsForSecond: true };
  }
  // Whether two had to agree does not depend on who carries it out.
  const handTakesTwo = request.decision === "done" && action.approvalsNeeded > 1;
  if (handTakesTwo && (await waitsForSecond(tx, air, person, action, request, now))) return { action, waitsForSecond: true };
  const said = handTakesTwo ? (await approvalsOf(tx, action)).map(({ name }) => name) : [];
  let moved = await tx.moveAction(action.id, expected, {
    ...outcomeOf(request, action, said.length > 0 ? said : [person.name]),
    ...(request.decision === "reject" ? { families: [...new Set([...action.families, ...heard])] } : {}),
    decision: decisionOf(person, request, action, now),
    decidedAt: now,
    redrawAt: null,
  });
  if (!moved) throw alreadyDecided(action);
  // A proposed undo: what it takes back must still be there, and nobody else undoes it meanwhile.
  const takesBack = moved.undoes !== null && (moved.state === "approved" || moved.state === "byHand");
  if (takesBack && !(await tx.moveAction(moved.undoes ?? 0, "succeeded", { state: "undoing" })))
    throw new Refusal("already-decided", `${actionId(moved.undoes ?? 0)} is already undone or being undone.`);
  if (moved.state === "byHand" && moved.undoes !== null) await undoneByHand(tx, air, person, moved.undoes, now);
  await record(tx, air, person, moved, request, `decision.${request.decision}`, sentence(person, request, moved), now);
  if (moved.state === "approved" && moved.kind === "expand-investigation") moved = await widen(tx, moved, now);
  else if (moved.state === "approved") await tx.enqueue("execute-action", { action: moved.id }, { key: actionId(moved.id) });
  await refreshInvestigation(tx, moved.investigationId, now);
  await redraw(tx, air, moved, now);
  return { action: moved, waitsForSecond: false };
}

/** Decided together with others, it may need two where it alone needed one. */
async function raised(tx: Tx, action: ActionRow, request: DecideRequest): Promise<ActionRow> {
  const approvalsNeeded = Math.max(action.approvalsNeeded, request.approvals ?? 1);
  if (approvalsNeeded > action.approvalsNeeded) await tx.updateAction(action.id, { approvalsNeeded });
  return { ...action, approvalsNeeded };
}

/**
 * Approved for a while: what was asked for a shorter time stays shorter.
 *
 * @throws Refusal invalid
 */
async function limited(tx: Tx, action: ActionRow, forMs: number | undefined): Promise<ActionRow> {
  if (forMs === undefined) return action;
  if (!action.undoable) throw new Refusal("invalid", noEndText("Nothing was decided", action.kind, forMs), { field: "for" });
  if (forMs <= 0 || forMs > LONGEST_MS) throw new Refusal("invalid", "Nothing was decided. It lasts at most 7 days.", { field: "for" });
  const undoAfterMs = Math.min(action.undoAfterMs ?? forMs, forMs);
  await tx.updateAction(action.id, { undoAfterMs });
  return { ...action, undoAfterMs };
}

/**
 * Whoever asked for it by hand is none of its two approvers, unless air.yaml says otherwise.
 *
 * @throws Refusal forbidden
 */
function mustNotHaveAsked(air: Air, person: Person, action: ActionRow): void {
  const asked = action.requestedBy !== null && sameHuman(action.requestedBy, person);
  if (action.approvalsNeeded < 2 || !asked || air.policy().requesterMayApprove) return;
  throw new Refusal("forbidden", `You asked for ${actionId(action.id)}: two others have to decide.`, {
    details: { missing: "not-the-requester" },
  });
}

/** Counts the approval; is another person's still needed? The second one is called at the first. */
async function waitsForSecond(tx: Tx, air: Air, person: Person, action: ActionRow, request: DecideRequest, now: Date): Promise<boolean> {
  mustNotHaveAsked(air, person, action);
  const { name, via } = person;
  const { also } = remembered(person);
  const byHand = request.decision === "done";
  // The row is locked: nobody else approves in between.
  const before = (await approvalsOf(tx, action)).some((one) => sameHuman({ key: one.person, also: one.also }, person));
  if (before || !(await tx.addApproval({ actionId: action.id, version: action.version, person: person.key, also, name, via, at: now })))
    throw new Refusal(
      "already-decided",
      `You already ${byHand ? "said that you did" : "approved"} ${actionId(action.id)}; a second person has to.`,
      {
        details: { by: person.name },
      },
    );
  const given = await stillApprovers(tx, air, action, person, now);
  if (given.length >= action.approvalsNeeded) return false;
  const so = `${given.length} of ${action.approvalsNeeded}`;
  const first = byHand
    ? `${person.name} says that it is done by hand: ${title(action)}. Two people answer for it: ${so}`
    : `${person.name} approved ${title(action)}: ${so}`;
  await record(tx, air, person, action, request, byHand ? "decision.done-first-of-two" : "decision.first-of-two", first, now);
  // From then on the card offers to break the glass.
  await tx.updateAction(action.id, { redrawAt: glassOpensAt(action, now) ?? null });
  await wantPages(
    tx,
    air,
    [
      {
        incidentId: action.incidentId,
        actionId: action.id,
        step: "second",
        to: [{ kind: "approvers", family: action.family, except: [person.key, ...(action.requestedBy ? [action.requestedBy.key] : [])] }],
        text: byHand
          ? `${person.name} says that it is done by hand: ${title(action)}. Two people answer for it (${so}): look, and press Done by hand too. ${actionId(action.id)}`
          : `${title(action)} needs a second approval: ${person.name} gave the first (${so}). ${actionId(action.id)}`,
        by: person.key,
      },
    ],
    now,
  );
  await redraw(tx, air, action, now);
  return true;
}

/**
 * An approval lives no longer than the role it was given with. Who holds it by a group of a chat is not known here; and where nobody at all
 * is listed (the bare lab) there is nothing to compare with.
 */
async function stillApprovers(tx: Tx, air: Air, action: ActionRow, person: Person, now: Date): Promise<ApprovalRow[]> {
  const given = await approvalsOf(tx, action);
  const listed = air.paging?.().approvers(action.family, action.deviceGroup) ?? [];
  if (listed.length === 0 || listed.some((target) => !target.startsWith("person:"))) return given;
  const holds = ({ person: key, also }: ApprovalRow) =>
    key === person.key || !key.includes("@") || [key, ...also].some((name) => listed.includes(`person:${name.toLowerCase()}`));
  for (const gone of given.filter((one) => !holds(one))) {
    await tx.dropApproval(gone);
    const text = `The approval of ${actionId(action.id)} by ${gone.name} no longer counts: ${gone.name} is not approver for ${action.family} any more`;
    const actor = { kind: "air", job: "decide" } as const;
    await tx.addTimeline([timelineLine({ ...action, actionId: action.id }, now, actor, "approval-dropped", text)]);
    await tx.writeAudit([
      {
        at: now,
        actor,
        event: "decision.approval-dropped",
        subject: actionId(action.id),
        incidentId: action.incidentId,
        data: { by: gone.name, key: gone.person, missing: `approver.${action.family}` },
      },
    ]);
  }
  return given.filter(holds);
}

/** Who approved what is shown now: an approval of an older version does not count. */
export const approvalsOf = async (tx: Tx, action: ActionRow): Promise<ApprovalRow[]> =>
  (await tx.approvalsOf(action.id)).filter((approval) => approval.version === action.version);

/** The source families that had spoken when somebody said no: only a new one proposes it again. */
async function familiesHeard(air: Air, action: ActionRow): Promise<string[]> {
  const grounds = await Promise.all((await groundsOf(air, action)).map((id) => air.store.evidence(id)));
  return grounds.flatMap((evidence) => (evidence?.judgement?.for ?? []).map((reason) => reason.family));
}

/** The opposite was done by a person: what it takes back is undone. */
async function undoneByHand(tx: Tx, air: Air, person: Person, original: number, now: Date): Promise<void> {
  const outcome = `Undone by hand by ${person.name}.`;
  const undone = await tx.moveAction(original, "undoing", { state: "undone", endedAt: now, outcome });
  if (!undone) return;
  if (undone.evidenceId !== null) await tx.markRemediated(undone.evidenceId, "none");
  await redraw(tx, air, undone, now);
}

function outcomeOf(
  request: DecideRequest,
  action: ActionRow,
  said: readonly string[],
): { state: ActionState; endedAt?: Date; outcome?: string } {
  switch (request.decision) {
    case "approve":
      return { state: "approved" };
    case "reject":
      return { state: "rejected", outcome: `Nothing was done. ${ifNothing(action)}` };
    case "done":
      return {
        state: "byHand",
        outcome: `Done by hand by ${said[0]}.${said.length > 1 ? ` ${said.slice(1).join(" and ")} confirmed it.` : ""}`,
      };
    case "notNeeded":
      return { state: "cancelled", outcome: "Not needed: nothing was done." };
    case "agree":
    case "disagree":
      return { state: "cancelled", outcome: `${request.decision === "agree" ? "Agreed" : "Disagreed"}: nothing was done (mode observe).` };
    default:
      return request.decision satisfies never;
  }
}

const decisionOf = (person: Person, request: DecideRequest, action: ActionRow, now: Date): NonNullable<ActionRow["decision"]> => ({
  decision: request.decision === "approve" || request.decision === "done" || request.decision === "agree" ? "approve" : "reject",
  by: person.name,
  at: now.toISOString(),
  via: person.via,
  ...(request.reason ? { reason: request.reason } : {}),
  ...decidedAs(person, action),
});

/** Not for a program: it is a member of nothing. */
export function decidedAs(person: Person, action: ActionRow): { role?: string } {
  const role = person.machine ? undefined : approverGroup(person.roles, action);
  return role === undefined ? {} : { role };
}

export const title = (action: ActionRow) => actionKinds[action.kind].title(action.target);

function sentence(person: Person, request: DecideRequest, action: ActionRow): string {
  const why = request.reason ? `: ${request.reason}` : "";
  const verb = {
    approve: "approved",
    reject: "rejected",
    done: "did by hand",
    notNeeded: "found not needed",
    agree: "agrees with",
    disagree: "disagrees with",
  }[request.decision];
  const lasts = request.forMs === undefined ? "" : ` for ${span(new Date(0), new Date(request.forMs))}`;
  return `${person.name} ${verb} ${title(action)}${lasts}${why}`;
}

function alreadyDecided(action: ActionRow): Refusal {
  const { decision } = action;
  if (action.state === "expired") return new Refusal("expired", `${actionId(action.id)} expired: nothing was done.`);
  const what = decision?.decision === "reject" ? "rejected" : action.state === "byHand" ? "done by hand" : "approved";
  return decision
    ? new Refusal("already-decided", `${actionId(action.id)} was already ${what} by ${decision.by} at ${time(decision.at)}.`, {
        details: { by: decision.by, at: decision.at, decision: decision.decision },
      })
    : new Refusal("already-decided", `${actionId(action.id)} waits for no decision any more.`);
}

/** One decision in the story and in the audit. */
export async function record(
  tx: Tx,
  air: Air,
  person: Person,
  action: ActionRow,
  request: Pick<DecideRequest, "reason">,
  event: string,
  text: string,
  now: Date,
): Promise<void> {
  await tx.addTimeline([
    timelineLine(
      { incidentId: action.incidentId, investigationId: action.investigationId, actionId: action.id },
      now,
      actorOf(person),
      event,
      text,
    ),
  ]);
  await tx.writeAudit([
    {
      at: now,
      actor: actorOf(person),
      event,
      subject: actionId(action.id),
      incidentId: action.incidentId,
      data: {
        kind: action.kind,
        target: entityKey(action.target),
        version: action.version,
        approvalsNeeded: action.approvalsNeeded,
        lab: air.capabilities.lab,
        ...(action.undoAfterMs === null ? {} : { endsAfterMs: action.undoAfterMs }),
        ...(request.reason ? { reason: request.reason } : {}),
      },
    },
  ]);
}

/** The action's card and its incident's card are stale now. */
export const redraw = (tx: Tx, air: Pick<Air, "channels">, action: ActionRow, now: Date): Promise<void> =>
  redrawIncident(tx, air, action.incidentId, now, { actions: [action.id] });
