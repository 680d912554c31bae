import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, incidentId } from "./air.ts";
import { shown } from "./cards/say.ts";
import { REACH_UNREAD } from "./domain/action.ts";
import type { Actor } from "./domain/actor.ts";
import { protectedHits } from "./domain/approval.ts";
import { isHeldBack, type Present, united, whatEnds } from "./domain/snooze.ts";
import type { IncidentSnoozeRow, SnoozeFacts, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/** What ending one takes. */
type For = Pick<Air, "channels" | "policy">;

const AIR: Actor = { kind: "air", job: "snooze" };

/**
 * Whether an incident pages nobody now because a person said so. It is compared with the incident as it is, and what has come above what
 * that person saw ends it here, whoever asks first: so it never holds anything back that it must not, however the cause came about.
 */
export async function snoozeOf(tx: Tx, air: For, incident: number, now: Date): Promise<IncidentSnoozeRow | undefined> {
  const [snooze] = incident === 0 ? [] : await tx.openSnoozes([incident]);
  return snooze && !(await endedNow(tx, air, snooze, now)) ? snooze : undefined;
}

/** Ends what must not go on of these, in the transaction of what may have ended it. */
export async function endSnoozes(tx: Tx, air: For, incidents: readonly number[], now: Date): Promise<void> {
  for (const snooze of await tx.openSnoozes(incidents)) await endedNow(tx, air, snooze, now);
}

async function endedNow(tx: Tx, air: For, snooze: IncidentSnoozeRow, now: Date): Promise<boolean> {
  const facts = await tx.snoozeFacts(snooze.incidentId);
  const why = facts && whatEnds(snooze, presentOf(air, facts), now);
  if (why) await endSnooze(tx, air, snooze, { why, by: AIR, told: `The ${snooze.kind} of ${snooze.by} ended: ${why}` }, now);
  return why !== undefined;
}

/** It comes back: what was held back is due, the chain begins again, and its story, its card and the audit say why. */
export async function endSnooze(
  tx: Tx,
  air: For,
  snooze: IncidentSnoozeRow,
  end: { why: string; by: Actor; told: string },
  now: Date,
): Promise<void> {
  const { why } = end;
  if (!(await tx.endIncidentSnooze(snooze.id, why, now))) return;
  const about = { incidentId: snooze.incidentId };
  await tx.addTimeline([timelineLine(about, now, end.by, "incident-snooze-ended", end.told)]);
  await tx.writeAudit([
    {
      at: now,
      actor: end.by,
      event: "incident.snooze-ended",
      subject: incidentId(snooze.incidentId),
      ...about,
      data: { kind: snooze.kind, owner: snooze.owner, reason: why },
    },
  ]);
  await callAnew(tx, snooze.incidentId, now);
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  await redrawIncident(tx, air, snooze.incidentId, now);
}

/** Whoever is on call is told from the beginning; what was still to be told of the round before is part of that. */
async function callAnew(tx: Tx, incident: number, now: Date): Promise<void> {
  for (const { id, cause } of await tx.callsOf(incident)) {
    const call = isHeldBack(cause) ? await tx.lockCall(id) : undefined;
    if (!call || call.endedAt !== null || call.ackedAt !== null) continue;
    await tx.dropCallPages({ call: id }, "It is told anew: the incident was silent for a while", now);
    await tx.updateCall(id, { since: now, pushedAt: null, nextAt: now });
  }
}

/** Two incidents are about to become one: it is silent only if both are. Called before what belongs to the absorbed one moves. */
export async function uniteSnoozes(tx: Tx, air: For, { from, to }: { from: number; to: number }, now: Date): Promise<void> {
  const open = await tx.openSnoozes([from, to]);
  const [absorbed, survivor] = [from, to].map((id) => open.find((row) => row.incidentId === id));
  if (absorbed && survivor) {
    await tx.changeIncidentSnooze(survivor.id, united(survivor, absorbed));
    const told = `The ${absorbed.kind} of ${absorbed.by} goes on as that of ${incidentId(to)}`;
    await endSnooze(tx, air, absorbed, { why: `${incidentId(to)}, into which it was merged, is silent too`, by: AIR, told }, now);
  } else if (absorbed || survivor) {
    const snooze = absorbed ?? survivor;
    const why = `it was merged with ${incidentId(absorbed ? to : from)}, which nobody silenced`;
    if (snooze) await endSnooze(tx, air, snooze, { why, by: AIR, told: `The ${snooze.kind} of ${snooze.by} ended: ${why}` }, now);
  }
}

/** The incident as a snooze is compared with it. What is protected is known from air.yaml, from what was looked up, and from what waits. */
export function presentOf(air: Pick<Air, "policy">, facts: SnoozeFacts): Present {
  const policy = air.policy();
  const named = facts.entities.flatMap(({ entity, role }) => {
    const [hit] = protectedHits(entity, role === undefined ? {} : { role }, policy);
    return hit === undefined ? [] : [`${shown(entity)} (${hit})`];
  });
  const waiting = facts.pending.flatMap(({ target, blastRadius }) => {
    // What could not be read then is asked when somebody silences it, and by the sweep.
    const hit = blastRadius.protectedHits.find((one) => one !== REACH_UNREAD);
    return hit === undefined ? [] : [`${shown(target)} (${hit})`];
  });
  return {
    status: facts.status,
    severity: facts.severity,
    alerts: facts.alerts,
    malicious: facts.malicious.map(({ digest, entity }) => ({ digest, name: shown(entity) })),
    pending: facts.pending.map(({ id, kind, target }) => ({ id, name: `${actionId(id)} (${actionKinds[kind].title(target)})` })),
    protected: [...new Set([...named, ...waiting])],
  };
}
