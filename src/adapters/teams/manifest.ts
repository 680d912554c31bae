import { INVESTIGATE } from "./inbox.ts";

/** The version of the package; Teams offers an update where it grows. */
const VERSION = "1.0.0";
const SCOPES = ["personal", "team", "groupChat"];

/** Shown while somebody types; every command works, these are the ones to begin with. At most ten are shown. */
const COMMANDS = [
  ["status INV-42", "Where an investigation or incident stands"],
  ["list", "Open incidents"],
  ["actions pending", "What waits for a decision"],
  ["investigate", "Look into a hash, address, link, person or device"],
  ["approve ACT-7", "Approve an action"],
  ["reject ACT-7 reason", "Reject an action, with the reason"],
  ["undo ACT-7", "Take an action back"],
  ["oncall", "Who is told when nobody answers"],
  ["whoami", "Who air takes you for, and what you may do"],
  ["help", "Everything air understands"],
] as const;

/** The app to upload to Teams: the bot, its commands, and Investigate on a message. Nothing of the team's other messages is read. */
export function teamsManifest(publicUrl: string, appId: string): Record<string, unknown> {
  const url = publicUrl.replace(/\/+$/, "");
  return {
    $schema: "https://developer.microsoft.com/en-us/json-schemas/teams/v1.30/MicrosoftTeams.schema.json",
    manifestVersion: "1.30",
    version: VERSION,
    id: appId,
    developer: { name: "air", websiteUrl: url, privacyUrl: url, termsOfUseUrl: url },
    name: { short: "air", full: "air, virtual SOC analyst" },
    description: {
      short: "Investigates alerts, shows verdicts with reasons, asks before it acts.",
      full: "air joins security alerts into incidents, investigates each one, shows its verdict with the reasons for and against it, and asks before it acts. Every decision is kept in a record that can be verified later.",
    },
    icons: { color: "color.png", outline: "outline.png" },
    accentColor: "#1D2B3A",
    bots: [
      {
        botId: appId,
        scopes: SCOPES,
        supportsFiles: false,
        isNotificationOnly: false,
        commandLists: [{ scopes: SCOPES, commands: COMMANDS.map(([title, description]) => ({ title, description })) }],
      },
    ],
    composeExtensions: [
      {
        botId: appId,
        commands: [
          {
            id: INVESTIGATE,
            type: "action",
            title: "Investigate",
            description: "Looks into the links, addresses, hashes, people and devices a message names",
            context: ["message"],
            fetchTask: true,
          },
        ],
      },
    ],
    permissions: ["identity", "messageTeamMembers"],
    validDomains: [new URL(url).host],
  };
}
