import { type Air, isLive } from "./air.ts";
import { type Severity, severityRank } from "./domain/alert.ts";
import type { StormRow, Tx } from "./store.ts";

/** What changed about one incident that somebody may be looking at. */
export type Changed = {
  incident: number;
  severity: Severity;
  /** A root card is called for now: high severity, a malicious verdict, a decision to make (product contract 7). */
  needed: boolean;
  /** Nothing of it is shown by itself: suppressed by a policy, or merged away. What is shown already is redrawn. */
  quiet?: boolean;
  /** Known not to be part of a storm; where nobody says, it is asked. */
  calm?: boolean;
  /** Actions whose own cards changed. */
  actions?: readonly number[];
};

/** What waits for a person is posted before what merely changed, and a first card before a redrawn one. */
const PRIORITY = { decision: 10, root: 20, redraw: 50 };

export const incidentSubject = (id: number) => `incident:${id}`;
export const stormSubject = (id: number) => `storm:${id}`;
export const actionSubject = (id: number) => `action:${id}`;

/** High and critical incidents are shown at once; below that a card waits for the verdict (product contract 7). */
export const neededAtOnce = (severity: Severity) => severityRank(severity) >= severityRank("high");

/** Raises the wanted version of every message these changes concern, in the transaction of the change. */
export async function wantCards(tx: Tx, air: Pick<Air, "channels">, changes: readonly Changed[], now: Date): Promise<void> {
  if (changes.length === 0) return;
  const known = await tx.knownMessages(changes.map((change) => change.incident));
  const shownIn = new Map<number, Set<string>>();
  for (const message of known) {
    if (message.subject.startsWith("storm:")) continue;
    const channels = shownIn.get(message.incidentId) ?? new Set();
    channels.add(message.channel);
    shownIn.set(message.incidentId, channels);
  }
  const places = changes.map((change) => ({ change, ...placesOf(air, change, shownIn.get(change.incident) ?? new Set()) }));
  const unshown = places.filter(({ change, fresh }) => fresh.length > 0 && !change.calm).map(({ change }) => change.incident);
  const storms = unshown.length > 0 ? await tx.stormsOf(unshown) : new Map<number, StormRow>();
  const wanted = places.flatMap(({ change, already, fresh }) => {
    const storm = storms.get(change.incident);
    const root = storm?.severity === change.severity ? stormSubject(storm.id) : undefined;
    return [
      ...already.flatMap((channel) => ofIncident(change, channel, PRIORITY.redraw, incidentSubject(change.incident))),
      ...fresh.flatMap((channel) => {
        if (!storm || root === undefined) return ofIncident(change, channel, PRIORITY.root, incidentSubject(change.incident));
        return [...ofStorm(storm, change.incident, channel), ...ofIncident(change, channel, PRIORITY.root, root).slice(1)];
      }),
    ];
  });
  const there = new Set(known.map((message) => `${message.channel} ${message.subject}`));
  const live = wanted.filter((row) => isLive(row.channel));
  await tx.wantMessages(
    wanted.filter((row) => !isLive(row.channel)),
    now,
  );
  await tx.showMessages(
    live.filter((row) => !there.has(`${row.channel} ${row.subject}`)),
    now,
  );
  if (live.length > 0) await tx.notifyChange();
}

/** Channels that show the incident already, and those it is new to. */
function placesOf(air: Pick<Air, "channels">, change: Changed, shown: ReadonlySet<string>): { already: string[]; fresh: string[] } {
  const rule = air.channels().find((one) => !one.when || one.when.includes(change.severity));
  const wants = rule && !change.quiet && (change.needed || rule.post === "all");
  return { already: [...shown], fresh: wants ? rule.channels.filter((channel) => !shown.has(channel)) : [] };
}

type Wanted = Parameters<Tx["wantMessages"]>[0][number];

/** The incident's root card, and its actions' cards in the thread of `root`. */
const ofIncident = (change: Changed, channel: string, priority: number, root: string): Wanted[] => [
  { channel, subject: incidentSubject(change.incident), incidentId: change.incident, thread: null, priority },
  ...(change.actions ?? []).map((action) => ({
    channel,
    subject: actionSubject(action),
    incidentId: change.incident,
    thread: root,
    priority: PRIORITY.decision,
  })),
];

/** Alerts listed in one reply of a storm's thread: what fits into one message, found by title or source id. */
export const STORM_PAGE = 40;

/** The storm's one root card with the counter, and the replies that list its newest alerts. */
function ofStorm(storm: StormRow, incidentId: number, channel: string): Wanted[] {
  const root = stormSubject(storm.id);
  const last = Math.max(1, Math.ceil(storm.alerts / STORM_PAGE));
  // The one before too: it was perhaps not full when it was drawn.
  const pages = [...new Set([Math.max(1, last - 1), last])];
  return [
    { channel, subject: root, incidentId, thread: null, priority: PRIORITY.root },
    ...pages.map((page) => ({ channel, subject: `${root}:${page}`, incidentId, thread: root, priority: PRIORITY.redraw })),
  ];
}
