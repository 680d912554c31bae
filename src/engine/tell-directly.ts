import { type Air, isLive } from "./air.ts";
import { NOBODY } from "./domain/paging.ts";
import type { Held } from "./place-pages.ts";
import type { Tx } from "./store.ts";
import { pageDirect } from "./want-cards.ts";

/**
 * Whoever is called for something, or is given it, is also written to directly, with the buttons to answer: one message for everything they are told at
 * once. Where a chat offers no way to them, the mention in the channel is enough. The lab writes to nobody.
 */
export async function tellDirectly(tx: Tx, air: Air, told: readonly Held[], now: Date): Promise<void> {
  const paging = air.paging?.() ?? NOBODY;
  const called = told.filter(
    ({ page, incident }) => (page.callId !== null || page.step === "assigned") && !(incident?.lab ?? air.capabilities.lab),
  );
  for (const [target, pages] of Map.groupBy(called, ({ page }) => page.target)) {
    const { kind, on, direct } = paging.nameOf(target);
    const [first] = pages.map(({ page }) => page).sort((a, b) => a.id - b.id);
    if (kind !== "person" || !first) continue;
    for (const [platform, account] of Object.entries(on)) {
      if (!speaksThere(air, platform)) continue;
      const place = direct?.includes(platform) ? account : await tx.personalConversation(platform, account);
      const channel = place && `${platform}:${place}`;
      if (channel) await tx.wantMessages([pageDirect(channel, first.id, first.incidentId)], now);
    }
  }
}

const speaksThere = (air: Air, platform: string): boolean =>
  [...air.channels().flatMap((rule) => rule.channels), ...(air.paging?.() ?? NOBODY).ops].some(
    (channel) => !isLive(channel) && channel.startsWith(`${platform}:`),
  );
