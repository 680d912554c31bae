import { type Air, actionId, investigationId } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { ENDED } from "./domain/investigation.ts";
import { mustFit } from "./domain/words.ts";
import { settleUndone } from "./end-action.ts";
import { isUnlooked, moveInvestigation } from "./investigation-status.ts";
import type { InvestigationRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

async function find(air: Air, id: number): Promise<InvestigationRow> {
  const row = await air.store.investigation(id);
  if (!row) throw new Refusal("not-found", `There is no investigation ${investigationId(id)}.`);
  return row;
}

/**
 * Ends a running investigation as Terminated by user. What has not begun is cancelled; nothing is undone.
 *
 * @throws Refusal forbidden | not-found | already-decided
 */
export async function stopInvestigation(air: Air, person: Person, id: number, reason: string | undefined): Promise<InvestigationRow> {
  const row = await find(air, id);
  const asked = { verb: "investigation.stop", subject: investigationId(id), incidents: [row.incidentId] };
  await authorise(air, person, asked);
  mustFit(reason, "reason");
  return audited(air, person, asked, () => air.store.transaction((tx) => stop(tx, air, person, id, reason)));
}

async function stop(tx: Tx, air: Air, person: Person, id: number, reason: string | undefined): Promise<InvestigationRow> {
  const now = air.clock.now();
  // Actions are locked before their investigation, here as everywhere.
  const cancelled: number[] = [];
  for (const action of await tx.actionsOf(id)) {
    if (action.state !== "pending" && action.state !== "approved" && action.state !== "observed") continue;
    const moved = await tx.moveAction(action.id, action.state, {
      state: "cancelled",
      endedAt: now,
      outcome: `Cancelled: ${person.name} stopped the investigation. Nothing was done.`,
    });
    if (!moved) continue;
    cancelled.push(action.id);
    // An undo that had not begun: what it was to take back stands as before.
    if (moved.undoes !== null) await settleUndone(tx, air, moved);
  }
  const row = await tx.lockInvestigation(id);
  if (!row || ENDED.has(row.status)) throw new Refusal("already-decided", `${investigationId(id)} has already ended.`);
  await moveInvestigation(tx, row, "terminatedByUser", now, { wanted: row.round });
  const text = `${person.name} stopped ${investigationId(id)}${reason ? `: ${reason}` : ""}${cancelled.length > 0 ? `. Cancelled: ${cancelled.map(actionId).join(", ")}` : ""}`;
  await note(tx, air, person, row, "investigation-stopped", text, cancelled, {
    reason: reason ?? null,
    cancelled: cancelled.length,
  });
  return row;
}

/**
 * Picks up what an investigation that ended, or waits, did not finish: every look-up that failed, and what nobody could judge. What was
 * answered is not paid for again.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function retryInvestigation(air: Air, person: Person, id: number): Promise<{ evidence: number }> {
  const row = await find(air, id);
  const asked = { verb: "investigation.retry", subject: investigationId(id), incidents: [row.incidentId], suspectsMay: true };
  await authorise(air, person, asked);
  return audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      const locked = await tx.lockInvestigation(id);
      if (!locked) throw new Refusal("not-found", `There is no investigation ${investigationId(id)}.`);
      // While people decide, or a device is away, nothing is looked at any more: what was not answered may be asked again.
      const isIdle = (locked.status === "pendingApproval" || locked.status === "pendingResource") && locked.wanted <= locked.round;
      if (!ENDED.has(locked.status) && !isIdle)
        throw new Refusal("invalid", `${investigationId(id)} is still running, so there is nothing to retry yet.`);
      if (locked.lab !== air.capabilities.lab)
        throw new Refusal(
          "invalid",
          `${investigationId(id)} belongs to the ${locked.lab ? "lab" : "real products"}, which is not what air works on now.`,
        );
      const open = (await tx.evidenceOf(id)).filter((item) => item.lookedRound === null || isUnlooked(item));
      if (open.length === 0)
        throw new Refusal(
          "invalid",
          `${investigationId(id)} left nothing open: every look-up was answered. Start a new one with: investigate INC-${locked.incidentId}`,
        );
      await tx.lookAgain(open.map((item) => item.id));
      await moveInvestigation(tx, locked, isIdle ? locked.status : "queued", now, { wanted: Math.max(locked.wanted, locked.round) + 1 });
      await tx.enqueue("investigate", { investigation: id }, { key: investigationId(id), urgent: true });
      await note(
        tx,
        air,
        person,
        locked,
        "investigation-retried",
        `${person.name} retries ${investigationId(id)}: ${open.length} open`,
        [],
        { open: open.length },
      );
      return { evidence: open.length };
    }),
  );
}

async function note(
  tx: Tx,
  air: Air,
  person: Person,
  row: InvestigationRow,
  event: string,
  text: string,
  actions: number[],
  data: Record<string, unknown>,
): Promise<void> {
  const at = air.clock.now();
  const actor = actorOf(person);
  await tx.addTimeline([timelineLine({ incidentId: row.incidentId, investigationId: row.id }, at, actor, event, text)]);
  await tx.writeAudit([{ at, actor, event: event.replace("-", "."), subject: investigationId(row.id), incidentId: row.incidentId, data }]);
  await redrawIncident(tx, air, row.incidentId, at, { actions });
}
