import { type Air, isLive } from "./air.ts";
import { ANOTHER_AIR_SETTING, type AnotherAir } from "./another-air.ts";
import { time } from "./cards/say.ts";
import { channelName } from "./cards/stand-in-card.ts";
import { NOBODY } from "./domain/paging.ts";
import { sourceTroubles, type Trouble } from "./source-troubles.ts";
import type { ChannelRow, Reads } from "./store.ts";

/** Another air is said for as long as this after it was last seen. */
const SEEN_MS = 3_600_000;

/** A chat that takes nothing for this long is in trouble; a pause it asked for is none. */
const SILENT_MS = 120_000;

/**
 * The channels that take nothing for minutes, whatever the reason: what keeps the heartbeat back and what air calls degraded are one. Of
 * those that are configured now: what is in no rule any more is nobody's trouble.
 */
export async function silentChannels(
  reads: Pick<Reads, "channel">,
  air: Pick<Air, "channels" | "paging">,
  now: Date,
): Promise<ChannelRow[]> {
  const all = [...air.channels().flatMap((rule) => rule.channels), ...(air.paging?.() ?? NOBODY).ops];
  const rows = await Promise.all([...new Set(all.filter((one) => !isLive(one)))].map((channel) => reads.channel(channel)));
  return rows.flatMap((row) => (row?.troubledSince && now.getTime() - row.troubledSince.getTime() >= SILENT_MS ? [row] : []));
}

export async function chatTroubles(
  reads: Pick<Reads, "troubledChannels" | "channel" | "setting" | "settingsUnder">,
  air: Pick<Air, "channels" | "paging"> | undefined,
  now: Date,
): Promise<Trouble[]> {
  // What has a kind is said at once; what only does not answer, after minutes.
  const rows = [
    ...(await reads.troubledChannels()),
    ...(air ? await silentChannels(reads, air, now) : []).filter(({ troubleKind }) => troubleKind === null),
  ];
  const platforms = Map.groupBy(rows, ({ channel }) => channel.split(":")[0] ?? "");
  const troubles = [...platforms].flatMap(([platform, here]): Trouble[] => {
    const [refused] = here.filter(({ troubleKind }) => troubleKind === "account");
    const closed = here.filter(({ troubleKind }) => troubleKind === "channel");
    const silent = here.filter(({ troubleKind }) => troubleKind === null);
    return [
      ...(silent.length > 0
        ? [
            {
              plain: `${platform} does not take what air posts, cards wait`,
              told: silent
                .map(
                  ({ channel, trouble, troubledSince }) =>
                    `${channelName(channel)} takes nothing: ${trouble ?? "no answer"}${since(troubledSince)}`,
                )
                .join(" "),
            },
          ]
        : []),
      ...(refused
        ? [
            {
              plain: `${platform} refuses air, no card reaches it`,
              told: `${platform} refuses air: ${refused.trouble}${since(refused.troubledSince)}`,
            },
          ]
        : []),
      ...(closed.length > 0
        ? [
            {
              plain: `nothing can be posted in ${closed.length} of the ${platform} channels`,
              told: closed
                .map(({ channel, trouble, troubledSince }) => `${channelName(channel)}: ${trouble}${since(troubledSince)}`)
                .join(" "),
            },
          ]
        : []),
    ];
  });
  troubles.push(...(await sourceTroubles(reads, now)));
  const other = await reads.setting<AnotherAir>(ANOTHER_AIR_SETTING);
  // Written by an air that believed a single button: nothing is known of how sure it was.
  if (other?.at === undefined || other.presses === undefined || now.getTime() - Date.parse(other.at) > SEEN_MS) return troubles;
  const plain = "another air seems to use the same chat app";
  return [
    ...troubles,
    {
      plain,
      told: `Another air seems to use the same chat app: ${other.how} (since ${time(other.since ?? other.at)}, last seen ${time(other.at)}). Give each air an app of its own.`,
    },
  ];
}

const since = (at: Date | null) => (at ? ` (since ${time(at)})` : "");
