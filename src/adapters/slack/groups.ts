import type { WebClient } from "@slack/web-api";
import { z } from "zod";
import { toChatError } from "./errors.ts";
import { BUDGET_MS, keptAMinute } from "./kept.ts";

const Members = z.object({ users: z.array(z.string()) });
/** Slack grants some twenty of these questions a minute, so more groups than this could not be asked anyway. */
const MOST = 200;

/**
 * Who is in a Slack user group, by usergroups.users.list: kept a minute, within the time a press allows. It throws when it cannot say;
 * the caller grants nothing by that group then. A group that was disabled has no members.
 */
export function createGroups(
  client: WebClient,
  now: () => number = Date.now,
  budgetMs = BUDGET_MS,
): (groupId: string) => Promise<ReadonlySet<string>> {
  async function ask(groupId: string): Promise<ReadonlySet<string>> {
    try {
      const answer = await client.usergroups.users.list({ usergroup: groupId, include_disabled: false });
      return new Set(Members.parse(answer).users);
    } catch (error) {
      throw error instanceof z.ZodError ? new Error("Slack answered usergroups.users.list in an unknown shape.") : toChatError(error);
    }
  }
  return keptAMinute(ask, { most: MOST, now, budgetMs, late: "Slack took too long to say who is in the user group." });
}
