import { and, eq } from "drizzle-orm";
import type { Database } from "../connect.ts";
import { labObjects } from "../schema.ts";

/** Keeps the simulated company's state, so that a second start finds it as it was. */
export function labStore(database: Database) {
  return {
    async get(kind: string, id: string): Promise<unknown> {
      const [row] = await database.db
        .select({ state: labObjects.state })
        .from(labObjects)
        .where(and(eq(labObjects.kind, kind), eq(labObjects.id, id)));
      return row?.state;
    },
    async put(kind: string, id: string, state: unknown): Promise<void> {
      await database.db
        .insert(labObjects)
        .values({ kind, id, state })
        .onConflictDoUpdate({ target: [labObjects.kind, labObjects.id], set: { state } });
    },
    list: (kind: string): Promise<{ id: string; state: unknown }[]> =>
      database.db
        .select({ id: labObjects.id, state: labObjects.state })
        .from(labObjects)
        .where(eq(labObjects.kind, kind))
        .orderBy(labObjects.id),
  };
}
