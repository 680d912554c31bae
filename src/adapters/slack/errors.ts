import { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebAPIRequestError } from "@slack/web-api";
import { ChatError } from "../../engine/ports.ts";

/** Nothing can be posted in this channel until somebody mends it, with the next step. */
const CHANNEL: Record<string, string> = {
  channel_not_found: "Slack does not know the channel, or air is not in it. Invite the bot: /invite @air in the channel.",
  not_in_channel: "air is not in the channel. Invite the bot: /invite @air in the channel.",
  is_archived: "The channel is archived. Unarchive it or set another channel in air.yaml.",
  restricted_action:
    "The workspace does not let air post in this channel. Ask a workspace admin to allow it in the channel's posting permissions.",
  restricted_action_read_only_channel: "The channel is read-only. Ask a workspace admin to let air post in it.",
  restricted_action_thread_only_channel: "The channel only takes replies in threads. Set another channel in air.yaml.",
  restricted_action_non_threadable_channel: "The channel takes no threads, which air needs. Set another channel in air.yaml.",
  channel_is_limited_access: "The channel is closed for now. Open it again or set another channel in air.yaml.",
};

/** Slack refuses air altogether, with the next step. */
const ACCOUNT: Record<string, string> = {
  invalid_auth: "Slack refused the bot token. Copy it from OAuth & Permissions of the app into SLACK_BOT_TOKEN.",
  not_authed: "Slack got no bot token. Copy it from OAuth & Permissions of the app into SLACK_BOT_TOKEN.",
  not_allowed_token_type: "This is not a bot token. Copy the one that begins xoxb- from OAuth & Permissions into SLACK_BOT_TOKEN.",
  token_revoked: "The bot token was revoked. Reinstall the app and copy the new token into SLACK_BOT_TOKEN.",
  token_expired: "The bot token has expired. Reinstall the app and copy the new token into SLACK_BOT_TOKEN.",
  account_inactive: "The app was removed from the workspace. Install it again and copy the new token into SLACK_BOT_TOKEN.",
  team_access_not_granted: "The app is not installed in this workspace. Install it there from the app's settings.",
  org_login_required: "The workspace is moving to an organisation. Reinstall the app when Slack is done.",
  ekm_access_denied: "The workspace's admins have withdrawn the key for its messages. Ask them when posting is possible again.",
};

/** Refusals of one question, with the next step. */
const REFUSED: Record<string, string> = {
  no_such_subteam: "Slack knows no user group with this id. Open the group in Slack, choose Copy group ID, and correct it in air.yaml.",
};

const GONE = new Set(["message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"]);
/** Slack's own trouble: asked again later. The message may have been stored all the same. */
const THEIR_TROUBLE = new Set(["internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"]);
/** The card as drawn is more than Slack takes, or something in it is what Slack does not take. */
const UNDRAWABLE = new Set(["msg_blocks_too_long", "msg_too_long", "invalid_blocks", "invalid_blocks_format", "no_text"]);

/** The code Slack gave, where the failure is a refusal of Slack's. What is no code was no answer of Slack's, but a page of some proxy. */
export function slackCode(error: unknown): string | undefined {
  const code = error instanceof WebAPIPlatformError ? String(error.data.error) : undefined;
  return code !== undefined && /^[a-z][a-z0-9_]{0,80}$/.test(code) ? code : undefined;
}

/** Slack would take the same card drawn with less. */
export const isUndrawable = (error: unknown): boolean => UNDRAWABLE.has(slackCode(error) ?? "");

/** What went wrong at Slack → what it means for air. */
export function toChatError(error: unknown): ChatError {
  if (error instanceof ChatError) return error;
  if (error instanceof WebAPIRateLimitedError) {
    return new ChatError("later", `Slack asked to wait ${error.retryAfter} s.`, { retryAfterMs: error.retryAfter * 1000 });
  }
  const code = slackCode(error);
  if (code === "missing_scope") return new ChatError("account", lacks(error));
  if (code !== undefined) return fromCode(code);
  if (error instanceof WebAPIPlatformError) {
    return new ChatError(
      "later",
      "Something on the way to Slack answered with a page instead of Slack's data. Check SLACK_API_URL and any proxy.",
      {
        maybeSent: true,
      },
    );
  }
  if (error instanceof WebAPIHTTPError) {
    if (error.statusCode >= 500) return new ChatError("later", `Slack answered HTTP ${error.statusCode}.`, { maybeSent: true });
    return new ChatError("refused", `Slack answered HTTP ${error.statusCode}. Check SLACK_API_URL and any proxy on the way.`);
  }
  if (error instanceof WebAPIRequestError) {
    const notSent = neverLeft(error.original);
    return new ChatError("later", notSent ? "Slack cannot be reached." : "Slack did not answer.", { maybeSent: !notSent });
  }
  return new ChatError("later", "The call to Slack failed.", { maybeSent: true });
}

function fromCode(code: string): ChatError {
  if (GONE.has(code)) return new ChatError("gone", `The message is not there any more (${code}).`);
  if (code === "ratelimited" || code === "rate_limited") return new ChatError("later", "Slack asked to wait.");
  if (THEIR_TROUBLE.has(code)) return new ChatError("later", `Slack has trouble (${code}).`, { maybeSent: true });
  if (CHANNEL[code] !== undefined) return new ChatError("channel", CHANNEL[code]);
  if (ACCOUNT[code] !== undefined) return new ChatError("account", ACCOUNT[code]);
  return new ChatError("refused", REFUSED[code] ?? `Slack refused with "${code}". Look it up in Slack's documentation of the method.`);
}

/** Which permission is missing, where Slack says so. */
function lacks(error: unknown): string {
  const needed = error instanceof WebAPIPlatformError ? (error.data as { needed?: unknown }).needed : undefined;
  const scope = typeof needed === "string" && /^[a-z:.,]{1,100}$/.test(needed) ? `the permission ${needed}` : "a permission";
  return `The Slack app lacks ${scope}. Compare it with \`air slack manifest\`, then reinstall it to the workspace.`;
}

/** Certain only where no connection came about. */
function neverLeft(error: unknown): boolean {
  const codes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ("code" in at && codes.has(String(at.code))) return true;
    if (at instanceof AggregateError && at.errors.length > 0 && at.errors.every(neverLeft)) return true;
  }
  return false;
}
