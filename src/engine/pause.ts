import { type Air, actionId } from "./air.ts";
import { askAgain, LONG_STOP_MS } from "./ask-again.ts";
import type { Family } from "./domain/action.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { EXECUTIONS } from "./set-mode.ts";
import type { Reads } from "./store.ts";
import { wantPages } from "./want-pages.ts";

/** The stop button: executions not yet begun wait, automatic or approved alike, until an admin resumes. */
export type Pause = { family: Family | "all"; by: string; at: string; reason: string };

export const PAUSE_SETTING = "pause";

/** The pause that covers this family, if any. */
export async function pauseOf(reads: Pick<Reads, "setting">, family?: Family): Promise<Pause | undefined> {
  return coveredBy((await reads.setting<Pause[]>(PAUSE_SETTING)) ?? [], family);
}

const coveredBy = (pauses: readonly Pause[], family?: Family) =>
  pauses.find((pause) => pause.family === "all" || family === undefined || pause.family === family);

/** When it returns nothing begins any more: whoever was about to begin has begun before, or sees it. */
export async function pause(air: Air, person: Person, family: Family | "all", reason: string): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(EXECUTIONS, "alone");
    const others = ((await tx.setting<Pause[]>(PAUSE_SETTING)) ?? []).filter((one) => one.family !== family);
    await tx.putSetting(PAUSE_SETTING, [...others, { family, by: person.name, at: now.toISOString(), reason: reason.slice(0, 500) }]);
    const text = `${person.name} paused ${family === "all" ? "every execution" : `every ${family} action`}: ${reason.slice(0, 500)}. An admin resumes.`;
    await wantPages(tx, air, [{ incidentId: 0, actionId: null, step: "paused", to: [{ kind: "ops" }], text, by: person.key }], now);
    await tx.writeAudit([
      { at: now, actor: actorOf(person), event: "executions.paused", subject: family, data: { reason: reason.slice(0, 500) } },
    ]);
    await tx.notifyChange();
  });
}

/** Takes every pause back; what was approved is woken, or asks again where it waited for more than an hour. */
export async function resume(air: Air, person: Person): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.lockSetting(EXECUTIONS, "alone");
    const pauses = (await tx.setting<Pause[]>(PAUSE_SETTING)) ?? [];
    await tx.putSetting(PAUSE_SETTING, []);
    const wake: number[] = [];
    for (const action of await tx.approvedActions()) {
      const long = pauses.find((one) => coveredBy([one], action.family) && now.getTime() - Date.parse(one.at) > LONG_STOP_MS);
      const why = long && `executions were paused for more than 1 h (by ${long.by})`;
      if (!(why && (await askAgain(tx, air, action, why, now)))) wake.push(action.id);
    }
    await tx.enqueueMany(
      "execute-action",
      wake.map((id) => ({ data: { action: id }, key: actionId(id) })),
    );
    await tx.writeAudit([{ at: now, actor: actorOf(person), event: "executions.resumed", subject: "all" }]);
    await tx.notifyChange();
  });
}
