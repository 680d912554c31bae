import { and, desc, eq, lt, lte, sql } from "drizzle-orm";
import type { TickRow } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import { ticks } from "../schema.ts";

/** The newest instant of each schedule that has come. A later one was written by a clock that was ahead, and holds nobody up. */
export const lastTicks = (db: Db, now: Date): Promise<TickRow[]> =>
  db.selectDistinctOn([ticks.schedule]).from(ticks).where(lte(ticks.dueAt, now)).orderBy(ticks.schedule, desc(ticks.dueAt));

/** When a schedule was last done before then. */
export async function ranBefore(db: Db, schedule: string, before: Date): Promise<Date | undefined> {
  const [row] = await db
    .select({ dueAt: ticks.dueAt })
    .from(ticks)
    .where(and(eq(ticks.schedule, schedule), eq(ticks.state, "ran"), lt(ticks.dueAt, before)))
    .orderBy(desc(ticks.dueAt))
    .limit(1);
  return row?.dueAt;
}

/** False: somebody else took this instant. */
export async function addTick(db: Db, row: TickRow): Promise<boolean> {
  const added = await db.insert(ticks).values(row).onConflictDoNothing().returning({ one: sql<number>`1` });
  return added.length > 0;
}

export async function explainTick(db: Db, schedule: string, dueAt: Date, why: string): Promise<void> {
  await db
    .update(ticks)
    .set({ why: why.slice(0, 300) })
    .where(and(eq(ticks.schedule, schedule), eq(ticks.dueAt, dueAt)));
}
