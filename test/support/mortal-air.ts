import { AsyncLocalStorage } from "node:async_hooks";
import { inTransaction } from "../../src/db/store/tx.ts";
import type { Air } from "../../src/engine/air.ts";
import { analyzers } from "../../src/engine/analyzers/all.ts";
import type { Analyzer } from "../../src/engine/analyzers/analyzer.ts";
import { evidenceKeys } from "../../src/engine/domain/entity.ts";
import { investigate } from "../../src/engine/investigate.ts";
import type { Playbook } from "../../src/engine/playbook.ts";
import { PHASES, type Phase } from "../../src/engine/playbook-shape.ts";
import type { Capabilities } from "../../src/engine/ports.ts";
import type { QueuedJob } from "../../src/engine/queue.ts";
import type { ObservationRow, Tx } from "../../src/engine/store.ts";
import { type Death, Killed } from "./death.ts";
import type { Engine } from "./open-engine.ts";

/** Where in a round a call is made: reading the rows, asking in one of the playbook's phases, drawing up proposals, or settling. */
export type Part = "reading" | Phase | "proposals" | "settle";
export const PARTS: readonly Part[] = ["reading", ...PHASES, "proposals", "settle"];
export type Call = { part: Part; what: string };

/** Inside the settling transaction these belong to the proposals. */
const PROPOSING: ReadonlySet<string> = new Set(["listActions", "automaticSince", "insertActions", "enqueueMany", "writeAudit"]);

/**
 * A process of air that investigates and can be killed at any of its calls to the store, inside the settling transaction or to a source.
 * From its death on it reaches nothing any more, as far as it still runs at all.
 */
export function mortalAir(engine: Engine, death?: Death) {
  const calls: Call[] = [];
  /** Questions to sources, by evidence and look, and to threat intelligence by its name and what was asked. */
  const asked: string[] = [];
  const asking = new AsyncLocalStorage<Phase>();
  const pending = new Set<Promise<unknown>>();
  let dead = false;

  const call = async <T>(part: Part, what: string, go: () => Promise<T> | T): Promise<T> => {
    if (dead) throw new Killed(what);
    const number = calls.push({ part, what });
    const dies = (moment: Death["moment"]) => {
      if (death?.at !== number || death.moment !== moment) return;
      dead = true;
      throw new Killed(what);
    };
    dies("before");
    const going = Promise.resolve(go());
    pending.add(going);
    try {
      const out = await going;
      dies("after");
      return out;
    } finally {
      pending.delete(going);
    }
  };
  /** The same object with every method called through `call`. */
  const mortal = <T extends object>(target: T, part: (method: string, args: readonly unknown[]) => Part, name: string): T =>
    new Proxy(target, {
      get(real, property, receiver) {
        const value: unknown = Reflect.get(real, property, receiver);
        if (typeof value !== "function" || typeof property !== "string") return value;
        return (...args: unknown[]) => call(part(property, args), `${name}.${property}`, () => value.apply(real, args) as Promise<unknown>);
      },
    });

  const inSource = () => asking.getStore() ?? "proposals";
  const store = mortal(
    engine.store,
    (method, args) => {
      const [row] = method === "saveObservations" ? (args[0] as readonly ObservationRow[]) : [];
      return row ? phaseOf(engine.air.playbooks(), row.analyzer) : (asking.getStore() ?? "reading");
    },
    "store",
  );
  const source = <T extends { name: string }>(one: T): T =>
    mortal(
      one,
      (_method, [entity]) => {
        asked.push(`${one.name} ${evidenceKeys(entity as Parameters<typeof evidenceKeys>[0])[0].replace(/@.*/, "")}`);
        return inSource();
      },
      one.name,
    );
  const capabilities = (): Capabilities => {
    const real = engine.world.capabilities;
    return {
      ...real,
      reputation: real.reputation.map(source),
      sandboxes: real.sandboxes.map(source),
      devices: real.devices && mortal(real.devices, inSource, "devices"),
      identities: real.identities && mortal(real.identities, inSource, "identities"),
      mail: real.mail && mortal(real.mail, inSource, "mail"),
      indicators: real.indicators && mortal(real.indicators, inSource, "indicators"),
      adopt: (entities) => call("reading", "adopt", () => real.adopt(entities)),
    };
  };
  const air: Air = { ...engine.air, store, capabilities: capabilities() };

  const unwatch = watchLooks((phase, question, run) => {
    if (!dead) asked.push(question);
    return asking.run(phase, run);
  }, engine.air.playbooks());

  const settleOf =
    (job: QueuedJob<"investigate">) =>
    (effect: (tx: Tx) => Promise<void>): Promise<void> =>
      call("settle", "settle", () =>
        engine.queue.settle(job, (db) =>
          inTransaction(db, engine.queue, (tx) => effect(mortal(tx, (method) => (PROPOSING.has(method) ? "proposals" : "settle"), "tx"))),
        ),
      );

  return {
    calls,
    asked,
    isDead: () => dead,
    /** Works on investigations as a worker does, until there is nothing to do or it dies. */
    async work(): Promise<void> {
      try {
        for (let job = await takeJob(engine); job; job = await takeJob(engine)) {
          await investigate(air, job.data.investigation, settleOf(job));
          if (dead) break;
        }
      } catch (error) {
        if (!dead) throw error;
      } finally {
        // What was on its way to the database when it died arrives or not, before anybody looks.
        while (pending.size > 0) await Promise.allSettled([...pending]);
        unwatch();
      }
    },
  };
}

/** Tells of every look when it is carried out. Looks are made anew for each question, so nothing of the analyzer itself changes. */
function watchLooks(watch: <T>(phase: Phase, question: string, run: () => T) => T, playbooks: readonly Playbook[]): () => void {
  const originals = new Map(analyzers.map((analyzer) => [analyzer, analyzer.looks]));
  for (const [analyzer, looks] of originals) {
    const phase = phaseOf(playbooks, analyzer.name);
    const watched: Analyzer["looks"] = (entity, capabilities, context) =>
      looks(entity, capabilities, context).map((look) => ({
        ...look,
        run: (signal) => watch(phase, `${evidenceKeys(entity)[0]} ${look.key}`, () => look.run(signal)),
      }));
    analyzer.looks = watched;
  }
  return () => {
    for (const [analyzer, looks] of originals) analyzer.looks = looks;
  };
}

/** The playbook made for the alert and the general one, in the order in which they count. */
const APPLIED = ["malware-on-device", "general"];

/** The first phase that lists the analyzer. */
const phaseOf = (playbooks: readonly Playbook[], analyzer: string): Phase =>
  APPLIED.flatMap((name) => playbooks.filter((playbook) => playbook.name === name)).flatMap((playbook) =>
    PHASES.filter((phase) => playbook[phase].some(({ look }) => look === analyzer)),
  )[0] ?? "root";

/** The next job of the queue, in its order: fetched, as the queue marks it. */
async function takeJob(engine: Engine): Promise<QueuedJob<"investigate"> | undefined> {
  const { rows } = await engine.database.boss.executeSql(
    `update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now() where id = (
       select id from pgboss.job where name = 'investigate' and state in ('created', 'retry') order by priority desc, created_on limit 1
     ) returning id, data, retry_count as attempt`,
  );
  const [row] = rows as { id: string; data: { investigation: number }; attempt: number }[];
  return row && { name: "investigate", ...row };
}

/** What the queue does when a worker is gone: its job is wanted again, as the next attempt. */
export async function giveBackJobs(engine: Engine): Promise<void> {
  await engine.database.boss.executeSql(
    "update pgboss.job set state = 'retry', retry_count = retry_count + 1, heartbeat_on = null where state = 'active'",
  );
}
