import type { WebClient } from "@slack/web-api";
import { z } from "zod";
import { visible } from "../../engine/cards/visible.ts";
import { ChatError } from "../../engine/ports.ts";
import { toChatError } from "./errors.ts";
import { BUDGET_MS, keptAMinute } from "./kept.ts";
import { cutTo } from "./text.ts";

export type SlackProfile = {
  email?: string;
  name: string /** A full member of our workspace: no bot, guest, stranger or former colleague. */;
  member: boolean;
};

const User = z.object({
  id: z.string(),
  team_id: z.string().optional(),
  name: z.string().default(""),
  real_name: z.string().optional(),
  deleted: z.boolean().default(false),
  is_bot: z.boolean().default(false),
  is_restricted: z.boolean().default(false),
  is_ultra_restricted: z.boolean().default(false),
  is_stranger: z.boolean().default(false),
  is_invited_user: z.boolean().default(false),
  is_email_confirmed: z.boolean().default(true),
  profile: z.object({ email: z.string().optional(), real_name: z.string().optional() }).default({}),
  enterprise_user: z.object({ teams: z.array(z.string()).default([]) }).optional(),
});

const MOST = 1_000;
/** A name is what somebody typed about themselves: it stands in cards, in the story and in the audit. */
const LONGEST_NAME = 100;
const readable = (name = ""): string => cutTo(visible(name).replaceAll(/\s+/g, " ").trim(), LONGEST_NAME);

/**
 * Who a Slack user is, by users.info: kept a minute, within the time a press allows. It throws when it cannot say; the caller treats
 * that as a refusal. `teams` are the workspaces whose members count; while nobody knows them nobody can say who is a member, so it throws.
 */
export function createPeople(
  client: WebClient,
  teams: () => readonly string[] | Promise<readonly string[]>,
  now: () => number = Date.now,
  budgetMs = BUDGET_MS,
): (userId: string) => Promise<SlackProfile> {
  async function ask(userId: string): Promise<SlackProfile> {
    try {
      const ours = new Set(await teams());
      if (ours.size === 0) throw new ChatError("later", "Slack has not told air yet which workspace is its own.");
      const answer = await client.users.info({ user: userId });
      const user = User.parse(answer.user);
      const home = user.enterprise_user?.teams ?? [];
      const inside = (user.team_id !== undefined && ours.has(user.team_id)) || home.some((team) => ours.has(team));
      const outsider =
        user.deleted || user.is_bot || user.is_restricted || user.is_ultra_restricted || user.is_stranger || user.is_invited_user;
      // An address nobody confirmed is only what somebody typed.
      const email = user.is_email_confirmed ? user.profile.email?.trim().toLowerCase() : undefined;
      return {
        name: [user.real_name, user.profile.real_name, user.name].map(readable).find((name) => name !== "") ?? user.id,
        member: user.id === userId && inside && !outsider,
        ...(email ? { email } : {}),
      };
    } catch (error) {
      throw error instanceof z.ZodError ? new Error("Slack answered users.info in an unknown shape.") : toChatError(error);
    }
  }
  return keptAMinute(ask, { most: MOST, now, budgetMs, late: "Slack took too long to say who this is." });
}
