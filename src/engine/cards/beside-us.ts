import type { BlastRadius, DeviceHand } from "../domain/action.ts";
import { cut } from "./card.ts";
import { capital, outside, time } from "./say.ts";

/* What somebody had the product itself do to the device: air shows it, and does not ask for the same a second time. */

const DONE: Record<DeviceHand["kind"], string> = {
  "isolate-device": "isolated",
  "release-device": "released from isolation",
  "restrict-execution": "only signed programs may run, set",
  "unrestrict-execution": "restriction lifted",
  "scan-device": "scanned",
  "collect-package": "package collected",
  "offboard-device": "offboarded",
  "quarantine-file": "file quarantined",
};
const WANTED: Record<DeviceHand["kind"], string> = {
  "isolate-device": "isolation",
  "release-device": "release from isolation",
  "restrict-execution": "restriction of what may run",
  "unrestrict-execution": "lifting of the restriction",
  "scan-device": "scan",
  "collect-package": "collection of a package",
  "offboard-device": "offboarding",
  "quarantine-file": "quarantine of a file",
};

const who = ({ by, at }: DeviceHand) => `${by ? ` by ${cut(outside(by), 80)}` : ""}${at ? ` at ${time(at)}` : ""}`;
const shown = (texts: readonly string[]) =>
  texts.length === 0 ? undefined : `${texts.slice(0, 3).join(", ")}${texts.length > 3 ? ` and ${texts.length - 3} more` : ""}`;

/** "isolated by kai@contoso.com at 2026-10-04 09:12 UTC" */
export const handText = (hand: DeviceHand): string =>
  hand.state === "done"
    ? `${DONE[hand.kind]}${who(hand)}`
    : `${hand.of && hand.kind === "scan-device" ? `${hand.of} ` : ""}${WANTED[hand.kind]}, asked for${who(hand)}${hand.state === "running" ? ", runs now" : ""}`;

export const doneBesideUs = ({ besideUs }: Pick<BlastRadius, "besideUs">): string | undefined =>
  shown((besideUs?.hands ?? []).filter(({ state }) => state === "done").map(handText));

/** The row's name and what it says; undefined: nothing is under way there. */
export function pendingBesideUs({ besideUs }: Pick<BlastRadius, "besideUs">): readonly [string, string] | undefined {
  const text = shown((besideUs?.hands ?? []).filter(({ state }) => state !== "done").map(handText));
  return text === undefined ? undefined : [`Pending in ${capital(besideUs?.product ?? "the product")}`, text];
}
