import { actionKinds } from "./actions/all.ts";
import { actionId } from "./air.ts";
import { shown, time } from "./cards/say.ts";
import { VERDICT_WORD } from "./domain/investigation.ts";
import type { ActionRow, Tx } from "./store.ts";

/** Verdict, target and what is asked come first: a phone shows no more. */
export async function overdueText(tx: Pick<Tx, "evidence">, action: ActionRow): Promise<string> {
  const evidence = action.evidenceId === null ? undefined : await tx.evidence(action.evidenceId);
  const verdict = evidence && evidence.verdict !== "unknown" ? `${VERDICT_WORD[evidence.verdict]}: ${shown(evidence.entity)}. ` : "";
  const title = actionKinds[action.kind].title(action.target);
  return `${verdict}Decide: ${title}. ${actionId(action.id)} waits since ${time(action.proposedAt)}; an answer was due ${time(action.deadline)}. Unanswered it expires ${time(action.expiresAt)} and nothing is done.`;
}
