import { callAgain } from "./advance-calls.ts";
import type { Air } from "./air.ts";
import type { IncidentRow, Tx } from "./store.ts";
import { redrawPages } from "./want-cards.ts";

/** Nobody has it any more: who looks after it goes where that came by the acknowledgement, and the escalation begins again. */
export async function returnToQueue(tx: Tx, air: Air, row: IncidentRow, now: Date): Promise<Partial<IncidentRow>> {
  const owner = await tx.owner(row.id);
  const change = { ackedBy: null, ackedAt: null, ...(owner?.how === "ack" ? { assignee: null } : {}) };
  // Before the cards and the chain are looked at.
  await tx.updateIncident(row.id, change);
  await callAgain(tx, air, row.id, now);
  await redrawPages(tx, row.id, undefined, now);
  return change;
}
