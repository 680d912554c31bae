import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { examine } from "../../src/bot/doctor.ts";
import { rememberingLog } from "../support/remembering-log.ts";
import { type SlackEmulator, startSlackEmulator } from "../support/slack-emulator.ts";

/* What the doctor says of roles: which are empty, who is named but not known, which groups cannot be read. */
let slack: SlackEmulator;
/** Nothing listens there: how the database fares is not looked at here. */
const DATABASE_URL = "postgres://air@127.0.0.1:9/air";
beforeAll(async () => {
  slack = await startSlackEmulator();
});
afterAll(async () => slack?.stop());

async function findings(yaml: string, env: Record<string, string> = {}) {
  const read = readConfig({ DATABASE_URL, ...env }, (file) => (file === "./air.yaml" ? yaml : undefined));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const all = await examine(read.config, rememberingLog());
  return all
    .filter(({ what }) => what.startsWith("roles") || what.startsWith("slack-group"))
    .map(({ ok, what, text }) => `${ok} ${what}: ${text}`);
}
const connected = () => ({
  SLACK_BOT_TOKEN: slack.token,
  SLACK_SIGNING_SECRET: "shhh",
  SLACK_CHANNEL: slack.channel,
  SLACK_API_URL: slack.apiUrl,
});

test("no roles: fine in the lab, an error beside a product", async () => {
  expect(await findings("")).toEqual([expect.stringMatching(/^true roles: none: in the lab/)]);
  const product = { ABUSEIPDB_API_KEY: "k", ABUSEIPDB_URL: "http://127.0.0.1:9" };
  expect(await findings("", product)).toEqual([expect.stringMatching(/^false roles: none: nobody may look or decide/)]);
});

test("empty roles, and who is not in people", async () => {
  const yaml = `
people: [{ name: Mia, email: mia@contoso.com }]
roles: { admin: [mia@contoso.com], approver: { device: [Eve@contoso.com] }, viewer: ["*@contoso.com"] }`;
  expect(await findings(yaml)).toEqual([
    "true roles: nobody is named for approver.email, approver.identity, approver.network, approver.app, responder. What only these could decide has no buttons",
    expect.stringMatching(/^true roles: eve@contoso\.com: in roles, but not in people/),
  ]);
});

test("groups: how many members, or why nobody holds a role by them", async () => {
  slack.groups.set("S0EDR", [slack.userId]);
  const yaml = `roles: { responder: ["slack-group:S0EDR", "slack-group:S0GONE"] }`;
  const said = (await findings(yaml, connected())).filter((line) => line.includes("slack-group"));
  expect(said).toEqual([
    expect.stringMatching(/^true slack-group:S0EDR: 1 member; Slack did not say who edits it\. .*only admins and owners/),
    expect.stringMatching(/^false slack-group:S0GONE: cannot be read, so nobody holds a role by it\. Slack knows no user group/),
  ]);
  slack.next("usergroups.users.list", { status: 200, body: { ok: false, error: "missing_scope", needed: "usergroups:read" } });
  slack.next("usergroups.users.list", { status: 200, body: { ok: false, error: "missing_scope", needed: "usergroups:read" } });
  expect((await findings(yaml, connected())).join()).toContain("lacks the permission usergroups:read");
  expect(await findings(yaml)).toContainEqual(
    expect.stringMatching(/^false roles: slack-group:S0EDR, slack-group:S0GONE: Slack is not connected/),
  );
});
