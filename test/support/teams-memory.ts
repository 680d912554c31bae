import type { Conversations } from "../../src/adapters/teams/post.ts";
import type { Conversation } from "../../src/engine/ports.ts";

/** Conversations as the database keeps them, in memory. */
export function rememberedConversations(...known: Conversation[]): Conversations & { rows: Map<string, Conversation> } {
  const rows = new Map(known.map((one) => [one.id, one]));
  return {
    rows,
    heard: async (one) => void rows.set(one.id, { ...rows.get(one.id), ...one, removedAt: undefined }),
    left: async ({ id, team }, now) => {
      for (const [key, row] of rows) if (key === id || (team !== undefined && row.team === team)) rows.set(key, { ...row, removedAt: now });
    },
    find: async (id) => rows.get(id),
    returned: async ({ team }) => {
      for (const [key, row] of rows) if (team !== undefined && row.team === team) rows.set(key, { ...row, removedAt: undefined });
    },
    newest: async (tenant) =>
      [...rows.values()].findLast((row) => row.removedAt === undefined && (tenant === undefined || row.tenant === tenant)),
  };
}
