/*
 * When a source that is asked (instead of sending) is asked, from where on, and what of its answer is old. Pure: times and positions are
 * arguments, so that a crash repeats and never skips.
 */

/** Asked again from this long before the newest seen: a source may show a change a little later than it happened. */
export const OVERLAP_MS = 5 * 60_000;
/** The source's clock may be this far behind ours when air begins to watch. */
const CLOCKS_APART_MS = 60_000;
/** What changed before an outage's last hour is old news: nobody is paged for it. */
const OLD_MS = 3_600_000;
/** Silent for this long, somebody is told. */
export const SILENT_MS = 5 * 60_000;
const BACK_OFF_MS = { first: 5_000, most: 300_000 };

/** How far one list of a source was read. Dates as ISO text: it is kept as a setting. */
export type Position = {
  /** Nothing that changed before is asked for. */
  from: string;
  /** What changed before is older than air's watch. */
  liveFrom: string;
  /** The newest change seen in a list that was read to its end. */
  seen: string;
  /** A list that is being read, page by page. */
  reading?: Reading | undefined;
};
export type Reading = {
  since: string;
  /** When its first page was asked for: what changes while it is read may be missed, and is asked for again. */
  began: string;
  /** The newest change in its pages so far. */
  newest: string;
  oldBefore: string;
  next?: string | undefined;
  /** Alerts of it that are older than air's watch, new to air. */
  old: number;
};

/** Where reading begins for the first time. */
export function firstPosition(now: Date, backfillMs: number): Position {
  const live = new Date(now.getTime() - CLOCKS_APART_MS);
  const from = new Date(now.getTime() - Math.max(backfillMs, CLOCKS_APART_MS));
  return { from: from.toISOString(), liveFrom: live.toISOString(), seen: from.toISOString() };
}

/** The list to read now: the one that was begun, or everything that changed since. `lastRead`: when a list was last read to its end. */
export function readingFor(position: Position, lastRead: Date | undefined, now: Date): Reading {
  if (position.reading) return position.reading;
  const since = new Date(Math.max(Date.parse(position.seen) - OVERLAP_MS, Date.parse(position.from)));
  const outage = lastRead !== undefined && now.getTime() - lastRead.getTime() > OLD_MS;
  const oldBefore = outage ? Math.max(now.getTime() - OLD_MS, Date.parse(position.liveFrom)) : Date.parse(position.liveFrom);
  return {
    since: since.toISOString(),
    began: now.toISOString(),
    newest: position.seen,
    oldBefore: new Date(oldBefore).toISOString(),
    old: 0,
  };
}

/** After a page. A change that is said to be in the future is not believed: the position would run away from what is still to come. */
export function afterPage(
  position: Position,
  reading: Reading,
  page: { changes: readonly (Date | undefined)[]; next: string | undefined; old: number },
): Position {
  const began = Date.parse(reading.began);
  const newest = Math.max(Date.parse(reading.newest), ...page.changes.flatMap((at) => (at && at.getTime() <= began ? [at.getTime()] : [])));
  const read: Reading = { ...reading, newest: new Date(newest).toISOString(), old: reading.old + page.old, next: page.next };
  if (page.next !== undefined) return { ...position, reading: read };
  return { ...position, seen: read.newest, reading: undefined };
}

/** The instant of the schedule that is due: the same in every process, so that it is asked once. */
export const dueInstant = (now: Date, everyMs: number) => new Date(Math.floor(now.getTime() / everyMs) * everyMs);

/** How long to wait after so many failures in a row; `random` from 0 to 1 keeps processes apart. */
export function backOffMs(failures: number, askedToWait: number | undefined, random: number): number {
  const grown = Math.min(BACK_OFF_MS.first * 2 ** Math.min(failures - 1, 10), BACK_OFF_MS.most);
  return Math.max(askedToWait ?? 0, grown / 2 + (grown / 2) * random);
}
