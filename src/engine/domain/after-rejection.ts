import type { ActionState } from "./action.ts";

/** The same was asked before in this incident, or not: then the rejected action it comes back to, if it may. */
export type Again = { ask: false } | { ask: true; rejected: number | undefined };

/**
 * After a reject the same kind and target is not proposed again in that incident, unless a source family speaks that had not when a person
 * said no (product contract 6). What waits, was done or has expired is not asked twice at all.
 */
export function afterRejection(
  before: readonly { id: number; state: ActionState; families: readonly string[] }[],
  families: readonly string[],
): Again {
  if (before.length === 0) return { ask: true, rejected: undefined };
  if (before.some((action) => action.state !== "rejected")) return { ask: false };
  const heard = new Set(before.flatMap((action) => action.families));
  if (!families.some((family) => !heard.has(family))) return { ask: false };
  return { ask: true, rejected: Math.max(...before.map((action) => action.id)) };
}
