import { shown } from "./cards/say.ts";
import { isOpen } from "./domain/action.ts";
import {
  ENDED,
  type Found,
  type InvestigationStatus,
  JUDGEABLE,
  mayBecome,
  statusFrom,
  statusText,
  timesAfter,
} from "./domain/investigation.ts";
import { isBad, leftOver } from "./left-over.ts";
import type { ActionRow, EvidenceRow, InvestigationRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";

/** The outcome of an action that was cancelled because its target no longer needs it begins so. */
export const ALREADY_DONE = "Already remediated";
const alreadyDone = (action: ActionRow) => action.state === "cancelled" && (action.outcome?.startsWith(ALREADY_DONE) ?? false);

/** Kinds that are a step beside the remedy, not one: widening what is looked at, and allowing what was wrongly accused. */
const STEPS: ReadonlySet<ActionRow["kind"]> = new Set(["expand-investigation", "allow-indicator"]);
/** A step beside the remedy that ended so is somebody's to look at all the same. */
const WENT_WRONG: ReadonlySet<ActionRow["state"]> = new Set(["failed", "unclear", "timedOut"]);
/** Does it deal with the threat? Taking something back does not. */
export const isRemedy = (action: Pick<ActionRow, "kind" | "undoes">) => action.undoes === null && !STEPS.has(action.kind);

/** A look that failed is never a silent gap, and neither is what nobody could judge (product contract 5). */
export const isUnlooked = (item: Pick<EvidenceRow, "verdict" | "entity" | "judgement">): boolean =>
  (item.verdict === "unknown" && JUDGEABLE.has(item.entity.kind) && item.judgement?.excluded === undefined) ||
  (item.judgement?.missing.length ?? 0) > 0;

/** Remedies that were carried out, or that somebody else had carried out. */
const remediesDone = (actions: readonly ActionRow[]) =>
  actions.filter((action) => isRemedy(action) && (action.state === "succeeded" || action.state === "byHand" || alreadyDone(action)));

/** What the sentence about a status rests on. */
export const foundIn = (evidence: readonly EvidenceRow[], actions: readonly ActionRow[]): Found => ({
  bad: evidence.some(isBad),
  open: evidence.some(isUnlooked),
  left: [...new Set(leftOver(evidence, remediesDone(actions)).map(({ entity }) => nameAndPlace(entity)))],
});

const nameAndPlace = (entity: EvidenceRow["entity"]) =>
  "device" in entity && entity.device ? `${shown(entity).slice(0, 60)} on ${entity.device.slice(0, 60)}` : shown(entity).slice(0, 60);

export function statusOf(evidence: readonly EvidenceRow[], actions: readonly ActionRow[]): InvestigationStatus {
  const left = new Set(leftOver(evidence, remediesDone(actions)));
  // A rejection that was proposed again is no longer the last word.
  const again = new Set(actions.filter((action) => action.state !== "cancelled").flatMap((action) => action.rejectedBefore ?? []));
  return statusFrom({
    evidence: evidence.map((item) => ({ verdict: item.verdict, unlooked: isUnlooked(item), left: left.has(item) })),
    actions: actions
      .filter((action) => !again.has(action.id) && (isRemedy(action) || isOpen(action.state) || WENT_WRONG.has(action.state)))
      .map((action) => ({ state: action.state, waitingForDevice: action.waitingForDevice, alreadyDone: alreadyDone(action) })),
  });
}

/** The one way a status changes: along the table of moves, with the times that follow from it. The row is locked by the caller. */
export async function moveInvestigation(
  tx: Tx,
  row: InvestigationRow,
  status: InvestigationStatus,
  now: Date,
  more: Partial<InvestigationRow> = {},
): Promise<void> {
  if (!mayBecome(row.status, status)) throw new Error(`An investigation does not move from ${row.status} to ${status}.`);
  await tx.updateInvestigation(row.id, { status, ...timesAfter(row, status, now), ...more });
}

/** Brings the investigation's status in line with its rows, in the transaction that changed one of them. */
export async function refreshInvestigation(tx: Tx, id: number, now: Date): Promise<InvestigationStatus | undefined> {
  const row = await tx.lockInvestigation(id);
  if (!row || row.status === "terminatedByUser" || row.wanted > row.round) return row?.status;
  const evidence = await tx.evidenceOf(id);
  if (evidence.some((item) => item.lookedRound === null)) return row.status;
  const actions = await tx.actionsOf(id);
  const status = statusOf(evidence, actions);
  if (status === row.status || !mayBecome(row.status, status)) return row.status;
  await moveInvestigation(tx, row, status, now);
  if (ENDED.has(status) && !ENDED.has(row.status)) {
    await tx.addTimeline([
      timelineLine(
        { incidentId: row.incidentId, investigationId: id },
        now,
        { kind: "air", job: "investigate" },
        "investigation-ended",
        `Investigation INV-${id} ended. ${statusText(status, foundIn(evidence, actions))}`,
      ),
    ]);
  }
  return status;
}
