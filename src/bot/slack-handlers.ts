import type { SlackHandlers } from "../adapters/slack/app.ts";
import type { SlackPerson } from "../adapters/slack/inbox.ts";
import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { noticeCard } from "../engine/cards/reply-card.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Drawing } from "../engine/draw.ts";
import { ChatError } from "../engine/ports.ts";
import { attachmentOf } from "./attachments.ts";
import { chatHandlers } from "./chat-handlers.ts";
import type { Conversation } from "./conversation.ts";
import { findThings, writeFound } from "./find-things.ts";
import { homeCards } from "./home.ts";

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
  const { forms } = conversation;
  return {
    ...chatHandlers(conversation, personOf),
    mayOpen: async (ask, by) => forms.mayOpen(ask, await personOf(by)),
    found: (text) => {
      const things = findThings(text, air.policy().organization.domains);
      return things.length === 0 ? undefined : { ref: `found ${writeFound(things)}`, one: things.length === 1 };
    },
    home: async (by) => homeCards(air, await drawing(), await personOf(by)),
    unseen: async (value, channel) => {
      const trouble = (await air.store.troubledChannels()).find((row) => row.channel === `slack:${channel}`);
      const number = /\bACT-(\d{1,9})\./.exec(value)?.[1];
      const action = trouble && number ? await air.store.action(Number(number)) : undefined;
      if (!trouble || !action) return undefined;
      const what = `${actionId(action.id)}: ${actionKinds[action.kind].title(action.target)}`;
      return noticeCard(
        STATE_WORD[action.state].word,
        `${what}. Its card in this channel cannot be drawn any more: ${trouble.trouble ?? "Slack refuses it."} To see how it goes: status ${actionId(action.id)}`,
      );
    },
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
