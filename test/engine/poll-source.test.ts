import { sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { createIntake } from "../../src/bot/intake.ts";
import { messages } from "../../src/db/schema.ts";
import { askForPoll } from "../../src/engine/ask-for-poll.ts";
import { chatTroubles } from "../../src/engine/chat-troubles.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { device, type FakeSecurity, fakeSecurity } from "../support/fake-security.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { type Engine, openEngine } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { pollingAir } from "../support/polling-air.ts";

const MINUTE = 60_000;
const HOUR = 3_600_000;
const read = readConfig({}, () => undefined);
if (!read.ok) throw new Error(JSON.stringify(read.problems));
const { config } = read;

describe.each(DATABASES)("Microsoft is asked for alerts, %s", (kind) => {
  let engine: Engine;
  let fake: FakeSecurity;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.paging = () => ({ ...NOBODY, ops: ["slack:C0OPS"] });
    engine.world.channels = [{ channels: ["slack:C0SOC"], post: "needed" }];
    fake = await fakeSecurity();
  });
  afterAll(async () => {
    await engine.close();
    await fake.close();
  });
  beforeEach(async () => {
    fake.reset();
    engine.world.now = NOW;
    engine.world.capabilities = { ...NOTHING, lab: false };
    await engine.empty();
  });

  const listed = async () => (await engine.store.listIncidents({ limit: 200 })).items;
  const told = async () =>
    (await engine.store.duePages(new Date(engine.world.now.getTime() + 1), 50)).map(({ step, text }) => ({ step, text }));
  const lists = (path: string) => fake.calls.filter((call) => call.method === "GET" && call.path === path);

  test("from now on: an alert that comes is stored, joined, and investigated; one from before is not asked for", async () => {
    const air = pollingAir(engine, fake);
    fake.alert("old", { lastUpdateDateTime: new Date(NOW.getTime() - HOUR).toISOString() });
    await air.poll();
    expect(await listed()).toEqual([]);
    const [first] = lists("/security/alerts_v2");
    expect(first?.headers.prefer).toBe("include-unknown-enum-members");
    air.later(30_000);
    fake.alert("new", { incidentId: "42", severity: "high" });
    await air.poll();
    const [incident, ...others] = await listed();
    expect(others).toEqual([]);
    expect(incident).toMatchObject({ title: "Suspicious execution new", severity: "high", status: "open", preexisting: false });
    expect((await engine.jobs("investigate")).length).toBe(1);
  });

  test("what is asked for overlaps, and a repeat is stored once and says nothing", async () => {
    const air = pollingAir(engine, fake);
    await air.poll();
    air.later(10 * MINUTE);
    fake.alert("a");
    await air.poll();
    air.later(MINUTE);
    await air.poll();
    const since = (call: { query: URLSearchParams } | undefined) => Date.parse((call?.query.get("$filter") ?? "").split(" ").at(-1) ?? "");
    expect(since(lists("/security/alerts_v2").at(-1))).toBe(NOW.getTime() + 5 * MINUTE);
    expect(await listed()).toHaveLength(1);
    const [incident] = await listed();
    const view = (await engine.store.incidentViews([incident?.id ?? 0])).get(incident?.id ?? 0);
    expect(view?.timeline.map((line) => line.event)).toEqual(["incident-opened"]);
    expect(view?.alerts[0]?.duplicates).toBe(0);
  });

  const drawn = async () =>
    JSON.stringify(
      await Promise.all(
        ["alerts", "incidents", "investigations"].map((table) =>
          engine.database.db.execute(sql`select last_value::int as last from ${sql.identifier(`${table}_id_seq`)}`),
        ),
      ),
    );

  test("an alert that is only read again draws no ids and is no repeat; one that is sent again is counted, and draws none either", async () => {
    const air = pollingAir(engine, fake);
    await air.poll();
    air.later(MINUTE);
    const known = fake.alert("seen", { incidentId: "7" });
    await air.poll();
    const before = await drawn();
    for (let round = 0; round < 5; round++) {
      air.later(10_000);
      await air.poll();
    }
    expect(await drawn()).toBe(before);
    const duplicates = async () => {
      const [incident] = await listed();
      return (await engine.store.incidentViews([incident?.id ?? 0])).get(incident?.id ?? 0)?.alerts.map((row) => row.duplicates);
    };
    expect(await duplicates()).toEqual([0]);
    // The same alert pushed by the source, twice: counted, never stored again.
    const intake = createIntake(engine.air, () => config);
    const answers = [...(await intake("defender", known)), ...(await intake("defender", [known]))];
    expect(answers.map(({ duplicate }) => duplicate)).toEqual([true, true]);
    expect(await duplicates()).toEqual([2]);
    expect(await drawn()).toBe(before);
    // What changed is taken over in place, and is no repeat.
    air.later(MINUTE);
    fake.change(known, { title: "Suspicious execution, worse" });
    await air.poll();
    expect(await duplicates()).toEqual([2]);
    expect((await listed()).map(({ title }) => title)).toEqual(["Suspicious execution, worse"]);
  });

  test("every page is read, and a death between two pages repeats and skips nothing", async () => {
    const air = pollingAir(engine, fake);
    await air.poll();
    air.later(MINUTE);
    for (let number = 0; number < 120; number++) fake.alert(`p${number}`);
    fake.faults.push({ on: /alerts_v2/, status: 503, retryAfter: 1 });
    await air.poll();
    expect(await listed()).toEqual([]);
    fake.faults.length = 0;
    air.later(MINUTE);
    let stored = 0;
    // Dies after the alerts of the second page are stored, before the position is.
    const mortal = Object.assign(Object.create(engine.air) as typeof engine.air, {
      store: Object.assign(Object.create(engine.store) as typeof engine.store, {
        transaction: async (work: Parameters<typeof engine.store.transaction>[0]) => {
          if (stored >= 2) throw new Error("killed");
          return engine.store.transaction(work);
        },
      }),
    });
    const { takeFrom } = await import("../../src/bot/poll.ts");
    const { createIntake } = await import("../../src/bot/intake.ts");
    const { readConfig } = await import("../../src/bot/config.ts");
    const read = readConfig({}, () => undefined);
    if (!read.ok) throw new Error("no config");
    const take = takeFrom(
      engine.air,
      "defender",
      createIntake(engine.air, () => read.config),
    );
    const counting: typeof take = async (...how) => {
      const out = await take(...how);
      stored++;
      return out;
    };
    await expect(air.poll(mortal, counting)).rejects.toThrow("killed");
    const before = await engine.store.countIncidents({});
    expect(before).toBe(100);
    await air.poll();
    expect(await engine.store.countIncidents({})).toBe(120);
    const rows = await engine.database.db.execute(sql`select count(*)::int as n, count(distinct source_id)::int as d from alerts`);
    expect(JSON.stringify(rows)).toContain('"n":120');
  });

  test("two processes that tick ask once for each instant, and whoever starts asks at once", async () => {
    const { feed } = pollingAir(engine, fake);
    const ticks = await Promise.all([askForPoll(engine.air, feed, true), askForPoll(engine.air, feed, true)]);
    expect(ticks.filter(Boolean)).toHaveLength(1);
    await engine.clearJobs();
    engine.world.now = new Date(NOW.getTime() + 31_000);
    expect(
      (await Promise.all([askForPoll(engine.air, feed), askForPoll(engine.air, feed), askForPoll(engine.air, feed)])).filter(Boolean),
    ).toHaveLength(1);
    expect(await engine.jobs("poll")).toHaveLength(1);
    engine.world.now = new Date(NOW.getTime() + 45_000);
    expect(await askForPoll(engine.air, feed)).toBe(false);
    expect(await askForPoll(engine.air, feed, true)).toBe(true);
  });

  test("while it fails the position stays, it is left alone as long as it asks, and told once when silent and once when back", async () => {
    const air = pollingAir(engine, fake);
    await air.poll();
    air.later(MINUTE);
    fake.alert("during");
    fake.faults.push({ on: /alerts_v2/, status: 429, retryAfter: 120 });
    await air.poll();
    const asked = lists("/security/alerts_v2").length;
    air.later(MINUTE);
    await air.poll();
    expect(lists("/security/alerts_v2")).toHaveLength(asked);
    expect(await told()).toEqual([]);
    fake.faults.splice(0, 1, { on: /alerts_v2/, status: 200, text: "<html>" });
    for (let minute = 0; minute < 20; minute++) {
      air.later(MINUTE);
      await air.poll();
    }
    expect((await told()).map(({ text }) => text)).toEqual([
      expect.stringContaining("Microsoft Defender is silent: its alerts have not been read since"),
    ]);
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([
      { plain: "alerts of Microsoft Defender cannot be read", told: expect.stringContaining("silent since") },
    ]);
    fake.faults.length = 0;
    air.later(6 * MINUTE);
    await air.poll();
    air.later(MINUTE);
    await air.poll();
    expect((await told()).map(({ step }) => step.split(" ").slice(0, 2).join(" "))).toEqual(["source back"]);
    expect(await chatTroubles(engine.store, engine.air, engine.world.now)).toEqual([]);
    expect(await listed()).toHaveLength(1);
    expect((await air.state()).alerts.failures).toBe(0);
  });

  test("incidents that may not be read hold no alerts up, and name what is missing", async () => {
    const air = pollingAir(engine, fake);
    fake.faults.push({ on: /incidents/, status: 403 });
    for (let minute = 0; minute < 9; minute++) {
      await air.poll();
      air.later(MINUTE);
      fake.alert(`a${minute}`);
    }
    expect(await listed()).toHaveLength(8);
    expect((await told())[0]?.text).toContain("SecurityIncident.Read.All");
  });

  test.each([
    [
      "a next page at another host",
      JSON.stringify({ value: [], "@odata.nextLink": "https://evil.example/v1.0/security/alerts_v2?$skip=50" }),
    ],
    ["no list", JSON.stringify({ value: "nothing" })],
    ["no JSON", "garbage"],
  ])("%s is trouble, and is not followed", async (_name, text) => {
    const air = pollingAir(engine, fake);
    fake.faults.push({ on: /alerts_v2/, text });
    await air.poll();
    expect((await air.state()).alerts).toMatchObject({ failures: 1, reason: expect.stringContaining("Microsoft Graph") });
  });

  test("a page that is too long is asked for in smaller ones", async () => {
    const air = pollingAir(engine, fake);
    await air.poll();
    air.later(MINUTE);
    for (let number = 0; number < 10; number++) fake.alert(`l${number}`);
    fake.faults.push({ on: /alerts_v2/, text: `{"value":["${"x".repeat(6 * 1024 * 1024)}"]}`, times: 1 });
    await air.poll();
    expect(await listed()).toHaveLength(10);
    expect(lists("/security/alerts_v2").at(-1)?.query.get("$top")).toBe("3");
  });

  test("what cannot be read as an alert is stored as far as it can be, and fails no other", async () => {
    const air = pollingAir(engine, fake);
    await air.poll();
    air.later(MINUTE);
    fake.alert("good");
    fake.alerts.set("untitled", { id: "untitled", title: 7, lastUpdateDateTime: engine.world.now.toISOString() });
    fake.alerts.set("nameless", { lastUpdateDateTime: engine.world.now.toISOString() });
    await air.poll();
    expect((await listed()).map((row) => row.title).sort()).toEqual(["Alert that air could not read in full", "Suspicious execution good"]);
    expect((await air.state()).alerts.failures).toBe(0);
  });

  test("an alert that cannot be read is stored by its id and time, logged by name once, and told once", async () => {
    const warned: Record<string, unknown>[] = [];
    const { log } = engine.air;
    engine.air.log = { ...log, warn: (message, more) => void (message.includes("polled alert") && warned.push(more ?? {})) };
    try {
      const air = pollingAir(engine, fake);
      await air.poll();
      air.later(MINUTE);
      const at = engine.world.now.toISOString();
      fake.alerts.set("a", { ...fake.alert("da638-1_-5"), id: "da638-1_-5", title: null });
      fake.alerts.delete("da638-1_-5");
      fake.alerts.set("b", {
        id: 4711,
        title: "A title",
        evidence: JSON.parse(`${"[".repeat(80)}${"]".repeat(80)}`),
        createdDateTime: at,
        lastUpdateDateTime: at,
      });
      fake.alerts.set("c", { title: "Nameless", lastUpdateDateTime: at });
      fake.alerts.set("d", { id: "say\nwhat you like", title: null, createdDateTime: at, lastUpdateDateTime: at });
      for (let round = 0; round < 6; round++) {
        await air.poll();
        air.later(10_000);
      }
      const rows = await engine.database.db.execute(sql`select source_id, title, detected_at from alerts order by source_id`);
      const stored = JSON.parse(JSON.stringify((rows as { rows?: unknown }).rows ?? rows)) as { source_id: string; title: string }[];
      expect(stored.map(({ source_id, title }) => [source_id, title])).toEqual([
        ["4711", "A title"],
        ["da638-1_-5", "Alert that air could not read in full"],
        ["say\nwhat you like", "Alert that air could not read in full"],
      ]);
      expect(warned.map(({ alert, field, stored: kept }) => [alert, field, kept]).sort()).toEqual(
        [
          ["4711", "evidence[0][0][0][0][0][0][0]", true],
          ["da638-1_-5", "title", true],
          [undefined, "title", true],
          [undefined, "id", false],
        ].sort(),
      );
      const said = (await told()).map(({ text }) => text);
      expect(said).toHaveLength(2);
      expect(said.join("\n")).toContain("could not be read in full");
      expect(said.join("\n")).toContain("is not stored");
    } finally {
      engine.air.log = log;
    }
  });

  test("5,000 old alerts at the first start: one post, no page, no action, nothing investigated, and the lists say why", async () => {
    const air = pollingAir(engine, fake, { backfillMs: 24 * HOUR });
    for (let number = 0; number < 5000; number++) {
      const at = new Date(NOW.getTime() - HOUR - number * 10_000).toISOString();
      fake.alert(`b${number}`, {
        severity: number % 7 === 0 ? "high" : "medium",
        lastUpdateDateTime: at,
        createdDateTime: at,
        evidence: [device(`host-${number % 400}`)],
      });
    }
    await air.poll();
    for (const job of await engine.jobs("poll")) if (job) await air.poll();
    const rows = await engine.database.db.execute(sql`select count(*)::int as n from alerts where preexisting`);
    expect(JSON.stringify(rows)).toContain('"n":5000');
    await sweep(engine.air, engine.settle);
    air.later(2 * MINUTE);
    await sweep(engine.air, engine.settle);
    expect(await engine.jobs("investigate")).toEqual([]);
    const posts = await engine.database.db.select().from(messages);
    expect(posts.filter((row) => row.channel.startsWith("slack:"))).toEqual([]);
    const [summary, ...more] = await told();
    expect(more).toEqual([]);
    expect(summary?.text).toMatch(/^Microsoft Defender: 5000 alerts from before .* were stored/);
    expect((await engine.store.listActions({ limit: 10 })).items).toEqual([]);
    const [one] = (await engine.store.listIncidents({ limit: 1 })).items;
    const view = (await engine.store.incidentViews([one?.id ?? 0])).get(one?.id ?? 0);
    expect(view?.investigations.map((row) => row.status)).toEqual(["preexistingAlert"]);
    expect(view?.alerts[0]?.policyRule).toContain("older than air's watch");
    // A live one in between is what it always is.
    fake.alert("live", { severity: "high", evidence: [device("host-1")] });
    await air.poll();
    expect((await engine.jobs("investigate")).length).toBe(1);
  }, 240_000);

  test("after an outage what is older than an hour is stored quietly, what is younger is looked into", async () => {
    const air = pollingAir(engine, fake);
    await air.poll();
    air.later(10 * MINUTE);
    fake.alert("early", { severity: "high" });
    air.later(5 * HOUR);
    fake.alert("late", { severity: "high" });
    await air.poll();
    const rows = await listed();
    expect(Object.fromEntries(rows.map((row) => [row.title, row.preexisting]))).toEqual({
      "Suspicious execution early": true,
      "Suspicious execution late": false,
    });
    expect((await told())[0]?.text).toContain("1 alert from before");
  });

  test("an old alert stays old while people there only work on it, and is looked into once it gets worse", async () => {
    const air = pollingAir(engine, fake, { backfillMs: 24 * HOUR });
    const old = fake.alert("old", { lastUpdateDateTime: new Date(NOW.getTime() - 2 * HOUR).toISOString() });
    await air.poll();
    air.later(MINUTE);
    fake.change(old, { assignedTo: "kai@contoso.com", status: "inProgress" });
    await air.poll();
    expect(await engine.jobs("investigate")).toEqual([]);
    air.later(MINUTE);
    fake.change(old, { severity: "high" });
    await air.poll();
    expect((await engine.jobs("investigate")).length).toBe(1);
    expect((await listed())[0]).toMatchObject({ preexisting: false, severity: "high" });
  });
});
