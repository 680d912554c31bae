import { actionKinds } from "./actions/all.ts";
import { type Air, actionId, incidentId } from "./air.ts";
import { shown, time } from "./cards/say.ts";
import { VERDICT_WORD } from "./domain/investigation.ts";
import { chainFailed, isChainStep, NOBODY, nextInChain } from "./domain/paging.ts";
import { answersByDigest } from "./domain/policy.ts";
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
    await tx.addPages([{ ...about, ...next, text, createdAt: now }]);
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

/** Outside the escalation: whoever is next on call is told what could not be said to the one before. */
async function passOn(tx: Tx, air: Air, page: PageRow, now: Date): Promise<void> {
  const { chain } = air.paging?.() ?? NOBODY;
  const at = chain.indexOf(page.target);
  const target = at < 0 ? undefined : chain[at + 1];
  const { incidentId: incident, actionId: action, step, text, by } = page;
  if (target === undefined) return;
  await tx.addPages([{ incidentId: incident, actionId: action, step, text, by, target, createdAt: now, dueAt: now }]);
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
}

/** What could not be said to somebody is said to the next at once. */
export async function afterUndelivered(tx: Tx, air: Air, page: PageRow, now: Date): Promise<void> {
  if (!isChainStep(page.step)) await passOn(tx, air, page, now);
  else if (page.actionId !== null) await escalate(tx, air, page.actionId, now);
}
