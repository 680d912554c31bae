import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceReach, deviceRun, findDevice, mustFindDevice, needCall, unknownDevice } from "./on-device.ts";

export const offboardDevice: ActionKind = {
  kind: "offboard-device",
  family: "device",
  targets: ["device"],
  params: NoParams,
  permission: "Machine.Offboard",
  idempotency: "A device that was offboarded is not there to be offboarded again; the product says so.",
  title: (target) => `Offboard ${entityName(target)}`,
  effect: (target) => `The sensor on ${entityName(target)} is taken off: nothing on it is seen, isolated or cleaned any more.`,
  ifNot: (target) => `${entityName(target)} stays watched by the endpoint product.`,
  undo: {
    by: undefined,
    text: "Cannot be undone from here: onboard the device again by hand, with the onboarding package, on the device.",
  },
  disruptive: true,
  connector: (target, { devices }) =>
    devices?.offboard
      ? { name: devices.connector }
      : {
          byHand: `Offboard ${entityName(target)} by hand: download the offboarding package in your endpoint product (Defender: Settings, Endpoints, Offboarding), and run its script as administrator on the device before the package expires.`,
        },
  reach: deviceReach,
  state: async (target, capabilities, signal) => {
    const found = await findDevice(target, capabilities, signal);
    if (!found) return unknownDevice(target);
    const { name, onboarded } = found.device;
    if (onboarded === undefined)
      return { kind: "unreadable", text: `${found.devices.connector} does not say whether ${name} is onboarded.` };
    return onboarded ? { kind: "notReached", text: `${name} is onboarded.` } : { kind: "reached", text: `${name} is offboarded.` };
  },
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return needCall(devices, "offboard")(device.id, comment, key, signal);
  },
  ...deviceRun,
};
