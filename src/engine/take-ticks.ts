import type { Air } from "./air.ts";
import { count, time } from "./cards/say.ts";
import { dueNow, lastDue } from "./domain/schedule.ts";
import { type Schedule, schedulesOf, zoneOf } from "./schedules.ts";
import type { TickRow, Tx } from "./store.ts";
import { tellOps } from "./tell-ops.ts";

/** The row of a schedule that was turned off: what was due since then was not missed. */
const OFF = "turned off in air.yaml";
const FIRST = "air has kept this schedule since then";

/**
 * Does what is due by the wall clock. Every process may ask at any time: the row of an instant is written once, in the transaction of what
 * follows, so that whoever dies in between leaves neither, and whoever comes second finds it taken.
 */
export async function takeTicks(air: Air, now: Date): Promise<void> {
  const rows = new Map((await air.store.lastTicks(now)).map((row) => [row.schedule, row]));
  for (const schedule of schedulesOf(air)) {
    if (!isDue(schedule, rows.get(schedule.name), zoneOf(air), now)) continue;
    try {
      await air.store.transaction((tx) => take(tx, air, schedule, now));
    } catch (error) {
      // One that cannot be done now does not keep the others, or the rest of the sweep; it is tried again with the next.
      air.log.warn("a schedule could not be kept", { schedule: schedule.name, error: error instanceof Error ? error.name : "unknown" });
    }
  }
}

function isDue({ when }: Schedule, last: TickRow | undefined, zone: string, now: Date): boolean {
  if (!when) return last !== undefined && last.why !== OFF;
  return last === undefined || last.why === OFF || lastDue(when, now, zone) > last.dueAt;
}

async function take(tx: Tx, air: Air, schedule: Schedule, now: Date): Promise<void> {
  await tx.lockSetting(`schedule ${schedule.name}`, "alone");
  const last = (await tx.lastTicks(now)).find((row) => row.schedule === schedule.name);
  const { name, when } = schedule;
  if (!isDue(schedule, last, zoneOf(air), now)) return;
  const tick = (dueAt: Date, state: TickRow["state"], why: string | null, skipped = 0) =>
    tx.addTick({ schedule: name, dueAt, state, ranAt: now, skipped, why });
  if (!when) {
    await tick(now, "skipped", OFF);
    return;
  }
  if (last === undefined || last.why === OFF) {
    // The first start, or the first since it was turned on: nothing before was missed. What bears the same instant was done already.
    const from = lastDue(when, now, zoneOf(air));
    await tick(last && from <= last.dueAt ? new Date(last.dueAt.getTime() + 1) : from, "skipped", FIRST);
    return;
  }
  const due = dueNow(when, last.dueAt, now, zoneOf(air));
  if (!due) return;
  if (due.skipped) await skip(tx, air, schedule, due.skipped, now, tick);
  if (!(await tick(due.run, "ran", null))) return;
  const why = await schedule.run(tx, air, due.run, now);
  if (why !== undefined) await tx.explainTick(name, due.run, why);
}

/** One row and one sentence, however many they were. */
async function skip(
  tx: Tx,
  air: Air,
  { name, called }: Schedule,
  { count: number, first, last }: { count: number; first: Date; last: Date },
  now: Date,
  tick: (dueAt: Date, state: TickRow["state"], why: string, skipped: number) => Promise<boolean>,
): Promise<void> {
  if (!(await tick(last, "skipped", "air was down", number))) return;
  const when = number === 1 ? `the one of ${time(first)}` : `from ${time(first)} to ${time(last)}`;
  const text = `${count(number, ...called)} ${number === 1 ? "was" : "were"} skipped while air was down: ${when}. The newest one is done now.`;
  await tellOps(tx, air, `schedule skipped ${name}`, text, now);
}
