import type { Policy } from "./domain/policy.ts";
import { sha256 } from "./sha256.ts";
import type { AlertRow, IncidentRow, Tx } from "./store.ts";

/*
 * A storm is more alike alerts in a moment than anybody reads one by one (product contract 4): one thread with a counter. It changes
 * what is shown, never what belongs together: every alert keeps its incident, and the order of arrival makes no difference to it.
 */

type Alike = Pick<AlertRow, "source" | "category" | "severity" | "lab">;
const signature = (alert: Alike) => [alert.source, alert.category?.toLowerCase() ?? "", alert.severity, alert.lab].join("\n");
/** Alerts are alike by this digest, which the database counts by. */
export const alikeDigest = (alert: Alike) => sha256(signature(alert));

/**
 * Marks the batch's alerts, and the ones just before them, that are part of a storm, and the new incidents that hold nothing else.
 * An incident that becomes more severe than its storm breaks through: it is shown by itself. Returns what is to be counted in, by storm.
 */
export async function raiseStorms(
  tx: Tx,
  alerts: AlertRow[],
  incidents: readonly { row: IncidentRow; fresh: boolean }[],
  policy: Policy["storm"],
  now: Date,
): Promise<Map<number, number>> {
  const counted = new Map<number, number>();
  const groups = Map.groupBy(alerts, (alert) => alert.alike);
  const since = new Date(now.getTime() - policy.within);
  const before = await tx.countAlike([...groups.keys()], since, policy.alike);
  for (const [alike, group] of groups) {
    const [first] = group;
    if (!first || (before.get(alike) ?? 0) + group.length <= policy.alike) continue;
    const storm = (await tx.runningStorm(alike, since)) ?? (await tx.openStorm(first, since, now));
    counted.set(storm, (counted.get(storm) ?? 0) + group.length);
    for (const alert of group) alert.stormId = storm;
  }
  const byIncident = Map.groupBy(alerts, (alert) => alert.incidentId);
  for (const { row, fresh } of incidents) {
    const [one, ...others] = new Set((byIncident.get(row.id) ?? []).map((alert) => alert.stormId));
    if (fresh && others.length === 0) row.stormId = one ?? null;
  }
  return counted;
}
