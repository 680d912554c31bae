import { ChatError } from "../../engine/ports.ts";
import { ServiceError, Unreachable } from "./service.ts";

/** Nothing can be posted in this conversation until somebody mends it, with the next step. */
const CHANNEL: Record<string, string> = {
  MessageWritesBlocked:
    "Teams does not let air write there: the app was blocked or removed. Add the app to the team again, or ask a Teams admin.",
  BotNotInConversationRoster: "air is not in the team of this channel. Add the app to the team.",
  BotDisabledByAdmin: "An admin of Teams has disabled the app. Ask them to allow it again.",
  ForbiddenOperationException: "Teams does not let air write there. Add the app to the team again and check the channel's moderation.",
  ConversationNotFound:
    "Teams does not know the channel, or air is not in its team. Check the channel's id in air.yaml and add the app to the team.",
};

const REMOVED = "Teams does not let air write there. Add the app to the team again, or set another channel in air.yaml.";

/** The card as drawn is more than Teams takes, or something in it is what Teams does not take. */
export const isUndrawable = (error: unknown): boolean =>
  error instanceof ServiceError && (error.status === 413 || (error.status === 400 && error.code !== "ConversationNotFound"));

/** Certainly nothing was done, and it may be because the conversation is served from another address now. */
export const isElsewhere = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof ServiceError && (error.status === 403 || error.status === 404));

/** What is to be done again when Teams is asked at the same moment by others, or has trouble. */
const LATER = new Set([408, 409, 412, 429]);

/**
 * What went wrong at Teams → what it means for air. `about`: a message that is there already, or a reply, whose thread may be gone.
 */
export function toChatError(error: unknown, about: "root" | "reply" | "update"): ChatError {
  if (error instanceof ChatError) return error;
  if (!(error instanceof ServiceError)) return new ChatError("later", "The call to Teams failed.", { maybeSent: true });
  const { status, code, retryAfterMs } = error;
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (LATER.has(status))
    return new ChatError("later", status === 429 ? "Teams asked to wait." : `Teams asked to try again (HTTP ${status}).`, wait);
  if (status >= 500) return new ChatError("later", `Teams has trouble (HTTP ${status}).`, { ...wait, maybeSent: true });
  if (status === 401)
    return new ChatError(
      "account",
      "Teams refused air's token. Check that MICROSOFT_APP_ID is the bot's of Azure, and that its secret is its own.",
    );
  if (status === 403) return new ChatError("channel", CHANNEL[code ?? ""] ?? REMOVED);
  if (status === 404 || status === 410 || code === "ConversationNotFound") {
    if (about !== "root") return new ChatError("gone", "The message is not there any more.");
    return new ChatError("channel", CHANNEL.ConversationNotFound ?? REMOVED);
  }
  if (status === 400 || status === 413)
    return new ChatError("refused", `Teams does not take this card (HTTP ${status}${code ? ` ${code}` : ""}).`);
  return new ChatError("refused", `Teams refused with HTTP ${status}${code ? ` ${code}` : ""}.`);
}
