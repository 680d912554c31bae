import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceReach, deviceRun, mustFindDevice, needCall, restrictionState } from "./on-device.ts";

export const restrictExecution: ActionKind = {
  kind: "restrict-execution",
  family: "device",
  targets: ["device"],
  params: NoParams,
  permission: "Machine.RestrictExecution",
  idempotency: "Restricting a restricted device changes nothing; a request that is already pending is answered with the pending one.",
  title: (target) => `Restrict what may run on ${entityName(target)}`,
  effect: (target) =>
    `On ${entityName(target)} only programs signed by Microsoft start; everything else is refused, and its people are told.`,
  ifNot: (target) => `${entityName(target)} goes on starting whatever is on it.`,
  undo: { by: "unrestrict-execution", text: "Lift the restriction." },
  disruptive: true,
  connector: (target, { devices }) =>
    devices?.restrictExecution
      ? { name: devices.connector }
      : {
          byHand: `Restrict ${entityName(target)} by hand: open its device page in your endpoint product and choose Restrict app execution, or put it under an application control policy (WDAC, AppLocker) that allows Microsoft's programs only.`,
        },
  reach: deviceReach,
  state: (target, capabilities, signal) => restrictionState(target, true, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return needCall(devices, "restrictExecution")(device.id, comment, key, signal);
  },
  ...deviceRun,
};
