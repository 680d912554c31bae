import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { AccessKeyCapability, AccessKeyFacts, Capabilities } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { DesiredState } from "./action-kind.ts";

/** What switching a cloud account's key off and on have in common. */
function needKeys({ accessKeys }: Capabilities): AccessKeyCapability {
  if (accessKeys) return accessKeys;
  throw new ConnectorError("refused", "No cloud account whose keys air may switch is connected; nothing was done.");
}

async function findKey(target: Entity, capabilities: Capabilities, signal: AbortSignal): Promise<AccessKeyFacts | undefined> {
  if (target.kind !== "access-key")
    throw new ConnectorError("refused", `This can only be done to an access key, not to a ${target.kind}; nothing was done.`);
  return needKeys(capabilities).find(target, signal);
}

export async function mustFindKey(target: Entity, capabilities: Capabilities, signal: AbortSignal) {
  const keys = needKeys(capabilities);
  const key = await findKey(target, capabilities, signal);
  if (key) return { keys, accessKey: key };
  throw new ConnectorError("refused", `${keys.connector} does not know the access key ${entityName(target)}; nothing was done.`);
}

export async function keyState(target: Entity, wanted: boolean, capabilities: Capabilities, signal: AbortSignal): Promise<DesiredState> {
  const key = await findKey(target, capabilities, signal);
  if (!key) return { kind: "missing", text: `The cloud account knows no access key ${entityName(target)}.` };
  return { kind: key.active === wanted ? "reached" : "notReached", text: `${key.id} is ${key.active ? "active" : "inactive"}.` };
}

const day = (at: Date) => at.toISOString().slice(0, 16).replace("T", " ");
export async function keyReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  const key = await findKey(target, capabilities, signal);
  const radius: BlastRadius = { count: 1, unit: "key", facts: [], protectedHits: [], readAt: now.toISOString() };
  if (!key) return { ...radius, facts: ["the cloud account does not know this key"] };
  return {
    ...radius,
    facts: [
      `${key.active ? "active" : "inactive"}${key.owner ? `, belongs to ${key.owner}` : ", owner not known"}`,
      ...(key.createdAt ? [`made at ${day(key.createdAt)} UTC`] : []),
      key.lastUsedAt
        ? `used last at ${day(key.lastUsedAt)} UTC${key.lastUsedFor ? ` for ${key.lastUsedFor}` : ""}`
        : "when it was used last is not known",
    ],
  };
}
