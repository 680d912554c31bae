import { type Air, actionId, incidentId } from "./air.ts";
import { outside, time } from "./cards/say.ts";
import type { ActionState } from "./domain/action.ts";
import { DEADLINE, isAway, isIncidentCause, nextStep, type ToldInCall, toldIn, UNANSWERED, unreachedStep } from "./domain/calls.ts";
import { NOBODY, rotaStepOf, stepOf } from "./domain/paging.ts";
import { isHeldBack } from "./domain/snooze.ts";
import { stillAway, targetsOfStep } from "./on-duty.ts";
import { overdueText } from "./overdue-text.ts";
import { snoozeOf } from "./snoozed.ts";
import type { ActionRow, CallRow, IncidentRow, Tx } from "./store.ts";
import { pagesForItself, pagesInChat, redrawIncident } from "./want-cards.ts";
import { wantPages } from "./want-pages.ts";

/** How many calls one run looks at; most were told and wait for the interval, so that one costs little. */
const BATCH = 200;
/** Handed over: whether it arrived is looked at again then. */
const ON_ITS_WAY_MS = 15_000;

/** What came of looking at a call: whom it told by name; `over`: nobody is left to be told. */
export type Advanced = { told: readonly string[]; over: boolean };
const NOTHING: Advanced = { told: [], over: false };

/** Takes the next step of every call that is due. */
export async function advanceDueCalls(air: Air, now: Date): Promise<void> {
  for (const id of await air.store.dueCalls(now, BATCH)) await air.store.transaction((tx) => advanceCall(tx, air, id, now));
}

/**
 * Takes the next step of a call, if one is due. Its action is locked, then the call itself: a step never passes a decision or an
 * acknowledgement, and two workers take one step between them.
 */
export async function advanceCall(tx: Tx, air: Air, id: number, now: Date): Promise<Advanced> {
  const about = await tx.call(id);
  const action = about?.actionId == null ? undefined : await tx.lockAction(about.actionId);
  const snooze = about && isHeldBack(about.cause) ? await snoozeOf(tx, air, about.incidentId, now) : undefined;
  const call = await tx.lockCall(id);
  if (!call || call.endedAt !== null || call.ackedAt !== null) return NOTHING;
  const incident = call.incidentId === 0 ? undefined : await tx.incident(call.incidentId);
  const over = await whyOver(tx, air, call, action, incident, now);
  if (over) {
    await tx.updateCall(id, { nextAt: null, endedAt: now, endedBecause: over });
    return NOTHING;
  }
  if (snooze) {
    await tx.updateCall(id, { nextAt: snooze.until });
    return NOTHING;
  }
  const paging = air.paging?.() ?? NOBODY;
  const told =
    call.incidentId === 0
      ? toldIn(call, [], await tx.pagesOfCalls([id]))
      : toldIn(call, await tx.callsOf(call.incidentId), await tx.pagesOf(call.incidentId));
  if (told.length === 0 && isIncidentCause(call.cause) && call.away.length > 0) {
    call.away = await stillAway(tx, air, call.away, now);
    await tx.updateCall(id, { away: call.away });
  }
  let from = 0;
  for (;;) {
    const next = nextStep(paging, told, call, now, from);
    if (next.kind === "later") await tx.updateCall(id, { nextAt: next.at });
    if (next.kind === "on its way") await tx.updateCall(id, { nextAt: new Date(now.getTime() + ON_ITS_WAY_MS) });
    if (next.kind === "over") return nobodyLeft(tx, air, call, told, now);
    if (next.kind !== "step") return NOTHING;
    const { index, dueAt } = next;
    const target = paging.chain[index] ?? "";
    const before = told.map((page) => page.target);
    const everyone = rotaStepOf(target) === "everyone";
    const targets = (await targetsOfStep(tx, air, target, [...before, ...call.away], now)).filter(
      // Everybody is everybody; who cannot stays out of it.
      (who) => !isAway(who, call.away) && (everyone || !before.includes(who)),
    );
    if (targets.length === 0) {
      from = index + 1;
      continue;
    }
    const text = await textOf(tx, call, action, incident);
    const step = call.cause === DEADLINE ? stepOf(target, index) : call.cause;
    const page = { incidentId: call.incidentId, actionId: call.actionId, by: call.by, step, text, createdAt: now, dueAt };
    // Everybody of this step was told of it within the minute, and may not have been reached: nobody waits for them a second time.
    if ((await tx.addPages(targets.map((who) => ({ ...page, target: who, callId: id, stage: index })))) === 0) {
      from = index + 1;
      continue;
    }
    if (call.pushedAt !== null) await tellAtOnce(tx, id, index, now);
    await tx.updateCall(id, { nextAt: new Date(now.getTime() + ON_ITS_WAY_MS), pushedAt: null });
    await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
    return { told: targets.map((who) => paging.nameOf(who).name), over: false };
  }
}

/** Somebody asked for the next one: that is told whatever the hour. */
async function tellAtOnce(tx: Tx, call: number, stage: number, now: Date): Promise<void> {
  const rows = (await tx.pagesOfCalls([call])).filter((page) => page.stage === stage && page.attempts === 0 && page.sentAt === null);
  for (const { id } of rows) await tx.updatePage(id, { heldUntil: now });
}

/** Whoever runs air is told, where nobody was reached, nobody was new to it, or somebody asked for more. */
async function nobodyLeft(
  tx: Tx,
  air: Air,
  call: CallRow,
  told: readonly (ToldInCall & { callId: number | null })[],
  now: Date,
): Promise<Advanced> {
  await tx.updateCall(call.id, { nextAt: null, pushedAt: null });
  const last = told.at(-1);
  // One way that takes its time is no matter where another has reached somebody.
  const lost = told.every((page) => page.sentAt === null) && (last === undefined || (last.sentAt === null && last.trouble !== null));
  const isNew = told.some((page) => page.callId === call.id);
  if (!lost && isNew && call.pushedAt === null) return { told: [], over: true };
  const { incidentId: incident, actionId: action } = call;
  const what =
    action !== null && call.cause === DEADLINE
      ? `${actionId(action)} in ${incidentId(incident)} waits`
      : incident === 0
        ? `air needs somebody (${outside(call.text).slice(0, 200)})`
        : `${incidentId(incident)} needs somebody`;
  const why =
    call.away.length > 0
      ? "who was told cannot look at it, and onCall has no further step"
      : isNew
        ? "onCall has no further step"
        : "everybody in onCall was told of the incident already, and nobody acknowledged it";
  const text = lost
    ? `Nobody could be told that ${what}: ${last?.trouble ?? "nobody is left in the chain"}. Somebody has to look.`
    : `Nobody is left to be told that ${what}: ${why}. Somebody has to look.`;
  await wantPages(
    tx,
    air,
    [{ incidentId: incident, actionId: action, step: unreachedStep(call.id), to: [{ kind: "ops" }], text, by: "air" }],
    now,
  );
  return { told: [], over: true };
}

const FAILED: readonly ActionState[] = ["failed", "timedOut", "unclear"];

/** Why nobody has to be called for it any more; undefined: it still asks for somebody. */
async function whyOver(
  tx: Tx,
  air: Air,
  call: CallRow,
  action: ActionRow | undefined,
  incident: IncidentRow | undefined,
  now: Date,
): Promise<string | undefined> {
  const { cause } = call;
  if (call.actionId !== null) {
    const waits = action?.state === "pending" && action.expiresAt > now;
    if ((cause === DEADLINE || cause === "second") && !waits) return "It waits for no decision any more";
    if ((cause === "failed" || cause === "unclear") && action && !FAILED.includes(action.state)) return "It is settled";
    if (cause === "break-glass" && action?.breakGlass?.reviewed) return "It was reviewed";
  }
  if (call.incidentId === 0) return undefined;
  if (incident?.status !== "open") return "The incident is not open any more";
  if (incident.lab !== air.capabilities.lab) return "It belongs to what air no longer works on";
  if (isIncidentCause(cause) ? !pagesForItself(air, incident.severity) : !pagesInChat(air, incident.severity))
    return "Its channel is quiet about it";
  if (cause === DEADLINE || cause === "second" || cause === "break-glass") return undefined;
  const { items } = await tx.listActions({ incidentId: incident.id, limit: 200 });
  const decided = items.find(
    ({ decision, decidedAt }) => decision && decision.via !== "air" && decidedAt !== null && decidedAt > call.since,
  );
  return decided ? `${decided.decision?.by ?? "Somebody"} decided ${actionId(decided.id)}` : undefined;
}

async function textOf(tx: Tx, call: CallRow, action: ActionRow | undefined, incident: IncidentRow | undefined): Promise<string> {
  if (call.cause === DEADLINE && action) return overdueText(tx, action);
  if (!incident || !isIncidentCause(call.cause)) return call.text;
  const { severity, title, openedAt, id } = incident;
  return `${severity.slice(0, 1).toUpperCase()}${severity.slice(1)} severity: ${outside(title).slice(0, 200)}. ${incidentId(id)} was opened ${time(openedAt)}${UNANSWERED}.`;
}

/** Somebody has what these call for: nobody else is told, until it is taken back. */
export async function ackCalls(tx: Tx, calls: readonly CallRow[], by: string, now: Date): Promise<void> {
  for (const { id } of calls) {
    const call = await tx.lockCall(id);
    if (!call || call.endedAt !== null) continue;
    await tx.updateCall(id, { ackedBy: by, ackedAt: now, nextAt: null });
    await tx.dropCallPages({ call: id }, `${by} acknowledged it`, now);
  }
}

/** Nobody has them any more: the chain begins again for what still waits. */
export async function callAgain(tx: Tx, air: Air, incident: number, now: Date): Promise<void> {
  const acked = (await tx.callsOf(incident)).filter((call) => call.ackedAt !== null);
  for (const { id } of acked) {
    const call = await tx.lockCall(id);
    const away = await stillAway(tx, air, call?.away ?? [], now);
    await tx.updateCall(id, { ackedBy: null, ackedAt: null, since: now, pushedAt: null, nextAt: now, away });
  }
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  await redrawIncident(tx, air, incident, now);
}
