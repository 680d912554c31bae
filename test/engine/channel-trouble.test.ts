import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { incidentId } from "../../src/engine/air.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { ChatError } from "../../src/engine/ports.ts";
import { publishCards } from "../../src/engine/publish-card.ts";
import { sendPages } from "../../src/engine/send-pages.ts";
import { wantCards } from "../../src/engine/want-cards.ts";
import { wantPages } from "../../src/engine/want-pages.ts";
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

const NOT_IN = new ChatError("channel", "air is not in the channel. Invite the bot: /invite @air in the channel.");
const NO_TOKEN = new ChatError("account", "The bot token was revoked. Reinstall the app and copy the new token into SLACK_BOT_TOKEN.");

describe.each(DATABASES)("a channel that cannot be posted to, %s", (kind) => {
  let engine: Engine;
  let chat: RememberingChat;
  let soc: string;
  let other: string;
  let ops: string;
  const broken = new Set<string>();
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    await engine.database.boss.executeSql("delete from channels");
    await engine.database.boss.executeSql("delete from pages");
    chat = new RememberingChat();
    broken.clear();
    chat.refuse = (_title, channel) => (broken.has(`slack:${channel}`) ? NOT_IN : undefined);
    [soc, other, ops] = [`slack:${fresh("CSOC")}`, `slack:${fresh("COTHER")}`, `slack:${fresh("COPS")}`];
    Object.assign(engine.world, {
      now: NOW,
      capabilities: openLab(() => engine.world.now).capabilities,
      policy: testPolicy,
      channels: [
        { when: ["high", "critical"], channels: [soc], post: "needed" },
        { when: ["medium"], channels: [other], post: "needed" },
        { channels: [soc], post: "needed" },
      ],
    });
    engine.air.paging = () => ({ ...NOBODY, ops: [ops] });
  });
  afterAll(() => engine.close());

  const publishing = () => ({
    platforms: new Map([["slack", chat]]),
    drawing: async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      ...(engine.air.paging ? { paging: engine.air.paging() } : {}),
      deciders: () => ({ anyone: false, names: ["Mia"] }),
    }),
  });
  const publish = (channel: string) => publishCards(engine.air, publishing(), channel, engine.settle);
  const later = (ms: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
  };
  const shownIn = (channel: string) => chat.messages.filter((message) => `slack:${message.channel}` === channel);
  const titlesIn = (channel: string) => shownIn(channel).map(({ card }) => card.title);
  const words = (channel: string) => JSON.stringify(shownIn(channel).map(({ card }) => card));
  const anAction = async () => {
    const action = await proposedAction(engine);
    await engine.store.transaction((tx) =>
      wantCards(tx, engine.air, [{ incident: action.incidentId, severity: "high", needed: true, actions: [action.id] }], engine.world.now),
    );
    return action;
  };
  const toldOps = async () =>
    (await engine.database.boss.executeSql("select step, text from pages where target like 'ops:%' order by id")).rows as {
      step: string;
      text: string;
    }[];

  test("over before it was told it is not told; who was told hears that it is over", async () => {
    engine.world.channels = [{ channels: [soc], post: "needed" }];
    const tell = async () => {
      await sendPages(engine.air, () => undefined, engine.settle);
      await publish(ops);
    };
    const fails = async () => {
      broken.add(soc);
      await anAction();
      await publish(soc);
    };
    const works = async () => {
      broken.clear();
      later(60_000);
      await publish(soc);
    };
    engine.air.paging = () => ({ ...NOBODY, ops: [ops] });
    await fails();
    await works();
    await tell();
    expect(shownIn(ops)).toEqual([]);
    later(60_000);
    await fails();
    await tell();
    expect(words(ops)).toContain("Nothing can be posted in");
    await works();
    await tell();
    expect(titlesIn(ops)).toContainEqual(expect.stringContaining("Cards can be posted again"));
    expect((await toldOps()).map(({ step }) => step.split(" ")[0])).toEqual(["trouble", "trouble", "channel"]);
  });

  test("without another channel that takes cards none is said to stand in", async () => {
    engine.world.channels = [{ channels: [soc], post: "needed" }];
    engine.air.paging = () => ({ ...NOBODY, ops: [soc] });
    broken.add(soc);
    await anAction();
    await publish(soc);
    const [said] = await toldOps();
    expect(said?.text).toContain("Nothing is lost.");
    expect(said?.text).not.toContain("another channel");
  });

  test("what is urgent goes to another channel, at once and while it lasts; what is not waits", async () => {
    broken.add(soc);
    const action = await anAction();
    const low = anAlert([{ kind: "device", name: fresh("WS") }], { severity: "low" });
    const [accepted] = (await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [low], receivedAt: NOW }])).flat();
    await engine.store.transaction((tx) =>
      wantCards(tx, engine.air, [{ incident: numberOf(accepted?.incident), severity: "low", needed: true }], NOW),
    );
    await publish(soc);
    expect(chat.calls.filter(({ channel }) => `slack:${channel}` === soc)).toHaveLength(1);
    await publish(other);
    expect(titlesIn(other)).toEqual([expect.stringContaining(incidentId(action.incidentId)), expect.stringContaining(`ACT-${action.id}`)]);
    expect(words(other)).toContain("Posted here because nothing can be posted in");
    expect(words(other)).toContain('"label":"Approve"');
    // A second one, while the first channel waits for its next try.
    const second = await anAction();
    await publish(soc);
    await publish(other);
    expect(titlesIn(other)).toContainEqual(expect.stringContaining(`ACT-${second.id}`));
    expect(chat.calls.filter(({ channel }) => `slack:${channel}` === soc)).toHaveLength(1);
    expect(await engine.store.channel(soc)).toMatchObject({ nextAt: new Date(NOW.getTime() + 60_000), troubleKind: "channel" });
  });

  test("decided in the other channel it is decided; when the channel works again it shows the present and the copies say where it goes on", async () => {
    broken.add(soc);
    const action = await anAction();
    await publish(soc);
    await publish(other);
    await decideAction(engine.air, approver("Mia"), { action: action.id, decision: "reject", reason: "a test machine" });
    await publish(other);
    expect(shownIn(other)[1]?.card.badge).toBe("Rejected");
    broken.clear();
    later(60_000);
    await publish(soc);
    expect(shownIn(soc).map(({ card }) => card.badge)).toEqual([expect.stringContaining("High"), "Rejected"]);
    expect(await engine.store.channel(soc)).toMatchObject({ troubleKind: null, troubledSince: null, trouble: null });
    await publish(other);
    expect(words(other)).toContain(`This goes on in the channel ${soc.slice(6)}`);
    expect(words(other)).not.toContain('"label":"Approve"');
    // From then on only its own channel changes, and nothing new begins elsewhere.
    const calls = chat.calls.length;
    await engine.store.transaction((tx) =>
      wantCards(tx, engine.air, [{ incident: action.incidentId, severity: "high", needed: true, actions: [action.id] }], engine.world.now),
    );
    await publish(other);
    expect(chat.calls).toHaveLength(calls);
    expect(shownIn(other)).toHaveLength(2);
  });

  test("whoever runs air is told once per trouble, in the ops channel", async () => {
    broken.add(soc);
    await anAction();
    await publish(soc);
    for (let minute = 0; minute < 3; minute++) {
      later(61_000);
      await publish(soc);
    }
    expect(await toldOps()).toEqual([{ step: `trouble ${soc}`, text: expect.stringContaining("/invite @air") }]);
    await sendPages(engine.air, () => undefined, engine.settle);
    await publish(ops);
    expect(words(ops)).toContain(`Nothing can be posted in ${soc.slice(6)}`);
    // Mended and broken again is another trouble.
    broken.clear();
    later(61_000);
    await publish(soc);
    broken.add(soc);
    later(61_000);
    await anAction();
    await publish(soc);
    expect((await toldOps()).map(({ step }) => step.split(" ")[0])).toEqual(["trouble", "channel", "trouble"]);
  });

  test("without another channel the ops channel takes it, and without that the default one", async () => {
    engine.world.channels = [{ channels: [soc], post: "needed" }];
    broken.add(soc);
    await anAction();
    await publish(soc);
    await publish(ops);
    expect(titlesIn(ops)).toHaveLength(2);
    engine.air.paging = () => NOBODY;
    const last = `slack:${fresh("CLAST")}`;
    engine.world.channels = [
      { when: ["high"], channels: [soc], post: "needed" },
      { channels: [last], post: "needed" },
    ];
    await anAction();
    await publish(soc);
    await publish(last);
    expect(titlesIn(last).length).toBeGreaterThanOrEqual(2);
  });

  test("a second channel that is broken, too, passes it on; where none is left everything waits and nothing is lost", async () => {
    broken.add(soc).add(other).add(ops);
    const action = await anAction();
    await publish(soc);
    await publish(other);
    await publish(ops);
    expect(chat.messages).toEqual([]);
    broken.delete(ops);
    later(61_000);
    await publish(ops);
    expect(titlesIn(ops)).toContainEqual(expect.stringContaining(`ACT-${action.id}`));
    broken.clear();
    await publish(soc);
    expect(titlesIn(soc)).toContainEqual(expect.stringContaining(`ACT-${action.id}`));
    await publish(ops);
    expect(words(ops)).toContain(`This goes on in the channel ${soc.slice(6)}`);
  });

  test("a page moves to the other channel: nobody is called twice", async () => {
    engine.air.paging = () => ({
      ...NOBODY,
      ops: [ops],
      chain: ["person:mia@contoso.com"],
      nameOf: (target) => ({ kind: "person", name: target.replace("person:", ""), on: { slack: "U0MIA" } }),
    });
    broken.add(soc);
    const action = await anAction();
    const about = { incidentId: action.incidentId, actionId: action.id, step: "unclear", text: "Check it.", by: "air" };
    await engine.store.transaction((tx) => wantPages(tx, engine.air, [{ ...about, to: [{ kind: "on-call" }] }], NOW));
    await sendPages(engine.air, () => undefined, engine.settle);
    await publish(soc);
    await publish(other);
    const pages = () => chat.messages.filter(({ card }) => card.title.includes("Outcome unclear"));
    expect(pages().map(({ channel }) => `slack:${channel}`)).toEqual([other]);
    broken.clear();
    later(61_000);
    await publish(soc);
    expect(pages()).toHaveLength(1);
    expect(shownIn(soc).length).toBe(2);
    await publish(other);
    expect(pages()[0]?.card.lines).not.toEqual([]);
  });

  test("a refused token stops posting: one call in five minutes, nothing goes elsewhere, nothing is lost", async () => {
    chat.refuse = () => NO_TOKEN;
    const action = await anAction();
    await anAction();
    await publish(soc);
    expect(chat.calls).toHaveLength(1);
    for (let minute = 1; minute < 5; minute++) {
      later(60_000);
      await publish(soc);
    }
    expect(chat.calls).toHaveLength(1);
    expect((await engine.store.troubledChannels()).map(({ channel, troubleKind }) => [channel, troubleKind])).toEqual([[soc, "account"]]);
    expect(await engine.message(other, `incident:${action.incidentId}`)).toBeUndefined();
    later(60_000);
    await publish(soc);
    expect(chat.calls).toHaveLength(2);
    chat.refuse = () => undefined;
    later(300_000);
    await publish(soc);
    expect(titlesIn(soc)).toHaveLength(4);
    expect(await engine.store.troubledChannels()).toEqual([]);
    expect(await toldOps()).toHaveLength(1);
  });

  describe("what somebody deleted", () => {
    test("a root is posted anew once, with its thread", async () => {
      const action = await anAction();
      await publish(soc);
      const [root, reply] = shownIn(soc);
      chat.remove(root?.id ?? "");
      await decideAction(engine.air, approver("Mia"), { action: action.id, decision: "reject", reason: "no" });
      await publish(soc);
      const [oldReply, newRoot, newReply] = shownIn(soc);
      expect(oldReply?.id).toBe(reply?.id);
      expect(newReply?.thread).toBe(newRoot?.id);
      expect(newReply?.card.badge).toBe("Rejected");
      expect(shownIn(soc)).toHaveLength(3);
      await publish(soc);
      expect(shownIn(soc)).toHaveLength(3);
    });
    test("a reply is posted anew in its thread", async () => {
      const action = await anAction();
      await publish(soc);
      const [root, reply] = shownIn(soc);
      chat.remove(reply?.id ?? "");
      await decideAction(engine.air, approver("Mia"), { action: action.id, decision: "reject", reason: "no" });
      await publish(soc);
      expect(shownIn(soc).map(({ thread }) => thread)).toEqual([undefined, root?.id]);
    });
    test("a chat that knows no thread although the root is there is not asked again and again", async () => {
      await anAction();
      chat.refuse = (title) => (title.includes("ACT-") ? new ChatError("gone", "thread_not_found") : undefined);
      await engine.clearJobs();
      await publish(soc);
      // Root, reply, and the root once more to see whether it is there.
      expect(chat.calls.map(({ what }) => what)).toEqual(["post", "post", "update"]);
      expect((await engine.jobs("publish")).find((job) => job.key === soc)?.startAfter).toEqual(new Date(NOW.getTime() + 60_000));
    });
  });

  test("a limit of one method stops that message only: what is to be posted passes", async () => {
    const first = await anAction();
    await publish(soc);
    const posted = chat.messages.length;
    chat.refuse = () =>
      chat.calls.at(-1)?.what === "update" ? new ChatError("later", "wait", { retryAfterMs: 30_000, alone: true }) : undefined;
    await decideAction(engine.air, approver("Mia"), { action: first.id, decision: "reject", reason: "no" });
    const second = await anAction();
    await publish(soc);
    expect(chat.messages.slice(posted).map(({ card }) => card.title)).toContainEqual(expect.stringContaining(`ACT-${second.id}`));
    chat.refuse = () => undefined;
    later(30_000);
    await publish(soc);
    expect(shownIn(soc)[1]?.card.badge).toBe("Rejected");
  });

  test("a half-sent post that may not be looked for is posted again rather than lost", async () => {
    await anAction();
    chat.loseNextAnswer = new ChatError("later", "no answer", { retryAfterMs: 1, maybeSent: true });
    chat.find = async () => {
      throw new ChatError("refused", "missing_scope");
    };
    await publish(soc);
    later(1_000);
    await publish(soc);
    expect(shownIn(soc).length).toBeGreaterThanOrEqual(2);
    expect((await engine.store.channel(soc))?.trouble).toBeNull();
  });
});
