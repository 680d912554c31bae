import { type Air, actionId } from "./air.ts";
import { announceEnded, announcePauses } from "./announce-pause.ts";
import { askAgain, LONG_STOP_MS } from "./ask-again.ts";
import { cut } from "./cards/card.ts";
import type { Family } from "./domain/action.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { mustFit } from "./domain/words.ts";
import { EXECUTIONS } from "./set-mode.ts";
import type { Reads, Tx } from "./store.ts";
import { tellOnCall } from "./tell-on-call.ts";

/** The stop button: executions not yet begun wait, automatic or approved alike, until an admin resumes. */
export type Pause = { family: Family | "all"; by: string; at: string; reason: string };

export const PAUSE_SETTING = "pause";

/** The pause that covers this family, if any. */
export async function pauseOf(reads: Pick<Reads, "setting">, family?: Family): Promise<Pause | undefined> {
  return coveredBy((await reads.setting<Pause[]>(PAUSE_SETTING)) ?? [], family);
}

const coveredBy = (pauses: readonly Pause[], family?: Family) =>
  pauses.find((pause) => pause.family === "all" || family === undefined || pause.family === family);

/** Which actions wait, because of whom and why; one sentence. */
export const pausedBy = ({ family, by, reason }: Pause): string =>
  `${family === "all" ? "Executions are" : `${family[0]?.toUpperCase()}${family.slice(1)} actions are`} paused by ${by}: ${cut(reason, 500)}.`;

const resumedBy = ({ family }: Pause, by: string): string =>
  `${family === "all" ? "Executions go on" : `${family[0]?.toUpperCase()}${family.slice(1)} actions go on`}: ${by} ended the pause.`;

/** When it returns nothing begins any more: whoever was about to begin has begun before, or sees it. */
export async function pause(air: Air, person: Person, family: Family | "all", reason: string): Promise<void> {
  mustFit(reason, "reason");
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(EXECUTIONS, "alone");
    const before = (await tx.setting<Pause[]>(PAUSE_SETTING)) ?? [];
    const others = before.filter((one) => one.family !== family);
    const paused: Pause = { family, by: person.name, at: now.toISOString(), reason };
    await tx.putSetting(PAUSE_SETTING, [...others, paused]);
    const replaced = before.filter((one) => one.family === family && one.at !== paused.at);
    await announceEnded(tx, air, replaced, { by: person.name, at: paused.at, how: "replaced" }, now);
    await announcePauses(tx, air, [paused], now);
    await tellOnCall(tx, air, `paused ${family} ${paused.at}`, `${pausedBy(paused)} To go on: resume`, now, person.key);
    await tx.writeAudit([{ at: now, actor: actorOf(person), event: "executions.paused", subject: family, data: { reason } }]);
    await tx.notifyChange();
  });
}

/**
 * air was started with the order to carry nothing out. Whoever is on call is told as of any pause; an older pause of everything stays, for
 * since when it lasts decides what asks again.
 */
export async function pauseAtStart(tx: Tx, air: Air, now: Date): Promise<void> {
  const before = (await tx.setting<Pause[]>(PAUSE_SETTING)) ?? [];
  if (before.some((one) => one.family === "all")) return;
  const paused: Pause = { family: "all", by: "AIR_PAUSED", at: now.toISOString(), reason: "started with AIR_PAUSED=1" };
  await tx.putSetting(PAUSE_SETTING, [...before, paused]);
  await announcePauses(tx, air, [paused], now);
  await tellOnCall(tx, air, `paused all ${paused.at}`, `${pausedBy(paused)} To go on: resume`, now);
}

/**
 * Takes every pause back, or that of one family alone: what was approved is woken, or asks again where it waited for more than an hour.
 * Answers with the pauses that stay in force.
 */
export async function resume(air: Air, person: Person, family: Family | "all" = "all"): Promise<Pause[]> {
  const now = air.clock.now();
  return air.store.transaction(async (tx) => {
    await tx.lockSetting(EXECUTIONS, "alone");
    const pauses = (await tx.setting<Pause[]>(PAUSE_SETTING)) ?? [];
    const left = family === "all" ? [] : pauses.filter((one) => one.family !== family);
    const lifted = pauses.filter((one) => !left.includes(one));
    if (family !== "all" && lifted.length === 0) throw nothingToLift(family, left);
    await tx.putSetting(PAUSE_SETTING, left);
    await announceEnded(tx, air, lifted, { by: person.name, at: now.toISOString(), how: "resumed" }, now);
    for (const one of lifted) await tellOnCall(tx, air, `resumed ${one.family} ${one.at}`, resumedBy(one, person.name), now, person.key);
    const wake: number[] = [];
    for (const action of await tx.approvedActions()) {
      if (family !== "all" && action.family !== family) continue;
      const long = lifted.find((one) => coveredBy([one], action.family) && now.getTime() - Date.parse(one.at) > LONG_STOP_MS);
      const why = long && `executions were paused for more than 1 h (by ${long.by})`;
      // It asks again even while all is paused still: nobody remembers the longer wait when that ends.
      const again = why !== undefined && (await askAgain(tx, air, action, why, now));
      if (!again && !(left.length > 0 && coveredBy(left, action.family))) wake.push(action.id);
    }
    await tx.enqueueMany(
      "execute-action",
      wake.map((id) => ({ data: { action: id }, key: actionId(id) })),
    );
    await tx.writeAudit([{ at: now, actor: actorOf(person), event: "executions.resumed", subject: family }]);
    await tx.notifyChange();
    return left;
  });
}

/** Somebody who stopped everything did not mean one family. */
function nothingToLift(family: Family, left: readonly Pause[]): Refusal {
  const all = left.find((one) => one.family === "all");
  const others = left.map((one) => one.family).join(", ");
  return new Refusal(
    "invalid",
    all
      ? `Every execution is paused by ${all.by}: ${all.reason}. That ends with "resume" for all families at once; nothing was resumed.`
      : `No pause of ${family} is in force${others ? `; paused is: ${others}` : ""}. Nothing was resumed.`,
  );
}
