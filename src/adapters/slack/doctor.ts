import { WebClient } from "@slack/web-api";
import type { Log } from "../../engine/ports.ts";
import { boltLogger } from "./bolt-logger.ts";
import { slackManifest } from "./manifest.ts";

/** Is the bot token good and does it carry the scopes of our manifest? Each trouble ends with the next step. */
export async function checkSlack(settings: { botToken: string; apiUrl?: string | undefined }, log: Log): Promise<string[]> {
  const client = new WebClient(settings.botToken, {
    retryConfig: { retries: 0 },
    timeout: 5_000,
    logger: boltLogger(log),
    ...(settings.apiUrl ? { slackApiUrl: settings.apiUrl } : {}),
  });
  try {
    const answer = await client.auth.test();
    const scopes = answer.response_metadata?.scopes;
    // Proxies and emulators do not always say; then there is nothing to compare.
    if (!scopes) return [];
    const missing = neededScopes().filter((scope) => !scopes.includes(scope));
    return missing.length === 0
      ? []
      : [
          `The bot token lacks ${missing.join(", ")}. Add them under OAuth & Permissions (or update the app from manifests/slack.json) and install the app again.`,
        ];
  } catch (error) {
    const code = (error as { data?: { error?: string } }).data?.error;
    return [
      code
        ? `Slack answered ${code}. Copy the Bot User OAuth Token from OAuth & Permissions of the app into SLACK_BOT_TOKEN.`
        : "Slack cannot be reached. Check the network, a proxy, and SLACK_API_URL.",
    ];
  }
}

function neededScopes(): string[] {
  const { oauth_config: oauth } = slackManifest() as { oauth_config?: { scopes?: { bot?: string[] } } };
  return oauth?.scopes?.bot ?? [];
}
