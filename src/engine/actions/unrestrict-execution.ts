import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceReach, deviceRun, mustFindDevice, needCall, restrictionState } from "./on-device.ts";

export const unrestrictExecution: ActionKind = {
  kind: "unrestrict-execution",
  family: "device",
  targets: ["device"],
  params: NoParams,
  permission: "Machine.RestrictExecution",
  idempotency:
    "Lifting a restriction that is not there changes nothing; a request that is already pending is answered with the pending one.",
  title: (target) => `Lift the restriction on ${entityName(target)}`,
  effect: (target) => `Every program on ${entityName(target)} can start again, with whatever is still on it.`,
  ifNot: (target) => `${entityName(target)} stays restricted and its people cannot use their programs.`,
  undo: { by: "restrict-execution", text: "Restrict it again." },
  disruptive: false,
  connector: (target, { devices }) =>
    devices?.unrestrictExecution
      ? { name: devices.connector }
      : {
          byHand: `Lift the restriction on ${entityName(target)} by hand: open its device page in your endpoint product and choose Remove app restrictions, or take it out of the application control policy it was put under.`,
        },
  reach: deviceReach,
  state: (target, capabilities, signal) => restrictionState(target, false, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return needCall(devices, "unrestrictExecution")(device.id, comment, key, signal);
  },
  ...deviceRun,
};
