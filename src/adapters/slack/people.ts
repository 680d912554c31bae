import type { WebClient } from "@slack/web-api";
import { z } from "zod";
import { toChatError } from "./errors.ts";

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
  is_app_user: z.boolean().default(false),
  is_restricted: z.boolean().default(false),
  is_ultra_restricted: z.boolean().default(false),
  is_stranger: z.boolean().default(false),
  is_invited_user: z.boolean().default(false),
  profile: z.object({ email: z.string().optional(), real_name: z.string().optional() }).default({}),
  enterprise_user: z.object({ teams: z.array(z.string()).default([]) }).optional(),
});

const KEPT_MS = 60_000;
const BUDGET_MS = 1_500;
const MOST = 1_000;

/**
 * Who a Slack user is, by users.info: cached a minute, within the time a press allows. It throws when it cannot say; the caller
 * treats that as a refusal. `teams` are the workspaces whose members count.
 */
export function createPeople(
  client: WebClient,
  teams: () => readonly string[],
  now: () => number = Date.now,
): (userId: string) => Promise<SlackProfile> {
  const kept = new Map<string, { until: number; profile: Promise<SlackProfile> }>();

  async function ask(userId: string): Promise<SlackProfile> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("Slack took too long to say who this is.")), BUDGET_MS);
    try {
      const answer = await Promise.race([client.users.info({ user: userId }), late.promise]);
      const user = User.parse(answer.user);
      const ours = new Set(teams());
      const home = user.enterprise_user?.teams ?? [];
      const inside = (user.team_id !== undefined && ours.has(user.team_id)) || home.some((team) => ours.has(team));
      const outsider =
        user.deleted || user.is_bot || user.is_restricted || user.is_ultra_restricted || user.is_stranger || user.is_invited_user;
      const email = user.profile.email?.toLowerCase();
      return {
        name: user.real_name || user.profile.real_name || user.name || user.id,
        member: user.id === userId && inside && !outsider,
        ...(email ? { email } : {}),
      };
    } catch (error) {
      throw error instanceof z.ZodError ? new Error("Slack answered users.info in an unknown shape.") : toChatError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  return (userId) => {
    const at = now();
    const known = kept.get(userId);
    if (known !== undefined && known.until > at) return known.profile;
    const profile = ask(userId);
    kept.delete(userId);
    kept.set(userId, { until: at + KEPT_MS, profile });
    // A failure is not kept: the next press asks again.
    profile.catch(() => kept.get(userId)?.profile === profile && kept.delete(userId));
    for (const oldest of kept.keys()) {
      if (kept.size <= MOST) break;
      kept.delete(oldest);
    }
    return profile;
  };
}
