import { and, eq, gt, isNull } from "drizzle-orm";
import type { Database } from "../connect.ts";
import { loginLinks } from "../schema.ts";

/** One-time sign-in links, kept by their SHA-256 so that a copy of the database signs nobody in. */
export function loginLinkStore(database: Database) {
  return {
    async add(digest: string, person: string, expiresAt: Date): Promise<void> {
      await database.db.insert(loginLinks).values({ digest, person, expiresAt });
    },
    /** The person it was made for; undefined if it is unknown, used or too old. Using it is one statement, so it works once. */
    async use(digest: string, now: Date): Promise<string | undefined> {
      const [row] = await database.db
        .update(loginLinks)
        .set({ usedAt: now })
        .where(and(eq(loginLinks.digest, digest), isNull(loginLinks.usedAt), gt(loginLinks.expiresAt, now)))
        .returning({ person: loginLinks.person });
      return row?.person;
    },
  };
}
