import { actionKinds } from "../engine/actions/all.ts";
import { confirmAlone, reviewAlone } from "../engine/after-break-glass.ts";
import { type Air, actionId, incidentId } from "../engine/air.ts";
import { breakGlass } from "../engine/break-glass.ts";
import { cancelAction } from "../engine/cancel-action.ts";
import { bulkCard, bulkResultCard } from "../engine/cards/bulk-card.ts";
import type { ButtonMeaning } from "../engine/cards/button-id.ts";
import type { Card } from "../engine/cards/card.ts";
import { noticeCard, refusalCard } from "../engine/cards/reply-card.ts";
import { count, time } from "../engine/cards/say.ts";
import { decideAction, title } from "../engine/decide-action.ts";
import { decideMany, previewMany, type Which } from "../engine/decide-many.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { proposeAgain } from "../engine/propose-again.ts";
import type { ActionRow } from "../engine/store.ts";
import { undoAction } from "../engine/undo-action.ts";
import { undoLater } from "../engine/undo-later.ts";
import type { Command } from "./commands.ts";
import { within } from "./list-filters.ts";

/* What a decision answers the person who made it; what everybody sees is drawn on the shared card. */

/** The commands that decide. */
export type Deciding = Extract<
  Command,
  { kind: "decide" | "decide-many" | "undo" | "propose" | "break-glass" | "confirm-alone" | "review-alone" | "cancel" }
>;

/** @throws Refusal, in words for the person */
export async function saidDecision(air: Air, person: Person, command: Deciding): Promise<Card> {
  switch (command.kind) {
    case "decide":
      return decided(
        command.decision,
        await decideAction(air, person, {
          action: command.action,
          decision: command.decision,
          ...(command.decision === "approve" ? { typed: command.text, forMs: command.forMs } : { reason: command.text }),
        }),
      );
    case "decide-many":
      return previewed(air, person, command.decision, whichOf(air, command), command.reason);
    case "undo":
      return command.inMs === undefined
        ? undone(await undoAction(air, person, { action: command.action, reason: command.reason }))
        : ending(command.action, await undoLater(air, person, { action: command.action, inMs: command.inMs, reason: command.reason }));
    case "propose": {
      const row = await proposeAgain(air, person, command.action);
      return noticeCard("Proposed again", `${actionId(row.id)}: ${title(row)}. It waits for a decision.`, "good");
    }
    case "cancel":
      return cancelled(await cancelAction(air, person, { action: command.action, reason: command.reason }));
    case "break-glass":
      return broken(await breakGlass(air, person, { action: command.action, typed: command.text }));
    case "confirm-alone":
      return confirmed(await confirmAlone(air, person, { action: command.action }));
    case "review-alone": {
      const row = await reviewAlone(air, person, { action: command.action, note: command.note });
      return noticeCard("Reviewed", `${actionId(row.id)}: ${title(row)}. It leaves the list of what was done alone.`, "good");
    }
    default:
      return command satisfies never;
  }
}

/** A pressed button; undefined: nothing to say, the shared card shows it. `lasts`: approved for, or undone after, so many milliseconds. */
export async function pressedDecision(
  air: Air,
  person: Person,
  meaning: Exclude<ButtonMeaning, { kind: "say" }>,
  typed: string | undefined,
  lasts?: number,
): Promise<Card | undefined> {
  if (meaning.kind === "many") {
    const { preview, results } = await decideMany(air, person, { ...meaning, typed });
    return bulkResultCard(
      preview.decision,
      results.map(({ action, done, text }) => ({ id: actionId(action.id), title: title(action), done, text })),
    );
  }
  const { action, version, decision } = meaning;
  switch (decision) {
    case "undo": {
      if (lasts !== undefined) return ending(action, await undoLater(air, person, { action, version, inMs: lasts, reason: typed }));
      const row = await undoAction(air, person, { action, version, reason: typed });
      return row.state === "undoing" ? undefined : undone(row);
    }
    case "cancel":
      return cancelled(await cancelAction(air, person, { action, version, reason: typed }));
    case "break-glass":
      return broken(await breakGlass(air, person, { action, version, typed }));
    case "confirm":
      return confirmed(await confirmAlone(air, person, { action, version }));
    case "reject":
      if (!typed?.trim()) return refusalCard("Say why: the reason is kept with the incident.");
      await decideAction(air, person, { action, decision, version, reason: typed });
      return undefined;
    case "approve": {
      const result = await decideAction(air, person, { action, decision, version, typed, forMs: lasts });
      return result.waitsForSecond ? counted(result.action) : undefined;
    }
    case "done": {
      const result = await decideAction(air, person, { action, decision, version, typed });
      return result.waitsForSecond ? counted(result.action) : undefined;
    }
    default:
      await decideAction(air, person, { action, decision, version, reason: typed });
      return undefined;
  }
}

function decided(decision: "approve" | "reject", { action, waitsForSecond }: { action: ActionRow; waitsForSecond: boolean }): Card {
  if (waitsForSecond) return counted(action);
  const approved = decision === "approve";
  return noticeCard(approved ? "Approved" : "Rejected", `${actionId(action.id)}: ${title(action)}.`, approved ? "good" : "neutral");
}

const counted = (action: ActionRow): Card =>
  noticeCard(
    action.byHand === null ? "Your approval is counted" : "Your word is counted",
    `${actionId(action.id)} needs a second person: 1 of ${action.approvalsNeeded}.`,
    "info",
  );

const undone = (row: ActionRow): Card =>
  // What is taken back may itself take something back: its state tells which of the two rows it is.
  row.undoes === null || row.state === "undoing"
    ? noticeCard("Being undone", `${actionId(row.id)}: ${actionKinds[row.kind].undo.text}`)
    : noticeCard(
        "Asked",
        `${actionId(row.id)}: ${title(row)} takes back ${actionId(row.undoes)}. ${row.approvalsNeeded > 1 ? "It reaches what two people decide: two others have to." : "It waits for a decision."}`,
      );

const ending = (action: number, at: Date): Card =>
  noticeCard("Ends by itself", `${actionId(action)} is undone at ${time(at)}, unless bad evidence comes before.`);

const cancelled = (row: ActionRow): Card =>
  row.state === "cancelled"
    ? noticeCard("Cancelled", `${actionId(row.id)}: ${title(row)}. It had not begun; nothing was done.`, "neutral")
    : noticeCard(
        "Being cancelled",
        `${actionId(row.id)}: ${title(row)}. The product is asked to give it up; the card says what came of it.`,
        "info",
      );

const broken = (row: ActionRow): Card =>
  noticeCard(
    "Glass broken",
    `${actionId(row.id)}: ${title(row)} is carried out on your word alone. ${row.undoAfterMs === null ? "It cannot be taken back." : "It ends by itself after 4 h unless a second person confirms it."} An admin ${row.lab ? "would be" : "was"} told.`,
    "warning",
  );

const confirmed = (row: ActionRow): Card =>
  noticeCard(
    "Confirmed",
    `${actionId(row.id)}: ${title(row)} stands on two people now${row.undoAfterMs === null ? "" : " and ends when it was asked to"}.`,
    "good",
  );

const whichOf = (air: Air, command: Extract<Command, { kind: "decide-many" }>): Which => {
  if ("ids" in command.which) return command.which;
  const { kinds, families, target, incidentId, since } = within(command.which.query, air.clock.now());
  return {
    ...(kinds ? { kinds } : {}),
    ...(families ? { families } : {}),
    ...(target === undefined ? {} : { target }),
    ...(incidentId === undefined ? {} : { incidentId }),
    ...(since === undefined ? {} : { since }),
  };
};

async function previewed(
  air: Air,
  person: Person,
  decision: "approve" | "reject",
  which: Which,
  reason: string | undefined,
): Promise<Card> {
  const { kind, actions, sum, digest, reason: why } = await previewMany(air, person, { decision, which, reason });
  const card = bulkCard(
    {
      decision,
      kind,
      actions: actions.map((row) => ({
        number: row.id,
        id: actionId(row.id),
        title: title(row),
        incident: incidentId(row.incidentId),
        two: row.approvalsNeeded > 1,
      })),
      reach: count(sum.count, sum.unit),
      protectedHits: sum.protectedHits,
      needTwo: sum.needTwo,
      approvals: sum.approvals,
      type: sum.type,
      digest,
      reason: why,
    },
    air.sign,
  );
  if (!card)
    throw new Refusal(
      "invalid",
      `The reason has ${why.length.toLocaleString("en-US")} characters. A decision about many is kept in one button with its reason, and ${count(actions.length, "action")} leave room for fewer. Nothing was decided: say it in a sentence, or decide one by one, where a reason has up to 2,000.`,
      { field: "reason" },
    );
  return card;
}
