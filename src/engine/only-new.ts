import type { Air } from "./air.ts";
import type { Alert } from "./domain/alert.ts";
import { isRepeat } from "./intake-plan.ts";
import { fingerprint } from "./prepare-alert.ts";

/**
 * Which of these alerts, asked for from a source, say something that is not stored yet. One read, and no lock: what another process stores
 * meanwhile is found again when it is stored.
 */
export async function onlyNew(air: Air, source: string, alerts: readonly Alert[]): Promise<(alert: Alert) => boolean> {
  if (alerts.length === 0) return () => false;
  const { lab } = air.capabilities;
  const prints = new Map(alerts.map((alert) => [alert, fingerprint({ source, lab }, alert)]));
  const rows = await air.store.alertsByIdentity([...new Set([...prints.values()].map(({ identity }) => identity))]);
  const known = new Map(rows.map((row) => [row.identity, row]));
  return (alert) => {
    const print = prints.get(alert);
    const stored = print && known.get(print.identity);
    return !stored || !isRepeat(stored, { digest: print.digest, alert });
  };
}
