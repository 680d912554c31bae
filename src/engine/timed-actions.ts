import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { namedIn } from "./authorise.ts";
import { time } from "./cards/say.ts";
import { auditRefusal, redraw } from "./decide-action.ts";
import { LONGEST_MS } from "./domain/action.ts";
import { actorOf, mayDecide, type Person } from "./domain/approval.ts";
import { entityName } from "./domain/entity.ts";
import { Refusal } from "./domain/errors.ts";
import { keeperOf, wanter } from "./holding.ts";
import type { ActionRow, New, TimelineRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { beginUndo, undoRow } from "./undo-action.ts";
import { wantPages } from "./want-pages.ts";

/*
 * Actions that end by themselves ("isolate for 2 h", product contract 6): warned about fifteen minutes before, and not released by
 * themselves if bad evidence came since. Due times are rows; the sweep compares them with the clock.
 */

const WARN_MS = 15 * 60_000;

/** When a carried-out action ends by itself. */
export const endsAt = (action: Pick<ActionRow, "undoAfterMs" | "endedAt" | "state" | "undoable">): Date | undefined =>
  action.undoAfterMs !== null && action.endedAt !== null && action.state === "succeeded" && action.undoable
    ? new Date(action.endedAt.getTime() + action.undoAfterMs)
    : undefined;

const AIR = { kind: "air", job: "timed-actions" } as const;
const line = (action: ActionRow, at: Date, event: string, text: string): New<TimelineRow> =>
  timelineLine({ ...action, actionId: action.id }, at, AIR, event, text);

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
    const text = `${actionId(action.id)} (${actionKinds[action.kind].title(action.target)}) ends in ${minutes} min. ${howToKeep(locked)}`;
    await tx.addTimeline([line(locked, now, "action-ends-soon", text)]);
    // Whoever wanted it knows best whether it is still needed; without them, who agreed to it.
    const keys = locked.requestedBy ? [locked.requestedBy.key] : (await tx.approvalsOf(locked.id)).map((one) => one.person);
    const about = { incidentId: locked.incidentId, actionId: locked.id, by: "air" };
    const to = [
      ...[...new Set(keys)].map((key) => ({ kind: "person" as const, key })),
      // Whoever did it alone cannot keep it: those who can are told.
      ...(doneAlone(locked) ? [{ kind: "approvers" as const, family: locked.family, except: keys }] : []),
    ];
    await wantPages(tx, air, [{ ...about, step: "ends-soon", to, text, dueAt: now }], now);
    await redraw(tx, air, locked, now);
  });
}

/** What one person did alone is kept by a second one, not by more time. */
const doneAlone = (action: ActionRow) => action.breakGlass !== null && action.breakGlass.confirmed === undefined;
const howToKeep = (action: ActionRow) =>
  doneAlone(action)
    ? `It was done by one person alone. A second person keeps it: confirm ${actionId(action.id)}`
    : `To keep it longer: extend ${actionId(action.id)} 2h`;

async function endNow(air: Air, action: ActionRow, now: Date): Promise<void> {
  const incident = await air.store.incident(action.incidentId);
  const since = await air.store.badEvidenceSince(action.incidentId, action.endedAt ?? action.proposedAt);
  const [worst] = since;
  const row = worst ? undefined : await undoRow(air, action, incident?.severity ?? "medium");
  await air.store.transaction(async (tx) => {
    const locked = await tx.lockAction(action.id);
    const due = locked && endsAt(locked);
    if (!locked || !due || due > now) return;
    const keeper = keeperOf(await tx.onTarget(locked), locked, now);
    // Whether it holds is known when it has ended; the next sweep looks again.
    if (keeper === "under way") return;
    if (keeper) return keep(tx, air, locked, keeper, now);
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
      if (doneAlone(locked)) await pageKept(tx, air, locked, why, now);
      await redraw(tx, air, locked, now);
      return;
    }
    const who = { actor: AIR, by: "Automation", via: "air", source: "Automated device action", reason: "its time was over" };
    await beginUndo(tx, air, locked, row, who, now);
  });
}

/** Somebody else wants it to stay so: it ends with theirs, or not by itself. */
async function keep(tx: Tx, air: Air, action: ActionRow, keeper: { by: ActionRow; until: Date | undefined }, now: Date): Promise<void> {
  const { by, until } = keeper;
  const why = `${actionId(by.id)} (${wanter(by)}) keeps it${until ? ` until ${time(until)}` : ""}.`;
  const [before = ""] = (action.outcome ?? "").split(NOT_ENDED);
  const ends = until && action.endedAt ? until.getTime() - action.endedAt.getTime() : null;
  await tx.updateAction(action.id, { undoAfterMs: ends, undoWarnedAt: null, outcome: `${before}${NOT_ENDED}${why}`.slice(0, 2000) });
  const then = until ? "" : ` A person decides: undo ${actionId(action.id)}`;
  await tx.addTimeline([line(action, now, "action-kept", `${actionId(action.id)} is not ended: ${why}${then}`)]);
  await tx.writeAudit([
    {
      at: now,
      actor: AIR,
      event: "action.kept",
      subject: actionId(action.id),
      incidentId: action.incidentId,
      data: { kind: action.kind, because: `held by ${actionId(by.id)}`, ...(until ? { until: until.toISOString() } : {}) },
    },
  ]);
  await redraw(tx, air, action, now);
}

const NOT_ENDED = " Not ended: ";

/** Nobody but one person stands behind it and it does not end: that is told, not left to the list. */
const pageKept = (tx: Tx, air: Air, action: ActionRow, why: string, now: Date): Promise<void> =>
  wantPages(
    tx,
    air,
    [
      {
        incidentId: action.incidentId,
        actionId: action.id,
        step: "break-glass-kept",
        to: [{ kind: "admins" }, { kind: "approvers", family: action.family, except: action.breakGlass ? [action.breakGlass.key] : [] }],
        text: `${actionKinds[action.kind].title(action.target)}, done by ${action.breakGlass?.by ?? "one person"} alone, does not end by itself: ${why}. Decide: confirm ${actionId(action.id)} or undo ${actionId(action.id)}`,
        by: "air",
      },
    ],
    now,
  );

/**
 * A carried-out action that ends by itself lasts longer.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function extendAction(air: Air, person: Person, id: number, moreMs: number): Promise<Date> {
  const action = await air.store.action(id);
  try {
    if (!action) throw new Refusal("not-found", `There is no action ${actionId(id)}.`);
    const view = (await air.store.incidentViews([action.incidentId])).get(action.incidentId);
    if (!view) throw new Refusal("not-found", `There is no incident of ${actionId(id)}.`);
    const permission = mayDecide(person, { ...action, protectedHits: action.blastRadius.protectedHits }, await namedIn(air, view));
    if (!permission.allowed) throw new Refusal("forbidden", permission.message, { details: { missing: permission.missing } });
    if (!endsAt(action)) throw new Refusal("invalid", `${actionId(id)} does not end by itself, so there is nothing to extend.`);
    const now = air.clock.now();
    return await air.store.transaction(async (tx) => {
      const locked = await tx.lockAction(id);
      if (locked && doneAlone(locked))
        throw new Refusal(
          "invalid",
          `${actionId(id)} was done by one person alone: a second person keeps it with confirm ${actionId(id)}.`,
        );
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
