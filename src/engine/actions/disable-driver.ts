import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { handwork, onDevice, quotedName, theDevice } from "./by-hand.ts";

export const disableDriver = handwork({
  kind: "disable-driver",
  family: "device",
  targets: ["driver"],
  params: NoParams,
  permission: "Machine.LiveResponse",
  idempotency: "Disabling a disabled driver changes nothing.",
  title: (target) => `Disable the driver ${entityName(target)}${onDevice(target)}`,
  effect: (target) => `The driver ${entityName(target)} is not loaded any more from the next restart on; what needs it stops working.`,
  ifNot: (target) => `The driver ${entityName(target)} stays loaded${onDevice(target)}, with the rights of the system.`,
  undo: { by: undefined, text: "Cannot be undone from here: set its start type back as it was noted, and restart." },
  disruptive: true,
  steps: (target) => {
    const name = quotedName(entityName(target).replace(/\.sys$/i, ""));
    return `Disable the driver by hand: open an administrator's PowerShell on ${theDevice(target)}, note its start type with sc.exe qc ${name}, run sc.exe config ${name} start= disabled, and restart the device. A driver a disk or network card needs can keep the device from starting: have a recovery medium at hand.`;
  },
});
