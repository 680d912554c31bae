import { ANOTHER_AIR_SETTING, type AnotherAir } from "./another-air.ts";
import { time } from "./cards/say.ts";
import { channelName } from "./cards/stand-in-card.ts";
import { sourceTroubles, type Trouble } from "./source-troubles.ts";
import type { Reads } from "./store.ts";

/** Another air is said for as long as this after it was last seen. */
const SEEN_MS = 3_600_000;

export async function chatTroubles(reads: Pick<Reads, "troubledChannels" | "setting" | "settingsUnder">, now: Date): Promise<Trouble[]> {
  const rows = await reads.troubledChannels();
  const platforms = Map.groupBy(rows, ({ channel }) => channel.split(":")[0] ?? "");
  const troubles = [...platforms].flatMap(([platform, here]): Trouble[] => {
    const [refused] = here.filter(({ troubleKind }) => troubleKind === "account");
    const closed = here.filter(({ troubleKind }) => troubleKind === "channel");
    return [
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
