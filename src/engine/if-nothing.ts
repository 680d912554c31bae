import { actionKinds } from "./actions/all.ts";
import { dealsWith, isBad } from "./left-over.ts";
import type { ActionRow, EvidenceRow } from "./store.ts";

/**
 * What follows if nothing is done. Of a threat it speaks only where one was found: air proposes because of one, a person asks for whatever
 * reason, and what takes an action back is no remedy. `evidence`: of the incident, where it is at hand.
 */
export function ifNothing(
  row: Pick<ActionRow, "kind" | "family" | "target" | "evidenceId" | "requestedBy" | "undoes">,
  evidence: readonly EvidenceRow[] = [],
): string {
  const proposed = row.requestedBy === null && row.undoes === null;
  const threat = proposed || (row.undoes === null && evidence.some((item) => isBad(item) && dealsWith(row, item)));
  return actionKinds[row.kind].ifNot(row.target, threat);
}
