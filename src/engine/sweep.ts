import { actionKinds } from "./actions/all.ts";
import { advanceDueCalls } from "./advance-calls.ts";
import { type Air, actionId, investigationId } from "./air.ts";
import { beat } from "./ask-again.ts";
import { approvalsOf, redraw } from "./decide-action.ts";
import { keepDigests } from "./digest.ts";
import { settleUndone } from "./end-action.ts";
import { escalate } from "./escalate.ts";
import { followUpPages } from "./follow-up-pages.ts";
import { releaseHeld } from "./hold-back.ts";
import { ifNothing } from "./if-nothing.ts";
import type { Settle } from "./investigate.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { keepChatTroubles } from "./keep-chat-troubles.ts";
import { keepRota } from "./keep-rota.ts";
import { keepSnoozes } from "./keep-snoozes.ts";
import { RECHECK_MS } from "./recheck-action.ts";
import { remindOwners } from "./remind-owner.ts";
import { takeTicks } from "./take-ticks.ts";
import { keepThreads } from "./thread-lines.ts";
import { endTimedActions } from "./timed-actions.ts";
import { timelineLine } from "./timeline-line.ts";

/** How many lapsed actions one sweep takes; the next one takes the rest. */
const BATCH = 100;
/** Some of these call nobody (they wait for the digest, or were acknowledged), so that looking at one costs little. */
const OVERDUE = 500;
/** What a storm left behind is looked into and decided within this long after its last alert. */
const STORMS_REDRAWN_MS = 86_400_000;

/**
 * Due times are rows compared with the clock here; the queue's deferral only wakes us. Proposals nobody answered expire, and whatever
 * slipped (a job that used up its tries, a swallowed wake-up) is sent again. Sending twice is harmless: same work, same key.
 */
export async function sweep(air: Air, settle: Settle): Promise<void> {
  const now = air.clock.now();
  await beat(air);
  for (const { id } of await air.store.lapsedActions(now, BATCH)) await expire(air, id, now);
  await endTimedActions(air, BATCH);
  await keepRota(air, now);
  await keepSnoozes(air, now);
  await remindOwners(air, now);
  const isCalled = (air.paging?.().chain.length ?? 0) > 0;
  for (const id of isCalled ? await air.store.overdueActions(now, OVERDUE) : [])
    await air.store.transaction((tx) => escalate(tx, air, id, now));
  await advanceDueCalls(air, now);
  for (const { id } of await air.store.redrawnBy(now, BATCH)) await redrawAgain(air, id, now);
  await followUpPages(air, now);
  await keepChatTroubles(air, now);
  await releaseHeld(air, now);
  const due = await air.store.duePages(now, 1);
  await keepThreads(air, now);
  await keepDigests(air, now);
  await takeTicks(air, now);
  const stale = await air.store.stale(now);
  const unchecked = await air.store.uncheckedActions(new Date(now.getTime() - RECHECK_MS), BATCH);
  const untold = await air.store.dueWriteBacks(now, 1);
  await settle(async (tx) => {
    if (untold.length > 0) await tx.enqueue("write-back", { due: now.toISOString() }, { key: "write-back" });
    if (due.length > 0) await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
    await tx.redrawStorms(new Date(now.getTime() - STORMS_REDRAWN_MS));
    await tx.enqueueMany(
      "investigate",
      stale.investigations.map((id) => ({ data: { investigation: id }, key: investigationId(id) })),
    );
    await tx.enqueueMany(
      "publish",
      stale.channels.map((channel) => ({ data: { channel }, key: channel })),
    );
    await tx.enqueueMany(
      "execute-action",
      stale.actions.map((id) => ({ data: { action: id }, key: actionId(id) })),
    );
    await tx.enqueueMany(
      "recheck-action",
      unchecked.map((id) => ({ data: { action: id }, key: actionId(id) })),
    );
  });
}

/** Its card says something else now, without anything having happened. */
async function redrawAgain(air: Air, id: number, now: Date): Promise<void> {
  await air.store.transaction(async (tx) => {
    const action = await tx.lockAction(id);
    if (!action?.redrawAt || action.redrawAt > now) return;
    await tx.updateAction(id, { redrawAt: null });
    if (action.state === "pending") await redraw(tx, air, action, now);
  });
}

async function expire(air: Air, id: number, now: Date): Promise<void> {
  await air.store.transaction(async (tx) => {
    const action = await tx.lockAction(id);
    if (!action || now < action.expiresAt) return;
    const [said] = action.byHand === null ? [] : await approvalsOf(tx, action);
    const nothing = said
      ? `${said.name} says that it was done by hand; policy asks for two, and nobody else confirmed it`
      : "nothing was done";
    const moved =
      action.state === "pending"
        ? await tx.moveAction(id, "pending", { state: "expired", endedAt: now, outcome: `Expired: ${nothing}.` })
        : action.state === "approved"
          ? await tx.moveAction(id, "approved", {
              state: "cancelled",
              endedAt: now,
              outcome: "Expired before it was carried out: nothing was done.",
            })
          : undefined;
    if (!moved) return;
    if (moved.undoes !== null) await settleUndone(tx, air, moved);
    const again = moved.state === "expired" ? ` "propose ${actionId(id)}" asks again.` : "";
    const text = `${actionId(id)} expired: ${nothing}. ${actionKinds[moved.kind].title(moved.target)}${said ? "." : `: ${ifNothing(moved)}`}${again}`;
    await tx.addTimeline([
      timelineLine(
        { incidentId: moved.incidentId, investigationId: moved.investigationId, actionId: id },
        now,
        { kind: "air", job: "sweep" },
        "action-expired",
        text,
      ),
    ]);
    await tx.writeAudit([
      {
        at: now,
        actor: { kind: "air", job: "sweep" },
        event: "action.expired",
        subject: actionId(id),
        incidentId: moved.incidentId,
        data: { kind: moved.kind },
      },
    ]);
    await refreshInvestigation(tx, moved.investigationId, now);
    await redraw(tx, air, moved, now);
  });
}
