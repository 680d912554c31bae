import { timingSafeEqual } from "node:crypto";
import type { TeamsHandlers } from "../adapters/teams/app.ts";
import type { TeamsPerson } from "../adapters/teams/inbox.ts";
import type { conversationStore } from "../db/store/conversations.ts";
import type { Air } from "../engine/air.ts";
import { mustBePermitted } from "../engine/authorise.ts";
import { readButton } from "../engine/cards/button-id.ts";
import { refusalCard } from "../engine/cards/reply-card.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { type Drawing, drawMessages } from "../engine/draw.ts";
import { tryChannelsAgain } from "../engine/try-channels-again.ts";
import { actionSubject } from "../engine/want-cards.ts";
import { chatHandlers } from "./chat-handlers.ts";
import type { Conversation } from "./conversation.ts";
import { findThings, writeFound } from "./find-things.ts";
import type { SignedLinks } from "./signed-links.ts";
import { unseenOutcome } from "./unseen-outcome.ts";

/** What Teams hands over, answered: the same commands, decisions and forms as everywhere. */
export function teamsHandlers(
  air: Air,
  {
    conversation,
    drawing,
    personOf,
    messageAt,
    links,
  }: {
    conversation: Conversation;
    drawing: () => Promise<Drawing>;
    personOf: (user: TeamsPerson) => Promise<Person>;
    messageAt: ReturnType<typeof conversationStore>["messageAt"];
    links: SignedLinks;
  },
): TeamsHandlers {
  return {
    ...chatHandlers(conversation, personOf),
    shown: async (where, message, value = "") => {
      const kept = message === "" ? undefined : await messageAt(where, message);
      const row = kept ?? (await aboutAction(air, where, value));
      const card = row && (await drawMessages(air.store, [row], { ...(await drawing()), channels: air.channels })).get(row.id);
      return card && { card, kept: kept !== undefined };
    },
    // Only looking, so it is no line of the audit: clients ask by themselves.
    mayLook: async (by) => {
      try {
        await mustBePermitted(air, await personOf(by), { verb: "card", subject: "card", need: "viewer" });
        return undefined;
      } catch (error) {
        if (error instanceof Refusal) return refusalCard(error.message);
        throw error;
      }
    },
    ownConversation: (by) => air.store.personalConversation("teams", by.userId),
    unseen: (value, where) => unseenOutcome(air, `teams:${where}`, value, "Teams"),
    found: (text) => {
      const things = findThings(text, air.policy().organization.domains);
      return things.length === 0 ? undefined : { ref: `found ${writeFound(things)}` };
    },
    added: () => tryChannelsAgain(air, "teams"),
    linked: (card, readers) => links.linked(card, readers),
  };
}

/**
 * What a message about the action of a decision's button would be drawn from. Only a button this air made: whoever sends another must not
 * be shown what they name.
 */
async function aboutAction(air: Air, conversation: string, value: string) {
  // A form that stands before a decision is named by its kind and the button.
  const meaning = readButton(value.split(" ").at(-1) ?? "", air.sign, sameText);
  const action = meaning?.kind === "decide" ? await air.store.action(meaning.action) : undefined;
  return action && { id: 0, subject: actionSubject(action.id), incidentId: action.incidentId, channel: `teams:${conversation}` };
}

const sameText = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
