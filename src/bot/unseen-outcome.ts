import { actionKinds } from "../engine/actions/all.ts";
import { type Air, actionId } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import type { Card } from "../engine/cards/card.ts";
import { noticeCard } from "../engine/cards/reply-card.ts";

/** What came of a decision, for whoever pressed: only where the channel it was made in cannot show its card; undefined: it can. */
export async function unseenOutcome(air: Air, channel: string, value: string, chat: string): Promise<Card | undefined> {
  const trouble = (await air.store.troubledChannels()).find((row) => row.channel === channel);
  const number = /\bACT-(\d{1,9})\./.exec(value)?.[1];
  const action = trouble && number ? await air.store.action(Number(number)) : undefined;
  if (!trouble || !action) return undefined;
  const what = `${actionId(action.id)}: ${actionKinds[action.kind].title(action.target)}`;
  return noticeCard(
    STATE_WORD[action.state].word,
    `${what}. Its card in this channel cannot be drawn any more: ${trouble.trouble ?? `${chat} refuses it.`} To see how it goes: status ${actionId(action.id)}`,
  );
}
