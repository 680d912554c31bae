import type { EvidenceRow } from "./store.ts";

/**
 * Evidence of an incident, each thing once however many investigations looked at it: as the newest one that could judge it has it. In the
 * order in which the things came.
 */
export function onceEach<E extends Pick<EvidenceRow, "id" | "digest" | "verdict">>(evidence: readonly E[]): E[] {
  const newest = new Map<string, E>();
  for (const row of evidence) {
    const other = newest.get(row.digest);
    newest.set(row.digest, other && rank(other) > rank(row) ? other : row);
  }
  return [...newest.values()];
}

const rank = ({ id, verdict }: Pick<EvidenceRow, "id" | "verdict">) => (verdict === "unknown" ? 0 : 1e12) + id;
