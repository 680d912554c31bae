import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { namedIn } from "./authorise.ts";
import { time } from "./cards/say.ts";
import { auditRefusal, redraw } from "./decide-action.ts";
import type { Actor } from "./domain/actor.ts";
import type { Severity } from "./domain/alert.ts";
import { actorOf, mayDecide, type Person, remembered } from "./domain/approval.ts";
import { entityKey, entityName } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { mustFit } from "./domain/words.ts";
import { didNothing, othersStanding, wanter } from "./holding.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { pausedBy, pauseOf } from "./pause.ts";
import { propose, undoWish } from "./propose-actions.ts";
import { endSnoozes } from "./snoozed.ts";
import type { ActionRow, New, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

export type UndoRequest = { action: number; version?: string | undefined; reason?: string | undefined };

/**
 * Takes a carried-out action back: the opposite action, on the same target, decided by this person and carried out like any other. Where
 * that needs two it waits for two others. Returns the action that is being taken back, or the opposite one that waits for a decision.
 *
 * @throws Refusal not-found | forbidden | invalid | changed | already-decided | paused
 */
export async function undoAction(air: Air, person: Person, request: UndoRequest): Promise<ActionRow> {
  try {
    return await undo(air, person, request);
  } catch (error) {
    if (error instanceof Refusal) {
      const incidentId = (await air.store.action(request.action))?.incidentId ?? 0;
      await auditRefusal(air, person, { id: request.action, incidentId }, "undo", error);
    }
    throw error;
  }
}

async function undo(air: Air, person: Person, request: UndoRequest): Promise<ActionRow> {
  const original = await air.store.action(request.action);
  if (!original) throw new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
  const name = actionId(original.id);
  const view = (await air.store.incidentViews([original.incidentId])).get(original.incidentId);
  if (!view) throw new Refusal("not-found", `There is no incident of ${name}.`);
  const permission = mayDecide(
    person,
    {
      family: original.family,
      deviceGroup: original.deviceGroup,
      state: original.state,
      lab: original.lab,
      protectedHits: original.blastRadius.protectedHits,
    },
    await namedIn(air, view),
  );
  if (!permission.allowed) throw new Refusal("forbidden", permission.message, { details: { missing: permission.missing } });
  mustFit(request.reason, "reason");
  if (didNothing(original)) throw await nothingOfIt(air, original);
  const opposite = actionKinds[original.kind].undo;
  if (!opposite.by || !original.undoable) throw new Refusal("invalid", `${name} cannot be undone from here. ${byHand(air, original)}`);
  if (original.state === "undoing" || original.state === "undone") {
    const by = view.actions.find((action) => action.undoes === original.id)?.decision;
    throw new Refusal(
      "already-decided",
      `${name} ${original.state === "undone" ? "was already undone" : "is already being undone"}${by ? ` by ${by.by} at ${time(by.at)}` : ""}.`,
      {
        details: by ? { by: by.by, at: by.at } : {},
      },
    );
  }
  if (original.state !== "succeeded") throw new Refusal("invalid", `${name} is not carried out, so there is nothing to undo.`);
  if (original.lab !== air.capabilities.lab) throw new Refusal("invalid", `${name} belongs to the lab, which is off.`);
  if (request.version !== undefined && request.version !== original.version)
    throw new Refusal("changed", `${name} changed since that card was drawn.`);
  const row = await undoRow(air, original, view.incident.severity);
  const now = air.clock.now();
  return air.store.transaction(async (tx) => {
    const pause = await pauseOf(tx, original.family);
    if (pause) throw new Refusal("paused", `${pausedBy(pause)} An admin can resume.`);
    if (row.byHand !== null || row.approvalsNeeded > 1) return askToUndo(tx, air, person, original, row, request.reason, now);
    if (person.machine && row.blastRadius.protectedHits.length > 0)
      throw new Refusal("forbidden", "A token never decides for a protected asset: a person has to.", { details: { missing: "person" } });
    const who = { actor: actorOf(person), by: person.name, via: person.via, source: "Chat action", reason: request.reason };
    return beginUndo(tx, air, original, row, who, now);
  });
}

/** It found its state reached: whoever made it so can be undone, or the opposite is asked for by hand. */
async function nothingOfIt(air: Air, original: ActionRow): Promise<Refusal> {
  const rows = await air.store.transaction((tx) => tx.onTarget(original));
  const doer = othersStanding(rows, original).find((row) => row.state === "succeeded" && row.undoable);
  const { by } = actionKinds[original.kind].undo;
  const how = doer
    ? `${actionId(doer.id)} (${wanter(doer)}) did it: undo ${actionId(doer.id)}`
    : by && actionKinds[by].onlyUndoes
      ? "air kept nothing that it could give back."
      : `To have the opposite: do ${by} ${entityName(original.target)} <reason>`;
  return new Refusal("invalid", `${actionId(original.id)} did nothing itself, it was so already. ${how}`);
}

/** The steps for a person, where there is an opposite and no product carries it out; else why there is none. */
function byHand(air: Air, original: ActionRow): string {
  const wish = undoWish(original);
  const how = wish && actionKinds[wish.kind].connector(wish.target, air.capabilities, wish.params ?? {});
  return how && "byHand" in how ? how.byHand : actionKinds[original.kind].undo.text;
}

/** What two have to agree on, or what only a person can do, is asked like any other action; who asked is not one of the two. */
async function askToUndo(
  tx: Tx,
  air: Air,
  person: Person,
  original: ActionRow,
  row: New<ActionRow>,
  reason: string | undefined,
  now: Date,
): Promise<ActionRow> {
  const name = actionId(original.id);
  const locked = await tx.lockAction(original.id);
  if (locked?.state !== "succeeded") throw new Refusal("already-decided", `${name} is already being undone.`);
  const { items } = await tx.listActions({ incidentId: locked.incidentId, kinds: [row.kind], states: ["pending"], limit: 200 });
  const twin = items.find((one) => one.undoes === original.id);
  if (twin) throw new Refusal("already-decided", `${actionId(twin.id)} already asks whether ${name} is undone.`);
  const [id = 0] = await tx.insertActions([
    {
      ...row,
      incidentId: locked.incidentId,
      undoes: original.id,
      state: "pending",
      note: `${row.note}${reason ? ` ${person.name}: ${reason}` : ""}`,
      rule: `undo of ${name}, asked for by ${person.name}${row.approvalsNeeded > 1 ? ": two people decide" : ""}`,
      source: "Chat action",
      requestedBy: { ...remembered(person), name: person.name },
    },
  ]);
  const asked = (await tx.action(id)) as ActionRow;
  const text = `${person.name} asks to undo ${name} (${actionKinds[original.kind].title(original.target)})${reason ? `: ${reason}` : ""}`;
  await tx.addTimeline([timelineLine({ ...locked, actionId: id }, now, actorOf(person), "action-undo-asked", text)]);
  await tx.writeAudit([
    {
      at: now,
      actor: actorOf(person),
      event: "action.undo-asked",
      subject: name,
      incidentId: locked.incidentId,
      data: {
        kind: original.kind,
        target: entityKey(original.target),
        undo: actionId(id),
        approvalsNeeded: row.approvalsNeeded,
        ...(reason ? { reason } : {}),
      },
    },
  ]);
  await refreshInvestigation(tx, locked.investigationId, now);
  await endSnoozes(tx, air, [locked.incidentId], now);
  await redrawIncident(tx, air, locked.incidentId, now, { actions: [id, locked.id], needed: true });
  return asked;
}

/** The opposite action as it would be proposed now. */
export async function undoRow(air: Air, original: ActionRow, severity: Severity): Promise<New<ActionRow>> {
  const wish = undoWish(original);
  if (!wish) throw new Refusal("invalid", `${actionId(original.id)} cannot be undone from here. ${actionKinds[original.kind].undo.text}`);
  const { row } = await propose(
    air,
    { ...wish, evidenceId: null, note: `Takes back ${actionId(original.id)}.` },
    {
      investigation: original.investigationId,
      incident: original.incidentId,
      severity,
      lab: original.lab,
      verdict: "unknown",
      judgement: undefined,
    },
  );
  return row;
}

type Undoer = { actor: Actor; by: string; via: string; source: string; reason: string | undefined };

/** The original moves to `undoing` and the opposite action is queued, in one transaction. */
export async function beginUndo(tx: Tx, air: Air, original: ActionRow, row: New<ActionRow>, who: Undoer, now: Date): Promise<ActionRow> {
  const name = actionId(original.id);
  const moved = await tx.moveAction(original.id, "succeeded", { state: "undoing" });
  if (!moved) throw new Refusal("already-decided", `${name} is already being undone.`);
  const reason = who.reason ? { reason: who.reason } : {};
  const [id = 0] = await tx.insertActions([
    {
      ...row,
      undoes: original.id,
      state: "approved",
      rule: `undo of ${name}, asked for by ${who.by}`,
      source: who.source,
      decision: { decision: "approve", by: who.by, at: now.toISOString(), via: who.via, ...reason },
      decidedAt: now,
    },
  ]);
  const text = `${who.by} undoes ${name} (${actionKinds[original.kind].title(original.target)})${who.reason ? `: ${who.reason}` : ""}`;
  await tx.addTimeline([
    timelineLine(
      { incidentId: original.incidentId, investigationId: original.investigationId, actionId: original.id },
      now,
      who.actor,
      "action-undo",
      text,
    ),
  ]);
  await tx.enqueue("execute-action", { action: id }, { key: actionId(id) });
  await tx.writeAudit([
    {
      at: now,
      actor: who.actor,
      event: "action.undo-requested",
      subject: name,
      incidentId: original.incidentId,
      data: { kind: original.kind, target: entityKey(original.target), undo: actionId(id), ...reason },
    },
  ]);
  await redraw(tx, air, moved, now);
  return moved;
}
