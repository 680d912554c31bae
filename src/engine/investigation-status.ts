import { ENDED, type InvestigationStatus, JUDGEABLE, statusFrom } from "./domain/investigation.ts";
import type { ActionRow, EvidenceRow, Tx } from "./store.ts";

export const statusOf = (evidence: readonly EvidenceRow[], actions: readonly ActionRow[]): InvestigationStatus =>
  statusFrom({
    evidence: evidence.map((item) => ({
      verdict: item.verdict,
      // A look that failed is never a silent gap, whatever the others said (product contract 5).
      unlooked: (item.verdict === "unknown" && JUDGEABLE.has(item.entity.kind)) || (item.judgement?.missing.length ?? 0) > 0,
    })),
    actions,
  });

/** Brings the investigation's status in line with its rows, in the transaction that changed one of them. */
export async function refreshInvestigation(tx: Tx, id: number, now: Date): Promise<InvestigationStatus | undefined> {
  const row = await tx.lockInvestigation(id);
  if (!row || row.status === "terminatedByUser" || row.status === "terminatedBySystem" || row.wanted > row.round) return row?.status;
  const evidence = await tx.evidenceOf(id);
  if (evidence.some((item) => item.lookedRound === null)) return row.status;
  const status = statusOf(evidence, await tx.actionsOf(id));
  if (status !== row.status) {
    await tx.updateInvestigation(id, {
      status,
      endedAt: ENDED.has(status) ? now : null,
      pendingSince: status === "pendingApproval" ? (row.pendingSince ?? now) : row.pendingSince,
    });
  }
  return status;
}
