import { actionId } from "./air.ts";
import { REACH_UNREAD, sameProposal } from "./domain/action.ts";
import { type AskedBefore, type Growth, growthOf, growthText } from "./domain/learn.ts";
import { line } from "./insert-proposals.ts";
import type { Proposed } from "./propose-actions.ts";
import type { ActionRow, InvestigationRow, New, TimelineRow, Tx } from "./store.ts";

/** Actions of one kind on one thing, as its growth is compared with them. */
export const askedBefore = (actions: readonly ActionRow[]): AskedBefore[] =>
  actions
    .filter((action) => action.undoes === null && action.state !== "cancelled")
    .map((action) => ({
      id: action.id,
      state: action.state,
      target: action.target,
      byPerson: action.requestedBy !== null,
      unreached: action.byHand !== null || action.blastRadius.protectedHits.includes(REACH_UNREAD),
    }));

/** What became of the growths of one round: the cards that changed, what is still to be inserted, and the evidence to be looked at again. */
export type Grown = { redraw: number[]; insert: Proposed[]; again: number[] };

/**
 * What a thing grew by, in the transaction that ends the round. The action that still waits takes it in and asks anew: a click on the card as it was
 * decides nothing any more. Where somebody decided meanwhile, the next round proposes what that left.
 */
export async function growActions(
  tx: Tx,
  investigation: InvestigationRow,
  proposals: readonly Proposed[],
  timeline: New<TimelineRow>[],
  now: Date,
): Promise<Grown> {
  const done: Grown = { redraw: [], insert: [], again: [] };
  for (const proposal of proposals) {
    const { row, growth } = proposal;
    if (!growth) {
      done.insert.push(proposal);
      continue;
    }
    const { items } = await tx.listActions({ incidentId: investigation.incidentId, kinds: [row.kind], limit: 200 });
    const present = growthOf(proposal.whole ?? row.target, askedBefore(items.filter((one) => sameProposal(one) === sameProposal(row))));
    if (!sameGrowth(present, growth)) {
      if (present && row.evidenceId !== null) done.again.push(row.evidenceId);
    } else if ("rest" in growth) done.insert.push(proposal);
    else if (await grow(tx, investigation, growth.grows, row, timeline, now)) done.redraw.push(growth.grows);
    else if (row.evidenceId !== null) done.again.push(row.evidenceId);
  }
  if (done.again.length > 0) await tx.lookAgain(done.again);
  return done;
}

const sameGrowth = (one: Growth | undefined, other: Growth): boolean => JSON.stringify(one) === JSON.stringify(other);

async function grow(
  tx: Tx,
  investigation: InvestigationRow,
  id: number,
  row: New<ActionRow>,
  timeline: New<TimelineRow>[],
  now: Date,
): Promise<boolean> {
  const locked = await tx.lockAction(id);
  if (!locked || (locked.state !== "pending" && locked.state !== "observed")) return false;
  const text = growthText(locked.target, row.target);
  await tx.updateAction(id, {
    target: row.target,
    version: row.version,
    blastRadius: { ...row.blastRadius, changed: [text] },
    undoable: row.undoable,
    connector: row.connector,
    boundTo: row.boundTo,
    byHand: row.byHand,
    // Raised by a bulk decision or by what it reached before, it stays raised.
    approvalsNeeded: Math.max(locked.approvalsNeeded, row.approvalsNeeded),
    lookedAt: now,
    redrawAt: null,
  });
  timeline.push({ ...line(investigation, now, "action-changed", `${actionId(id)} asks again: ${text}`), actionId: id });
  return true;
}
