import type { TeamsHandlers } from "../adapters/teams/app.ts";
import type { TeamsPerson } from "../adapters/teams/inbox.ts";
import type { conversationStore } from "../db/store/conversations.ts";
import type { Air } from "../engine/air.ts";
import type { Person } from "../engine/domain/approval.ts";
import { type Drawing, drawMessages } from "../engine/draw.ts";
import { tryChannelsAgain } from "../engine/try-channels-again.ts";
import { actionSubject } from "../engine/want-cards.ts";
import { chatHandlers } from "./chat-handlers.ts";
import type { Conversation } from "./conversation.ts";
import { findThings, writeFound } from "./find-things.ts";
import type { SignedLinks } from "./signed-links.ts";

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
    found: (text) => {
      const things = findThings(text, air.policy().organization.domains);
      return things.length === 0 ? undefined : { ref: `found ${writeFound(things)}` };
    },
    added: () => tryChannelsAgain(air, "teams"),
    linked: (card) => links.linked(card),
  };
}

/** What a message about the action of a decision's button would be drawn from. */
async function aboutAction(air: Air, conversation: string, value: string) {
  const [, number] = /^ACT-(\d{1,9})\./.exec(value) ?? [];
  const action = number === undefined ? undefined : await air.store.action(Number(number));
  return action && { id: 0, subject: actionSubject(action.id), incidentId: action.incidentId, channel: `teams:${conversation}` };
}
