import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { checkAppToken, checkChannels, checkGroups, checkSlack } from "../../../src/adapters/slack/doctor.ts";
import { slackManifest } from "../../../src/adapters/slack/manifest.ts";
import { rememberingLog } from "../../support/remembering-log.ts";

const scopes = (slackManifest() as { oauth_config: { scopes: { bot: string[] } } }).oauth_config.scopes.bot.join(",");
const NOW = Date.parse("2026-11-22T12:00:00Z");
let server: http.Server;
let settings: { botToken: string; apiUrl: string };
const methods = new Map<string, (body: Record<string, string>) => object | string>();
let headers: Record<string, string> = {};

beforeAll(async () => {
  server = http.createServer((request, response) => {
    let raw = "";
    request.on("data", (chunk) => {
      raw += chunk;
    });
    request.on("end", () => {
      const answer = methods.get((request.url ?? "").split("/").at(-1) ?? "")?.(Object.fromEntries(new URLSearchParams(raw))) ?? {
        ok: false,
        error: "unknown_method",
      };
      response.writeHead(200, { "content-type": "application/json", ...headers });
      response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  settings = { botToken: "xoxb-1", apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api` };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  methods.clear();
  methods.set("auth.test", () => ({ ok: true, bot_id: "B1" }));
  headers = { "x-oauth-scopes": scopes, date: new Date(NOW).toUTCString() };
});
const check = (skewMs = 0) => checkSlack(settings, () => NOW + skewMs);

test("a good token, all scopes, the right time: nothing to say", async () => {
  expect(await check()).toEqual([]);
  expect(await check(30_000)).toEqual([]);
});

test.each([
  [
    "a missing scope",
    () => Object.assign(headers, { "x-oauth-scopes": "commands,chat:write" }),
    0,
    /lacks users:read, .*groups:history.*slack\.yaml/,
  ],
  ["a clock that is late", () => {}, -400_000, /clock is \d+ s off Slack's.*NTP/],
  ["a clock that is early", () => {}, 400_000, /clock is 400 s off/],
  ["a revoked token", () => methods.set("auth.test", () => ({ ok: false, error: "token_revoked" })), 0, /token_revoked.*SLACK_BOT_TOKEN/],
  ["a page of a proxy", () => methods.set("auth.test", () => "<html>hello</html>"), 0, /cannot be reached|not Slack's API/],
])("%s ends with the next step", async (_name, arrange, skew, said) => {
  arrange();
  expect(await check(skew)).toEqual([expect.stringMatching(said)]);
});

test("channels: in it, not in it, archived; without channels:read the history says it", async () => {
  methods.set("conversations.info", ({ channel }) =>
    channel === "CNOSCOPE" || channel === "CHIDDEN"
      ? { ok: false, error: "missing_scope", needed: "channels:read" }
      : { ok: true, channel: { id: channel, is_member: channel !== "COUT", is_archived: channel === "COLD" } },
  );
  methods.set("conversations.history", ({ channel }) =>
    channel === "CHIDDEN" ? { ok: false, error: "not_in_channel" } : { ok: true, messages: [] },
  );
  expect(await checkChannels(settings, ["CIN", "COUT", "COLD", "CNOSCOPE", "CHIDDEN"], rememberingLog())).toEqual([
    { channel: "CIN", trouble: undefined },
    { channel: "COUT", trouble: expect.stringContaining("/invite @air") },
    { channel: "COLD", trouble: expect.stringContaining("archived") },
    { channel: "CNOSCOPE", trouble: undefined },
    { channel: "CHIDDEN", trouble: expect.stringContaining("/invite @air") },
  ]);
});

test("groups that decide: who may change them, where Slack tells", async () => {
  methods.set("usergroups.users.list", () => ({ ok: true, users: ["U1", "U2"] }));
  methods.set("usergroups.list", () => ({
    ok: true,
    usergroups: [
      { id: "SAUTO", auto_type: "admins" },
      { id: "SMEMBER", updated_by: "UMEMBER" },
      { id: "SADMIN", updated_by: "UADMIN" },
      { id: "SOTHER", is_external: true },
    ],
  }));
  methods.set("users.info", ({ user }) => ({ ok: true, user: { id: user, is_admin: user === "UADMIN" } }));
  const looked = await checkGroups(settings, ["SAUTO", "SMEMBER", "SADMIN", "SOTHER", "SUNKNOWN"], rememberingLog());
  expect(looked.map(({ group, editors }) => [group, editors])).toEqual([
    ["SAUTO", undefined],
    ["SMEMBER", expect.stringContaining("ordinary members can give themselves its role")],
    ["SADMIN", expect.stringContaining("does not say who may edit it")],
    ["SOTHER", expect.stringContaining("another organisation")],
    ["SUNKNOWN", expect.stringContaining("did not say")],
  ]);
});

test("the app token is tried, and what Slack says of it comes with the next step", async () => {
  const app = { appToken: "xapp-1-A1-1-abc", apiUrl: settings.apiUrl };
  methods.set("apps.connections.open", () => ({ ok: true, url: "wss://slack.example/link" }));
  expect(await checkAppToken(app, rememberingLog())).toBeUndefined();
  methods.set("apps.connections.open", () => ({ ok: false, error: "invalid_auth" }));
  expect(await checkAppToken(app, rememberingLog())).toMatch(
    /^Slack answered invalid_auth to the app token.*connections:write.*SLACK_APP_TOKEN/,
  );
});
