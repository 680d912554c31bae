import { type Air, actionId } from "./air.ts";
import { cut } from "./cards/card.ts";
import { time } from "./cards/say.ts";
import { approvalsOf, auditRefusal, decidedAs, mustBeAllowed, record, redraw, title } from "./decide-action.ts";
import { type Person, remembered } from "./domain/approval.ts";
import { ALONE_LASTS_MS, glassOf, notTheBreaker } from "./domain/break-glass.ts";
import { Refusal } from "./domain/errors.ts";
import { nameToType, readTyped } from "./domain/step-up.ts";
import { mustFit } from "./domain/words.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { mustStillHold } from "./must-still-hold.ts";
import { pausedBy, pauseOf } from "./pause.ts";
import type { ActionRow } from "./store.ts";
import { wantPages } from "./want-pages.ts";

export type BreakRequest = {
  action: number;
  /** The version that was shown; without it the present one is meant. */
  version?: string | undefined;
  /** The target's name, and behind it the reason where that is not given by itself. */
  typed: string | undefined;
  reason?: string | undefined;
};

/**
 * One approver carries out alone what needs two, because the second person did not answer (product contract 6). An admin is paged, it ends by
 * itself after four hours unless a second person confirms it, and it is listed until an admin reviewed it.
 *
 * @throws Refusal not-found | forbidden | invalid | changed | already-decided | expired | paused | unavailable
 */
export async function breakGlass(air: Air, person: Person, request: BreakRequest): Promise<ActionRow> {
  const action = await air.store.action(request.action);
  try {
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
    await mustBeAllowed(air, person, action);
    mayNow(person, action, await air.store.approvalsOf(action.id), air.clock.now());
    const reason = reasonOf(action, request);
    await mustStillHold(air, person, action);
    return await carryOut(air, person, { ...request, reason });
  } catch (error) {
    const about = { id: request.action, incidentId: action?.incidentId ?? 0 };
    if (error instanceof Refusal) await auditRefusal(air, person, about, "break-glass", error);
    throw error;
  }
}

function mayNow(person: Person, action: ActionRow, approvals: readonly { person: string; version: string; at: Date }[], now: Date): void {
  const given = approvals.filter((one) => one.version === action.version);
  const glass = glassOf(action, given, now);
  if (!glass.open && action.state !== "pending" && action.decision)
    throw new Refusal(
      "already-decided",
      `${actionId(action.id)} was already decided by ${action.decision.by} at ${time(action.decision.at)}.`,
      {
        details: { by: action.decision.by, at: action.decision.at, decision: action.decision.decision },
      },
    );
  if (!glass.open) throw new Refusal("invalid", `The glass cannot be broken on ${actionId(action.id)}: ${glass.why}.`);
  const not = notTheBreaker(person, action, given);
  if (not) throw new Refusal("forbidden", not, { details: { missing: "breaker" } });
}

function reasonOf(action: ActionRow, request: BreakRequest): string {
  const { named, rest } = readTyped(request.typed, action);
  const name = nameToType(action);
  const how = `Say: break-glass ${actionId(action.id)} ${name} <reason>`;
  if (!named)
    throw new Refusal("invalid", `Nothing was done. Type the name ${name} first. ${how}`, { field: "confirm", details: { type: name } });
  const reason = (request.reason ?? rest).trim();
  if (!reason) throw new Refusal("invalid", `Nothing was done. Say why it cannot wait, behind the name. ${how}`, { field: "reason" });
  mustFit(reason, "reason");
  return reason;
}

async function carryOut(air: Air, person: Person, request: BreakRequest & { reason: string }): Promise<ActionRow> {
  return air.store.transaction(async (tx) => {
    const now = air.clock.now();
    const action = await tx.lockAction(request.action);
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(request.action)}.`);
    mayNow(person, action, await approvalsOf(tx, action), now);
    if (request.version !== undefined && request.version !== action.version)
      throw new Refusal("changed", `${actionId(action.id)} changed since that card was drawn. Look at the new card and decide again.`);
    const pause = await pauseOf(tx, action.family);
    if (pause) throw new Refusal("paused", `${pausedBy(pause)} An admin can resume.`);
    if (action.lab !== air.capabilities.lab) throw new Refusal("invalid", `${actionId(action.id)} belongs to what air no longer works on.`);
    const reason = request.reason;
    const at = now.toISOString();
    const asked = action.undoAfterMs === null ? {} : { lasts: action.undoAfterMs };
    const moved = await tx.moveAction(action.id, "pending", {
      state: "approved",
      decision: { decision: "approve", by: person.name, at, via: person.via, reason, ...decidedAs(person, action) },
      decidedAt: now,
      redrawAt: null,
      breakGlass: { by: person.name, ...remembered(person), at, reason, ...asked },
      // What cannot be given back (sessions) does not end.
      ...(action.undoable ? { undoAfterMs: Math.min(action.undoAfterMs ?? ALONE_LASTS_MS, ALONE_LASTS_MS) } : {}),
    });
    if (!moved) throw new Refusal("already-decided", `${actionId(action.id)} waits for no decision any more.`);
    const ends = moved.undoable ? " It ends by itself after 4 h unless a second person confirms it." : " It cannot be taken back.";
    const text = `${person.name} broke the glass: ${title(moved)}, alone. Reason: ${reason}`;
    await record(tx, air, person, moved, { reason }, "decision.break-glass", text, now);
    await tx.enqueue("execute-action", { action: moved.id }, { key: actionId(moved.id) });
    const about = { incidentId: moved.incidentId, actionId: moved.id, by: person.key };
    await wantPages(
      tx,
      air,
      [
        {
          ...about,
          step: "break-glass",
          to: [{ kind: "admins" }],
          text: `${person.name} broke the glass: ${title(moved)}, without a second person.${ends} Reason: ${cut(reason, 300).replace(/(?<![.!?…])$/u, ".")} Look at it and say: review ${actionId(moved.id)}`,
        },
        {
          ...about,
          step: "break-glass-confirm",
          to: [{ kind: "approvers", family: moved.family, except: [person.key] }],
          text: `${person.name} did this alone: ${title(moved)}.${ends} To keep it: confirm ${actionId(moved.id)}`,
        },
      ],
      now,
    );
    await refreshInvestigation(tx, moved.investigationId, now);
    await redraw(tx, air, moved, now);
    return moved;
  });
}
