import type { DeviceHand } from "../../../engine/domain/action.ts";
import { createdAt, endedAt, isAirs, isOpen, lastOf, type MachineAction, scanOf } from "./machine-actions.ts";

const KINDS: Readonly<Record<string, DeviceHand["kind"]>> = {
  isolate: "isolate-device",
  unisolate: "release-device",
  restrictcodeexecution: "restrict-execution",
  unrestrictcodeexecution: "unrestrict-execution",
  runantivirusscan: "scan-device",
  collectinvestigationpackage: "collect-package",
  offboard: "offboard-device",
  stopandquarantinefile: "quarantine-file",
};
const SHOWN = 10;

/**
 * What others had Defender do on this device: what waits or runs, and what still holds (isolated, restricted, offboarded). A scan that is over
 * holds nothing.
 */
export function besideUs(actions: readonly MachineAction[], offboarded: boolean): DeviceHand[] {
  const holds = [
    lastOf(actions, "Isolate", "Unisolate"),
    lastOf(actions, "RestrictCodeExecution", "UnrestrictCodeExecution"),
    ...(offboarded ? [lastOf(actions, "Offboard")] : []),
  ].filter((action) => action !== undefined && /^(Isolate|RestrictCodeExecution|Offboard)$/i.test(action.type));
  const open = actions.filter(isOpen).toSorted((a, b) => createdAt(b) - createdAt(a));
  return [...open, ...holds]
    .flatMap((action): DeviceHand[] => {
      const kind = action && KINDS[action.type.toLowerCase()];
      if (!action || !kind || isAirs(action)) return [];
      const ended = !isOpen(action);
      const at = ended ? endedAt(action) : createdAt(action);
      const of = kind === "quarantine-file" ? action.relatedFileInfo?.fileIdentifier?.toLowerCase() : scanOf(action);
      return [
        {
          kind,
          state: ended ? "done" : /^inprogress$/i.test(action.status) ? "running" : "waiting",
          ...(action.requestor ? { by: [...action.requestor].slice(0, 200).join("") } : {}),
          ...(at > 0 ? { at: new Date(at).toISOString() } : {}),
          ...(of ? { of } : {}),
        },
      ];
    })
    .slice(0, SHOWN);
}
