import type { SlackHandlers } from "../adapters/slack/app.ts";
import type { SlackPerson } from "../adapters/slack/inbox.ts";
import type { Air } from "../engine/air.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Drawing } from "../engine/draw.ts";
import { ChatError } from "../engine/ports.ts";
import { attachmentOf } from "./attachments.ts";
import { chatHandlers } from "./chat-handlers.ts";
import type { Conversation } from "./conversation.ts";
import { findThings, writeFound } from "./find-things.ts";
import { homeCards } from "./home.ts";
import { unseenOutcome } from "./unseen-outcome.ts";

/** What Slack hands over, answered. A look-up of the person that fails leaves them without roles: they are refused and told to try again. */
export function slackHandlers(
  air: Air,
  {
    conversation,
    drawing,
    personOf,
    first,
  }: {
    conversation: Conversation;
    drawing: () => Promise<Drawing>;
    personOf: (user: SlackPerson) => Promise<Person>;
    first: SlackHandlers["first"];
  },
): SlackHandlers {
  return {
    ...chatHandlers(conversation, personOf),
    found: (text) => {
      const things = findThings(text, air.policy().organization.domains);
      return things.length === 0 ? undefined : { ref: `found ${writeFound(things)}`, one: things.length === 1 };
    },
    home: async (by) => homeCards(air, await drawing(), await personOf(by)),
    unseen: (value, channel) => unseenOutcome(air, `slack:${channel}`, value, "Slack"),
    first,
    attachment: async (card) => {
      try {
        return await attachmentOf(air, card);
      } catch (error) {
        throw error instanceof Refusal ? new ChatError("refused", error.message) : error;
      }
    },
  };
}
