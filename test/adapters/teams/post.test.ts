import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createPlatform } from "../../../src/adapters/teams/post.ts";
import { createReach } from "../../../src/adapters/teams/reach.ts";
import { createService } from "../../../src/adapters/teams/service.ts";
import { createTurns } from "../../../src/adapters/teams/turns.ts";
import { createWindows } from "../../../src/adapters/teams/windows.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import type { ChatError, ChatPlatform, Conversation } from "../../../src/engine/ports.ts";
import { eventually } from "../../support/eventually.ts";
import fc from "../../support/fast-check.ts";
import { ownTiming } from "../../support/own-timing.ts";
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
    createReach(conversations),
    createTurns(createWindows(Date.now)),
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
      createReach(conversations, () => tenants),
      createTurns(createWindows(Date.now)),
      { perSecond: 3, burst: 3 },
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
    service.answer(412);
    expect((await failing(post())).retryAfterMs).toBe(2_000);
    service.answer(502);
    expect((await failing(post())).retryAfterMs).toBe(4_000);
    service.answer(504);
    expect((await failing(post())).retryAfterMs).toBe(8_000);
    await post();
    service.answer(412);
    expect((await failing(post())).retryAfterMs).toBe(2_000);
    service.answer(429, undefined, { "retry-after": "17" });
    expect((await failing(post())).retryAfterMs).toBe(17_000);
    // Until then it is not even asked.
    service.calls.length = 0;
    expect((await failing(post())).retryAfterMs).toBeGreaterThan(15_000);
    expect(service.calls).toEqual([]);
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

describe("an address that changed", () => {
  const moved = () => service.url.replace("amer", "emea");
  const other = "19:other@thread.tacv2";
  const heard = (id: string, serviceUrl: string, more: Partial<Conversation> = {}) =>
    conversations.heard({ id, kind: "channel", tenant: HOME, bot: BOT_ID, serviceUrl, ...more }, new Date());
  const post = () => platform.post(CHANNEL, card, "m", undefined, signal());
  const asked = () => service.calls.map(({ path }) => path.split("/")[1]);
  const known = () => heard(CHANNEL, service.url, { team: "19:team" });

  test("heard of another channel of the team is used at once; where it is not the right one the channel's own is tried", async () => {
    await known();
    await heard(other, moved(), { team: "19:team" });
    await post();
    expect(asked()).toEqual(["emea"]);
    service.answer(404, "ConversationNotFound");
    await post();
    expect(asked()).toEqual(["emea", "emea", "amer"]);
    // And first from then on.
    await post();
    expect(asked().at(-1)).toBe("amer");
  });

  test.each<[string, () => Promise<void>]>([
    ["404", async () => service.answer(404)],
    ["403", async () => service.answer(403)],
    [
      "nobody there",
      async () => {
        const gone = await startService();
        gone.stop();
        await heard(CHANNEL, gone.url, { team: "19:team" });
      },
    ],
  ])("%s at its own: the newest of the tenant is tried", async (_name, fails) => {
    await known();
    await fails();
    await heard("a:1mia", moved(), { kind: "personal" });
    await post();
    expect(asked().at(-1)).toBe("emea");
    // And remembered.
    service.calls.length = 0;
    await post();
    expect(asked()).toEqual(["emea"]);
  });

  test("never one of another tenant, one heard before its own, or of a conversation air was removed from; trouble moves nothing", async () => {
    const foreign = "99999999-9999-4999-8999-999999999999";
    await heard("19:before@thread.tacv2", moved());
    await known();
    await heard("19:far@thread.tacv2", moved(), { tenant: foreign });
    await heard("19:lost@thread.tacv2", moved());
    await conversations.left({ id: "19:lost@thread.tacv2" }, new Date());
    service.answer(403);
    expect(await failing(post())).toMatchObject({ kind: "channel" });
    await heard("19:new@thread.tacv2", moved());
    for (const status of [502, 429, 401]) {
      service.answer(status);
      await failing(post());
    }
    expect(asked()).toEqual(Array(4).fill("amer"));
    // Nowhere: what its own says is told.
    service.answer(403, "MessageWritesBlocked");
    service.answer(404);
    expect(await failing(post())).toMatchObject({ kind: "channel", message: expect.stringContaining("blocked or removed") });
  });
});

describe("the limits of a conversation", () => {
  const LIMITS = [
    [7, 1_000],
    [8, 2_000],
    [60, 30_000],
    [1_800, 3_600_000],
  ] as const;
  const within = (sent: readonly number[]) => {
    for (const [most, ms] of LIMITS)
      for (let index = most; index < sent.length; index += 1) expect((sent[index] ?? 0) - (sent[index - most] ?? 0)).toBeGreaterThan(ms);
  };

  test("whatever answers and cards are asked for, no stretch of time holds more than Teams takes, and every answer comes in its order", async () => {
    const step = fc.record({ pause: fc.nat({ max: 900 }), answers: fc.nat({ max: 6 }), cards: fc.nat({ max: 4 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const timing = ownTiming();
        const turns = createTurns(createWindows(timing.now), timing);
        const sent: number[] = [];
        const order: number[] = [];
        let asked = 0;
        let crowded = 0;
        for (const { pause, answers, cards } of steps) {
          for (let nth = 0; nth < answers; nth += 1) {
            const own = asked++;
            turns.answer("a", new AbortController().signal).then(
              () => {
                order.push(own);
                sent.push(timing.now());
              },
              () => void crowded++,
            );
          }
          for (let nth = 0; nth < cards; nth += 1) {
            await timing.advance(0);
            if (turns.card("a") === 0) sent.push(timing.now());
          }
          await timing.advance(pause);
        }
        await timing.advance(300_000);
        within(sent);
        expect(order.length + crowded).toBe(asked);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });

  test("the hour, too, for whoever asks all the time; and cards still get through", async () => {
    const timing = ownTiming();
    const turns = createTurns(createWindows(timing.now), timing);
    const sent: number[] = [];
    const cards: number[] = [];
    for (let second = 0; second < 2 * 3_600; second += 1) {
      for (let nth = 0; nth < 3; nth += 1)
        void turns.answer("a", new AbortController().signal).then(
          () => sent.push(timing.now()),
          () => undefined,
        );
      if (second % 10 === 0 && turns.card("a") === 0) {
        sent.push(timing.now());
        cards.push(second);
      }
      await timing.advance(1_000);
    }
    within(sent);
    expect(sent.length).toBeGreaterThan(3_000);
    // No stretch of a minute without a card, but for the hour's own limit.
    expect(cards.length).toBeGreaterThan(150);
  });

  test("answers go first: a card waits while one does", async () => {
    const timing = ownTiming();
    const turns = createTurns(createWindows(timing.now), timing);
    const let_in: number[] = [];
    for (let nth = 0; nth < 20; nth += 1) void turns.answer("a", new AbortController().signal).then(() => let_in.push(timing.now()));
    await timing.advance(0);
    expect(let_in).toHaveLength(7);
    expect(turns.card("a")).toBeGreaterThan(0);
    expect(turns.card("b")).toBe(0);
    await timing.advance(10_000);
    expect(let_in).toHaveLength(20);
    expect(turns.card("a")).toBe(0);
  });

  test("what waits is bounded, in number and in time; who gives up leaves the line", async () => {
    const timing = ownTiming();
    const turns = createTurns(createWindows(timing.now), timing);
    const outcomes: string[] = [];
    const leaving = new AbortController();
    const ask = (signal: AbortSignal, patient = false) =>
      turns.answer("a", signal, patient).then(
        () => outcomes.push("sent"),
        (error: Error) => outcomes.push(error.name),
      );
    for (let nth = 0; nth < 107; nth += 1) void ask(nth === 50 ? leaving.signal : new AbortController().signal);
    void ask(new AbortController().signal);
    await timing.advance(0);
    expect(outcomes.toSorted()).toEqual(["Crowded", ...Array(7).fill("sent")]);
    leaving.abort();
    await timing.advance(0);
    expect(outcomes.filter((one) => one === "Error" || one === "ChatError")).toHaveLength(1);
    turns.rest("a", 400_000);
    void ask(new AbortController().signal, true);
    await timing.advance(399_000);
    expect(outcomes.filter((one) => one === "Crowded")).toHaveLength(100);
    await timing.advance(2_000);
    expect(outcomes.filter((one) => one === "sent")).toHaveLength(8);
    expect(timing.next()).toBeUndefined();
  });

  test("what it says to wait is enough, and no more than it has to be; another conversation has its own", () => {
    let now = 0;
    const windows = createWindows(() => now);
    for (let nth = 0; nth < 7; nth += 1) expect(windows.take("a", "card")).toBe(0);
    const wait = windows.take("a", "card");
    expect(wait).toBe(1_100);
    expect(windows.take("b", "card")).toBe(0);
    now += wait - 1;
    expect(windows.take("a", "card")).toBe(1);
    now += 1;
    expect(windows.take("a", "card")).toBe(0);
  });

  test("the platform asks for time instead of calling", async () => {
    for (let nth = 0; nth < 7; nth += 1) await platform.post(CHANNEL, card, "m", undefined, signal());
    const error = await failing(platform.post(CHANNEL, card, "m", undefined, signal()));
    expect(error).toMatchObject({ kind: "later", maybeSent: false });
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(service.calls).toHaveLength(7);
  });

  test("a card drawn with less counts each time it is sent, and waits for its turn where it has to", async () => {
    const timing = ownTiming();
    const turns = createTurns(createWindows(timing.now), timing);
    const counted = createPlatform(
      createService(() => token()),
      createReach(conversations),
      turns,
      { perSecond: 3, burst: 3 },
    );
    for (let nth = 0; nth < 6; nth += 1) turns.card(CHANNEL);
    service.answer(413, "MessageSizeTooBig");
    const posted = counted.post(CHANNEL, card, "m", undefined, signal());
    await eventually(() => timing.next() !== undefined, "the wait");
    expect(service.calls).toHaveLength(1);
    await timing.advance(2_000);
    await posted;
    expect(service.calls).toHaveLength(2);
  });
});
