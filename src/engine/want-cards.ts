import { type Air, isLive } from "./air.ts";
import { type Severity, severityRank } from "./domain/alert.ts";
import { incidentCause } from "./domain/calls.ts";
import { replaceCalls } from "./end-calls.ts";
import type { MessageRow, NewCall, StormRow, Tx } from "./store.ts";

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
  /** It became more severe than it was. */
  raised?: boolean;
  /** New alerts came: the counter of the storm it is part of goes on, and its lists of alerts grow. */
  counts?: boolean;
  /** Incidents that were merged into this one: whoever watched one of them sees this one there. */
  absorbed?: readonly number[];
  /** Actions whose own cards changed. */
  actions?: readonly number[];
  /** Pages to be told or told, in these channels only. */
  pages?: { ids: readonly number[]; channels: readonly string[] };
  /** It is closed: its thread gets the summary. */
  closed?: boolean;
};

/**
 * What waits for a person is posted before what merely changed, and a first card before a redrawn one. A root that a decision hangs on goes
 * before other roots: the decision cannot be posted without it.
 */
const PRIORITY = { page: 5, decision: 10, asked: 15, root: 20, redraw: 50, digest: 60 };
/** Up to this priority a message is shown in another channel where its own cannot be posted to. */
export const URGENT = PRIORITY.decision;

export const incidentSubject = (id: number) => `incident:${id}`;
const stormSubject = (id: number) => `storm:${id}`;
export const actionSubject = (id: number) => `action:${id}`;
const pageSubject = (id: number) => `page:${id}`;
/** What one person was told, in a message to them alone. */
const directSubject = (page: number) => `direct:${page}`;
export const directOf = (subject: string): number | undefined =>
  /^direct:\d+$/.test(subject) ? Number(subject.slice("direct:".length)) : undefined;
/** The summary of a closed incident, in its thread. */
const closingSubject = (id: number) => `closing:${id}`;
/** A day's digest, by the day's name. */
export const digestSubject = (day: string) => `digest:${day}`;
/** A reply that tells these lines of an incident's story. */
export const lineSubject = (ids: readonly number[]) => `line:${ids.join(",")}`;
export const linesOf = (subject: string): number[] | undefined =>
  /^line:\d+(,\d+)*$/.test(subject) ? subject.slice("line:".length).split(",").map(Number) : undefined;
/** Which incident's closing summary this is. */
export const closingOf = (subject: string): number | undefined =>
  /^closing:\d+$/.test(subject) ? Number(subject.slice("closing:".length)) : undefined;

/** High and critical incidents are shown at once; below that a card waits for the verdict (product contract 7). */
export const neededAtOnce = (severity: Severity) => severityRank(severity) >= severityRank("high");

/** Raises the wanted version of every message these changes concern, in the transaction of the change. */
export async function wantCards(tx: Tx, air: Pick<Air, "channels">, changes: readonly Changed[], now: Date): Promise<void> {
  if (changes.length === 0) return;
  const known = await tx.knownMessages(changes.flatMap((change) => [change.incident, ...(change.absorbed ?? [])]));
  const shownIn = new Map<number, Set<string>>();
  for (const message of known) {
    if (message.subject !== incidentSubject(message.incidentId)) continue;
    const channels = shownIn.get(message.incidentId) ?? new Set();
    channels.add(message.channel);
    shownIn.set(message.incidentId, channels);
  }
  const places = changes.map((change) => ({ change, ...placesOf(air, change, shownIn) }));
  const unshown = places.filter(({ change, already, fresh }) => !change.calm && (fresh.length > 0 || already.length === 0));
  const storms = unshown.length > 0 ? await tx.stormsOf(unshown.map(({ change }) => change.incident)) : new Map<number, StormRow>();
  const threads = storms.size > 0 ? await stormThreads(tx, air, [...storms.values()]) : [];
  const inStorm = (change: Changed) => {
    const storm = storms.get(change.incident);
    // More severe than its storm it breaks through, with a card of its own.
    return storm?.severity === change.severity ? storm : undefined;
  };
  const wanted = places.flatMap(({ change, already, fresh }) => {
    const storm = inStorm(change);
    return [
      ...already.flatMap((channel) => ofIncident(change, channel, PRIORITY.redraw, incidentSubject(change.incident))),
      ...fresh.flatMap((channel) => {
        if (!storm) return ofIncident(change, channel, PRIORITY.root, incidentSubject(change.incident));
        const thread = threads.find((one) => one.channel === channel && one.storm === storm.id);
        // Everybody's row: whoever merely finished looking leaves it alone, or a thousand investigations would wait for each other.
        const raise = change.counts || !thread?.shown;
        return [
          ...(raise ? ofStorm(storm, change.incident, channel, thread?.pages ?? []) : []),
          ...ofIncident(change, channel, PRIORITY.root, stormSubject(storm.id)).slice(1),
        ];
      }),
      // A storm that is shown counts on, also what would not be shown by itself.
      ...threads
        .filter((thread) => change.counts && thread.shown && thread.storm === storm?.id && !change.quiet && !fresh.includes(thread.channel))
        .flatMap((thread) => (storm ? ofStorm(storm, change.incident, thread.channel, thread.pages) : [])),
      ...repliesOf(change, known),
      ...closingsOf(change, already, known),
    ];
  });
  const stormsBegun = new Set<number>();
  const opened = await tx.openCallsOnce(
    places.flatMap(({ change, already, fresh }): NewCall[] => {
      const rule = ruleFor(air, change.severity);
      if (!rule?.page || change.quiet || change.closed) return [];
      const isNew = fresh.some((channel) => rule.channels.includes(channel));
      if (!isNew && !(change.raised && already.some((channel) => rule.channels.includes(channel)))) return [];
      const storm = inStorm(change);
      // A storm calls somebody once, when its own card comes.
      if (storm && (stormsBegun.has(storm.id) || threads.some((thread) => thread.storm === storm.id && thread.shown))) return [];
      if (storm) stormsBegun.add(storm.id);
      const cause = incidentCause(change.severity);
      return [{ incidentId: change.incident, actionId: null, cause, text: "", by: "air", openedAt: now, away: [], nextAt: now }];
    }),
    now,
  );
  await replaceCalls(tx, opened, now);
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

/** An incident's card is stale, and those of the actions named; `needed`: somebody has to see it now, whatever its severity. */
export async function redrawIncident(
  tx: Tx,
  air: Pick<Air, "channels">,
  id: number,
  now: Date,
  more: { actions?: readonly number[]; needed?: boolean } = {},
): Promise<void> {
  const incident = await tx.incident(id);
  if (incident) {
    const needed = incident.status === "open" && (more.needed === true || neededAtOnce(incident.severity));
    const quiet = incident.quiet || incident.status === "redirected";
    const closed = incident.status === "closed";
    await wantCards(tx, air, [{ incident: id, severity: incident.severity, needed, quiet, closed, actions: more.actions ?? [] }], now);
  }
  await tx.notifyChange();
}

/**
 * What was told of an incident says something else now (somebody acknowledged it), and so do its actions' cards; `calls`: where it is about
 * air itself, what was told in these.
 */
export async function redrawPages(tx: Tx, incident: number, calls: readonly number[] | undefined, now: Date): Promise<void> {
  const pages = incident === 0 ? await tx.pagesOfCalls(calls ?? []) : await tx.pagesOf(incident);
  const told = new Set(pages.flatMap(({ id, toldBy }) => (toldBy === null ? [id] : [id, toldBy])));
  // What was told together with another incident stands in the thread of that one.
  const elsewhere = (await tx.pages([...told])).map(({ incidentId }) => incidentId);
  const isOne = ({ subject, incidentId }: MessageRow) => {
    const [, kind, id] = /^(page|direct|action):(\d+)$/.exec(subject) ?? [];
    return kind === "action" ? incidentId === incident : kind !== undefined && told.has(Number(id));
  };
  const messages = (await tx.knownMessages([incident, ...elsewhere])).filter((row) => !isLive(row.channel) && isOne(row));
  await tx.wantMessages(
    messages.map(({ channel, subject, incidentId, thread }) => ({ channel, subject, incidentId, thread, priority: PRIORITY.redraw })),
    now,
  );
}

/** A message to one person about what they were told, beside any channel. */
export const pageDirect = (channel: string, page: number, incident: number): Wanted => ({
  channel,
  subject: directSubject(page),
  incidentId: incident,
  thread: null,
  priority: PRIORITY.page,
});

/** Channels that show the incident already, and those it is new to. */
function placesOf(
  air: Pick<Air, "channels">,
  change: Changed,
  shownIn: ReadonlyMap<number, ReadonlySet<string>>,
): { already: string[]; fresh: string[] } {
  const shown = shownIn.get(change.incident);
  const rule = ruleFor(air, change.severity);
  const wants = rule && !change.quiet && (change.needed || rule.post === "all") ? rule.channels : [];
  const watched = (change.absorbed ?? []).flatMap((id) => [...(shownIn.get(id) ?? [])]);
  return { already: [...(shown ?? [])], fresh: [...new Set([...wants, ...watched])].filter((channel) => !shown?.has(channel)) };
}

const ruleFor = (air: Pick<Air, "channels">, severity: Severity) => air.channels().find((one) => !one.when || one.when.includes(severity));

/** Where people are mentioned about an incident: where no rule says so, in its channels; else only where its own rule does. */
export function pageChannels(air: Pick<Air, "channels">, severity: Severity): readonly string[] {
  return pagesInChat(air, severity) ? (ruleFor(air, severity)?.channels ?? []) : [];
}
export const pagesInChat = (air: Pick<Air, "channels">, severity: Severity): boolean =>
  ruleFor(air, severity)?.page === true || !air.channels().some((rule) => rule.page);
/** A rule says that an incident as severe as this pages by itself, without anything in it asking for a decision. */
export const pagesForItself = (air: Pick<Air, "channels">, severity: Severity): boolean => ruleFor(air, severity)?.page === true;
export const incidentChannels = (air: Pick<Air, "channels">, severity: Severity): readonly string[] =>
  ruleFor(air, severity)?.channels ?? [];

/** A page in a channel of its own, beside any thread. */
export const pageAlone = (channel: string, page: number, incident: number): Wanted => ({
  channel,
  subject: pageSubject(page),
  incidentId: incident,
  thread: null,
  priority: PRIORITY.page,
});

type Wanted = Parameters<Tx["wantMessages"]>[0][number];

/** The incident's root card, and its actions' cards in the thread of `root`. */
const ofIncident = (change: Changed, channel: string, priority: number, root: string): Wanted[] => [
  {
    channel,
    subject: incidentSubject(change.incident),
    incidentId: change.incident,
    thread: null,
    priority: change.actions?.length || change.pages ? PRIORITY.asked : priority,
  },
  ...(change.actions ?? []).map((action) => ({
    channel,
    subject: actionSubject(action),
    incidentId: change.incident,
    thread: root,
    priority: PRIORITY.decision,
  })),
  ...(change.pages?.channels.includes(channel) ? change.pages.ids : []).map((page) => ({
    channel,
    subject: pageSubject(page),
    incidentId: change.incident,
    thread: root,
    priority: PRIORITY.page,
  })),
];

/** Alerts listed in one reply of a storm's thread: what fits into one message, found by title or source id. */
export const STORM_PAGE = 40;

/** An action's card that is posted stays where it stands, whatever is shown of its incident there: in a storm's thread, in an absorbed incident's. */
function repliesOf(change: Changed, known: readonly MessageRow[]): Wanted[] {
  const subjects = new Set((change.actions ?? []).map(actionSubject));
  return known
    .filter((message) => subjects.has(message.subject))
    .flatMap(({ channel, subject, thread }): Wanted[] => {
      const card = { channel, subject, incidentId: change.incident, thread, priority: PRIORITY.decision };
      if (!thread?.startsWith("storm:")) return [card];
      return [card, { channel, subject: thread, incidentId: change.incident, thread: null, priority: PRIORITY.redraw }];
    });
}

/** The summary in the threads of a closed incident; one that is there is kept true, also when the incident is opened again. */
function closingsOf(change: Changed, already: readonly string[], known: readonly MessageRow[]): Wanted[] {
  const subject = closingSubject(change.incident);
  const there = new Set(known.filter((message) => message.subject === subject).map((message) => message.channel));
  return already
    .filter((channel) => !isLive(channel) && (change.closed || there.has(channel)))
    .map((channel) => ({
      channel,
      subject,
      incidentId: change.incident,
      thread: incidentSubject(change.incident),
      priority: PRIORITY.redraw,
    }));
}

/** Replies that tell lines of a story. */
export const wantLines = (tx: Tx, replies: readonly Omit<Wanted, "priority">[], now: Date): Promise<void> =>
  tx.wantMessages(
    replies.map((reply) => ({ ...reply, priority: PRIORITY.redraw })),
    now,
  );

/** That executions are paused is of no incident either, and goes before everything: whoever is about to approve has to see it. */
export const wantPause = (tx: Tx, messages: readonly Pick<Wanted, "channel" | "subject">[], now: Date): Promise<void> =>
  tx.wantMessages(
    messages.map((message) => ({ ...message, incidentId: 0, thread: null, priority: PRIORITY.page })),
    now,
  );

/** Digests are of no incident, stand alone and wait for everything else. */
export const wantDigest = (tx: Tx, digests: readonly Pick<Wanted, "channel" | "subject">[], now: Date): Promise<void> =>
  tx.wantMessages(
    digests.map((digest) => ({ ...digest, incidentId: 0, thread: null, priority: PRIORITY.digest })),
    now,
  );

type StormThread = { channel: string; storm: number; shown: boolean; pages: number[] };

/** Of each storm and channel: whether its root card is there, and the pages to want now. */
async function stormThreads(tx: Tx, air: Pick<Air, "channels">, storms: readonly StormRow[]): Promise<StormThread[]> {
  const threads: StormThread[] = [];
  for (const storm of new Map(storms.map((one) => [one.id, one])).values()) {
    const root = stormSubject(storm.id);
    const page = (number: number) => `${root}:${number}`;
    const last = Math.max(1, Math.ceil(storm.alerts / STORM_PAGE));
    for (const channel of ruleFor(air, storm.severity)?.channels ?? []) {
      const near = await tx.wantedSubjects(channel, [root, page(last - 1)]);
      const shown = near.has(root);
      if (last === 1 || near.has(page(last - 1))) {
        // The one before too: it was perhaps not full when it was drawn.
        threads.push({ channel, storm: storm.id, shown, pages: last === 1 ? [1] : [last - 1, last] });
        continue;
      }
      // Many came at once: every page that is not there yet, and the last that is.
      const all = Array.from({ length: last }, (_, index) => index + 1);
      const there = shown ? await tx.wantedSubjects(channel, all.map(page)) : new Set<string>();
      const missing = all.filter((number) => !there.has(page(number)));
      const [firstMissing = 1] = missing;
      threads.push({ channel, storm: storm.id, shown, pages: firstMissing > 1 ? [firstMissing - 1, ...missing] : missing });
    }
  }
  return threads;
}

/** The storm's one root card with the counter, and the replies that list its alerts. */
function ofStorm(storm: StormRow, incidentId: number, channel: string, pages: readonly number[]): Wanted[] {
  const root = stormSubject(storm.id);
  return [
    { channel, subject: root, incidentId, thread: null, priority: PRIORITY.root },
    ...pages.map((page) => ({ channel, subject: `${root}:${page}`, incidentId, thread: root, priority: PRIORITY.redraw })),
  ];
}
