import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { incidentId } from "../../src/engine/air.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { ChatError } from "../../src/engine/ports.ts";
import { publishCards } from "../../src/engine/publish-card.ts";
import { wantCards } from "../../src/engine/want-cards.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import {
  anAlert,
  approver,
  type Engine,
  fresh,
  numberOf,
  openEngine,
  proposedAction,
  testPolicy,
  testSign,
} from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { RememberingChat } from "../support/remembering-chat.ts";

describe.each(DATABASES)("a channel is made equal to the truth, %s", (kind) => {
  let engine: Engine;
  let chat: RememberingChat;
  let channel: string;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    chat = new RememberingChat();
    channel = `slack:${fresh("C")}`;
    Object.assign(engine.world, {
      now: NOW,
      capabilities: openLab(() => engine.world.now).capabilities,
      policy: testPolicy,
      channels: [{ channels: [channel], post: "all" }],
    });
  });
  afterAll(() => engine.close());

  const publishing = () => ({
    platforms: new Map([["slack", chat]]),
    drawing: async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      deciders: () => ({ anyone: false, names: ["Mia"] }),
    }),
  });
  const publish = () => publishCards(engine.air, publishing(), channel, engine.settle);
  const anIncident = async (title = fresh("Incident")) => {
    const alert = anAlert([{ kind: "device", name: fresh("WS") }], { title, category: fresh("category") });
    const [accepted] = (
      await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [alert], receivedAt: engine.world.now }])
    ).flat();
    return { id: numberOf(accepted?.incident), title };
  };
  const want = (incident: number, actions: number[] = []) =>
    engine.store.transaction((tx) => wantCards(tx, engine.air, [{ incident, severity: "high", needed: true, actions }], engine.world.now));
  const rowOf = (incident: number) => engine.message(channel, `incident:${incident}`);
  const actionInChannel = async () => {
    const action = await proposedAction(engine);
    await want(action.incidentId, [action.id]);
    return action;
  };
  const titles = () => chat.messages.map((message) => message.card.title);

  test("the root is posted first, then the reply in its thread, though the decision is more urgent", async () => {
    const action = await actionInChannel();
    await publish();
    expect(titles()).toEqual([expect.stringContaining(incidentId(action.incidentId)), expect.stringContaining(`ACT-${action.id}`)]);
    const [root, reply] = chat.messages;
    expect(root?.thread).toBeUndefined();
    expect(reply?.thread).toBe(root?.id);
    expect(await rowOf(action.incidentId)).toMatchObject({
      shown: 3 - 1,
      wanted: 2,
      ref: { id: root?.id },
      postingSince: null,
      retryAt: null,
    });
  });

  test("what changed is edited in place, and a late job sends nothing", async () => {
    const action = await actionInChannel();
    await publish();
    const posted = chat.messages.map((message) => message.id);
    await decideAction(engine.air, approver("Mia"), { action: action.id, decision: "reject", reason: "no" });
    await publish();
    expect(chat.messages.map((message) => message.id)).toEqual(posted);
    expect(chat.messages[1]?.card.badge).toBe("Rejected");
    expect(chat.calls.map((call) => call.what)).toEqual(["post", "post", "update", "update"]);
    await publish();
    expect(chat.calls).toHaveLength(4);
  });

  test("where nothing visible changed no call is made", async () => {
    const { id } = await anIncident();
    await publish();
    await want(id);
    await want(id);
    await publish();
    expect(chat.calls).toHaveLength(1);
    const row = await rowOf(id);
    expect(row?.shown).toBe(row?.wanted);
  });

  describe("a post whose end nobody noted", () => {
    test("is found again and edited, not posted twice", async () => {
      const { id } = await anIncident();
      // The process dies after the platform took the post: what was thrown is no answer of the platform.
      chat.loseNextAnswer = new Error("killed");
      await expect(publish()).rejects.toThrow("killed");
      expect(await rowOf(id)).toMatchObject({ ref: null, shown: 0, postingSince: NOW });
      await publish();
      expect(chat.messages).toHaveLength(1);
      expect(chat.calls.map((call) => call.what)).toEqual(["post", "find", "update"]);
      expect(await rowOf(id)).toMatchObject({ ref: { id: chat.messages[0]?.id }, shown: 1, postingSince: null });
    });
    test("that did not arrive is posted once", async () => {
      const { id } = await anIncident();
      chat.refuse = () => new Error("killed before it went out");
      await expect(publish()).rejects.toThrow("killed");
      chat.refuse = () => undefined;
      await publish();
      expect(chat.messages).toHaveLength(1);
      expect(chat.calls.map((call) => call.what)).toEqual(["post", "find", "post"]);
      expect(await rowOf(id)).toMatchObject({ shown: 1, postingSince: null });
    });
    test("that timed out but arrived is found by its marker", async () => {
      await anIncident();
      chat.loseNextAnswer = new ChatError("later", "no answer in time", { retryAfterMs: 1, maybeSent: true });
      await publish();
      expect(chat.messages).toHaveLength(1);
      expect(chat.calls.map((call) => call.what)).toEqual(["post", "find", "update"]);
    });
  });

  test("a rate limit stops the whole channel for as long as it says, and is over afterwards", async () => {
    const first = await anIncident();
    const second = await anIncident();
    chat.refuse = () => new ChatError("later", "ratelimited", { retryAfterMs: 30_000 });
    await engine.clearJobs();
    await publish();
    expect(chat.calls).toHaveLength(1);
    const resumesAt = new Date(NOW.getTime() + 30_000);
    expect(await engine.store.channel(channel)).toMatchObject({ nextAt: resumesAt, trouble: "ratelimited" });
    expect(await engine.jobs("publish")).toMatchObject([{ key: channel, startAfter: resumesAt }]);
    // Certainly not sent: nothing has to be looked for.
    expect(await rowOf(first.id)).toMatchObject({ postingSince: null, retryAt: null });
    chat.refuse = () => undefined;
    engine.world.now = resumesAt;
    await publish();
    expect(titles()).toEqual([first, second].map(({ id }) => expect.stringContaining(incidentId(id))));
    expect(await engine.store.channel(channel)).toMatchObject({ trouble: null });
  });

  test("a refused message waits alone and lets the others pass, and is tried again when its time has come", async () => {
    const bad = await anIncident("Refused by the platform");
    const good = await anIncident();
    chat.refuse = (title) => (title.includes("Refused by") ? new ChatError("refused", "msg_too_long") : undefined);
    await engine.clearJobs();
    await publish();
    expect(titles()).toEqual([expect.stringContaining(good.title)]);
    expect(await rowOf(bad.id)).toMatchObject({ trouble: "msg_too_long", retryAt: new Date(NOW.getTime() + 60_000), postingSince: null });
    expect(chat.calls).toHaveLength(2);
    expect(await engine.jobs("publish")).toMatchObject([{ key: channel, startAfter: new Date(NOW.getTime() + 60_000) }]);
    chat.refuse = () => undefined;
    engine.world.now = new Date(NOW.getTime() + 60_000);
    await publish();
    expect(titles()).toHaveLength(2);
  });

  test("a refused root with replies lets the others pass too, and is not asked again and again", async () => {
    const action = await actionInChannel();
    const good = await anIncident();
    chat.refuse = (title) => (title.includes(incidentId(action.incidentId)) ? new ChatError("refused", "msg_too_long") : undefined);
    await engine.clearJobs();
    await publish();
    expect(titles()).toEqual([expect.stringContaining(good.title)]);
    expect(chat.calls).toHaveLength(2);
    expect((await engine.jobs("publish")).map((job) => job.startAfter)).toEqual([new Date(NOW.getTime() + 60_000)]);
    chat.refuse = () => undefined;
    engine.world.now = new Date(NOW.getTime() + 60_000);
    await publish();
    expect(titles()).toHaveLength(3);
  });

  test("a message that is gone is posted anew", async () => {
    const { id } = await anIncident();
    await publish();
    const [before] = chat.messages;
    chat.remove(before?.id ?? "");
    await engine.store.transaction((tx) => tx.updateIncident(id, { title: "Another title" }));
    await want(id);
    await publish();
    expect(titles()).toEqual([expect.stringContaining("Another title")]);
    expect(await rowOf(id)).toMatchObject({ ref: { id: chat.messages[0]?.id }, trouble: null });
  });

  test("the pace of the platform: one call, then not before the next is due", async () => {
    chat.pace = { perSecond: 0.02, burst: 1 };
    const first = await anIncident();
    await anIncident();
    await engine.clearJobs();
    await publish();
    // Fifty seconds apart is longer than one writer stays: it hands over to a job that is due then.
    const due = new Date(NOW.getTime() + 50_000);
    expect(titles()).toEqual([expect.stringContaining(first.title)]);
    expect(await engine.store.channel(channel)).toMatchObject({ nextAt: due });
    expect(await engine.jobs("publish")).toMatchObject([{ key: channel, startAfter: due }]);
    await publish();
    expect(chat.calls).toHaveLength(1);
    engine.world.now = due;
    await publish();
    expect(chat.calls).toHaveLength(2);
  });

  test("a burst goes out together and counts whole against the pace", async () => {
    chat.pace = { perSecond: 0.1, burst: 3 };
    for (let index = 0; index < 4; index++) await anIncident();
    await publish();
    expect(chat.calls).toHaveLength(3);
    expect(await engine.store.channel(channel)).toMatchObject({ nextAt: new Date(NOW.getTime() + 30_000) });
  });

  test("a rush, a rate limit and an outage of ten minutes: a call a second, the most urgent first, nothing lost, nothing twice", async () => {
    chat.pace = { perSecond: 1, burst: 1 };
    const started = NOW.getTime();
    const seconds = () => (engine.world.now.getTime() - started) / 1000;
    const at: number[] = [];
    engine.air.sleep = async (ms) => {
      engine.world.now = new Date(engine.world.now.getTime() + ms);
    };
    chat.refuse = () => {
      at.push(seconds());
      if (seconds() >= 10 && seconds() < 17) return new ChatError("later", "ratelimited", { retryAfterMs: (17 - seconds()) * 1000 });
      if (seconds() >= 30 && seconds() < 630) return new ChatError("later", "Slack answered HTTP 503.", { maybeSent: true });
      return undefined;
    };
    for (let index = 0; index < 30; index++) await anIncident();
    let urgent: number | undefined;
    for (let turn = 0; turn < 400 && (await engine.store.nextStaleAt(channel)); turn++) {
      await publish();
      if (urgent === undefined && seconds() > 15) urgent = (await actionInChannel()).id;
      const next = (await engine.store.channel(channel))?.nextAt;
      if (next && next > engine.world.now) engine.world.now = next;
    }
    delete engine.air.sleep;
    expect(chat.messages).toHaveLength(32);
    expect(new Set(chat.messages.map(({ marker }) => marker)).size).toBe(32);
    // Never two within a second, and never before the time the platform named.
    for (const [index, time] of at.entries()) if (index > 0) expect(time - (at[index - 1] ?? 0)).toBeGreaterThanOrEqual(1);
    expect(at.filter((time) => time > 10 && time < 17)).toEqual([]);
    // In the outage it asks every other second, not in a storm of its own.
    expect(at.filter((time) => time >= 30 && time < 630).length).toBeLessThanOrEqual(301);
    const position = chat.messages.findIndex(({ card }) => card.title.includes(`ACT-${urgent}`));
    expect(position).toBeGreaterThan(0);
    expect(position).toBeLessThan(31);
    expect((await engine.store.channel(channel))?.trouble).toBeNull();
    // Some 350 calls, each with its transactions: more than the usual time where other tests run beside it.
  }, 180_000);

  test("quiet by default: below high nothing is posted until it is needed", async () => {
    engine.world.channels = [{ channels: [channel], post: "needed" }];
    const quiet = anAlert([{ kind: "device", name: fresh("WS") }], { severity: "medium" });
    const [accepted] = (await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [quiet], receivedAt: NOW }])).flat();
    await publish();
    expect(chat.calls).toEqual([]);
    await want(numberOf(accepted?.incident));
    await publish();
    expect(chat.calls).toHaveLength(1);
  });

  test("two channels of one incident have their own messages", async () => {
    const other = `slack:${fresh("C")}`;
    engine.world.channels = [{ channels: [channel, other], post: "all" }];
    await anIncident();
    await publish();
    await publishCards(engine.air, publishing(), other, engine.settle);
    expect(chat.messages.map((message) => `slack:${message.channel}`)).toEqual([channel, other]);
    expect(new Set(chat.messages.map((message) => message.marker)).size).toBe(2);
  });
});
