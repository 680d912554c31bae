import { PgBoss } from "pg-boss";
import type { Log } from "../engine/ports.ts";
import type { JobName, JobOf, JobTiming, Queue, QueuedJob } from "../engine/queue.ts";
import type { Database } from "./connect.ts";
import type { BossConnection, Db } from "./driver.ts";
import { sqlState } from "./errors.ts";

/**
 * pg-boss behind our port, used by the rules measured for it:
 * self-waking slots of one job each (localConcurrency sleeps until the next notify or poll), heartbeats instead of long expiry,
 * completion in the transaction of the effect, fenced by the attempt.
 *
 * `stately`: at most one waiting and one running job per key, by an index, so it holds across processes. A send that meets a waiting
 * twin is swallowed; therefore the sender first raises a row's `wanted` and the handler reads that row locked before it settles.
 */
type Options = {
  policy: "standard" | "stately";
  heartbeatSeconds: number;
  expireInSeconds: number;
  retryLimit: number;
  retryDelay: number;
  retryDelayMax: number;
};
const QUEUES: Record<JobName, Options> = {
  investigate: { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 900, retryLimit: 20, retryDelay: 1, retryDelayMax: 300 },
  publish: { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 900, retryLimit: 1000, retryDelay: 1, retryDelayMax: 30 },
  "execute-action": { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 900, retryLimit: 50, retryDelay: 1, retryDelayMax: 300 },
  "recheck-action": { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 300, retryLimit: 3, retryDelay: 5, retryDelayMax: 60 },
  "send-pages": { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 300, retryLimit: 50, retryDelay: 1, retryDelayMax: 30 },
  // What the source answers is no failure of the job: a poll keeps itself when it may ask again, and the next tick asks for it.
  poll: { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 900, retryLimit: 3, retryDelay: 5, retryDelayMax: 60 },
  "ask-rota": { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 60, retryLimit: 1, retryDelay: 5, retryDelayMax: 60 },
  "watch-snoozes": { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 300, retryLimit: 1, retryDelay: 5, retryDelayMax: 60 },
  "write-back": { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 900, retryLimit: 3, retryDelay: 5, retryDelayMax: 60 },
  // It works in transactions of its own: whoever takes it up after a death goes on where it stopped.
  retain: { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 3600, retryLimit: 10, retryDelay: 5, retryDelayMax: 300 },
  sweep: { policy: "stately", heartbeatSeconds: 10, expireInSeconds: 300, retryLimit: 3, retryDelay: 1, retryDelayMax: 30 },
};
/** Queues whose jobs are also put off: to the next retry, the next look at a running operation. */
const DEFERS: ReadonlySet<JobName> = new Set(["publish", "execute-action"]);
const JOB_NAMES = Object.keys(QUEUES) as JobName[];

type BossJob = { id: string; data: unknown; retryCount: number };

export type RunningQueue = Queue<Db> & {
  /** Starts `slots` workers of one queue. */
  work: <N extends JobName>(name: N, slots: number, handler: (job: QueuedJob<N>) => Promise<void>) => Promise<void>;
  /** Effect and completion in one transaction, only for the attempt that still owns the job. */
  settle: <N extends JobName>(job: QueuedJob<N>, effect: (tx: Db) => Promise<void>) => Promise<void>;
  /** Waiting and running jobs per queue, for /metrics. */
  depth: () => Promise<Record<JobName, number>>;
  stop: (graceMs: number) => Promise<void>;
};

export class JobTakenOver extends Error {
  constructor() {
    super("This job was taken over by another worker; what this attempt did is rolled back.");
    this.name = "JobTakenOver";
  }
}

/** How often a slot that nobody wakes looks by itself, in case a notification was lost. */
const POLL_SECONDS = 2;

export async function startQueue(database: Database, log: Log, options: { worker: boolean; pollSeconds?: number }): Promise<RunningQueue> {
  const slots = createSlots((id) => boss.notifyWorker(id));
  const connection = pastRunningTwins(database.boss);
  const listen = connection.listen?.bind(connection);
  // A notification wakes one idle slot instead of all of them; that one wakes the next as soon as it has found a job.
  if (listen) connection.listen = (channel, _wakeAll, onReconnect) => listen(channel, slots.wakeOne, onReconnect);
  const boss: PgBoss = new PgBoss({
    db: connection,
    ...(database.kind === "embedded" ? { backend: "pglite" as const } : {}),
    useListenNotify: true,
    // Only a process that works looks after others' dead jobs.
    supervise: options.worker,
    superviseIntervalSeconds: 1,
    monitorIntervalSeconds: 2,
    schedule: false,
  });
  boss.on("error", (error) => log.error("queue trouble", { error: String((error as Error).message ?? error) }));
  await boss.start();
  for (const name of JOB_NAMES) {
    const queue = QUEUES[name];
    const wanted = { ...queue, retryBackoff: true, notify: true, retentionSeconds: 30 * 86_400, deleteAfterSeconds: 3600 };
    if (!(await boss.getQueue(name))) await boss.createQueue(name, wanted);
    // Fills pg-boss's queue cache: a miss inside a transaction would query elsewhere, and wait for itself when embedded.
    await boss.findJobs(name, { id: "00000000-0000-0000-0000-000000000000" });
    if (database.kind === "embedded" && options.worker) await takeBack(boss, database, name);
  }

  const send = async (tx: Db, name: JobName, jobs: readonly ({ data: object; key: string } & JobTiming)[]): Promise<void> => {
    if (jobs.length === 0) return;
    await boss.insert(
      name,
      jobs.map((job) => ({
        data: job.data,
        singletonKey: job.key,
        ...(job.startAfter ? { startAfter: job.startAfter } : job.restMs ? { startAfter: `${job.restMs} milliseconds` } : {}),
        ...(job.urgent ? { priority: 1 } : {}),
      })),
      database.bossIn(tx),
    );
    // A twin that waits among everything new swallowed a job that is to go first: it goes first.
    const urgent = jobs.filter((job) => job.urgent).map((job) => job.key);
    if (urgent.length > 0) {
      await database
        .bossIn(tx)
        .db.executeSql(
          "update pgboss.job set priority = 1 where name = $1 and state = 'created' and policy = 'stately' and coalesce(singleton_key, '') in (select jsonb_array_elements_text($2::text::jsonb)) and priority < 1",
          [name, JSON.stringify(urgent)],
        );
    }
    // A twin that was put off swallowed a job that is wanted now: it comes forward.
    const now = jobs.filter((job) => !job.startAfter).map((job) => job.key);
    if (DEFERS.has(name) && now.length > 0) {
      await database
        .bossIn(tx)
        .db.executeSql(
          "update pgboss.job set start_after = pgboss.job_now() where name = $1 and state = 'created' and policy = 'stately' and coalesce(singleton_key, '') in (select jsonb_array_elements_text($2::text::jsonb)) and start_after > pgboss.job_now()",
          [name, JSON.stringify(now)],
        );
    }
  };

  return {
    send: (tx, name, data, job) => send(tx, name, [{ data, ...job }]),
    sendMany: (tx, name, jobs) => send(tx, name, jobs),
    async work(name, count, handler) {
      for (let slot = 0; slot < count; slot++) {
        let id = "";
        id = await boss.work(
          name,
          { batchSize: 1, includeMetadata: true, notifyPollingIntervalSeconds: options.pollSeconds ?? POLL_SECONDS },
          async ([job]: BossJob[]) => {
            if (!job) return;
            slots.busy(name, id);
            try {
              await handler({ name, id: job.id, attempt: job.retryCount, data: job.data as JobOf<typeof name> });
            } catch (error) {
              if (!(error instanceof JobTakenOver))
                log.warn("job failed, it will be tried again", { job: name, id: job.id, error: message(error), code: sqlState(error) });
              throw error;
            } finally {
              // Fetch again at once: a slot otherwise sleeps until the next notify or poll although more jobs wait.
              slots.idle(name, id);
              boss.notifyWorker(id);
            }
          },
        );
        slots.idle(name, id);
      }
    },
    settle: (job, effect) =>
      database.transaction(async (tx) => {
        await effect(tx);
        const done = await boss.complete(job.name, { id: job.id, retryCount: job.attempt }, undefined, database.bossIn(tx));
        if (!(done as { affected?: number }).affected) throw new JobTakenOver();
      }),
    async depth() {
      const counts = Object.fromEntries(JOB_NAMES.map((name) => [name, 0])) as Record<JobName, number>;
      const { rows } = await database.boss.executeSql(
        "select name, count(*)::int as jobs from pgboss.job where state in ('created', 'retry', 'active') group by name",
      );
      for (const row of rows as { name: string; jobs: number }[]) if (row.name in counts) counts[row.name as JobName] = row.jobs;
      return counts;
    },
    async stop(graceMs) {
      await boss.stop({ graceful: true, timeout: graceMs });
    },
  };
}

/**
 * pg-boss leaves out the keys that ran when it last looked (up to a minute ago), and takes a waiting job whose twin runs now: the
 * unique index refuses that, and the fetch comes back empty however much else waits. Both are replaced by asking the rows themselves.
 * The texts are of the pinned version; test/db/queue.test.ts fails where they change.
 */
function pastRunningTwins(boss: BossConnection): BossConnection {
  const wrapped = Object.create(boss) as BossConnection;
  wrapped.executeSql = (text: string, values?: unknown[]) =>
    boss.executeSql(
      text.includes("heartbeat_on = pgboss.job_now(),") && text.includes("FOR UPDATE OF j SKIP LOCKED") ? rewrite(text) : text,
      values,
    );
  return wrapped;
}
const rewrite = (fetch: string) =>
  fetch.replace(/COALESCE\(j\.singleton_key, ''\) <> ALL\((\$\d+::text\[\])\)/, "$1 IS NOT NULL").replace(
    "AND NOT j.blocked",
    `AND NOT j.blocked
          AND NOT EXISTS (
            SELECT 1 FROM pgboss.job twin
            WHERE twin.name = j.name AND twin.state = 'active' AND twin.policy = 'stately'
              AND COALESCE(twin.singleton_key, '') = COALESCE(j.singleton_key, '')
          )`,
  );

/** Which slots of each queue wait for work. Waking all of them for one job costs a fetch each, and on a busy queue that is most of the load. */
function createSlots(wake: (id: string) => void) {
  const idle = new Map<string, Set<string>>();
  const of = (queue: string) => idle.get(queue) ?? idle.set(queue, new Set()).get(queue) ?? new Set<string>();
  const wakeOne = (queue: string) => {
    const [first] = of(queue);
    if (first !== undefined) wake(first);
  };
  return {
    wakeOne,
    idle: (queue: string, id: string) => void of(queue).add(id),
    /** It found a job, so there may be more: the next idle slot looks too. */
    busy: (queue: string, id: string) => {
      of(queue).delete(id);
      wakeOne(queue);
    },
  };
}

/** The embedded database has one process: whatever is active at start died with the last one. */
async function takeBack(boss: PgBoss, database: Database, name: JobName): Promise<void> {
  const { rows } = await database.boss.executeSql("select id from pgboss.job where name = $1 and state = 'active'", [name]);
  const ids = (rows as { id: string }[]).map((row) => row.id);
  if (ids.length > 0) await boss.fail(name, ids, { message: "the process ended" });
}

/** drizzle puts the whole statement and its values into the message: payloads, which no log may hold. The cause says what was wrong. */
const message = (error: unknown): string => {
  const cause = error instanceof Error && error.message.startsWith("Failed query") && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 300);
};
