import { and, desc, eq, isNull, or, sql } from "drizzle-orm";
import type { Conversation } from "../../engine/ports.ts";
import type { Database } from "../connect.ts";
import { conversations, messages } from "../schema.ts";

/** How fresh `seenAt` is kept: a busy chat is no reason for a write with each message. */
const SEEN_EVERY_MS = 3_600_000;

/** Where a chat's conversations are reached, kept by what their own messages say. */
export function conversationStore(database: Database, platform: "teams") {
  const shape = (row: typeof conversations.$inferSelect): Conversation => ({
    id: row.id,
    kind: row.kind,
    tenant: row.tenant,
    serviceUrl: row.serviceUrl,
    bot: row.bot,
    team: row.team ?? undefined,
    name: row.name ?? undefined,
    person: row.person ?? undefined,
    removedAt: row.removedAt ?? undefined,
  });
  return {
    /** Heard from it, so it is there. */
    async heard(one: Omit<Conversation, "removedAt">, now: Date): Promise<void> {
      const { id, team = null, name = null, person = null, ...rest } = one;
      const kept = { ...rest, seenAt: now, removedAt: null };
      const changed = or(
        sql`${conversations.serviceUrl} is distinct from ${one.serviceUrl}`,
        sql`${conversations.bot} is distinct from ${one.bot}`,
        sql`${conversations.tenant} is distinct from ${one.tenant}`,
        sql`${conversations.kind} is distinct from ${one.kind}`,
        // What a message leaves out is not forgotten.
        sql`coalesce(${team}::text, ${conversations.team}) is distinct from ${conversations.team}`,
        sql`coalesce(${name}::text, ${conversations.name}) is distinct from ${conversations.name}`,
        sql`coalesce(${person}::text, ${conversations.person}) is distinct from ${conversations.person}`,
        sql`${conversations.removedAt} is not null`,
        sql`${conversations.seenAt} < ${new Date(now.getTime() - SEEN_EVERY_MS).toISOString()}::timestamptz`,
        // Which address is the newest must not be told by how seldom that is.
        sql`exists (select 1 from conversations other where other.platform = ${platform} and other.tenant = ${one.tenant}
          and other.service_url <> ${one.serviceUrl} and other.seen_at >= ${conversations.seenAt})`,
      );
      await database.db
        .insert(conversations)
        .values({ platform, id, team, name, person, ...kept })
        .onConflictDoUpdate({
          target: [conversations.platform, conversations.id],
          set: {
            ...kept,
            team: sql`coalesce(excluded.team, ${conversations.team})`,
            name: sql`coalesce(excluded.name, ${conversations.name})`,
            person: sql`coalesce(excluded.person, ${conversations.person})`,
          },
          ...(changed ? { setWhere: changed } : {}),
        });
    },
    /** The app was removed there, or from the whole team. */
    async left(where: { id: string; team?: string | undefined }, now: Date): Promise<void> {
      const there =
        where.team === undefined ? eq(conversations.id, where.id) : or(eq(conversations.id, where.id), eq(conversations.team, where.team));
      await database.db
        .update(conversations)
        .set({ removedAt: now })
        .where(and(eq(conversations.platform, platform), there, isNull(conversations.removedAt)));
    },
    /** The app was added to the team again. A channel that was deleted meanwhile says so itself when it is posted to. */
    async returned(where: { id: string; team?: string | undefined }): Promise<void> {
      if (where.team === undefined) return;
      await database.db
        .update(conversations)
        .set({ removedAt: null })
        .where(and(eq(conversations.platform, platform), eq(conversations.team, where.team)));
    },
    async find(id: string): Promise<Conversation | undefined> {
      const [row] = await database.db
        .select()
        .from(conversations)
        .where(and(eq(conversations.platform, platform), eq(conversations.id, id)));
      return row && shape(row);
    },
    /** The newest one heard of, of a tenant or of any, that is still there: its service serves its whole tenant. */
    async newest(tenant?: string): Promise<Conversation | undefined> {
      const [row] = await database.db
        .select()
        .from(conversations)
        .where(
          and(
            eq(conversations.platform, platform),
            isNull(conversations.removedAt),
            tenant === undefined ? undefined : eq(conversations.tenant, tenant),
          ),
        )
        .orderBy(desc(conversations.seenAt))
        .limit(1);
      return row && shape(row);
    },
    /** Of the same tenant, at another address that was heard after this one's own: the newest of its team, and of the others. */
    async newer(than: Conversation): Promise<Conversation[]> {
      const newestOf = async (which: ReturnType<typeof sql>): Promise<Conversation[]> => {
        const rows = await database.db
          .select()
          .from(conversations)
          .where(
            and(
              eq(conversations.platform, platform),
              eq(conversations.tenant, than.tenant),
              isNull(conversations.removedAt),
              sql`${conversations.serviceUrl} <> ${than.serviceUrl}`,
              sql`${conversations.seenAt} > (select own.seen_at from conversations own where own.platform = ${platform} and own.id = ${than.id})`,
              which,
            ),
          )
          .orderBy(desc(conversations.seenAt))
          .limit(1);
        return rows.map(shape);
      };
      const [any] = await newestOf(sql`true`);
      if (any === undefined || than.team === undefined || any.team === than.team) return any ? [any] : [];
      return [...(await newestOf(sql`${conversations.team} = ${than.team}`)), any];
    },
    /** Which of air's messages this is; undefined: an answer, which is drawn once and not kept. */
    async messageAt(conversation: string, id: string) {
      const [row] = await database.db
        .select({ id: messages.id, subject: messages.subject, incidentId: messages.incidentId, channel: messages.channel })
        .from(messages)
        .where(and(eq(messages.channel, `${platform}:${conversation}`), sql`${messages.ref}->>'id' = ${id}`))
        .limit(1);
      return row;
    },
  };
}
