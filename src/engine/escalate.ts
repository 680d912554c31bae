import { advanceCall } from "./advance-calls.ts";
import type { Air } from "./air.ts";
import { DEADLINE } from "./domain/calls.ts";
import { insteadOf } from "./domain/outside-pages.ts";
import { isChainStep, isOps } from "./domain/paging.ts";
import { answersByDigest } from "./domain/policy.ts";
import { dueInstant } from "./domain/polling.ts";
import { isChatDown } from "./keep-chat-troubles.ts";
import { chainNow } from "./on-duty.ts";
import { snoozeOf } from "./snoozed.ts";
import type { ActionRow, IncidentRow, PageRow, Tx } from "./store.ts";
import { pagesInChat } from "./want-cards.ts";

/**
 * A decision past its deadline calls for whoever is on call, then the next, then the ways that are no chat. The row of the action is locked
 * first, so that a step and a decision never pass each other.
 */
export async function escalate(tx: Tx, air: Air, id: number, now: Date): Promise<void> {
  const action = await tx.lockAction(id);
  if (action?.state !== "pending" || action.expiresAt <= now || action.deadline > now) return;
  const incident = await tx.incident(action.incidentId);
  if (!incident || !isPaged(air, action, incident) || (await snoozeOf(tx, air, incident.id, now))) return;
  const about = { incidentId: incident.id, actionId: id, cause: DEADLINE, text: "", by: "air", away: [] };
  const [call] = await tx.openCalls([{ ...about, openedAt: action.deadline, nextAt: now }]);
  if (call) await advanceCall(tx, air, call.id, now);
}

/** What waits for the digest pages nobody, nor what somebody acknowledged since it was proposed, nor what its channel is quiet about. */
function isPaged(air: Air, action: ActionRow, incident: IncidentRow): boolean {
  // What a person asked for waits for an answer whatever the incident is, as its deadline does.
  if (answersByDigest(action.requestedBy ? "high" : incident.severity, air.policy())) return false;
  if (incident.ackedAt !== null && incident.ackedAt >= action.proposedAt) return false;
  return action.lab === air.capabilities.lab && pagesInChat(air, incident.severity);
}

const HOUR_MS = 3_600_000;

/**
 * Outside the escalation: whoever is next on call is told what could not be said to the one before; for others a way that is no chat is
 * taken. What a channel for air itself hears waits until it is back, except that nothing reaches a chat at all.
 */
async function passOn(tx: Tx, air: Air, page: PageRow, now: Date): Promise<boolean> {
  const chain = await chainNow(tx, air, now);
  // Nobody is woken by other means because a shift changed.
  const chat = /^trouble ([a-z]+)/.exec(page.step)?.[1];
  const waits = page.step.startsWith("duty.") || (isOps(page.target) && (chat === undefined || (await isChatDown(tx, air, chat, now))));
  const target = waits ? undefined : insteadOf(chain, page.target);
  const { incidentId: incident, actionId: action, text, by } = page;
  if (target === undefined) return false;
  // Every channel of a chat that is down says so; one word an hour is enough.
  const told = chat === undefined ? { step: page.step, dueAt: now } : { step: `trouble ${chat}`, dueAt: dueInstant(now, HOUR_MS) };
  const { callId, stage } = page;
  await tx.addPages([{ incidentId: incident, actionId: action, text, by, target, createdAt: now, callId, stage, ...told }]);
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  return true;
}

/** What could not be said to somebody is said to the next at once. */
export async function afterUndelivered(tx: Tx, air: Air, page: PageRow, now: Date): Promise<void> {
  // Who is told beside the chain (the approvers, for a second approval) has ways of their own.
  const passed = page.callId !== null && page.stage === null && (await passOn(tx, air, page, now));
  if (passed) return;
  if (page.callId !== null) await advanceCall(tx, air, page.callId, now);
  else if (!isChainStep(page.step)) await passOn(tx, air, page, now);
  else if (page.actionId !== null) await escalate(tx, air, page.actionId, now);
}
