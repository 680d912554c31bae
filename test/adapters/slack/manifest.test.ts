import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { slackManifest } from "../../../src/adapters/slack/manifest.ts";

const schema = JSON.parse(readFileSync("test/fixtures/schemas/slack-manifest-2.0.0.json", "utf8").replace(/^\uFEFF/, ""));
const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);

test.each([
  ["HTTP", "https://air.example.com/"],
  ["Socket Mode", undefined],
])("the manifest for %s fits Slack's schema", (_name, url) => {
  expect(validate(slackManifest(url)) ? [] : validate.errors).toEqual([]);
});

test("the schema would notice", () => {
  expect(validate({ ...slackManifest(), display_information: {} })).toBe(false);
});

test("the file beside the code is the manifest", () => {
  expect(parse(readFileSync("manifests/slack.yaml", "utf8"))).toEqual(slackManifest("https://air.example.com"));
});

test("Socket Mode needs no address", () => {
  expect(JSON.stringify(slackManifest())).not.toContain("http");
  expect(slackManifest()).toMatchObject({ settings: { socket_mode_enabled: true } });
  expect(slackManifest("https://air.example.com")).toMatchObject({
    settings: { socket_mode_enabled: false, interactivity: { request_url: "https://air.example.com/slack/events" } },
  });
});

test("no scope that air does not need", () => {
  const { oauth_config: oauth } = slackManifest() as { oauth_config: { scopes: { bot: string[]; user?: string[] } } };
  expect(oauth.scopes.user).toBeUndefined();
  expect(oauth.scopes.bot.toSorted()).toEqual([
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "commands",
    "files:write",
    "groups:history",
    "im:history",
    "im:write",
    "usergroups:read",
    "users:read",
    "users:read.email",
  ]);
});
