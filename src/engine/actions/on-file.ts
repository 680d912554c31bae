import type { BlastRadius } from "../domain/action.ts";
import type { Entity, EntityOf } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { DesiredState } from "./action-kind.ts";
import { deviceLines, findDevice, unknownDevice } from "./on-device.ts";

/** What quarantining a file and giving it back have in common: one file, by hash, on one device. */
export const fileOf = (target: Entity): EntityOf<"file"> => {
  if (target.kind === "file") return target;
  throw new ConnectorError("refused", `This can only be done to a file, not to a ${target.kind}; nothing was done.`);
};

export const hasHash = (target: Entity) => target.kind === "file" && Boolean(target.sha256 || target.sha1 || target.md5);
export const fileAndPlace = (target: Entity) =>
  target.kind === "file" && target.device ? `${entityName(target)} on ${target.device}` : entityName(target);

export async function fileReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  const file = fileOf(target);
  const found = await findDevice(target, capabilities, signal);
  const radius: BlastRadius = { count: 1, unit: "file", facts: [], protectedHits: [], readAt: now.toISOString() };
  if (!found) return { ...radius, facts: ["the inventory does not know this device"] };
  const places = hasHash(file) ? await found.devices.seenOn(file, signal) : [];
  return {
    ...radius,
    online: found.device.online,
    facts: [
      `seen on ${places.length} of our devices; only the copy on ${found.device.name} is touched`,
      ...(file.path ? [`lies in ${file.path}`] : []),
      file.signer ? `signed by ${file.signer}` : "not known to be signed",
      ...deviceLines(found.device),
    ],
  };
}

/** Is the file quarantined, compared with what is wanted. */
export async function quarantineState(
  target: Entity,
  wanted: boolean,
  capabilities: Capabilities,
  signal: AbortSignal,
): Promise<DesiredState> {
  const file = fileOf(target);
  const found = await findDevice(target, capabilities, signal);
  if (!found) return unknownDevice(target);
  const quarantined = await found.devices.isQuarantined(found.device.id, file, signal);
  if (quarantined === undefined) return { kind: "unreadable", text: `${found.devices.connector} does not say where the file is.` };
  const text = quarantined ? `${fileAndPlace(target)} is in quarantine.` : `${fileAndPlace(target)} is not in quarantine.`;
  return { kind: quarantined === wanted ? "reached" : "notReached", text };
}
