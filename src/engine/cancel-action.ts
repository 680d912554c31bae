import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { auditRefusal, mustBeAllowed, redraw } from "./decide-action.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { mustFit } from "./domain/words.ts";
import { executionEntry, note, settleUndone } from "./end-action.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import type { ActionRow, Tx } from "./store.ts";

export type CancelAction = { action: number; version?: string | undefined; reason?: string | undefined };

/**
 * Ends an approved action that has not been carried out. What has not begun is cancelled at once; what the product is carrying out is given
 * up by the product, and the action is cancelled only when it says so: else it says what happened.
 *
 * @throws Refusal not-found | forbidden | changed | already-decided | invalid
 */
export async function cancelAction(air: Air, person: Person, request: CancelAction): Promise<ActionRow> {
  const action = await air.store.action(request.action);
  try {
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
    await mustBeAllowed(air, person, action);
    mustFit(request.reason, "reason");
    return await air.store.transaction((tx) => cancelInside(tx, air, person, request));
  } catch (error) {
    if (error instanceof Refusal)
      await auditRefusal(air, person, { id: request.action, incidentId: action?.incidentId ?? 0 }, "cancel", error);
    throw error;
  }
}

async function cancelInside(tx: Tx, air: Air, person: Person, request: CancelAction): Promise<ActionRow> {
  const action = await tx.lockAction(request.action);
  if (!action) throw new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
  if (request.version !== undefined && request.version !== action.version)
    throw new Refusal("changed", `${actionId(action.id)} changed since that card was drawn.`);
  if (action.state === "approved") return notBegun(tx, air, person, action, request.reason);
  if (action.state === "executing") return underWay(tx, air, person, action, request.reason);
  throw new Refusal("invalid", nothingToCancel(action));
}

/** What stands instead, with the next step. */
function nothingToCancel(action: ActionRow): string {
  const name = actionId(action.id);
  if (action.state === "pending" || action.state === "observed") return `${name} waits for a decision: reject ${name} <reason>`;
  if (action.state === "succeeded" && action.undoable) return `${name} was carried out already. To take it back: undo ${name}`;
  if (action.state === "undoing") return `${name} is being undone: cancel the action that undoes it.`;
  return `${name} has ended, so there is nothing to cancel.`;
}

async function notBegun(tx: Tx, air: Air, person: Person, action: ActionRow, reason: string | undefined): Promise<ActionRow> {
  const why = reason ? `: ${reason}` : "";
  const outcome = `Cancelled by ${person.name} before it began${why}. Nothing was done.`;
  const now = air.clock.now();
  const moved = await tx.moveAction(action.id, "approved", { state: "cancelled", endedAt: now, outcome, notBefore: null });
  if (!moved) throw new Refusal("already-decided", `${actionId(action.id)} has just begun. Say it again to have it given up.`);
  if (moved.undoes !== null) await settleUndone(tx, air, moved);
  await record(tx, air, person, moved, "action-cancelled", outcome, reason);
  return moved;
}

async function underWay(tx: Tx, air: Air, person: Person, action: ActionRow, reason: string | undefined): Promise<ActionRow> {
  if (action.cancel && !action.cancel.timedOut)
    throw new Refusal("already-decided", `${action.cancel.by} has asked already for ${actionId(action.id)} to be cancelled.`, {
      details: { by: action.cancel.by, at: action.cancel.at },
    });
  if (!actionKinds[action.kind].cancel || (action.family === "device" && !air.capabilities.devices?.cancel))
    throw new Refusal("invalid", `${actionId(action.id)} is being carried out, and the product has no call to give it up.`);
  const now = air.clock.now();
  const cancel = { by: person.name, at: now.toISOString(), ...(reason ? { reason } : {}) };
  await tx.updateAction(action.id, { cancel, notBefore: null });
  // Whoever carries it out hears of it at the next look, which is now.
  await tx.enqueue("execute-action", { action: action.id }, { key: actionId(action.id) });
  const text = `${person.name} asks for it to be cancelled${reason ? `: ${reason}` : ""}.`;
  await record(tx, air, person, action, "action-cancel-requested", text, reason);
  return { ...action, cancel };
}

async function record(
  tx: Tx,
  air: Air,
  person: Person,
  action: ActionRow,
  event: string,
  text: string,
  reason: string | undefined,
): Promise<void> {
  const data = reason ? { reason } : {};
  await note(tx, air, action, event, text, actorOf(person));
  await tx.writeAudit([executionEntry(air, action, event.replace("-", "."), { ...data, person: person.name }, actorOf(person))]);
  await refreshInvestigation(tx, action.investigationId, air.clock.now());
  await redraw(tx, air, action, air.clock.now());
}
