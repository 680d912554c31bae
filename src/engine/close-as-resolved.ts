import { type Air, actionId, incidentId, investigationId } from "./air.ts";
import { outcomeOf, outcomeText } from "./domain/handling.ts";
import type { Classification } from "./domain/incident.ts";
import { ENDED } from "./domain/investigation.ts";
import type { AlertSummary, IncidentRow, Tx, VendorIncidentRow } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/** An incident is closed whole. */
const ALL = 100_000;
const WAITING = ["pending", "approved", "executing", "undoing"] as const;

/**
 * The source's own people resolved what an incident holds: it is closed here too, with what they say it was. Where something still waits
 * or runs here it stays open and says so, and is closed once nothing does; where another source's alert is in it, it stays open.
 */
export async function closeAsResolved(tx: Tx, air: Air, incident: number, now: Date): Promise<"closed" | "waits" | "stays"> {
  const [row] = await tx.lockIncidents([incident]);
  if (row?.status !== "open") return "stays";
  const alerts = await tx.alertsOf(incident, ALL);
  const vendors = await vendorsOf(tx, alerts);
  const open = alerts.filter((alert) => alert.status !== "resolved" && vendorOf(vendors, alert)?.status !== "resolved");
  if (open.length > 0 || alerts.length === 0) return "stays";
  const source = alerts[0]?.source ?? "";
  const outcome = outcomeOfAll(
    vendors.filter((vendor) => vendor.status === "resolved"),
    alerts,
  );
  const waiting = await whatWaits(tx, incident);
  if (waiting.length > 0) {
    // Said once, however many of its alerts and incidents are resolved there one after the other.
    const news = vendors.filter((vendor) => !vendor.closing);
    await tx.putVendorIncidents(news.map((vendor) => ({ ...vendor, closing: true })));
    if (vendors.length === 0 || news.length === vendors.length) await sayWaits(tx, air, row, source, outcomeText(outcome), waiting, now);
    return "waits";
  }
  await tx.putVendorIncidents(vendors.filter((vendor) => vendor.closing).map((vendor) => ({ ...vendor, closing: false })));
  await close(tx, air, row, source, outcome, now);
  return "closed";
}

/** What was resolved at the source while something waited here: closed as soon as nothing does any more. */
export async function closeWhatWaited(air: Air, source: string): Promise<void> {
  for (const vendor of await air.store.closingVendorIncidents(source)) {
    await air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const became = [];
      for (const home of await tx.incidentsOfVendor(source, vendor.vendorId)) became.push(await closeAsResolved(tx, air, home, now));
      // Closed, or opened again at the source.
      if (!became.includes("waits")) await tx.putVendorIncidents([{ ...vendor, closing: false }]);
    });
  }
}

async function whatWaits(tx: Tx, incident: number): Promise<string[]> {
  const actions = (await tx.listActions({ incidentId: incident, states: [...WAITING], limit: 200 })).items;
  const { items } = await tx.listInvestigations({ incidentId: incident, limit: 50 });
  return [
    ...actions.map((action) => actionId(action.id)),
    ...items.filter((one) => !ENDED.has(one.status) && one.status !== "pendingApproval").map((one) => investigationId(one.id)),
  ];
}

async function vendorsOf(tx: Tx, alerts: readonly AlertSummary[]): Promise<VendorIncidentRow[]> {
  const bySource = Map.groupBy(
    alerts.filter((alert) => !alert.lab),
    (alert) => alert.source,
  );
  const rows: VendorIncidentRow[] = [];
  for (const [source, some] of bySource)
    rows.push(...(await tx.vendorIncidents(source, [...new Set(some.flatMap((alert) => alert.vendorIncident ?? []))])));
  return rows;
}
const vendorOf = (vendors: readonly VendorIncidentRow[], alert: AlertSummary) =>
  vendors.find((vendor) => vendor.source === alert.source && vendor.vendorId === alert.vendorIncident);

type Outcome = { classification: Classification; determination: string | null } | undefined;

/** What the source's incident says; else what its alerts say, where they agree. */
function outcomeOfAll(vendors: readonly VendorIncidentRow[], alerts: readonly AlertSummary[]): Outcome {
  for (const vendor of vendors) {
    const outcome = outcomeOf(vendor);
    if (outcome) return outcome;
  }
  const said = alerts.map((alert) => outcomeOf(alert.handling));
  const [first] = said;
  return said.every((one) => one?.classification === first?.classification)
    ? first && { ...first, determination: said.every((one) => one?.determination === first.determination) ? first.determination : null }
    : undefined;
}

async function sayWaits(
  tx: Tx,
  air: Air,
  row: IncidentRow,
  source: string,
  outcome: string,
  waiting: readonly string[],
  now: Date,
): Promise<void> {
  const some = `${waiting.slice(0, 3).join(", ")}${waiting.length > 3 ? ` and ${waiting.length - 3} more` : ""}`;
  const text = `Resolved in ${source}${outcome}. It stays open here, because ${some} still ${waiting.length === 1 ? "waits or runs" : "wait or run"}.`;
  await tx.addTimeline([timelineLine({ incidentId: row.id }, now, { kind: "source", name: source }, "source-resolved", text)]);
  await redrawIncident(tx, air, row.id, now);
}

async function close(tx: Tx, air: Air, row: IncidentRow, source: string, outcome: Outcome, now: Date): Promise<void> {
  const actor = { kind: "source", name: source } as const;
  const { classification = null, determination = null } = outcome ?? {};
  await tx.updateIncident(row.id, { status: "closed", closedAt: now, updatedAt: now, classification, determination });
  const text = `Closed, because it was resolved in ${source}${outcomeText(outcome)}`;
  await tx.addTimeline([timelineLine({ incidentId: row.id }, now, actor, "incident-close", text)]);
  await tx.writeAudit([
    { at: now, actor, event: "incident.close", subject: incidentId(row.id), incidentId: row.id, data: { classification, determination } },
  ]);
  await redrawIncident(tx, air, row.id, now);
}
