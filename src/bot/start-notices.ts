import { isBare } from "./access.ts";
import type { Config } from "./config.ts";

/** What is no error and surprises all the same: said at start and by `air config check`, a line each. */
export function startNotices(config: Config): string[] {
  const { slack } = config;
  return [
    ...(slack?.appToken && slack.signingSecret
      ? [
          "SLACK_APP_TOKEN and SLACK_SIGNING_SECRET are both set: Socket Mode is used, and /slack/events is not served. For HTTP unset SLACK_APP_TOKEN.",
        ]
      : []),
    // `true`: what is asked is whether anything is configured that people or programs show something for.
    ...(!config.apiToken && !isBare(config, true)
      ? [
          "AIR_API_TOKEN is not set: air lab, air say, air console and the other commands that ask this air are refused. To use them set AIR_API_TOKEN and start it again.",
        ]
      : []),
  ];
}
