import { ackCalls } from "./advance-calls.ts";
import { type Severity, severityRank } from "./domain/alert.ts";
import { ackedSeverity, isIncidentCause, severityOfCause } from "./domain/calls.ts";
import type { CallRow, IncidentRow, Tx } from "./store.ts";
import { redrawPages } from "./want-cards.ts";

/**
 * What belongs to one incident is another's from now on, and so is what it called for: whoever has the survivor has it too, and nobody else
 * is told. What is more severe than what they acknowledged goes on, and says so. `into`: as it was before.
 */
export async function moveIncident(tx: Tx, from: number, into: IncidentRow, now: Date): Promise<void> {
  const moved =
    into.ackedBy === null ? [] : (await tx.callsOf(from)).filter(({ ackedAt, endedAt }) => ackedAt === null && endedAt === null);
  // Whoever was told of the one reads what became of it.
  if (moved.length > 0) await redrawPages(tx, from, undefined, now);
  await tx.moveIncident(from, into.id);
  if (into.ackedBy === null || moved.length === 0) return;
  const open = new Set((await tx.callsOf(into.id)).filter(({ endedAt }) => endedAt === null).map(({ id }) => id));
  const acked = (ackedSeverity((await tx.callsOf(into.id)).filter(({ cause }) => isIncidentCause(cause))) || into.severity) as Severity;
  const isWorse = ({ cause }: CallRow) => severityRank(severityOfCause(cause) ?? acked) > severityRank(acked);
  const here = moved.filter(({ id }) => open.has(id));
  await ackCalls(
    tx,
    here.filter((call) => !isWorse(call)),
    into.ackedBy,
    now,
    into.ackedAt ?? now,
  );
  for (const { id } of here.filter(isWorse)) await tx.updateCall(id, { openedAt: now, text: acked });
}
