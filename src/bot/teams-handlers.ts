import type { TeamsHandlers } from "../adapters/teams/app.ts";
import type { TeamsPerson } from "../adapters/teams/inbox.ts";
import type { conversationStore } from "../db/store/conversations.ts";
import type { Air } from "../engine/air.ts";
import { refusalCard } from "../engine/cards/reply-card.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { type Drawing, drawMessages } from "../engine/draw.ts";
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
  const { forms } = conversation;
  return {
    press: async (value, by, typed) => ({ note: await conversation.press(value, await personOf(by), typed) }),
    say: async (text, by) => conversation.say(text, await personOf(by)),
    shown: async (where, message) => {
      const row = await messageAt(where, message);
      return row && (await drawMessages(air.store, [row], { ...(await drawing()), channels: air.channels })).get(row.id);
    },
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
      return things.length === 0 ? undefined : { ref: `found ${writeFound(things)}` };
    },
    linked: (card) => links.linked(card),
  };
}
