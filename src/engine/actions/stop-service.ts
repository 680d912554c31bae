import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { handwork, onDevice, quotedName, theDevice } from "./by-hand.ts";

export const stopService = handwork({
  kind: "stop-service",
  family: "device",
  targets: ["service"],
  params: NoParams,
  permission: "Machine.LiveResponse",
  idempotency: "Stopping a stopped service and disabling a disabled one changes nothing.",
  title: (target) => `Stop the service ${entityName(target)}${onDevice(target)}`,
  effect: (target) => `The service ${entityName(target)} ends and does not start by itself any more; its program stays on the disk.`,
  ifNot: (target) => `The service ${entityName(target)} goes on running${onDevice(target)}, after restarts too.`,
  undo: { by: undefined, text: "Cannot be undone from here: set its start type back as it was noted, and start it." },
  disruptive: false,
  steps: (target) => {
    const name = quotedName(entityName(target));
    return `Stop the service by hand: open an administrator's PowerShell on ${theDevice(target)}, note how it starts with Get-Service ${name} | Select StartType and sc.exe qc ${name}, then run Stop-Service ${name} -Force and Set-Service ${name} -StartupType Disabled.`;
  },
});
