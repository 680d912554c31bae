import type { SlackHandlers } from "../adapters/slack/app.ts";
import type { SlackPerson } from "../adapters/slack/inbox.ts";
import type { Air } from "../engine/air.ts";
import { refusalCard } from "../engine/cards/reply-card.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Drawing } from "../engine/draw.ts";
import { ChatError } from "../engine/ports.ts";
import { attachmentOf } from "./attachments.ts";
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
  }: { conversation: Conversation; drawing: () => Promise<Drawing>; personOf: (user: SlackPerson) => Promise<Person> },
): SlackHandlers {
  const { forms } = conversation;
  return {
    press: async (value, by, typed) => ({ note: await conversation.press(value, await personOf(by), typed) }),
    say: async (text, by) => conversation.say(text, await personOf(by)),
    form: forms.open,
    formOf: forms.refOf,
    fill: async (ref, by) => {
      try {
        return await forms.fill(ref, await personOf(by));
      } catch (error) {
        if (error instanceof Refusal) return refusalCard(error.message);
        throw error;
      }
    },
    submit: async (ref, typed, by, key) => forms.submit(ref, typed, await personOf(by), key),
    found: (text) => {
      const things = findThings(text, air.policy().organization.domains);
      return things.length === 0 ? undefined : { ref: `found ${writeFound(things)}`, one: things.length === 1 };
    },
    home: async (by) => homeCards(air, await drawing(), await personOf(by)),
    attachment: async (card) => {
      try {
        return await attachmentOf(air, card);
      } catch (error) {
        throw error instanceof Refusal ? new ChatError("refused", error.message) : error;
      }
    },
  };
}
