import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createConversation } from "../../src/bot/conversation.ts";
import { writeButton } from "../../src/engine/cards/button-id.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { chatTroubles } from "../../src/engine/chat-troubles.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { approver, type Engine, openEngine, proposedAction, somebody, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

describe.each(DATABASES)("a card another air made on the same Slack app, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.paging = () => ({ ...NOBODY, ops: ["slack:C0OPS"] });
  });
  afterAll(() => engine.close());

  const drawing = async () => ({
    now: engine.world.now,
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    deciders: () => ({ anyone: false, names: [] }),
  });
  const press = async (value: string, via: "slack" | "teams" | "console", person = approver("Mia")) => {
    const card = await createConversation(engine.air, drawing).press(value, { ...person, via });
    return (card?.lines ?? []).map((line) => ("text" in line ? plain(line.text) : "")).join(" ");
  };
  const foreign = (action: number) =>
    writeButton({ kind: "decide", action, version: "3f9c2a7b3f9c2a7b", decision: "approve" }, (text) => testSign(`other ${text}`));
  const told = async () =>
    (await engine.database.boss.executeSql("select text from pages where step = 'another-air'")).rows as { text: string }[];

  test("is refused in words, and whoever runs air is told once a day", async () => {
    expect(await press("nonsense", "slack")).toContain("not made by this air");
    // What a page or a program sends says nothing of other airs.
    expect(await press(foreign(7), "console")).toContain("not made by this air");
    expect(await told()).toEqual([]);
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([]);
    expect(await press(foreign(7), "slack")).toMatch(/made by another air that uses the same Slack app.*Nothing was decided/);
    // Buttons may have been altered by whoever pressed them, however often, and by two slips of one person.
    await press(foreign(7), "slack");
    await press(foreign(8), "slack");
    expect(await told()).toEqual([]);
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([]);
    await press(foreign(9), "slack");
    expect(await told()).toEqual([{ text: expect.stringContaining("Give each air a chat app of its own") }]);
    const [trouble] = await chatTroubles(engine.store, engine.air, engine.world.now);
    expect(trouble?.plain).toBe("another air seems to use the same chat app");
    expect(trouble?.told).toMatch(/since 20\d\d-.*, last seen 20/);
    engine.world.now = new Date(engine.world.now.getTime() + 61 * 60_000);
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([]);
    const { items } = await engine.store.listActions({ limit: 5 });
    expect(items).toEqual([]);
    engine.world.now = new Date(engine.world.now.getTime() + 25 * 3_600_000);
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([]);
    for (const action of [11, 12, 13]) await press(foreign(action), "slack");
    expect(await told()).toHaveLength(2);
    // An hour without more heals it, and a single press does not bring it back.
    engine.world.now = new Date(engine.world.now.getTime() + 61 * 60_000);
    await press(foreign(14), "slack");
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([]);
  });

  test("nobody without a role raises it, nor one person who alters buttons of cards that are here", async () => {
    engine.world.now = new Date(engine.world.now.getTime() + 48 * 3_600_000);
    const before = (await told()).length;
    for (const action of [21, 22, 23, 24])
      expect(await press(foreign(action), "teams", somebody("Eve"))).toContain("not made by this air, or its card was altered");
    const ours: string[] = [];
    for (let nth = 0; nth < 4; nth += 1) {
      const action = await proposedAction(engine);
      ours.push(
        writeButton({ kind: "decide", action: action.id, version: action.version, decision: "approve" }, (text) => testSign(`x ${text}`)),
      );
    }
    for (const value of ours) await press(value, "teams");
    expect(await told()).toHaveLength(before);
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([]);
    // Several people see it at once where AIR_SECRET was changed.
    await press(ours[0] ?? "", "teams", approver("Noor"));
    expect(await told()).toHaveLength(before + 1);
  });

  test("troubles without names for what anybody may read, with them for who may look", async () => {
    await engine.store.transaction(async (tx) => {
      await tx.updateChannel("slack:C0SOC", {
        troubleKind: "channel",
        trouble: "air is not in the channel.",
        troubledSince: engine.world.now,
      });
      await tx.updateChannel("slack:C0X", {
        troubleKind: "account",
        trouble: "The bot token was revoked.",
        troubledSince: engine.world.now,
      });
    });
    const troubles = await chatTroubles(engine.store, engine.air, engine.world.now);
    expect(troubles.slice(0, 2).map(({ plain: text }) => text)).toEqual([
      "slack refuses air, no card reaches it",
      "nothing can be posted in 1 of the slack channels",
    ]);
    expect(JSON.stringify(troubles.map(({ plain: text }) => text))).not.toContain("C0");
    expect(JSON.stringify(troubles.map(({ told: text }) => text))).toContain("C0SOC: air is not in the channel.");
  });
});
