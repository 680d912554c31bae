import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Card } from "../../src/engine/cards/card.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { pause, pauseAtStart, resume } from "../../src/engine/pause.ts";
import { approver, type Engine, openEngine, somebody } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { RememberingChat } from "../support/remembering-chat.ts";
import { wholeAir } from "../support/whole-air.ts";

const mia = approver("Mia");
const ada = somebody("Ada", { ...NO_ROLES, admin: true });

describe.each(DATABASES)("a pause is told, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.channels = () => [
      { when: ["critical"], channels: ["console:lab", "slack:C0CRIT"], post: "needed" },
      { channels: ["console:lab", "slack:C0SOC"], post: "needed" },
    ];
    engine.air.paging = () => ({ ...NOBODY, ops: ["slack:C0OPS", "slack:C0SOC"] });
  });
  beforeEach(async () => {
    await engine.database.boss.executeSql("delete from settings; delete from messages; delete from channels");
    await engine.clearJobs();
  });
  afterAll(() => engine.close());

  const words = (card: Card | undefined) => JSON.stringify(card?.lines);

  test("once per channel in which people decide or run air, and edited when it ends", async () => {
    const chat = new RememberingChat();
    const air = wholeAir(engine, { chat });
    await pause(air.air, mia, "all", "wrong devices");
    await air.work();
    expect(chat.messages.map((post) => post.channel).sort()).toEqual(["C0CRIT", "C0OPS", "C0SOC"]);
    for (const post of chat.messages) {
      expect(post.card.title).toContain("Executions are paused");
      expect(words(post.card)).toContain("Mia paused every execution at");
      expect(words(post.card)).toContain("wrong devices.");
      expect(words(post.card)).toContain("Only an admin resumes");
    }
    await resume(air.air, ada);
    await air.work();
    expect(chat.messages).toHaveLength(3);
    for (const post of chat.messages) {
      expect(post.card.title).toContain("Executions go on");
      expect(words(post.card)).toContain("Ada resumed at");
    }
  });

  test("starting paused pages whoever is on call, once, and a pause that is in force stays", async () => {
    await engine.database.boss.executeSql("delete from pages; delete from calls");
    engine.air.paging = () => ({ ...NOBODY, ops: ["slack:C0OPS"], chain: ["person:noor@contoso.com"] });
    const start = () => engine.store.transaction((tx) => pauseAtStart(tx, engine.air, engine.world.now));
    await start();
    await start();
    const due = await engine.store.duePages(engine.world.now, 10);
    expect(due.map(({ target, text }) => [target, text])).toEqual([
      ["person:noor@contoso.com", "Executions are paused by AIR_PAUSED: started with AIR_PAUSED=1. To go on: resume"],
    ]);
    expect(await engine.store.setting("pause")).toMatchObject([{ family: "all", by: "AIR_PAUSED" }]);
    engine.air.paging = () => ({ ...NOBODY, ops: ["slack:C0OPS", "slack:C0SOC"] });
  });

  test("another reason is another message, and a family that goes on says so alone", async () => {
    const chat = new RememberingChat();
    const air = wholeAir(engine, { chat });
    const titles = () => chat.messages.filter((post) => post.channel === "C0SOC").map((post) => post.card.title.replace("LAB ", ""));
    await pause(air.air, mia, "device", "one");
    engine.world.now = new Date(engine.world.now.getTime() + 1000);
    await pause(air.air, mia, "device", "two");
    await pause(air.air, mia, "email", "three");
    await air.work();
    expect(titles().sort()).toEqual(["Device actions are paused", "Device actions are still paused", "Email actions are paused"]);
    await resume(air.air, ada, "device");
    await air.work();
    expect(titles().sort()).toEqual(["Device actions are still paused", "Device actions go on", "Email actions are paused"]);
  });
});
