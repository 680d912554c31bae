import { investigationId } from "./air.ts";
import { entityName } from "./domain/entity.ts";
import { ENDED } from "./domain/investigation.ts";
import { freshEvidence } from "./fresh-rows.ts";
import { moveInvestigation } from "./investigation-status.ts";
import type { ActionRow, Tx } from "./store.ts";

/** The devices a pending expansion would take in (`params.devices`). */
const devicesOf = (action: Pick<ActionRow, "params">): string[] =>
  Array.isArray(action.params.devices) ? action.params.devices.filter((name): name is string => typeof name === "string") : [];

/** An approved expansion is carried out here and now: the devices become evidence, and the next round looks at them. */
export async function widen(tx: Tx, action: ActionRow, now: Date): Promise<ActionRow> {
  const names = devicesOf(action);
  const investigation = await tx.lockInvestigation(action.investigationId);
  await tx.moveAction(action.id, "approved", { state: "executing", executingAt: now });
  const done = await tx.moveAction(action.id, "executing", {
    state: "succeeded",
    endedAt: now,
    outcome: `Done: ${names.length} devices are looked at.`,
  });
  if (investigation && !(ENDED.has(investigation.status) && investigation.status === "terminatedByUser")) {
    await tx.addEvidence(
      names.map((name) =>
        freshEvidence(
          { kind: "device", name },
          {
            investigationId: investigation.id,
            incidentId: investigation.incidentId,
            foundBy: `widened from ${entityName(action.target)}`.slice(0, 300),
            createdAt: now,
          },
        ),
      ),
    );
    await moveInvestigation(tx, investigation, ENDED.has(investigation.status) ? "queued" : investigation.status, now, {
      wanted: Math.max(investigation.wanted, investigation.round) + 1,
    });
    await tx.enqueue("investigate", { investigation: investigation.id }, { key: investigationId(investigation.id) });
  }
  return done ?? action;
}
