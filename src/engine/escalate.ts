import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, incidentId } from "./air.ts";
import { shown, time } from "./cards/say.ts";
import { VERDICT_WORD } from "./domain/investigation.ts";
import { insteadOf } from "./domain/outside-pages.ts";
import { chainFailed, isChainStep, isOps, NOBODY, nextInChain } from "./domain/paging.ts";
import { answersByDigest } from "./domain/policy.ts";
import { dueInstant } from "./domain/polling.ts";
import { chainNow, targetsOfStep } from "./on-duty.ts";
import type { ActionRow, IncidentRow, PageRow, Tx } from "./store.ts";
import { pagesInChat } from "./want-cards.ts";
import { wantPages } from "./want-pages.ts";

/**
 * Takes the next step for an action whose deadline has passed: whoever is on call, then the next, then the webhook. The row of the action
 * is locked first, so that a step and a decision never pass each other, and two workers take one step between them.
 */
export async function escalate(tx: Tx, air: Air, id: number, now: Date): Promise<void> {
  const paging = air.paging?.() ?? NOBODY;
  const action = await tx.lockAction(id);
  if (action?.state !== "pending" || action.expiresAt <= now) return;
  const incident = await tx.incident(action.incidentId);
  if (!incident || !isPaged(air, action, incident)) return;
  const told = (await tx.pagesOf(incident.id)).filter((page) => page.actionId === id);
  const next = nextInChain(paging, told, action.deadline, now);
  const about = { incidentId: incident.id, actionId: id, by: "air" };
  if (next) {
    const text = await overdueText(tx, action);
    const before = told.filter((page) => isChainStep(page.step)).map((page) => page.target);
    const targets = await targetsOfStep(tx, air, next.target, before, now);
    await tx.addPages(targets.map((target) => ({ ...about, ...next, target, text, createdAt: now })));
    await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  } else if (chainFailed(paging, told) && !told.some((page) => page.step === "chain-failed")) {
    const text = `Nobody could be told that ${actionId(id)} in ${incidentId(incident.id)} waits: ${told.at(-1)?.trouble ?? "no answer"}. Somebody has to look.`;
    await wantPages(tx, air, [{ ...about, step: "chain-failed", to: [{ kind: "ops" }], text }], now);
  }
}

/** What waits for the digest pages nobody, nor what somebody acknowledged since it was proposed, nor what its channel is quiet about. */
function isPaged(air: Air, action: ActionRow, incident: IncidentRow): boolean {
  // What a person asked for waits for an answer whatever the incident is, as its deadline does.
  if (answersByDigest(action.requestedBy ? "high" : incident.severity, air.policy())) return false;
  if (incident.ackedAt !== null && incident.ackedAt >= action.proposedAt) return false;
  return action.lab === air.capabilities.lab && pagesInChat(air, incident.severity);
}

/** Verdict, target and what is asked come first: a phone shows no more. */
async function overdueText(tx: Tx, action: ActionRow): Promise<string> {
  const evidence = action.evidenceId === null ? undefined : await tx.evidence(action.evidenceId);
  const verdict = evidence && evidence.verdict !== "unknown" ? `${VERDICT_WORD[evidence.verdict]}: ${shown(evidence.entity)}. ` : "";
  const title = actionKinds[action.kind].title(action.target);
  return `${verdict}Decide: ${title}. ${actionId(action.id)} waits since ${time(action.proposedAt)}; an answer was due ${time(action.deadline)}. Unanswered it expires ${time(action.expiresAt)} and nothing is done.`;
}

const HOUR_MS = 3_600_000;

/**
 * Outside the escalation: whoever is next on call is told what could not be said to the one before; for others a way that is no chat is
 * taken. What a channel for air itself hears waits until it is back, except that nothing reaches a chat at all.
 */
async function passOn(tx: Tx, air: Air, page: PageRow, now: Date): Promise<void> {
  const chain = await chainNow(tx, air, now);
  // Nobody is woken by other means because a shift changed.
  const chat = /^trouble ([a-z]+)/.exec(page.step)?.[1];
  const waits = page.step.startsWith("duty.") || (isOps(page.target) && chat === undefined);
  const target = waits ? undefined : insteadOf(chain, page.target);
  const { incidentId: incident, actionId: action, text, by } = page;
  if (target === undefined) return;
  // Every channel of a chat that is down says so; one word an hour is enough.
  const told = chat === undefined ? { step: page.step, dueAt: now } : { step: `trouble ${chat}`, dueAt: dueInstant(now, HOUR_MS) };
  await tx.addPages([{ incidentId: incident, actionId: action, text, by, target, createdAt: now, ...told }]);
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
}

/** What could not be said to somebody is said to the next at once. */
export async function afterUndelivered(tx: Tx, air: Air, page: PageRow, now: Date): Promise<void> {
  if (!isChainStep(page.step)) await passOn(tx, air, page, now);
  else if (page.actionId !== null) await escalate(tx, air, page.actionId, now);
}
