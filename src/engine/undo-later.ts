import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { namedIn } from "./authorise.ts";
import { span } from "./cards/say.ts";
import { auditRefusal, redraw } from "./decide-action.ts";
import { LONGEST_MS } from "./domain/action.ts";
import { actorOf, mayDecide, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { mustFit } from "./domain/words.ts";
import type { ActionRow } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { undoRow } from "./undo-action.ts";

export type UndoLaterRequest = { action: number; version?: string | undefined; inMs: number; reason?: string | undefined };

/**
 * A carried-out action ends by itself after a while, as if it had been approved for that long: warned about before, and kept if bad evidence
 * comes meanwhile. It may only bring an end nearer; `extend` moves one away. Returns when it ends.
 *
 * @throws Refusal not-found | forbidden | invalid | changed | already-decided
 */
export async function undoLater(air: Air, person: Person, request: UndoLaterRequest): Promise<Date> {
  const action = await air.store.action(request.action);
  try {
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
    await mayEnd(air, person, action);
    return await setEnd(air, person, action, request);
  } catch (error) {
    if (error instanceof Refusal)
      await auditRefusal(air, person, { id: request.action, incidentId: action?.incidentId ?? 0 }, "undo", error);
    throw error;
  }
}

async function mayEnd(air: Air, person: Person, action: ActionRow): Promise<void> {
  const name = actionId(action.id);
  const view = (await air.store.incidentViews([action.incidentId])).get(action.incidentId);
  if (!view) throw new Refusal("not-found", `There is no incident of ${name}.`);
  const permission = mayDecide(person, { ...action, protectedHits: action.blastRadius.protectedHits }, await namedIn(air, view));
  if (!permission.allowed) throw new Refusal("forbidden", permission.message, { details: { missing: permission.missing } });
  const { undo } = actionKinds[action.kind];
  if (!undo.by || !action.undoable) throw new Refusal("invalid", `${name} cannot be undone from here. ${undo.text}`);
  if (action.lab !== air.capabilities.lab) throw new Refusal("invalid", `${name} belongs to what air no longer works on.`);
  // The clock asks nobody: what two have to agree on is not left to it by one.
  const { approvalsNeeded, byHand, blastRadius } = await undoRow(air, action, view.incident.severity);
  if (byHand !== null) throw new Refusal("invalid", `${name} cannot be undone by the clock, only by hand. ${byHand}`, { field: "in" });
  if (approvalsNeeded > 1)
    throw new Refusal("invalid", `${name} cannot be undone by the clock, because two others decide it. Say: undo ${name}`, { field: "in" });
  if (person.machine && blastRadius.protectedHits.length > 0)
    throw new Refusal("forbidden", "A token never decides for a protected asset: a person has to.", { details: { missing: "person" } });
}

async function setEnd(air: Air, person: Person, { id }: ActionRow, request: UndoLaterRequest): Promise<Date> {
  const name = actionId(id);
  mustFit(request.reason, "reason");
  if (request.inMs <= 0 || request.inMs > LONGEST_MS) throw new Refusal("invalid", "It ends within 7 days.", { field: "in" });
  return air.store.transaction(async (tx) => {
    const now = air.clock.now();
    const action = await tx.lockAction(id);
    if (action?.state !== "succeeded" || action.endedAt === null)
      throw new Refusal("already-decided", `${name} is not carried out, or is being undone already.`);
    if (request.version !== undefined && request.version !== action.version)
      throw new Refusal("changed", `${name} changed since that card was drawn.`);
    const ends = new Date(now.getTime() + request.inMs);
    const undoAfterMs = ends.getTime() - action.endedAt.getTime();
    if (action.undoAfterMs !== null && action.undoAfterMs <= undoAfterMs)
      throw new Refusal("invalid", `${name} ends by itself before that. To keep it longer: extend ${name} 2h`, { field: "in" });
    await tx.updateAction(id, { undoAfterMs, undoWarnedAt: null });
    const reason = request.reason ? { reason: request.reason } : {};
    const why = request.reason ? `: ${request.reason}` : "";
    const text = `${person.name} has ${name} end in ${span(now, ends)} (${actionKinds[action.kind].title(action.target)})${why}`;
    await tx.addTimeline([timelineLine({ ...action, actionId: id }, now, actorOf(person), "action-undo-later", text)]);
    await tx.writeAudit([
      {
        at: now,
        actor: actorOf(person),
        event: "action.undo-later",
        subject: name,
        incidentId: action.incidentId,
        data: { kind: action.kind, ends: ends.toISOString(), ...reason },
      },
    ]);
    await redraw(tx, air, action, now);
    return ends;
  });
}
