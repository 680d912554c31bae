import nock from "nock";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createHeartbeat } from "../../src/bot/heartbeat.ts";
import { channels, pages, settings } from "../../src/db/schema.ts";
import { beat } from "../../src/engine/ask-again.ts";
import { chatTroubles } from "../../src/engine/chat-troubles.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { type Engine, openEngine } from "../support/open-engine.ts";

const URL_SAID = "https://watch.example.com/ping/5f1c-secret?key=another-secret";
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("postgres");
  engine.air.paging = () => ({ ...NOBODY, ops: ["slack:COPS"] });
  engine.world.channels = [{ channels: ["console:soc", "slack:C0SOC"], post: "needed" }];
});
afterAll(() => engine.close());
beforeEach(async () => {
  nock.disableNetConnect();
  engine.world.now = NOW;
  engine.log.lines.splice(0);
  for (const table of [settings, channels, pages]) await engine.database.db.delete(table);
});
afterEach(() => nock.cleanAll());

const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
const monitor = (status = 200) => nock("https://watch.example.com").get("/ping/5f1c-secret").query({ key: "another-secret" }).reply(status);
/** Air has swept just now. */
const lives = () => beat(engine.air);
const said = () => engine.log.lines.filter(({ message }) => message.includes("heartbeat"));

test("once a minute by one process of several, and again in the next", async () => {
  const processes = [createHeartbeat(engine.air, URL_SAID), createHeartbeat(engine.air, URL_SAID)];
  for (const minute of [0, 0.5, 1, 2]) {
    engine.world.now = minutesIn(minute);
    await lives();
    const scope = Number.isInteger(minute) ? monitor() : undefined;
    await Promise.all(processes.map((tick) => tick()));
    expect(scope?.isDone() ?? true).toBe(true);
  }
  expect(said()).toEqual([]);
});

test("while no job moves, or a chat takes nothing, or somebody was not told, it is not called", async () => {
  const tick = createHeartbeat(engine.air, URL_SAID);
  let minute = 0;
  const next = async (works: boolean) => {
    engine.world.now = minutesIn(++minute);
    const scope = monitor();
    await tick();
    expect([minute, scope.isDone()]).toEqual([minute, works]);
    nock.cleanAll();
  };
  await next(false);
  expect(said().at(-1)?.facts).toMatchObject({ trouble: "no job was done for more than a minute" });
  await lives();
  await next(true);
  const trouble = { channel: "slack:C0SOC", trouble: "invalid_auth", troubleKind: "account" as const };
  await engine.database.db.insert(channels).values({ ...trouble, troubledSince: minutesIn(minute) });
  await lives();
  await next(true);
  await lives();
  await next(false);
  await lives();
  await next(false);
  await engine.store.transaction((tx) => tx.updateChannel("slack:C0SOC", { troubleKind: null, troubledSince: null }));
  await lives();
  await next(true);
  const page = { incidentId: 0, actionId: null, step: "failed", target: "ops:slack:COPS", text: "x", by: "air", createdAt: minutesIn(0) };
  await engine.database.db.insert(pages).values({ ...page, dueAt: minutesIn(0) });
  await lives();
  await next(false);
  // A channel in no rule is nobody's trouble.
  await engine.database.db.delete(pages);
  await engine.database.db.insert(channels).values({ ...trouble, channel: "slack:C0OLD", troubledSince: minutesIn(0) });
  await lives();
  await next(true);
  expect(said().map(({ level }) => level)).toEqual(["warn", "info", "warn", "info", "warn", "info"]);
});

test("what keeps the heartbeat back is what air calls degraded, in words without names", async () => {
  const now = minutesIn(5);
  const { db } = engine.database;
  const troubles = async () => (await chatTroubles(engine.store, engine.air, now)).map(({ plain }) => plain);
  const trouble = { channel: "slack:C0SOC", trouble: "Slack answered HTTP 500." };
  await db.insert(channels).values({ ...trouble, troubledSince: new Date(now.getTime() - 119_000) });
  expect(await troubles()).toEqual([]);
  await db.delete(channels);
  await db.insert(channels).values({ ...trouble, troubledSince: new Date(now.getTime() - 120_000) });
  expect(await troubles()).toEqual(["slack does not take what air posts, cards wait"]);
  engine.world.now = now;
  await lives();
  const scope = monitor();
  await createHeartbeat(engine.air, URL_SAID)();
  expect(scope.isDone()).toBe(false);
});

test("what goes wrong with the call is told once, without the key, and one that takes posts only gets them", async () => {
  const tick = createHeartbeat(engine.air, URL_SAID);
  const at = async (minute: number) => {
    engine.world.now = minutesIn(minute);
    await lives();
    await tick();
  };
  monitor(500);
  await at(0);
  monitor(500);
  await at(1);
  nock("https://watch.example.com").get(/.*/).replyWithError("ping/5f1c-secret refused");
  await at(2);
  monitor();
  await at(3);
  expect(said().map(({ level, facts }) => [level, facts?.trouble])).toEqual([
    ["warn", "it answered HTTP 500"],
    ["warn", "it could not be reached"],
    ["info", undefined],
  ]);
  const posts = () => nock("https://watch.example.com").post("/ping/5f1c-secret").query(true).reply(200);
  monitor(405);
  const first = posts();
  await at(4);
  const second = posts();
  await at(5);
  expect([first.isDone(), second.isDone()]).toEqual([true, true]);
  expect(JSON.stringify(engine.log.lines)).not.toMatch(/secret/);
});
