import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceReach, deviceRun, findDevice, mustFindDevice, unknownDevice } from "./on-device.ts";

export const isolateDevice: ActionKind = {
  kind: "isolate-device",
  family: "device",
  targets: ["device"],
  params: NoParams,
  permission: "Machine.Isolate",
  idempotency: "Isolating an isolated device changes nothing; a request that is already pending is answered with the pending one.",
  title: (target) => `Isolate ${entityName(target)}`,
  effect: (target) => `${entityName(target)} is cut off from the network; it stays reachable for the security product.`,
  ifNot: (target, threat) => `${entityName(target)} stays on the network${threat ? " with the threat on it" : ""}.`,
  undo: { by: "release-device", text: "Release it from isolation." },
  disruptive: true,
  connector: (target, { devices }) =>
    devices
      ? { name: devices.connector }
      : {
          byHand: `Isolate ${entityName(target)} by hand: open its device page in your endpoint product and choose Isolate device, or take it off the network at the switch or access point. Leave it switched on, so that its memory can be examined.`,
        },
  reach: deviceReach,
  state: async (target, capabilities, signal) => {
    const found = await findDevice(target, capabilities, signal);
    if (!found) return unknownDevice(target);
    return found.device.isolated
      ? { kind: "reached", text: `${found.device.name} is isolated.` }
      : { kind: "notReached", text: `${found.device.name} is on the network.` };
  },
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return devices.isolate(device.id, comment, key, signal);
  },
  ...deviceRun,
};
