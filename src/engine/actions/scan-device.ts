import { type Params, ScanParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { type ActionKind, paramsOf } from "./action-kind.ts";
import { deviceReach, deviceRun, mustFindDevice, needCall, runState } from "./on-device.ts";

export const scanDevice: ActionKind = {
  kind: "scan-device",
  family: "device",
  targets: ["device"],
  params: ScanParams,
  permission: "Machine.Scan",
  idempotency: "A scan that ended after this one was proposed counts as this one; one that is running is answered with the running one.",
  title: (target, params) => `Run a ${typeShown(params)} antivirus scan on ${entityName(target)}`,
  effect: (target, params) =>
    typeShown(params) === "full"
      ? `Every file on ${entityName(target)} is scanned: it takes hours and slows the device.`
      : `The places malware starts from are scanned on ${entityName(target)}: it takes minutes.`,
  ifNot: (target) => `Whether more lies on ${entityName(target)} is not known.`,
  undo: {
    by: undefined,
    text: "Cannot be undone: a scan changes nothing but what it finds and cleans. While it waits it can be cancelled in the product.",
  },
  disruptive: false,
  connector: (target, { devices }, params) =>
    devices?.scan && devices.lastRun
      ? { name: devices.connector }
      : {
          byHand: `Scan ${entityName(target)} by hand: open its device page in your endpoint product and choose Run antivirus scan, ${typeShown(params)}, or run Start-MpScan -ScanType ${typeShown(params) === "full" ? "FullScan" : "QuickScan"} in an administrator's PowerShell on it.`,
        },
  reach: deviceReach,
  state: (target, capabilities, signal, about) => {
    const { type } = paramsOf(ScanParams, about?.params);
    return runState(target, { run: `${type}-scan`, what: `A ${type} scan` }, capabilities, signal, about?.since);
  },
  execute: async (target, capabilities, { comment, key, params }, signal) => {
    const { type } = paramsOf(ScanParams, params);
    const { devices, device } = await mustFindDevice(target, capabilities, signal);
    return needCall(devices, "scan")(device.id, type, comment, key, signal);
  },
  ...deviceRun,
};

/** For texts: a card is drawn whatever is stored. */
const typeShown = (params: Params | undefined) => ScanParams.safeParse(params ?? {}).data?.type ?? "quick";
