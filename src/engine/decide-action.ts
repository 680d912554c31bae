import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { namedIn } from "./authorise.ts";
import type { ActionState } from "./domain/action.ts";
import { actorOf, mayDecide, type Person } from "./domain/approval.ts";
import { entityKey } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { pauseOf } from "./pause.ts";
import { ConnectorError } from "./ports.ts";
import { reachAgain } from "./propose-actions.ts";
import type { ActionRow, Tx } from "./store.ts";
import { redrawIncident } from "./want-cards.ts";
import { widen } from "./widen-investigation.ts";

/** What a person may say of an action. `done` and `notNeeded` answer a "do by hand"; `agree` and `disagree` a "would have". */
export type Decision = "approve" | "reject" | "done" | "notNeeded" | "agree" | "disagree";

export type DecideRequest = {
  action: number;
  decision: Decision;
  /** The version that was shown; without it (commands, HTTP) the present one is meant. */
  version?: string | undefined;
  reason?: string | undefined;
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
  const refusal = await mayNot(air, person, action);
  if (refusal) {
    await auditRefusal(air, person, action, request.decision, refusal);
    throw refusal;
  }
  try {
    if (request.decision === "approve") await mustStillHold(air, action);
    return await air.store.transaction((tx) => decideInside(tx, air, person, request));
  } catch (error) {
    // The transaction is gone and nothing changed; that somebody tried is kept.
    if (error instanceof Refusal) await auditRefusal(air, person, action, request.decision, error);
    throw error;
  }
}

/**
 * What the action would reach is read again at the click (product contract 6). If it grew, nothing is decided: the card shows what
 * changed and a person decides on that. What cannot be read in time is not guessed: the action stays open.
 */
async function mustStillHold(air: Air, action: ActionRow): Promise<void> {
  if (action.state !== "pending" || action.byHand !== null || action.kind === "expand-investigation") return;
  const again = await reachAgain(air, action).catch((error: unknown) => {
    const why = error instanceof ConnectorError ? error.message : "what it reaches could not be checked now";
    throw new Refusal("unavailable", `Nothing was decided: ${why}. ${actionId(action.id)} stays open; try again.`);
  });
  if (again.grew.length === 0) return;
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    const locked = await tx.lockAction(action.id);
    if (locked?.state !== "pending" || locked.version !== action.version) return;
    await tx.updateAction(action.id, again.change);
    await tx.addTimeline([
      {
        incidentId: locked.incidentId,
        investigationId: locked.investigationId,
        actionId: action.id,
        at: now,
        actor: { kind: "air", job: "decide" },
        event: "action-changed",
        text: `${title(locked)} asks again: ${again.grew.join("; ")}`.slice(0, 2000),
      },
    ]);
    await redraw(tx, air, locked, now);
  });
  throw new Refusal(
    "changed",
    `${actionId(action.id)} changed since it was shown: ${again.grew.join("; ")}. Look at the new card and decide again.`,
  );
}

async function mayNot(air: Air, person: Person, action: ActionRow): Promise<Refusal | undefined> {
  const view = (await air.store.incidentViews([action.incidentId])).get(action.incidentId);
  const entities = view ? await namedIn(air, view) : [];
  const permission = mayDecide(
    person,
    { family: action.family, state: action.state, lab: action.lab, protectedHits: action.blastRadius.protectedHits },
    entities,
  );
  if (!permission.allowed) return new Refusal("forbidden", permission.message, { details: { missing: permission.missing } });
  if (person.machine && action.approvalsNeeded > 1)
    return new Refusal("forbidden", "A token never counts toward two approvals.", { details: { missing: "person" } });
  return undefined;
}

/** Every authenticated refusal is a line of the audit (product contract 6). */
export async function auditRefusal(
  air: Air,
  person: Person,
  action: Pick<ActionRow, "id" | "incidentId">,
  decision: string,
  refusal: Refusal,
): Promise<void> {
  await air.store.transaction((tx) =>
    tx.writeAudit([
      {
        at: air.clock.now(),
        actor: actorOf(person),
        event: "decision.refused",
        subject: actionId(action.id),
        incidentId: action.incidentId,
        data: { decision, code: refusal.code, missing: refusal.details.missing ?? null },
      },
    ]),
  );
}

async function decideInside(tx: Tx, air: Air, person: Person, request: DecideRequest): Promise<Decided> {
  const now = air.clock.now();
  const action = await tx.lockAction(request.action);
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
    if (pause) throw new Refusal("paused", `Executions are paused by ${pause.by}: ${pause.reason}. An admin can resume.`);
    if (action.approvalsNeeded > 1 && action.requestedBy?.key === person.key)
      throw new Refusal("forbidden", `You asked for ${actionId(action.id)}: two others have to decide.`, {
        details: { missing: "not-the-requester" },
      });
    const counted = await tx.addApproval({
      actionId: action.id,
      version: action.version,
      person: person.key,
      name: person.name,
      via: person.via,
      at: now,
    });
    if (!counted)
      throw new Refusal("already-decided", `You already approved ${actionId(action.id)}; a second person has to.`, {
        details: { by: person.name },
      });
    const given = (await tx.approvalsOf(action.id)).filter((approval) => approval.version === action.version);
    if (given.length < action.approvalsNeeded) {
      await record(
        tx,
        air,
        person,
        action,
        request,
        "decision.first-of-two",
        `${person.name} approved ${title(action)}: 1 of ${action.approvalsNeeded}`,
        now,
      );
      await redraw(tx, air, action, now);
      return { action, waitsForSecond: true };
    }
  }
  let moved = await tx.moveAction(action.id, expected, {
    ...outcomeOf(request, action),
    decision: decisionOf(person, request, now),
    decidedAt: now,
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

/** The opposite was done by a person: what it takes back is undone. */
async function undoneByHand(tx: Tx, air: Air, person: Person, original: number, now: Date): Promise<void> {
  const outcome = `Undone by hand by ${person.name}.`;
  const undone = await tx.moveAction(original, "undoing", { state: "undone", endedAt: now, outcome });
  if (!undone) return;
  if (undone.evidenceId !== null) await tx.markRemediated(undone.evidenceId, "none");
  await redraw(tx, air, undone, now);
}

function outcomeOf(request: DecideRequest, action: ActionRow): { state: ActionState; endedAt?: Date; outcome?: string } {
  switch (request.decision) {
    case "approve":
      return { state: "approved" };
    case "reject":
      return { state: "rejected", outcome: `Nothing was done. ${actionKinds[action.kind].ifNot(action.target)}` };
    case "done":
      return { state: "byHand", outcome: "Done by hand." };
    case "notNeeded":
      return { state: "cancelled", outcome: "Not needed: nothing was done." };
    case "agree":
    case "disagree":
      return { state: "cancelled", outcome: `${request.decision === "agree" ? "Agreed" : "Disagreed"}: nothing was done (mode observe).` };
    default:
      return request.decision satisfies never;
  }
}

const decisionOf = (person: Person, request: DecideRequest, now: Date): NonNullable<ActionRow["decision"]> => ({
  decision: request.decision === "approve" || request.decision === "done" || request.decision === "agree" ? "approve" : "reject",
  by: person.name,
  at: now.toISOString(),
  via: person.via,
  ...(request.reason ? { reason: request.reason.slice(0, 2000) } : {}),
});

const title = (action: ActionRow) => actionKinds[action.kind].title(action.target);

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
  return `${person.name} ${verb} ${title(action)}${why}`.slice(0, 2000);
}

function alreadyDecided(action: ActionRow): Refusal {
  const { decision } = action;
  if (action.state === "expired") return new Refusal("expired", `${actionId(action.id)} expired: nothing was done.`);
  const what = decision?.decision === "reject" ? "rejected" : "approved";
  return decision
    ? new Refusal("already-decided", `${actionId(action.id)} was already ${what} by ${decision.by}.`, {
        details: { by: decision.by, at: decision.at, decision: decision.decision },
      })
    : new Refusal("already-decided", `${actionId(action.id)} waits for no decision any more.`);
}

async function record(
  tx: Tx,
  air: Air,
  person: Person,
  action: ActionRow,
  request: DecideRequest,
  event: string,
  text: string,
  now: Date,
): Promise<void> {
  await tx.addTimeline([
    {
      incidentId: action.incidentId,
      investigationId: action.investigationId,
      actionId: action.id,
      at: now,
      actor: actorOf(person),
      event,
      text,
    },
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
        ...(request.reason ? { reason: request.reason.slice(0, 2000) } : {}),
      },
    },
  ]);
}

/** The action's card and its incident's card are stale now. */
export const redraw = (tx: Tx, air: Pick<Air, "channels">, action: ActionRow, now: Date): Promise<void> =>
  redrawIncident(tx, air, action.incidentId, now, { actions: [action.id] });
