import { SEVERITIES } from "../engine/domain/alert.ts";
import type { IncidentRow, Reads } from "../engine/store.ts";

const MOST_SEVERE_FIRST = SEVERITIES.toReversed();

/** Open incidents as somebody would look at them: the most severe first, of those the newest. One look-up by the index for each severity. */
export async function openIncidents(reads: Pick<Reads, "listIncidents">, limit: number): Promise<IncidentRow[]> {
  const rows: IncidentRow[] = [];
  for (const severity of MOST_SEVERE_FIRST) {
    if (rows.length === limit) break;
    const page = await reads.listIncidents({ status: ["open"], severity: [severity], limit: limit - rows.length });
    rows.push(...page.items);
  }
  return rows;
}
