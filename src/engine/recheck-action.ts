import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { redraw } from "./decide-action.ts";
import { readStored } from "./domain/action.ts";
import { entityKey } from "./domain/entity.ts";
import type { Settle } from "./investigate.ts";
import { ALREADY_DONE, isRemedy, refreshInvestigation } from "./investigation-status.ts";
import { markDealtWith } from "./mark-dealt-with.ts";
import { timelineLine } from "./timeline-line.ts";

const CALL_TIMEOUT_MS = 15_000;
/** How often the target of a pending action is read again. */
export const RECHECK_MS = 10 * 60_000;

/**
 * Reads the target of an action that waits for a decision once more (domain facts 1.4): if the mail has left the mailboxes, or somebody
 * isolated the device elsewhere, there is nothing to decide any more. The action is cancelled as remediated and says by what.
 */
export async function recheckAction(air: Air, id: number, settle: Settle): Promise<void> {
  const action = await air.store.action(id);
  if (
    action?.state !== "pending" ||
    action.lab !== air.capabilities.lab ||
    action.byHand !== null ||
    action.kind === "expand-investigation"
  )
    return settle(async () => {});
  const state = await actionKinds[action.kind]
    .state(action.target, air.capabilities, AbortSignal.timeout(CALL_TIMEOUT_MS), {
      params: readStored(action.params).params,
      since: action.proposedAt,
    })
    // Not reached now is no news: the card stays as it is and the next look asks again.
    .catch(() => undefined);
  const now = air.clock.now();
  await settle(async (tx) => {
    const locked = await tx.lockAction(id);
    // What it is about now was not read.
    if (locked?.state !== "pending" || locked.version !== action.version) return;
    // Mail that is gone is dealt with; a device or an account the product does not know any more is not.
    const settled = state?.kind === "reached" || (state?.kind === "missing" && locked.family === "email");
    if (!settled) return tx.updateAction(id, { checkedAt: now });
    const remedy = isRemedy(locked);
    const outcome = `${remedy ? ALREADY_DONE : "Not needed"}: ${state.text} Nothing was left to decide.`;
    const moved = await tx.moveAction(id, "pending", { state: "cancelled", endedAt: now, checkedAt: now, outcome });
    if (!moved) return;
    await markDealtWith(tx, moved);
    const actor = { kind: "air", job: "recheck-action" } as const;
    await tx.addTimeline([
      timelineLine(
        { incidentId: moved.incidentId, investigationId: moved.investigationId, actionId: id },
        now,
        actor,
        "action-cancelled",
        `${actionKinds[moved.kind].title(moved.target)}: ${outcome}`,
      ),
    ]);
    await tx.writeAudit([
      {
        at: now,
        actor,
        event: "action.cancelled",
        subject: actionId(id),
        incidentId: moved.incidentId,
        data: { kind: moved.kind, target: entityKey(moved.target), because: remedy ? "already remediated" : "not needed" },
      },
    ]);
    await refreshInvestigation(tx, moved.investigationId, now);
    await redraw(tx, air, moved, now);
  });
}
