import type { Air } from "./air.ts";

/** Somebody mended something: what is in trouble on this platform is tried now, not when the next look is due. */
export async function tryChannelsAgain(air: Pick<Air, "store" | "clock">, platform: string): Promise<void> {
  await air.store.transaction(async (tx) => {
    const nextAt = air.clock.now();
    const here = (await tx.troubledChannels()).filter(({ channel }) => channel.startsWith(`${platform}:`));
    for (const { channel } of here) {
      await tx.updateChannel(channel, { nextAt });
      await tx.enqueue("publish", { channel }, { key: channel });
    }
  });
}
