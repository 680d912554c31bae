import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ChannelRule } from "../../src/engine/air.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { publishCards } from "../../src/engine/publish-card.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { wantCards } from "../../src/engine/want-cards.ts";
import { openLab } from "../support/lab-capabilities.ts";
import { anAlert, type Engine, fresh, numberOf, openEngine, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { RememberingChat } from "../support/remembering-chat.ts";

const EVENING = new Date("2026-11-22T20:00:00Z");

describe.each(DATABASES)("one digest a day for what asks nothing of anybody, %s", (kind) => {
  let engine: Engine;
  let chat: RememberingChat;
  let channel: string;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    // Everything that happened belongs to this test.
    for (const table of ["incidents", "alerts", "investigations", "messages", "storms", "settings", "channels", "timeline"])
      await engine.database.boss.executeSql(`delete from ${table}`);
    chat = new RememberingChat();
    channel = `slack:${fresh("C")}`;
    Object.assign(engine.world, {
      now: EVENING,
      capabilities: openLab(() => engine.world.now).capabilities,
      policy: { ...testPolicy, storm: { alike: 10, within: 60_000 } },
      channels: [{ channels: [channel], post: "needed" }] satisfies ChannelRule[],
    });
    engine.air.paging = () => NOBODY;
  });
  afterAll(() => engine.close());

  const publishing = () => ({
    platforms: new Map([["slack", chat]]),
    drawing: async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      paging: (engine.air.paging ?? (() => NOBODY))(),
      deciders: () => ({ anyone: false, names: ["Mia"] }),
    }),
  });
  const tick = async (ms = 0) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
    await sweep(engine.air, engine.settle);
    await publishCards(engine.air, publishing(), channel, engine.settle);
  };
  const send = async (severity: "low" | "medium" | "high", more: { title?: string; category?: string } = {}) => {
    const alert = anAlert([{ kind: "device", name: fresh("WS") }], {
      severity,
      title: more.title ?? fresh("Quiet thing"),
      detectedAt: engine.world.now,
      category: more.category ?? fresh("category"),
    });
    const [accepted] = (
      await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [alert], receivedAt: engine.world.now }])
    ).flat();
    return numberOf(accepted?.incident);
  };
  const factsOf = (card: (typeof chat.messages)[number]["card"] | undefined) =>
    Object.fromEntries(
      (card?.lines ?? []).flatMap((line) => (line.kind === "facts" ? line.facts.map(([name, value]) => [name, plain(value)]) : [])),
    );
  const wordsOf = (card: (typeof chat.messages)[number]["card"] | undefined) => JSON.stringify(card);

  test("nothing is posted where there is nothing, then one message, edited in place at most once a minute", async () => {
    await tick();
    expect(chat.calls).toEqual([]);
    await send("low", { title: "Odd login <!channel>" });
    await tick(60_000);
    expect(chat.messages.map(({ card }) => card.title)).toEqual(["LAB Digest of 2026-11-22"]);
    for (let at = 0; at < 5; at++) {
      await send("medium");
      await tick(10_000);
    }
    expect(chat.calls.map(({ what }) => what)).toEqual(["post"]);
    await tick(10_000);
    expect(chat.calls.map(({ what }) => what)).toEqual(["post", "update"]);
    expect(factsOf(chat.messages[0]?.card)).toMatchObject({ "By severity": "5 medium, 1 low", "Still looked at": "6" });
    expect(wordsOf(chat.messages[0]?.card)).toContain("list since=1d");
    // Nothing changed: nothing is edited.
    await tick(60_000);
    await tick(60_000);
    expect(chat.calls).toHaveLength(2);
  });

  test("it says what became of them, and leaves out what is shown by itself", async () => {
    const [clean, closed, quiet, shown] = [await send("low"), await send("low"), await send("medium"), await send("medium")];
    await send("high");
    await engine.store.transaction(async (tx) => {
      for (const [id, status] of [
        [clean, "benign"],
        [closed, "partiallyInvestigated"],
      ] as const) {
        const [running] = await tx.lockRunning([id]);
        await tx.updateInvestigation(running?.id ?? 0, { status, endedAt: engine.world.now });
      }
      await tx.updateIncident(closed, { status: "closed", closedAt: engine.world.now, classification: "falsePositive" });
      await tx.updateIncident(quiet, { quiet: true });
      await wantCards(tx, engine.air, [{ incident: shown, severity: "medium", needed: true }], engine.world.now);
    });
    await tick();
    const digest = chat.messages.find(({ card }) => card.title.includes("Digest"))?.card;
    expect(chat.messages).toHaveLength(3);
    expect(factsOf(digest)).toEqual({
      "By severity": "1 medium, 2 low",
      "No threats found": "1",
      "Closed as benign": "1",
      Suppressed: "1",
    });
    expect(wordsOf(digest)).toContain(`INC-${clean}`);
    expect(wordsOf(digest)).not.toContain(`INC-${shown}"`);
    expect(digest?.summary.slice(0, 100)).toMatch(/^LAB Digest of 2026-11-22: 3 incidents/);
  });

  test("a storm that has no card is counted in it", async () => {
    for (let at = 0; at < 14; at++) await send("low", { title: "Port scan", category: "Discovery" });
    await tick();
    expect(chat.messages).toHaveLength(1);
    expect(wordsOf(chat.messages[0]?.card)).toMatch(/storm of 1\d low Discovery alerts from siem, since 2026-11-22 20:00 UTC/);
  });

  test("a new one begins at midnight where people are, and yesterday's is finished", async () => {
    engine.air.paging = () => ({ ...NOBODY, timeZone: "Europe/Berlin" });
    const first = await send("low");
    await tick();
    // 23:30 UTC is half past midnight in Berlin.
    engine.world.now = new Date("2026-11-22T23:30:00Z");
    await send("low");
    await engine.store.transaction((tx) =>
      tx.updateIncident(first, { status: "closed", closedAt: engine.world.now, classification: "falsePositive" }),
    );
    await tick();
    expect(chat.messages.map(({ card }) => card.title)).toEqual(["LAB Digest of 2026-11-22", "LAB Digest of 2026-11-23"]);
    expect(factsOf(chat.messages[0]?.card)).toEqual({ "By severity": "1 low", "Closed as benign": "1" });
    expect(factsOf(chat.messages[1]?.card)).toEqual({ "By severity": "1 low", "Still looked at": "1" });
  });

  test("where everything is posted there is none", async () => {
    engine.world.channels = [{ channels: [channel], post: "all" }];
    await send("low");
    await tick();
    expect(chat.messages.map(({ card }) => card.title)).toEqual([expect.stringContaining("INC-")]);
  });
});
