import { refusalCard } from "../engine/cards/reply-card.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Conversation } from "./conversation.ts";

/** What people say, press and fill in, whichever chat brings it; `personOf` says who its account is. */
export function chatHandlers<Account>({ press, say, forms }: Conversation, personOf: (account: Account) => Promise<Person>) {
  return {
    press: async (value: string, by: Account, typed?: string) => ({ note: await press(value, await personOf(by), typed) }),
    say: async (text: string, by: Account) => say(text, await personOf(by)),
    form: forms.open,
    formOf: forms.refOf,
    mayOpen: async (ask: Parameters<typeof forms.mayOpen>[0], by: Account) => forms.mayOpen(ask, await personOf(by)),
    fill: async (ref: string, by: Account) => {
      try {
        return await forms.fill(ref, await personOf(by));
      } catch (error) {
        if (error instanceof Refusal) return refusalCard(error.message);
        throw error;
      }
    },
    submit: async (ref: string, typed: Parameters<typeof forms.submit>[1], by: Account, key: string) =>
      forms.submit(ref, typed, await personOf(by), key),
  };
}
