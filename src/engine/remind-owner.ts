import { type Air, incidentId } from "./air.ts";
import { lengthText, span, time } from "./cards/say.ts";
import { severityRank } from "./domain/alert.ts";
import { NOBODY } from "./domain/paging.ts";
import { returnToQueue } from "./return-to-queue.ts";
import type { IncidentRow, OwnerRow, SilentOwner, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";
import { personTarget, wantPages } from "./want-pages.ts";

const AIR = { kind: "air", job: "remind-owner" } as const;
const BATCH = 50;

/**
 * Whoever took an incident and did nothing there while a decision waits past its deadline is reminded. If they do nothing after that either,
 * it goes back to everybody: an acknowledgement must not be where a threat is forgotten.
 */
export async function remindOwners(air: Air, now: Date): Promise<void> {
  const every = (air.paging?.() ?? NOBODY).ownerReminderMs;
  if (every === undefined) return;
  const before = new Date(now.getTime() - Math.min(every.urgent, every.other));
  for (const found of await air.store.silentOwners(now, before, BATCH)) {
    const everyMs = severityRank(found.severity) >= severityRank("high") ? every.urgent : every.other;
    if (dueFor(found, everyMs, now) === undefined) continue;
    await air.store.transaction((tx) => remind(tx, air, found, everyMs, now));
  }
}

/** Since when they have done nothing although something waits; a reminder is answered by doing something after it. */
const silentSince = ({ since, waitsSince, lastAt }: SilentOwner): number =>
  Math.max(since.getTime(), waitsSince.getTime(), lastAt?.getTime() ?? 0);

function dueFor(owner: SilentOwner, everyMs: number, now: Date): "reminder" | "return" | undefined {
  const silent = silentSince(owner);
  if (owner.remindedAt === null || owner.remindedAt.getTime() < silent) return now.getTime() - silent >= everyMs ? "reminder" : undefined;
  return now.getTime() - owner.remindedAt.getTime() >= everyMs ? "return" : undefined;
}

/**
 * When they heard of it: the term runs from then. Who cannot be told has as long again, and then it goes back all the same: an outage must
 * not be where a threat is forgotten either.
 */
async function heardAt(tx: Tx, { incidentId: incident, key, remindedAt }: OwnerRow, everyMs: number): Promise<number> {
  const reminded = remindedAt?.getTime() ?? 0;
  const pages = key === null ? [] : await tx.pagesOf(incident);
  const page = pages.findLast(
    ({ step, target, createdAt }) => step === "owner" && target === personTarget(key ?? "") && createdAt.getTime() >= reminded,
  );
  if (!page || page.droppedAt !== null) return reminded;
  return Math.min(page.sentAt?.getTime() ?? Number.POSITIVE_INFINITY, reminded + everyMs);
}

async function remind(tx: Tx, air: Air, found: SilentOwner, everyMs: number, now: Date): Promise<void> {
  const [row] = await tx.lockIncidents([found.incidentId]);
  const owner = await tx.owner(found.incidentId);
  // Somebody did something meanwhile, or another process was faster.
  if (row?.status !== "open" || owner?.since.getTime() !== found.since.getTime() || owner.returnedAt !== null) return;
  if (owner.remindedAt?.getTime() !== found.remindedAt?.getTime() || row.lab !== air.capabilities.lab) return;
  const due = dueFor(found, everyMs, now);
  if (due === "return" && now.getTime() - (await heardAt(tx, owner, everyMs)) < everyMs) return;
  if (due === "reminder") await tellOwner(tx, air, row, found, everyMs, now);
  if (due === "return") await giveBack(tx, air, row, found, now);
}

async function tellOwner(tx: Tx, air: Air, row: IncidentRow, owner: SilentOwner, everyMs: number, now: Date): Promise<void> {
  const text = `${owner.name} has ${incidentId(row.id)}, and a decision waits in it since ${time(owner.waitsSince)}. Decide, note something or assign it; without anything within ${lengthText(everyMs)} of this message it goes back to whoever is on call.`;
  if (owner.key !== null)
    await wantPages(
      tx,
      air,
      [{ incidentId: row.id, actionId: null, step: "owner", to: [{ kind: "person", key: owner.key }], text, by: "air" }],
      now,
    );
  await tx.putOwner({ ...ownerOf(owner), remindedAt: now });
  await tx.addTimeline([timelineLine({ incidentId: row.id }, now, AIR, "owner-reminded", text)]);
  await redrawIncident(tx, air, row.id, now);
}

async function giveBack(tx: Tx, air: Air, row: IncidentRow, owner: SilentOwner, now: Date): Promise<void> {
  const idle = span(new Date(silentSince(owner)), now);
  const stays = owner.how === "assign" ? ` It stays assigned to ${row.assignee ?? owner.name}.` : "";
  const text = `${owner.name} did nothing here for ${idle} while a decision waits: it goes back to everybody, and whoever is on call is told again.${stays}`;
  const change = await returnToQueue(tx, air, row, now);
  await tx.dropPages({ incident: row.id, steps: ["owner"] }, "It went back to everybody before it was sent", now);
  await tx.updateIncident(row.id, { ...change, updatedAt: now });
  await tx.putOwner({ ...ownerOf(owner), returnedAt: now });
  await tx.addTimeline([timelineLine({ incidentId: row.id }, now, AIR, "incident-returned", text)]);
  await tx.writeAudit([
    { at: now, actor: AIR, event: "incident.returned", subject: incidentId(row.id), incidentId: row.id, data: { from: owner.name } },
  ]);
  await redrawIncident(tx, air, row.id, now);
}

const ownerOf = ({ incidentId, key, name, how, since, remindedAt, returnedAt }: SilentOwner) => ({
  incidentId,
  key,
  name,
  how,
  since,
  remindedAt,
  returnedAt,
});
