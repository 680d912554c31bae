import { generateKeyPairSync } from "node:crypto";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTeams, type TeamsHandlers } from "../../../src/adapters/teams/app.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import type { Form } from "../../../src/engine/cards/form.ts";
import { refusalCard } from "../../../src/engine/cards/reply-card.ts";
import { eventually } from "../../support/eventually.ts";
import { ownTiming } from "../../support/own-timing.ts";
import { rememberingLog } from "../../support/remembering-log.ts";
import { APP, CHANNEL, eventOf, HOME, invokeOf, mentioning, messageOf, pressOf } from "../../support/teams-activity.ts";
import { startAuthority, startService } from "../../support/teams-authority.ts";
import { rememberedConversations } from "../../support/teams-memory.ts";

const card = (title: string): Card => ({ title, tone: "good", summary: title, lines: [], buttons: [] });
const said: { text: string; userId: string; tenantId: string }[] = [];
const pressed: { value: string; typed: string | undefined; userId: string }[] = [];
let added = 0;
let pressing: TeamsHandlers["press"] = async () => ({ note: undefined });
let mayLook: () => Promise<Card | undefined> = async () => undefined;
let own: string | undefined;
let unseen: Card | undefined;
let shown: TeamsHandlers["shown"];
const keptCard: TeamsHandlers["shown"] = async () => ({ card: card("The card as it is"), kept: true });
let mayOpen: (by: { userId: string }) => Promise<Card | undefined> = async () => undefined;
/** A form that names people, for those with a role. */
const naming: Form = {
  ref: "assign INC-42",
  title: "Assign INC-42",
  submit: "Assign",
  fields: [{ id: "to", kind: "select", label: "Who", required: true, options: [{ value: "Noor Aziz", label: "Noor Aziz" }] }],
};
const handlers: TeamsHandlers = {
  press: async (value, by, typed) => {
    pressed.push({ value, typed, userId: by.userId });
    return pressing(value, by, typed);
  },
  say: async (text, { userId, tenantId }) => {
    said.push({ text, userId, tenantId });
    return card(`Answer to ${text}`);
  },
  shown: (...of) => shown(...of),
  form: ({ ref }) => (ref === "assign INC-42" ? naming : undefined),
  formOf: (text) => (text === "assign INC-42" ? text : undefined),
  mayOpen: async (_ask, by) => mayOpen(by),
  mayLook: async () => mayLook(),
  ownConversation: async () => own,
  unseen: async () => unseen,
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
let teams: Awaited<ReturnType<typeof listening>>;
const conversations = rememberedConversations();
const timing = ownTiming();
/** When each call was let in, on that clock. */
const sentAt: number[] = [];
const log = rememberingLog();
async function listening(of: typeof authority) {
  const air = createTeams(
    {
      bot: { appId: APP, password: "not-a-secret", tenantId: HOME },
      tenants: () => [HOME],
      pace: { perSecond: 50, burst: 50 },
      isLocal: () => false,
      conversations,
      authority: { issuer: "https://api.botframework.com", openIdUrl: of.openIdUrl },
      authorization: async () => {
        sentAt.push(timing.now());
        return "Bearer of-the-bot";
      },
      answerMs: 300,
      unseenMs: 5,
      timing,
    },
    handlers,
    log,
  );
  const server = express().use(air.router).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await air.stop();
    },
  };
}
beforeAll(async () => {
  [authority, service] = await Promise.all([startAuthority(), startService()]);
  teams = await listening(authority);
});
afterAll(async () => {
  await teams?.stop();
  authority?.stop();
  service?.stop();
});
beforeEach(async () => {
  // Whatever was sent before counts no more.
  await timing.advance(2 * 3_600_000);
  said.length = 0;
  pressed.length = 0;
  service.forget();
  sentAt.length = 0;
  conversations.rows.clear();
  pressing = async () => ({ note: undefined });
  mayOpen = async () => undefined;
  mayLook = async () => undefined;
  own = undefined;
  unseen = undefined;
  shown = keptCard;
});

async function post(body: object | string, token: string | null = authority.token(service.url), port = teams.port) {
  const response = await fetch(`http://127.0.0.1:${port}/api/messages`, {
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
    ["that never expires", () => authority.token(service.url, { exp: undefined })],
    ["signed with a key that names no channel", () => authority.token(service.url, {}, { header: { kid: "for-nobody" } })],
    ["signed with a key for no channel", () => authority.token(service.url, {}, { header: { kid: "for-none" } })],
    ["signed with a key for another channel", () => authority.token(service.url, {}, { header: { kid: "for-another" } })],
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
    expect((await post(mentioning("status", { ...at(), tenant }))).status).toBe(403);
    const press = await post(pressOf("press", { value: "ACT-1" }, { ...at(), tenant }));
    expect(press.json).toMatchObject({
      type: "application/vnd.microsoft.activity.message",
      value: expect.stringContaining("does not serve"),
    });
    const two = { ...mentioning("status", at()), channelData: { tenant: { id: tenant } } };
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

describe("a form is shown to who may have it", () => {
  const ways: [string, () => object][] = [
    ["in a dialog", () => invokeOf("task/fetch", { data: { ref: "assign INC-42" } }, { ...at(), replyToId: "1700000000002" })],
    ["in the place of a card", () => pressOf("form", { ref: "assign INC-42" }, at())],
  ];
  test.each(ways)("%s", async (_name, asked) => {
    expect((await post(asked())).text).toContain("Noor Aziz");
    mayOpen = async () => refusalCard("This needs the role responder; you do not have it.");
    const refused = await post(asked());
    expect(refused.status).toBe(200);
    expect(refused.text).toContain("This needs the role responder");
    expect(refused.text).not.toContain("Noor");
    // Who it is could not be looked up: nobody sees it either.
    mayOpen = () => Promise.reject(new Error("no answer"));
    expect((await post(asked())).text).not.toContain("Noor");
  });
  test.each([
    ["refused", async () => refusalCard("This needs the role responder; you do not have it.")],
    ["not looked up", () => Promise.reject(new Error("no answer"))],
  ])("typed as a command, %s", async (_name, answers: () => Promise<Card>) => {
    mayOpen = answers;
    await post(messageOf("assign INC-42", { ...at(), place: "personal" }));
    const answer = await eventually(() => service.calls[0], "an answer");
    expect(JSON.stringify(answer.body)).not.toContain("Noor");
    mayOpen = async () => undefined;
    await post(messageOf("assign INC-42", { ...at(), place: "personal" }));
    const shown = await eventually(() => service.calls[1], "the form");
    expect(JSON.stringify(shown.body)).toContain("Noor Aziz");
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
    await post(mentioning("help", { serviceUrl: moved }), authority.token(moved));
    await eventually(() => service.calls.length > 0, "its answer");
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
    ["a tag nobody stands behind is a name", mentioning("assign INC-1 <at>Noor</at>", { textFormat: "plain" }), "assign INC-1 Noor"],
    ["formatted", mentioning("<p>note INC-1 <b>a &amp; b</b></p>", { textFormat: "xml" }), "note INC-1 a & b"],
  ])("%s", async (_name, activity, text) => {
    await post({ ...activity, serviceUrl: service.url });
    await eventually(() => said.length > 0 && service.calls.length > 0, "a command and its answer");
    expect(said[0]?.text).toBe(text);
  });

  test("what people say to each other in a channel or group is neither carried out nor answered, and Teams is told that it arrived", async () => {
    for (const place of ["channel", "group"] as const)
      expect((await post(messageOf("approve ACT-3", { ...at(), place }))).status).toBe(200);
    await post(mentioning("help", at()));
    await eventually(() => said.length > 0 && service.calls.length > 0, "an answer");
    expect(said.map(({ text }) => text)).toEqual(["help"]);
    expect(service.calls).toHaveLength(1);
  });

  test("what Teams sends twice is answered once", async () => {
    const activity = mentioning("help", at());
    await Promise.all([post(activity), post(activity)]);
    await eventually(() => said.length > 0 && service.calls.length > 0, "an answer");
    expect(said).toHaveLength(1);
  });

  test("an answer Teams has no room for waits its turn", async () => {
    service.answer(429, undefined, { "retry-after": "0" });
    await post(mentioning("help", at()));
    await eventually(() => timing.next() !== undefined, "the wait");
    await timing.advance(2_000);
    await eventually(() => service.calls.length === 2, "the second try");
  });

  test.each([500, 502, 504, 412, 408])("%i to an answer: it is tried again, later each time and never on the second", async (status) => {
    for (let nth = 0; nth < 3; nth += 1) service.answer(status);
    await post(mentioning("help", at()));
    const rests: number[] = [];
    for (let tries = 1; tries <= 3; tries += 1) {
      await eventually(() => service.calls.length === tries && timing.next() !== undefined, `try ${tries}`);
      const rest = (timing.next() ?? 0) - timing.now();
      rests.push(rest);
      await timing.advance(rest);
    }
    await eventually(() => service.calls.length === 4, "the last try");
    for (const [nth, rest] of rests.entries()) {
      expect(rest).toBeGreaterThanOrEqual(1_000 * 2 ** nth);
      expect(rest).toBeLessThanOrEqual(2_000 * 2 ** nth);
    }
    expect(new Set(rests.map((rest) => rest % 1_000)).size).toBeGreaterThan(1);
  });

  test("Retry-After is kept to the second, for all of its conversation and no other", async () => {
    service.answer(429, undefined, { "retry-after": "25" });
    await post(mentioning("help", at()));
    await eventually(() => timing.next() !== undefined, "the wait");
    await post(mentioning("whoami", at()));
    await post(messageOf("help", { ...at(), place: "personal" }));
    await eventually(() => said.length === 3 && service.calls.length === 2, "the answer elsewhere");
    await timing.advance(24_900);
    expect(service.calls).toHaveLength(2);
    await timing.advance(1_000);
    await eventually(() => service.calls.length === 4, "both answers");
  });

  test.each([
    ["asked to wait for too long", 301, 1],
    ["refused again and again", undefined, 12],
  ] as const)("%s: it is given up, and the log has ids alone", async (_name, seconds, tries) => {
    for (let nth = 0; nth < tries; nth += 1) service.answer(429, undefined, seconds ? { "retry-after": String(seconds) } : {});
    const before = log.lines.length;
    await post(mentioning("help about something private", at()));
    const told = () => log.lines.slice(before).find(({ message }) => message === "an answer did not reach Teams");
    for (let nth = 0; told() === undefined; nth += 1) {
      await eventually(() => told() !== undefined || timing.next() !== undefined, "the wait");
      await timing.advance(60_000);
      if (nth > 20) break;
    }
    expect(told()?.facts).toEqual({
      what: "command",
      conversation: CHANNEL,
      activity: expect.stringMatching(/^f:/),
      error: "Teams asked to wait.",
    });
    expect(JSON.stringify(log.lines.slice(before))).not.toContain("private");
    await timing.advance(600_000);
  });

  test("50 questions at once: no faster than Teams takes them, each answered", async () => {
    await Promise.all(Array.from({ length: 50 }, (_, nth) => post(mentioning(`whoami ${nth}`, at()))));
    await eventually(() => sentAt.length === 7 && said.length === 50, "as many as may go");
    await timing.advance(60_000);
    await eventually(() => service.calls.length === 50, "all answers");
    for (const [most, ms] of [
      [7, 1_000],
      [8, 2_000],
      [60, 30_000],
    ] as const)
      for (let index = most; index < 50; index += 1) expect((sentAt[index] ?? 0) - (sentAt[index - most] ?? 0)).toBeGreaterThan(ms);
    expect(new Set(service.calls.map(({ body }) => /whoami \d+/.exec(JSON.stringify(body))?.[0])).size).toBe(50);
  });

  test("more than can wait: those left out are told of once", async () => {
    for (let nth = 0; nth < 130; nth += 1) await post(mentioning(`whoami ${nth}`, at()));
    await eventually(() => said.length === 130, "all were heard");
    await eventually(() => sentAt.length === 7, "as many as may go");
    await timing.advance(120_000);
    await eventually(() => service.calls.length === 108, "all that could wait");
    expect(service.calls.filter(({ body }) => JSON.stringify(body).includes("Too many answers at once"))).toHaveLength(1);
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

  describe("on a card air does not keep", () => {
    const redrawn = () => service.calls.filter(({ method, path }) => method === "PUT" && path.endsWith("/activities/1700000000002"));
    const value = "ACT-7.x.approve.y";
    beforeEach(() => {
      shown = async (_where, _message, pressed) => (pressed === value ? { card: card(`${value} as it is now`), kept: false } : undefined);
    });
    test.each<[string, () => void]>([
      ["it was decided", () => undefined],
      ["it was refused", () => (pressing = async () => ({ note: refusalCard("Already approved by Noor.") }))],
      ["it counts, and something is said", () => (pressing = async () => ({ note: card("Your approval is counted") }))],
    ])("%s: it is drawn again for everybody", async (_name, comes) => {
      comes();
      await post(pressOf("press", { value }, { ...at(), place: "personal" }));
      const call = await eventually(() => redrawn()[0], "the card");
      expect(JSON.stringify(call.body)).toContain("as it is now");
    });
    test("who may not look draws nothing new in their own chat", async () => {
      pressing = async () => ({ note: refusalCard("You have no role.") });
      mayLook = async () => refusalCard("You have no role.");
      await post(pressOf("press", { value }, { ...at(), place: "personal" }));
      await post(messageOf("help", { ...at(), place: "personal" }));
      await eventually(() => service.calls.length > 0, "the answer behind it");
      expect(redrawn()).toEqual([]);
    });
    test("a form of the decision, handed in as a dialog, draws it again, too", async () => {
      await post(invokeOf("task/submit", { data: { ref: value } }, { ...at(), place: "personal", replyToId: "1700000000002" }));
      await eventually(() => redrawn()[0], "the card");
    });
  });

  test("the card as it is now is for who may look", async () => {
    mayLook = async () => refusalCard("This needs the role viewer.");
    const refresh = { action: { type: "Action.Execute", verb: "press", data: { value: "x" } }, trigger: "automatic" };
    for (const activity of [pressOf("back", {}, at()), invokeOf("adaptiveCard/action", refresh, { ...at(), replyToId: "m1" })]) {
      const { json } = await post(activity);
      expect(json).toMatchObject({ type: "application/vnd.microsoft.activity.message", value: expect.stringContaining("role viewer") });
    }
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
    expect(json?.value).toMatch(/air is working on it, and the card will change/);
    slow.resolve({ note: undefined });
    pressing = async () => {
      throw new Error("the database is away");
    };
    expect((await post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()))).json?.value).toMatch(/could not take this/);
  });

  test("the time runs from when it arrived: rows and keys that take long cut it short, too", async () => {
    const rows = Promise.withResolvers<void>();
    const heard = conversations.heard;
    conversations.heard = async (...of) => {
      await rows.promise;
      await heard(...of);
    };
    own = "a:1mia";
    await heard({ id: "a:1mia", kind: "personal", tenant: HOME, serviceUrl: service.url, bot: "28:x" }, new Date());
    try {
      pressing = async () => ({ note: refusalCard("Already approved by Noor.") });
      const began = performance.now();
      const answers = await Promise.all(Array.from({ length: 40 }, () => post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()))));
      expect(performance.now() - began).toBeLessThan(10_000);
      for (const { json } of answers)
        expect(json).toMatchObject({ statusCode: 200, value: expect.stringContaining("air is working on it, and the card will change") });
      expect((await post(invokeOf("task/submit", { data: { ref: "x" } }, at()))).json).toMatchObject({ task: { type: "message" } });
      expect(pressed).toEqual([]);
    } finally {
      conversations.heard = heard;
      rows.resolve();
    }
    await eventually(() => pressed.length === 40, "the presses go on");
    // Too late to be shown: told alone.
    const told = await eventually(() => service.calls[0], "what came of it");
    expect(told.path).toContain("/conversations/a:1mia/");
    expect(JSON.stringify(told.body)).toContain("Already approved by Noor.");
  });

  test("keys that are late cut it short; what then proves to be nobody of Teams did nothing", async () => {
    const keys = Promise.withResolvers<void>();
    const late = await startAuthority();
    late.hold(keys.promise);
    const slow = await listening(late);
    try {
      const forged = late.token(service.url, { aud: "33333333-3333-4333-8333-333333333333" });
      for (const token of [late.token(service.url), forged]) {
        const answer = await post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()), token, slow.port);
        expect(answer.json?.value).toContain("air is working on it");
      }
      keys.resolve();
      await eventually(() => pressed.length === 1, "the press");
      expect((await post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()), forged, slow.port)).status).toBe(401);
      expect(pressed).toHaveLength(1);
    } finally {
      await slow.stop();
      late.stop();
    }
  });

  test("who decided where nothing can be drawn any more is told alone, if they have a chat with air", async () => {
    unseen = card("Isolated");
    await post(pressOf("press", { value: "ACT-7.x.approve.y" }, at()));
    own = "a:1mia";
    await conversations.heard({ id: "a:1mia", kind: "personal", tenant: HOME, serviceUrl: service.url, bot: "28:x" }, new Date());
    await post(pressOf("press", { value: "ACT-8.x.approve.y" }, at()));
    const told = await eventually(() => service.calls[0], "what came of it");
    expect(told).toMatchObject({ method: "POST", path: "/amer/v3/conversations/a:1mia/activities", body: { summary: "Isolated" } });
    expect(pressed).toHaveLength(2);
  });

  test.each([undefined, "auto", 7])("what does not say that a person pressed (%s) decides nothing", async (trigger) => {
    const value = {
      action: { type: "Action.Execute", verb: "press", data: { value: "ACT-7.x.approve.y" } },
      ...(trigger ? { trigger } : {}),
    };
    const { json } = await post(invokeOf("adaptiveCard/action", value, { ...at(), replyToId: "m1" }));
    expect(json).toMatchObject({ statusCode: 200, value: expect.stringContaining("fresh card") });
    expect(pressed).toEqual([]);
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
    ["a number", pressOf("press", { value: 7 })],
    ["a list", pressOf("press", { value: ["x"] })],
    ["too long a value", pressOf("press", { value: "x".repeat(4_001) })],
    ["a press of another shape", invokeOf("adaptiveCard/action", [])],
    ["nobody Teams knows", pressOf("press", { value: "x" }, { person: { aadObjectId: "" } })],
  ])("%s: nothing, and that is said", async (_name, activity) => {
    expect((await post({ ...activity, serviceUrl: service.url })).json).toEqual({
      statusCode: 200,
      type: "application/vnd.microsoft.activity.message",
      value: expect.stringContaining("Ask for a fresh card"),
    });
    expect(pressed).toEqual([]);
  });

  test.each([
    ["another command", invokeOf("composeExtension/fetchTask", { commandId: "theirs", data: {} })],
    ["a dialog without a name", invokeOf("task/fetch", { data: { ref: 7 } })],
    ["a dialog of another shape", invokeOf("task/submit", "x")],
  ])("%s: nothing, and the dialog says so", async (_name, activity) => {
    expect((await post({ ...activity, serviceUrl: service.url })).json).toEqual({
      task: { type: "message", value: expect.stringContaining("Ask for a fresh card") },
    });
  });

  test("an invoke that waits for no words is taken and ignored", async () => {
    expect(await post(invokeOf("signin/verifyState", {}, at()))).toMatchObject({ status: 200, text: "{}" });
    expect(pressed).toEqual([]);
  });
});
