import { createHmac } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSlack, type Slack } from "../../../src/adapters/slack/app.ts";
import { eventually } from "../../support/eventually.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { incidentCard } from "../../support/sample-card.ts";
import { type SlackEmulator, startSlackEmulator } from "../../support/slack-emulator.ts";
import { slackHandlers } from "../../support/slack-handlers.ts";

/*
 * air starts while Slack asks it to wait, and Slack works again before air's timer asks. The clock of what asks again is ours, so that it is
 * certain that the timer, which counts real seconds, did not.
 */
let emulator: SlackEmulator;
let slack: Slack;
let server: Server;
let base: string;
let now = 0;
const said: string[] = [];
const log = rememberingLog();
const knows = () => log.lines.some((line) => line.message === "Slack knows us");

beforeEach(async () => {
  said.length = 0;
  log.lines.length = 0;
  now = 1_000_000;
  emulator = await startSlackEmulator();
  emulator.next("auth.test", { status: 429, headers: { "retry-after": "3600" } });
  slack = createSlack(
    {
      botToken: emulator.token,
      signingSecret: "shhh",
      apiUrl: emulator.apiUrl,
      pace: { perSecond: 1, burst: 1 },
      consoleAt: "https://air.example.com",
      now: () => now,
    },
    slackHandlers({
      async say(text) {
        said.push(text);
        return { title: `You said ${text}`, tone: "info", summary: text, lines: [], buttons: [] };
      },
    }),
    log,
  );
  const app = express();
  if (slack.router) app.use(slack.router);
  server = app.listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await slack.start();
  await eventually(() => log.lines.some((line) => line.message === "Slack asked to wait 3600 s."), "the refused auth.test");
});
afterEach(async () => {
  await slack?.stop();
  server?.close();
  await emulator?.stop();
});

async function slash(text: string): Promise<void> {
  const stamp = Math.floor(Date.now() / 1000);
  const body = new URLSearchParams({
    team_id: emulator.teamId,
    channel_id: emulator.channel,
    user_id: emulator.userId,
    command: "/air",
    text,
    response_url: emulator.responseUrl,
    trigger_id: `1.2.${text}`,
  }).toString();
  const mac = createHmac("sha256", "shhh").update(`v0:${stamp}:${body}`).digest("hex");
  await fetch(`${base}/slack/events`, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-slack-request-timestamp": String(stamp),
      "x-slack-signature": `v0=${mac}`,
    },
    body,
  });
}
const answered = () => eventually(() => emulator.responses.at(-1), "an answer");

test("a command asks Slack again at once, and is carried out", async () => {
  expect(knows()).toBe(false);
  now += 3_601_000;
  await slash("oncall");
  await eventually(() => said.includes("oncall"), "the command");
});

test("a moment after Slack refused it is not asked again; after half a minute another way is named", async () => {
  const asked = () => emulator.calls.filter(({ method }) => method === "auth.test").length;
  const before = asked();
  await slash("first");
  expect(await answered()).toMatchObject({ text: expect.stringContaining("Try again in a moment.") });
  expect(asked()).toBe(before);
  emulator.responses.length = 0;
  now += 40_000;
  await slash("second");
  const text = JSON.stringify(await answered());
  expect(text).toContain("has not answered air for 40 s");
  expect(text).toContain("https://air.example.com");
  expect(said).toEqual([]);
});

test("a post that Slack takes makes air ask, and the person it looks up is a member", async () => {
  now += 3_601_000;
  await slack.platform.post(emulator.channel, incidentCard, "m-1", undefined, new AbortController().signal);
  await eventually(knows, "who air is");
  expect(await slack.lookUpPerson(emulator.userId)).toMatchObject({ member: true });
});

test("somebody looked up meanwhile is no stranger a moment later", async () => {
  await expect(slack.lookUpPerson(emulator.userId)).rejects.toThrow("which workspace");
  now += 3_601_000;
  expect(await slack.lookUpPerson(emulator.userId)).toMatchObject({ member: true });
});
