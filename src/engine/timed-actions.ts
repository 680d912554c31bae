import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { auditRefusal, redraw } from "./decide-action.ts";
import { actorOf, mayApprove, type Person } from "./domain/approval.ts";
import { entityName } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import type { ActionRow, New, TimelineRow } from "./store.ts";
import { beginUndo, undoRow } from "./undo-action.ts";

/*
 * Actions that end by themselves ("isolate for 2 h", product contract 6): warned about fifteen minutes before, and not released by
 * themselves if bad evidence came since. Due times are rows; the sweep compares them with the clock.
 */

const WARN_MS = 15 * 60_000;
/** Containment for longer than this is a decision of its own. */
export const LONGEST_MS = 7 * 86_400_000;

/** When a carried-out action ends by itself. */
export const endsAt = (action: Pick<ActionRow, "undoAfterMs" | "endedAt" | "state">): Date | undefined =>
  action.undoAfterMs !== null && action.endedAt !== null && action.state === "succeeded"
    ? new Date(action.endedAt.getTime() + action.undoAfterMs)
    : undefined;

const AIR = { kind: "air", job: "timed-actions" } as const;
const line = (action: ActionRow, at: Date, event: string, text: string): New<TimelineRow> => ({
  incidentId: action.incidentId,
  investigationId: action.investigationId,
  actionId: action.id,
  at,
  actor: AIR,
  event,
  text: text.slice(0, 2000),
});

/** Warns of what ends soon and takes back what is due. */
export async function endTimedActions(air: Air, limit: number): Promise<void> {
  const now = air.clock.now();
  for (const action of await air.store.timedActions(new Date(now.getTime() + WARN_MS), limit)) {
    if (action.lab !== air.capabilities.lab) continue;
    const due = endsAt(action);
    if (due && due <= now) await endNow(air, action, now);
    else if (due && action.undoWarnedAt === null) await warn(air, action, due, now);
  }
}

async function warn(air: Air, action: ActionRow, due: Date, now: Date): Promise<void> {
  await air.store.transaction(async (tx) => {
    const locked = await tx.lockAction(action.id);
    if (locked?.state !== "succeeded" || locked.undoWarnedAt !== null) return;
    await tx.updateAction(action.id, { undoWarnedAt: now });
    const minutes = Math.max(1, Math.round((due.getTime() - now.getTime()) / 60_000));
    const text = `${actionId(action.id)} (${actionKinds[action.kind].title(action.target)}) ends in ${minutes} min. To keep it longer: extend ${actionId(action.id)} 2h`;
    await tx.addTimeline([line(locked, now, "action-ends-soon", text)]);
    await redraw(tx, air, locked, now);
  });
}

async function endNow(air: Air, action: ActionRow, now: Date): Promise<void> {
  const incident = await air.store.incident(action.incidentId);
  const since = await air.store.badEvidenceSince(action.incidentId, action.endedAt ?? action.proposedAt);
  const [worst] = since;
  const row = worst ? undefined : await undoRow(air, action, incident?.severity ?? "medium");
  await air.store.transaction(async (tx) => {
    const locked = await tx.lockAction(action.id);
    if (locked?.state !== "succeeded" || (endsAt(locked) ?? now) > now) return;
    if (worst || !row) {
      const why = worst ? `${entityName(worst.entity)} was found to be bad since` : "it cannot be undone any more";
      await tx.updateAction(action.id, { undoAfterMs: null });
      await tx.addTimeline([
        line(
          locked,
          now,
          "action-kept",
          `${actionId(action.id)} does not end by itself: ${why}. A person decides: undo ${actionId(action.id)}`,
        ),
      ]);
      await tx.writeAudit([
        {
          at: now,
          actor: AIR,
          event: "action.kept",
          subject: actionId(action.id),
          incidentId: locked.incidentId,
          data: { kind: locked.kind, because: "bad evidence since" },
        },
      ]);
      await redraw(tx, air, locked, now);
      return;
    }
    const who = { actor: AIR, by: "Automation", via: "air", source: "Automated device action", reason: "its time was over" };
    await beginUndo(tx, air, locked, row, who, now);
  });
}

/**
 * A carried-out action that ends by itself lasts longer.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function extendAction(air: Air, person: Person, id: number, moreMs: number): Promise<Date> {
  const action = await air.store.action(id);
  try {
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
    if (!mayApprove(person.roles, action.family))
      throw new Refusal("forbidden", `This needs the role approver for ${action.family}; you do not have it.`, {
        details: { missing: `approver.${action.family}` },
      });
    if (!endsAt(action)) throw new Refusal("invalid", `${actionId(id)} does not end by itself, so there is nothing to extend.`);
    const now = air.clock.now();
    return await air.store.transaction(async (tx) => {
      const locked = await tx.lockAction(id);
      const due = locked && endsAt(locked);
      if (!locked || !due || locked.undoAfterMs === null) throw new Refusal("invalid", `${actionId(id)} has already ended.`);
      const undoAfterMs = locked.undoAfterMs + moreMs;
      if (undoAfterMs > LONGEST_MS) throw new Refusal("invalid", "At most 7 days in all. To keep it, let it end and decide anew.");
      await tx.updateAction(id, { undoAfterMs, undoWarnedAt: null });
      const until = new Date(due.getTime() + moreMs);
      await tx.addTimeline([
        { ...line(locked, now, "action-extended", `${person.name} extended ${actionId(id)}`), actor: actorOf(person) },
      ]);
      await tx.writeAudit([
        {
          at: now,
          actor: actorOf(person),
          event: "action.extended",
          subject: actionId(id),
          incidentId: locked.incidentId,
          data: { until: until.toISOString() },
        },
      ]);
      await redraw(tx, air, locked, now);
      return until;
    });
  } catch (error) {
    if (error instanceof Refusal) await auditRefusal(air, person, { id, incidentId: action?.incidentId ?? 0 }, "extend", error);
    throw error;
  }
}
