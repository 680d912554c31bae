import { type Air, actionId } from "./air.ts";
import { auditRefusal, mustBeAllowed, record, redraw, title } from "./decide-action.ts";
import type { BreakGlass } from "./domain/action.ts";
import { type Person, sameHuman } from "./domain/approval.ts";
import { notTheSecond } from "./domain/break-glass.ts";
import { Refusal } from "./domain/errors.ts";
import { mustFit } from "./domain/words.ts";
import type { ActionRow } from "./store.ts";

/*
 * What follows when one person did alone what needs two: a second one confirms it, so that it stays, and an admin reviews that it happened.
 */

type Broken = ActionRow & { breakGlass: BreakGlass };

/**
 * A second approver stands behind it: it no longer ends by itself.
 *
 * @throws Refusal not-found | forbidden | invalid | changed | already-decided
 */
export async function confirmAlone(
  air: Air,
  person: Person,
  request: { action: number; version?: string | undefined },
): Promise<ActionRow> {
  return refusing(air, person, request.action, "confirm", async (action) => {
    await mustBeAllowed(air, person, action);
    const not = notTheSecond(person, action);
    if (not) throw new Refusal("forbidden", not, { details: { missing: "second-person" } });
    return change(air, action.id, async (tx, locked, now) => {
      if (request.version !== undefined && request.version !== locked.version)
        throw new Refusal("changed", `${actionId(locked.id)} changed since that card was drawn.`);
      const { confirmed, lasts } = locked.breakGlass;
      if (confirmed)
        throw new Refusal("already-decided", `${confirmed.by} already confirmed ${actionId(locked.id)}.`, { details: confirmed });
      if (locked.state !== "approved" && locked.state !== "executing" && locked.state !== "succeeded")
        throw new Refusal("invalid", `${actionId(locked.id)} does not stand any more, so there is nothing to confirm.`);
      const breakGlass = { ...locked.breakGlass, confirmed: { by: person.name, at: now.toISOString() } };
      await tx.updateAction(locked.id, { breakGlass, undoAfterMs: lasts ?? null, undoWarnedAt: null });
      const text = `${person.name} confirmed what ${breakGlass.by} did alone: ${title(locked)}`;
      await record(tx, air, person, locked, {}, "decision.break-glass-confirmed", text, now);
    });
  });
}

/**
 * An admin looked at it: it leaves the list.
 *
 * @throws Refusal not-found | forbidden | invalid | already-decided
 */
export async function reviewAlone(air: Air, person: Person, request: { action: number; note?: string | undefined }): Promise<ActionRow> {
  return refusing(air, person, request.action, "review", async (action) => {
    if (!person.roles.admin || person.machine)
      throw new Refusal("forbidden", "Only an admin, as a person, reviews this. An admin can add you under roles.admin in air.yaml.", {
        details: { missing: "admin" },
      });
    if (action.breakGlass && sameHuman(action.breakGlass, person))
      throw new Refusal("forbidden", "You did it yourself: another admin has to review it.", { details: { missing: "another-admin" } });
    mustFit(request.note, "note");
    return change(air, action.id, async (tx, locked, now) => {
      const { reviewed } = locked.breakGlass;
      if (reviewed) throw new Refusal("already-decided", `${reviewed.by} already reviewed ${actionId(locked.id)}.`, { details: reviewed });
      await tx.updateAction(locked.id, { breakGlass: { ...locked.breakGlass, reviewed: { by: person.name, at: now.toISOString() } } });
      const text = `${person.name} reviewed what ${locked.breakGlass.by} did alone: ${title(locked)}${request.note ? `: ${request.note}` : ""}`;
      await record(tx, air, person, locked, { reason: request.note }, "decision.break-glass-reviewed", text, now);
    });
  });
}

async function refusing(
  air: Air,
  person: Person,
  id: number,
  verb: string,
  work: (action: ActionRow) => Promise<ActionRow>,
): Promise<ActionRow> {
  const action = await air.store.action(id);
  try {
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
    return await work(action);
  } catch (error) {
    if (error instanceof Refusal) await auditRefusal(air, person, { id, incidentId: action?.incidentId ?? 0 }, verb, error);
    throw error;
  }
}

/** The row is the lock: what was read before is read again. */
async function change(
  air: Air,
  id: number,
  work: (tx: Parameters<Parameters<Air["store"]["transaction"]>[0]>[0], locked: Broken, now: Date) => Promise<void>,
): Promise<ActionRow> {
  return air.store.transaction(async (tx) => {
    const now = air.clock.now();
    const locked = await tx.lockAction(id);
    if (!locked?.breakGlass) throw new Refusal("invalid", `Nobody broke the glass on ${actionId(id)}.`);
    await work(tx, { ...locked, breakGlass: locked.breakGlass }, now);
    await redraw(tx, air, locked, now);
    return (await tx.action(id)) ?? locked;
  });
}
