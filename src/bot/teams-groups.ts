import { BUDGET_MS, keptAMinute } from "../adapters/slack/kept.ts";
import type { DirectoryCapability, GroupMember } from "../engine/ports.ts";

/** Far more groups than one names. */
const MOST = 200;

/** The members of a group of Entra ID, by their object id. */
export type TeamsGroups = (groupId: string) => Promise<ReadonlyMap<string, GroupMember>>;

/**
 * Who is in a group of Entra ID: kept a minute, within the time a press allows. It throws when it cannot say; the caller grants nothing by
 * that group then.
 */
export function createTeamsGroups(directory: DirectoryCapability, now: () => number = Date.now, budgetMs = BUDGET_MS): TeamsGroups {
  return keptAMinute(
    async (groupId) => {
      const members = await directory.members(groupId, AbortSignal.timeout(budgetMs));
      return new Map(members.map((member) => [member.id, member]));
    },
    { most: MOST, now, budgetMs, late: "Microsoft Graph took too long to say who is in the group." },
  );
}
