import { type Air, incidentId } from "./air.ts";
import type { Classification } from "./domain/incident.ts";
import { classificationText } from "./domain/incident.ts";
import { backOffMs } from "./domain/polling.ts";
import type { Settle } from "./investigate.ts";
import { type AlertFeed, ConnectorError } from "./ports.ts";
import type { AlertSummary, IncidentRow, Tx, WriteBackRow } from "./store.ts";
import { tellOps } from "./tell-ops.ts";
import { timelineLine } from "./timeline-line.ts";
import { vendorSurvivor } from "./vendor-survivor.ts";
import { redrawIncident } from "./want-cards.ts";

/** An incident is told whole. */
const ALL = 100_000;
const BATCH = 50;
const CALL_MS = 30_000;
/** A source that cannot be told for so long is not told any more. */
const GIVEN_UP_MS = 86_400_000;
const WRITE_BACK = { kind: "air", job: "write-back" } as const;

/** What an incident was closed as, and by whom. */
type Closed = { classification: Classification; determination: string | null; by: string };

/**
 * An incident was closed here: its sources are told, where air.yaml wants that. Their own incident only when nothing of it is open here
 * any more. Only rows, in the transaction of the close; a job tells them.
 */
export async function wantWriteBack(tx: Tx, air: Air, incident: IncidentRow, closed: Closed, now: Date): Promise<void> {
  const feeds = (air.capabilities.feeds ?? []).filter((feed) => feed.tell);
  if (feeds.length === 0 || incident.lab) return;
  const alerts = await tx.alertsOf(incident.id, ALL);
  const link = air.publicUrl ? ` ${air.publicUrl}/#${incidentId(incident.id)}` : "";
  const comment = `Closed in air as ${classificationText(closed.classification, closed.determination)} by ${closed.by} (${incidentId(incident.id)}, ${now.toISOString()}).${link}`;
  const wish = { incidentId: incident.id, classification: closed.classification, determination: closed.determination, comment };
  const fresh = { state: "waiting", attempts: 0, tryAt: now, trouble: null, createdAt: now, doneAt: null } as const;
  const rows: WriteBackRow[] = [];
  for (const { source } of feeds) {
    const own = alerts.filter((alert) => alert.source === source);
    rows.push(...own.map((alert): WriteBackRow => ({ source, kind: "alert", vendorId: alert.sourceId, ...wish, ...fresh })));
    const now = await Promise.all([...named(own)].map((vendorId) => vendorSurvivor(tx, source, vendorId)));
    for (const vendorId of new Set(now.filter((one) => one !== undefined)))
      if (await nothingElseOpen(tx, source, vendorId, incident.id)) rows.push({ source, kind: "incident", vendorId, ...wish, ...fresh });
  }
  if (rows.length === 0) return;
  await tx.putWriteBacks(rows);
  await tx.enqueue("write-back", { due: now.toISOString() }, { key: "write-back" });
}

const named = (alerts: readonly AlertSummary[]) => new Set(alerts.flatMap((alert) => alert.vendorIncident ?? []));

async function nothingElseOpen(tx: Tx, source: string, vendorId: string, closing: number): Promise<boolean> {
  const homes = await tx.incidentsOfVendor(source, vendorId);
  const rows = await Promise.all(homes.filter((home) => home !== closing).map((home) => tx.incident(home)));
  return rows.every((row) => row?.status !== "open");
}

/** Tells the sources what is due, one call at a time; what could not be told is due again later. */
export async function writeBack(air: Air, settle: Settle): Promise<void> {
  const feeds = air.capabilities.feeds ?? [];
  const due = await air.store.dueWriteBacks(air.clock.now(), BATCH);
  for (const row of due) await tellOne(air, feeds, row);
  const now = air.clock.now();
  await settle(async (tx) => {
    if (due.length === BATCH) await tx.enqueue("write-back", { due: now.toISOString() }, { key: "write-back" });
  });
}

async function tellOne(air: Air, feeds: readonly AlertFeed[], row: WriteBackRow): Promise<void> {
  const feed = feeds.find((one) => one.source === row.source);
  const incident = await air.store.incident(row.incidentId);
  if (!feed?.tell) return note(air, row, { state: "failed", trouble: "air.yaml does not want it told any more" });
  if (incident?.status === "open")
    return note(air, row, { state: "failed", trouble: `${incidentId(row.incidentId)} was opened again before it was told` });
  const survivor = row.kind === "incident" ? await vendorSurvivor(air.store, row.source, row.vendorId) : row.vendorId;
  if (survivor !== row.vendorId) return passOn(air, row, survivor);
  const told = { classification: row.classification ?? "", determination: row.determination, comment: row.comment };
  try {
    await feed.tell(row.kind, row.vendorId, told, AbortSignal.timeout(CALL_MS));
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    return noteTrouble(air, feed, row, error);
  }
  return note(air, row, { state: "done", trouble: null });
}

/** Merged there before it was told: nothing is written to what was absorbed, and the survivor is told in its place. */
async function passOn(air: Air, row: WriteBackRow, survivor: string | undefined): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    const [stored] = await tx.writeBacksOf(row.source, row.kind, [row.vendorId]);
    if (!stored || stored.createdAt.getTime() !== row.createdAt.getTime()) return;
    await tx.putWriteBacks([{ ...stored, state: "done", trouble: null, doneAt: now }]);
    const next = survivor === undefined ? [] : await tx.writeBacksOf(row.source, row.kind, [survivor]);
    const isWished = next.some((one) => one.incidentId === row.incidentId && one.createdAt >= row.createdAt);
    if (survivor !== undefined && !isWished && (await nothingElseOpen(tx, row.source, survivor, row.incidentId))) {
      await tx.putWriteBacks([{ ...stored, vendorId: survivor, state: "waiting", attempts: 0, trouble: null, tryAt: now, doneAt: null }]);
      await tx.enqueue("write-back", { due: now.toISOString() }, { key: "write-back" });
    }
    const text = `Incident ${row.vendorId} in ${row.source} was merged into ${survivor ?? "another"} there, so nothing was written to it`;
    await tx.addTimeline([timelineLine({ incidentId: row.incidentId }, now, WRITE_BACK, "write-back-merged", text)]);
    await redrawIncident(tx, air, row.incidentId, now);
  });
}

async function noteTrouble(air: Air, feed: AlertFeed, row: WriteBackRow, error: ConnectorError): Promise<void> {
  const now = air.clock.now();
  const attempts = row.attempts + 1;
  const over = error.kind === "refused" || now.getTime() - row.createdAt.getTime() > GIVEN_UP_MS;
  air.log.warn("a source was not told", { source: row.source, kind: row.kind, attempts, reason: error.forLog });
  if (over) return note(air, row, { state: "failed", trouble: error.message, attempts }, feed);
  const tryAt = new Date(now.getTime() + backOffMs(attempts, error.retryAfterMs, Math.random()));
  await air.store.transaction((tx) => tx.putWriteBacks([{ ...row, attempts, trouble: error.message, tryAt }]));
}

/** What became of it. What the source now says is what we said: it comes back by the next poll and is no news. */
async function note(
  air: Air,
  row: WriteBackRow,
  change: Pick<WriteBackRow, "state" | "trouble"> & Partial<Pick<WriteBackRow, "attempts">>,
  failed?: AlertFeed,
): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    const [stored] = await tx.writeBacksOf(row.source, row.kind, [row.vendorId]);
    // Wished anew meanwhile: that wish is told next.
    if (!stored || stored.createdAt.getTime() !== row.createdAt.getTime()) return;
    await tx.putWriteBacks([{ ...stored, ...change, doneAt: now }]);
    if (change.state === "done") await asTold(tx, row, now);
    const what = row.kind === "incident" ? `incident ${row.vendorId}` : `alert ${row.vendorId}`;
    const text =
      change.state === "done"
        ? `Told ${row.source} that its ${what} is resolved`
        : `${row.source} was not told that its ${what} is resolved: ${change.trouble}`;
    // One line for their incident; a line for each of its alerts would say the same again.
    if (row.kind === "incident" || change.state === "failed")
      await tx.addTimeline([timelineLine({ incidentId: row.incidentId }, now, WRITE_BACK, `write-back-${change.state}`, text)]);
    if (failed)
      await tellOps(
        tx,
        air,
        `write-back failed ${row.source} ${incidentId(row.incidentId)}`,
        `${incidentId(row.incidentId)} was closed here, and ${failed.product} was not told. ${change.trouble}`,
        now,
      );
    await redrawIncident(tx, air, row.incidentId, now);
  });
}

async function asTold(tx: Tx, row: WriteBackRow, now: Date): Promise<void> {
  if (row.kind === "incident") {
    const [vendor] = await tx.vendorIncidents(row.source, [row.vendorId]);
    if (vendor)
      await tx.putVendorIncidents([
        {
          ...vendor,
          status: "resolved",
          classification: row.classification,
          determination: row.determination,
          closing: false,
          updatedAt: now,
        },
      ]);
    return;
  }
  const alert = (await tx.alertsOf(row.incidentId, ALL)).find(
    (one: AlertSummary) => one.source === row.source && one.sourceId === row.vendorId,
  );
  if (!alert) return;
  const handling = {
    ...alert.handling,
    ...(row.classification ? { classification: row.classification } : {}),
    ...(row.determination ? { determination: row.determination } : {}),
  };
  await tx.updateAlert(alert.id, { status: "resolved", handling });
}
