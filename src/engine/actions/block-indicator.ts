import { NoParams } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { quotedName } from "./by-hand.ts";
import { asIndicator, indicatorName, indicatorOf, indicatorReach, listRun, needIndicators } from "./on-indicator.ts";

/** What Microsoft's tenant list does by default (domain 1.7); a block nobody remembers must not last for ever. */
const BLOCK_DAYS = 30;

export const blockIndicator: ActionKind = {
  kind: "block-indicator",
  family: "network",
  targets: ["file", "ip", "domain", "url"],
  params: NoParams,
  permission: "Ti.ReadWrite",
  idempotency: "Posting the same value again updates the entry there is.",
  title: (target) => `Block ${indicatorName(target)}`,
  effect: (target) => `The ${indicatorName(target)} is blocked on every device for ${BLOCK_DAYS} days.`,
  ifNot: (target) => `The ${indicatorName(target)} ${target.kind === "file" ? "can still run on" : "stays reachable from"} every device.`,
  undo: { by: "unblock-indicator", text: "Take it off the block list." },
  disruptive: false,
  connector: (target, { indicators }) => {
    if (!asIndicator(target)) {
      return {
        byHand: `The ${indicatorName(target)} has no hash to block. Find the file in your endpoint product, open its page and choose Add indicator.`,
      };
    }
    if (indicators) return { name: indicators.connector };
    return {
      byHand: `Block the ${indicatorName(target)} by hand: add it to the block list of your endpoint product (Defender: Settings, Endpoints, Indicators, Add item, Block) or of your proxy or firewall, with ${BLOCK_DAYS} days to expiry.${inMail(target)}`,
    };
  },
  reach: indicatorReach,
  state: async (target, capabilities, signal) => {
    const current = await needIndicators(capabilities).find(indicatorOf(target), signal);
    if (current?.action === "block") return { kind: "reached", text: `The ${indicatorName(target)} is blocked.` };
    return {
      kind: "notReached",
      text: current ? `An indicator allows the ${indicatorName(target)}.` : `The ${indicatorName(target)} is not on the block list.`,
    };
  },
  execute: async (target, capabilities, { comment, key, now }, signal) =>
    needIndicators(capabilities).block(indicatorOf(target), new Date(now.getTime() + BLOCK_DAYS * 86_400_000), comment, key, signal),
  ...listRun,
};

/** Mail has a list of its own, which only Exchange's cmdlets write (domain 3.2). */
function inMail(target: Entity): string {
  const [type, entry] =
    target.kind === "url"
      ? ["Url", target.url]
      : target.kind === "domain"
        ? ["Url", target.name]
        : target.kind === "file" && target.sha256
          ? ["FileHash", target.sha256]
          : [];
  if (type === undefined || entry === undefined) return "";
  return ` In mail too, in Exchange PowerShell: New-TenantAllowBlockListItems -ListType ${type} -Block -Entries ${quotedName(entry)} -ExpirationDate (Get-Date).AddDays(${BLOCK_DAYS}).`;
}
