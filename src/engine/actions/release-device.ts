import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceReach, deviceRun, findDevice, mustFindDevice, unknownDevice } from "./on-device.ts";

export const releaseDevice: ActionKind = {
  kind: "release-device",
  family: "device",
  targets: ["device"],
  params: NoParams,
  permission: "Machine.Isolate",
  idempotency:
    "Releasing a device that is not isolated changes nothing; a request that is already pending is answered with the pending one.",
  title: (target) => `Release ${entityName(target)} from isolation`,
  effect: (target) => `${entityName(target)} is back on the network, with whatever is still on it.`,
  ifNot: (target) => `${entityName(target)} stays isolated and its people cannot work on the network.`,
  undo: { by: "isolate-device", text: "Isolate it again." },
  disruptive: false,
  connector: (target, { devices }) =>
    devices
      ? { name: devices.connector }
      : {
          byHand: `Release ${entityName(target)} by hand: open its device page in your endpoint product and choose Release from isolation, or put it back on the network where it was taken off.`,
        },
  reach: deviceReach,
  state: async (target, capabilities, signal) => {
    const found = await findDevice(target, capabilities, signal);
    if (!found) return unknownDevice(target);
    return found.device.isolated
      ? { kind: "notReached", text: `${found.device.name} is isolated.` }
      : { kind: "reached", text: `${found.device.name} is on the network.` };
  },
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return devices.release(device.id, comment, key, signal);
  },
  ...deviceRun,
};
