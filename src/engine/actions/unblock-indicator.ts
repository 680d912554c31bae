import { NoParams } from "../domain/action.ts";
import type { ActionKind } from "./action-kind.ts";
import { asIndicator, indicatorName, indicatorOf, indicatorReach, listRun, needIndicators } from "./on-indicator.ts";

export const unblockIndicator: ActionKind = {
  kind: "unblock-indicator",
  family: "network",
  targets: ["file", "ip", "domain", "url"],
  params: NoParams,
  permission: "Ti.ReadWrite",
  idempotency: "An entry that is gone cannot be deleted twice; that it is gone is what was wanted.",
  title: (target) => `Unblock ${indicatorName(target)}`,
  effect: (target) => `The ${indicatorName(target)} is taken off the block list.`,
  ifNot: (target) => `The ${indicatorName(target)} stays blocked on every device.`,
  undo: { by: "block-indicator", text: "Block it again." },
  disruptive: false,
  connector: (target, { indicators }) =>
    indicators && asIndicator(target)
      ? { name: indicators.connector }
      : {
          byHand: `Take the ${indicatorName(target)} off the block list by hand: find it in your endpoint product (Defender: Settings, Endpoints, Indicators), proxy or firewall and delete the entry.`,
        },
  reach: indicatorReach,
  state: async (target, capabilities, signal) => {
    const current = await needIndicators(capabilities).find(indicatorOf(target), signal);
    // It takes back an allow entry too.
    return current
      ? { kind: "notReached", text: `The ${indicatorName(target)} is on the ${current.action} list.` }
      : { kind: "reached", text: `The ${indicatorName(target)} is on no list.` };
  },
  execute: async (target, capabilities, { comment, key }, signal) =>
    needIndicators(capabilities).unblock(indicatorOf(target), comment, key, signal),
  ...listRun,
};
