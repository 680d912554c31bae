import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { redraw } from "./decide-action.ts";
import type { ActionState } from "./domain/action.ts";
import type { Actor } from "./domain/actor.ts";
import { entityKey } from "./domain/entity.ts";
import { othersStanding } from "./holding.ts";
import type { Settle } from "./investigate.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { markDealtWith } from "./mark-dealt-with.ts";
import type { ActionRow, AuditEntry, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { wantPages } from "./want-pages.ts";

const AIR: Actor = { kind: "air", job: "execute-action" };

/** An approved or running action has come to its end: state, evidence, what it took back, timeline and audit in one transaction. */
export async function endAction(
  air: Air,
  action: ActionRow,
  settle: Settle,
  state: ActionState,
  outcome: string,
  more: Pick<Partial<ActionRow>, "undoable"> = {},
): Promise<void> {
  const now = air.clock.now();
  await settle(async (tx) => {
    let current = await tx.lockAction(action.id);
    // What was already so, or not there, never began; it still passes through `executing` so that the moves stay one table.
    if (current?.state === "approved" && state !== "cancelled") {
      current = await tx.moveAction(action.id, "approved", { state: "executing", executingAt: now });
    }
    const from = current?.state;
    if (!current || (from !== "executing" && !(from === "approved" && state === "cancelled"))) return;
    const moved = await tx.moveAction(action.id, from, {
      state,
      outcome: outcome.slice(0, 2000),
      endedAt: now,
      waitingForDevice: false,
      notBefore: null,
      ...more,
    });
    if (!moved) return;
    if (state === "succeeded") await markDealtWith(tx, moved);
    if (moved.undoes !== null) await settleUndone(tx, air, moved);
    await note(tx, air, moved, `action-${state}`, outcome);
    await pageTrouble(tx, air, moved, now);
    await tx.writeAudit([executionEntry(air, moved, `action.${state}`, { outcome: outcome.slice(0, 500) })]);
    await refreshInvestigation(tx, moved.investigationId, now);
    await redraw(tx, air, moved, now);
  });
}

/** What did not go as decided needs somebody now. */
async function pageTrouble(tx: Tx, air: Air, action: ActionRow, now: Date): Promise<void> {
  if (action.state !== "unclear" && action.state !== "failed" && action.state !== "timedOut") return;
  const step = action.state === "unclear" ? "unclear" : "failed";
  const text = `${actionKinds[action.kind].title(action.target)} (${actionId(action.id)}): ${action.outcome ?? action.state}`;
  const about = { incidentId: action.incidentId, actionId: action.id, by: "air" };
  await wantPages(tx, air, [{ ...about, step, to: [{ kind: "on-call" }], text }], now);
}

/** A line of the incident's story about an action that is carried out. */
export const note = (tx: Tx, air: Air, action: ActionRow, event: string, text: string, actor: Actor = AIR): Promise<void> =>
  tx.addTimeline([
    timelineLine(
      { incidentId: action.incidentId, investigationId: action.investigationId, actionId: action.id },
      air.clock.now(),
      actor,
      event,
      `${actionKinds[action.kind].title(action.target)}: ${text}`,
    ),
  ]);

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
  if (moved?.state === "undone") await releaseOthers(tx, air, moved, undo, now);
  if (moved) await redraw(tx, air, moved, now);
}

/** Whoever wanted the same state is told that it is gone: a card must not say that it still is. */
async function releaseOthers(tx: Tx, air: Air, original: ActionRow, undo: ActionRow, now: Date): Promise<void> {
  const rows = (await tx.onTarget(original)).filter((row) => row.id !== undo.id);
  for (const row of othersStanding(rows, original)) {
    const other = await tx.lockAction(row.id);
    if (other?.state !== "succeeded" || !(await tx.moveAction(other.id, "succeeded", { state: "undoing" }))) continue;
    const outcome = `Undone together with ${actionId(original.id)}, by ${undo.decision?.by ?? "air"}: both wanted the same.`;
    const released = await tx.moveAction(other.id, "undoing", { state: "undone", outcome, endedAt: now });
    if (!released) continue;
    if (released.evidenceId !== null) await tx.markRemediated(released.evidenceId, "none");
    await note(tx, air, released, "action-released", outcome);
    await tx.writeAudit([executionEntry(air, released, "action.released", { with: actionId(original.id), by: actionId(undo.id) })]);
    await refreshInvestigation(tx, released.investigationId, now);
    await redraw(tx, air, released, now);
  }
}

export const executionEntry = (
  air: Air,
  action: ActionRow,
  event: string,
  data: Record<string, unknown>,
  actor: Actor = AIR,
): AuditEntry => ({
  at: air.clock.now(),
  actor,
  event,
  subject: actionId(action.id),
  incidentId: action.incidentId,
  data: { kind: action.kind, target: entityKey(action.target), connector: action.connector, ...data },
});
