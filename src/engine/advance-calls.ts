import { type Air, actionId, incidentId } from "./air.ts";
import { outside, time } from "./cards/say.ts";
import type { ActionState } from "./domain/action.ts";
import {
  ackedBefore,
  BEFORE_CHAIN,
  BESIDE_CHAIN,
  DEADLINE,
  isAway,
  isIncidentCause,
  nextStep,
  raisedSince,
  type ToldInCall,
  toldIn,
  UNANSWERED,
  unreachedStep,
} from "./domain/calls.ts";
import { NOBODY, rotaStepOf, stepOf } from "./domain/paging.ts";
import { isHeldBack } from "./domain/snooze.ts";
import { stillAway, targetsOfStep } from "./on-duty.ts";
import { overdueText } from "./overdue-text.ts";
import { snoozeOf } from "./snoozed.ts";
import type { ActionRow, CallRow, IncidentRow, OwnerRow, Tx } from "./store.ts";
import { pagesForItself, pagesInChat, redrawIncident } from "./want-cards.ts";
import { personTarget, wantPages } from "./want-pages.ts";

/** How many calls one run looks at; most were told and wait for the interval, so that one costs little. */
const BATCH = 200;
/** Handed over: whether it arrived is looked at again then. */
const ON_ITS_WAY_MS = 15_000;

/** What came of looking at a call: whom it told by name; `over`: nobody is left to be told. */
export type Advanced = { told: readonly string[]; over: boolean };
const NOTHING: Advanced = { told: [], over: false };
/** Somebody asked for the next step: they are not told what they know, and what they said about it goes along. */
type Asked = { except: readonly string[]; because?: string };
const NOBODY_ASKED: Asked = { except: [] };

/** Takes the next step of every call that is due. */
export async function advanceDueCalls(air: Air, now: Date): Promise<void> {
  for (const id of await air.store.dueCalls(now, BATCH)) await air.store.transaction((tx) => advanceCall(tx, air, id, now));
}

/**
 * Takes the next step of a call, if one is due. Its action is locked, then the call itself: a step never passes a decision or an
 * acknowledgement, and two workers take one step between them.
 */
export async function advanceCall(tx: Tx, air: Air, id: number, now: Date, asked: Asked = NOBODY_ASKED): Promise<Advanced> {
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
  if (incident && (await tellOwnerFirst(tx, air, call, incident, told, now))) return NOTHING;
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
      (who) => !isAway(who, call.away) && !isAway(who, asked.except) && !waitsToHear(who, told) && (everyone || !before.includes(who)),
    );
    if (targets.length === 0) {
      from = index + 1;
      continue;
    }
    const said = await textOf(tx, call, action, incident);
    const text = asked.because === undefined ? said : `${said} ${outside(asked.because)}${/[.!?]$/.test(asked.because) ? "" : "."}`;
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
    // Who was told of it within the minute is not told again: only these are.
    const added = (await tx.pagesOfCalls([id])).filter(({ stage, target: who }) => stage === index && targets.includes(who));
    return { told: [...new Set(added.map(({ target: who }) => paging.nameOf(who).name))], over: false };
  }
}

/** Somebody gave it to them in this round of the call: what they were told before it is not answered by that. */
const isAssignedIn = ({ cause, since }: CallRow, owner: OwnerRow | undefined): owner is OwnerRow =>
  isIncidentCause(cause) && owner?.how === "assign" && owner.since >= since;

/** What was acknowledged and became more severe, or is assigned to them, is theirs: whoever has it is told as a step of its own. */
async function tellOwnerFirst(
  tx: Tx,
  air: Air,
  call: CallRow,
  incident: IncidentRow,
  told: readonly (ToldInCall & { callId: number | null })[],
  now: Date,
): Promise<boolean> {
  if (told.some(({ callId }) => callId === call.id) || call.pushedAt !== null) return false;
  const owner = await tx.owner(incident.id);
  if (!ackedBefore(call, incident) && !isAssignedIn(call, owner)) return false;
  const target = owner?.key == null ? undefined : personTarget(owner.key);
  const { isKnown = () => true } = air.paging?.() ?? NOBODY;
  if (target === undefined || isAway(target, call.away) || !isKnown(target)) return false;
  const text = await textOf(tx, call, undefined, incident);
  const about = { incidentId: incident.id, actionId: null, by: call.by, step: call.cause, text, createdAt: now, dueAt: now };
  const stage = isAssignedIn(call, owner) ? BEFORE_CHAIN : BESIDE_CHAIN;
  if ((await tx.addPages([{ ...about, target, callId: call.id, stage }])) === 0) return false;
  await tx.updateCall(call.id, { nextAt: stage === BESIDE_CHAIN ? now : new Date(now.getTime() + ON_ITS_WAY_MS) });
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  return true;
}

/** What they were to be told before has not reached them and stands in their chat when that is back: then it is told once. */
const waitsToHear = (who: string, told: readonly (ToldInCall & { droppedAt?: Date | null })[]): boolean =>
  told.some(({ target, sentAt, trouble, droppedAt }) => target === who && sentAt === null && trouble !== null && droppedAt === null);

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
  // Of every way that was tried.
  const troubles = [...new Set(told.flatMap(({ trouble }) => trouble?.replace(/\.$/, "") ?? []))].join("; ");
  const text = lost
    ? `Nobody could be told that ${what}: ${troubles || "nobody is left in the chain"}. Somebody has to look.`
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
  const before = ackedBefore(call, incident);
  const owner = await tx.owner(id);
  const has = isAssignedIn(call, owner) ? ` and is assigned to ${outside(owner.name)}` : "";
  return `${severity.slice(0, 1).toUpperCase()}${severity.slice(1)} severity: ${outside(title).slice(0, 200)}. ${incidentId(id)} was opened ${time(openedAt)}${has}${before ? `. ${outside(before.by)} acknowledged it ${raisedSince(before, severity)}` : UNANSWERED}.`;
}

/** Somebody has what these call for: nobody else is told, until it is taken back. */
export async function ackCalls(tx: Tx, calls: readonly CallRow[], by: string, now: Date, at = now): Promise<void> {
  for (const { id } of calls) {
    const call = await tx.lockCall(id);
    if (!call || call.endedAt !== null) continue;
    await tx.updateCall(id, { ackedBy: by, ackedAt: at, nextAt: null });
    await tx.dropCallPages({ call: id }, `${by} acknowledged it`, now);
  }
}

/** These are somebody's now who was not asked: they are the first to be told, whatever they said before, and the chain begins again behind them. */
export async function beginWith(tx: Tx, owner: string, calls: readonly CallRow[], now: Date): Promise<void> {
  for (const { id } of calls) {
    const call = await tx.lockCall(id);
    if (!call || call.endedAt !== null || call.ackedAt !== null) continue;
    await tx.dropCallPages({ call: id }, "It was assigned to somebody", now);
    await tx.updateCall(id, { since: now, pushedAt: null, nextAt: now, away: call.away.filter((target) => target !== owner) });
  }
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
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
