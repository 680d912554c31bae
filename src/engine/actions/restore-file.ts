import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";
import { deviceRun, mustFindDevice } from "./on-device.ts";
import { fileAndPlace, fileOf, fileReach, quarantineState } from "./on-file.ts";

export const restoreFile: ActionKind = {
  kind: "restore-file",
  family: "device",
  targets: ["file"],
  params: NoParams,
  permission: "Machine.LiveResponse",
  idempotency: "A file that is back where it was is not restored again.",
  title: (target) => `Restore ${fileAndPlace(target)} from quarantine`,
  effect: (target) => `${entityName(target)} is back where it was and can run.`,
  ifNot: (target) => `${fileAndPlace(target)} stays in quarantine.`,
  undo: { by: "quarantine-file", text: "Quarantine it again." },
  disruptive: false,
  connector: (target, { devices }) => {
    if (devices?.restoreFile && target.kind === "file" && target.device) return { name: devices.connector };
    const device = (target.kind === "file" && target.device) || "the device";
    return {
      // learn.microsoft.com/defender-endpoint/respond-file-alerts, "Restore file from quarantine": there is no public call for it.
      byHand: `Restore ${entityName(target)} by hand, within 30 days: open a command prompt as administrator on ${device} and run "%ProgramFiles%\\Windows Defender\\MpCmdRun.exe" -Restore -Name EUS:Win32/CustomEnterpriseBlock -All (it gives back every file quarantined by request), or use the restore button of your endpoint product.`,
    };
  },
  reach: fileReach,
  state: (target, capabilities, signal) => quarantineState(target, false, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    if (!devices.restoreFile)
      throw new ConnectorError("refused", `${devices.connector} has no call that restores a file; nothing was done.`);
    return devices.restoreFile(device.id, fileOf(target), comment, key, signal);
  },
  ...deviceRun,
};
