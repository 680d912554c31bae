import { type Air, isLive } from "./air.ts";
import { time } from "./cards/say.ts";
import { chatDown } from "./chat-down.ts";
import { unreachedStep } from "./domain/calls.ts";
import { NOBODY } from "./domain/paging.ts";
import { endCalls } from "./end-calls.ts";
import type { ChannelRow, Reads, Tx } from "./store.ts";
import { tellOnCall } from "./tell-on-call.ts";
import { tellOps } from "./tell-ops.ts";

/** Which chats take nothing, and since when whoever is on call knows it. */
const SETTING = "chats-down";
type Down = Readonly<Record<string, { since: string }>>;

/**
 * A chat that refuses air or has not answered for minutes is told to whoever is on call by the ways that are left, once for each time it
 * begins, and that it works again when it has taken something. A single channel that is closed to air is the business of whoever runs it.
 */
export async function keepChatTroubles(air: Air, now: Date): Promise<void> {
  if ((air.paging?.() ?? NOBODY).chain.length === 0) return;
  const known = (await air.store.setting<Down>(SETTING)) ?? {};
  for (const [platform, channels] of platformsOf(air)) {
    const rows = await rowsOf(air.store, channels);
    const down = await downNow(air.store, air, rows, now);
    const before = known[platform];
    // That nothing was tried for a while is no sign that it works.
    const over = before !== undefined && rows.every((row) => row.troubledSince === null);
    if (down !== undefined && !before) await noteDown(air, platform, down, now);
    else if (over) await noteOver(air, platform, before.since, now);
  }
}

const stepOf = (platform: string, since: string) => `trouble ${platform} ${since}`;
/** Which chat a page says to be down; undefined: it is about something else. */
export const chatOfTrouble = (step: string): string | undefined => /^trouble ([a-z]+) \d{4}-/.exec(step)?.[1];

/** Nothing reaches this chat: whoever is on call hears of it, or has. */
export const isChatDown = async (reads: Pick<Reads, "channel">, air: Air, platform: string, now: Date): Promise<boolean> =>
  (await downNow(reads, air, await rowsOf(reads, platformsOf(air).get(platform) ?? []), now)) !== undefined;

function platformsOf(air: Air): Map<string, string[]> {
  const all = [...air.channels().flatMap((rule) => rule.channels), ...(air.paging?.() ?? NOBODY).ops].filter((one) => !isLive(one));
  return Map.groupBy(new Set(all), (channel) => channel.split(":")[0] ?? "");
}

const rowsOf = async (reads: Pick<Reads, "channel">, channels: readonly string[]): Promise<ChannelRow[]> =>
  (await Promise.all(channels.map((channel) => reads.channel(channel)))).filter((row) => row !== undefined);

/** An account that is refused is refused everywhere; else nothing works that is known. */
async function downNow(
  reads: Pick<Reads, "channel">,
  air: Air,
  rows: readonly ChannelRow[],
  now: Date,
): Promise<{ since: Date; why: string } | undefined> {
  const refused = rows.filter((row) => row.troubleKind === "account");
  const met = refused.length > 0 ? refused : rows;
  const why = await chatDown(
    reads,
    air,
    met.map((row) => row.channel),
    now,
  );
  // What one channel is closed for is told by its own notice.
  if (why === undefined || met.every((row) => row.troubleKind === "channel")) return undefined;
  const [since = now] = met.flatMap((row) => row.troubledSince ?? []).sort((a, b) => a.getTime() - b.getTime());
  return { since, why };
}

const noteDown = (air: Air, platform: string, { since, why }: { since: Date; why: string }, now: Date) =>
  change(air, platform, { since: since.toISOString() }, async (tx) => {
    const text = `No card and no mention reaches ${platform} since ${time(since)}: ${why.replace(/\.$/, "")}. The console works; nothing is lost.`;
    await tellOnCall(tx, air, stepOf(platform, since.toISOString()), text, now);
  });

const noteOver = (air: Air, platform: string, since: string, now: Date) =>
  change(air, platform, undefined, async (tx) => {
    const call = (await tx.callsOf(0)).find(({ cause }) => cause === stepOf(platform, since));
    const heard = call ? (await tx.pagesOfCalls([call.id])).flatMap(({ sentAt, target }) => (sentAt === null ? [] : [target])) : [];
    if (call) await endCalls(tx, [call], `${platform} works again`, now);
    const channels = (platformsOf(air).get(platform) ?? []).map((channel) => `trouble ${channel}`);
    const steps = [stepOf(platform, since), `trouble ${platform}`, ...channels, ...(call ? [unreachedStep(call.id)] : [])];
    await tx.dropPages({ incident: 0, steps }, `${platform} works again`, now);
    const text = `${platform} works again; it took nothing since ${time(since)}. Every channel shows the present.`;
    await tellOps(tx, air, `chat back ${platform} ${since}`, text, now);
    // Whoever heard of it hears that it is over; whom nothing reached meanwhile has nothing to be told of.
    if (heard.some((target) => /^(person|mail):/.test(target))) await tellOnCall(tx, air, `chat back ${platform} ${since}`, text, now);
    const others = [...new Set(heard)].filter((target) => !/^(person|mail):/.test(target));
    const page = { incidentId: 0, actionId: null, step: `chat back ${platform} ${since}`, text, by: "air", createdAt: now, dueAt: now };
    await tx.addPages(others.map((target) => ({ ...page, target })));
    if (others.length > 0) await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  });

/** One of several processes does it. */
async function change(air: Air, platform: string, to: { since: string } | undefined, then: (tx: Tx) => Promise<void>): Promise<void> {
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(SETTING, "alone");
    const { [platform]: before, ...others } = (await tx.setting<Down>(SETTING)) ?? {};
    if ((before === undefined) === (to === undefined)) return;
    await tx.putSetting(SETTING, to === undefined ? others : { ...others, [platform]: to });
    await then(tx);
    await tx.notifyChange();
  });
}
