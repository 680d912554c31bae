import type { Air } from "./air.ts";
import { time } from "./cards/say.ts";
import { closeWhatWaited } from "./close-as-resolved.ts";
import { afterPage, backOffMs, firstPosition, type Reading, readingFor, SILENT_MS } from "./domain/polling.ts";
import { followVendorIncidents } from "./follow-vendor-incidents.ts";
import type { Settle } from "./investigate.ts";
import { type ListState, type PollState, pollSetting } from "./poll-state.ts";
import { type AlertFeed, type ChangedPage, ConnectorError } from "./ports.ts";
import type { Tx } from "./store.ts";
import { tellOnCall } from "./tell-on-call.ts";
import { tellOps } from "./tell-ops.ts";

/** Stores alerts as a source said them; answers after the commit, with how many air did not know. Throws where it cannot now. */
export type TakeAlerts = (alerts: readonly unknown[], preexisting: string | undefined) => Promise<{ fresh: number }>;

/** One job reads so many pages, or for so long; the next goes on. */
const PAGES = 100;
const LONGEST_MS = 300_000;
/** One page with its sign-in. */
const PAGE_MS = 45_000;
/** Alerts stored together, so that a long page does not hold others up. */
const TOGETHER = 100;

const LISTS = ["alerts", "incidents"] as const;
type List = (typeof LISTS)[number];

/**
 * Asks a source what changed, page by page, and stores it. How far it was read is kept after each page's commit: who dies in between reads
 * that page again, which is harmless, because an alert is stored once and a repeat of it is counted. A source that does not answer is left
 * alone for a while and asked again from the same place; whoever runs air is told once when it is silent, and once when it is back.
 */
export async function pollSource(air: Air, feed: AlertFeed, take: TakeAlerts, settle: Settle): Promise<void> {
  const key = pollSetting(feed.source);
  const state = (await air.store.setting<PollState>(key)) ?? (await begin(air, feed, key));
  const until = air.clock.now().getTime() + LONGEST_MS;
  let more = false;
  for (const list of LISTS) {
    const now = air.clock.now();
    const { notBefore } = state[list];
    if (notBefore !== undefined && Date.parse(notBefore) > now.getTime()) continue;
    try {
      more = !(await readList(air, feed, state, list, take, until)) || more;
      await noteRead(air, feed, state, list);
    } catch (error) {
      if (!(error instanceof ConnectorError)) throw error;
      await noteFailure(air, feed, state, list, error);
    }
  }
  await closeWhatWaited(air, feed.source);
  await settle(async (tx) => {
    if (more) await tx.enqueue("poll", { source: feed.source }, { key: feed.source });
  });
}

async function begin(air: Air, feed: AlertFeed, key: string): Promise<PollState> {
  const position = firstPosition(air.clock.now(), feed.backfillMs);
  const list: ListState = { position, failures: 0 };
  const state: PollState = { product: feed.product, alerts: list, incidents: { ...list } };
  await air.store.transaction((tx) => tx.putSetting(key, state));
  return state;
}

/** False: there is more than one job reads. */
async function readList(air: Air, feed: AlertFeed, state: PollState, list: List, take: TakeAlerts, until: number): Promise<boolean> {
  const readAt = state[list].readAt;
  for (let pages = 0; pages < PAGES && air.clock.now().getTime() < until; pages++) {
    const now = air.clock.now();
    const reading = readingFor(state[list].position, readAt === undefined ? undefined : new Date(readAt), now);
    const page = await pageOf(feed, state, list, reading);
    if (page.next !== undefined && page.next === reading.next)
      throw new ConnectorError("unavailable", `${feed.product} names the same next page again and again`);
    const old = await keep(air, feed, list, page, reading, take);
    const position = afterPage(state[list].position, reading, { changes: page.items.map((one) => one.changedAt), next: page.next, old });
    await save(air, feed, state, list, { ...state[list], position }, async (tx) => {
      const total = reading.old + old;
      if (page.next === undefined && total > 0)
        await tellOps(tx, air, `source backfill ${reading.began}`, backfillText(feed, reading, total), now);
    });
    if (page.next === undefined) return true;
  }
  return false;
}

async function pageOf(feed: AlertFeed, state: PollState, list: List, reading: Reading): Promise<ChangedPage<unknown>> {
  const at = reading.next === undefined ? { since: new Date(reading.since) } : { next: reading.next };
  try {
    return await feed[list](at, AbortSignal.timeout(PAGE_MS));
  } catch (error) {
    // A next page is not kept for ever: what is refused is begun again.
    if (error instanceof ConnectorError && error.kind === "refused") state[list].position = { ...state[list].position, reading: undefined };
    throw error;
  }
}

/** Stores a page; returns how many of its alerts are older than air's watch, and new to air. */
async function keep(
  air: Air,
  feed: AlertFeed,
  list: List,
  page: ChangedPage<unknown>,
  reading: Reading,
  take: TakeAlerts,
): Promise<number> {
  if (list === "incidents") {
    await followVendorIncidents(air, feed, page as Awaited<ReturnType<AlertFeed["incidents"]>>);
    return 0;
  }
  const oldBefore = Date.parse(reading.oldBefore);
  const isOld = (at: Date | undefined) => at !== undefined && at.getTime() < oldBefore;
  const old = page.items.filter(({ changedAt }) => isOld(changedAt)).map(({ item }) => item);
  const live = page.items.filter(({ changedAt }) => !isOld(changedAt)).map(({ item }) => item);
  let fresh = 0;
  for (const some of chunks(old)) fresh += (await take(some, preexistingText(feed, reading))).fresh;
  for (const some of chunks(live)) await take(some, undefined);
  return fresh;
}

const chunks = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / TOGETHER) }, (_, index) => items.slice(index * TOGETHER, (index + 1) * TOGETHER));

const preexistingText = (feed: AlertFeed, reading: Reading) =>
  `it is older than air's watch over ${feed.source}, which began or went on at ${time(new Date(reading.oldBefore))}`;

const backfillText = (feed: AlertFeed, reading: Reading, old: number) =>
  `${feed.product}: ${old} ${old === 1 ? "alert" : "alerts"} from before ${time(new Date(reading.oldBefore))} ${old === 1 ? "was" : "were"} stored and joined into incidents. Nobody is paged for ${old === 1 ? "it" : "them"}, nothing was investigated and nothing proposed. "list since=7d" shows them, "investigate INC-..." takes one up.`;

async function save(
  air: Air,
  feed: AlertFeed,
  state: PollState,
  list: List,
  next: ListState,
  also: (tx: Tx) => Promise<void>,
): Promise<void> {
  const now = air.clock.now();
  state[list] = { ...next, askedAt: now.toISOString() };
  await air.store.transaction(async (tx) => {
    await tx.putSetting(pollSetting(feed.source), state);
    await also(tx);
  });
}

async function noteRead(air: Air, feed: AlertFeed, state: PollState, list: List): Promise<void> {
  const now = air.clock.now();
  const { position, told, failingSince } = state[list];
  const next: ListState = { position, failures: 0, readAt: position.reading ? state[list].readAt : now.toISOString() };
  await save(air, feed, state, list, next, async (tx) => {
    if (!told || failingSince === undefined) return;
    const text = `${feed.product} answers again: its ${list} were not to be had since ${time(new Date(failingSince))}. air goes on where it stopped, nothing is lost.`;
    const step = `source back ${feed.source} ${list} ${failingSince}`;
    await tellOps(tx, air, step, text, now);
    await tellOnCall(tx, air, step, text, now);
    await tx.notifyChange();
  });
}

async function noteFailure(air: Air, feed: AlertFeed, state: PollState, list: List, error: ConnectorError): Promise<void> {
  const now = air.clock.now();
  const before = state[list];
  const failures = before.failures + 1;
  const failingSince = before.failingSince ?? now.toISOString();
  const silent = !before.told && now.getTime() - Date.parse(failingSince) >= SILENT_MS;
  air.log.warn("a source could not be asked", { source: feed.source, list, failures, reason: error.forLog });
  const next: ListState = {
    ...before,
    failures,
    failingSince,
    reason: error.message,
    told: (before.told ?? false) || silent,
    notBefore: new Date(now.getTime() + backOffMs(failures, error.retryAfterMs, Math.random())).toISOString(),
  };
  await save(air, feed, state, list, next, async (tx) => {
    if (!silent) return;
    const text = `${feed.product} is silent: its ${list} have not been read since ${time(new Date(before.readAt ?? failingSince))}. ${error.message.replace(/\.$/, "")}. air goes on asking, and reads on where it stopped.`;
    const step = `source silent ${feed.source} ${list} ${failingSince}`;
    await tellOps(tx, air, step, text, now);
    await tellOnCall(tx, air, step, text, now);
    await tx.notifyChange();
  });
}
