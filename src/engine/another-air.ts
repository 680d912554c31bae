import type { Air } from "./air.ts";
import { sha256 } from "./sha256.ts";
import { wantPages } from "./want-pages.ts";

/** When another air was last seen on the same chat app, and by what. */
export const ANOTHER_AIR_SETTING = "another-air";
export type AnotherAir = {
  /** When there was last enough that speaks for it; none yet: a press or two, which whoever pressed may have altered. */
  at?: string;
  how?: string;
  /** Since when, without a long silence between. */
  since?: string;
  /** Strange cards pressed lately. */
  presses?: readonly Press[];
  /** Whoever runs air was told. */
  toldAt?: string | null;
};

/** `card`: what it was about and how it stood, without the decision; `here`: such a card may be one of this air's own. */
type Press = { card: string; by: string; at: string; here: boolean };

/** Told again only if it was not seen for this long. */
const AGAIN_MS = 86_400_000;
/** Two airs on one app show within minutes: every other press goes astray. What was altered by hand is rarer. */
const WITHIN_MS = 15 * 60_000;
/** Different cards that make another air: pressed by one person, or by several. */
const BY_ONE = 3;
const BY_SEVERAL = 2;
const KEPT = 20;

const HOW = {
  button: "buttons were pressed here whose cards another air made (or this one, before AIR_SECRET was changed)",
  connections: "the chat counts more connections of the app token than this air has opened",
} as const;

/** A card that no air of this secret made, pressed by somebody who holds a role: whoever holds none says nothing of other airs. */
export type StrangePress = { value: string; by: string };

/**
 * Two airs on one chat app take each other's presses and commands away: the chat hands each to one of them. Whoever runs air is told once.
 */
export async function noteAnotherAir(air: Air, how: "connections"): Promise<void>;
export async function noteAnotherAir(air: Air, how: "button", press: StrangePress): Promise<void>;
export async function noteAnotherAir(air: Air, how: keyof typeof HOW, press?: StrangePress): Promise<void> {
  const now = air.clock.now();
  const here = press !== undefined && (await mayBeOurs(air, press.value));
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(ANOTHER_AIR_SETTING, "alone");
    const before = (await tx.setting<AnotherAir>(ANOTHER_AIR_SETTING)) ?? {};
    const pressed = press && { card: sha256(cardOf(press.value)), by: press.by, at: now.toISOString(), here };
    const presses = latest([...(pressed ? [pressed] : []), ...(before.presses ?? [])], now);
    const sure = how === "connections" || isEnough(presses);
    if (!sure) return tx.putSetting(ANOTHER_AIR_SETTING, { ...before, presses });
    const lately = before.at !== undefined && now.getTime() - Date.parse(before.at) < AGAIN_MS;
    const told = lately ? (before.toldAt ?? null) : null;
    const seen: AnotherAir = {
      at: now.toISOString(),
      how: HOW[how],
      since: (lately ? before.since : undefined) ?? now.toISOString(),
      presses,
      toldAt: told ?? now.toISOString(),
    };
    await tx.putSetting(ANOTHER_AIR_SETTING, seen);
    if (told !== null) return;
    const text = `Another air seems to use the same chat app: ${HOW[how]}. Presses and commands then reach only one of the two. Give each air a chat app of its own.`;
    await wantPages(tx, air, [{ incidentId: 0, actionId: null, step: "another-air", to: [{ kind: "ops" }], text, by: "air" }], now);
    air.log.warn("another air seems to use the same chat app", { how: HOW[how] });
  });
}

/** Each card once for each person, newest first. */
function latest(presses: readonly Press[], now: Date): Press[] {
  const fresh = presses.filter(({ at }) => now.getTime() - Date.parse(at) < WITHIN_MS);
  return [...new Map(fresh.toReversed().map((one) => [`${one.card} ${one.by}`, one])).values()].toReversed().slice(0, KEPT);
}

/**
 * One person who alters buttons makes as many as they like of cards that are here; of those alone it takes several people. Two airs make
 * cards that are not here.
 */
function isEnough(presses: readonly Press[]): boolean {
  const cards = new Set(presses.map(({ card }) => card));
  const people = new Set(presses.map(({ by }) => by));
  if (people.size > 1) return cards.size >= (presses.some(({ here }) => !here) ? BY_SEVERAL : BY_ONE);
  return new Set(presses.filter(({ here }) => !here).map(({ card }) => card)).size >= BY_ONE;
}

/** `ACT-7.3f9c2a7b` of a decision, the actions of a bulk one. */
const cardOf = (value: string): string =>
  value.startsWith("MANY.") ? value.split(".").slice(0, 4).join(".") : value.split(".").slice(0, 2).join(".");

/** The action stands here as the card says: its decision or its signature may have been altered. */
async function mayBeOurs(air: Air, value: string): Promise<boolean> {
  const [, id, version] = /^ACT-(\d{1,9})\.([0-9a-f]+)\./.exec(value) ?? [];
  if (id === undefined) return value.startsWith("MANY.");
  return (await air.store.action(Number(id)))?.version === version;
}
