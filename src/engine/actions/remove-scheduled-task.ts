import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { handwork, onDevice, quotedName, theDevice } from "./by-hand.ts";

export const removeScheduledTask = handwork({
  kind: "remove-scheduled-task",
  family: "device",
  targets: ["scheduled-task"],
  params: NoParams,
  permission: "Machine.LiveResponse",
  idempotency: "A task that was deleted is not there to be deleted again.",
  title: (target) => `Remove the scheduled task ${entityName(target)}${onDevice(target)}`,
  effect: (target) => `What the task ${entityName(target)} starts is not started by it any more.`,
  ifNot: (target) => `The task ${entityName(target)} starts its program again${onDevice(target)}.`,
  undo: { by: undefined, text: "Cannot be undone from here: register the task again from the copy that was exported before." },
  disruptive: false,
  steps: (target) => {
    const name = quotedName(entityName(target));
    return `Remove the task by hand: open an administrator's PowerShell on ${theDevice(target)}, keep a copy with schtasks /query /tn ${name} /xml > task.xml, then run schtasks /end /tn ${name} and schtasks /delete /tn ${name} /f.`;
  },
});
