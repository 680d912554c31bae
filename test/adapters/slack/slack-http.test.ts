import { createHmac } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createSlack, type Slack } from "../../../src/adapters/slack/app.ts";
import type { SlackPerson } from "../../../src/adapters/slack/inbox.ts";
import type { Card, Tone } from "../../../src/engine/cards/card.ts";
import { eventually } from "../../support/eventually.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { approvalCard, incidentCard } from "../../support/sample-card.ts";
import { type SlackEmulator, startSlackEmulator } from "../../support/slack-emulator.ts";
import { slackHandlers } from "../../support/slack-handlers.ts";

const SECRET = "shhh";
const note = (title: string, tone: Tone = "info"): Card => ({ title, tone, summary: title, lines: [], buttons: [] });
const never = new AbortController().signal;

let emulator: SlackEmulator;
let slack: Slack;
let server: Server;
let base: string;
const log = rememberingLog();
const heard: { what: string; text: string; by: SlackPerson; typed?: string | undefined }[] = [];
let pressAnswer: (typed?: string) => Card | undefined = () => undefined;
const handlers = slackHandlers({
  async press(value, by, typed) {
    heard.push({ what: "press", text: value, by, typed });
    return { note: pressAnswer(typed) };
  },
  async say(text, by) {
    heard.push({ what: "say", text, by });
    return note(`You said ${text}`);
  },
  async submit(_ref, typed, by) {
    const words = String(typed.typed ?? "");
    heard.push({ what: "submit", text: words, by });
    const said = pressAnswer(words);
    return said === undefined ? { done: undefined } : { refused: { typed: said.title } };
  },
});

beforeAll(async () => {
  emulator = await startSlackEmulator();
  slack = createSlack(
    { botToken: emulator.token, signingSecret: SECRET, apiUrl: emulator.apiUrl, pace: { perSecond: 1, burst: 1 }, unseenMs: 5 },
    handlers,
    log,
  );
  const app = express();
  if (slack.router) app.use(slack.router);
  server = app.listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await slack.start();
  await eventually(() => log.lines.some((line) => line.message === "Slack knows us"), "auth.test");
});
afterAll(async () => {
  await slack?.stop();
  server?.close();
  await emulator?.stop();
});
beforeEach(() => {
  heard.length = 0;
  emulator.responses.length = 0;
  pressAnswer = () => undefined;
});

async function send(body: string, how: { skew?: number; secret?: string; type?: string } = {}) {
  const stamp = Math.floor(Date.now() / 1000) + (how.skew ?? 0);
  const signature = `v0=${createHmac("sha256", how.secret ?? SECRET)
    .update(`v0:${stamp}:${body}`)
    .digest("hex")}`;
  const answer = await fetch(`${base}/slack/events`, {
    method: "POST",
    headers: {
      "content-type": how.type ?? "application/x-www-form-urlencoded",
      "x-slack-request-timestamp": String(stamp),
      "x-slack-signature": signature,
    },
    body,
  });
  return { status: answer.status, body: await answer.text() };
}
const slash = (text: string, more: object = {}) =>
  new URLSearchParams({
    team_id: emulator.teamId,
    channel_id: emulator.channel,
    user_id: emulator.userId,
    command: "/air",
    text,
    response_url: emulator.responseUrl,
    trigger_id: "1.2.3",
    ...more,
  }).toString();
const interactive = (payload: object) => new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
const pressed = (action: object, more: object = {}) =>
  interactive({
    type: "block_actions",
    team: { id: emulator.teamId },
    user: { id: emulator.userId, team_id: emulator.teamId },
    channel: { id: emulator.channel },
    container: { type: "message", channel_id: emulator.channel, message_ts: "1.1" },
    message: { ts: "1.1" },
    trigger_id: "9.9.9",
    response_url: emulator.responseUrl,
    actions: [
      {
        type: "button",
        action_id: "air:0",
        block_id: "b",
        value: "ACT-1.v",
        action_ts: "1.1",
        text: { type: "plain_text", text: "Reject" },
        ...action,
      },
    ],
    ...more,
  });

describe("what air says", () => {
  test("a card is posted, found again by its marker, and redrawn", async () => {
    const since = new Date();
    const ref = await slack.platform.post(emulator.channel, approvalCard, "m-1", undefined, never);
    expect(await slack.platform.find(emulator.channel, "m-1", since, undefined, never)).toEqual(ref);
    expect(await slack.platform.find(emulator.channel, "m-none", since, undefined, never)).toBeUndefined();
    await slack.platform.update(emulator.channel, ref, incidentCard, "m-1", never);
    const update = emulator.calls.findLast((call) => call.method === "chat.update");
    expect(update?.body).toMatchObject({
      ts: ref.id,
      text: incidentCard.summary,
      metadata: { event_type: "air_card", event_payload: { marker: "m-1" } },
    });
    expect(update?.body.blocks).toHaveLength(5);
    expect(emulator.calls.find((call) => call.method === "chat.postMessage")?.body).toMatchObject({
      unfurl_links: "false",
      unfurl_media: "false",
    });
  });

  test("a reply stands in its thread and is found there", async () => {
    const root = await slack.platform.post(emulator.channel, incidentCard, "m-root", undefined, never);
    const reply = await slack.platform.post(emulator.channel, approvalCard, "m-reply", root, never);
    expect(reply).toEqual({ id: reply.id, thread: root.id });
    expect(await slack.platform.find(emulator.channel, "m-reply", new Date(), root, never)).toEqual(reply);
  });

  test.each([
    ["an outage", { status: 503 }, { kind: "later", maybeSent: true }],
    ["a broken line", "hang up" as const, { kind: "later", maybeSent: true }],
    [
      "a channel it is not in",
      { status: 200, body: { ok: false, error: "not_in_channel" } },
      { kind: "channel", message: expect.stringContaining("/invite @air") },
    ],
    ["an unknown message", { status: 200, body: { ok: false, error: "message_not_found" } }, { kind: "gone" }],
    [
      "a bad token",
      { status: 200, body: { ok: false, error: "invalid_auth" } },
      { kind: "account", message: expect.stringContaining("SLACK_BOT_TOKEN") },
    ],
  ])("%s is told in air's words", async (_name, answer, expected) => {
    emulator.next("chat.postMessage", answer);
    await expect(slack.platform.post(emulator.channel, incidentCard, "m", undefined, never)).rejects.toMatchObject(expected);
  });

  test("a Slack that is not there was certainly not reached", async () => {
    const nowhere = createSlack(
      { botToken: "xoxb-1", signingSecret: SECRET, apiUrl: "http://127.0.0.1:45999/api/", pace: { perSecond: 1, burst: 1 } },
      handlers,
      log,
    );
    await expect(nowhere.platform.post("C1", incidentCard, "m", undefined, never)).rejects.toMatchObject({
      kind: "later",
      maybeSent: false,
    });
  });
});

describe("who is let in", () => {
  test.each([
    ["a bad signature", { secret: "wrong" }],
    ["six minutes old", { skew: -360 }],
    ["six minutes ahead", { skew: 360 }],
  ])("%s is refused", async (_name, how) => {
    expect((await send(slash("help"), how)).status).toBe(401);
    expect(heard).toEqual([]);
  });

  test("people of another workspace are refused privately", async () => {
    expect((await send(pressed({}, { user: { id: "U9", team_id: "T9" } }))).status).toBe(200);
    await eventually(() => emulator.responses[0]);
    expect(emulator.responses[0]).toMatchObject({
      response_type: "ephemeral",
      replace_original: false,
      text: expect.stringContaining("does not serve"),
    });
    expect(heard).toEqual([]);
  });

  test("a person is looked up once a minute; strangers are no members", async () => {
    expect(await slack.lookUpPerson(emulator.userId)).toEqual({ name: "Ana Analyst", email: "ana@example.com", member: true });
    const before = emulator.calls.filter((call) => call.method === "users.info").length;
    await slack.lookUpPerson(emulator.userId);
    expect(emulator.calls.filter((call) => call.method === "users.info").length).toBe(before);
    await expect(slack.lookUpPerson("U404")).rejects.toThrow();
    for (const [flag, id] of [
      ["deleted", "U1"],
      ["is_bot", "U2"],
      ["is_restricted", "U3"],
      ["is_ultra_restricted", "U4"],
      ["is_stranger", "U5"],
    ] as const) {
      emulator.next("users.info", {
        status: 200,
        body: { ok: true, user: { id, team_id: emulator.teamId, name: "x", [flag]: true, profile: {} } },
      });
      expect(await slack.lookUpPerson(id)).toMatchObject({ member: false });
    }
    emulator.next("users.info", { status: 200, body: { ok: true, user: { id: "U6", team_id: "T9", name: "x", profile: {} } } });
    expect(await slack.lookUpPerson("U6")).toMatchObject({ member: false });
  });
});

describe("what people say", () => {
  test("a command is acked with nothing and answered privately", async () => {
    expect(await send(slash("status INV-42"))).toEqual({ status: 200, body: "" });
    await eventually(() => emulator.responses[0]);
    expect(heard).toEqual([{ what: "say", text: "status INV-42", by: { userId: emulator.userId, teamId: emulator.teamId } }]);
    expect(emulator.responses[0]).toMatchObject({ response_type: "ephemeral", text: "You said status INV-42" });
  });

  test("a press is committed before its ack; its note is private", async () => {
    pressAnswer = () => note("Already approved by Mia");
    expect((await send(pressed({}))).status).toBe(200);
    expect(heard).toMatchObject([{ what: "press", text: "ACT-1.v", typed: undefined }]);
    await eventually(() => emulator.responses[0]);
    expect(emulator.responses[0]).toMatchObject({ replace_original: false, text: "Already approved by Mia" });
  });

  test("a button that asks opens a form; what is wrong stands in it, what is right closes it", async () => {
    const trigger = await emulator.call("views.generateTriggerId");
    expect((await send(pressed({ action_id: "air:ask:1:r:Reason" }, { trigger_id: trigger.trigger_id }))).status).toBe(200);
    const opened = await eventually(() => emulator.calls.findLast((call) => call.method === "views.open"));
    expect(heard).toEqual([]);
    const view = opened.body.view as { callback_id: string; private_metadata: string };
    const submit = (text: string) =>
      send(
        interactive({
          type: "view_submission",
          team: { id: emulator.teamId },
          user: { id: emulator.userId, team_id: emulator.teamId },
          view: { id: "V1", type: "modal", ...view, state: { values: { typed: { v: { type: "plain_text_input", value: text } } } } },
        }),
      );
    pressAnswer = (typed) => ((typed ?? "").length < 5 ? note("Give at least five characters", "warning") : undefined);
    const refused = await submit("no");
    expect(JSON.parse(refused.body)).toEqual({ response_action: "errors", errors: { typed: "Give at least five characters" } });
    expect(await submit("CFO laptop")).toEqual({ status: 200, body: "" });
    expect(heard.at(-1)).toMatchObject({ what: "submit", text: "CFO laptop" });
  });

  test("an event that comes twice is answered once, in private where others read", async () => {
    const body = JSON.stringify({
      type: "event_callback",
      team_id: emulator.teamId,
      event_id: "Ev1",
      event: { type: "app_mention", user: emulator.userId, text: "<@UBOT> whoami", channel: emulator.channel, ts: "1.1" },
    });
    expect((await send(body, { type: "application/json" })).status).toBe(200);
    expect((await send(body, { type: "application/json" })).status).toBe(200);
    await eventually(() => emulator.calls.find((call) => call.method === "chat.postEphemeral"));
    expect(heard).toMatchObject([{ what: "say", text: "whoami" }]);
  });

  test("a handler that throws does not look like a decision", async () => {
    pressAnswer = () => {
      throw new Error("database is away");
    };
    expect((await send(pressed({}, { trigger_id: "9.9.10" }))).status).toBe(200);
    await eventually(() => emulator.responses[0]);
    expect(emulator.responses[0]).toMatchObject({ text: expect.stringContaining("Nothing was decided") });
  });
});

describe("what is sent again", () => {
  const resend = async (body: string, stamp: number, signed: (mac: string) => string = (mac) => `v0=${mac}`) =>
    fetch(`${base}/slack/events`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": String(stamp),
        "x-slack-signature": signed(createHmac("sha256", SECRET).update(`v0:${stamp}:${body}`).digest("hex")),
      },
      body,
    });

  test.each([-280, -100, 0, 280])("a captured request stamped %i s from now is carried out once", async (skew) => {
    const stamp = Math.floor(Date.now() / 1000) + skew;
    const body = slash(`note INC-1 stamped ${skew}`);
    for (const _ of [1, 2, 3]) expect((await resend(body, stamp)).status).toBe(200);
    // Bolt leaves out what stands behind a second "=".
    expect((await resend(body, stamp, (mac) => `v0=${mac}=again`)).status).toBe(200);
    await eventually(() => heard[0]);
    expect(heard.map(({ text }) => text)).toEqual([`note INC-1 stamped ${skew}`]);
  });

  test("a press and a form are carried out once, too; another person's words are another request", async () => {
    const stamp = Math.floor(Date.now() / 1000) - 50;
    const body = pressed({ value: "ACT-9.v" });
    for (const _ of [1, 2]) expect((await resend(body, stamp)).status).toBe(200);
    expect(heard).toHaveLength(1);
    expect((await resend(pressed({ value: "ACT-9.w" }), stamp)).status).toBe(200);
    expect(heard).toHaveLength(2);
  });

  test("another process has taken it", async () => {
    const first = handlers.first;
    const keys: string[] = [];
    handlers.first = async (key) => keys.push(key) < 0;
    try {
      expect((await send(slash("pause elsewhere"))).status).toBe(200);
      expect(heard).toEqual([]);
      expect(keys).toEqual([expect.stringMatching(/^slack signed [0-9a-f]{64}$/)]);
    } finally {
      handlers.first = first;
    }
  });
});

test("who decided where nothing can be drawn any more is told alone", async () => {
  handlers.unseen = async (value, channel) => note(`${value} in ${channel} went through`);
  try {
    expect((await send(pressed({ value: "ACT-77.v" }))).status).toBe(200);
    await eventually(() => emulator.responses.find((one) => JSON.stringify(one).includes("ACT-77.v in")));
    expect(emulator.responses[0]).toMatchObject({ response_type: "ephemeral", replace_original: false });
  } finally {
    handlers.unseen = async () => undefined;
  }
});

describe("what makes no sense", () => {
  test("signed nonsense and payloads of unknown type are answered at once", async () => {
    const began = Date.now();
    expect((await send("payload=null")).status).toBe(200);
    expect((await send("payload=%5B%5D")).status).toBe(200);
    expect((await send("payload=%7B")).status).toBe(400);
    expect((await send(interactive({ type: "workflow_step_edit" }))).status).toBe(200);
    expect((await send(JSON.stringify({ type: "function_executed" }), { type: "application/json" })).status).toBe(200);
    expect((await send("null", { type: "application/json" })).status).toBe(200);
    // Six that each waited for somebody until Slack gives up would take longer.
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(heard).toEqual([]);
  });
});
