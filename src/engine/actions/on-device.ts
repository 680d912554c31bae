import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities, DeviceCapability, DeviceFacts, DeviceRun } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind, DesiredState } from "./action-kind.ts";

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

function needDevices(capabilities: Capabilities): DeviceCapability {
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
    device.usersKnown === false
      ? "who is signed in could not be read"
      : people === 0
        ? "nobody is signed in"
        : `${people} ${people === 1 ? "person is" : "people are"} signed in: ${device.users.join(", ")}`,
    ...(device.tags?.length ? [`tagged ${device.tags.slice(0, 5).join(", ")}`] : []),
    ...(device.owner ? [`belongs to ${device.owner}`] : []),
    device.online ? "online now" : "offline: it happens when the device is back, for at most 3 days",
    ...(device.isolated ? ["isolated from the network"] : []),
    ...(device.restricted ? ["only signed programs may run on it"] : []),
    ...(device.onboarded === false ? ["offboarded: the product does not reach it any more"] : []),
  ];
}

export const unknownDevice = (target: Entity): DesiredState => ({
  kind: "missing",
  text: `The inventory does not know ${deviceOf(target)?.name ?? entityName(target)}.`,
});

/** How an operation on a device is followed, found again and given up: the same for all of them. */
export const deviceRun: Pick<ActionKind, "follow" | "findRun" | "cancel"> = {
  follow: (ticket, capabilities, signal) => needDevices(capabilities).follow(ticket, signal),
  findRun: (_target, { devices }, call, signal) => devices?.findRun?.(call.key, call.since, signal),
  cancel: (ticket, capabilities, comment, signal) => capabilities.devices?.cancel?.(ticket, comment, signal),
};

/** A call only some products have: bound to its product, or refused by name. */
export function needCall<K extends OptionalCall>(devices: DeviceCapability, call: K): NonNullable<DeviceCapability[K]> {
  const found = devices[call];
  if (!found) throw new ConnectorError("refused", `${devices.connector} has no call for this; nothing was done.`);
  return found.bind(devices) as NonNullable<DeviceCapability[K]>;
}
type OptionalCall = "restrictExecution" | "unrestrictExecution" | "scan" | "collectPackage" | "offboard" | "lastRun";

/** May only what the vendor signed run on the device, compared with what is wanted. */
export async function restrictionState(
  target: Entity,
  wanted: boolean,
  capabilities: Capabilities,
  signal: AbortSignal,
): Promise<DesiredState> {
  const found = await findDevice(target, capabilities, signal);
  if (!found) return unknownDevice(target);
  const { name, restricted } = found.device;
  if (restricted === undefined) return { kind: "unreadable", text: `${found.devices.connector} does not say what may run on ${name}.` };
  const text = restricted ? `On ${name} only signed programs may run.` : `On ${name} every program may run.`;
  return { kind: restricted === wanted ? "reached" : "notReached", text };
}

/** Was it done since the action was proposed? What was done before that is not what was asked for. */
export async function runState(
  target: Entity,
  { run, what }: { run: DeviceRun; what: string },
  capabilities: Capabilities,
  signal: AbortSignal,
  since: Date | undefined,
): Promise<DesiredState> {
  const found = await findDevice(target, capabilities, signal);
  if (!found) return unknownDevice(target);
  const { name, id } = found.device;
  if (!found.devices.lastRun)
    return { kind: "unreadable", text: `${found.devices.connector} does not say when that last happened on ${name}.` };
  const at = await found.devices.lastRun(id, run, signal);
  if (!at) return { kind: "notReached", text: `${what} of ${name} was not asked for yet.` };
  const when = `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  return since && at >= since
    ? { kind: "reached", text: `${what} of ${name} was finished at ${when}.` }
    : { kind: "notReached", text: `${what} of ${name} was last finished at ${when}, before this was asked for.` };
}
