import { SHORTCUTS } from "./inbox.ts";

/** Least privilege: every scope has its use beside it. */
const SCOPES = [
  "commands", // /air
  "chat:write", // cards in channels air was invited to
  "users:read", // is this a full member of the workspace
  "users:read.email", // which of our people is this
  "usergroups:read", // who is in a user group that holds a role
  "app_mentions:read", // @air ...
  "im:history", // what is typed to air directly
  "im:write", // whoever is called for something is written to directly
  "files:write", // pictures of graphs and exported lists, for whoever asked
  "channels:history", // finding a half-sent card again by its metadata
  "groups:history", // the same in private channels
];

/** The app to create at Slack. With the address of air it works over HTTP, without one over Socket Mode. */
export function slackManifest(publicUrl?: string): Record<string, unknown> {
  const requestUrl = publicUrl === undefined ? undefined : `${publicUrl.replace(/\/+$/, "")}/slack/events`;
  const url = requestUrl === undefined ? {} : { url: requestUrl };
  const request_url = requestUrl === undefined ? {} : { request_url: requestUrl };
  return {
    _metadata: { major_version: 2, minor_version: 1 },
    display_information: {
      name: "air",
      description: "Investigates alerts, shows verdicts with reasons, and asks before it acts.",
      background_color: "#1d2b3a",
    },
    features: {
      app_home: { home_tab_enabled: true, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      bot_user: { display_name: "air", always_online: true },
      // Escaped, so that people and channels arrive as ids and not as names anybody can choose.
      slash_commands: [{ command: "/air", ...url, description: "Ask air", usage_hint: "status INV-42, help", should_escape: true }],
      shortcuts: [
        {
          name: "Investigate",
          type: "message",
          callback_id: SHORTCUTS.message,
          description: "Looks into the links, addresses, hashes, people and devices a message names",
        },
        {
          name: "New investigation",
          type: "global",
          callback_id: SHORTCUTS.global,
          description: "Has air look into something",
        },
      ],
    },
    oauth_config: { scopes: { bot: SCOPES } },
    settings: {
      event_subscriptions: { ...request_url, bot_events: ["app_home_opened", "app_mention", "message.im"] },
      interactivity: { is_enabled: true, ...request_url },
      org_deploy_enabled: false,
      socket_mode_enabled: requestUrl === undefined,
      token_rotation_enabled: false,
    },
  };
}
