import { type Air, incidentId } from "./air.ts";
import type { Severity } from "./domain/alert.ts";
import { isGathered, nextMessageAt, STORM_MS } from "./domain/gather.ts";
import { readFollowUp } from "./domain/outside-pages.ts";
import { isChainStep, isOps, NOBODY, type Paging } from "./domain/paging.ts";
import { waitsUntil } from "./domain/quiet-hours.ts";
import { onDutyAt } from "./domain/rota.ts";
import { wallText } from "./domain/wall-clock.ts";
import { rotaInForce } from "./on-duty.ts";
import type { PageRow, Reads, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { redrawIncident } from "./want-cards.ts";

/*
 * Before anybody is told: what can wait for a better hour waits, and what comes right after a message waits to be one with what else
 * comes. A row that waits is no step that failed: the escalation goes on from it when it is told. Rows say until when; what becomes more
 * urgent meanwhile is told at once.
 */

const AIR = { kind: "air", job: "send-pages" } as const;
/** How many that wait are looked at in one go. */
const BATCH = 1000;

type About = { page: PageRow; severity: Severity | undefined; lostAt: Date | undefined };

/** What of this is told now, with what waited to be told together with it. The others are held. */
export async function holdBack(air: Air, due: readonly PageRow[], now: Date): Promise<PageRow[]> {
  const paging = air.paging?.() ?? NOBODY;
  if (!waits(paging) || !due.some(mayWait)) return [...due];
  return air.store.transaction(async (tx) => {
    const locked = new Map((await tx.lockPages(due.map(({ id }) => id))).map((row) => [row.id, row]));
    const go: PageRow[] = [];
    const left: About[] = [];
    for (const { id } of due) {
      const page = locked.get(id);
      if (!page || page.sentAt !== null || page.droppedAt !== null || (page.tryAt !== null && page.tryAt > now)) continue;
      if (!mayWait(page)) go.push(page);
      else {
        const about = await aboutOf(tx, page);
        const until = isReleased(page) ? undefined : waitsUntil(paging.quiet ?? [], { step: page.step, ...about }, now);
        if (until) await hold(tx, air, page, until, now);
        else if (page.heldWhy === "quiet" && (await reaim(tx, air, page, now))) continue;
        else left.push(about);
      }
    }
    return [...go, ...(await gather(tx, air, left, now))];
  });
}

const waits = ({ quiet, togetherMs }: Paging) => (quiet !== undefined && quiet.length > 0) || (togetherMs ?? 0) > 0;
/** What was begun is finished. What a channel for air itself hears names nobody. */
const mayWait = (page: PageRow) => page.attempts === 0 && !isOps(page.target) && !readFollowUp(page.step);

/** It waits no longer whatever the hour: what it is about became more urgent, or somebody asked for it. */
const isReleased = ({ heldUntil, heldWhy }: PageRow) => heldUntil !== null && heldWhy !== "quiet";

async function aboutOf(tx: Pick<Reads, "action" | "incident">, page: PageRow): Promise<About> {
  const action = page.actionId === null ? undefined : await tx.action(page.actionId);
  let incident = page.incidentId === 0 ? undefined : await tx.incident(action?.incidentId ?? page.incidentId);
  while (incident && incident.redirectTo !== null) incident = await tx.incident(incident.redirectTo);
  const lostAt = action?.state === "pending" ? action.expiresAt : undefined;
  return { page, severity: incident?.severity, lostAt };
}

/** Said in the incident's story and on its card, once for each time until when. */
async function hold(tx: Tx, air: Air, page: PageRow, until: Date, now: Date): Promise<void> {
  await tx.updatePage(page.id, { heldUntil: until, heldWhy: "quiet", tryAt: until });
  if (page.heldWhy === "quiet" && page.heldUntil?.getTime() === until.getTime()) return;
  await noteHeld(tx, air, { ...page, heldWhy: "quiet" }, until, now);
}

async function noteHeld(tx: Tx, air: Air, page: PageRow, until: Date, now: Date): Promise<void> {
  if (page.incidentId === 0) return;
  const { nameOf, timeZone } = air.paging?.() ?? NOBODY;
  const of = { incidentId: page.incidentId, actionId: page.actionId };
  const why = page.heldWhy === "quiet" ? ": quiet hours" : " in one message with others";
  const text = `${nameOf(page.target).name} is told at ${wallText(until, timeZone)}${why}.`;
  air.log.info("a page waits", { page: page.id, incident: incidentId(page.incidentId), until: until.toISOString() });
  await tx.addTimeline([timelineLine(of, now, AIR, "page-held", text)]);
  await redrawIncident(tx, air, page.incidentId, now);
}

/** At the end of a night somebody else may be on call: then it is theirs. True: another page stands for this one. */
async function reaim(tx: Tx, air: Air, page: PageRow, now: Date): Promise<boolean> {
  if (page.callId === null && !isChainStep(page.step)) return false;
  const inForce = await rotaInForce(tx, air, page.createdAt);
  if (!inForce || onDutyAt(inForce.rota, inForce.swaps, page.createdAt) !== page.target) return false;
  const current = onDutyAt(inForce.rota, inForce.swaps, now);
  if (current === null || current === page.target) return false;
  const { nameOf } = air.paging?.() ?? NOBODY;
  const { incidentId: incident, actionId: action, step, text, by, callId, stage } = page;
  const trouble = `${nameOf(page.target).name} is not on call any more; ${nameOf(current).name} is told`;
  await tx.updatePage(page.id, { droppedAt: now, trouble });
  await tx.addPages([
    { incidentId: incident, actionId: action, step, text, by, callId, stage, target: current, createdAt: now, dueAt: now },
  ]);
  await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  return true;
}

/** Of what is for one person: nothing yet, or all of it. */
async function gather(tx: Tx, air: Air, left: readonly About[], now: Date): Promise<PageRow[]> {
  const windowMs = (air.paging?.() ?? NOBODY).togetherMs ?? 0;
  const gathered = windowMs > 0 ? left.filter(({ page }) => isGathered(page)) : [];
  const others = left.filter((one) => !gathered.includes(one)).map(({ page }) => page);
  if (gathered.length === 0) return others;
  const targets = [...new Set(gathered.map(({ page }) => page.target))];
  const told = await tx.toldLately(targets, new Date(now.getTime() - Math.max(STORM_MS, windowMs)));
  const waiting = (await tx.heldPages(BATCH)).filter((page) => page.heldWhy === "together" && targets.includes(page.target));
  const go = others;
  for (const target of targets) {
    const here = gathered.filter(({ page }) => page.target === target);
    const lately = told.flatMap((one) => (one.target === target ? [one.at ?? now] : [])).sort((a, b) => a.getTime() - b.getTime());
    const earlier = waiting.filter((page) => page.target === target && !here.some((one) => one.page.id === page.id));
    const severities = here.map(({ severity }) => severity);
    const open = nextMessageAt(lately, severities, windowMs, now);
    // What waited already waits no longer than it was said to.
    const ripe = here.some(({ page }) => page.heldWhy === "together");
    const expires = here.some(({ lostAt }) => lostAt !== undefined && lostAt < open);
    if (ripe || expires || open <= now) {
      // What waited goes with it.
      for (const page of await tx.lockPages(earlier.map(({ id }) => id))) {
        if (page.sentAt !== null || page.droppedAt !== null || page.attempts > 0) continue;
        await tx.updatePage(page.id, { tryAt: null, heldUntil: now });
        go.push({ ...page, tryAt: null, heldUntil: now });
      }
      go.push(...here.map(({ page }) => page));
      continue;
    }
    const [first] = earlier.flatMap(({ heldUntil }) => heldUntil ?? []).sort((a, b) => a.getTime() - b.getTime());
    const until = first && first < open ? first : open;
    for (const { page } of here) await tx.updatePage(page.id, { heldUntil: until, heldWhy: "together", tryAt: until });
    // A minute is not worth a line.
    if (until.getTime() - now.getTime() > windowMs)
      for (const { page } of here) await noteHeld(tx, air, { ...page, heldWhy: "together" }, until, now);
  }
  return go;
}

/** What waits and cannot wait any more, as its incident became more urgent or the quiet hours were changed. */
export async function releaseHeld(air: Air, now: Date): Promise<void> {
  const held = (await air.store.heldPages(BATCH)).filter(({ heldUntil }) => heldUntil && heldUntil > now);
  const { quiet = [], togetherMs = 0 } = air.paging?.() ?? NOBODY;
  // What became high does not wait for the end of a storm.
  const isUrgent = (severity: Severity | undefined, until: Date | null) =>
    severity === "critical" || (severity === "high" && (until?.getTime() ?? 0) - now.getTime() > togetherMs);
  for (const page of held) {
    const about = await aboutOf(air.store, page);
    const until = page.heldWhy === "quiet" ? waitsUntil(quiet, { step: page.step, ...about }, now) : undefined;
    if (page.heldWhy === "quiet" ? until?.getTime() === page.heldUntil?.getTime() : !isUrgent(about.severity, page.heldUntil)) continue;
    await air.store.transaction(async (tx) => {
      const [row] = await tx.lockPages([page.id]);
      if (!row || row.sentAt !== null || row.droppedAt !== null || row.attempts > 0 || row.heldWhy !== page.heldWhy) return;
      if (until) return hold(tx, air, row, until, now);
      await tx.updatePage(row.id, { heldUntil: now, tryAt: null, ...(row.heldWhy === "quiet" ? { heldWhy: null } : {}) });
      air.log.info("a page waits no longer", { page: row.id, incident: incidentId(row.incidentId) });
    });
  }
}
