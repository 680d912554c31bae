import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceReach, deviceRun, mustFindDevice, needCall, runState } from "./on-device.ts";

export const collectPackage: ActionKind = {
  kind: "collect-package",
  family: "device",
  targets: ["device"],
  params: NoParams,
  permission: "Machine.CollectForensics",
  idempotency:
    "A package collected after this was proposed counts as this one; the product refuses a second collection while one is running.",
  title: (target) => `Collect an investigation package from ${entityName(target)}`,
  effect: (target) =>
    `Autostarts, processes, connections, event logs and more of ${entityName(target)} are put into one archive, fetched from its device page.`,
  ifNot: (target) => `What ${entityName(target)} holds in memory and logs may be gone when somebody looks.`,
  undo: { by: undefined, text: "Cannot be undone: nothing on the device is changed. While it waits it can be cancelled in the product." },
  disruptive: false,
  connector: (target, { devices }) =>
    devices?.collectPackage && devices.lastRun
      ? { name: devices.connector }
      : {
          byHand: `Collect the package from ${entityName(target)} by hand: open its device page in your endpoint product and choose Collect investigation package, or run your own collector (KAPE, Velociraptor) on it before it is switched off.`,
        },
  reach: deviceReach,
  state: (target, capabilities, signal, about) =>
    runState(target, { run: "package", what: "An investigation package" }, capabilities, signal, about?.since),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return needCall(devices, "collectPackage")(device.id, comment, key, signal);
  },
  ...deviceRun,
};
