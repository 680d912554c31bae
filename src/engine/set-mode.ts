import { type Air, actionId } from "./air.ts";
import { askAgain } from "./ask-again.ts";
import { audited, authorise } from "./authorise.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import type { Mode, Policy } from "./domain/policy.ts";
import { mustFit } from "./domain/words.ts";
import type { Capabilities } from "./ports.ts";
import type { ActionRow, Reads, Tx } from "./store.ts";

/** The mode an admin set by command, and since when it is in force. */
export type SetMode = { mode: Mode; by: string; at: string; reason: string };

/** The lab and real products have a mode each: what was tried in the lab says nothing about the real world. */
export const modeSetting = (lab: boolean) => (lab ? "mode-lab" : "mode");
/** There was a product that can act once: the first one begins in mode observe. */
const ACTING_SETTING = "acting-since";
/** Held shared by an execution that begins, alone by whatever stops executions: after it has committed, nothing begins. */
export const EXECUTIONS = "executions";

/** The mode as it stands in the row, for whoever decides inside a transaction; `policy.mode` may be some moments old. */
export async function modeNow(reads: Pick<Reads, "setting">, air: Pick<Air, "policy" | "capabilities">): Promise<Mode> {
  const policy = air.policy();
  if (!policy.modeByCommand) return policy.mode;
  return (await reads.setting<SetMode>(modeSetting(air.capabilities.lab)))?.mode ?? policy.mode;
}

/** Why this action is not carried out in this mode; taking something back stays possible in every mode. */
export function modeStops(mode: Mode, action: Pick<ActionRow, "undoes" | "decision" | "kind">): string | undefined {
  if (mode === "act" || action.undoes !== null || action.kind === "expand-investigation") return undefined;
  if (mode === "observe") return "mode observe: nothing is carried out until an admin sets ask or act";
  return action.decision?.decision === "automatic" ? "mode ask: everything asks" : undefined;
}

/**
 * Sets the mode (product contract 6). In the same transaction whatever the new mode does not allow and has not begun asks again: with
 * `ask` what was automatic, with `observe` everything approved. What was only observed stays so: nobody was asked about it.
 *
 * @throws Refusal forbidden | invalid
 */
export async function setMode(air: Air, person: Person, mode: Mode, reason: string): Promise<{ before: Mode; askAgain: number }> {
  const now = air.clock.now();
  const asked = { verb: "mode.set", subject: mode, need: "admin" } as const;
  await authorise(air, person, asked);
  mustFit(reason, "reason");
  await audited(air, person, asked, async () => refuseFile(air.policy()));
  return air.store.transaction(async (tx) => {
    await tx.lockSetting(EXECUTIONS, "alone");
    const before = await modeNow(tx, air);
    const row: SetMode = { mode, by: person.name, at: now.toISOString(), reason };
    await tx.putSetting(modeSetting(air.capabilities.lab), row);
    const moved = await stopApproved(tx, air, mode, now);
    await tx.writeAudit([
      {
        at: now,
        actor: actorOf(person),
        event: "mode.set",
        subject: mode,
        data: { before, reason: row.reason, lab: air.capabilities.lab, askAgain: moved.map(actionId) },
      },
    ]);
    await tx.notifyChange();
    return { before, askAgain: moved.length };
  });
}

function refuseFile(policy: Policy): void {
  if (!policy.modeByCommand)
    throw new Refusal(
      "invalid",
      `air.yaml says "mode: ${policy.mode}", and the file wins. Change that line, or remove it and set the mode here.`,
      {
        field: "mode",
      },
    );
}

/** The mode in force, who set it and since when. */
export async function modeInForce(air: Air): Promise<{ mode: Mode; from: "air.yaml" | "command" | "default"; set: SetMode | undefined }> {
  const policy = air.policy();
  if (!policy.modeByCommand) return { mode: policy.mode, from: "air.yaml", set: undefined };
  const set = await air.store.setting<SetMode>(modeSetting(air.capabilities.lab));
  return set ? { mode: set.mode, from: "command", set } : { mode: policy.mode, from: "default", set: undefined };
}

/** What was approved, has not begun and may not begin in this mode. */
async function stopApproved(tx: Tx, air: Air, mode: Mode, now: Date): Promise<number[]> {
  const moved: number[] = [];
  for (const action of await tx.approvedActions()) {
    const why = action.lab === air.capabilities.lab ? modeStops(mode, action) : undefined;
    if (why && (await askAgain(tx, air, action, why, now))) moved.push(action.id);
  }
  return moved;
}

/** Can any connected product change something in the world? */
const acts = (capabilities: Capabilities) =>
  [
    capabilities.devices,
    capabilities.identities,
    capabilities.mail,
    capabilities.indicators,
    capabilities.apps,
    capabilities.accessKeys,
    capabilities.handwork,
  ].some((capability) => capability !== undefined);

/** At start: the first time a product that can act is connected, the mode is observe until an admin sets another (product contract 6). */
export async function beginObserving(air: Air): Promise<void> {
  if (air.capabilities.lab || !acts(air.capabilities)) return;
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(ACTING_SETTING, "alone");
    if (await tx.setting<string>(ACTING_SETTING)) return;
    await tx.putSetting(ACTING_SETTING, now.toISOString());
    // A line in air.yaml is an admin's word already.
    if (!air.policy().modeByCommand) return;
    const row: SetMode = {
      mode: "observe",
      by: "air",
      at: now.toISOString(),
      reason: "a product that can act was connected for the first time",
    };
    await tx.putSetting(modeSetting(false), row);
    await tx.writeAudit([
      { at: now, actor: { kind: "air", job: "start" }, event: "mode.set", subject: "observe", data: { reason: row.reason, lab: false } },
    ]);
    await tx.notifyChange();
  });
}
