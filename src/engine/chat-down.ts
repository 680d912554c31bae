import { type Air, isLive } from "./air.ts";
import { channelName } from "./cards/stand-in-card.ts";
import { fallbackFor } from "./channel-trouble.ts";
import type { ChannelRow, Reads } from "./store.ts";

/** A chat that took nothing for this long is not waited for any more when somebody has to be told. */
const DOWN_MS = 120_000;
/** An outage nobody met again in this long may be over: where nothing waits, nothing is tried. */
const FRESH_MS = 300_000;

/**
 * Why none of these channels will take a page now: the chat refuses air, or has not answered for minutes. Undefined: one of them works, as
 * far as is known, or what waits there is posted elsewhere.
 */
export async function chatDown(
  reads: Pick<Reads, "channel">,
  air: Air,
  channels: readonly string[],
  now: Date,
): Promise<string | undefined> {
  const chats = channels.filter((channel) => !isLive(channel));
  const rows = await Promise.all(chats.map((channel) => reads.channel(channel)));
  const down = rows.flatMap((row) => (row && isDown(air, row, now) ? [row] : []));
  const [first] = down;
  if (!first || down.length < chats.length) return undefined;
  return `${channelName(first.channel)} takes nothing: ${first.trouble ?? "no answer"}`;
}

function isDown(air: Air, row: ChannelRow, now: Date): boolean {
  // A refused account does not heal by itself.
  if (row.troubleKind === "account") return true;
  if (row.troubledSince === null || now.getTime() - row.troubledSince.getTime() < DOWN_MS) return false;
  if (row.troubleKind === "channel") return fallbackFor(air, row.channel, new Set()) === undefined;
  return row.nextAt !== null && now.getTime() - row.nextAt.getTime() < FRESH_MS;
}
