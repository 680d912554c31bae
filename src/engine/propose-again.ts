import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { auditRefusal, mustBeAllowed } from "./decide-action.ts";
import { readStored, sameProposal } from "./domain/action.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { entityKey } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { propose } from "./propose-actions.ts";
import { endSnoozes } from "./snoozed.ts";
import type { ActionRow } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/**
 * Asks again for what was rejected or has expired: a new action with what it reaches now, which waits for a decision whatever the level.
 *
 * @throws Refusal not-found | forbidden | invalid | already-decided
 */
export async function proposeAgain(air: Air, person: Person, id: number): Promise<ActionRow> {
  const before = await air.store.action(id);
  try {
    if (!before) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
    await mustBeAllowed(air, person, before);
    return await again(air, person, before);
  } catch (error) {
    if (error instanceof Refusal) await auditRefusal(air, person, { id, incidentId: before?.incidentId ?? 0 }, "propose", error);
    throw error;
  }
}

async function again(air: Air, person: Person, before: ActionRow): Promise<ActionRow> {
  const name = actionId(before.id);
  if (before.state !== "rejected" && before.state !== "expired")
    throw new Refusal(
      "invalid",
      `${name} was neither rejected nor expired, so there is nothing to propose again. To see it: status ${name}`,
    );
  if (before.lab !== air.capabilities.lab) throw new Refusal("invalid", `${name} belongs to what air no longer works on.`);
  if (air.policy().mode === "observe")
    throw new Refusal("invalid", "The mode is observe: nothing is carried out. An admin sets another: mode ask, or mode act.");
  const incident = await air.store.incident(before.incidentId);
  const evidence = before.evidenceId === null ? undefined : await air.store.evidence(before.evidenceId);
  const { row } = await propose(
    air,
    {
      kind: before.kind,
      target: before.target,
      params: readStored(before.params).params,
      evidenceId: before.evidenceId,
      note: before.note,
      ...(before.playbook === null ? {} : { playbook: before.playbook }),
      families: before.families,
      rejectedBefore: before.id,
    },
    {
      investigation: before.investigationId,
      incident: before.incidentId,
      severity: incident?.severity ?? "high",
      lab: before.lab,
      verdict: evidence?.verdict ?? "unknown",
      judgement: evidence?.judgement ?? undefined,
    },
  );
  return air.store.transaction(async (tx) => {
    const now = air.clock.now();
    const locked = await tx.lockAction(before.id);
    if (!locked) throw new Refusal("not-found", `There is no action ${name}.`);
    await mustBeFree(await tx.listActions({ incidentId: locked.incidentId, kinds: [locked.kind], limit: 200 }), locked);
    if (locked.undoes !== null && (await tx.action(locked.undoes))?.state !== "succeeded")
      throw new Refusal("invalid", `${actionId(locked.undoes)} is no longer there to be taken back.`);
    const [id = 0] = await tx.insertActions([
      {
        ...row,
        incidentId: locked.incidentId,
        undoes: locked.undoes,
        state: "pending",
        rule: `proposed again by ${person.name}`,
        source: locked.source,
        requestedBy: locked.requestedBy,
      },
    ]);
    const text = `${person.name} proposes again: ${actionKinds[locked.kind].title(locked.target)} (${name} was ${locked.state})`;
    await tx.addTimeline([timelineLine({ ...locked, actionId: id }, now, actorOf(person), "action-proposed-again", text)]);
    await tx.writeAudit([
      {
        at: now,
        actor: actorOf(person),
        event: "action.proposed-again",
        subject: actionId(id),
        incidentId: locked.incidentId,
        data: { kind: locked.kind, target: entityKey(locked.target), before: name },
      },
    ]);
    await refreshInvestigation(tx, locked.investigationId, now);
    await endSnoozes(tx, air, [locked.incidentId], now);
    await redrawIncident(tx, air, locked.incidentId, now, { actions: [id], needed: true });
    return (await tx.action(id)) as ActionRow;
  });
}

const STANDS: ReadonlySet<ActionRow["state"]> = new Set(["pending", "approved", "executing", "succeeded", "unclear", "undoing", "byHand"]);

/** One at a time: what waits, runs or was done in the meantime is not asked for again. */
async function mustBeFree({ items }: { items: readonly ActionRow[] }, before: ActionRow): Promise<void> {
  const key = sameProposal(before);
  const twin = items.find((one) => one.id > before.id && sameProposal(one) === key && STANDS.has(one.state));
  if (twin)
    throw new Refusal(
      "already-decided",
      `${actionId(twin.id)} ${twin.state === "pending" ? "already waits for a decision" : "was already decided"} for that.`,
    );
}
