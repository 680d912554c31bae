import { generateKeyPairSync } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTeams, type Teams, type TeamsHandlers } from "../../../src/adapters/teams/app.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import { refusalCard } from "../../../src/engine/cards/reply-card.ts";
import { eventually } from "../../support/eventually.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { APP, CHANNEL, eventOf, HOME, invokeOf, mentioning, messageOf, pressOf } from "../../support/teams-activity.ts";
import { startAuthority, startService } from "../../support/teams-authority.ts";
import { rememberedConversations } from "../../support/teams-memory.ts";

const card = (title: string): Card => ({ title, tone: "good", summary: title, lines: [], buttons: [] });
const said: { text: string; userId: string; tenantId: string }[] = [];
const pressed: { value: string; typed: string | undefined; userId: string }[] = [];
let added = 0;
let pressing: TeamsHandlers["press"] = async () => ({ note: undefined });
const handlers: TeamsHandlers = {
  press: async (value, by, typed) => {
    pressed.push({ value, typed, userId: by.userId });
    return pressing(value, by, typed);
  },
  say: async (text, { userId, tenantId }) => {
    said.push({ text, userId, tenantId });
    return card(`Answer to ${text}`);
  },
  shown: async () => ({ card: card("The card as it is"), kept: true }),
  form: () => undefined,
  formOf: () => undefined,
  fill: async () => undefined,
  submit: async () => ({ done: undefined }),
  found: () => undefined,
  added: async () => {
    added += 1;
  },
  linked: (one) => one,
};

let authority: Awaited<ReturnType<typeof startAuthority>>;
let service: Awaited<ReturnType<typeof startService>>;
let teams: Teams;
let server: Server;
const conversations = rememberedConversations();
const log = rememberingLog();
beforeAll(async () => {
  [authority, service] = await Promise.all([startAuthority(), startService()]);
  teams = createTeams(
    {
      bot: { appId: APP, password: "not-a-secret", tenantId: HOME },
      tenants: () => [HOME],
      pace: { perSecond: 50, burst: 50 },
      isLocal: () => false,
      conversations,
      authority: { issuer: "https://api.botframework.com", openIdUrl: authority.openIdUrl },
      authorization: async () => "Bearer of-the-bot",
      answerMs: 300,
    },
    handlers,
    log,
  );
  server = express().use(teams.router).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
});
afterAll(async () => {
  server?.close();
  server?.closeAllConnections();
  await teams?.stop();
  authority?.stop();
  service?.stop();
});
beforeEach(() => {
  said.length = 0;
  pressed.length = 0;
  service.calls.length = 0;
  conversations.rows.clear();
  pressing = async () => ({ note: undefined });
});

async function post(body: object | string, token: string | null = authority.token(service.url)) {
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/api/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    json: (text.startsWith("{") ? JSON.parse(text) : undefined) as Record<string, unknown> | undefined,
  };
}
const at = () => ({ serviceUrl: service.url });

describe("who is listened to", () => {
  const other = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const now = () => Math.floor(Date.now() / 1000);
  test.each<[string, () => string | null, Record<string, unknown>?]>([
    ["no token", () => null],
    ["no token of three parts", () => "letmein"],
    ["another audience", () => authority.token(service.url, { aud: "33333333-3333-4333-8333-333333333333" })],
    ["another issuer", () => authority.token(service.url, { iss: "https://evil.example" })],
    // The SDK would take these two for an emulator's or another bot's, signed by the same keys.
    [
      "an issuer of Microsoft's own directory",
      () => authority.token(service.url, { iss: "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/", appid: APP, ver: "1.0" }),
    ],
    ["no issuer", () => authority.token(service.url, { iss: undefined })],
    ["expired", () => authority.token(service.url, { nbf: now() - 4_000, iat: now() - 4_000, exp: now() - 600 })],
    ["not valid yet", () => authority.token(service.url, { nbf: now() + 3_000, exp: now() + 4_000 })],
    ["signed with another key", () => authority.token(service.url, {}, { key: other() })],
    ["a key nobody published", () => authority.token(service.url, {}, { header: { kid: "k2" } })],
    ["an algorithm of the caller's", () => authority.token(service.url, {}, { header: { alg: "none" } })],
    ["another service address", () => authority.token("https://smba.example/other/")],
    ["no service address in the activity", () => authority.token(service.url), { serviceUrl: "" }],
    ["a channel that is not endorsed", () => authority.token(service.url), { channelId: "slack" }],
    ["a channel checked less", () => authority.token(service.url), { channelId: "AseChannel" }],
  ])("%s: 401, and nothing happens", async (_name, token, more = {}) => {
    const { status } = await post(pressOf("press", { value: "ACT-1" }, { ...at(), ...more }), token());
    expect(status).toBe(401);
    expect([pressed, said, [...conversations.rows]]).toEqual([[], [], []]);
  });

  test("an activity of Teams is, and what follows goes out with the bot's own token", async () => {
    expect(await post(mentioning("status INV-42", at()))).toMatchObject({ status: 200, text: "{}" });
    const answer = await eventually(() => service.calls[0], "an answer");
    expect(said).toEqual([{ text: "status INV-42", userId: "aaaaaaaa-0000-4000-8000-000000000001", tenantId: HOME }]);
    expect(answer).toMatchObject({
      method: "POST",
      path: `/amer/v3/conversations/${CHANNEL};messageid=1700000000001/activities`,
      authorization: "Bearer of-the-bot",
      body: {
        type: "message",
        summary: "Answer to status INV-42",
        attachments: [{ contentType: "application/vnd.microsoft.card.adaptive" }],
      },
    });
    // A card with a text beside it would come without its id.
    expect(answer.body.text).toBeUndefined();
  });

  test("another tenant's people are told so, and nothing else happens; a contradiction is nobody's", async () => {
    const tenant = "99999999-9999-4999-8999-999999999999";
    expect((await post(messageOf("status", { ...at(), tenant }))).status).toBe(403);
    const press = await post(pressOf("press", { value: "ACT-1" }, { ...at(), tenant }));
    expect(press.json).toMatchObject({
      type: "application/vnd.microsoft.activity.message",
      value: expect.stringContaining("does not serve"),
    });
    const two = { ...messageOf("status", at()), channelData: { tenant: { id: tenant } } };
    expect((await post(two)).status).toBe(200);
    expect([pressed, said, [...conversations.rows]]).toEqual([[], [], []]);
  });

  test("what is too large, no JSON or no activity is refused in words of ours", async () => {
    expect((await post(messageOf("x".repeat(1_100_000), at()))).status).toBe(413);
    expect((await post("{not json")).status).toBe(400);
    expect((await post("[]")).status).toBe(401);
  });

  test.each(["typing", "event", "messageReaction", "somethingNew"])("%s is taken and ignored", async (type) => {
    expect(await post(eventOf(type, at()))).toMatchObject({ status: 200, text: "{}" });
  });
});

describe("where conversations are", () => {
  test("kept from each activity, with the newest address; forgotten when the app is removed, with its whole team", async () => {
    const bot = [{ id: `28:${APP}` }];
    await post(eventOf("conversationUpdate", { ...at(), membersAdded: bot }));
    expect(conversations.rows.get(CHANNEL)).toMatchObject({
      kind: "channel",
      tenant: HOME,
      serviceUrl: service.url,
      team: "19:team@thread.tacv2",
    });
    const moved = service.url.replace("amer", "emea");
    await post(messageOf("help", { serviceUrl: moved }), authority.token(moved));
    expect(conversations.rows.get(CHANNEL)?.serviceUrl).toBe(moved);
    await post(eventOf("conversationUpdate", { ...at(), membersRemoved: bot }));
    expect(conversations.rows.get(CHANNEL)?.removedAt).toBeInstanceOf(Date);
    // Added to the team again, told by its first channel: all of the team is there, and what waits is tried now.
    const other = "19:other@thread.tacv2";
    await conversations.heard(
      { id: other, kind: "channel", tenant: HOME, serviceUrl: moved, bot: "28:x", team: "19:team@thread.tacv2" },
      new Date(),
    );
    await conversations.left({ id: other, team: "19:team@thread.tacv2" }, new Date());
    const before = added;
    await post(eventOf("installationUpdate", { ...at(), action: "add" }));
    expect([CHANNEL, other].map((id) => conversations.rows.get(id)?.removedAt)).toEqual([undefined, undefined]);
    expect(added).toBe(before + 1);
  });

  test("a renamed channel keeps its id and gets its new name", async () => {
    const channelData = {
      tenant: { id: HOME },
      team: { id: "19:team@thread.tacv2" },
      channel: { id: "19:other@thread.tacv2", name: "alarms" },
      eventType: "channelRenamed",
    };
    await post(eventOf("conversationUpdate", { ...at(), channelData }));
    expect(conversations.rows.get("19:other@thread.tacv2")).toMatchObject({ kind: "channel", name: "alarms" });
  });
});

describe("what people type", () => {
  test.each([
    ["a mention in front", mentioning("status 42", { place: "group" }), "status 42"],
    ["a mention with a space of Teams's behind it", { ...mentioning("", {}), text: "<at>air</at>\u00a0list open" }, "list open"],
    ["a personal chat, without a mention", messageOf("  help ", { place: "personal" }), "help"],
    ["somebody else's mention stays", messageOf("assign INC-1 <at>Noor</at>", { textFormat: "plain" }), "assign INC-1 <at>Noor</at>"],
    ["formatted", messageOf("<p>note INC-1 <b>a &amp; b</b></p>", { textFormat: "xml" }), "note INC-1 a & b"],
  ])("%s", async (_name, activity, text) => {
    await post({ ...activity, serviceUrl: service.url });
    await eventually(() => said.length > 0, "a command");
    expect(said[0]?.text).toBe(text);
  });

  test("what Teams sends twice is answered once", async () => {
    const activity = mentioning("help", at());
    await Promise.all([post(activity), post(activity)]);
    await eventually(() => service.calls.length > 0, "an answer");
    expect(said).toHaveLength(1);
  });

  test("an answer Teams has no room for waits its turn", async () => {
    service.answer(429, undefined, { "retry-after": "0" });
    await post(mentioning("help", at()));
    await eventually(() => service.calls.length === 2, "the second try");
  });
});

describe("what people press", () => {
  test("success is the card as it is now, with what was typed handed over", async () => {
    const { json } = await post(pressOf("press", { value: "ACT-7.x.reject.y", input: "typed1", typed0: "no", typed1: " why not " }, at()));
    expect(json).toMatchObject({ statusCode: 200, type: "application/vnd.microsoft.card.adaptive" });
    expect(JSON.stringify(json?.value)).toContain("The card as it is");
    expect(pressed).toEqual([{ value: "ACT-7.x.reject.y", typed: "why not", userId: "aaaaaaaa-0000-4000-8000-000000000001" }]);
  });

  test("a refusal is words for the person alone", async () => {
    pressing = async () => ({ note: refusalCard("Already approved by Noor.") });
    const { json } = await post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()));
    expect(json).toEqual({
      statusCode: 200,
      type: "application/vnd.microsoft.activity.message",
      value: "Not done. Already approved by Noor.",
    });
  });

  test("a look-up stands in the card's place, with the way back", async () => {
    pressing = async () => ({ note: card("The log") });
    const { json } = await post(pressOf("press", { value: "say:log INV-1" }, at()));
    expect(json?.value).toMatchObject({ actions: [{ type: "Action.Execute", verb: "back" }] });
    const back = await post(pressOf("back", {}, at()));
    expect(JSON.stringify(back.json?.value)).toContain("The card as it is");
  });

  test("what takes too long is said, and happens all the same; one that fails, too", async () => {
    const slow = Promise.withResolvers<{ note: undefined }>();
    pressing = () => slow.promise;
    const { json } = await post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()));
    expect(json?.value).toMatch(/longer than usual/);
    slow.resolve({ note: undefined });
    pressing = async () => {
      throw new Error("the database is away");
    };
    expect((await post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()))).json?.value).toMatch(/could not take this/);
  });

  test("the client's second try gets the first one's answer", async () => {
    const activity = pressOf("press", { value: "ACT-7.x.approve.y" }, at());
    const [one, two] = await Promise.all([post(activity), post(activity)]);
    expect(one.text).toBe(two.text);
    expect(pressed).toHaveLength(1);
  });

  test("a client that draws the card again by itself presses nothing", async () => {
    const value = { action: { type: "Action.Execute", verb: "press", data: { value: "ACT-7.x.approve.y" } }, trigger: "automatic" };
    const { json } = await post(invokeOf("adaptiveCard/action", value, { ...at(), replyToId: "m1" }));
    expect(json).toMatchObject({ type: "application/vnd.microsoft.card.adaptive" });
    expect(pressed).toEqual([]);
  });

  test.each([
    ["another bot's button", pressOf("theirs", { value: "x" })],
    ["no value", pressOf("press", {})],
    ["a value that is no text", pressOf("press", { value: { $gt: "" } })],
    ["nobody Teams knows", pressOf("press", { value: "x" }, { person: { aadObjectId: "" } })],
    ["an unknown invoke", invokeOf("signin/verifyState", {})],
  ])("%s: nothing", async (_name, activity) => {
    expect((await post({ ...activity, serviceUrl: service.url })).status).toBe(200);
    expect(pressed).toEqual([]);
  });
});
