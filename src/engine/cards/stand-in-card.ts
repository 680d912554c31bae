import type { Card } from "./card.ts";
import { cut } from "./card.ts";
import { outside } from "./say.ts";

/** A channel's name without its platform: "slack:C0SOC" is C0SOC to whoever reads it in Slack. */
export const channelName = (channel: string): string => channel.slice(channel.indexOf(":") + 1);

/** A card that stands in another channel for as long as its own cannot be posted to. */
export const standInCard = (card: Card, meantFor: string, trouble: string): Card => ({
  ...card,
  lines: [
    ...card.lines,
    { kind: "note", text: `Posted here because nothing can be posted in ${channelName(meantFor)}: ${cut(outside(trouble), 300)}` },
  ],
});

/** What is left of it when its own channel works again: no buttons, and nothing more that changes. */
export const goesOnCard = (card: Card, meantFor: string): Card => ({
  title: card.title,
  tone: "neutral",
  summary: `Goes on in ${channelName(meantFor)}: ${card.title}`,
  lines: [{ kind: "text", text: `This goes on in the channel ${channelName(meantFor)}, which can be posted to again.` }],
  buttons: [],
});
