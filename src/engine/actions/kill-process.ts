import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { handwork, onDevice, quotedName, theDevice } from "./by-hand.ts";

export const killProcess = handwork({
  kind: "kill-process",
  family: "device",
  targets: ["process"],
  params: NoParams,
  permission: "Machine.LiveResponse",
  idempotency: "A process that has ended is not there to be stopped a second time; a new one of the same name has another number.",
  title: (target) => `Stop the process ${entityName(target)}${onDevice(target)}`,
  effect: (target) => `The running ${entityName(target)} ends, with what it has not saved; its file stays.`,
  ifNot: (target) => `${entityName(target)} goes on running${onDevice(target)}.`,
  undo: { by: undefined, text: "Cannot be undone: start the program again if it was needed." },
  disruptive: true,
  steps: (target) => {
    const which =
      target.kind === "process" && target.pid !== undefined
        ? `run "Stop-Process -Id ${target.pid} -Force", after Get-Process -Id ${target.pid} showed ${entityName(target)} under that number`
        : `find it with Get-Process, compare its path${target.kind === "process" && target.path ? ` with ${quotedName(target.path)}` : ""}, and run Stop-Process -Force with its number`;
    return `Stop the process by hand: open a live response session or an administrator's PowerShell on ${theDevice(target)}, ${which}. If its file is bad too, Stop and quarantine file does both.`;
  },
});
