import type { WebClient } from "@slack/web-api";
import type { Log } from "../../engine/ports.ts";
import { toChatError } from "./errors.ts";

/** Which workspace and bot our token belongs to. */
export type SlackIdentity = { teamId: string; userId: string };

/**
 * Learns who we are in the background, so that starting does not need Slack. Until then nobody's workspace can be compared with
 * ours and, without an allow-list, everybody is refused.
 */
export function createIdentity(client: WebClient, log: Log): { known(): SlackIdentity | undefined; start(): void; stop(): void } {
  let identity: SlackIdentity | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let said = "";

  async function ask(attempt: number): Promise<void> {
    try {
      const answer = await client.auth.test();
      if (!answer.team_id || !answer.user_id) throw new Error("auth.test named no workspace");
      identity = { teamId: answer.team_id, userId: answer.user_id };
      log.info("Slack knows us", { team: answer.team_id, bot: answer.user_id });
    } catch (error) {
      const { kind, message, retryAfterMs } = toChatError(error);
      // Once per kind of trouble: it is asked again every minute.
      if (said !== message) (kind === "later" ? log.warn : log.error)(message, { call: "auth.test" });
      said = message;
      if (stopped) return;
      timer = setTimeout(() => void ask(attempt + 1), retryAfterMs ?? Math.min(60_000, 1_000 * 2 ** Math.min(attempt, 6)));
      timer.unref();
    }
  }

  return {
    known: () => identity,
    start: () => void ask(0),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
