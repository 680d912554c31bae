import { ackCalls, beginWith } from "./advance-calls.ts";
import { type Air, actionId, incidentId, investigationId } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import { outside } from "./cards/say.ts";
import { severityRank } from "./domain/alert.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { isBlank } from "./domain/blank.ts";
import { isIncidentCause } from "./domain/calls.ts";
import { Refusal } from "./domain/errors.ts";
import { type Classification, classificationText, DETERMINATIONS } from "./domain/incident.ts";
import { ENDED } from "./domain/investigation.ts";
import { CHAIN_STEPS, NOBODY } from "./domain/paging.ts";
import { mustFit } from "./domain/words.ts";
import { endCalls } from "./end-calls.ts";
import { returnToQueue } from "./return-to-queue.ts";
import type { CallRow, IncidentRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident, redrawPages } from "./want-cards.ts";
import { personTarget, wantPages } from "./want-pages.ts";
import { targetsOfPerson, wasTold } from "./was-told.ts";
import { wantWriteBack } from "./write-back.ts";

/*
 * What people do with an incident beside its investigation (product contract 3.6): note, assign, acknowledge, close, reopen. Each is
 * shown in its story with name and reason, and is a line of the audit.
 */

type Change = { text: string; change: Partial<IncidentRow>; data?: Record<string, unknown> };

async function manage(
  air: Air,
  person: Person,
  incident: number,
  verb: "note" | "assign" | "ack" | "unack" | "close" | "reopen",
  more: { need?: "responder" | "approver"; suspectsMay?: boolean; told?: boolean },
  decide: (tx: Tx, row: IncidentRow, now: Date) => Promise<Change>,
): Promise<IncidentRow> {
  const asked = { verb: `incident.${verb}`, subject: incidentId(incident), incidents: [incident], ...more };
  await authorise(air, person, asked);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const [row] = await tx.lockIncidents([incident]);
      if (!row) throw new Refusal("not-found", `There is no incident ${incidentId(incident)}.`);
      if (row.redirectTo !== null) throw new Refusal("invalid", `${incidentId(incident)} was merged into ${incidentId(row.redirectTo)}.`);
      const { text, change, data } = await decide(tx, row, now);
      await tx.updateIncident(incident, { ...change, updatedAt: now });
      await tx.addTimeline([timelineLine({ incidentId: incident }, now, actorOf(person), `incident-${verb}`, text)]);
      await tx.writeAudit([
        {
          at: now,
          actor: actorOf(person),
          event: `incident.${verb}`,
          subject: incidentId(incident),
          incidentId: incident,
          ...(data ? { data } : {}),
        },
      ]);
      await redrawIncident(tx, air, incident, now);
      return { ...row, ...change };
    }),
  );
}

/** @throws Refusal forbidden | not-found | invalid */
export const noteIncident = (air: Air, person: Person, incident: number, text: string) =>
  manage(air, person, incident, "note", { suspectsMay: true }, async () => {
    if (isBlank(text)) throw new Refusal("invalid", "Say what to note: nothing in it can be seen.");
    mustFit(text, "note");
    // What people write may hold what an attacker wrote: the audit keeps that it was written, the story what.
    return { text: `${person.name}: ${text.trim()}`, change: {}, data: { characters: text.trim().length } };
  });

/** @throws Refusal forbidden | not-found | invalid */
export const assignIncident = (air: Air, person: Person, incident: number, to: { name: string; key?: string }) =>
  manage(air, person, incident, "assign", {}, async (tx, row, now) => {
    if (row.assignee === to.name) throw new Refusal("invalid", `${incidentId(incident)} is already assigned to ${to.name}.`);
    await tx.putOwner({ ...owned(incident, { name: to.name, key: to.key ?? null }, now), how: "assign" });
    const calls = (await tx.callsOf(incident)).filter(({ cause, ackedAt }) => isIncidentCause(cause) && ackedAt === null);
    const isTaken = to.key === undefined ? to.name === person.name : targetsOfPerson(person).includes(personTarget(to.key));
    // Who takes it has it: that the incident is there needs nobody else any more; a decision past its deadline does.
    if (isTaken) await ackCalls(tx, calls, to.name, now);
    else await tellAssigned(tx, air, { row, calls, to, by: person }, now);
    await redrawPages(tx, incident, undefined, now);
    return { text: `${person.name} assigned it to ${to.name}`, change: { assignee: to.name }, data: { to: to.name } };
  });

/** Who is given something has not said that they have it: they are told first, and the chain begins again behind them. */
async function tellAssigned(
  tx: Tx,
  air: Air,
  { row, calls, to, by }: { row: IncidentRow; calls: readonly CallRow[]; to: { name: string; key?: string }; by: Person },
  now: Date,
): Promise<void> {
  const target = to.key === undefined ? undefined : personTarget(to.key);
  const { isKnown = () => true } = air.paging?.() ?? NOBODY;
  // Whom air cannot tell cannot answer either: whoever is on call is told as before.
  if (to.key === undefined || target === undefined || !isKnown(target)) return;
  if (calls.length > 0) return beginWith(tx, target, calls, now);
  const text = `${by.name} assigned ${incidentId(row.id)} to ${to.name}: ${outside(row.title)}.`;
  const wish = { incidentId: row.id, actionId: null, step: "assigned", to: [{ kind: "person" as const, key: to.key }], text, by: by.key };
  await wantPages(tx, air, [wish], now);
}

const owned = (incidentId: number, { name, key }: { name: string; key: string | null }, since: Date) => ({
  incidentId,
  name,
  key,
  since,
  remindedAt: null,
  returnedAt: null,
});

/** Whoever was told to look at it may answer, whatever their role. */
const toldOf = async (air: Air, person: Person, incident: number) => ({ told: wasTold(person, await air.store.pagesOf(incident)) });

/** Somebody has seen it: it is not brought up again for want of an answer. What asks for somebody later asks again. */
export const ackIncident = async (air: Air, person: Person, incident: number) =>
  manage(air, person, incident, "ack", await toldOf(air, person, incident), async (tx, row, now) => {
    const calls = (await tx.callsOf(incident)).filter(({ ackedAt }) => ackedAt === null);
    if (row.ackedBy !== null && calls.length === 0)
      throw new Refusal("already-decided", `${row.ackedBy} already acknowledged ${incidentId(incident)}.`, {
        details: { by: row.ackedBy },
      });
    await tx.dropPages({ incident, steps: CHAIN_STEPS }, `${person.name} acknowledged it`, now);
    await ackCalls(tx, calls, person.name, now);
    const before = row.ackedBy === null ? undefined : await tx.owner(incident);
    const how = row.assignee === null || (before?.how === "ack" && before.name === row.assignee) ? "ack" : "assign";
    await tx.putOwner({ ...owned(incident, person, now), how });
    await redrawPages(tx, incident, undefined, now);
    return {
      text: `${person.name} acknowledged it`,
      change: { ackedBy: person.name, ackedAt: now, assignee: row.assignee ?? person.name },
    };
  });

/**
 * Nobody looks at it any more: what still waits in it asks for somebody again, from the first one on call.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export const unackIncident = async (air: Air, person: Person, incident: number) =>
  manage(air, person, incident, "unack", await toldOf(air, person, incident), async (tx, row, now) => {
    if (row.ackedBy === null) throw new Refusal("invalid", `Nobody has acknowledged ${incidentId(incident)}.`);
    const change = await returnToQueue(tx, air, row, now);
    await tx.dropOwner(incident);
    const by = row.ackedBy === person.name ? "" : ` of ${row.ackedBy}`;
    return { text: `${person.name} took the acknowledgement${by} back: whoever is on call is told again of what still waits`, change };
  });

/**
 * Closes an incident with what it turned out to be. Nothing may still run or wait in it: those are answered or stopped first.
 * High and critical ones need an approver.
 *
 * @throws Refusal forbidden | not-found | invalid | already-decided
 */
export async function closeIncident(
  air: Air,
  person: Person,
  incident: number,
  as: { classification: Classification; determination?: string | undefined },
): Promise<IncidentRow> {
  const row = await air.store.incident(incident);
  const need = row && severityRank(row.severity) >= severityRank("high") ? "approver" : "responder";
  return manage(air, person, incident, "close", { need }, async (tx, locked, now) => {
    if (locked.status === "closed") throw new Refusal("already-decided", `${incidentId(incident)} is already closed.`);
    const { classification, determination } = as;
    const allowed = DETERMINATIONS[classification];
    if (determination !== undefined && !allowed.includes(determination))
      throw new Refusal(
        "invalid",
        `Closed as ${classificationText(classification)}, the determination must be one of ${allowed.join(", ")}.`,
        {
          field: "determination",
        },
      );
    const { items } = await tx.listInvestigations({ incidentId: incident, limit: 50 });
    const waiting = (await tx.listActions({ incidentId: incident, limit: 200 })).items.filter((action) =>
      ["pending", "approved", "executing", "undoing"].includes(action.state),
    );
    if (waiting.length > 0)
      throw new Refusal(
        "invalid",
        `${waiting
          .slice(0, 3)
          .map((action) => actionId(action.id))
          .join(", ")} still ${waiting.length === 1 ? "waits or runs" : "wait or run"}: decide first, or stop the investigation.`,
      );
    const running = items.find((one) => !ENDED.has(one.status));
    if (running) throw new Refusal("invalid", `${investigationId(running.id)} is still running: wait for it, or stop it.`);
    await endCalls(tx, await tx.callsOf(incident), `${person.name} closed it`, now);
    await tx.dropOwner(incident);
    await redrawPages(tx, incident, undefined, now);
    await wantWriteBack(tx, air, locked, { classification, determination: determination ?? null, by: person.name }, now);
    return {
      text: `${person.name} closed it as ${classificationText(classification, determination)}`,
      change: { status: "closed", closedAt: now, classification, determination: determination ?? null },
      data: { classification, determination: determination ?? null },
    };
  });
}

/** @throws Refusal forbidden | not-found | invalid */
export const reopenIncident = (air: Air, person: Person, incident: number) =>
  manage(air, person, incident, "reopen", {}, async (_tx, row) => {
    if (row.status === "open") throw new Refusal("invalid", `${incidentId(incident)} is open.`);
    return { text: `${person.name} reopened it`, change: { status: "open", closedAt: null, classification: null, determination: null } };
  });
