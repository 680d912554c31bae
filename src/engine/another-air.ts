import type { Air } from "./air.ts";
import { sha256 } from "./sha256.ts";
import { wantPages } from "./want-pages.ts";

/** When another air was last seen on the same chat app, and by what. */
export const ANOTHER_AIR_SETTING = "another-air";
export type AnotherAir = {
  /** Last seen. */
  at: string;
  how: string;
  /** Since when, without a long silence between. */
  since?: string;
  /** Buttons of its cards, each once: a single one may have been altered by whoever pressed it. */
  buttons?: readonly string[];
  /** Whoever runs air was told. */
  toldAt?: string | null;
};

/** Told again only if it was not seen for this long. */
const AGAIN_MS = 86_400_000;
/** So many different buttons make another air; fewer are said to whoever pressed them alone. */
const ENOUGH = 2;
const KEPT = 5;

const HOW = {
  button: "a button was pressed here whose card another air made (or this one, before AIR_SECRET was changed)",
  connections: "the chat counts more connections of the app token than this air has opened",
} as const;

/**
 * Two airs on one chat app take each other's presses and commands away: the chat hands each to one of them. Whoever runs air is told once.
 */
export async function noteAnotherAir(air: Air, how: keyof typeof HOW, button?: string): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(ANOTHER_AIR_SETTING, "alone");
    const before = await tx.setting<AnotherAir>(ANOTHER_AIR_SETTING);
    const lately = before && now.getTime() - Date.parse(before.at) < AGAIN_MS ? before : undefined;
    const buttons = [...new Set([...(button === undefined ? [] : [sha256(button)]), ...(lately?.buttons ?? [])])].slice(0, KEPT);
    const seen: AnotherAir = {
      at: now.toISOString(),
      how: HOW[how],
      since: lately?.since ?? now.toISOString(),
      buttons,
      toldAt: lately?.toldAt ?? null,
    };
    const sure = how === "connections" || isSure(seen);
    await tx.putSetting(ANOTHER_AIR_SETTING, { ...seen, toldAt: sure ? (seen.toldAt ?? now.toISOString()) : seen.toldAt });
    if (!sure || seen.toldAt) return;
    const text = `Another air seems to use the same chat app: ${HOW[how]}. Presses and commands then reach only one of the two. Give each air a chat app of its own.`;
    await wantPages(tx, air, [{ incidentId: 0, actionId: null, step: "another-air", to: [{ kind: "ops" }], text, by: "air" }], now);
    air.log.warn("another air seems to use the same chat app", { how: HOW[how] });
  });
}

/** What one altered button cannot do: it was counted by the chat, or several of its cards were pressed. */
export const isSure = ({ buttons = [], toldAt }: AnotherAir): boolean => Boolean(toldAt) || buttons.length >= ENOUGH;
