import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { examine } from "../../src/bot/doctor.ts";
import { fakeGraph } from "../support/fake-graph.ts";
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

test("groups of Entra ID: who is in them, who in them holds nothing, or why nobody does", async () => {
  const graph = await fakeGraph(() => new Date());
  try {
    const [soc, gone] = ["bbbbbbbb-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-00000000dead"];
    graph.directory.groups.set(soc, [
      { id: "aaaaaaaa-0000-4000-8000-000000000001", userPrincipalName: "mia@contoso.com" },
      { id: "aaaaaaaa-0000-4000-8000-000000000002", userPrincipalName: "eve_evil.example#EXT#@contoso.com", userType: "Guest" },
    ]);
    const env = {
      DATABASE_URL,
      GRAPH_TENANT_ID: "contoso.com",
      GRAPH_CLIENT_ID: "app",
      GRAPH_CLIENT_SECRET: "a-client-secret",
      GRAPH_URL: graph.url,
      ENTRA_LOGIN_URL: graph.url,
    };
    const yaml = `roles: { responder: ["teams-group:${soc}", "teams-group:${gone}"] }`;
    const read = readConfig(env, (file) => (file === "./air.yaml" ? yaml : undefined));
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const said = (await examine(read.config, rememberingLog())).map(({ ok, what, text }) => `${ok} ${what}: ${text}`);
    expect(said).toContain(
      `true teams-group:${soc}: 1 member: mia@contoso.com; guests and disabled accounts in it, who hold nothing by it: 1`,
    );
    expect(said).toContainEqual(
      expect.stringMatching(
        new RegExp(`^false teams-group:${gone}: cannot be read, so nobody holds a role by it. Microsoft Graph does not know`),
      ),
    );
  } finally {
    await graph.close();
  }
});

test("each product of threat intelligence is asked whether it takes its key", async () => {
  const asked: string[] = [];
  const product = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const refused = request.url?.startsWith("/ping") ?? false;
    response.writeHead(refused ? 401 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(refused ? { message: "invalid key" } : { query_status: "no_result", version: "2.5.20" }));
  });
  const port = await new Promise<number>((resolve) =>
    product.listen(0, "127.0.0.1", () => resolve((product.address() as AddressInfo).port)),
  );
  const url = `http://127.0.0.1:${port}`;
  try {
    const env = {
      DATABASE_URL,
      ABUSECH_AUTH_KEY: "k",
      THREATFOX_URL: url,
      GREYNOISE_API_KEY: "g",
      GREYNOISE_URL: url,
      MISP_API_KEY: "m",
      MISP_URL: url,
    };
    const read = readConfig(env, () => undefined);
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    const said = (await examine(read.config, rememberingLog())).map(({ ok, what, text }) => `${ok} ${what}: ${text}`);
    expect(said).toContain("true threatfox: answers");
    expect(said).toContain("true misp: answers");
    expect(said).toContainEqual(expect.stringMatching(/^false greynoise: GreyNoise refused air's key \(401\).*GREYNOISE_API_KEY/));
    expect(asked.toSorted()).toEqual(["GET /ping", "GET /servers/getVersion", "POST /api/v1/"]);
  } finally {
    product.close();
  }
});
