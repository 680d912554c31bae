import { NoParams } from "../domain/action.ts";
import { handwork, quotedName } from "./by-hand.ts";

export const removeRegistryKey = handwork({
  kind: "remove-registry-key",
  family: "device",
  targets: ["registry"],
  params: NoParams,
  permission: "Machine.LiveResponse",
  idempotency: "What was deleted cannot be deleted again; a missing value is what was wanted.",
  title: (target) => `Remove the registry entry ${shortName(target)}`,
  effect: () => "What this entry starts or switches no longer happens from the next restart or sign-in on.",
  ifNot: (target) => `${shortName(target)} stays, and what it starts comes back after a restart.`,
  undo: { by: undefined, text: "Cannot be undone from here: import the copy that was exported before." },
  disruptive: false,
  steps: (target) => {
    const key = target.kind === "registry" ? target.key : "";
    const value = target.kind === "registry" ? target.value : undefined;
    const what = value
      ? `run reg delete ${quotedName(key)} /v ${quotedName(value)} /f`
      : `delete the value or key with reg delete ${quotedName(key)}`;
    return `Remove it by hand: open an administrator's PowerShell on the device the alert names, keep a copy with reg export ${quotedName(key)} before.reg, then ${what}. Check with reg query that it is gone and does not come back.`;
  },
});

const shortName = (target: Parameters<typeof removeRegistryKey.title>[0]) => {
  if (target.kind !== "registry") return target.kind;
  const key = target.key.length > 80 ? `…${target.key.slice(-79)}` : target.key;
  return target.value ? `${key}, ${target.value.slice(0, 80)}` : key;
};
