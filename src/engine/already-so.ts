import { actionKinds } from "./actions/all.ts";
import type { Air } from "./air.ts";
import { handText } from "./cards/beside-us.ts";
import { capital } from "./cards/say.ts";
import { type DeviceHand, readStored } from "./domain/action.ts";
import { sameWish } from "./holding.ts";
import type { ActionRow, New } from "./store.ts";

/** `pending`: it is under way there, by somebody else's hand. */
export type Already = { text: string; pending: boolean };

/** Within a round of an investigation; what is not read by then is proposed, and read again before it is carried out. */
const LOOK_MS = 10_000;

/**
 * What is wanted may stand there already: the product itself disrupted the attack, or somebody isolated the device an hour ago. Nobody is asked
 * about that, nor about what somebody has just had the product do there. In the product's words; undefined: it is not so, cannot be told, or is
 * so because of an action of ours, which then holds it together with this one.
 */
export async function alreadySo(air: Pick<Air, "capabilities" | "clock" | "store">, row: New<ActionRow>): Promise<Already | undefined> {
  const kind = actionKinds[row.kind];
  if (row.connector === null || row.kind === "expand-investigation") return undefined;
  try {
    const about = { params: readStored(row.params).params, since: air.clock.now() };
    const state = await kind.state(row.target, air.capabilities, AbortSignal.timeout(LOOK_MS), about);
    if (state.kind !== "reached") return underWay(row);
    const ours = await air.store.transaction((tx) => tx.onTarget(row));
    return ours.some((other) => sameWish(other, row)) ? undefined : { text: withHand(state.text, row), pending: false };
  } catch {
    return undefined;
  }
}

/** What the product is about to do there is not asked for again; whoever asked for it is named. */
function underWay(row: New<ActionRow>): Already | undefined {
  const hand = handsOn(row).find(({ state }) => state !== "done");
  return hand && { text: `Pending in ${capital(row.connector ?? "the product")}: ${handText(hand)}.`, pending: true };
}

function withHand(text: string, row: New<ActionRow>): string {
  const hand = handsOn(row).find(({ state }) => state === "done");
  return hand ? `${text} In ${capital(row.connector ?? "the product")}: ${handText(hand)}.` : text;
}

/** What others had the product do to the device that is the same as this action. */
function handsOn({ kind, target, params, blastRadius }: New<ActionRow>): DeviceHand[] {
  return (blastRadius.besideUs?.hands ?? []).filter((hand) => {
    if (hand.kind !== kind) return false;
    if (kind === "quarantine-file") return target.kind === "file" && hand.of !== undefined && hand.of === target.sha1?.toLowerCase();
    return kind !== "scan-device" || hand.of === readStored(params).params.type;
  });
}
