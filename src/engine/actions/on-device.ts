import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities, DeviceCapability, DeviceFacts } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { DesiredState } from "./action-kind.ts";

/** What the actions on a device have in common: finding it, and saying whom it would reach. */
export async function findDevice(
  target: Entity,
  capabilities: Capabilities,
  signal: AbortSignal,
): Promise<{ devices: DeviceCapability; device: DeviceFacts } | undefined> {
  const devices = needDevices(capabilities);
  const named = deviceOf(target);
  const device = named && (await devices.find(named, signal));
  return device ? { devices, device } : undefined;
}

/** The device an action runs on: the target itself, or the one a file names. */
function deviceOf(target: Entity): Extract<Entity, { kind: "device" }> | undefined {
  if (target.kind === "device") return target;
  return target.kind === "file" && target.device ? { kind: "device", name: target.device } : undefined;
}

export function needDevices(capabilities: Capabilities): DeviceCapability {
  if (capabilities.devices) return capabilities.devices;
  throw new ConnectorError("refused", "No product that acts on devices is connected; nothing was done.");
}

export async function mustFindDevice(target: Entity, capabilities: Capabilities, signal: AbortSignal) {
  const found = await findDevice(target, capabilities, signal);
  if (found) return found;
  const name = deviceOf(target)?.name ?? entityName(target);
  throw new ConnectorError("refused", `${needDevices(capabilities).connector} does not know the device ${name}; nothing was done.`);
}

export async function deviceReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  const found = await findDevice(target, capabilities, signal);
  const radius = { count: 1, unit: "device", protectedHits: [], readAt: now.toISOString() } as const;
  if (!found) return { ...radius, facts: ["the inventory does not know this device"], protectedHits: [] };
  return { ...radius, facts: deviceLines(found.device), protectedHits: [], online: found.device.online };
}

export function deviceLines(device: DeviceFacts): string[] {
  const people = device.users.length;
  return [
    device.role === "unknown" ? `role unknown, ${device.os}` : `${device.role.replace("-", " ")}, ${device.os}`,
    people === 0 ? "nobody is signed in" : `${people} ${people === 1 ? "person is" : "people are"} signed in: ${device.users.join(", ")}`,
    ...(device.owner ? [`belongs to ${device.owner}`] : []),
    device.online ? "online now" : "offline: it happens when the device is back, for at most 3 days",
    ...(device.isolated ? ["isolated from the network"] : []),
  ];
}

export const unknownDevice = (target: Entity): DesiredState => ({
  kind: "missing",
  text: `The inventory does not know ${deviceOf(target)?.name ?? entityName(target)}.`,
});
