import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities, Indicator, IndicatorCapability } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";

/** What blocking and unblocking have in common. */
export function needIndicators(capabilities: Capabilities): IndicatorCapability {
  if (capabilities.indicators) return capabilities.indicators;
  throw new ConnectorError("refused", "No product that blocks indicators is connected; nothing was done.");
}

export function indicatorOf(target: Entity): Indicator {
  const indicator = asIndicator(target);
  if (indicator) return indicator;
  throw new ConnectorError("refused", `${entityName(target)} cannot be blocked by its value; nothing was done.`);
}

/** A file is blocked by its hash; without one there is nothing to put on a list. */
export function asIndicator(target: Entity): Indicator | undefined {
  if (target.kind === "file") return target.sha256 || target.sha1 || target.md5 ? target : undefined;
  return target.kind === "ip" || target.kind === "domain" || target.kind === "url" ? target : undefined;
}

/** Lists answer at once; the list is read again afterwards. What was entered carries the key of its action. */
export const listRun: Pick<ActionKind, "follow" | "findRun"> = {
  follow: async (ticket) => ({ id: ticket, state: "done" }),
  findRun: (target, { indicators }, { key }, signal) => indicators?.findRun?.(indicatorOf(target), key, signal),
};

const NOUNS: Partial<Record<Entity["kind"], string>> = { file: "file hash", ip: "address", domain: "domain", url: "URL" };
/** Many files bear one name, so a file is told by the beginning of its hash too. */
export const indicatorName = (target: Entity) => {
  const hash = target.kind === "file" ? (target.sha256 ?? target.sha1 ?? target.md5) : undefined;
  const short = hash && hash !== entityName(target) ? ` (${hash.slice(0, 8)}…)` : "";
  return `${NOUNS[target.kind] ?? target.kind} ${entityName(target)}${short}`;
};

export async function indicatorReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  const indicator = indicatorOf(target);
  const current = await needIndicators(capabilities).find(indicator, signal);
  // How common it is at home is what a person wants to know before blocking it everywhere.
  const places = indicator.kind === "file" && capabilities.devices ? await capabilities.devices.seenOn(indicator, signal) : undefined;
  const common = places ? undefined : await prevalenceOf(indicator, capabilities, signal);
  return {
    count: 1,
    unit: "indicator",
    facts: [
      "applies to every device the product watches",
      ...(places
        ? [`the file is seen on ${places.length} of our devices${places.length > 0 ? `: ${places.slice(0, 5).join(", ")}` : ""}`]
        : []),
      ...(common ? [common.text] : []),
      ...(current
        ? [
            `there is already an indicator for it: ${current.action}${current.expiresAt ? ` until ${current.expiresAt.toISOString().slice(0, 10)}` : ""}`,
          ]
        : []),
    ],
    protectedHits: [],
    ...(common?.devices === undefined || indicator.kind === "url" ? {} : { seenFrom: common.devices }),
    readAt: now.toISOString(),
  };
}

/** The one who decides waits for the card, not for this; asked once, the answer is there for the next look. */
const PREVALENCE_WITHIN_MS = 1_000;

/** That it cannot be read hides nothing else of the card, and is said. */
async function prevalenceOf(
  indicator: Indicator,
  { hunting }: Capabilities,
  signal: AbortSignal,
): Promise<{ text: string; devices?: number } | undefined> {
  if (!hunting) return undefined;
  try {
    const { devices, names } = await hunting.seenOn(indicator, AbortSignal.any([signal, AbortSignal.timeout(PREVALENCE_WITHIN_MS)]));
    const some = names.length > 0 ? `: ${names.slice(0, 5).join(", ")}${devices > 5 ? " and others" : ""}` : "";
    return { text: `seen from ${devices} of our devices in ${hunting.days} days${some}`, devices };
  } catch (error) {
    if (error instanceof ConnectorError) return { text: `how common it is here cannot be read: ${error.message}` };
    throw error;
  }
}
