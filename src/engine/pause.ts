import type { Air } from "./air.ts";
import type { Family } from "./domain/action.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import type { Reads } from "./store.ts";

/** The stop button: executions not yet begun wait, automatic or approved alike, until an admin resumes. */
export type Pause = { family: Family | "all"; by: string; at: string; reason: string };

export const PAUSE_SETTING = "pause";

/** The pause that covers this family, if any. */
export async function pauseOf(reads: Pick<Reads, "setting">, family?: Family): Promise<Pause | undefined> {
  const pauses = (await reads.setting<Pause[]>(PAUSE_SETTING)) ?? [];
  return pauses.find((pause) => pause.family === "all" || family === undefined || pause.family === family);
}

export async function pause(air: Air, person: Person, family: Family | "all", reason: string): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    const others = ((await tx.setting<Pause[]>(PAUSE_SETTING)) ?? []).filter((one) => one.family !== family);
    await tx.putSetting(PAUSE_SETTING, [...others, { family, by: person.name, at: now.toISOString(), reason: reason.slice(0, 500) }]);
    await tx.writeAudit([
      { at: now, actor: actorOf(person), event: "executions.paused", subject: family, data: { reason: reason.slice(0, 500) } },
    ]);
    await tx.notifyChange();
  });
}

/** Takes every pause back; what was approved meanwhile is woken. */
export async function resume(air: Air, person: Person): Promise<void> {
  const now = air.clock.now();
  await air.store.transaction(async (tx) => {
    await tx.putSetting(PAUSE_SETTING, []);
    const waiting = await tx.listActions({ states: ["approved"], limit: 200 });
    await tx.enqueueMany(
      "execute-action",
      waiting.items.map((action) => ({ data: { action: action.id }, key: `ACT-${action.id}` })),
    );
    await tx.writeAudit([{ at: now, actor: actorOf(person), event: "executions.resumed", subject: "all" }]);
    await tx.notifyChange();
  });
}
