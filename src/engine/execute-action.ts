import type { DesiredState } from "./actions/action-kind.ts";
import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { redraw } from "./decide-action.ts";
import { type ActionState, keepSaved, readStored, type Saved } from "./domain/action.ts";
import type { Actor } from "./domain/actor.ts";
import { entityKey } from "./domain/entity.ts";
import type { Settle } from "./investigate.ts";
import { isRemedy, refreshInvestigation } from "./investigation-status.ts";
import { pauseOf } from "./pause.ts";
import { ConnectorError, type Ticket } from "./ports.ts";
import type { ActionRow, Tx } from "./store.ts";

/** A device action the device never picked up (domain facts 1.7). */
const GIVE_UP_MS = 3 * 86_400_000;
const CALL_TIMEOUT_MS = 30_000;
/** How soon a running operation is asked about again, and an action behind another one is tried again. */
const FOLLOW_MS = 5_000;
/** Products show what they did with a delay: this many reads, this far apart, before the outcome counts as unclear. */
const VERIFY_READS = 3;
const VERIFY_PAUSE_MS = 700;

const AIR: Actor = { kind: "air", job: "execute-action" };

/**
 * Carries out one approved action, or takes a running one further. The state before and after is read from the target; a call whose
 * answer did not come is never repeated, it becomes `unclear` and a person looks.
 *
 * The row moves to `executing` and commits before the call goes out: whoever finds it there without a ticket knows that the last
 * attempt died in between, reads the target, and does not call again.
 */
export async function executeAction(air: Air, id: number, settle: Settle): Promise<void> {
  const action = await air.store.action(id);
  if (!action) return settle(async () => {});
  if (action.state === "executing") return action.ticket === null ? afterCrash(air, action, settle) : follow(air, action, settle);
  if (action.state !== "approved") return settle(async () => {});
  if (action.lab !== air.capabilities.lab)
    return end(air, action, settle, "cancelled", "Cancelled: the lab and real products are never mixed.");
  if (air.clock.now() >= action.expiresAt)
    return end(air, action, settle, "cancelled", "Expired before it was carried out: nothing was done.");
  if (await pauseOf(air.store, action.family)) return settle(async () => {});

  const before = await readState(air, action);
  if (before.kind === "reached") return finish(air, action, settle, "succeeded", `Nothing to do: ${before.text}`);
  if (before.kind === "missing") return finish(air, action, settle, "failed", `${before.text} Nothing was done.`);

  const begun = await begin(air, action, before.kind === "notReached" ? before.saved : undefined);
  if (begun === "paused") return settle(async () => {});
  if (begun === "busy") return settle((tx) => again(tx, air, id));
  if (!begun) return settle(async () => {});

  let ticket: Ticket;
  try {
    ticket = await actionKinds[action.kind].execute(
      action.target,
      air.capabilities,
      {
        comment: `air ${actionId(id)}, approved by ${action.decision?.by ?? "Automation"}`,
        key: `air-${air.sign(`action:${id}`)}-${id}`,
        now: air.clock.now(),
        params: readStored(begun.params).params,
      },
      AbortSignal.timeout(CALL_TIMEOUT_MS),
    );
  } catch (error) {
    return afterFailedCall(air, begun, settle, error);
  }
  return afterTicket(air, begun, settle, ticket);
}

const readState = (air: Air, action: ActionRow): Promise<DesiredState> =>
  actionKinds[action.kind].state(action.target, air.capabilities, AbortSignal.timeout(CALL_TIMEOUT_MS), {
    params: readStored(action.params).params,
    since: action.proposedAt,
  });

/**
 * One action in flight per target; the stop button is read again in the transaction that begins. What the call will destroy and an undo
 * needs is kept in the same transaction, before the call.
 */
async function begin(air: Air, action: ActionRow, saved: Saved | undefined): Promise<ActionRow | "busy" | "paused" | undefined> {
  const now = air.clock.now();
  return air.store.transaction(async (tx) => {
    // The action that is taken back is in `undoing` until this one has ended: it is not in the way.
    if (await tx.inFlightOn(action.targetDigest, action.undoes === null ? [action.id] : [action.id, action.undoes])) return "busy";
    if (await pauseOf(tx, action.family)) return "paused";
    const moved = await tx.moveAction(
      action.id,
      "approved",
      { state: "executing", executingAt: now, params: keepSaved(action.params, saved) },
      action.version,
    );
    if (!moved) return undefined;
    await tx.writeAudit([entry(air, moved, "action.executing", {})]);
    await redraw(tx, air, moved, now);
    return moved;
  });
}

const again = (tx: Tx, air: Air, id: number) =>
  tx.enqueue("execute-action", { action: id }, { key: actionId(id), startAfter: new Date(air.clock.now().getTime() + FOLLOW_MS) });

async function afterFailedCall(air: Air, action: ActionRow, settle: Settle, error: unknown): Promise<void> {
  const text = error instanceof ConnectorError ? error.message : "the call failed";
  if (error instanceof ConnectorError && error.kind === "refused") return finish(air, action, settle, "failed", `Failed: ${text}`);
  if (error instanceof ConnectorError && error.kind === "unavailable") {
    // Certainly not reached: back to approved, and the queue tries again with its back-off.
    await air.store.transaction(async (tx) => {
      const moved = await tx.moveAction(action.id, "executing", {
        state: "approved",
        executingAt: null,
        outcome: `Not reached yet: ${text}`,
      });
      if (moved) await redraw(tx, air, moved, air.clock.now());
    });
    throw error;
  }
  return verify(air, action, settle, "No answer came.");
}

async function afterTicket(air: Air, action: ActionRow, settle: Settle, ticket: Ticket): Promise<void> {
  if (ticket.state === "failed") return finish(air, action, settle, "failed", `Failed: ${ticket.text ?? "the product says it failed"}`);
  // The product's own word on what stood there is the better one: it was read at the moment of the change.
  const params = keepSaved(action.params, ticket.saved);
  if (ticket.saved) await air.store.transaction((tx) => tx.updateAction(action.id, { params }));
  if (ticket.state === "done") return verify(air, action, settle, "The product accepted it.");
  await settle(async (tx) => {
    const waiting = action.blastRadius.online === false;
    await tx.updateAction(action.id, { ticket: ticket.id, waitingForDevice: waiting, outcome: ticket.text ?? null });
    await again(tx, air, action.id);
    await refreshInvestigation(tx, action.investigationId, air.clock.now());
    await redraw(tx, air, action, air.clock.now());
  });
}

async function follow(air: Air, action: ActionRow, settle: Settle): Promise<void> {
  const ticket = await actionKinds[action.kind].follow(
    action.ticket ?? "",
    air.capabilities,
    AbortSignal.timeout(CALL_TIMEOUT_MS),
    readStored(action.params).params,
  );
  if (ticket.state === "done") return verify(air, action, settle, "The product reports it done.");
  if (ticket.state === "failed") return finish(air, action, settle, "failed", `Failed: ${ticket.text ?? "the product says it failed"}`);
  const since = (action.executingAt ?? action.proposedAt).getTime();
  if (air.clock.now().getTime() - since > GIVE_UP_MS)
    return finish(air, action, settle, "timedOut", "Timed out: the device did not pick it up within 3 days.");
  await settle((tx) => again(tx, air, action.id));
}

/** The process died between "executing" and the answer: look, never repeat. */
async function afterCrash(air: Air, action: ActionRow, settle: Settle): Promise<void> {
  const state = await readState(air, action);
  if (state.kind === "reached") return finish(air, action, settle, "succeeded", `Done, found after an interruption: ${state.text}`);
  return finish(air, action, settle, "unclear", `Outcome unclear: air was interrupted while carrying it out. ${state.text}`);
}

async function verify(air: Air, action: ActionRow, settle: Settle, said: string): Promise<void> {
  let state: DesiredState = { kind: "unreadable", text: "" };
  for (let read = 1; read <= VERIFY_READS; read++) {
    try {
      state = await readState(air, action);
    } catch (error) {
      state = { kind: "unreadable", text: error instanceof ConnectorError ? error.message : "the state could not be read" };
    }
    if (state.kind === "reached") return finish(air, action, settle, "succeeded", `Done and verified: ${state.text}`);
    if (read < VERIFY_READS) await new Promise((resolve) => setTimeout(resolve, VERIFY_PAUSE_MS));
  }
  return finish(air, action, settle, "unclear", `Outcome unclear. ${said} But reading back: ${state.text}`);
}

const finish = (air: Air, action: ActionRow, settle: Settle, state: ActionState, outcome: string) =>
  end(air, action, settle, state, outcome);

async function end(air: Air, action: ActionRow, settle: Settle, state: ActionState, outcome: string): Promise<void> {
  const now = air.clock.now();
  await settle(async (tx) => {
    let current = await tx.lockAction(action.id);
    // What was already so, or not there, never began; it still passes through `executing` so that the moves stay one table.
    if (current?.state === "approved" && state !== "cancelled") {
      current = await tx.moveAction(action.id, "approved", { state: "executing", executingAt: now });
    }
    const from = current?.state;
    if (!current || (from !== "executing" && !(from === "approved" && state === "cancelled"))) return;
    const moved = await tx.moveAction(action.id, from, { state, outcome: outcome.slice(0, 2000), endedAt: now, waitingForDevice: false });
    if (!moved) return;
    if (state === "succeeded" && moved.evidenceId !== null && isRemedy(moved)) await tx.markRemediated(moved.evidenceId, "remediated");
    if (moved.undoes !== null) await settleUndone(tx, air, moved);
    await tx.addTimeline([
      {
        incidentId: moved.incidentId,
        investigationId: moved.investigationId,
        actionId: moved.id,
        at: now,
        actor: AIR,
        event: `action-${state}`,
        text: `${actionKinds[moved.kind].title(moved.target)}: ${outcome}`.slice(0, 2000),
      },
    ]);
    await tx.writeAudit([entry(air, moved, `action.${state}`, { outcome: outcome.slice(0, 500) })]);
    await refreshInvestigation(tx, moved.investigationId, now);
    await redraw(tx, air, moved, now);
  });
}

/** An undo has ended, one way or another: the action it takes back is undone, or stands as before. */
export async function settleUndone(tx: Tx, air: Air, undo: ActionRow): Promise<void> {
  const original = undo.undoes === null ? undefined : await tx.lockAction(undo.undoes);
  if (original?.state !== "undoing") return;
  const now = air.clock.now();
  const change =
    undo.state === "succeeded"
      ? { state: "undone" as const, outcome: `Undone by ${undo.decision?.by ?? "air"}. ${undo.outcome ?? ""}` }
      : { state: "succeeded" as const, outcome: `Could not be undone: ${undo.outcome ?? ""}` };
  const moved = await tx.moveAction(original.id, "undoing", { ...change, endedAt: now });
  if (moved?.state === "undone" && moved.evidenceId !== null) await tx.markRemediated(moved.evidenceId, "none");
  if (moved) await redraw(tx, air, moved, now);
}

const entry = (air: Air, action: ActionRow, event: string, data: Record<string, unknown>) => ({
  at: air.clock.now(),
  actor: AIR,
  event,
  subject: actionId(action.id),
  incidentId: action.incidentId,
  data: { kind: action.kind, target: entityKey(action.target), connector: action.connector, ...data },
});
