import { leftOf } from "./domain/learn.ts";
import { isRemedy } from "./investigation-status.ts";
import type { ActionRow, Tx } from "./store.ts";

const DONE: ReadonlySet<ActionRow["state"]> = new Set(["succeeded", "byHand"]);

/** The remedy's evidence is dealt with; not where it has grown beyond what was done about it: the rest is still there, and is asked for. */
export async function markDealtWith(tx: Tx, action: ActionRow): Promise<void> {
  if (action.evidenceId === null || !isRemedy(action)) return;
  if (action.target.kind !== "mail-cluster") return tx.markRemediated(action.evidenceId, "remediated");
  const evidence = await tx.evidence(action.evidenceId);
  if (!evidence) return;
  const others = (await tx.onTarget(action)).filter((row) => row.kind === action.kind && DONE.has(row.state));
  const done = [action, ...others].map(({ target }) => target);
  if (leftOf(evidence.entity, done) === undefined) await tx.markRemediated(evidence.id, "remediated", evidence.entity);
}
