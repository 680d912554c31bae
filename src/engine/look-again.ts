import { evidenceId } from "./air.ts";
import type { Verdict } from "./domain/alert.ts";
import { entityName } from "./domain/entity.ts";
import { verdictWord } from "./domain/investigation.ts";
import { sha256 } from "./sha256.ts";
import type { ActionRow, EvidenceRow, Tx } from "./store.ts";

const BADNESS: Record<Verdict, number> = { malicious: 2, suspicious: 1, unknown: 0, noThreatsFound: 0 };

/**
 * What waits for a decision rests on evidence that was looked at in this round. It is fresh again; and where it turned out to be less bad than
 * was shown, the card asks anew with that line marked: a click on the old one decides nothing any more. Returns the actions whose cards changed.
 */
export async function noteLook(
  tx: Tx,
  waiting: readonly ActionRow[],
  judged: readonly { row: EvidenceRow; judgement: { verdict: Verdict } }[],
  looked: ReadonlySet<number>,
  now: Date,
): Promise<number[]> {
  const eased = judged.filter(({ row, judgement }) => looked.has(row.id) && BADNESS[judgement.verdict] < BADNESS[row.verdict]);
  const changed = eased.map(
    ({ row, judgement }) =>
      `${evidenceId(row.id)} (${entityName(row.entity)}) is ${verdictWord(row.entity.kind, judgement.verdict)} now, no longer ${verdictWord(row.entity.kind, row.verdict)}`,
  );
  const touched: number[] = [];
  for (const action of waiting) {
    if (action.state !== "pending" || action.undoes !== null || action.evidenceId === null || !looked.has(action.evidenceId)) continue;
    const version = sha256(`${action.version} ${changed.join("; ")}`).slice(0, 16);
    const asksAnew = changed.length > 0 ? { blastRadius: { ...action.blastRadius, changed }, version, redrawAt: null } : {};
    await tx.updateAction(action.id, { lookedAt: now, ...asksAnew });
    touched.push(action.id);
  }
  return touched;
}
