import { lt, sql } from "drizzle-orm";
import type { Database } from "../connect.ts";
import { takenRequests } from "../schema.ts";

/** A request may be stamped five minutes ahead and is taken until five minutes behind; and a little. */
const KEPT_MS = 11 * 60_000;
const PRUNED_EVERY_MS = 60_000;

/** Which requests of a chat were taken, so that one that was listened to does nothing when it is sent again, to any process. */
export function takenRequestStore(database: Database, now: () => Date) {
  let prunedAt = 0;
  return {
    /** True the first time. One statement, so of two processes one is first. */
    async take(key: string): Promise<boolean> {
      const at = now();
      const rows = await database.db
        .insert(takenRequests)
        .values({ key, until: new Date(at.getTime() + KEPT_MS) })
        .onConflictDoNothing()
        .returning({ one: sql<number>`1` });
      if (at.getTime() - prunedAt > PRUNED_EVERY_MS) {
        prunedAt = at.getTime();
        await database.db.delete(takenRequests).where(lt(takenRequests.until, at));
      }
      return rows.length > 0;
    },
  };
}
