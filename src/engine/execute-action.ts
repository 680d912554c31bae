import type { DesiredState } from "./actions/action-kind.ts";
import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { redraw } from "./decide-action.ts";
import { type CancelRequest, keepSaved, readStored, type Saved } from "./domain/action.ts";
import { endAction, executionEntry, note } from "./end-action.ts";
import type { Settle } from "./investigate.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { mayBegin } from "./may-begin.ts";
import { pauseOf } from "./pause.ts";
import { ConnectorError, type Ticket } from "./ports.ts";
import { stillBound } from "./propose-actions.ts";
import { sha256 } from "./sha256.ts";
import type { ActionRow, Tx } from "./store.ts";

/** A device action the device never picked up (domain facts 1.7). */
const GIVE_UP_MS = 3 * 86_400_000;
/** So much longer a product may take to confirm that it gave the operation up. */
const CONFIRM_MS = 3_600_000;
const CALL_TIMEOUT_MS = 30_000;
/** Between the commit and the call: a process that slept longer than this must not call, somebody else may be at it. */
const CALL_WINDOW_MS = 60_000;
/** How soon an action behind another one is tried again. */
const BEHIND_MS = 5_000;
/**
 * A call nobody answered either stands in the product's list by then, or was never carried out: gateways give up within four minutes, and
 * lists follow within one.
 */
const SURE_MS = 5 * 60_000;
/** So long it is tried to read what became of a call, before a person is asked. */
const LOOK_MS = 30 * 60_000;
/** Calls that certainly did nothing, before it is given up. */
const MOST_ATTEMPTS = 3;
/** Products show what they did with a delay: this many reads, this far apart, before the outcome counts as unclear. */
const VERIFY_READS = 3;
const VERIFY_PAUSE_MS = 700;
/** The same where the product said when it ended: nothing has to sleep for it. */
const VERIFY_WINDOW_MS = 5 * 60_000;

/**
 * Carries out one approved action, or takes a running one further. The state before and after is read from the target. A call whose answer
 * did not come is never repeated before it is certain that it did nothing; where that cannot be known it becomes `unclear` and a person
 * looks.
 *
 * The row moves to `executing` and commits before the call goes out: whoever finds it there without a ticket knows that the last attempt
 * died or heard nothing, and looks for what it started.
 */
export async function executeAction(air: Air, id: number, settle: Settle): Promise<void> {
  const action = await air.store.action(id);
  if (action?.state !== "executing" && action?.state !== "approved") return settle(async () => {});
  if (action.lab !== air.capabilities.lab) return otherWorld(air, action, settle);
  if (!stillBound(air, action)) return otherProduct(air, action, settle);
  // The queue's deferral only wakes us; the row says when.
  const { notBefore } = action;
  if (notBefore && air.clock.now() < notBefore) return settle((tx) => wake(tx, id, notBefore));
  if (action.state === "executing")
    return action.ticket === null ? afterLostCall(air, action, settle, "interrupted") : follow(air, action, settle);
  if (air.clock.now() >= action.expiresAt)
    return endAction(air, action, settle, "cancelled", "Expired before it was carried out: nothing was done.");
  if (await pauseOf(air.store, action.family)) return settle(async () => {});
  // The order of the decisions is the order of the deeds: what is wanted is read only when everything before it has ended.
  if (await air.store.transaction((tx) => tx.aheadOf(action))) return settle((tx) => again(tx, air, id, BEHIND_MS));

  let before: DesiredState;
  try {
    before = await readState(air, action);
  } catch (error) {
    return beforeTheCall(air, action, settle, error);
  }
  // What did nothing is not taken back; after an earlier attempt it may be our own doing, only late.
  if (before.kind === "reached")
    return endAction(air, action, settle, "succeeded", `Nothing to do: ${before.text}`, action.attempts === 0 ? { undoable: false } : {});
  if (before.kind === "missing") return endAction(air, action, settle, "failed", `${before.text} Nothing was done.`);

  const begun = await begin(air, action, before.kind === "notReached" ? before.saved : undefined);
  if (begun === "paused") return settle(async () => {});
  if (begun === "busy") return settle((tx) => again(tx, air, id, BEHIND_MS));
  if (!begun) return settle(async () => {});
  return call(air, begun, settle);
}

/** The lab's operations and real ones are never mixed, however far they came. */
const otherWorld = (air: Air, action: ActionRow, settle: Settle) =>
  action.lab || action.state === "approved"
    ? endAction(air, action, settle, "cancelled", "Cancelled: the lab and real products are never mixed.")
    : endAction(air, action, settle, "unclear", "Outcome unclear: the product that was carrying it out is not connected any more.");

/** Another product, or the same one of another tenant, may know something else by the same name. */
const otherProduct = (air: Air, action: ActionRow, settle: Settle) =>
  action.state === "approved"
    ? endAction(air, action, settle, "cancelled", `Nothing was done: it was proposed for ${action.boundTo}, which is not connected now.`)
    : endAction(air, action, settle, "unclear", `Outcome unclear: it was begun with ${action.boundTo}, which is not connected now.`);

async function call(air: Air, action: ActionRow, settle: Settle): Promise<void> {
  const kind = actionKinds[action.kind];
  try {
    // An earlier attempt that did nothing for all we know may have been carried out late.
    const earlier = action.attempts > 1 ? await findRun(air, action) : undefined;
    if (earlier) return afterTicket(air, action, settle, earlier);
  } catch (error) {
    return notReached(air, action, settle, asConnectorError(error));
  }
  if (air.clock.now().getTime() - (action.executingAt?.getTime() ?? 0) > CALL_WINDOW_MS)
    return settle((tx) => again(tx, air, action.id, BEHIND_MS));
  const { params, saved } = readStored(action.params);
  let ticket: Ticket;
  try {
    ticket = await kind.execute(
      action.target,
      air.capabilities,
      {
        comment: `air ${actionId(action.id)}, approved by ${action.decision?.by ?? "Automation"}`,
        key: keyOf(action),
        now: air.clock.now(),
        params,
        saved,
      },
      AbortSignal.timeout(CALL_TIMEOUT_MS),
    );
  } catch (error) {
    if (error instanceof ConnectorError && error.kind === "refused")
      return endAction(air, action, settle, "failed", `Failed: ${error.message}`);
    if (error instanceof ConnectorError && error.kind === "unavailable") return notReached(air, action, settle, error);
    return afterLostCall(air, action, settle, "no answer");
  }
  return afterTicket(air, action, settle, ticket);
}

/**
 * Goes with every call of one action and is the same for all its attempts: by it our own operation is found in the product's list. Made of
 * what never changes, so that another secret or a restored database does not lose it.
 */
const keyOf = (action: ActionRow) => `air-${sha256(`action ${action.id} ${action.proposedAt.toISOString()}`).slice(0, 16)}-${action.id}`;

const readState = (air: Air, action: ActionRow): Promise<DesiredState> =>
  actionKinds[action.kind].state(action.target, air.capabilities, AbortSignal.timeout(CALL_TIMEOUT_MS), {
    ...readStored(action.params),
    since: action.proposedAt,
  });

/** Undefined as a whole where the product cannot say. Clocks differ, so it looks a little further back than the proposal. */
const findRun = (air: Air, action: ActionRow) => {
  const since = new Date(action.proposedAt.getTime() - 3_600_000);
  const search = { key: keyOf(action), since };
  return actionKinds[action.kind].findRun?.(action.target, air.capabilities, search, AbortSignal.timeout(CALL_TIMEOUT_MS));
};

const asConnectorError = (error: unknown) =>
  error instanceof ConnectorError ? error : new ConnectorError("unavailable", "the product could not be read");

/**
 * One action in flight per target; the stop button is read again in the transaction that begins. What the call will destroy and an undo
 * needs is kept in the same transaction, before the call.
 */
async function begin(air: Air, action: ActionRow, saved: Saved | undefined): Promise<ActionRow | "busy" | "paused" | undefined> {
  const now = air.clock.now();
  return air.store.transaction(async (tx) => {
    if (await tx.aheadOf(action)) return "busy";
    if (!(await mayBegin(tx, air, action, now))) return "paused";
    const change = { executingAt: now, notBefore: null, attempts: action.attempts + 1, params: keepSaved(action.params, saved) };
    const moved = await tx.moveAction(action.id, "approved", { state: "executing", ...change }, action.version);
    if (!moved) return undefined;
    await tx.writeAudit([executionEntry(air, moved, "action.executing", moved.attempts > 1 ? { attempt: moved.attempts } : {})]);
    await redraw(tx, air, moved, now);
    return moved;
  });
}

const wake = (tx: Tx, id: number, at: Date) => tx.enqueue("execute-action", { action: id }, { key: actionId(id), startAfter: at });
const again = (tx: Tx, air: Air, id: number, ms: number) => wake(tx, id, new Date(air.clock.now().getTime() + ms));

/** Often while something is to be seen, rarely while a device is away. */
function pace(air: Air, action: ActionRow): { at: Date; notBefore: Date | null } {
  const now = air.clock.now().getTime();
  const since = (action.executingAt ?? action.proposedAt).getTime();
  const age = now - since;
  if (age < 120_000) return { at: new Date(now + 5_000), notBefore: null };
  const wait = age < 3_600_000 ? 30_000 : 300_000;
  const at = new Date(age > GIVE_UP_MS ? now + wait : Math.min(now + wait, since + GIVE_UP_MS + 1));
  return { at, notBefore: at };
}

/** The row stays as it is, says what is going on, and is looked at again. */
const waitFurther = (air: Air, action: ActionRow, settle: Settle, change: Partial<ActionRow>): Promise<void> =>
  settle(async (tx) => {
    const locked = await tx.lockAction(action.id);
    if (locked?.state !== "executing") return;
    // Who asked meanwhile to end it is heard at once.
    const heard = locked.cancel !== null && locked.cancel.answer === undefined && action.cancel === null;
    const { at, notBefore } = heard ? { at: air.clock.now(), notBefore: null } : pace(air, action);
    const { outcome = locked.outcome, waitingForDevice = locked.waitingForDevice, ticket = locked.ticket } = change;
    const seen = outcome !== locked.outcome || waitingForDevice !== locked.waitingForDevice || ticket !== locked.ticket;
    await tx.updateAction(action.id, { ...change, notBefore });
    await wake(tx, action.id, at);
    if (!seen) return;
    await refreshInvestigation(tx, action.investigationId, air.clock.now());
    await redraw(tx, air, action, air.clock.now());
  });

/** The target could not be read before anything was done. */
async function beforeTheCall(air: Air, action: ActionRow, settle: Settle, error: unknown): Promise<void> {
  if (!(error instanceof ConnectorError)) throw error;
  if (error.kind === "refused") return endAction(air, action, settle, "failed", `Failed: ${withNothingDone(error.message)}`);
  if (error.retryAfterMs === undefined) throw error;
  return putOff(air, action, settle, `Not reached yet: ${error.message}`, error.retryAfterMs);
}

const withNothingDone = (text: string) => (/nothing was done/i.test(text) ? text : `${text.replace(/\.$/, "")}. Nothing was done.`);

/** Stays approved until then; longer than it may wait at all it never waits. */
const putOff = (air: Air, action: ActionRow, settle: Settle, outcome: string, ms: number): Promise<void> =>
  settle(async (tx) => {
    const at = new Date(Math.min(air.clock.now().getTime() + Math.max(1_000, ms), action.expiresAt.getTime()));
    const locked = await tx.lockAction(action.id);
    if (locked?.state !== "approved") return;
    await tx.updateAction(action.id, { notBefore: at, outcome });
    await wake(tx, action.id, at);
    await redraw(tx, air, locked, air.clock.now());
  });

/** Certainly not carried out: back to approved, and tried again when the product says, or with the queue's back-off. */
async function notReached(air: Air, action: ActionRow, settle: Settle, error: ConnectorError): Promise<void> {
  const outcome = `Not reached yet: ${error.message}`;
  if (error.retryAfterMs === undefined) {
    await air.store.transaction((tx) => backToApproved(tx, air, action, outcome));
    throw error;
  }
  const ms = error.retryAfterMs;
  const at = new Date(Math.min(air.clock.now().getTime() + Math.max(1_000, ms), action.expiresAt.getTime()));
  await settle(async (tx) => {
    if (await backToApproved(tx, air, action, outcome, at)) await wake(tx, action.id, at);
  });
}

/** Only the attempt that began may say that it did nothing: another process may have taken over since. */
async function backToApproved(tx: Tx, air: Air, action: ActionRow, outcome: string, notBefore: Date | null = null): Promise<boolean> {
  const locked = await tx.lockAction(action.id);
  const mine = locked?.state === "executing" && locked.ticket === null && locked.attempts === action.attempts;
  if (!locked || !mine) return false;
  const now = air.clock.now();
  if (locked.cancel) {
    await endAction(air, locked, (effect) => effect(tx), "cancelled", `Cancelled by ${locked.cancel.by}: nothing was done.`);
    return false;
  }
  const moved = await tx.moveAction(action.id, "executing", { state: "approved", executingAt: null, outcome, notBefore });
  if (moved) await redraw(tx, air, moved, now);
  return moved !== undefined;
}

async function afterTicket(air: Air, action: ActionRow, settle: Settle, ticket: Ticket): Promise<void> {
  if (ticket.state === "failed" || ticket.state === "cancelled" || ticket.state === "timedOut")
    return endWithout(air, action, settle, { ...ticket, state: ticket.state });
  // The product's own word on what stood there is the better one: it was read at the moment of the change.
  const params = keepSaved(action.params, ticket.saved);
  if (ticket.saved) await air.store.transaction((tx) => tx.updateAction(action.id, { params }));
  if (ticket.state === "done") return verify(air, action, settle, "The product accepted it.", ticket);
  await waitFurther(air, action, settle, {
    ticket: ticket.id,
    waitingForDevice: action.blastRadius.online === false && ticket.waiting !== false,
    outcome: ticket.text ?? null,
  });
}

/** The product says it ended without an effect. */
function endWithout(
  air: Air,
  action: ActionRow,
  settle: Settle,
  ticket: Ticket & { state: "failed" | "cancelled" | "timedOut" },
): Promise<void> {
  const said = ticket.text ? ` ${ticket.text}` : "";
  if (ticket.state === "failed") return endAction(air, action, settle, "failed", `Failed: ${ticket.text ?? "the product says it failed"}`);
  if (ticket.state === "timedOut" || action.cancel?.timedOut)
    return endAction(air, action, settle, "timedOut", `Timed out: the device did not pick it up. Nothing was done.${said}`);
  const who = action.cancel ? `Cancelled by ${action.cancel.by}, and the product confirms it` : "Cancelled in the product";
  return endAction(air, action, settle, "cancelled", `${who}. Nothing was done.${said}`);
}

async function follow(air: Air, action: ActionRow, settle: Settle): Promise<void> {
  const kind = actionKinds[action.kind];
  const { params } = readStored(action.params);
  if (action.cancel && action.cancel.answer === undefined) action = await askToCancel(air, action, action.cancel);
  const age = air.clock.now().getTime() - (action.executingAt ?? action.proposedAt).getTime();
  let ticket: Ticket;
  try {
    const about = { target: action.target, now: air.clock.now() };
    ticket = await kind.follow(action.ticket ?? "", air.capabilities, AbortSignal.timeout(CALL_TIMEOUT_MS), params, about);
  } catch (error) {
    const { kind: how, message } = asConnectorError(error);
    if (age > GIVE_UP_MS + CONFIRM_MS)
      return endAction(air, action, settle, "unclear", `Outcome unclear: it could not be followed to its end. ${message}`);
    // Just started it may not be listed yet; later the product has lost it, and only the target can tell.
    if (how === "unclear" && age > VERIFY_WINDOW_MS) return verify(air, action, settle, message);
    return waitFurther(air, action, settle, { outcome: `Under way; it cannot be followed now: ${message}` });
  }
  if (ticket.state === "done") {
    const late = action.cancel ? "It could not be cancelled any more. " : "";
    return verify(air, action, settle, `${late}The product reports it done.`, ticket, late);
  }
  if (ticket.state !== "pending") return endWithout(air, action, settle, { ...ticket, state: ticket.state });
  if (age > GIVE_UP_MS) {
    const cancelling = action.cancel !== null && age <= GIVE_UP_MS + CONFIRM_MS;
    if (action.cancel === null && (await requestCancel(air, action))) return settle((tx) => again(tx, air, action.id, 0));
    const open = action.cancel ? ` It may still happen: ${action.cancel.answer ?? "it could not be cancelled"}.` : "";
    if (!cancelling) return endAction(air, action, settle, "timedOut", `Timed out: the device did not pick it up within 3 days.${open}`);
  }
  const waiting = ticket.waiting === undefined ? action.waitingForDevice : ticket.waiting && (action.waitingForDevice || age > 120_000);
  const asked = action.cancel?.answer ? `${action.cancel.answer}. ` : "";
  await waitFurther(air, action, settle, { waitingForDevice: waiting, outcome: `${asked}${ticket.text ?? ""}` || null });
}

/** After three days the product is asked to give it up, where it can be asked: else it happens when nobody expects it any more. */
async function requestCancel(air: Air, action: ActionRow): Promise<boolean> {
  const { devices } = air.capabilities;
  if (!actionKinds[action.kind].cancel || !devices?.cancel) return false;
  const request: CancelRequest = { by: "air, after 3 days", timedOut: true, at: air.clock.now().toISOString() };
  await air.store.transaction((tx) => tx.updateAction(action.id, { cancel: request }));
  return true;
}

/** Asking twice is harmless: the operation is named by its id. */
async function askToCancel(air: Air, action: ActionRow, request: CancelRequest): Promise<ActionRow> {
  const comment = `air ${actionId(action.id)}, cancelled by ${request.by}`;
  let answer: string;
  try {
    const asked = actionKinds[action.kind].cancel?.(action.ticket ?? "", air.capabilities, comment, AbortSignal.timeout(CALL_TIMEOUT_MS));
    await asked;
    answer = asked ? `${request.by} asked for it to be cancelled, and the product was told` : "the product has no call to cancel it";
  } catch (error) {
    // What was not heard is asked again at the next look.
    if (!(error instanceof ConnectorError) || error.kind !== "refused") return action;
    answer = `the product does not cancel it (${error.message})`;
  }
  const cancel: CancelRequest = { ...request, answer: answer.slice(0, 500) };
  await air.store.transaction(async (tx) => {
    await tx.updateAction(action.id, { cancel });
    await note(tx, air, action, "action-cancel-asked", `${answer}.`);
  });
  return { ...action, cancel };
}

/**
 * The call went out, or was about to, and nobody heard what came of it. Our own operation is looked for in the product's list; only when it
 * is certain that there is none may the call be repeated.
 */
async function afterLostCall(air: Air, action: ActionRow, settle: Settle, how: "interrupted" | "no answer"): Promise<void> {
  const age = air.clock.now().getTime() - (action.executingAt ?? action.proposedAt).getTime();
  const look = (why: string): Promise<void> =>
    age < LOOK_MS
      ? waitFurther(air, action, settle, { outcome: `No answer came, so air looks whether it was carried out. ${why}`.trim() })
      : endAction(air, action, settle, "unclear", `Outcome unclear. No answer came, and it could not be found out: ${why}`);
  let state: DesiredState;
  try {
    const search = findRun(air, action);
    if (!search) {
      const watched = actionKinds[action.kind].watch?.(air.capabilities, action.executingAt ?? action.proposedAt);
      if (watched) return afterTicket(air, action, settle, watched);
      return how === "interrupted" ? afterCrash(air, action, settle) : verify(air, action, settle, "No answer came.");
    }
    const run = await search;
    if (run) return afterTicket(air, action, settle, run);
    state = await readState(air, action);
  } catch (error) {
    return look(asConnectorError(error).message);
  }
  if (state.kind === "reached") return endAction(air, action, settle, "succeeded", `Done, found after an interruption: ${state.text}`);
  if (age < SURE_MS) return look("");
  if (state.kind === "missing") return endAction(air, action, settle, "unclear", `Outcome unclear. No answer came. ${state.text}`);
  const lost = "the product did not answer, and as far as it shows nothing was begun";
  if (action.attempts >= MOST_ATTEMPTS) return endAction(air, action, settle, "failed", `Failed after ${action.attempts} tries: ${lost}.`);
  await settle(async (tx) => {
    if (await backToApproved(tx, air, action, `Tried again: ${lost}.`)) await again(tx, air, action.id, 0);
  });
}

/** The process died between "executing" and the answer, and the product keeps no list: look, never repeat. */
async function afterCrash(air: Air, action: ActionRow, settle: Settle): Promise<void> {
  const state = await readState(air, action);
  if (state.kind === "reached") return endAction(air, action, settle, "succeeded", `Done, found after an interruption: ${state.text}`);
  return endAction(air, action, settle, "unclear", `Outcome unclear: air was interrupted while carrying it out. ${state.text}`);
}

/** Done is only what the target shows. */
async function verify(air: Air, action: ActionRow, settle: Settle, said: string, ticket?: Ticket, prefix = ""): Promise<void> {
  let state: DesiredState = { kind: "unreadable", text: "" };
  // Where the product says when it ended, there is time to look again later.
  const shownBy = ticket?.endedAt && new Date(ticket.endedAt.getTime() + VERIFY_WINDOW_MS);
  const reads = shownBy ? 1 : VERIFY_READS;
  for (let read = 1; read <= reads; read++) {
    try {
      state = await readState(air, action);
    } catch (error) {
      state = { kind: "unreadable", text: error instanceof ConnectorError ? error.message : "the state could not be read" };
    }
    if (state.kind === "reached") return endAction(air, action, settle, "succeeded", `${prefix}Done and verified: ${state.text}`);
    if (read < reads) await (air.sleep ?? sleep)(VERIFY_PAUSE_MS);
  }
  if (ticket && shownBy && air.clock.now() < shownBy)
    return waitFurther(air, action, settle, {
      ticket: ticket.id,
      waitingForDevice: false,
      outcome: `${said} It is read back until it shows.`,
    });
  return endAction(air, action, settle, "unclear", `Outcome unclear. ${said} But reading back: ${state.text}`);
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
