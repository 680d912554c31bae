import { ackedSeverity, isIncidentCause } from "./domain/calls.ts";
import type { CallRow, NewCall, Tx } from "./store.ts";

/** Nobody is called for these any more: what of them was not told yet is dropped. */
export async function endCalls(
  tx: Pick<Tx, "lockCall" | "updateCall" | "dropCallPages">,
  calls: readonly Pick<CallRow, "id">[],
  why: string,
  now: Date,
): Promise<void> {
  for (const { id } of calls) {
    await tx.lockCall(id);
    await tx.updateCall(id, { nextAt: null, endedAt: now, endedBecause: why });
    await tx.dropCallPages({ call: id }, why, now);
  }
}

/**
 * An incident calls somebody once for what it is now: the call of the severity it had before ends with the one of the severity it has
 * risen to, and who said there that they cannot is not asked again here.
 */
export async function replaceCalls(
  tx: Pick<Tx, "callsOf" | "lockCall" | "updateCall" | "dropCallPages">,
  opened: readonly Pick<NewCall, "incidentId" | "cause">[],
  now: Date,
): Promise<void> {
  for (const { incidentId, cause } of opened) {
    const calls = (await tx.callsOf(incidentId)).filter((call) => isIncidentCause(call.cause));
    const current = calls.find((call) => call.cause === cause);
    const older = calls.filter((call) => call.cause !== cause);
    if (!current || older.length === 0) continue;
    await endCalls(tx, older, "Its severity rose", now);
    await tx.updateCall(current.id, { text: ackedSeverity(older), away: [...new Set(older.flatMap(({ away }) => away))] });
  }
}
