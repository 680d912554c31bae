import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../src/db/connect.ts";
import { startQueue } from "../../src/db/queue.ts";
import { createStore } from "../../src/db/store/store.ts";
import { inTransaction } from "../../src/db/store/tx.ts";
import type { Air } from "../../src/engine/air.ts";
import type { Alert } from "../../src/engine/domain/alert.ts";
import { type Entity, entityKey, evidenceKeys } from "../../src/engine/domain/entity.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { investigate } from "../../src/engine/investigate.ts";
import type { New, ObservationRow } from "../../src/engine/store.ts";
import { eventually } from "../support/eventually.ts";
import { NOTHING, NOW, openLab } from "../support/lab-capabilities.ts";
import { giveBackJobs, mortalAir, PARTS, type Part } from "../support/mortal-air.ts";
import { anAlert, type Engine, numberOf, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES, stride } from "../support/open-test-db.ts";
import { rememberingLog } from "../support/remembering-log.ts";

const SHA256 = "5e".repeat(32);
const FILE = { kind: "file", sha256: SHA256, name: "invoice.pdf.exe", path: "C:\\Users\\mia\\Downloads\\invoice.pdf.exe" } as const;
const ENTITIES: Entity[] = [
  { kind: "device", name: "WS-1" },
  { ...FILE, device: "WS-1" },
  // The same file elsewhere: evidence of its own, and one question to threat intelligence.
  { ...FILE, device: "WS-2" },
  {
    kind: "process",
    name: "vssadmin.exe",
    commandLine: "vssadmin.exe delete shadows /all /quiet",
    pid: 44,
    parent: FILE.path,
    device: "WS-1",
  },
  { kind: "url", url: "https://contoso-login.portal.example/verify" },
  { kind: "user", email: "mia@contoso.com" },
];

/** Malware on two devices, seen on a third, run by somebody who signed in from a strange place. */
const alert = (): Alert => {
  const made = anAlert(ENTITIES, { sourceId: "durable-1", category: "Malware", title: "Malware on WS-1" });
  for (const named of made.entities) if (named.entity.kind === "file") named.verdict = "malicious";
  return made;
};

/** As if nothing had ever happened, ids included. */
async function begin(engine: Engine): Promise<void> {
  await engine.empty();
  const { capabilities, store } = openLab();
  await store.put("file", SHA256, { devices: ["WS-3"], deletesBackups: false, readsPasswords: false });
  await store.put("user", "mia@contoso.com", {
    email: "mia@contoso.com",
    name: "Mia",
    enabled: true,
    privileged: [],
    sessions: 2,
    signIns: [{ at: new Date(NOW.getTime() - 3_600_000).toISOString(), ip: "185.220.101.7", app: "Outlook", result: "success" }],
  });
  Object.assign(engine.world, {
    now: NOW,
    capabilities,
    policy: { ...testPolicy, deviceGroups: [{ name: "all", automation: "full" }] },
    channels: [{ channels: ["slack:C1"], post: "all" }],
  });
  await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [alert()], receivedAt: NOW }]);
}

const sorted = <T>(rows: readonly T[]): T[] => rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/** Everything an investigation leaves behind, without ids and in an order of its own. */
async function endOf(engine: Engine) {
  const { store } = engine;
  const evidence = await store.evidenceOf(1);
  const actions = await store.actionsOf(1);
  const names = new Map([
    ...evidence.map((row): [string, string] => [`EVD-${row.id}`, evidenceKeys(row.entity)[0]]),
    ...actions.map((row): [string, string] => [`ACT-${row.id}`, `${row.kind} ${entityKey(row.target)}`]),
  ]);
  const named = (text: string) => text.replace(/(EVD|ACT)-\d+/g, (id) => names.get(id) ?? id);
  const row = await store.investigation(1);
  const jobs = await engine.jobs();
  return {
    investigation: { status: row?.status, round: row?.round, wanted: row?.wanted, playbooks: row?.playbooks, advice: row?.advice },
    evidence: sorted(
      evidence.map(({ entity, said, verdict, judgement, remediation, lookedRound, foundBy }) => ({
        key: evidenceKeys(entity)[0],
        said,
        verdict,
        judgement: judgement && {
          ...judgement,
          for: sorted(judgement.for),
          against: sorted(judgement.against),
          missing: sorted(judgement.missing),
        },
        remediation,
        lookedRound,
        foundBy,
      })),
    ),
    observations: sorted(
      (await store.observationsOf(1)).map(({ id: _id, evidenceId, tookMs: _tookMs, ...seen }) => ({
        of: names.get(`EVD-${evidenceId}`),
        ...seen,
      })),
    ),
    actions: sorted(actions.map(({ id: _id, evidenceId, ...action }) => ({ of: names.get(`EVD-${evidenceId}`), ...action }))),
    timeline: sorted((await store.timelineOf(1)).map(({ event, text, actor }) => ({ event, text: named(text), actor }))),
    audit: sorted(
      (await store.auditLines(0, 1000)).map(({ line }) => {
        const { seq: _seq, prev: _prev, ...entry } = JSON.parse(line) as { event: string; subject: string; seq: number; prev: string };
        return { ...entry, subject: named(entry.subject) };
      }),
    ),
    jobs: sorted(jobs.map((job) => ({ name: job.name, key: named(job.key) }))),
    // How often a card was wanted is a matter of time: a slow round shows "Running" in between.
    messages: sorted((await store.rootMessages("slack:C1", 100)).map(({ subject, priority }) => ({ subject, priority }))),
  };
}

/** What is answered by rows: nobody needs to ask it again. */
async function answered(engine: Engine): Promise<Set<string>> {
  const evidence = new Map((await engine.store.evidenceOf(1)).map((row) => [row.id, row.entity]));
  return new Set(
    (await engine.store.observationsOf(1)).flatMap(({ evidenceId, look, source, analyzer }) => {
      const entity = evidence.get(evidenceId);
      if (!entity) return [];
      const reputation = /-reputation$|^sandbox-report$/.test(analyzer) ? [`${source} ${entityKey(entity)}`] : [];
      return [`${evidenceKeys(entity)[0]} ${look}`, ...reputation];
    }),
  );
}

describe.each(DATABASES)("killed at any line, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());

  const undisturbed = async () => {
    await begin(engine);
    const air = mortalAir(engine);
    await air.work();
    return { calls: air.calls, asked: air.asked, end: await endOf(engine) };
  };

  test("what is disturbed below is worth disturbing", async () => {
    const { calls, asked, end } = await undisturbed();
    expect([...new Set(calls.map(({ part }) => part))].sort()).toEqual(PARTS.toSorted());
    expect(end.investigation).toMatchObject({ status: "pendingApproval", round: 2, wanted: 2 });
    expect(asked.filter((question, index) => asked.indexOf(question) !== index)).toEqual([]);
    expect(asked.length).toBeGreaterThan(30);
    expect(end.evidence.flatMap(({ key, foundBy }) => (foundBy === null ? [] : [key]))).toEqual(["device:name:ws-2", "device:name:ws-3"]);
    expect(end.jobs.filter(({ name }) => name === "execute-action")).toHaveLength(2);
    expect(end.audit.filter(({ event }) => event === "action.approved-automatically")).toHaveLength(2);
  });

  test.each(["before", "after"] as const)(
    "at each call, %s it takes effect: nothing is lost, done twice or asked twice",
    {
      timeout: 300_000,
    },
    async (moment) => {
      const { end } = await undisturbed();
      const killed = new Set<Part>();
      for (let at = 1; ; at += stride(kind)) {
        await begin(engine);
        const first = mortalAir(engine, { at, moment });
        await first.work();
        if (!first.isDead()) break;
        const { what, part } = first.calls[at - 1]!;
        const where = `killed ${moment} call ${at}, ${what} (${part})`;
        killed.add(part);
        const known = await answered(engine);
        await giveBackJobs(engine);
        const second = mortalAir(engine);
        await second.work();
        expect(
          second.asked.filter((question) => known.has(question)),
          `${where}: asked again`,
        ).toEqual([]);
        expect(await endOf(engine), where).toEqual(end);
      }
      if (stride(kind) === 1) expect([...killed].sort()).toEqual(PARTS.toSorted());
    },
  );

  test.each([1, 2, 3, 4, 5])("again and again (%d): it still comes to the same end", { timeout: 180_000 }, async (seed) => {
    const { end } = await undisturbed();
    await begin(engine);
    let state = seed;
    let deaths = 0;
    for (;;) {
      // Far enough for a round that has nothing left to ask, so that it can end at all.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const known = await answered(engine);
      const air = mortalAir(engine, { at: 5 + (state % 60), moment: state % 2 === 0 ? "before" : "after" });
      await air.work();
      expect(
        air.asked.filter((question) => known.has(question)),
        "asked again",
      ).toEqual([]);
      if (!air.isDead()) break;
      deaths++;
      await giveBackJobs(engine);
    }
    expect(deaths).toBeGreaterThan(1);
    expect(await endOf(engine)).toEqual(end);
  });

  test("an answer that comes after a failure is kept whole", async () => {
    await begin(engine);
    const [evidence] = await engine.store.evidenceOf(1);
    const row: New<ObservationRow> = {
      evidenceId: evidence?.id ?? 0,
      investigationId: 1,
      look: "indicator-lists/list",
      part: 0,
      analyzer: "indicator-lists",
      source: "list",
      family: "list",
      label: "failed",
      weight: 0,
      text: "not answered",
      technique: null,
      raw: null,
      rawSha256: null,
      connectorVersion: "1",
      found: null,
      decisive: null,
      at: NOW,
      askedAt: NOW,
      tookMs: 15_000,
      createdAt: NOW,
    };
    await engine.store.saveObservations([row]);
    const later = new Date(NOW.getTime() + 60_000);
    const answer: New<ObservationRow> = {
      ...row,
      label: "benign",
      weight: 3,
      text: "on the allow list",
      technique: "T1204",
      raw: { list: "ours" },
      rawSha256: "ab".repeat(32),
      connectorVersion: "2",
      found: [{ kind: "device", name: "WS-9" }],
      decisive: "allow",
      at: later,
      askedAt: later,
      tookMs: 7,
      createdAt: later,
    };
    await engine.store.saveObservations([answer]);
    // And stands, whatever comes after.
    await engine.store.saveObservations([{ ...row, label: "malicious" }]);
    expect(await engine.store.observationsOf(1)).toEqual([{ id: expect.any(Number), ...answer, rawRemovedAt: null }]);
  });

  test("the same file on a device found later costs no question", async () => {
    const file: Entity = { ...FILE, device: "WS-1" };
    await begin(engine);
    await mortalAir(engine).work();
    const found: Entity = { ...file, device: "WS-7" };
    await ingestAlerts(engine.air, [
      {
        source: "siem",
        lab: true,
        alerts: [anAlert([{ kind: "device", name: "WS-1" }, found], { sourceId: "durable-2", category: "Malware" })],
        receivedAt: NOW,
      },
    ]);
    const air = mortalAir(engine);
    await air.work();
    expect(air.calls.length).toBeGreaterThan(20);
    expect(air.asked.filter((question) => question.includes("reputation") || question.startsWith("Lab "))).toEqual([]);
    const [there] = (await engine.store.evidenceOf(1)).filter(({ entity }) => entity.kind === "file" && entity.device === "WS-7");
    expect(there).toMatchObject({ verdict: "malicious", lookedRound: 3 });
  });
});

/** Something that waits for as long as a test wants. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: () => resolve() };
}

describe.each(DATABASES)("under a flood of new alerts, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());

  const NEW = 500;
  const flood = (from: number) =>
    ingestAlerts(engine.air, [
      {
        source: "siem",
        lab: true,
        alerts: Array.from({ length: NEW }, (_, index) => anAlert([{ kind: "device", name: `FLOOD-${from + index}` }])),
        receivedAt: NOW,
      },
    ]);

  test("an investigation that has begun goes on before what has not, also when an alert wants it meanwhile", {
    timeout: 180_000,
  }, async () => {
    await begin(engine);
    const looking = gate();
    const answer = gate();
    const { reputation } = engine.world.capabilities;
    engine.world.capabilities = {
      ...engine.world.capabilities,
      reputation: reputation.map((source) => ({
        ...source,
        look: async (entity, signal) => {
          looking.open();
          await answer.passed;
          return source.look(entity, signal);
        },
      })),
    };
    const order: number[] = [];
    const enough = gate();
    await engine.queue.work("investigate", 1, async (job) => {
      order.push(job.data.investigation);
      if (order.length === 4) enough.open();
      if (order.length >= 4) return new Promise(() => {});
      return investigate(engine.air, job.data.investigation, (effect) =>
        engine.queue.settle(job, (db) => inTransaction(db, engine.queue, effect)),
      );
    });
    await looking.passed;
    await flood(0);
    const more = anAlert([{ kind: "device", name: "WS-1" }], { sourceId: "durable-3", category: "Malware" });
    const [joined] = (await ingestAlerts(engine.air, [{ source: "siem", lab: true, alerts: [more], receivedAt: NOW }])).flat();
    expect(joined?.investigation).toBe("INV-1");
    // Its wake-up stands behind the flood now.
    await flood(NEW);
    answer.open();
    await enough.passed;
    expect(order.slice(0, 2)).toEqual([1, 1]);
    expect(order.slice(2).every((id) => id > 1)).toBe(true);
    expect(await engine.store.investigation(1)).toMatchObject({ round: 2 });
  });
});

describe.skipIf(!DATABASES.includes("postgres"))("two workers on one database, postgres", () => {
  const INCIDENTS = 4;
  const ALERTS = 12;

  /** One worker: a pool and a queue of its own, as another process would have them. */
  async function openWorker(url: string) {
    const database = await openDatabase({ url, maxConnections: 5 });
    const queue = await startQueue(database, rememberingLog(), { worker: true });
    return { database, queue, store: createStore(database, queue) };
  }
  type Worker = Awaited<ReturnType<typeof openWorker>>;
  let base: Engine;
  let workers: [Worker, Worker];
  beforeEach(async () => {
    base = await openEngine("postgres");
    const url = base.database.url ?? "";
    workers = [await openWorker(url), await openWorker(url)];
  });
  afterEach(async () => {
    for (const { queue, database } of workers) {
      await queue.stop(2000).catch(() => {});
      await database.close();
    }
    await base.close();
  });

  /** Rounds as they began and ended, and what they asked. `dead`: that worker's rounds count no more. */
  function watched(look: (worker: number, entity: Entity) => Promise<void>) {
    const running = new Map<number, number[]>();
    const seen = { overlaps: [] as string[], rounds: [0, 0], asked: [] as string[], dead: -1 };
    const airOf = (worker: number): Air => ({
      ...base.air,
      store: workers[worker]!.store,
      capabilities: {
        ...NOTHING,
        reputation: [
          {
            name: "slow",
            family: "slow",
            kinds: ["file"],
            look: async (entity) => {
              seen.asked.push(entityKey(entity));
              await look(worker, entity);
              return { label: "benign", weight: 2, text: "clean", at: NOW };
            },
          },
        ],
      },
    });
    const work = (worker: number, slots: number) => {
      const { queue } = workers[worker]!;
      const air = airOf(worker);
      return queue.work("investigate", slots, async (job) => {
        const id = job.data.investigation;
        const others = (running.get(id) ?? []).filter((one) => one !== seen.dead);
        if (others.length > 0) seen.overlaps.push(`INV-${id} by ${worker} while by ${others.join()}`);
        running.set(id, [...others, worker]);
        seen.rounds[worker]! += 1;
        const leave = () =>
          running.set(
            id,
            (running.get(id) ?? []).filter((one) => one !== worker),
          );
        try {
          // A round is over with its commit. The other worker may hear of that, and begin, before this one hears of it itself.
          await investigate(air, id, (effect) =>
            queue.settle(job, async (db) => {
              await inTransaction(db, queue, effect);
              leave();
            }),
          );
        } finally {
          leave();
        }
      });
    };
    return { seen, work };
  }
  const file = (incident: number, number: number): Entity => ({
    kind: "file",
    sha256: createHash("sha256").update(`${incident} ${number}`).digest("hex"),
    device: `WS-${incident}`,
  });
  const ingest = (worker: number, incident: number, number: number) =>
    ingestAlerts({ ...base.air, store: workers[worker]!.store }, [
      {
        source: "siem",
        lab: false,
        alerts: [anAlert([{ kind: "device", name: `WS-${incident}` }, file(incident, number)], { sourceId: `two-${incident}-${number}` })],
        receivedAt: NOW,
      },
    ]);
  const done = async () => {
    const { items } = await base.store.listInvestigations({ limit: 100 });
    return items.length > 0 && items.every((row) => row.round === row.wanted && row.endedAt !== null) ? items : undefined;
  };

  test("however often both are woken, no two rounds of one investigation overlap, and each question is asked once", {
    timeout: 180_000,
  }, async () => {
    const { seen, work } = watched(() => pause(15));
    await work(0, 3);
    await work(1, 3);
    for (let number = 0; number < ALERTS; number++) {
      // Alerts come in by both, and each is a wake-up; more of them come from nowhere.
      await Promise.all(
        Array.from({ length: INCIDENTS }, async (_, incident) => {
          const accepted = (await ingest((incident + number) % 2, incident, number)).flat();
          const id = numberOf(accepted[0]?.investigation);
          await Promise.all(
            workers.map(({ store }) =>
              store.transaction((tx) => tx.enqueue("investigate", { investigation: id }, { key: `INV-${id}`, urgent: number % 2 === 0 })),
            ),
          );
        }),
      );
    }
    const items = await eventually(done, "the end of every investigation", 60_000);
    expect(seen.overlaps).toEqual([]);
    expect(seen.rounds.every((rounds) => rounds > 0)).toBe(true);
    expect(seen.rounds[0]! + seen.rounds[1]!).toBeGreaterThanOrEqual(items.length);
    expect(seen.asked.toSorted()).toEqual([...new Set(seen.asked)].sort());
    expect(new Set(seen.asked)).toEqual(
      new Set(Array.from({ length: INCIDENTS * ALERTS }, (_, index) => entityKey(file(index % INCIDENTS, Math.floor(index / INCIDENTS))))),
    );
  });

  test("a worker that is gone in the middle of a round is replaced, and what it was told before is not asked again", {
    timeout: 180_000,
  }, async () => {
    const lost = entityKey(file(0, 1));
    const asking = gate();
    const never = gate();
    const { seen, work } = watched(async (worker, entity) => {
      if (worker !== 0 || entityKey(entity) !== lost) return;
      asking.open();
      await never.passed;
    });
    await work(0, 1);
    const [accepted] = (
      await ingestAlerts(base.air, [
        {
          source: "siem",
          lab: false,
          alerts: [anAlert([{ kind: "device", name: "WS-0" }, ...[0, 1, 2].map((number) => file(0, number))])],
          receivedAt: NOW,
        },
      ])
    ).flat();
    const id = numberOf(accepted?.investigation);
    await asking.passed;
    const answers = async () => (await base.store.observationsOf(id)).filter(({ look }) => look === "file-reputation/slow");
    await eventually(async () => (await answers()).length === 2, "the answers that came");
    await work(1, 1);
    // It is alive, and its round is its own.
    const other = numberOf((await ingest(1, 9, 9)).flat()[0]?.investigation);
    await eventually(async () => (await base.store.investigation(other))?.endedAt, "another investigation");
    expect(seen.rounds).toEqual([1, 1]);
    seen.dead = 0;
    await workers[0].database.close();
    await eventually(done, "the end after the death", 40_000);
    expect(seen.overlaps).toEqual([]);
    expect(seen.rounds).toEqual([1, 2]);
    const times = (number: number) => seen.asked.filter((key) => key === entityKey(file(0, number))).length;
    expect([times(0), times(1), times(2)]).toEqual([1, 2, 1]);
    never.open();
    expect((await base.store.timelineOf(id)).filter(({ event }) => event === "investigation-ended")).toHaveLength(1);
  });
});
