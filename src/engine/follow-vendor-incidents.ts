import { type Air, incidentId } from "./air.ts";
import { closeAsResolved } from "./close-as-resolved.ts";
import { mergeBlocker } from "./domain/correlate.ts";
import { outcomeOf, outcomeText, words } from "./domain/handling.ts";
import { unite } from "./merge-incidents.ts";
import type { AlertFeed, ChangedPage, VendorIncident } from "./ports.ts";
import type { IncidentRow, Tx, VendorIncidentRow, WriteBackRow } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/*
 * A source correlates too, and its people work on its incidents. Theirs are kept beside ours: shown on the card, merged where theirs were
 * merged, closed where theirs were resolved. What we wrote there ourselves comes back like everything else, and means nothing new.
 */

/** Keeps a page of a source's incidents and follows what changed in them. */
export async function followVendorIncidents(
  air: Air,
  feed: Pick<AlertFeed, "source" | "product">,
  page: ChangedPage<VendorIncident>,
): Promise<void> {
  const { source } = feed;
  const ids = page.items.map(({ item }) => item.id);
  const known = new Map((await air.store.vendorIncidents(source, ids)).map((row) => [row.vendorId, row]));
  const told = new Map((await air.store.writeBacksOf(source, "incident", ids)).map((row) => [row.vendorId, row]));
  for (const { item, changedAt } of page.items) {
    const before = known.get(item.id);
    const row = rowOf(source, item, changedAt, before, air.clock.now());
    if (before && same(before, row)) continue;
    known.set(item.id, row);
    await air.store.transaction((tx) => follow(tx, air, { before, row, told: told.get(item.id) }));
  }
}

const rowOf = (
  source: string,
  item: VendorIncident,
  changedAt: Date | undefined,
  before: VendorIncidentRow | undefined,
  now: Date,
): VendorIncidentRow => ({
  source,
  vendorId: item.id,
  title: item.title ?? null,
  url: item.url ?? null,
  status: item.status,
  assignee: item.assignee ?? null,
  classification: item.classification ?? null,
  determination: item.determination ?? null,
  redirectTo: item.redirectTo ?? null,
  changed: changedAt?.toISOString() ?? null,
  closing: before?.closing ?? false,
  updatedAt: now,
});

const SHOWN = ["title", "url", "status", "assignee", "classification", "determination", "redirectTo"] as const;
const same = (a: VendorIncidentRow, b: VendorIncidentRow) => SHOWN.every((field) => a[field] === b[field]);

type News = { before: VendorIncidentRow | undefined; row: VendorIncidentRow; told: WriteBackRow | undefined };

async function follow(tx: Tx, air: Air, news: News): Promise<void> {
  const { before, row } = news;
  const now = air.clock.now();
  const own = isOwn(news);
  await tx.putVendorIncidents([row]);
  const homes = await tx.incidentsOfVendor(row.source, row.vendorId);
  if (homes.length === 0) return;
  if (row.redirectTo !== null && before?.redirectTo !== row.redirectTo) await mergeRedirected(tx, air, row, homes, now);
  const text = own ? undefined : changesText(before, row);
  const actor = { kind: "source", name: row.source } as const;
  for (const home of homes) {
    const incident = await tx.incident(home);
    if (!incident || incident.status === "redirected") continue;
    if (text && incident.status === "open") await tx.addTimeline([timelineLine({ incidentId: home }, now, actor, "source-incident", text)]);
    await redrawIncident(tx, air, home, now);
  }
  if (own || row.status !== "resolved" || before?.status === "resolved") return;
  for (const home of homes) await closeAsResolved(tx, air, home, now);
}

/** It is resolved as we said. */
function isOwn({ row, told }: News): boolean {
  if (!told || told.state === "failed" || row.status !== "resolved") return false;
  const outcome = outcomeOf(row);
  return outcome?.classification === told.classification && (told.determination === null || outcome?.determination === told.determination);
}

function changesText(before: VendorIncidentRow | undefined, row: VendorIncidentRow): string | undefined {
  const parts = [
    before && before.status !== row.status && row.status !== "redirected"
      ? row.status === "resolved"
        ? `resolved${outcomeText(row)}`
        : words(row.status)
      : undefined,
    before && before.assignee !== row.assignee ? (row.assignee ? `assigned to ${row.assignee}` : "assigned to nobody") : undefined,
    !before && row.assignee ? `assigned to ${row.assignee}` : undefined,
    row.redirectTo !== null && before?.redirectTo !== row.redirectTo ? `merged into ${row.redirectTo}` : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : `Incident ${row.vendorId} in ${row.source} now: ${parts.join(", ")}`;
}

/** Theirs were merged: so are ours, unless one of the reasons stands against it that always do (domain facts 1.3). */
async function mergeRedirected(tx: Tx, air: Air, row: VendorIncidentRow, homes: readonly number[], now: Date): Promise<void> {
  const targets = await tx.incidentsOfVendor(row.source, row.redirectTo ?? "");
  const ids = [...new Set([...homes, ...targets])].sort((a, b) => a - b);
  if (ids.length < 2) return;
  const actor = { kind: "source", name: row.source } as const;
  const because = `incident ${row.vendorId} was merged into ${row.redirectTo} in ${row.source}`;
  const open = (await tx.lockIncidents(ids)).filter((one) => one.status === "open").sort((a, b) => a.id - b.id);
  let into = open[0];
  for (const from of open.slice(1)) {
    if (!into) break;
    const why = mergeBlocker(facts(into), facts(from));
    if (why) {
      const text = `It would be merged with ${incidentId(from.id)}, because ${because}; they stay apart: ${why}`;
      await tx.addTimeline([timelineLine({ incidentId: into.id }, now, actor, "not-merged", text)]);
      continue;
    }
    await unite(tx, air, into, from, { actor, into: `As ${because}, air merged`, out: `As ${because}, air merged` }, now);
    into = (await tx.incident(into.id)) ?? into;
  }
}

const facts = (row: IncidentRow) => ({
  id: row.id,
  lab: row.lab,
  assignee: row.assignee,
  classification: row.classification,
  determination: row.determination,
  apart: row.apart,
  alerts: row.alertCount,
});
