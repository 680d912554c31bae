import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Config, readConfig } from "../../src/bot/config.ts";
import { createIntake } from "../../src/bot/intake.ts";
import { openDatabase } from "../../src/db/connect.ts";
import { startQueue } from "../../src/db/queue.ts";
import { createStore } from "../../src/db/store/store.ts";
import type { Alert } from "../../src/engine/domain/alert.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { type Accepted, ingestAlerts } from "../../src/engine/ingest-alert.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { anAlert, type Engine, fresh, numberOf, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { rememberingLog } from "../support/remembering-log.ts";

const HOUR = 3_600_000;
const later = (ms: number) => new Date(NOW.getTime() + ms);

describe.each(DATABASES)("an alert comes in, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    engine.world.now = NOW;
    engine.world.policy = testPolicy;
    engine.world.channels = [];
  });
  afterAll(() => engine.close());

  const ingest = async (...alerts: Alert[]): Promise<Accepted[]> =>
    (await ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts, receivedAt: engine.world.now }])).flat();
  const one = async (alert: Alert) => (await ingest(alert))[0] as Accepted;
  const device = (name = fresh("WS")): Entity => ({ kind: "device", name });
  const totals = async () => {
    const { rows } = await engine.database.boss.executeSql(
      `select (select count(*)::int from alerts) as alerts, (select count(*)::int from incidents) as incidents,
        (select count(*)::int from investigations) as investigations, (select count(*)::int from evidence) as evidence,
        (select count(*)::int from timeline) as timeline, (select count(*)::int from messages) as messages,
        (select count(*)::int from pgboss.job) as jobs`,
    );
    return rows[0];
  };

  test("an investigation alerts keep coming to rests between its rounds; one that has just begun does not", async () => {
    const where = device();
    const begun = await one(anAlert([where]));
    const investigation = numberOf(begun.investigation);
    const comesAgain = async (round: number) => {
      await engine.clearJobs();
      await engine.store.transaction((tx) => tx.updateInvestigation(investigation, { round }));
      // Another file each time: there is something to look at.
      expect((await ingest(anAlert([where, { kind: "file", sha256: createHash("sha256").update(fresh("f")).digest("hex") }]))).length).toBe(
        1,
      );
      await ingest(anAlert([where]));
      const { rows } = await engine.database.boss.executeSql(
        "select extract(epoch from start_after - created_on)::float8 as rest from pgboss.job where name = 'investigate' and singleton_key = $1",
        [`INV-${investigation}`],
      );
      return (rows as { rest: number }[]).map((row) => Math.round(row.rest));
    };
    expect(await comesAgain(31)).toEqual([0]);
    expect(await comesAgain(32)).toEqual([5]);
  });

  test("one alert: alert, incident, investigation, evidence, timeline, message and jobs in one commit", async () => {
    engine.world.channels = [{ channels: ["slack:C0SOC"], post: "needed" }];
    const named = device();
    const accepted = await one({ ...anAlert([named]), sourceId: "one", title: "Ransomware" });
    expect(accepted).toEqual({
      alert: expect.stringMatching(/^ALT-\d+$/),
      incident: expect.stringMatching(/^INC-\d+$/),
      investigation: expect.stringMatching(/^INV-\d+$/),
      duplicate: false,
    });
    const { store } = engine;
    const incident = numberOf(accepted.incident);
    const investigation = numberOf(accepted.investigation);
    expect(await store.alert(numberOf(accepted.alert))).toMatchObject({
      source: "siem",
      sourceId: "one",
      incidentId: incident,
      investigationId: investigation,
      joinedBecause: null,
      raw: { id: expect.any(String) },
      detectedAt: NOW,
      duplicates: 0,
    });
    expect(await store.incident(incident)).toMatchObject({ title: "Ransomware", severity: "high", status: "open", alertCount: 1 });
    expect(await store.investigation(investigation)).toMatchObject({
      status: "queued",
      wanted: 1,
      round: 0,
      trigger: { kind: "alert", alert: accepted.alert },
    });
    expect(await store.evidenceOf(investigation)).toMatchObject([
      { entity: named, verdict: "unknown", said: [{ source: "siem", trusted: true }], lookedRound: null },
    ]);
    expect((await store.incidentViews([incident])).get(incident)?.timeline).toMatchObject([
      { event: "incident-opened", actor: { kind: "source", name: "siem" }, text: `${accepted.alert} from siem: Ransomware` },
    ]);
    expect(await engine.message("slack:C0SOC", `incident:${incident}`)).toMatchObject({ wanted: 1, shown: 0, thread: null });
    expect(await engine.jobs()).toMatchObject([
      { name: "investigate", data: { investigation }, key: `INV-${investigation}` },
      { name: "publish", data: { channel: "slack:C0SOC" }, key: "slack:C0SOC" },
    ]);
  });

  test("nothing at all is stored when the transaction fails on its last statement", async () => {
    engine.world.channels = [{ channels: ["slack:C0SOC"], post: "all" }];
    const before = await totals();
    const alert = anAlert([device()]);
    const broken = {
      ...engine.air,
      store: {
        ...engine.store,
        transaction: <T>(work: Parameters<Engine["store"]["transaction"]>[0]) =>
          engine.store.transaction(async (tx) => {
            await work(tx);
            throw new Error("the connection broke");
          }) as Promise<T>,
      },
    };
    await expect(ingestAlerts(broken, [{ source: "siem", lab: false, alerts: [alert], receivedAt: NOW }])).rejects.toThrow(
      "the connection broke",
    );
    expect(await totals()).toEqual(before);
    expect((await one(alert)).duplicate).toBe(false);
  });

  test("a second alert joins: same incident, same running investigation, new evidence, one job", async () => {
    const shared = device();
    const first = await one(anAlert([shared]));
    const other = device();
    const second = await one(anAlert([shared, other], { severity: "critical", title: "Worse" }));
    expect(second).toMatchObject({ incident: first.incident, investigation: first.investigation, duplicate: false });
    expect(await engine.store.incident(numberOf(first.incident))).toMatchObject({
      alertCount: 2,
      severity: "critical",
      title: "Worse and 1 more alert",
    });
    expect((await engine.store.evidenceOf(numberOf(first.investigation))).map((row) => row.entity)).toEqual([shared, other]);
    expect(await engine.store.investigation(numberOf(first.investigation))).toMatchObject({ wanted: 2 });
    expect(await engine.jobs("investigate")).toHaveLength(1);
  });

  describe("the same alert again", () => {
    test("is counted, never stored twice, and names the incident it is in", async () => {
      const alert = anAlert([device()]);
      const first = await one(alert);
      const before = await totals();
      expect(await one(alert)).toEqual({ ...first, duplicate: true });
      expect(await one(alert)).toEqual({ ...first, duplicate: true });
      expect(await totals()).toEqual(before);
      expect(await engine.store.alert(numberOf(first.alert))).toMatchObject({ duplicates: 2 });
    });

    test("twice in one batch, in one request or in two", async () => {
      const alert = anAlert([device()]);
      const before = (await totals()) as { alerts: number; incidents: number };
      const answers = await ingestAlerts(engine.air, [
        { source: "siem", lab: false, alerts: [alert, alert], receivedAt: NOW },
        { source: "siem", lab: false, alerts: [alert], receivedAt: NOW },
      ]);
      expect(answers.flat().map((answer) => answer.duplicate)).toEqual([false, true, true]);
      expect(new Set(answers.flat().map((answer) => answer.incident)).size).toBe(1);
      expect(await totals()).toMatchObject({ alerts: before.alerts + 1, incidents: before.incidents + 1 });
      expect(await engine.store.alert(numberOf(answers[0]?.[0]?.alert))).toMatchObject({ duplicates: 2 });
    });

    test("of another source it is another alert", async () => {
      const alert = anAlert([]);
      const [[first], [second]] = (await ingestAlerts(engine.air, [
        { source: "siem", lab: false, alerts: [alert], receivedAt: NOW },
        { source: "edr", lab: false, alerts: [alert], receivedAt: NOW },
      ])) as [[Accepted], [Accepted]];
      expect([first.duplicate, second.duplicate]).toEqual([false, false]);
      expect(second.alert).not.toBe(first.alert);
    });

    test("names the surviving incident after a merge", async () => {
      const alert = anAlert([device()]);
      const gone = await one(alert);
      const survivor = await one(anAlert([device()]));
      await engine.store.transaction((tx) =>
        tx.updateIncident(numberOf(gone.incident), { status: "redirected", redirectTo: numberOf(survivor.incident) }),
      );
      expect(await one(alert)).toMatchObject({ alert: gone.alert, incident: survivor.incident, duplicate: true });
    });

    test("changed, it updates the row in place, and what is new in it is looked at", async () => {
      const known = device();
      const alert = anAlert([known], { severity: "medium" });
      const first = await one(alert);
      const investigation = numberOf(first.investigation);
      const [looked] = await engine.store.evidenceOf(investigation);
      await engine.store.transaction(async (tx) => {
        await tx.updateEvidence([{ id: looked?.id ?? 0, verdict: "unknown", judgement: null, remediation: "none", lookedRound: 1 }]);
        await tx.updateInvestigation(investigation, { round: 1 });
      });
      await engine.clearJobs();
      const added: Entity = { kind: "ip", address: "203.0.113.7" };
      const changed = {
        ...alert,
        title: "Now with an address",
        severity: "critical" as const,
        entities: [...alert.entities, { entity: added, roles: [] }],
      };
      expect(await one(changed)).toEqual({ ...first, duplicate: true, updated: true });
      expect(await engine.store.alert(numberOf(first.alert))).toMatchObject({
        title: "Now with an address",
        severity: "critical",
        duplicates: 1,
      });
      expect(await engine.store.incident(numberOf(first.incident))).toMatchObject({ severity: "critical", alertCount: 1 });
      expect((await engine.store.evidenceOf(investigation)).map((row) => [row.entity, row.lookedRound])).toEqual([
        [known, null],
        [added, null],
      ]);
      expect(await engine.store.investigation(investigation)).toMatchObject({ wanted: 2 });
      expect(await engine.jobs("investigate")).toMatchObject([{ data: { investigation } }]);
      // The same change once more is an exact repeat.
      expect(await one(changed)).toEqual({ ...first, duplicate: true });
    });
  });

  describe("what joins", () => {
    const sha256 = () => createHash("sha256").update(fresh("file")).digest("hex");
    let addresses = 0;
    const cases: [string, () => Entity, number, string][] = [
      ["device", () => device(), 24 * HOUR, "same device within 24 h"],
      ["file", () => ({ kind: "file", sha256: sha256() }), 24 * HOUR, "same file within 24 h"],
      ["url", () => ({ kind: "url", url: `https://${fresh("host")}.example/a` }), 24 * HOUR, "same url within 24 h"],
      ["user", () => ({ kind: "user", email: `${fresh("mia")}@contoso.com` }), 24 * HOUR, "same user within 24 h"],
      ["ip", () => ({ kind: "ip", address: `198.51.100.${++addresses}` }), HOUR, "same ip within 1 h"],
    ];
    test.each(cases)("%s: up to its window, either way in time, with the reason; not beyond", async (_, make, window, because) => {
      const shared = make();
      const at = async (ms: number) => one(anAlert([shared], { detectedAt: later(ms), title: `at ${ms}` }));
      const first = await at(0);
      const late = await at(window);
      expect(late.incident).toBe(first.incident);
      expect(await engine.store.alert(numberOf(late.alert))).toMatchObject({ joinedBecause: expect.stringMatching(`^${because} \\(`) });
      expect((await at(window * 3 + 1)).incident).not.toBe(first.incident);

      const lonely = make();
      const now = await one(anAlert([lonely]));
      expect((await one(anAlert([lonely], { detectedAt: later(-window) }))).incident).toBe(now.incident);
      expect((await one(anAlert([make()], { detectedAt: later(0) }))).incident).not.toBe(now.incident);
    });

    test("the source's own incident joins over any distance and before anything else", async () => {
      const shared = device();
      const nearer = await one(anAlert([shared]));
      const vendorIncident = { id: fresh("vendor") };
      const first = await one(anAlert([], { vendorIncident }));
      const second = await one(anAlert([shared], { vendorIncident, detectedAt: later(90 * 24 * HOUR) }));
      expect(second.incident).toBe(first.incident);
      // Assigned to somebody else, the nearer one stays apart; the source's incident is the stronger key.
      await engine.store.transaction((tx) => tx.updateIncident(numberOf(nearer.incident), { assignee: "mia" }));
      await engine.store.transaction((tx) => tx.updateIncident(numberOf(first.incident), { assignee: "noor" }));
      const third = await one(anAlert([shared], { vendorIncident }));
      expect(third.incident).toBe(first.incident);
      expect((await engine.store.incident(numberOf(nearer.incident)))?.status).toBe("open");
    });

    test("an alert that ties two open incidents merges them into the older, with everything that belongs to them", async () => {
      const [left, right] = [device(), device()];
      const older = await one(anAlert([left], { title: "Left" }));
      const younger = await one(anAlert([right], { title: "Right", severity: "critical" }));
      const bridge = await one(anAlert([left, right], { title: "Both" }));
      expect(bridge.incident).toBe(older.incident);
      expect(await engine.store.incident(numberOf(younger.incident))).toMatchObject({
        status: "redirected",
        redirectTo: numberOf(older.incident),
      });
      expect(await engine.store.incident(numberOf(older.incident))).toMatchObject({
        status: "open",
        alertCount: 3,
        severity: "critical",
        title: "Right and 2 more alerts",
      });
      const view = (await engine.store.incidentViews([numberOf(older.incident)])).get(numberOf(older.incident));
      expect(view?.alerts.map((row) => row.title)).toEqual(["Left", "Right", "Both"]);
      expect(view?.investigations.map((row) => row.id)).toEqual([numberOf(older.investigation), numberOf(younger.investigation)]);
      // The older investigation takes what is new; the younger goes on with its own.
      expect(bridge.investigation).toBe(older.investigation);
      expect(view?.timeline.map((row) => row.event)).toContain("incident-merged");
      // A repeat of what was merged away names the survivor, and so does whatever joins it now.
      expect((await one(anAlert([right]))).incident).toBe(older.incident);
    });

    test.each<[string, Entity]>([
      ["a private address", { kind: "ip", address: "10.0.0.5" }],
      ["a loopback address", { kind: "ip", address: "127.0.0.1" }],
      ["a link-local address", { kind: "ip", address: "169.254.3.4" }],
      ["a service account", { kind: "user", name: "NT AUTHORITY\\SYSTEM" }],
      [
        "a signed operating-system file",
        { kind: "file", sha256: "f".repeat(64), path: "C:\\Windows\\System32\\cmd.exe", signer: "Microsoft Windows" },
      ],
      ["an address of the organisation's own range", { kind: "ip", address: "203.0.113.200" }],
    ])("%s never joins", async (_, entity) => {
      engine.world.policy = { ...testPolicy, organization: { ...testPolicy.organization, internalRanges: ["203.0.113.192/26"] } };
      const first = await one(anAlert([entity]));
      const second = await one(anAlert([entity]));
      expect(second.incident).not.toBe(first.incident);
      expect((await engine.store.evidenceOf(numberOf(second.investigation))).map((row) => row.entity)).toEqual([entity]);
    });

    test("a closed incident takes nothing in any more, and the lab never meets the real world", async () => {
      const shared = device();
      const first = await one(anAlert([shared]));
      await engine.store.transaction((tx) => tx.updateIncident(numberOf(first.incident), { status: "closed", closedAt: NOW }));
      const second = await one(anAlert([shared]));
      expect(second.incident).not.toBe(first.incident);
      const [[lab]] = (await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [anAlert([shared])], receivedAt: NOW }])) as [
        [Accepted],
      ];
      expect(lab.incident).not.toBe(second.incident);
    });
  });

  describe("what starts an investigation", () => {
    test("informational starts none, and the row says why", async () => {
      const accepted = await one(anAlert([device()], { severity: "informational" }));
      expect(accepted.investigation).toBeNull();
      expect(await engine.store.alert(numberOf(accepted.alert))).toMatchObject({ policyRule: expect.stringContaining("informational") });
      expect(await engine.jobs("investigate")).toEqual([]);
    });
    test("an alert the source has resolved starts none", async () => {
      const accepted = await one(anAlert([device()], { status: "resolved" }));
      expect(accepted.investigation).toBeNull();
      expect(await engine.store.alert(numberOf(accepted.alert))).toMatchObject({ policyRule: "the source has already resolved it" });
      expect(await engine.jobs("investigate")).toEqual([]);
    });
    test("a policy in air.yaml decides otherwise", async () => {
      engine.world.policy = {
        ...testPolicy,
        alertPolicies: [
          { name: "a", match: { severity: ["informational"] }, outcome: "investigate", from: "alertPolicies[0] in air.yaml" },
          { name: "b", match: { source: ["siem"], category: ["Malware"] }, outcome: "post", from: "alertPolicies[1] in air.yaml" },
        ],
      };
      expect((await one(anAlert([device()], { severity: "informational" }))).investigation).not.toBeNull();
      expect((await one(anAlert([device()], { category: "malware" }))).investigation).toBeNull();
    });
    test("after an investigation has ended the next alert starts another one of the same incident", async () => {
      const shared = device();
      const first = await one(anAlert([shared]));
      await engine.store.transaction((tx) => tx.updateInvestigation(numberOf(first.investigation), { status: "benign", endedAt: NOW }));
      const second = await one(anAlert([shared]));
      expect(second.incident).toBe(first.incident);
      expect(second.investigation).not.toBe(first.investigation);
    });
  });

  describe("requests that arrive together", () => {
    const config = () => {
      const read = readConfig({}, () => undefined);
      if (!read.ok) throw new Error("the empty configuration must be valid");
      return read.config satisfies Config;
    };
    const generic = (id: string, more: object = {}) => ({
      id,
      title: "t",
      severity: "low",
      entities: [{ kind: "device", name: fresh("WS") }],
      ...more,
    });

    test("a request that cannot be read is refused by its field and stores nothing; the others are stored", async () => {
      const intake = createIntake(engine.air, config);
      const ids = [fresh("r"), fresh("r"), fresh("r")];
      const [first, , third] = await Promise.allSettled([
        intake("generic", generic(ids[0] ?? "")),
        (async () => intake("generic", [generic(ids[1] ?? ""), { ...generic("x"), severity: "terrible" }]))(),
        intake("generic", generic(ids[2] ?? "")),
      ]);
      await expect(
        (async () => intake("generic", [generic(ids[1] ?? ""), { ...generic("x"), severity: "terrible" }]))(),
      ).rejects.toMatchObject({
        code: "invalid",
        field: "alerts[1].severity",
      });
      expect([first?.status, third?.status]).toEqual(["fulfilled", "fulfilled"]);
      const stored = await engine.database.boss.executeSql("select source_id from alerts where source_id = any($1) order by source_id", [
        ids,
      ]);
      expect(stored.rows.map((row) => (row as { source_id: string }).source_id)).toEqual([ids[0], ids[2]].sort());
    });

    test("a request the database refuses fails alone, although they shared a transaction", async () => {
      const air = {
        ...engine.air,
        policy: engine.air.policy,
        store: {
          ...engine.store,
          // A row of one request is one the database cannot take.
          transaction: <T>(work: Parameters<Engine["store"]["transaction"]>[0]) =>
            engine.store.transaction((tx) =>
              work({
                ...tx,
                insertAlerts: (rows) =>
                  tx.insertAlerts(rows.map((row) => (row.title === "poison" ? { ...row, incidentId: Number.MAX_SAFE_INTEGER } : row))),
              }),
            ) as Promise<T>,
        },
      };
      const intake = createIntake(air, config);
      const results = await Promise.allSettled([
        intake("generic", generic(fresh("p"))),
        intake("generic", generic(fresh("p"), { title: "poison" })),
        intake("generic", generic(fresh("p"))),
      ]);
      expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    });
  });

  test("however the same alerts are cut into batches: each in exactly one incident, and the same ones together", async () => {
    // Each alert belongs to one of three groups and carries one or two of its group's names, so that nothing bridges two groups.
    const alertOf = fc.record({ group: fc.nat(2), second: fc.boolean(), gap: fc.nat(2 * HOUR) });
    await fc.assert(
      fc.asyncProperty(fc.array(alertOf, { minLength: 2, maxLength: 10 }), fc.array(fc.nat(3), { maxLength: 10 }), async (drawn, sizes) => {
        const grouping = async (cut: readonly number[]) => {
          const names = [0, 1, 2].map(() => [fresh("WS"), fresh("WS")] as const);
          let at = 0;
          const alerts = drawn.map(({ group, second, gap }) => {
            at += gap;
            const [main, other] = names[group] as readonly [string, string];
            return anAlert([device(main), ...(second ? [device(other)] : [])], { detectedAt: later(at), severity: "informational" });
          });
          const answers: Accepted[] = [];
          const queue = [...alerts];
          for (const size of [...cut, queue.length]) {
            const batch = queue.splice(0, size);
            if (batch.length === 0) continue;
            // Two requests of one batch, as the intake puts them together.
            const middle = Math.ceil(batch.length / 2);
            const requests = [batch.slice(0, middle), batch.slice(middle)].map((part) => ({
              source: "siem",
              lab: false,
              alerts: part,
              receivedAt: NOW,
            }));
            answers.push(...(await ingestAlerts(engine.air, requests)).flat());
          }
          expect(answers.map((answer) => answer.duplicate)).toEqual(alerts.map(() => false));
          const found = await Promise.all(answers.map((answer) => engine.store.alert(numberOf(answer.alert))));
          expect(found.map((row) => row?.incidentId)).toEqual(answers.map((answer) => numberOf(answer.incident)));
          const counts = Map.groupBy(answers, (answer) => answer.incident);
          for (const [incident, members] of counts) {
            expect(await engine.store.incident(numberOf(incident))).toMatchObject({ alertCount: members.length });
          }
          const order = [...counts.keys()];
          return answers.map((answer) => order.indexOf(answer.incident));
        };
        expect(await grouping(sizes)).toEqual(await grouping([]));
        expect(await grouping(drawn.map(() => 1))).toEqual(await grouping([]));
      }),
      { numRuns: 12 },
    );
  });
});

describe.runIf(DATABASES.includes("postgres"))("eight connections at once", () => {
  test.each([
    ["with a shared name", (): Entity[] => [{ kind: "device", name: fresh("WS") }]],
    ["with nothing to lock", (): Entity[] => []],
  ])(
    "the same alert %s is stored once, and all learn the same incident",
    async (_, make) => {
      const engine = await openEngine("postgres");
      const others = await Promise.all(
        Array.from({ length: 8 }, async () => {
          const database = await openDatabase({ url: engine.database.url, maxConnections: 2 });
          const queue = await startQueue(database, rememberingLog(), { worker: false });
          return { database, queue, air: { ...engine.air, store: createStore(database, queue) } };
        }),
      );
      try {
        for (let round = 0; round < 5; round++) {
          const alert = anAlert(make());
          const answers = await Promise.all(
            others.map(
              async ({ air }) => (await ingestAlerts(air, [{ source: "siem", lab: false, alerts: [alert], receivedAt: NOW }])).flat()[0],
            ),
          );
          expect(answers.filter((answer) => !answer?.duplicate)).toHaveLength(1);
          expect(new Set(answers.map((answer) => answer?.incident)).size).toBe(1);
          expect(await engine.store.alert(numberOf(answers[0]?.alert))).toMatchObject({ duplicates: 7 });
        }
        // Different alerts about one device, all at once, make one incident.
        const shared: Entity = { kind: "device", name: fresh("WS") };
        const joined = await Promise.all(
          others.map(
            async ({ air }) =>
              (await ingestAlerts(air, [{ source: "siem", lab: false, alerts: [anAlert([shared])], receivedAt: NOW }])).flat()[0],
          ),
        );
        expect(new Set(joined.map((answer) => answer?.incident)).size).toBe(1);
        expect(new Set(joined.map((answer) => answer?.investigation)).size).toBe(1);
        expect(await engine.store.incident(numberOf(joined[0]?.incident))).toMatchObject({ alertCount: 8 });
      } finally {
        for (const { queue, database } of others) {
          await queue.stop(500);
          await database.close();
        }
        await engine.close();
      }
    },
    60_000,
  );
});
