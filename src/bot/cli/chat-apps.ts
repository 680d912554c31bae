import fs from "node:fs";
import { BlockList, isIP } from "node:net";
import type { Command } from "commander";
import { slackManifest } from "../../adapters/slack/manifest.ts";
import { namedAppId } from "./settings.ts";
import { out, Usage } from "./terminal.ts";

/** What is put behind it has to be a path. */
function isPlainAddress(text: string): boolean {
  const url = URL.parse(text);
  return url?.hostname !== undefined && url.hostname !== "" && !/[?#\s]/.test(text) && !url.username && !url.password;
}
/** As far as the address itself says: a name that no public directory has, or an address of a private network. */
function isOnTheInternet(text: string): boolean {
  const host = (URL.parse(text)?.hostname ?? "").replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const family = isIP(host);
  if (family !== 0) return !NOT_PUBLIC.check(host, family === 4 ? "ipv4" : "ipv6");
  return host.includes(".") && !/\.(localhost|local|internal|lan|home\.arpa)$/i.test(host);
}
const NOT_PUBLIC = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  NOT_PUBLIC.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  ["::", 127],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  NOT_PUBLIC.addSubnet(network, bits, "ipv6");

const NOT_PLAIN = "--url is an address alone, like https://air.example.com: without ?, # or a user name.";

/** What Slack and Teams are given to know air. */
export function chatAppCommands(program: Command): void {
  program
    .command("slack")
    .description("help with connecting Slack")
    .command("manifest")
    .description("print the manifest of the Slack app")
    .option("--url <url>", "air's public address; without it the manifest uses Socket Mode")
    .action((options: { url?: string }) => {
      if (options.url !== undefined && URL.parse(options.url)?.protocol !== "https:")
        throw new Usage("--url is the public address of air and begins with https://, as Slack calls nothing else.");
      if (options.url !== undefined && !isPlainAddress(options.url)) throw new Usage(NOT_PLAIN);
      out(JSON.stringify(slackManifest(options.url), null, 2));
    });
  program
    .command("teams")
    .description("help with connecting Teams")
    .command("package")
    .description("write the package of the Teams app, to be uploaded to Teams")
    .requiredOption("--url <url>", "air's public address")
    .option("--app-id <id>", "the bot's Microsoft App ID; without it MICROSOFT_APP_ID")
    .option("--out <file>", "where to write it", "air-teams.zip")
    .action(async (options: { url: string; appId?: string; out: string }) => {
      const appId = options.appId ?? namedAppId();
      if (URL.parse(options.url)?.protocol !== "https:")
        throw new Usage("--url is the public address of air and begins with https://, as Teams calls nothing else.");
      if (!isPlainAddress(options.url)) throw new Usage(NOT_PLAIN);
      if (!isOnTheInternet(options.url))
        throw new Usage(
          "--url is where Teams reaches air from the internet; this address leads nowhere from there. Give air a public name (a reverse proxy or a tunnel), or try it on this machine without Azure: TEAMS_ANONYMOUS=1 in the README.",
        );
      if (!appId || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(appId))
        throw new Usage("--app-id is the Microsoft App ID of the bot in Azure, a GUID like 11111111-2222-3333-4444-555555555555.");
      const { teamsPackage } = await import("../teams-package.ts");
      try {
        fs.writeFileSync(options.out, teamsPackage(options.url, appId.toLowerCase()));
      } catch (error) {
        throw new Usage(
          `${options.out} cannot be written (${(error as { code?: string }).code ?? "unknown"}). Choose another file with --out.`,
        );
      }
      out(`${options.out} is the package. In Teams: Apps, Manage your apps, Upload an app; then add air to the team of its channel.`);
    });
}
