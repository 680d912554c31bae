import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { messages } from "../../src/db/schema.ts";
import { splitIncident } from "../../src/engine/merge-incidents.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { device, type FakeSecurity, fakeSecurity } from "../support/fake-security.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { type Engine, openEngine, somebody } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { pagingWorld } from "../support/paging-air.ts";
import { pollingAir } from "../support/polling-air.ts";

const HOUR = 3_600_000;

/*
 * A first poll brings what happened before air watched. It joins what is live where it belongs there, and nobody is called, shown or asked anything
 * because of it: what counts is what happens now.
 */
describe.each(DATABASES)("alerts from before air's watch beside live ones, %s", (database) => {
  let engine: Engine;
  let fake: FakeSecurity;
  beforeAll(async () => {
    engine = await openEngine(database);
    fake = await fakeSecurity();
  });
  afterAll(async () => {
    await engine.close();
    await fake.close();
  });
  beforeEach(async () => {
    await engine.empty();
    fake.reset();
    pagingWorld(engine, "slack:C0SOC", "slack:C0OPS", {
      rules: [
        { when: ["high", "critical"], channels: ["slack:C0SOC"], post: "needed", page: true },
        { channels: ["slack:C0SOC"], post: "needed" },
      ],
    });
  });

  const incidents = async () => (await engine.store.listIncidents({ limit: 50 })).items;
  const nobodyIsCalled = async () => {
    await sweep(engine.air, engine.settle);
    const posts = (await engine.database.db.select().from(messages)).map(({ subject }) => subject);
    expect(posts.filter((subject) => /^(incident|page|direct|action|call):/.test(subject))).toEqual([]);
    const due = await engine.store.duePages(new Date(engine.world.now.getTime() + HOUR), 50);
    expect(due.filter(({ incidentId }) => incidentId !== 0)).toEqual([]);
    for (const { id } of await incidents()) expect(await engine.store.callsOf(id)).toEqual([]);
    expect((await engine.store.listActions({ limit: 10 })).items).toEqual([]);
  };
  const before = (hours: number) => {
    const at = new Date(NOW.getTime() - hours * HOUR).toISOString();
    return { createdDateTime: at, firstActivityDateTime: at, lastActivityDateTime: at, lastUpdateDateTime: at };
  };
  const old = (id: string, severity: string) =>
    fake.alert(id, { incidentId: "42", severity, evidence: [{ ...device("ws-1"), verdict: "malicious" }], ...before(7) });
  const live = (id: string, severity: string) => fake.alert(id, { incidentId: "42", severity, evidence: [device("ws-1")] });
  const air = () => pollingAir(engine, fake, { backfillMs: 24 * HOUR });

  test("a high one that joins a live low incident raises nothing", async () => {
    const polling = air();
    live("now", "low");
    old("then", "high");
    await polling.poll();
    const [incident, ...others] = await incidents();
    expect(others).toEqual([]);
    expect(incident).toMatchObject({ severity: "low", preexisting: false, alertCount: 2 });
    expect(incident?.title).toContain("Suspicious execution now");
    await nobodyIsCalled();
  });

  test("nor in a later poll, nor once its source says more of it that makes it no worse", async () => {
    const polling = air();
    const row = old("then", "high");
    await polling.poll();
    expect((await incidents())[0]).toMatchObject({ severity: "high", preexisting: true });
    polling.later(60_000);
    live("now", "low");
    await polling.poll();
    expect((await incidents())[0]).toMatchObject({ severity: "low", preexisting: false });
    polling.later(60_000);
    fake.change(row, { description: "more words" });
    await polling.poll();
    expect(await incidents()).toMatchObject([{ severity: "low", preexisting: false }]);
    await nobodyIsCalled();
    // Worse than it was is something that happens now.
    polling.later(60_000);
    fake.change(row, { severity: "critical" });
    await polling.poll();
    expect((await incidents())[0]).toMatchObject({ severity: "critical" });
  });

  test("of old ones alone the most severe counts, and a person who parts them changes nothing of that", async () => {
    const polling = air();
    live("now", "low");
    old("then", "high");
    await polling.poll();
    const [incident] = await incidents();
    const mia = somebody("Mia", { viewer: true, responder: true, admin: false, approves: [] });
    const alerts = await engine.store.alertsOf(incident?.id ?? 0);
    await splitIncident(engine.air, mia, incident?.id ?? 0, alerts.find(({ title }) => title.endsWith("then"))?.id ?? 0);
    expect((await incidents()).map(({ severity, preexisting }) => [severity, preexisting]).toSorted()).toEqual([
      ["high", true],
      ["low", false],
    ]);
  });
});
