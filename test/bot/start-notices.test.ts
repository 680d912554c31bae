import { expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { startNotices } from "../../src/bot/start-notices.ts";

const SLACK = { SLACK_BOT_TOKEN: "xoxb-1", SLACK_CHANNEL: "C0SOC", SLACK_SIGNING_SECRET: "s" };
function notices(env: Record<string, string>): string[] {
  const read = readConfig(env, () => undefined);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return startNotices(read.config);
}

test("two ways to Slack: which one is used", () => {
  expect(notices({ ...SLACK, SLACK_APP_TOKEN: "xapp-1", AIR_API_TOKEN: "t" })).toEqual([expect.stringMatching(/Socket Mode is used/)]);
  expect(notices({ ...SLACK, AIR_API_TOKEN: "t" })).toEqual([]);
});

test("without AIR_API_TOKEN the commands are refused, unless the lab is bare", () => {
  expect(notices(SLACK)).toEqual([expect.stringMatching(/^AIR_API_TOKEN is not set: air lab, .* are refused/)]);
  expect(notices({})).toEqual([]);
});
