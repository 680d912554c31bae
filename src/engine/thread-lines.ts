import { type Air, actionId, incidentId, isLive } from "./air.ts";
import type { Card } from "./cards/card.ts";
import { lineCard } from "./cards/line-card.ts";
import type { IncidentSnoozeRow, MessageRow, PageRow, Reads, TimelineRow } from "./store.ts";
import { actionSubject, incidentSubject, lineSubject, linesOf, wantLines } from "./want-cards.ts";

/*
 * Cards are edited in place, and an edit notifies nobody. So what would be missed otherwise is said once more by a short reply: what went
 * wrong, bad evidence that came after the card, what somebody did elsewhere. What was just done in the channel itself, or what a page
 * told already, is not repeated. Each reply is drawn from lines of the incident's story.
 */

const ENDED = "incident-snooze-ended";

/** Said whoever did it and wherever: no card says it by itself. */
const ALWAYS: ReadonlySet<string> = new Set([
  // One message told somebody of several incidents; it stands in the thread of another one.
  "page-told-elsewhere",
  // Nobody answered: the card says so where nobody looks.
  "action-expired",
  "evidence-verdict",
  "evidence-fp",
  "evidence-fn",
  "investigation-stopped",
  "incident-note",
  "incident-reopen",
  "incident-split",
  "incident-snooze",
  "incident-mute",
  ENDED,
]);
/** Said where it was done somewhere else, or by somebody else than the person the incident is assigned to. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "decision.approve",
  "decision.reject",
  "decision.done",
  "decision.notNeeded",
  "decision.break-glass",
  "action-undo-asked",
]);
/** Said where no page told it, with the step a page would have. */
const UNLESS_PAGED: Readonly<Record<string, string>> = {
  "action-failed": "failed",
  "action-timedOut": "failed",
  "action-unclear": "unclear",
  "decision.first-of-two": "second",
  "decision.done-first-of-two": "second",
};
const VERDICT = "verdict";
const TOLD = [...ALWAYS, ...ELSEWHERE, ...Object.keys(UNLESS_PAGED), VERDICT];

/** At most one reply per thread in this time; what came meanwhile is said together. */
const APART_MS = 30_000;
const MOST_IN_ONE = 8;
/** After an outage of the chat the cards show the present; what happened a day ago is read in the log. */
const OLD_MS = 86_400_000;
const BATCH = 500;
/** A transaction may commit a line later than one with a higher number; after this long none does any more. */
const SETTLED_MS = 60_000;

const SETTING = "thread-lines";
/** Everything up to `from` was looked at; `mark` was the newest line at `markedAt`. */
type Kept = { from: number; mark: number; markedAt: string };

/** Wants a reply for each line of a story that would be missed. Called by the sweep; what is wanted already is not wanted again. */
export async function keepThreads(air: Air, now: Date): Promise<void> {
  if (!air.channels().some((rule) => rule.channels.some((channel) => !isLive(channel)))) return;
  const kept = await air.store.setting<Kept>(SETTING);
  if (!kept) return beginThreads(air, now);
  const newest = await air.store.lastTimelineId();
  const rows = await air.store.timelineAfter(kept.from, TOLD, BATCH);
  const plan = rows.length === 0 ? { replies: [], waiting: undefined } : await planReplies(air, rows, now);
  const settled = now.getTime() - Date.parse(kept.markedAt) >= SETTLED_MS;
  const next: Kept = settled
    ? { from: Math.min(kept.mark, (plan.waiting ?? Number.POSITIVE_INFINITY) - 1), mark: newest, markedAt: now.toISOString() }
    : kept;
  // More than one batch: the rest is looked at next time, so nothing is passed over.
  if (rows.length === BATCH) next.from = Math.min(next.from, (rows.at(-1)?.id ?? 0) - 1);
  if (plan.replies.length === 0 && !settled) return;
  await air.store.transaction(async (tx) => {
    await wantLines(tx, plan.replies, now);
    await tx.putSetting(SETTING, next);
  });
}

/**
 * What happened before air spoke here at all is not told afterwards. Called at the start as well: of a new air, what is written in the
 * seconds before its first sweep is told like everything else.
 */
export async function beginThreads(air: Air, now: Date): Promise<void> {
  if ((await air.store.setting<Kept>(SETTING)) !== undefined) return;
  const newest = await air.store.lastTimelineId();
  await keep(air, { from: newest, mark: newest, markedAt: now.toISOString() });
}

const keep = (air: Air, kept: Kept) => air.store.transaction((tx) => tx.putSetting(SETTING, kept));

type Reply = { channel: string; subject: string; incidentId: number; thread: string };

async function planReplies(air: Air, rows: readonly TimelineRow[], now: Date): Promise<{ replies: Reply[]; waiting: number | undefined }> {
  const replies: Reply[] = [];
  let waiting: number | undefined;
  // Stored after the verdict they follow from, in the same moment.
  const proposed = await air.store.timelineAfter((rows[0]?.id ?? 1) - 1, ["action-proposed"], BATCH);
  const messages = await air.store.transaction((tx) => tx.knownMessages(rows.map((row) => row.incidentId)));
  const mutes = await air.store.mutesSince(
    rows.map((row) => row.incidentId),
    new Date(now.getTime() - OLD_MS),
  );
  const heard = rows.filter((row) => !mutes.some((mute) => mute.incidentId === row.incidentId && isSilent(row, mute)));
  for (const [incident, lines] of Map.groupBy(heard, (row) => row.incidentId)) {
    const known = messages.filter((message) => message.incidentId === incident && !isLive(message.channel));
    if (known.length === 0) continue;
    const row = await air.store.incident(incident);
    const pages = await air.store.pagesOf(incident);
    for (const [channel, here] of Map.groupBy(known, (message) => message.channel)) {
      const said = new Set(here.flatMap((message) => linesOf(message.subject) ?? []));
      const threads = Map.groupBy(
        lines.filter((line) => !said.has(line.id)),
        (line) => threadOf(line, here),
      );
      for (const [thread, fresh] of threads) {
        const root = here.find((message) => message.subject === thread && message.thread === null);
        if (!root || thread === undefined) continue;
        const about = { channel, root, assignee: row?.assignee ?? null, pages, proposed, now };
        const missed = inOrder(fresh.filter((line) => wouldBeMissed(line, about))).slice(0, MOST_IN_ONE);
        if (missed.length === 0) continue;
        const last = here
          .filter((message) => message.thread === thread && linesOf(message.subject))
          .map(({ createdAt }) => createdAt.getTime());
        if (!root.ref || Math.max(0, ...last) > now.getTime() - APART_MS) {
          waiting = Math.min(waiting ?? Number.POSITIVE_INFINITY, ...missed.map(({ id }) => id));
          continue;
        }
        replies.push({ channel, subject: lineSubject(missed.map(({ id }) => id)), incidentId: incident, thread });
      }
    }
  }
  return { replies, waiting };
}

/** A muted incident's thread hears that it was muted and why that ended, and nothing of what came between. */
const isSilent = (line: TimelineRow, mute: IncidentSnoozeRow) =>
  line.at > mute.createdAt && (mute.endedAt === null || line.at < mute.endedAt);

/**
 * A snooze that is over is no news any more, and that it is over comes first, with why. Where somebody only said it anew, the new one is
 * the news.
 */
function inOrder(lines: readonly TimelineRow[]): TimelineRow[] {
  const isEnd = ({ event }: TimelineRow) => event === ENDED;
  const isBegin = ({ event }: TimelineRow) => event === "incident-snooze" || event === "incident-mute";
  const news = lines.filter((line, index) => {
    const later = lines.slice(index + 1);
    if (isBegin(line)) return !later.some(isEnd);
    return !isEnd(line) || !later.some(isBegin);
  });
  return [...news.filter(isEnd), ...news.filter((line) => !isEnd(line))];
}

/** Where the action's card stands, else the incident's own thread. */
function threadOf(line: TimelineRow, here: readonly MessageRow[]): string | undefined {
  const card = line.actionId === null ? undefined : here.find((message) => message.subject === actionSubject(line.actionId ?? 0));
  if (card) return card.thread ?? undefined;
  const root = incidentSubject(line.incidentId);
  return here.some((message) => message.subject === root) ? root : undefined;
}

type About = {
  channel: string;
  root: MessageRow;
  assignee: string | null;
  pages: readonly PageRow[];
  proposed: readonly TimelineRow[];
  now: Date;
};

/** Nobody who watches the channel would hear of it otherwise. */
function wouldBeMissed(line: TimelineRow, about: About): boolean {
  // The card that came after it says it.
  if (line.at <= about.root.createdAt || about.now.getTime() - line.at.getTime() > OLD_MS) return false;
  if (ALWAYS.has(line.event)) return true;
  if (ELSEWHERE.has(line.event)) {
    if (line.actor.kind !== "person") return true;
    return !about.channel.startsWith(`${line.actor.via}:`) || (about.assignee !== null && about.assignee !== line.actor.name);
  }
  const step = UNLESS_PAGED[line.event];
  if (step !== undefined)
    return !about.pages.some((page) => page.actionId === line.actionId && page.step === step && page.droppedAt === null);
  if (line.event !== VERDICT || !/: (Malicious|Compromised)$/.test(line.text)) return false;
  // Where it led to a question, the question's own card was posted.
  return !about.proposed.some((one) => one.incidentId === line.incidentId && one.at.getTime() === line.at.getTime());
}

/** `line:17,19`: a reply, drawn from these lines of the story. */
export async function drawLines(
  reads: Pick<Reads, "timelineRows">,
  subject: string,
  lab: boolean,
  snooze?: Pick<IncidentSnoozeRow, "createdAt" | "endedAt">,
): Promise<Card | undefined> {
  const ids = linesOf(subject);
  if (!ids) return undefined;
  // It is silent again: that it came back before is no news any more.
  const isPast = ({ event, at }: TimelineRow) => event === ENDED && snooze?.endedAt === null && snooze.createdAt >= at;
  const rows = inOrder(await reads.timelineRows(ids)).filter((row) => !isPast(row));
  const [first] = rows;
  return (
    first &&
    lineCard({
      incident: incidentId(first.incidentId),
      lab,
      happened: rows.map((row) => ({ ...row, action: row.actionId === null ? undefined : actionId(row.actionId) })),
    })
  );
}
