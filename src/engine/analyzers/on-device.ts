import type { DeviceCapability, DeviceFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";

/**
 * Which device a question is about: the one the entity names, or the incident's only one. With several and none named nobody can say,
 * and then nothing is asked.
 */
export function deviceNamed(device: string | undefined, { entities }: LookContext): string | undefined {
  if (device) return device;
  const names = new Set(entities.flatMap(({ entity }) => (entity.kind === "device" ? [entity.name ?? entity.id ?? ""] : [])));
  const [only] = names;
  return names.size === 1 && only ? only : undefined;
}

/** An id of a device as Defender (40 hexadecimal characters) and most others (a GUID, 32 characters) write it. */
const IS_ID = /^([0-9a-f]{40}|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** Sources name the device of a file by its name, and by its id where they know no name. */
export const findDevice = (devices: DeviceCapability, called: string, signal: AbortSignal): Promise<DeviceFacts | undefined> =>
  devices.find(IS_ID.test(called) ? { kind: "device", id: called } : { kind: "device", name: called }, signal);
