import { type Air, isLive } from "./air.ts";
import { channelName } from "./cards/stand-in-card.ts";
import { SEVERITIES } from "./domain/alert.ts";
import { NOBODY, opsChannel } from "./domain/paging.ts";
import type { ChatError } from "./ports.ts";
import type { ChannelRow, ChannelTrouble, Tx } from "./store.ts";
import { neededAtOnce, URGENT } from "./want-cards.ts";
import { wantPages } from "./want-pages.ts";

/*
 * A channel nothing can be posted to (air is not in it, it is archived), or a platform that refuses air altogether. Nothing is lost: the
 * rows wait, one call now and then looks whether it works again, and what is urgent is shown elsewhere meanwhile.
 */

/** How seldom a call looks whether it works again. An account that is refused does not heal by itself. */
const PROBE_MS: Record<ChannelTrouble, number> = { channel: 60_000, account: 300_000 };

/** Root cards of these are shown at once wherever they can be. */
const URGENT_SEVERITIES = SEVERITIES.filter(neededAtOnce);

/**
 * Where the urgent goes meanwhile: another channel of the same platform that air.yaml names for incidents, else the ops channel, else the
 * default channel (the rule that comes last). Never a channel that is in trouble itself.
 */
export function fallbackFor(air: Pick<Air, "channels" | "paging">, channel: string, troubled: ReadonlySet<string>): string | undefined {
  const platform = channel.slice(0, channel.indexOf(":") + 1);
  const rules = air.channels();
  const inOrder = [
    ...rules.slice(0, -1).flatMap((rule) => rule.channels),
    ...(air.paging?.() ?? NOBODY).ops,
    ...rules.slice(-1).flatMap((rule) => rule.channels),
  ];
  return inOrder.find((one) => one.startsWith(platform) && one !== channel && !isLive(one) && !troubled.has(one));
}

/** What waits in a channel that cannot be posted to and is urgent is shown where it can. */
export async function standIn(tx: Tx, air: Air, channel: string, now: Date): Promise<string | undefined> {
  const troubled = new Set((await tx.troubledChannels()).map((row) => row.channel));
  const instead = fallbackFor(air, channel, troubled);
  if (instead === undefined) return undefined;
  const added = await tx.standIn(channel, instead, { upTo: URGENT, severities: URGENT_SEVERITIES }, now);
  if (added > 0) air.log.info("shown in another channel meanwhile", { channel, instead, messages: added });
  return instead;
}

/** The channel's row after a call was refused for a reason of its configuration; whoever runs air is told once per trouble. */
export async function noteTrouble(
  tx: Tx,
  air: Air,
  before: ChannelRow | undefined,
  channel: string,
  error: ChatError,
  now: Date,
): Promise<void> {
  const kind: ChannelTrouble = error.kind === "account" ? "account" : "channel";
  const same = before?.troubleKind === kind && before.trouble === error.message;
  await tx.updateChannel(channel, {
    trouble: error.message,
    troubleKind: kind,
    troubledSince: same ? before.troubledSince : now,
    nextAt: new Date(now.getTime() + PROBE_MS[kind]),
  });
  const instead = kind === "channel" ? await standIn(tx, air, channel, now) : undefined;
  // What was handed to it and is on its way goes another.
  if (kind === "account") await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  if (same) return;
  air.log.error("nothing can be posted", { channel, kind, trouble: error.message });
  const what =
    kind === "channel" ? `Nothing can be posted in ${channelName(channel)}` : `Cards do not reach ${channel.split(":")[0] ?? "the chat"}`;
  const meanwhile = kind === "account" ? "The console works; n" : instead ? "Urgent cards stand in another channel meanwhile; n" : "N";
  const text = `${what}: ${error.message} ${meanwhile}othing is lost.`;
  const { ops, chain } = air.paging?.() ?? NOBODY;
  // Whoever is on call hears that a chat refuses air by the ways that are left; in that chat it would be read when it is over.
  const to = ops
    .filter((one) => kind === "channel" || chain.length === 0 || one.split(":")[0] !== channel.split(":")[0])
    .map((one) => ({ kind: "channel" as const, channel: one }));
  await wantPages(tx, air, [{ incidentId: 0, actionId: null, step: `trouble ${channel}`, to, text, by: "air" }], now);
}

/** It works again: from now on the channel shows the present, and what stood in for it says so. */
export async function noteWorks(tx: Tx, air: Air, before: ChannelRow, now: Date): Promise<void> {
  await tx.updateChannel(before.channel, { troubleKind: null, troubledSince: null });
  await tx.redrawInstead(before.channel);
  const step = `trouble ${before.channel}`;
  const since = before.troubledSince ?? now;
  const told = (await tx.pagesOf(0)).filter(
    (page) => page.step === step && page.createdAt >= since && page.droppedAt === null && (page.sentAt !== null || page.attempts > 0),
  );
  // What was over before anybody could be told is not told; who was told, or is being told this moment, hears that it is over.
  await tx.dropPages({ incident: 0, steps: [step] }, "It works again", now);
  const to = told.map(({ target }) => ({ kind: "channel" as const, channel: opsChannel(target) }));
  const text = `Cards can be posted in ${channelName(before.channel)} again. What waited for it is posted now.`;
  const back = { incidentId: 0, actionId: null, step: `channel back ${before.channel} ${since.toISOString()}`, to, text, by: "air" };
  if (before.troubleKind === "channel" && to.length > 0) await wantPages(tx, air, [back], now);
  air.log.info("can be posted to again", { channel: before.channel, since: before.troubledSince?.toISOString(), at: now.toISOString() });
}
