import { type Air, actionId, investigationId } from "./air.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { ENDED } from "./domain/investigation.ts";
import { moveInvestigation } from "./investigation-status.ts";
import { ConnectorError } from "./ports.ts";
import { reachAgain } from "./propose-actions.ts";
import { groundsOf } from "./resting-on.ts";
import type { ActionRow } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/** Older evidence is looked at again before an approval counts (product contract 6). */
const EVIDENCE_HOLDS_MS = 4 * 3_600_000;

/**
 * What was shown must still be so at the click (product contract 6). What the action would reach is read again, and if it grew nothing is
 * decided: the card shows what changed and a person decides on that. Evidence that is too old is looked at again, which takes longer than a
 * person waits for an answer: the click does nothing, and the card shows what came of the look. What cannot be read in time is not guessed.
 *
 * @throws Refusal changed | unavailable
 */
export async function mustStillHold(air: Air, person: Person, action: ActionRow): Promise<void> {
  const open = action.state === "pending" && air.clock.now() < action.expiresAt;
  if (!open || action.byHand !== null || action.kind === "expand-investigation") return;
  await reachMustHold(air, action);
  await evidenceMustBeFresh(air, person, action);
}

async function reachMustHold(air: Air, action: ActionRow): Promise<void> {
  const again = await reachAgain(air, action).catch((error: unknown) => {
    const why = error instanceof ConnectorError ? error.message : "what it reaches could not be checked now";
    throw new Refusal("unavailable", `Nothing was decided: ${why}. ${actionId(action.id)} stays open; try again.`);
  });
  if (again.grew.length === 0) return;
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    const locked = await tx.lockAction(action.id);
    if (locked?.state !== "pending" || locked.version !== action.version) return;
    await tx.updateAction(action.id, { ...again.change, redrawAt: null });
    // Who approved what a product was to do did not say that it is done by hand.
    if ((again.change.byHand === null) !== (locked.byHand === null))
      for (const given of await tx.approvalsOf(action.id)) await tx.dropApproval(given);
    await tx.addTimeline([
      timelineLine(
        { ...locked, actionId: action.id },
        now,
        { kind: "air", job: "decide" },
        "action-changed",
        `${actionId(action.id)} asks again: ${again.grew.join("; ")}`,
      ),
    ]);
    await redrawIncident(tx, air, locked.incidentId, now, { actions: [locked.id] });
  });
  throw new Refusal(
    "changed",
    `${actionId(action.id)} changed since it was shown: ${again.grew.join("; ")}. Look at the new card and decide again.`,
  );
}

/** What a person asked for by hand rests on their word, and what takes an action back on that action: there is nothing to look at. */
async function evidenceMustBeFresh(air: Air, person: Person, action: ActionRow): Promise<void> {
  if (action.evidenceId === null || action.undoes !== null || action.requestedBy !== null) return;
  const own = await air.store.evidence(action.evidenceId);
  const seen = action.lookedAt ?? own?.createdAt;
  const now = air.clock.now();
  if (!own || !seen || now.getTime() - seen.getTime() <= EVIDENCE_HOLDS_MS) return;
  const grounds = [...new Set([own.id, ...(await groundsOf(air, action))])];
  await air.store.transaction(async (tx) => {
    const investigation = await tx.lockInvestigation(action.investigationId);
    const waits = (await tx.evidence(own.id))?.lookedRound === null && (investigation?.wanted ?? 0) > (investigation?.round ?? 0);
    if (!investigation || waits) return;
    await tx.lookAgain(grounds);
    const status = ENDED.has(investigation.status) ? "queued" : investigation.status;
    await moveInvestigation(tx, investigation, status, now, { wanted: Math.max(investigation.wanted, investigation.round) + 1 });
    await tx.enqueue("investigate", { investigation: investigation.id }, { key: investigationId(investigation.id), urgent: true });
    await tx.addTimeline([
      timelineLine(
        { ...action, actionId: action.id },
        now,
        actorOf(person),
        "action-looked-again",
        `${person.name} wants to approve ${actionId(action.id)}; its evidence is old, so air looks at it again first`,
      ),
    ]);
  });
  const hours = Math.floor((now.getTime() - seen.getTime()) / 3_600_000);
  throw new Refusal(
    "changed",
    `Nothing was decided: the evidence of ${actionId(action.id)} is ${hours} h old, so air looks at it again now. Decide on the new card.`,
  );
}
