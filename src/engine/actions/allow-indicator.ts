import { NoParams } from "../domain/action.ts";
import type { ActionKind } from "./action-kind.ts";
import { asIndicator, indicatorName, indicatorOf, indicatorReach, listRun, needIndicators } from "./on-indicator.ts";

/** What the tenant list keeps an allow entry by default (domain facts 7): whoever still needs it then enters it again. */
const ALLOW_DAYS = 30;

export const allowIndicator: ActionKind = {
  kind: "allow-indicator",
  family: "network",
  targets: ["file", "ip", "domain", "url"],
  params: NoParams,
  permission: "Ti.ReadWrite",
  idempotency: "Posting the same value again updates the entry there is.",
  title: (target) => `Allow ${indicatorName(target)}`,
  effect: (target) =>
    `The ${indicatorName(target)} counts as clean for ${ALLOW_DAYS} days: nothing is proposed against it, whatever a source says.`,
  ifNot: (target) => `The ${indicatorName(target)} will be accused again the next time it is seen.`,
  undo: { by: "unblock-indicator", text: "Take it off the allow list." },
  disruptive: false,
  connector: (target, { indicators }) => {
    if (indicators && asIndicator(target)) return { name: indicators.connector };
    return {
      byHand: `Allow the ${indicatorName(target)} by hand: add it to the allow list of your endpoint product (Defender: Settings, Endpoints, Indicators, Add item, Allow) with ${ALLOW_DAYS} days to expiry.`,
    };
  },
  reach: indicatorReach,
  state: async (target, capabilities, signal) => {
    const current = await needIndicators(capabilities).find(indicatorOf(target), signal);
    if (current?.action === "allow") return { kind: "reached", text: `The ${indicatorName(target)} is on the allow list.` };
    return {
      kind: "notReached",
      text: current ? `The ${indicatorName(target)} is on the block list.` : `The ${indicatorName(target)} is on no list.`,
    };
  },
  execute: async (target, capabilities, { comment, key, now }, signal) =>
    needIndicators(capabilities).allow(indicatorOf(target), new Date(now.getTime() + ALLOW_DAYS * 86_400_000), comment, key, signal),
  ...listRun,
};
