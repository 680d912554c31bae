import type { WebClient } from "@slack/web-api";
import type { Log } from "../../engine/ports.ts";
import { toChatError } from "./errors.ts";

/** Which workspace and bot our token belongs to. */
export type SlackIdentity = { teamId: string; userId: string };

type Identity = {
  known(): SlackIdentity | undefined;
  /** Asks at once where the answer is missing, unless it was asked a moment ago; who waits for it waits for as long as a press may. */
  now(): Promise<SlackIdentity | undefined>;
  /** How long nobody has known it. */
  waitingMs(): number;
  start(): void;
  stop(): void;
};

/** At most so often it is asked beside the timer: whoever presses again and again does not make air ask again and again. */
const AT_MOST_EVERY_MS = 1_000;
/** How long a press or a command waits for it; Slack gives three seconds for all of it. */
const BUDGET_MS = 1_000;

/**
 * Learns who we are in the background, so that starting does not need Slack. Until then nobody's workspace can be compared with
 * ours and, without an allow-list, everybody is refused. After an outage it is not the slow timer that ends this: the first press, command
 * or post that works asks again.
 */
export function createIdentity(client: WebClient, log: Log, clock: () => number = Date.now): Identity {
  let identity: SlackIdentity | undefined;
  let timer: NodeJS.Timeout | undefined;
  let asking: Promise<void> | undefined;
  let attempt = 0;
  let stopped = false;
  let said = "";
  const since = clock();
  /** Not before this: Slack asked for it, or it was asked a moment ago. */
  let notBefore = 0;

  async function ask(): Promise<void> {
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
      notBefore = clock() + (retryAfterMs ?? AT_MOST_EVERY_MS);
      if (stopped) return;
      timer = setTimeout(() => void once(), retryAfterMs ?? Math.min(60_000, 1_000 * 2 ** Math.min(attempt, 6)));
      timer.unref();
      attempt += 1;
    }
  }

  const once = (): Promise<void> => {
    clearTimeout(timer);
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };

  return {
    known: () => identity,
    async now() {
      if (identity !== undefined || stopped || (asking === undefined && clock() < notBefore)) return identity;
      const late = Promise.withResolvers<void>();
      const waited = setTimeout(late.resolve, BUDGET_MS);
      await Promise.race([once(), late.promise]);
      clearTimeout(waited);
      return identity;
    },
    waitingMs: () => (identity === undefined ? clock() - since : 0),
    start: () => void once(),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
