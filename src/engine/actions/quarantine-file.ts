import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceRun, mustFindDevice } from "./on-device.ts";
import { fileAndPlace, fileOf, fileReach, hasHash, quarantineState } from "./on-file.ts";

export const quarantineFile: ActionKind = {
  kind: "quarantine-file",
  family: "device",
  targets: ["file"],
  params: NoParams,
  permission: "Machine.StopAndQuarantine",
  idempotency: "A file that is in quarantine is not moved again; a request that is already pending is answered with the pending one.",
  title: (target) => `Quarantine ${fileAndPlace(target)}`,
  effect: (target) => `${entityName(target)} is stopped if it runs and moved where it cannot be opened.`,
  ifNot: (target) => `${fileAndPlace(target)} stays where it is and can run.`,
  // Some products have no call for it: then restore-file itself offers no connector and says the steps.
  undo: { by: "restore-file", text: "Restore it from quarantine." },
  disruptive: false,
  connector: (target, { devices }) => {
    const name = entityName(target);
    if (target.kind === "file" && !target.device) {
      return {
        byHand: `The alert does not say on which device ${name} lies. Search your endpoint product for ${hasHash(target) ? "its hash" : "its name"}, open the file page and choose Stop and quarantine file.`,
      };
    }
    if (!hasHash(target)) {
      return {
        byHand: `${name} is known by its path only, and quarantine needs a hash. Open the device page in your endpoint product, find the file and choose Stop and quarantine file.`,
      };
    }
    if (devices) return { name: devices.connector };
    return {
      byHand: `Quarantine ${fileAndPlace(target)} by hand: search your endpoint product for its hash, open the file page and choose Stop and quarantine file.`,
    };
  },
  reach: fileReach,
  state: (target, capabilities, signal) => quarantineState(target, true, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return devices.quarantine(device.id, fileOf(target), comment, key, signal);
  },
  ...deviceRun,
};
