import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "../../src/db/connect.ts";
import type { Db } from "../../src/db/driver.ts";
import { JobTakenOver, type RunningQueue, startQueue } from "../../src/db/queue.ts";
import { messages, settings } from "../../src/db/schema.ts";
import { transactionStore } from "../../src/db/store/tx.ts";
import type { QueuedJob } from "../../src/engine/queue.ts";
import { eventually } from "../support/eventually.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";
import { rememberingLog } from "../support/remembering-log.ts";

const NOW = new Date("2026-10-05T09:00:00.000Z");

/** A database and its queue, working or only sending. Handlers are set per test: a worker cannot be taken back. */
async function openQueue(kind: "embedded" | "postgres", options: { worker: boolean; pollSeconds?: number }) {
  const database = await openTestDb(kind);
  const log = rememberingLog();
  const queue = await startQueue(database, log, options);
  return { database, queue, log };
}

const jobRows = async (database: Database, name: string) => {
  const { rows } = await database.boss.executeSql(
    "select data, state, retry_count::int as attempt, id from pgboss.job where name = $1 order by created_on, id",
    [name],
  );
  return rows as { data: Record<string, unknown>; state: string; attempt: number; id: string }[];
};

describe.each(DATABASES)("sending, %s", (kind) => {
  let database: Database;
  let queue: RunningQueue;
  beforeAll(async () => {
    ({ database, queue } = await openQueue(kind, { worker: false }));
  });
  beforeEach(async () => {
    await database.boss.executeSql("delete from pgboss.job");
  });
  afterAll(async () => {
    await queue.stop(1000);
    await database.close();
  });

  test("a job appears with the commit of its cause", async () => {
    await database.transaction(async (tx) => {
      await tx.insert(settings).values({ key: "cause", value: 1 });
      await queue.send(tx, "investigate", { investigation: 7 }, { key: "INV-7" });
    });
    expect(await jobRows(database, "investigate")).toMatchObject([{ data: { investigation: 7 }, state: "created" }]);
  });

  test("and goes with its rollback", async () => {
    const broken = database.transaction(async (tx) => {
      await tx.insert(settings).values({ key: "rolled-back", value: 1 });
      await queue.sendMany(tx, "investigate", [{ data: { investigation: 8 }, key: "INV-8" }]);
      throw new Error("something else failed");
    });
    await expect(broken).rejects.toThrow("something else failed");
    expect(await jobRows(database, "investigate")).toEqual([]);
    expect(await database.db.select().from(settings).where(eq(settings.key, "rolled-back"))).toEqual([]);
  });

  test("the same work asked for again while it waits is one job; other work is another", async () => {
    const ask = (...keys: string[]) =>
      database.transaction((tx) =>
        queue.sendMany(
          tx,
          "publish",
          keys.map((key) => ({ data: { channel: key }, key })),
        ),
      );
    await ask("slack:C1");
    await ask("slack:C1", "slack:C2", "slack:C2");
    expect((await jobRows(database, "publish")).map((row) => row.data.channel).sort()).toEqual(["slack:C1", "slack:C2"]);
    expect(await queue.depth()).toEqual({
      investigate: 0,
      publish: 2,
      "execute-action": 0,
      "recheck-action": 0,
      "send-pages": 0,
      "ask-rota": 0,
      poll: 0,
      "watch-snoozes": 0,
      "write-back": 0,
      retain: 0,
      sweep: 0,
    });
  });

  test("work wanted now does not wait behind the same work put off for later", async () => {
    const later = new Date(Date.now() + 3_600_000);
    await database.transaction((tx) => queue.send(tx, "publish", { channel: "slack:C3" }, { key: "slack:C3", startAfter: later }));
    await database.transaction((tx) => queue.send(tx, "publish", { channel: "slack:C3" }, { key: "slack:C3" }));
    const { rows } = await database.boss.executeSql("select start_after <= now() as due from pgboss.job where name = 'publish'");
    expect(rows).toEqual([{ due: true }]);
  });
});

describe.each(DATABASES)("working, %s", (kind) => {
  let database: Database;
  let queue: RunningQueue;
  let log: ReturnType<typeof rememberingLog>;
  let onInvestigate: (job: QueuedJob<"investigate">) => Promise<void> = async () => {};
  let onPublish: (job: QueuedJob<"publish">) => Promise<void> = async () => {};
  let onExecute: (job: QueuedJob<"execute-action">) => Promise<void> = async () => {};
  const send = (investigation: number) =>
    database.transaction((tx) => queue.send(tx, "investigate", { investigation }, { key: `INV-${investigation}` }));
  beforeAll(async () => {
    ({ database, queue, log } = await openQueue(kind, { worker: true }));
    await queue.work("investigate", 6, (job) => onInvestigate(job));
    await queue.work("publish", 2, (job) => onPublish(job));
    await queue.work("execute-action", 1, (job) => onExecute(job));
  });
  afterAll(async () => {
    await queue.stop(5000);
    await database.close();
  });

  test("a job is carried out once, its effect and its completion together", async () => {
    onInvestigate = (job) =>
      queue.settle(job, async (tx) => {
        await tx
          .insert(settings)
          .values({ key: `done-${job.data.investigation}`, value: 1 })
          .onConflictDoUpdate({ target: settings.key, set: { value: sql`to_jsonb((${settings.value})::int + 1)` } });
      });
    for (const id of [101, 102, 103]) await send(id);
    await eventually(async () => (await jobRows(database, "investigate")).every((row) => row.state === "completed"), "all jobs completed");
    const rows = await database.db.select().from(settings).orderBy(settings.key);
    expect(rows.filter((row) => row.key.startsWith("done-")).map((row) => [row.key, row.value])).toEqual([
      ["done-101", 1],
      ["done-102", 1],
      ["done-103", 1],
    ]);
  });

  test("an attempt that lost its job is rolled back whole", async () => {
    const outcomes: string[] = [];
    onExecute = async (job) => {
      const stale = { ...job, attempt: job.attempt + 1 };
      await queue
        .settle(stale, async (tx) => {
          await tx.insert(settings).values({ key: "by-the-stale-attempt", value: 1 });
        })
        .catch((error: unknown) => outcomes.push(error instanceof JobTakenOver ? "taken over" : String(error)));
      await queue.settle(job, async (tx) => {
        await tx.insert(settings).values({ key: "by-the-owner", value: 1 });
      });
      // A second settle of the same attempt has nothing left to complete.
      await queue.settle(job, async () => {}).catch((error: unknown) => outcomes.push((error as Error).name));
    };
    await database.transaction((tx) => queue.send(tx, "execute-action", { action: 1 }, { key: "ACT-1" }));
    await eventually(() => outcomes.length === 2, "both refused settles");
    expect(outcomes).toEqual(["taken over", "JobTakenOver"]);
    const keys = (await database.db.select().from(settings)).map((row) => row.key);
    expect(keys).toContain("by-the-owner");
    expect(keys).not.toContain("by-the-stale-attempt");
  });

  test("a job that failed is tried again, as the next attempt", async () => {
    const attempts: number[] = [];
    onExecute = async (job) => {
      attempts.push(job.attempt);
      if (attempts.length === 1) throw new Error("not today");
      await queue.settle(job, async () => {});
    };
    await database.transaction((tx) => queue.send(tx, "execute-action", { action: 2 }, { key: "ACT-2" }));
    await eventually(() => attempts.length === 2, "the second attempt");
    expect(attempts).toEqual([0, 1]);
    expect(log.lines.filter((line) => line.message.startsWith("job failed"))).toHaveLength(1);
  });

  test("no wake-up is lost: what a transaction still open wants while the job runs is shown in the end", async () => {
    const channel = "slack:CLOST";
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    let settled = 0;
    onPublish = async (job) => {
      runs++;
      const stale = await database.db.select().from(messages).where(eq(messages.channel, channel));
      if (runs === 1) await gate.promise;
      await queue.settle(job, async (tx) => {
        const store = transactionStore(tx, queue);
        await store.noteDelivery(stale.map((row) => ({ ...row, shown: row.wanted })));
        await store.lockChannel(channel);
        if (await store.nextStaleAt(channel)) await store.enqueue("publish", { channel }, { key: channel });
      });
      settled++;
    };
    const want = (tx: Db, incidentId: number) =>
      transactionStore(tx, queue).wantMessages(
        [{ channel, subject: `incident:${incidentId}`, incidentId, thread: null, priority: 20 }],
        NOW,
      );
    await database.transaction((tx) => want(tx, 1));
    await eventually(() => runs === 1);
    const commit = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    const writer = database.transaction(async (tx) => {
      await want(tx, 2);
      written.resolve();
      // The embedded database has one connection: there the job's end comes whole after this transaction.
      if (kind === "postgres") await commit.promise;
    });
    await written.promise;
    gate.resolve();
    if (kind === "postgres") {
      const waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      await eventually(async () => settled > 0 || (await database.boss.executeSql(waits)).rows.length > 0, "the job at its end");
      commit.resolve();
    }
    await writer;
    await eventually(async () => {
      const rows = await database.db.select().from(messages).where(eq(messages.channel, channel));
      return rows.length === 2 && rows.every((row) => row.shown === row.wanted);
    }, "both messages shown as wanted");
  });

  test("a waiting twin of a running job holds up nobody else", async () => {
    let letFirstEnd = () => {};
    const mayEnd = new Promise<void>((resolve) => {
      letFirstEnd = resolve;
    });
    const started: number[] = [];
    onInvestigate = async (job) => {
      started.push(job.data.investigation);
      if (job.data.investigation === 201 && started.filter((id) => id === 201).length === 1) await mayEnd;
      await queue.settle(job, async () => {});
    };
    await send(201);
    await eventually(() => started.includes(201));
    await send(201);
    await send(202);
    await send(203);
    await eventually(() => started.includes(202) && started.includes(203), "the others, while 201 runs and its twin waits");
    expect(started.filter((id) => id === 201)).toHaveLength(1);
    letFirstEnd();
    await eventually(() => started.filter((id) => id === 201).length === 2, "the twin, afterwards");
  });
});

describe.each(DATABASES)("slots that never look by themselves, %s", (kind) => {
  test("sixty jobs on six slots: each slot that ends one fetches the next", async () => {
    const { database, queue } = await openQueue(kind, { worker: true, pollSeconds: 3600 });
    let done = 0;
    let running = 0;
    let most = 0;
    await queue.work("investigate", 6, async (job) => {
      most = Math.max(most, ++running);
      await queue.settle(job, async () => {});
      running--;
      done++;
    });
    await database.transaction((tx) =>
      queue.sendMany(
        tx,
        "investigate",
        Array.from({ length: 60 }, (_, index) => ({ data: { investigation: 1000 + index }, key: `INV-${1000 + index}` })),
      ),
    );
    await eventually(() => done === 60, "sixty jobs", 60_000);
    expect(most).toBeLessThanOrEqual(6);
    await queue.stop(1000);
    await database.close();
  });
});

describe("the embedded queue after a death", () => {
  test("what was running when the process ended is taken back at the next start", async () => {
    const database = await openDatabase({});
    const first = await startQueue(database, rememberingLog(), { worker: false });
    await database.transaction((tx) => first.send(tx, "execute-action", { action: 9 }, { key: "ACT-9" }));
    // As the dead process left it: fetched, never completed.
    await database.boss.executeSql("update pgboss.job set state = 'active', started_on = now() where name = 'execute-action'");
    await first.stop(1000);
    const second = await startQueue(database, rememberingLog(), { worker: true });
    const attempts: number[] = [];
    await second.work("execute-action", 1, async (job) => {
      attempts.push(job.attempt);
      await second.settle(job, async () => {});
    });
    await eventually(() => attempts.length > 0, "the job again");
    expect(attempts).toEqual([1]);
    await second.stop(1000);
    await database.close();
  });
});
