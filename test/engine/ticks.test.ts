import { asc, eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { messages, pages, ticks } from "../../src/db/schema.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import type { Schedules } from "../../src/engine/schedules.ts";
import { takeTicks } from "../../src/engine/take-ticks.ts";
import { type Engine, openEngine, proposedAction } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const MORNING = { minute: 8 * 60 };
const MONDAY = { weekday: 1, minute: 510 };

describe.each(DATABASES)("what happens by the clock on the wall, %s", (kind) => {
  let engine: Engine;
  let schedules: Schedules;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.paging = () => ({ ...NOBODY, timeZone: "Europe/Berlin", ops: ["slack:C0OPS"] });
    engine.air.schedules = () => schedules;
    engine.world.channels = [{ channels: ["console:soc", "slack:C0SOC"], post: "needed" }];
    // Something is always to be told.
    await proposedAction(engine);
  });
  afterAll(() => engine.close());
  beforeEach(async () => {
    schedules = { morning: MORNING };
    await engine.database.db.delete(ticks);
    await engine.database.db.delete(messages);
    await engine.database.db.delete(pages);
  });

  const at = async (when: string) => {
    engine.world.now = new Date(when);
    await takeTicks(engine.air, engine.world.now);
  };
  const rows = () => engine.database.db.select().from(ticks).orderBy(asc(ticks.schedule), asc(ticks.dueAt));
  const ran = async (name = "morning") =>
    (await rows()).filter((row) => row.state === "ran" && row.schedule === name).map((row) => row.dueAt.toISOString());
  const digests = async () =>
    (await engine.database.db.select().from(messages).orderBy(asc(messages.id))).filter(({ subject }) => subject.startsWith("morning:"));
  const told = async () => (await engine.database.db.select().from(pages).orderBy(asc(pages.id))).map(({ text }) => text);

  test("two weeks over each change of the clock: once a day, at eight", async () => {
    for (const [begin, expected] of [
      ["2026-03-22T23:00:00Z", ["07:00", "06:00"]],
      ["2026-10-18T22:00:00Z", ["06:00", "07:00"]],
    ] as const) {
      await engine.database.db.delete(ticks);
      const start = Date.parse(begin);
      for (let minute = 0; minute < 14 * 1440; minute += 20) await at(new Date(start + minute * 60_000).toISOString());
      const times = (await ran()).map((time) => time.slice(11, 16));
      expect(times).toHaveLength(14);
      expect([...new Set(times)]).toEqual(expected);
    }
  });
  test("the first start missed nothing", async () => {
    await at("2026-11-22T10:00:00Z");
    expect(await ran()).toEqual([]);
    expect(await digests()).toEqual([]);
    await at("2026-11-23T07:00:05Z");
    expect(await ran()).toEqual(["2026-11-23T07:00:00.000Z"]);
    expect(await digests()).toMatchObject([
      { channel: "slack:C0SOC", subject: "morning:2026-11-22T07:00:00.000Z/2026-11-23T07:00:00.000Z" },
    ]);
    expect(await told()).toEqual([]);
  });
  test.each<[string, string, number, number]>([
    ["3 hours", "2026-11-23T09:00:00Z", 1, 0],
    ["3 days", "2026-11-26T09:00:00Z", 1, 3],
    ["a year", "2027-11-23T09:00:00Z", 1, 365],
  ])("down for %s: the newest once, the others said once", async (_, back, runs, skipped) => {
    await at("2026-11-22T07:30:00Z");
    await at(back);
    await at(back);
    expect(await ran()).toHaveLength(runs);
    const given = (await rows()).filter((row) => row.skipped > 0);
    expect(given.map((row) => row.skipped)).toEqual(skipped === 0 ? [] : [skipped]);
    // However long it was: one row for it, one for what is done now, and the first.
    expect((await rows()).length).toBeLessThanOrEqual(3);
    const texts = await told();
    expect(texts).toHaveLength(skipped === 0 ? 0 : 1);
    if (skipped > 0) expect(texts[0]).toContain(`${skipped} morning digests were skipped while air was down`);
    expect(await digests()).toHaveLength(1);
  });
  test("several processes: one does it", async () => {
    await at("2026-11-22T10:00:00Z");
    engine.world.now = new Date("2026-11-23T07:00:01Z");
    await Promise.all(Array.from({ length: 6 }, () => takeTicks(engine.air, engine.world.now)));
    expect(await ran()).toHaveLength(1);
    expect((await digests()).map(({ wanted }) => wanted)).toEqual([1]);
  });
  test("who dies in the middle leaves nothing, and the next one does it whole", async () => {
    await at("2026-11-22T10:00:00Z");
    const { channels } = engine.air;
    engine.air.channels = () => {
      throw new Error("the process ended");
    };
    await at("2026-11-23T07:00:01Z");
    expect(await ran()).toEqual([]);
    engine.air.channels = channels;
    await at("2026-11-23T07:00:11Z");
    expect(await ran()).toHaveLength(1);
    expect(await digests()).toHaveLength(1);
  });
  test("a clock that was ahead for a moment holds nothing up afterwards", async () => {
    await at("2026-11-22T10:00:00Z");
    await at("2030-01-01T10:00:00Z");
    await at("2026-11-23T07:00:01Z");
    await at("2026-11-24T07:00:01Z");
    expect(await ran()).toEqual(["2026-11-23T07:00:00.000Z", "2026-11-24T07:00:00.000Z", "2030-01-01T07:00:00.000Z"]);
  });
  test("turned off and on again: what lay between was not missed", async () => {
    await at("2026-11-01T10:00:00Z");
    await at("2026-11-02T10:00:00Z");
    schedules = {};
    await at("2026-11-03T10:00:00Z");
    await at("2026-11-20T10:00:00Z");
    schedules = { morning: MORNING };
    await at("2026-11-21T10:00:00Z");
    expect(await told()).toEqual([]);
    expect(await ran()).toEqual(["2026-11-02T07:00:00.000Z"]);
    await at("2026-11-22T07:00:00Z");
    expect(await ran()).toEqual(["2026-11-02T07:00:00.000Z", "2026-11-22T07:00:00.000Z"]);
    expect(await told()).toEqual([]);
  });
  test("the weekly report on Monday, the retention as a job", async () => {
    schedules = { weekly: MONDAY, retention: { minute: 210 } };
    await at("2026-10-20T10:00:00Z");
    await engine.clearJobs();
    await at("2026-10-25T10:00:00Z");
    expect(await ran("weekly")).toEqual([]);
    expect((await engine.jobs("retain")).map(({ key }) => key)).toEqual(["retain"]);
    await at("2026-10-26T10:00:00Z");
    expect(await ran("weekly")).toEqual(["2026-10-26T07:30:00.000Z"]);
    const [report] = await engine.database.db.select().from(messages).where(eq(messages.channel, "slack:C0SOC"));
    // The week before, by the clock on the wall.
    expect(report?.subject).toBe("report:2026-10-19T06:30:00.000Z/2026-10-26T07:30:00.000Z");
  });
  test("where nothing can be told, the row says why", async () => {
    engine.world.channels = [{ channels: ["console:soc"], post: "needed" }];
    const paging = engine.air.paging;
    engine.air.paging = () => NOBODY;
    await at("2026-11-22T10:00:00Z");
    await at("2026-11-23T10:00:00Z");
    expect((await rows()).at(-1)).toMatchObject({ state: "ran", why: "no channel of a chat is named to tell it in" });
    engine.world.channels = [{ channels: ["console:soc", "slack:C0SOC"], post: "needed" }];
    if (paging) engine.air.paging = paging;
  });
});

describe.each(DATABASES)("a morning without anything, %s", (kind) => {
  test("posts nothing, and the row says so", async () => {
    const engine = await openEngine(kind);
    try {
      engine.air.schedules = () => ({ morning: MORNING, channels: ["slack:C0SOC"] });
      engine.world.now = new Date("2026-11-22T10:00:00Z");
      await takeTicks(engine.air, engine.world.now);
      engine.world.now = new Date("2026-11-23T10:00:00Z");
      await takeTicks(engine.air, engine.world.now);
      const [, row] = await engine.database.db.select().from(ticks).orderBy(asc(ticks.dueAt));
      expect(row).toMatchObject({ state: "ran", why: "there was nothing to tell" });
      expect(await engine.database.db.select().from(messages)).toEqual([]);
    } finally {
      await engine.close();
    }
  });
});
