import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import { refreshInvestigation } from "./investigation-status.ts";
import { sha256 } from "./sha256.ts";
import { endSnoozes } from "./snoozed.ts";
import type { ActionRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/** A stop longer than this and what was approved before it asks again: the world has moved on (product contract 6). */
export const LONG_STOP_MS = 3_600_000;
/** When some process of air was last alive. */
const HEARTBEAT_SETTING = "heartbeat";

const AIR = { kind: "air", job: "ask-again" } as const;

/**
 * An approved action that has not begun waits for a decision again. It gets another version, so that neither a button drawn before nor an
 * approval given before counts, and as much time to answer as it had at first. False: somebody was faster, or it has begun.
 */
export async function askAgain(tx: Tx, air: Pick<Air, "channels" | "policy">, action: ActionRow, why: string, now: Date): Promise<boolean> {
  const moved = await tx.moveAction(action.id, "approved", {
    state: "pending",
    version: sha256(`${action.version} asked again ${now.toISOString()}`).slice(0, 16),
    decision: null,
    decidedAt: null,
    rule: why,
    deadline: new Date(Math.min(now.getTime() + (action.deadline.getTime() - action.proposedAt.getTime()), action.expiresAt.getTime())),
    outcome: null,
    notBefore: null,
    redrawAt: null,
    // One person decided it alone and it never began: nothing was broken.
    ...(action.breakGlass ? { breakGlass: null, undoAfterMs: action.breakGlass.lasts ?? null } : {}),
  });
  if (!moved) return false;
  // What it takes back is not being taken back any more; the next approval begins that anew.
  if (moved.undoes !== null) await tx.moveAction(moved.undoes, "undoing", { state: "succeeded" });
  const { incidentId, investigationId } = moved;
  const text = `${actionKinds[moved.kind].title(moved.target)} was approved, has not begun and asks again: ${why}`;
  await tx.addTimeline([timelineLine({ incidentId, investigationId, actionId: moved.id }, now, AIR, "action-asks-again", text)]);
  await tx.writeAudit([
    {
      at: now,
      actor: AIR,
      event: "action.asks-again",
      subject: actionId(moved.id),
      incidentId,
      data: { kind: moved.kind, why, before: action.decision?.by ?? null },
    },
  ]);
  await refreshInvestigation(tx, investigationId, now);
  await endSnoozes(tx, air, [incidentId], now);
  await redrawIncident(tx, air, incidentId, now, { actions: moved.undoes === null ? [moved.id] : [moved.id, moved.undoes] });
  return true;
}

/**
 * Says that air lives, and notices when it did not: after more than an hour, or on a database older than what this machine remembers
 * (`known`: a restore), everything approved before and not begun asks again.
 */
export async function beat(air: Air, known?: Date): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(HEARTBEAT_SETTING, "alone");
    const last = await lastBeat(tx);
    const why = stopped(last, known, now);
    if (why) for (const action of await tx.approvedActions()) await askAgain(tx, air, action, why, now);
    await tx.putSetting(HEARTBEAT_SETTING, now.toISOString());
  });
}

/** When air was last alive, as the database knows it. */
export async function lastBeat(reads: Pick<Tx, "setting">): Promise<Date | undefined> {
  const text = await reads.setting<string>(HEARTBEAT_SETTING);
  const at = new Date(text ?? "");
  return Number.isNaN(at.getTime()) ? undefined : at;
}

/** What this machine remembers is written after the database has it: a database that knows less was put back. */
const RESTORED_BY_MS = 60_000;

function stopped(last: Date | undefined, known: Date | undefined, now: Date): string | undefined {
  if (known && last && known.getTime() - last.getTime() > RESTORED_BY_MS)
    return `the database was restored to what it was at ${last.toISOString().slice(0, 16)}Z`;
  if (last && now.getTime() - last.getTime() > LONG_STOP_MS)
    return `air was stopped for more than 1 h (since ${last.toISOString().slice(0, 16)}Z)`;
  return undefined;
}
