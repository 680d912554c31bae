import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../src/db/connect.ts";
import { startQueue } from "../../src/db/queue.ts";
import { createStore } from "../../src/db/store/store.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Alert } from "../../src/engine/domain/alert.ts";
import { type Drawing, drawMessages } from "../../src/engine/draw.ts";
import { type Accepted, ingestAlerts } from "../../src/engine/ingest-alert.ts";
import type { MessageRow, StormRow } from "../../src/engine/store.ts";
import { fakeEndpointProduct } from "../support/fake-endpoint-product.ts";
import { knowing, MALICIOUS, malware, type Steps, steps } from "../support/investigating.ts";
import { NOTHING, NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { rememberingLog } from "../support/remembering-log.ts";

const SOC = "slack:C0SOC";
const ALIKE = testPolicy.storm.alike;

describe.each(DATABASES)("a storm of alike alerts, %s", (kind) => {
  let engine: Engine;
  let given: Steps;
  beforeAll(async () => {
    engine = await openEngine(kind);
    given = steps(engine);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    const channels = [{ channels: [SOC], post: "needed" }];
    Object.assign(engine.world, { now: NOW, capabilities: NOTHING, policy: testPolicy, channels });
  });
  afterAll(() => engine.close());

  const later = (seconds: number) => {
    engine.world.now = new Date(NOW.getTime() + seconds * 1000);
  };
  const onDevices = (category: string, count: number, more: Partial<Alert> = {}) =>
    Array.from({ length: count }, () => anAlert([{ kind: "device", name: fresh("WS") }], { category, ...more }));
  const stormOf = async (alert: Accepted | undefined): Promise<StormRow> => {
    const row = await engine.store.alert(numberOf(alert?.alert));
    const [storm] = await engine.store.storms([row?.stormId ?? 0]);
    if (!storm) throw new Error(`${alert?.alert} is in no storm`);
    return storm;
  };
  const rootOf = (accepted: Accepted | undefined) => engine.message(SOC, `incident:${numberOf(accepted?.incident)}`);
  const drawing: Drawing = {
    now: NOW,
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    deciders: () => ({ anyone: false, names: ["Ada"] }),
  };
  const draw = async (row: MessageRow | undefined): Promise<Card> => {
    const card = row && (await drawMessages(engine.store, [row], drawing)).get(row.id);
    if (!card) throw new Error("there is nothing to draw");
    return card;
  };
  const itemsOf = (card: Card) => card.lines.flatMap((line) => (line.kind === "list" ? line.items.map((item) => plain(item.text)) : []));
  /** Every page of the storm's thread that the channel is to show, in order. */
  const pagesOf = async (storm: StormRow) => {
    const rows: MessageRow[] = [];
    for (let page = 1; ; page++) {
      const row = await engine.message(SOC, `storm:${storm.id}:${page}`);
      if (!row) return rows;
      rows.push(row);
    }
  };

  test(`${ALIKE} within the window are no storm; the next one is, and has no root card of its own any more`, async () => {
    const category = fresh("cat");
    const answers: Accepted[] = [];
    for (const alert of onDevices(category, ALIKE)) answers.push(await given.one(alert));
    for (const answer of answers) expect(await rootOf(answer)).toMatchObject({ wanted: 1, thread: null });
    expect((await engine.store.alert(numberOf(answers[0]?.alert)))?.stormId).toBeNull();

    const [next] = await given.ingest(...onDevices(category, 1));
    const storm = await stormOf(next);
    expect(storm).toMatchObject({ alerts: ALIKE + 1, category, severity: "high", source: "siem", lab: false });
    expect(await rootOf(next)).toBeUndefined();
    const root = await engine.message(SOC, `storm:${storm.id}`);
    expect(root).toMatchObject({ thread: null, wanted: 1 });
    expect((await draw(root)).title).toContain(`Alert storm: ${ALIKE + 1} high`);
    // The ones before are found in it, and keep the cards they have.
    expect(await stormOf(answers[0])).toMatchObject({ id: storm.id });
    for (const answer of answers) expect(await rootOf(answer)).toMatchObject({ wanted: 1 });

    const more = await given.ingest(...onDevices(category, 3));
    for (const answer of more) {
      expect(await rootOf(answer)).toBeUndefined();
      expect(await stormOf(answer)).toMatchObject({ id: storm.id, alerts: ALIKE + 4 });
    }
    const counted = await engine.message(SOC, `storm:${storm.id}`);
    expect(counted?.wanted).toBeGreaterThan(root?.wanted ?? 0);
    expect((await draw(counted)).title).toContain(`${ALIKE + 4} high`);
  });

  test("alike means source, category, severity; and within the window", async () => {
    const category = fresh("cat");
    for (const alert of onDevices(category, ALIKE)) await given.one(alert);
    const [other] = await given.ingest(...onDevices(fresh("cat"), 1));
    const [milder] = await given.ingest(...onDevices(category, 1, { severity: "medium" }));
    const [elsewhere] = (
      await ingestAlerts(engine.air, [{ source: "edr", lab: false, alerts: onDevices(category, 1), receivedAt: engine.world.now }])
    ).flat();
    later(testPolicy.storm.within / 1000 + 1);
    const [late] = await given.ingest(...onDevices(category, 1, { detectedAt: engine.world.now }));
    for (const answer of [other, milder, elsewhere, late])
      expect((await engine.store.alert(numberOf(answer?.alert)))?.stormId, answer?.alert).toBeNull();
  });

  test("a storm that has passed is over: the same again later is another one", async () => {
    const category = fresh("cat");
    const [first] = await given.ingest(...onDevices(category, ALIKE + 1));
    later(600);
    const [second] = await given.ingest(...onDevices(category, ALIKE + 1, { detectedAt: engine.world.now }));
    const [before, after] = [await stormOf(first), await stormOf(second)];
    expect(after.id).not.toBe(before.id);
    expect([before.alerts, after.alerts]).toEqual([ALIKE + 1, ALIKE + 1]);
  });

  test("1,000 alerts, in two requests of 500: one root card, and every alert stands on a page by its title and source id", async () => {
    const category = fresh("cat");
    const alerts = onDevices(category, 1000).map((alert, index) => ({ ...alert, title: `Probe ${index}`, sourceId: fresh(`src${index}`) }));
    const answers = [...(await given.ingest(...alerts.slice(0, 500))), ...(await given.ingest(...alerts.slice(500)))];
    const storm = await stormOf(answers[0]);
    expect(storm.alerts).toBe(1000);
    const roots = await Promise.all(answers.map(rootOf));
    expect(roots.filter((root) => root !== undefined)).toEqual([]);
    const pages = await pagesOf(storm);
    const items = (await Promise.all(pages.map(draw))).flatMap(itemsOf);
    expect(items).toHaveLength(1000);
    for (const [index, alert] of alerts.entries()) {
      expect(items.filter((item) => item.startsWith(`${alert.title} (`) && item.includes(alert.sourceId))).toHaveLength(1);
      expect(items[index]).toContain(answers[index]?.incident);
    }
    expect(new Set(pages.map((page) => page.thread))).toEqual(new Set([`storm:${storm.id}`]));
  });

  test("a page that was not full when it was drawn is drawn again when it fills", async () => {
    const category = fresh("cat");
    const [first] = await given.ingest(...onDevices(category, 30));
    const storm = await stormOf(first);
    const before = await engine.message(SOC, `storm:${storm.id}:1`);
    await given.ingest(...onDevices(category, 130));
    const after = await engine.message(SOC, `storm:${storm.id}:1`);
    expect(after?.wanted).toBeGreaterThan(before?.wanted ?? 0);
    expect(await pagesOf(storm)).toHaveLength(4);
  });

  test("every alert keeps its incident: a storm changes nothing of what belongs together", async () => {
    const category = fresh("cat");
    await given.ingest(...onDevices(category, ALIKE + 5));
    const shared = { kind: "device", name: fresh("WS") } as const;
    const [one, other, lonely] = await given.ingest(
      anAlert([shared], { category }),
      anAlert([shared], { category }),
      ...onDevices(category, 1),
    );
    expect(other?.incident).toBe(one?.incident);
    expect(lonely?.incident).not.toBe(one?.incident);
    expect(await given.incident(numberOf(one?.incident))).toMatchObject({ alertCount: 2 });
  });

  test("what is more severe breaks through with a root card of its own", async () => {
    const category = fresh("cat");
    const answers = await given.ingest(...onDevices(category, ALIKE + 2));
    const [critical] = await given.ingest(...onDevices(category, 1, { severity: "critical" }));
    expect(await rootOf(critical)).toMatchObject({ thread: null });
    // And an incident of the storm that turns out worse.
    const row = await engine.store.alert(numberOf(answers[0]?.alert));
    expect(await rootOf(answers[0])).toBeUndefined();
    const worse = await given.one(
      anAlert(row?.entities.map((named) => named.entity) ?? [], { category: fresh("cat"), severity: "critical" }),
    );
    expect(worse.incident).toBe(answers[0]?.incident);
    expect(await rootOf(worse)).toMatchObject({ thread: null });
    expect(await rootOf(answers[1])).toBeUndefined();
  });

  test("an action of a storm's incident asks in the storm's thread, before and after the decision; no root card appears", async () => {
    const product = fakeEndpointProduct();
    const category = fresh("Malware");
    engine.world.capabilities = {
      ...product.capabilities,
      reputation: [knowing("vt", (entity) => (entity.kind === "file" ? MALICIOUS : undefined))],
    };
    const answers = await given.ingest(...onDevices(category, ALIKE + 1));
    const { alert, device } = malware({ verdict: "malicious", alert: { category, title: "Malware was found" } });
    product.add(device);
    const accepted = await given.one(alert);
    const storm = await stormOf(accepted);
    expect(storm).toMatchObject({ id: (await stormOf(answers[0])).id });
    await given.toTheEnd(numberOf(accepted.investigation));
    const isolate = (await engine.store.actionsOf(numberOf(accepted.investigation))).find((action) => action.kind === "isolate-device");
    const card = await engine.message(SOC, `action:${isolate?.id}`);
    expect(card).toMatchObject({ thread: `storm:${storm.id}` });
    expect((await draw(card)).buttons.map((button) => button.label)).toContain("Approve");
    const root = await engine.message(SOC, `storm:${storm.id}`);
    expect(JSON.stringify(await draw(root))).toMatch(/actions? waits? for a decision|actions wait for a decision/);
    expect(await rootOf(accepted)).toBeUndefined();

    await decideAction(engine.air, approver("Ada"), { action: isolate?.id ?? 0, decision: "reject", reason: "a test machine" });
    const decided = await engine.message(SOC, `action:${isolate?.id}`);
    expect(decided).toMatchObject({ thread: `storm:${storm.id}` });
    expect(decided?.wanted).toBeGreaterThan(card?.wanted ?? 0);
    expect((await engine.message(SOC, `storm:${storm.id}`))?.wanted).toBeGreaterThan(root?.wanted ?? 0);
    expect(await rootOf(accepted)).toBeUndefined();
  });

  test("quiet by default: a storm below high is shown once somebody must see one of its incidents, whole, and counts on from then", async () => {
    const product = fakeEndpointProduct();
    const category = fresh("Malware");
    engine.world.capabilities = {
      ...product.capabilities,
      reputation: [knowing("vt", (entity) => (entity.kind === "file" ? MALICIOUS : undefined))],
    };
    const quiet = await given.ingest(...onDevices(category, 100, { severity: "low" }));
    const storm = await stormOf(quiet[0]);
    expect(await engine.message(SOC, `storm:${storm.id}`)).toBeUndefined();
    const { alert, device } = malware({ verdict: "malicious", alert: { category, severity: "low" } });
    product.add(device);
    const bad = await given.one(alert);
    expect(await engine.message(SOC, `storm:${storm.id}`)).toBeUndefined();
    await given.toTheEnd(numberOf(bad.investigation));
    const root = await engine.message(SOC, `storm:${storm.id}`);
    expect(root).toMatchObject({ thread: null });
    expect((await Promise.all((await pagesOf(storm)).map(draw))).flatMap(itemsOf)).toHaveLength(101);

    await given.ingest(...onDevices(category, 90, { severity: "low" }));
    expect((await engine.message(SOC, `storm:${storm.id}`))?.wanted).toBeGreaterThan(root?.wanted ?? 0);
    expect((await Promise.all((await pagesOf(storm)).map(draw))).flatMap(itemsOf)).toHaveLength(191);
  });

  test("alerts of a suppressed policy make no storm card", async () => {
    const category = fresh("cat");
    engine.world.channels = [{ channels: [SOC], post: "all" }];
    engine.world.policy = {
      ...testPolicy,
      alertPolicies: [{ name: "noise", match: { category: [category] }, outcome: "suppress", from: "alertPolicies[0] in air.yaml" }],
    };
    const answers = await given.ingest(...onDevices(category, ALIKE + 3));
    const storm = (await engine.store.alert(numberOf(answers[0]?.alert)))?.stormId;
    if (storm) expect(await engine.message(SOC, `storm:${storm}`)).toBeUndefined();
    for (const answer of answers) expect(await rootOf(answer)).toBeUndefined();
  });
});

describe.runIf(DATABASES.includes("postgres"))("two intakes at once", () => {
  test("make one storm, and count every alert once", { timeout: 180_000 }, async () => {
    const engine = await openEngine("postgres");
    engine.world.channels = [{ channels: [SOC], post: "needed" }];
    const others = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const database = await openDatabase({ url: engine.database.url, maxConnections: 2 });
        const queue = await startQueue(database, rememberingLog(), { worker: false });
        return { database, queue, air: { ...engine.air, store: createStore(database, queue) } };
      }),
    );
    try {
      for (let round = 0; round < 5; round++) {
        const category = fresh("cat");
        const answers = await Promise.all(
          others.map(async ({ air }) => {
            const alerts = Array.from({ length: ALIKE + 1 }, () => anAlert([{ kind: "device", name: fresh("WS") }], { category }));
            return (await ingestAlerts(air, [{ source: "siem", lab: false, alerts, receivedAt: NOW }])).flat();
          }),
        );
        const rows = await Promise.all(answers.flat().map((answer) => engine.store.alert(numberOf(answer.alert))));
        const storms = new Set(rows.map((row) => row?.stormId));
        expect(storms.size).toBe(1);
        const [id] = storms;
        expect(await engine.store.storms([id ?? 0])).toMatchObject([{ alerts: 4 * (ALIKE + 1) }]);
      }
    } finally {
      for (const { queue, database } of others) {
        await queue.stop(500);
        await database.close();
      }
      await engine.close();
    }
  });
});
