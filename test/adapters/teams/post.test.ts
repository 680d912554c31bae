import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createPlatform } from "../../../src/adapters/teams/post.ts";
import { createService } from "../../../src/adapters/teams/service.ts";
import { createWindows } from "../../../src/adapters/teams/windows.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import type { ChatError, ChatPlatform, Conversation } from "../../../src/engine/ports.ts";
import { BOT_ID, CHANNEL, HOME } from "../../support/teams-activity.ts";
import { startService } from "../../support/teams-authority.ts";
import { rememberedConversations } from "../../support/teams-memory.ts";

const card: Card = {
  title: "INC-42",
  tone: "bad",
  summary: "Malicious: WS-042",
  lines: [{ kind: "text", text: "x".repeat(3_000) }],
  buttons: [],
};
const GROUP = "19:war@thread.v2";
const signal = () => AbortSignal.timeout(5_000);

let service: Awaited<ReturnType<typeof startService>>;
let conversations: ReturnType<typeof rememberedConversations>;
let platform: ChatPlatform;
let token: () => Promise<string>;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.stop());
beforeEach(() => {
  service.calls.length = 0;
  const known = (id: string, kind: Conversation["kind"]): Conversation => ({
    id,
    kind,
    tenant: HOME,
    serviceUrl: service.url,
    bot: BOT_ID,
    team: "19:team",
  });
  conversations = rememberedConversations(known(CHANNEL, "channel"), known(GROUP, "group"));
  token = async () => "Bearer of-the-bot";
  platform = createPlatform(
    createService(() => token()),
    conversations,
    createWindows(Date.now),
    { perSecond: 3, burst: 3 },
    { random: () => 1 },
  );
});
const failing = async (work: Promise<unknown>): Promise<ChatError> => {
  try {
    await work;
  } catch (error) {
    return error as ChatError;
  }
  throw new Error("it went well");
};

describe("posting", () => {
  test("a root card is a new thread of its channel, a reply goes into it, and both are changed where they stand", async () => {
    const root = await platform.post(CHANNEL, card, "m", undefined, signal());
    expect(service.calls[0]).toMatchObject({
      method: "POST",
      path: "/amer/v3/conversations",
      authorization: "Bearer of-the-bot",
      body: {
        isGroup: true,
        tenantId: HOME,
        bot: { id: BOT_ID },
        channelData: { channel: { id: CHANNEL } },
        activity: { summary: "Malicious: WS-042" },
      },
    });
    const reply = await platform.post(CHANNEL, card, "m", root, signal());
    expect(service.calls[1]?.path).toBe(`/amer/v3/conversations/${CHANNEL};messageid=${root.id}/activities`);
    expect(reply.thread).toBe(root.id);
    await platform.update(CHANNEL, reply, card, "m", signal());
    expect(service.calls[2]).toMatchObject({
      method: "PUT",
      path: `/amer/v3/conversations/${CHANNEL};messageid=${root.id}/activities/${reply.id}`,
    });
    await platform.update(CHANNEL, root, card, "m", signal());
    expect(service.calls[3]?.path).toBe(`/amer/v3/conversations/${CHANNEL};messageid=${root.id}/activities/${root.id}`);
  });

  test("a group chat has no threads", async () => {
    const root = await platform.post(GROUP, card, "m", undefined, signal());
    await platform.post(GROUP, card, "m", root, signal());
    expect(service.calls.map(({ path }) => path)).toEqual(Array(2).fill(`/amer/v3/conversations/${GROUP}/activities`));
  });

  test("a channel never heard of is reached through another of the tenant; where nothing was heard at all, it says what to do", async () => {
    await platform.post("19:new@thread.tacv2", card, "m", undefined, signal());
    expect(service.calls[0]?.body).toMatchObject({ channelData: { channel: { id: "19:new@thread.tacv2" } } });
    conversations.rows.clear();
    expect(await failing(platform.post(CHANNEL, card, "m", undefined, signal()))).toMatchObject({
      kind: "channel",
      message: expect.stringContaining("add the app"),
    });
  });

  test("with several tenants a channel never heard of is reached through none of them; nor is one of a tenant that is served no more", async () => {
    const other = "99999999-9999-4999-8999-999999999999";
    const far = "19:far@thread.tacv2";
    await conversations.heard({ id: far, kind: "channel", tenant: other, serviceUrl: service.url, bot: BOT_ID }, new Date());
    let tenants = [HOME, other];
    const several = createPlatform(
      createService(() => token()),
      conversations,
      createWindows(Date.now),
      { perSecond: 3, burst: 3 },
      { tenants: () => tenants },
    );
    const unknown = () => several.post("19:new@thread.tacv2", card, "m", undefined, signal());
    expect(await failing(unknown())).toMatchObject({ kind: "channel", message: expect.stringContaining("say @air whoami in it") });
    await several.post(far, card, "m", undefined, signal());
    expect(service.calls).toHaveLength(1);
    expect(service.calls[0]?.body).toMatchObject({ tenantId: other });
    // The only tenant left: never through the other's conversation, though that is the newest.
    tenants = [HOME];
    await unknown();
    expect(service.calls[1]?.body).toMatchObject({ tenantId: HOME });
    expect(await failing(several.post(far, card, "m", undefined, signal()))).toMatchObject({
      kind: "channel",
      message: expect.stringContaining("teams.tenants"),
    });
    expect(service.calls).toHaveLength(2);
  });

  test("a new service address is used from the next call on; a removed app is not asked again", async () => {
    const root = await platform.post(CHANNEL, card, "m", undefined, signal());
    await conversations.heard(
      { id: CHANNEL, kind: "channel", tenant: HOME, bot: BOT_ID, team: "19:team", serviceUrl: service.url.replace("amer", "emea") },
      new Date(),
    );
    await platform.update(CHANNEL, root, card, "m", signal());
    expect(service.calls.at(-1)?.path).toMatch(/^\/emea\//);
    await conversations.left({ id: "19:general", team: "19:team" }, new Date());
    service.calls.length = 0;
    expect(await failing(platform.update(CHANNEL, root, card, "m", signal()))).toMatchObject({ kind: "channel" });
    expect(service.calls).toEqual([]);
  });

  test("the bot's token goes nowhere but to https, or to this machine", async () => {
    await conversations.heard(
      { id: CHANNEL, kind: "channel", tenant: HOME, bot: BOT_ID, serviceUrl: "http://smba.example/amer/" },
      new Date(),
    );
    expect(await failing(platform.post(CHANNEL, card, "m", undefined, signal()))).toMatchObject({ kind: "channel" });
  });

  test("without a token nothing is sent, and Entra ID's code is said without the rest of its answer", async () => {
    token = async () => {
      throw new Error("invalid_client: AADSTS7000222: The provided client secret keys for app 'secret' are expired. Trace ID: 1");
    };
    const error = await failing(platform.post(CHANNEL, card, "m", undefined, signal()));
    expect(error).toMatchObject({ kind: "account", message: expect.stringContaining("AADSTS7000222") });
    expect(error.message).not.toContain("Trace");
    expect(service.calls).toEqual([]);
  });
});

describe("what Teams answers", () => {
  type Case = [status: number, code: string | undefined, kind: ChatError["kind"], more?: Partial<ChatError>];
  const post = () => platform.post(CHANNEL, card, "m", undefined, signal());
  test.each<Case>([
    [403, "MessageWritesBlocked", "channel"],
    [403, "BotNotInConversationRoster", "channel"],
    [403, undefined, "channel"],
    [404, "ConversationNotFound", "channel"],
    [401, undefined, "account"],
    [412, "PreconditionFailed", "later", { maybeSent: false }],
    [429, undefined, "later", { maybeSent: false }],
    [500, undefined, "later", { maybeSent: true }],
    [502, undefined, "later", { maybeSent: true }],
    [504, undefined, "later", { maybeSent: true }],
    [409, undefined, "later"],
    [418, "Teapot", "refused"],
  ])("%i %s to a post: %s", async (status, code, kind, more = {}) => {
    service.answer(status, code);
    const error = await failing(post());
    expect(error).toMatchObject({ kind, ...more });
    expect(error.message).not.toContain("said by the service");
  });

  test.each([404, 410])("%i to a change or a reply: it is gone", async (status) => {
    service.answer(status);
    service.answer(status);
    expect(await failing(platform.update(CHANNEL, { id: "m9" }, card, "m", signal()))).toMatchObject({ kind: "gone" });
    expect(await failing(platform.post(CHANNEL, card, "m", { id: "m9" }, signal()))).toMatchObject({ kind: "gone" });
  });

  test("it rests as long as it is told; where it is not, twice as long each time, with jitter, and anew after a success", async () => {
    service.answer(429, undefined, { "retry-after": "17" });
    expect((await failing(post())).retryAfterMs).toBe(17_000);
    service.answer(502);
    expect((await failing(post())).retryAfterMs).toBe(4_000);
    service.answer(504);
    expect((await failing(post())).retryAfterMs).toBe(8_000);
    await post();
    service.answer(412);
    expect((await failing(post())).retryAfterMs).toBe(2_000);
  });

  test("a card that is too large is drawn with less, then with almost nothing", async () => {
    service.answer(413, "MessageSizeTooBig");
    service.answer(413, "MessageSizeTooBig");
    expect(await post()).toMatchObject({ id: expect.any(String) });
    const sizes = service.calls.map(({ body }) => JSON.stringify(body).length);
    expect(sizes[2]).toBeLessThan(1_500);
    expect(sizes[0]).toBeGreaterThanOrEqual(sizes[1] ?? 0);
  });

  test("an answer without an id is not taken for a message that can be kept", async () => {
    service.answer(201);
    expect(await failing(post())).toMatchObject({ kind: "refused" });
  });

  test("nobody answers, and nobody is there", async () => {
    const gone = await startService();
    gone.stop();
    const stopped = AbortSignal.abort();
    expect(await failing(platform.post(CHANNEL, card, "m", undefined, stopped))).toMatchObject({ kind: "later" });
    await conversations.heard({ id: CHANNEL, kind: "channel", tenant: HOME, bot: BOT_ID, serviceUrl: gone.url }, new Date());
    expect(await failing(post())).toMatchObject({ kind: "later", maybeSent: false, message: "Teams cannot be reached." });
  });

  test("half-sent cards cannot be looked for, and that is said", async () => {
    expect(await failing(platform.find(CHANNEL, "m", new Date(), undefined, signal()))).toMatchObject({ kind: "refused" });
  });
});

describe("the limits of a conversation", () => {
  test("whatever is asked for, no stretch of time holds more than Teams takes", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 700 }), { minLength: 20, maxLength: 400 }), (pauses) => {
        let now = 1_000_000;
        const windows = createWindows(() => now);
        const sent: number[] = [];
        for (const pause of pauses) {
          now += pause;
          if (windows.take("a") === 0) sent.push(now);
        }
        for (const [most, ms] of [
          [7, 1_000],
          [8, 2_000],
          [60, 30_000],
          [1_800, 3_600_000],
        ] as const)
          for (let index = most; index < sent.length; index += 1)
            expect((sent[index] ?? 0) - (sent[index - most] ?? 0)).toBeGreaterThan(ms);
      }),
    );
  });

  test("what it says to wait is enough, and no more than it has to be; another conversation has its own", () => {
    let now = 0;
    const windows = createWindows(() => now);
    for (let nth = 0; nth < 7; nth += 1) expect(windows.take("a")).toBe(0);
    const wait = windows.take("a");
    expect(wait).toBe(1_100);
    expect(windows.take("b")).toBe(0);
    now += wait - 1;
    expect(windows.take("a")).toBe(1);
    now += 1;
    expect(windows.take("a")).toBe(0);
  });

  test("the platform asks for time instead of calling", async () => {
    for (let nth = 0; nth < 7; nth += 1) await platform.post(CHANNEL, card, "m", undefined, signal());
    const error = await failing(platform.post(CHANNEL, card, "m", undefined, signal()));
    expect(error).toMatchObject({ kind: "later", maybeSent: false });
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(service.calls).toHaveLength(7);
  });
});
