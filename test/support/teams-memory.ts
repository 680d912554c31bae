import type { Conversations } from "../../src/adapters/teams/post.ts";
import type { Conversation } from "../../src/engine/ports.ts";

/** Conversations as the database keeps them, in memory. */
export function rememberedConversations(...known: Conversation[]): Conversations & { rows: Map<string, Conversation> } {
  const rows = new Map(known.map((one) => [one.id, one]));
  let heard = 0;
  const seen = new Map<string, number>();
  return {
    rows,
    heard: async (one) => {
      rows.set(one.id, { ...rows.get(one.id), ...one, removedAt: undefined });
      seen.set(one.id, ++heard);
    },
    left: async ({ id, team }, now) => {
      for (const [key, row] of rows) if (key === id || (team !== undefined && row.team === team)) rows.set(key, { ...row, removedAt: now });
    },
    find: async (id) => rows.get(id),
    newer: async (than) => {
      const at = (row: Conversation) => seen.get(row.id) ?? 0;
      const others = [...rows.values()]
        .filter((row) => row.tenant === than.tenant && row.removedAt === undefined)
        .filter((row) => row.serviceUrl !== than.serviceUrl && at(row) > at(than))
        .sort((a, b) => at(b) - at(a));
      const isTeams = (row: Conversation) => row.team !== undefined && row.team === than.team;
      return [...others.filter(isTeams).slice(0, 1), ...others.filter((row) => !isTeams(row)).slice(0, 1)];
    },
    returned: async ({ team }) => {
      for (const [key, row] of rows) if (team !== undefined && row.team === team) rows.set(key, { ...row, removedAt: undefined });
    },
    newest: async (tenant) =>
      [...rows.values()].findLast((row) => row.removedAt === undefined && (tenant === undefined || row.tenant === tenant)),
  };
}
