import { WebClient } from "@slack/web-api";
import { z } from "zod";
import type { Log } from "../../engine/ports.ts";
import { boltLogger } from "./bolt-logger.ts";
import { slackCode, toChatError } from "./errors.ts";
import { createGroups } from "./groups.ts";
import { slackManifest } from "./manifest.ts";

const clientOf = (settings: { botToken: string; apiUrl?: string | undefined }, log: Log) =>
  new WebClient(settings.botToken, {
    retryConfig: { retries: 0 },
    timeout: 5_000,
    rejectRateLimitedCalls: true,
    logger: boltLogger(log),
    ...(settings.apiUrl ? { slackApiUrl: settings.apiUrl } : {}),
  });

type Settings = { botToken: string; apiUrl?: string | undefined };

const AuthTest = z.object({ ok: z.boolean(), error: z.string().optional(), bot_id: z.string().optional() });
/** Slack refuses requests whose time stamp is further off than this. */
const SKEW_MS = 60_000;

/** Is the bot token good, does it carry the scopes of our manifest, and is our clock Slack's? Each trouble ends with the next step. */
export async function checkSlack(settings: Settings, now: () => number = Date.now): Promise<string[]> {
  const asked = now();
  let response: Response;
  let answer: z.infer<typeof AuthTest> | undefined;
  try {
    // Not by the SDK: what is looked at stands in the headers.
    response = await fetch(new URL("auth.test", `${(settings.apiUrl ?? "https://slack.com/api").replace(/\/+$/, "")}/`), {
      method: "POST",
      headers: { authorization: `Bearer ${settings.botToken}`, "content-type": "application/x-www-form-urlencoded" },
      redirect: "error",
      signal: AbortSignal.timeout(5_000),
    });
    answer = AuthTest.safeParse(JSON.parse(await response.text())).data;
  } catch {
    return ["Slack cannot be reached. Check the network, a proxy, and SLACK_API_URL."];
  }
  if (!answer) return [`What answers at SLACK_API_URL is not Slack's API (HTTP ${response.status}). Check the address and any proxy.`];
  if (!answer.ok)
    return [
      `Slack answered ${(answer.error ?? "nothing").slice(0, 60)}. Copy the Bot User OAuth Token from OAuth & Permissions of the app into SLACK_BOT_TOKEN.`,
    ];
  return [...scopeTrouble(response.headers.get("x-oauth-scopes")), ...clockTrouble(response.headers.get("date"), asked, now())];
}

/** Proxies and emulators do not always say; then there is nothing to compare. */
function scopeTrouble(header: string | null): string[] {
  if (!header) return [];
  const scopes = header.split(",").map((scope) => scope.trim());
  const missing = neededScopes().filter((scope) => !scopes.includes(scope));
  return missing.length === 0
    ? []
    : [
        `The bot token lacks ${missing.join(", ")}. Add them under OAuth & Permissions (or update the app from manifests/slack.yaml) and install the app again.`,
      ];
}

function clockTrouble(header: string | null, asked: number, answered: number): string[] {
  const theirs = Date.parse(header ?? "");
  if (Number.isNaN(theirs)) return [];
  // The header knows whole seconds, and the answer took its time.
  const off = theirs < asked ? asked - theirs : Math.max(0, theirs - answered);
  if (off <= SKEW_MS) return [];
  return [
    `This machine's clock is ${Math.round(off / 1000)} s off Slack's. Requests more than 5 min off are refused: synchronise the clock (NTP).`,
  ];
}

/** Does Slack take the app token of Socket Mode? It is asked for an address to connect to, and nothing connects. */
export async function checkAppToken(settings: { appToken: string; apiUrl?: string | undefined }, log: Log): Promise<string | undefined> {
  const client = clientOf({ botToken: settings.appToken, apiUrl: settings.apiUrl }, log);
  try {
    await client.apps.connections.open({});
    return undefined;
  } catch (error) {
    const code = slackCode(error);
    if (code === undefined) return "Slack could not be asked whether the app token is good. Check the network, a proxy, and SLACK_API_URL.";
    return `Slack answered ${code} to the app token, so no press and no command reaches air. Create one with connections:write under Basic Information > App-Level Tokens, set SLACK_APP_TOKEN, and look that Socket Mode is on.`;
  }
}

/** Can air post in these channels? What is wrong with each where it cannot, with the next step. Nothing is posted. */
export async function checkChannels(
  settings: Settings,
  channels: readonly string[],
  log: Log,
): Promise<{ channel: string; trouble: string | undefined }[]> {
  const client = clientOf(settings, log);
  return Promise.all(channels.map(async (channel) => ({ channel, trouble: await channelTrouble(client, channel) })));
}

async function channelTrouble(client: WebClient, channel: string): Promise<string | undefined> {
  try {
    const { channel: info } = await client.conversations.info({ channel });
    if (info?.is_archived) return "The channel is archived. Unarchive it or set another channel in air.yaml.";
    return info?.is_member === false ? "air is not in the channel. Invite the bot: /invite @air in the channel." : undefined;
  } catch (error) {
    // Our manifest does not ask for channels:read; reading one message says whether air is a member.
    if (slackCode(error) !== "missing_scope") return toChatError(error).message;
  }
  try {
    await client.conversations.history({ channel, limit: 1 });
    return undefined;
  } catch (error) {
    return toChatError(error).message;
  }
}

/**
 * Who may change who is in a group, and so who holds its role? Slack says it only by the way: a group it fills itself, a group of another
 * organisation, a last change by somebody who is no admin. Undefined: nobody but admins, as far as it is seen.
 */
async function groupEditors(client: WebClient, group: string, groups: readonly { id?: string }[]): Promise<string | undefined> {
  const found = GroupFacts.safeParse(groups.find(({ id }) => id === group)).data;
  const check = "In Slack, Settings > Permissions > User groups: only admins and owners should edit groups that decide";
  if (!found) return `Slack did not say who edits it. ${check}`;
  if (found.is_external) return "it belongs to another organisation, whose people edit it. Use a group of your own";
  if (found.auto_type) return undefined;
  try {
    const { user } = await client.users.info({ user: found.updated_by ?? "" });
    if (user && !user.is_admin && !user.is_owner && !user.is_bot)
      return `it was last changed by a member who is no admin, so ordinary members can give themselves its role. ${check}`;
  } catch {
    // Not said: told to check.
  }
  return `Slack does not say who may edit it. ${check}`;
}
const GroupFacts = z.object({
  is_external: z.boolean().optional(),
  auto_type: z.string().nullish(),
  updated_by: z.string().optional(),
});

/** Can air read who is in these user groups? What is wrong with each that it cannot, with the next step. */
export async function checkGroups(
  settings: { botToken: string; apiUrl?: string | undefined },
  groups: readonly string[],
  log: Log,
): Promise<{ group: string; members: number; trouble: string | undefined; editors: string | undefined }[]> {
  const client = clientOf(settings, log);
  const lookUp = createGroups(client, Date.now, 5_000);
  const listed = await client.usergroups.list({ include_disabled: true }).catch(() => undefined);
  return Promise.all(
    groups.map(async (group) => {
      try {
        const members = (await lookUp(group)).size;
        return { group, members, trouble: undefined, editors: await groupEditors(client, group, listed?.usergroups ?? []) };
      } catch (error) {
        return { group, members: 0, trouble: error instanceof Error ? error.message : String(error), editors: undefined };
      }
    }),
  );
}

function neededScopes(): string[] {
  const { oauth_config: oauth } = slackManifest() as { oauth_config?: { scopes?: { bot?: string[] } } };
  return oauth?.scopes?.bot ?? [];
}
