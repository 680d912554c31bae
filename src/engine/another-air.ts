import type { Air } from "./air.ts";
import { wantPages } from "./want-pages.ts";

/** When another air was last seen on the same chat app, and by what. */
export const ANOTHER_AIR_SETTING = "another-air";
export type AnotherAir = { at: string; how: string };

/** Told again only if it was not seen for this long. */
const AGAIN_MS = 86_400_000;

const HOW = {
  button: "a button was pressed here whose card another air made (or this one, before AIR_SECRET was changed)",
  connections: "the chat counts more connections of the app token than this air has opened",
} as const;

/**
 * Two airs on one chat app take each other's presses and commands away: the chat hands each to one of them. Whoever runs air is told once.
 */
export async function noteAnotherAir(air: Air, how: keyof typeof HOW): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(ANOTHER_AIR_SETTING, "alone");
    const before = await tx.setting<AnotherAir>(ANOTHER_AIR_SETTING);
    await tx.putSetting(ANOTHER_AIR_SETTING, { at: now.toISOString(), how: HOW[how] } satisfies AnotherAir);
    if (before && now.getTime() - Date.parse(before.at) < AGAIN_MS) return;
    const text = `Another air seems to use the same chat app: ${HOW[how]}. Presses and commands then reach only one of the two. Give each air a chat app of its own.`;
    await wantPages(tx, air, [{ incidentId: 0, actionId: null, step: "another-air", to: [{ kind: "ops" }], text, by: "air" }], now);
    air.log.warn("another air seems to use the same chat app", { how: HOW[how] });
  });
}
