import { WebClient } from "@slack/web-api";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createGroups } from "../../../src/adapters/slack/groups.ts";
import { type SlackEmulator, startSlackEmulator } from "../../support/slack-emulator.ts";

/* Who is in a user group: asked of a Slack that can be slow, broken and forgetful; the clock stands still until it is moved. */
let emulator: SlackEmulator;
let client: WebClient;
let now = 0;
beforeAll(async () => {
  emulator = await startSlackEmulator();
  client = new WebClient(emulator.token, { slackApiUrl: emulator.apiUrl, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true });
});
afterAll(async () => emulator?.stop());
beforeEach(() => {
  now = Date.parse("2026-10-05T09:00:00Z");
  emulator.groups.clear();
  emulator.groups.set("S0EDR", ["U0MIA", "U0TOM"]);
  emulator.calls.length = 0;
});
const asked = () => emulator.calls.filter(({ method }) => method === "usergroups.users.list");
const lookUps = (budgetMs?: number) => createGroups(client, () => now, budgetMs);

test("asked once a minute; who was removed is gone after it", async () => {
  const members = lookUps();
  expect(await members("S0EDR")).toEqual(new Set(["U0MIA", "U0TOM"]));
  expect(asked()).toMatchObject([{ body: { usergroup: "S0EDR", include_disabled: "false" } }]);
  emulator.groups.set("S0EDR", ["U0TOM"]);
  now += 59_999;
  expect((await members("S0EDR")).has("U0MIA")).toBe(true);
  expect(asked()).toHaveLength(1);
  now += 1;
  expect((await members("S0EDR")).has("U0MIA")).toBe(false);
  expect(asked()).toHaveLength(2);
});

test("presses of one moment ask once", async () => {
  const members = lookUps();
  await Promise.all([members("S0EDR"), members("S0EDR"), members("S0EDR")]);
  expect(asked()).toHaveLength(1);
});

test("each group is its own, and a group without members has none", async () => {
  emulator.groups.set("S0NONE", []);
  const members = lookUps();
  expect((await members("S0NONE")).size).toBe(0);
  expect((await members("S0EDR")).size).toBe(2);
});

describe("fails closed, and asks again", () => {
  test.each([
    ["a rate limit", { status: 429, headers: { "retry-after": "7" } }, "Slack asked to wait 7 s"],
    ["an outage", { status: 503 }, "Slack answered HTTP 503"],
    ["a broken line", "hang up" as const, "Slack did not answer"],
    [
      "a missing permission",
      { status: 200, body: { ok: false, error: "missing_scope", needed: "usergroups:read" } },
      "The Slack app lacks the permission usergroups:read. Compare it with `air slack manifest`",
    ],
    ["a group that is gone", { status: 200, body: { ok: false, error: "no_such_subteam" } }, "Copy group ID"],
    ["an answer nobody understands", { status: 200, body: { ok: true, users: "U0MIA" } }, "unknown shape"],
  ])("%s", async (_, answer, message) => {
    const members = lookUps();
    emulator.next("usergroups.users.list", answer);
    await expect(members("S0EDR")).rejects.toThrow(message);
    // The same moment: a failure is not kept.
    expect((await members("S0EDR")).has("U0MIA")).toBe(true);
  });

  test("a Slack that does not answer in time", async () => {
    const members = lookUps(20);
    emulator.next("usergroups.users.list", "never");
    await expect(members("S0EDR")).rejects.toThrow("took too long");
    expect((await lookUps()("S0EDR")).size).toBe(2);
  });
});
