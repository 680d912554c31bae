import { inTransaction } from "../../src/db/store/tx.ts";
import type { Air } from "../../src/engine/air.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import type { Drawing } from "../../src/engine/draw.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { investigate } from "../../src/engine/investigate.ts";
import { PAUSE_SETTING, type Pause } from "../../src/engine/pause.ts";
import type { Capabilities, PageHook } from "../../src/engine/ports.ts";
import { publishCards } from "../../src/engine/publish-card.ts";
import type { JobName, QueuedJob } from "../../src/engine/queue.ts";
import { recheckAction } from "../../src/engine/recheck-action.ts";
import { sendPages } from "../../src/engine/send-pages.ts";
import type { Store, Tx } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { type Death, Killed } from "./death.ts";
import type { Engine } from "./open-engine.ts";
import type { RememberingChat } from "./remembering-chat.ts";

/** To die at a question is to die before what is done next, or after what was done before: only what changes something counts. */
const ASKS =
  /^(store\.(?!transaction$)|\w+\.(find|look|search|read|list)|tx\.(lock|setting$|incident$|action$|approvalsOf|evidenceOf|actionsOf|pagesIn|known|nextStale|stale|aheadOf))/;
/** The bookkeeping of a channel, within its own transactions: publish-card.test.ts looks after it. */
const CHANNEL_BOOKS = /^tx\.(markPosting|noteDelivery|updateChannel|showMessages|notifyChange)/;

type Surroundings = { chat: RememberingChat; hook?: PageHook; deciders?: readonly string[] };

/**
 * One process of air: a person's verbs and all workers, over the engine's database, clock and capabilities. It may be told to die at one of
 * its calls: to the store, inside a transaction, to a product or to the chat; a dead one reaches nothing any more.
 */
export function wholeAir(engine: Engine, { chat, hook, deciders = [] }: Surroundings, death?: Death) {
  const calls: string[] = [];
  let dead = false;
  const pending = new Set<Promise<unknown>>();
  const call = async <T>(what: string, go: () => Promise<T> | T): Promise<T> => {
    if (dead) throw new Killed(what);
    if (ASKS.test(what) || CHANNEL_BOOKS.test(what)) return go();
    // What a transaction did is undone by a death in it, so that after one statement is before the next: only its end has an after.
    const number = what.startsWith("tx.") && death?.moment === "after" ? 0 : calls.push(what);
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
  const mortal = <T extends object>(real: T, name: string): T =>
    new Proxy(real, {
      get(target, property, receiver) {
        const value: unknown = Reflect.get(target, property, receiver);
        if (typeof value !== "function" || typeof property !== "string") return value;
        return (...args: unknown[]) => call(`${name}.${property}`, () => value.apply(target, args) as Promise<unknown>);
      },
    });
  const inside =
    <T>(work: (tx: Tx) => Promise<T>) =>
    (tx: Tx) =>
      work(mortal(tx, "tx"));
  const store: Store = mortal(
    Object.assign(Object.create(engine.store) as Store, {
      transaction: (work: (tx: Tx) => Promise<unknown>) => engine.store.transaction(inside(work)),
    }),
    "store",
  );
  const air: Air = {
    ...engine.air,
    sleep: async () => {},
    store,
    get capabilities(): Capabilities {
      const real = engine.world.capabilities;
      return {
        ...real,
        devices: real.devices && mortal(real.devices, "devices"),
        identities: real.identities && mortal(real.identities, "identities"),
        mail: real.mail && mortal(real.mail, "mail"),
        indicators: real.indicators && mortal(real.indicators, "indicators"),
      };
    },
  };
  const drawing = async (): Promise<Drawing> => ({
    now: engine.world.now,
    sign: engine.air.sign,
    publicUrl: undefined,
    pauses: (await engine.store.setting<Pause[]>(PAUSE_SETTING)) ?? [],
    paging: engine.air.paging?.() ?? NOBODY,
    deciders: () => ({ anyone: deciders.length === 0, names: [...deciders] }),
  });
  const platforms = new Map([["slack", mortal(chat, "chat")]]);

  const settleOf = (job: QueuedJob<JobName>) => (effect: (tx: Tx) => Promise<void>) =>
    call("settle", () => engine.queue.settle(job, (db) => inTransaction(db, engine.queue, (tx) => inside(effect)(tx))));
  const handle = (job: QueuedJob<JobName>): Promise<void> => {
    const settle = settleOf(job);
    switch (job.name) {
      case "investigate":
        return investigate(air, (job as QueuedJob<"investigate">).data.investigation, settle);
      case "execute-action":
        return executeAction(air, (job as QueuedJob<"execute-action">).data.action, settle);
      case "publish":
        return publishCards(air, { platforms, drawing }, (job as QueuedJob<"publish">).data.channel, settle);
      case "recheck-action":
        return recheckAction(air, (job as QueuedJob<"recheck-action">).data.action, settle);
      case "send-pages":
        return sendPages(air, () => hook, settle);
      default:
        return settle(async () => {});
    }
  };
  const guarded = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!dead) throw error;
      // What was on its way to the database when it died arrives or not, before anybody looks.
      while (pending.size > 0) await Promise.allSettled([...pending]);
    }
  };
  const drain = async (): Promise<void> => {
    for (let job = await takeJob(engine); job && !dead; job = await takeJob(engine)) await handle(job);
  };

  return {
    air,
    drawing,
    calls,
    isDead: () => dead,
    /** Something a person does, or the clock. What dies in it is not told to anybody. */
    do: guarded,
    /** Works on everything that is due. */
    work: () => guarded(drain),
    /** The clock's own round, and everything that follows from it. */
    tick: () =>
      guarded(async () => {
        await sweep(air, (effect) => air.store.transaction(effect));
        await drain();
      }),
  };
}

/**
 * The next job that is due by the engine's clock. What is wanted at once is due by the database's, which is another one; it was put off where
 * it is due before it was made, or after.
 */
async function takeJob(engine: Engine): Promise<QueuedJob<JobName> | undefined> {
  const { rows } = await engine.database.boss.executeSql(
    `update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now() where id = (
       select id from pgboss.job
       where state in ('created', 'retry') and (abs(extract(epoch from start_after - created_on)) < 1 or start_after <= $1::text::timestamptz)
       order by priority desc, created_on, id limit 1
     ) returning name, id, data, retry_count as attempt`,
    [engine.world.now.toISOString()],
  );
  return (rows as QueuedJob<JobName>[])[0];
}
