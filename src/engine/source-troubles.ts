import { time } from "./cards/say.ts";
import { type ListState, POLL_SETTINGS, type PollState } from "./poll-state.ts";
import type { Reads } from "./store.ts";

/** What keeps alerts or cards from people: `plain` names nobody and nothing, `told` is for whoever may look. */
export type Trouble = { plain: string; told: string };

/** One that was not asked for as long is asked no more: its connector was taken away. */
const ASKED_MS = 3_600_000;

/** Sources that are asked and do not answer, since somebody was told. */
export async function sourceTroubles(reads: Pick<Reads, "settingsUnder">, now: Date): Promise<Trouble[]> {
  const states = await reads.settingsUnder<PollState>(POLL_SETTINGS);
  return states.flatMap(({ product, alerts, incidents }) =>
    (
      [
        ["alerts", alerts],
        ["incidents", incidents],
      ] as const
    ).flatMap(([list, state]) => (isSilent(state, now) ? [said(product, list, state)] : [])),
  );
}

const isSilent = ({ told, askedAt }: ListState, now: Date) =>
  told === true && askedAt !== undefined && now.getTime() - Date.parse(askedAt) < ASKED_MS;

const said = (product: string, list: string, { failingSince, reason }: ListState): Trouble => ({
  plain: `${list} of ${product} cannot be read`,
  told: `${product} is silent${failingSince ? ` since ${time(failingSince)}` : ""}, its ${list} cannot be read: ${reason ?? "no answer"}`,
});
