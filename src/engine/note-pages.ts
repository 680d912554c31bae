import { type Air, incidentId } from "./air.ts";
import { unreachedStep } from "./domain/calls.ts";
import { isOutside, readFollowUp } from "./domain/outside-pages.ts";
import { isOps, NOBODY, opsChannel } from "./domain/paging.ts";
import { afterUndelivered } from "./escalate.ts";
import type { PageRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { dropOtherWays } from "./told-already.ts";
import { pageAlone, redrawIncident, redrawPages, wantCards } from "./want-cards.ts";

/** How one message with pages fared: whom its card named, and why the chat did not take it. */
export type Posted = {
  leader: number;
  told: readonly number[];
  trouble: string | null;
  /** In a message to one person alone: `leader` is their page, wherever else it stands. */
  direct?: boolean;
};

const AIR = { kind: "air", job: "send-pages" } as const;
/** Somebody was told of it in the thread of another incident. */
const TOLD_ELSEWHERE = "page-told-elsewhere";

/** What a chat took is sent, what it refused goes to the next, in the transaction that notes the delivery. */
export async function notePages(tx: Tx, air: Air, channel: string, posted: readonly Posted[], now: Date): Promise<void> {
  if (posted.length === 0) return;
  const before = [
    ...(await tx.pagesIn(posted.flatMap(({ leader, direct }) => (direct ? [] : leader)))),
    ...(await tx.pages(posted.flatMap(({ told, direct }) => (direct ? told : [])))),
  ];
  // Actions before pages, as everywhere.
  for (const id of [...new Set(before.flatMap((page) => page.actionId ?? []))].sort((a, b) => a - b)) await tx.lockAction(id);
  const rows = await tx.lockPages(before.map(({ id }) => id));
  for (const { leader, told, trouble, direct } of posted) {
    const group = rows
      .filter((page) => (direct ? told.includes(page.id) : page.id === leader || page.toldBy === leader))
      .filter((page) => page.sentAt === null);
    if (trouble !== null) {
      for (const page of group.filter((one) => one.droppedAt === null && one.trouble === null)) {
        await tx.updatePage(page.id, { trouble });
        await afterUndelivered(tx, air, { ...page, trouble }, now);
      }
      continue;
    }
    const sent = group.filter((page) => told.includes(page.id) && (isOps(page.target) || reaches(air, page, channel)));
    for (const page of sent) await tx.updatePage(page.id, { sentAt: now, droppedAt: null, trouble: null, tryAt: null });
    // The message stands where the first of its rows belongs.
    const first = sent.length > 0 ? (rows.find((page) => page.id === leader) ?? sent[0]) : undefined;
    // The message in the channel says it when it comes.
    if (first && !direct) await showTold(tx, air, first, leader, channel, now);
    for (const page of sent) await noteTold(tx, air, page, now);
  }
}

const reaches = (air: Air, page: PageRow, channel: string) =>
  air.capabilities.lab || (air.paging?.() ?? NOBODY).nameOf(page.target).on[channel.split(":")[0] ?? ""] !== undefined;

/** The message says when it was told: drawn again, which mentions nobody again. */
async function showTold(tx: Tx, air: Air, page: PageRow, leader: number, channel: string, now: Date): Promise<void> {
  const incident = isOps(page.target) ? undefined : await tx.incident(page.incidentId);
  if (!incident) return tx.wantMessages([pageAlone(channel, leader, page.incidentId)], now);
  const pages = { ids: [leader], channels: [channel] };
  await wantCards(
    tx,
    air,
    [{ incident: incident.id, severity: incident.severity, needed: true, quiet: incident.status === "redirected", pages }],
    now,
  );
}

/** In the incident's story: a way that is no chat did not take it. */
export async function noteUntold(tx: Tx, air: Air, page: PageRow, trouble: string, now: Date): Promise<void> {
  if (page.incidentId === 0) return;
  const { name } = (air.paging?.() ?? NOBODY).nameOf(page.target);
  const of = { incidentId: page.incidentId, actionId: page.actionId };
  await tx.addTimeline([timelineLine(of, now, AIR, "page-untold", `${name} could not be told: ${trouble}.`)]);
  await redrawIncident(tx, air, page.incidentId, now);
}

/** Where it was said that nobody could be told, it is said that somebody was. */
async function correctAlarms(tx: Tx, page: PageRow, call: number, now: Date): Promise<void> {
  const said = (await tx.pagesOf(page.incidentId)).filter(({ step, sentAt }) => step === unreachedStep(call) && sentAt !== null);
  await tx.wantMessages(
    said.filter(({ target }) => isOps(target)).map(({ id, target, incidentId: incident }) => pageAlone(opsChannel(target), id, incident)),
    now,
  );
}

/** In the incident's story and on its root card. */
export async function noteTold(tx: Tx, air: Air, page: PageRow, now: Date): Promise<void> {
  // From now the time runs until the next is told.
  if (page.callId !== null) {
    await tx.wakeCall(page.callId, now);
    await tx.dropPages({ incident: page.incidentId, steps: [unreachedStep(page.callId)] }, "Somebody was reached meanwhile", now);
    if (page.incidentId !== 0) await correctAlarms(tx, page, page.callId, now);
    // What was told before says who comes next, or that nobody does.
    await redrawPages(tx, page.incidentId, [page.callId], now);
  }
  if (!readFollowUp(page.step)) await dropOtherWays(tx, air, page, now);
  if (page.incidentId === 0 || isOps(page.target) || readFollowUp(page.step)) return;
  const { name } = (air.paging?.() ?? NOBODY).nameOf(page.target);
  const was = air.capabilities.lab ? "would be" : "was";
  const [leader] = page.toldBy === null ? [] : await tx.pages([page.toldBy]);
  const elsewhere = leader && leader.incidentId !== page.incidentId ? leader.incidentId : undefined;
  const where = elsewhere === undefined ? "" : `, together with ${incidentId(elsewhere)}`;
  // A page in a thread says it there; one that stands in another thread is said here by a line.
  const event = elsewhere === undefined || isOutside(page.target) ? "page-sent" : TOLD_ELSEWHERE;
  await tx.addTimeline([
    timelineLine({ incidentId: page.incidentId, actionId: page.actionId }, now, AIR, event, `${name} ${was} told${where}: ${page.text}`),
  ]);
  await redrawIncident(tx, air, page.incidentId, now);
}
