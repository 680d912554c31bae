import { advanceDueCalls } from "./advance-calls.ts";
import { type Air, incidentId, isLive } from "./air.ts";
import { chatDown } from "./chat-down.ts";
import { unreachedCall } from "./domain/calls.ts";
import { isOutside, MAIL, outsideKind, readFollowUp } from "./domain/outside-pages.ts";
import { isOps, NOBODY, notNeeded, opsChannel, type Paging, rotaStepOf } from "./domain/paging.ts";
import { isHeldBack } from "./domain/snooze.ts";
import { afterUndelivered } from "./escalate.ts";
import { holdBack } from "./hold-back.ts";
import type { Settle } from "./investigate.ts";
import { chatOfTrouble } from "./keep-chat-troubles.ts";
import { noteTold, noteUntold } from "./note-pages.ts";
import { callsOf, type Held, leaderOf, placePages, togetherPage } from "./place-pages.ts";
import { ConnectorError, type PageHook } from "./ports.ts";
import { snoozeOf } from "./snoozed.ts";
import type { ActionRow, IncidentRow, PageRow, Tx } from "./store.ts";
import { tellDirectly } from "./tell-directly.ts";
import { incidentChannels, pageAlone, pageChannels, wantCards } from "./want-cards.ts";

/** So long after a look an alarm that waits for its chat is judged again. */
const JUDGED_AGAIN_MS = 15_000;
/** How many pages one job takes; the next one takes the rest. */
const BATCH = 50;
/** So many that a chat refused are looked at in one go. */
const MOST_TAKEN_BACK = 1000;
/** A chat that has not taken a page by then does not have it: the next step starts. */
const CHAT_MS = 60_000;
/** What a chat has not taken for a day is old news. */
const GIVEN_UP_MS = 86_400_000;
/** A mail server takes its time to greet. */
const CALL_TIMEOUT_MS = { webhook: 5_000, mail: 20_000, pagerduty: 10_000 };
/** Calls of one kind on their way at once: mail servers take few connections. */
const AT_ONCE = 3;
/** Tries of a way that is no chat, the next one this long after the first, then twice as long each time. */
const TRIES = 5;
const BACK_OFF_MS = 15_000;

/**
 * Tells people what is due. A page for a chat becomes a message, drawn and posted like any other; what is no chat is called from here.
 *
 * Each row is compared and set before anything goes out, with its action locked: what was decided meanwhile is dropped, and a second worker
 * finds it taken. Who dies after that leaves a row that is looked at again: a chat is then asked whether the message is there, anything
 * else is called with the same id.
 */
export async function sendPages(air: Air, hookOf: HookOf, settle: Settle): Promise<void> {
  await advanceDueCalls(air, air.clock.now());
  await takeBackRefused(air, air.clock.now());
  const found = await air.store.duePages(air.clock.now(), BATCH);
  const due = await holdBack(air, found, air.clock.now());
  const chat = due.filter((page) => !isOutside(page.target));
  // One message for everything an incident's people are to be told now, one for each channel of its own.
  const together = isTogether(air);
  const groups = Map.groupBy(chat, (page) =>
    isOps(page.target) && page.incidentId > 0
      ? `${page.incidentId} ${page.target}`
      : together && page.incidentId > 0
        ? "incidents"
        : `${page.incidentId}`,
  );
  for (const group of groups.values()) await handOver(air, group, air.clock.now());
  const outside = Map.groupBy(
    due.filter((page) => isOutside(page.target)),
    (page) => outsideKind(page.target),
  );
  await Promise.all([...outside.values()].map((pages) => callInTurn(air, hookOf, pages)));
  const now = air.clock.now();
  await settle(async (tx) => {
    if (found.length === BATCH) await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
  });
}

/** Handed to a chat that has refused air since: nobody waits the minute out for it. */
async function takeBackRefused(air: Air, now: Date): Promise<void> {
  if (!(await air.store.troubledChannels()).some(({ troubleKind }) => troubleKind === "account")) return;
  const onTheirWay = (await air.store.pagesOnTheirWay(MOST_TAKEN_BACK)).filter(({ target }) => !isOutside(target));
  for (const page of onTheirWay) {
    await air.store.transaction(async (tx) => {
      const [row] = await tx.lockPages([page.id]);
      if (!row || row.sentAt !== null || row.droppedAt !== null || row.trouble !== null) return;
      const down = await chatDown(
        tx,
        air,
        channelsFor(air, { page: row, action: undefined, incident: await standing(tx, row.incidentId) }),
        now,
      );
      if (down !== undefined) await tx.updatePage(row.id, { tryAt: null });
    });
  }
}

/** What calls a target that is no chat; undefined: it is not configured any more. */
export type HookOf = (target: string) => PageHook | undefined;

type Fresh = { held: Held; channels: readonly string[]; down: string | undefined };
const isTogether = (air: Air) => ((air.paging?.() ?? NOBODY).togetherMs ?? 0) > 0;

/** Locks actions, then pages, and drops what nobody needs any more; what is left is due and ours. */
async function hold(tx: Tx, air: Air, ids: readonly PageRow[], now: Date): Promise<Held[]> {
  const actions = new Map<number, ActionRow | undefined>();
  for (const id of [...new Set(ids.flatMap((page) => page.actionId ?? []))].sort((a, b) => a - b)) actions.set(id, await tx.lockAction(id));
  const silent = new Map<number, Date>();
  const about = new Set(ids.map((page) => actions.get(page.actionId ?? 0)?.incidentId ?? page.incidentId));
  for (const id of [...about].sort((a, b) => a - b)) {
    const snooze = await snoozeOf(tx, air, (await standing(tx, id))?.id ?? 0, now);
    if (snooze) silent.set(snooze.incidentId, snooze.until);
  }
  const held: Held[] = [];
  for (const page of await tx.lockPages(ids.map(({ id }) => id))) {
    if (page.sentAt !== null || page.droppedAt !== null || (page.tryAt !== null && page.tryAt > now)) continue;
    const action = page.actionId === null ? undefined : actions.get(page.actionId);
    const incident = await standing(tx, action?.incidentId ?? page.incidentId);
    const why = notNeeded(page, action, incident);
    const until = isHeldBack(page.step) ? silent.get(incident?.id ?? 0) : undefined;
    if (why) await tx.updatePage(page.id, { droppedAt: now, trouble: why });
    // Kept, not dropped: told when the incident is back, if it is needed then.
    else if (until) await tx.updatePage(page.id, { tryAt: until });
    // That nobody could be told is judged when it can be said: the same chat tells them then.
    else if (await isToldByThen(tx, air, page, incident))
      await tx.updatePage(page.id, { tryAt: new Date(now.getTime() + JUDGED_AGAIN_MS) });
    else held.push({ page, action, incident });
  }
  return held;
}

/** The incident, or the one it was merged into. */
async function standing(tx: Tx, id: number): Promise<IncidentRow | undefined> {
  const row = id === 0 ? undefined : await tx.incident(id);
  return row && row.redirectTo !== null ? standing(tx, row.redirectTo) : row;
}

/**
 * An alarm that somebody could not be told, for a channel of the very chat that takes nothing and where those people's messages wait: when
 * it is back they are told, and the alarm is none. What is wrong with one channel alone is no outage.
 */
async function isToldByThen(tx: Tx, air: Air, alarm: PageRow, incident: IncidentRow | undefined): Promise<boolean> {
  const call = unreachedCall(alarm.step);
  if (call === undefined || !isOps(alarm.target) || alarm.attempts > 0) return false;
  const chat = platformOf(opsChannel(alarm.target));
  const about = await tx.call(call);
  // That nobody heard of the outage is no news in the chat that was out.
  if (about && about.endedAt === null && chatOfTrouble(about.cause) === chat) return true;
  for (const page of await tx.pagesOfCalls([call])) {
    if (page.sentAt !== null || page.droppedAt !== null || page.attempts === 0 || isOutside(page.target) || isOps(page.target)) continue;
    const here = channelsFor(air, { page, action: undefined, incident }).filter((channel) => platformOf(channel) === chat);
    const rows = await Promise.all(here.map((channel) => tx.channel(channel)));
    if (rows.length > 0 && rows.every((row) => row?.troubledSince && row.troubleKind !== "channel")) return true;
  }
  return false;
}

async function handOver(air: Air, group: readonly PageRow[], now: Date): Promise<void> {
  await air.store.transaction(async (tx) => {
    const held = await hold(tx, air, group, now);
    const late = held.filter(({ page }) => page.attempts > 0);
    for (const one of late) await noteLate(tx, air, one.page, await chatDown(tx, air, channelsFor(air, one), now), now);
    const fresh: Fresh[] = [];
    const lost: { page: PageRow; trouble: string }[] = [];
    for (const one of held.filter((each) => !late.includes(each))) {
      const channels = channelsFor(air, one);
      if (channels.length > 0) fresh.push({ held: one, channels, down: await chatDown(tx, air, channels, now) });
      else lost.push({ page: one.page, trouble: unreachable(air.paging?.() ?? NOBODY, one) });
    }
    for (const { leader, told } of placePages(fresh, isTogether(air))) {
      const id = leader.held.page.id;
      const isHere = (one: Fresh) => one.held.incident?.id === leader.held.incident?.id;
      // What stands in another incident's thread fares as that does.
      const fares = told.map((one) => ({ page: one.held.page, ...(isHere(one) ? one : leader) }));
      for (const { page, channels, down } of fares) {
        // Where only the console shows it, it is shown: it draws from these rows.
        const seen = channels.every(isLive) ? { sentAt: now } : {};
        await tx.updatePage(page.id, {
          attempts: page.attempts + 1,
          tryAt: new Date(now.getTime() + CHAT_MS),
          toldBy: page.id === id ? null : id,
          ...seen,
          ...(down === undefined ? {} : { trouble: down }),
        });
      }
      await tellDirectly(
        tx,
        air,
        told.map((one) => one.held),
        now,
      );
      await show(tx, air, leader.held, id, [...new Set(told.filter(isHere).flatMap((one) => one.channels))], now);
      for (const { page, channels } of fares) if (channels.every(isLive)) await noteTold(tx, air, page, now);
      // It stands in the chat when that is back; whoever is next does not wait for it.
      for (const { page, down } of fares) if (down !== undefined) await afterUndelivered(tx, air, { ...page, trouble: down }, now);
    }
    for (const { page, trouble } of lost) await tx.updatePage(page.id, { droppedAt: now, trouble });
    for (const { page, trouble } of lost) await afterUndelivered(tx, air, { ...page, trouble }, now);
    await tx.notifyChange();
  });
}

/** Handed to a chat a minute ago and still not there. It may come yet; nobody waits for it. */
async function noteLate(tx: Tx, air: Air, page: PageRow, down: string | undefined, now: Date): Promise<void> {
  const trouble = page.trouble ?? down ?? "the chat did not take it within a minute";
  const over = now.getTime() - page.dueAt.getTime() > GIVEN_UP_MS ? { droppedAt: now } : {};
  await tx.updatePage(page.id, { attempts: page.attempts + 1, tryAt: new Date(now.getTime() + CHAT_MS), trouble, ...over });
  if (page.trouble === null) await afterUndelivered(tx, air, { ...page, trouble }, now);
}

async function show(tx: Tx, air: Air, held: Held, leader: number, channels: readonly string[], now: Date): Promise<void> {
  const { incident, page } = held;
  if (isOps(page.target) || !incident) {
    await tx.wantMessages(
      channels.map((channel) => pageAlone(channel, leader, incident?.id ?? 0)),
      now,
    );
    return;
  }
  const pages = { ids: [leader], channels };
  await wantCards(tx, air, [{ incident: incident.id, severity: incident.severity, needed: true, pages }], now);
}

/** The channels in which this one can be told: by a mention, or, as the lab never pages, by name. */
function channelsFor(air: Air, { page, incident }: Held): readonly string[] {
  const paging = air.paging?.() ?? NOBODY;
  if (isOps(page.target)) return [opsChannel(page.target)];
  if (rotaStepOf(page.target)) return [];
  const all = !incident
    ? paging.ops
    : page.step === "reminder" || page.step === "owner"
      ? incidentChannels(air, incident.severity)
      : pageChannels(air, incident.severity);
  if (incident?.lab ?? air.capabilities.lab) return all;
  const { on } = paging.nameOf(page.target);
  // That a chat takes nothing is not said in that chat.
  const silent = chatOfTrouble(page.step);
  const reached = all.filter((channel) => !isLive(channel) && on[platformOf(channel)] !== undefined && platformOf(channel) !== silent);
  // The console shows it beside the chat; alone it mentions nobody.
  return reached.length === 0 ? [] : [...reached, ...all.filter(isLive)];
}

const platformOf = (channel: string) => channel.split(":")[0] ?? "";

const NOBODY_THERE = { current: "nobody is on call", next: "nobody else is in the rota", everyone: "nobody is in the rota" } as const;
function unreachable(paging: Paging, { page, incident }: Held): string {
  const step = rotaStepOf(page.target);
  if (step) return NOBODY_THERE[step];
  return `${paging.nameOf(page.target).name} could not be told: ${incident ? `no channel of ${incidentId(incident.id)}` : "none of the channels of air itself"} can mention them`;
}

async function callInTurn(air: Air, hookOf: HookOf, pages: readonly PageRow[]): Promise<void> {
  const rest = isTogether(air) ? callsOf(pages) : pages.map((page) => [page]);
  const next = async (): Promise<void> => {
    for (let call = rest.shift(); call; call = rest.shift()) await callHook(air, hookOf(call[0]?.target ?? ""), call);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/** What is no chat never hears of the lab, nor of what was decided. What goes out with one call is for one target. */
async function callHook(air: Air, hook: PageHook | undefined, due: readonly PageRow[]): Promise<void> {
  const begun = air.clock.now();
  const taken = await air.store.transaction(async (tx) => {
    const ours: Held[] = [];
    for (const held of await hold(tx, air, due, begun)) {
      const { page } = held;
      const lab = held.incident?.lab ?? air.capabilities.lab;
      if (!lab && hook) ours.push(held);
      else {
        const trouble = lab
          ? "the lab never pages"
          : page.target === MAIL
            ? "nobody on call has an address"
            : "it is not configured any more";
        await tx.updatePage(page.id, { droppedAt: begun, trouble });
        if (!lab) await afterUndelivered(tx, air, { ...page, trouble }, begun);
      }
    }
    const leader = leaderOf(ours);
    for (const { page } of ours) {
      const wait = BACK_OFF_MS * 2 ** page.attempts;
      const toldBy = page.id === leader ? null : (leader ?? null);
      await tx.updatePage(page.id, { attempts: page.attempts + 1, tryAt: new Date(begun.getTime() + wait), toldBy });
    }
    return ours;
  });
  const [first] = taken;
  if (!first || !hook) return;
  const failed = await callOut(air, hook, taken).then(
    () => undefined,
    (error: unknown) =>
      error instanceof ConnectorError ? error : new ConnectorError("unclear", `${nameOf(air, first.page)} could not be called`),
  );
  for (const { page } of taken) await noteHook(air, page, failed);
}

/** One name for one page, whichever try it is; another air, or a database that was put back, has others. */
const callId = (id: number, createdAt: Date) => `air-page-${id}-${createdAt.getTime().toString(36)}`;

async function callOut(air: Air, hook: PageHook, taken: readonly Held[]): Promise<void> {
  const [first] = taken;
  const page = togetherPage(air, taken);
  if (!first || !page) return;
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS[outsideKind(first.page.target) ?? "webhook"]);
  const follows = readFollowUp(first.page.step);
  // A row that follows another is due since the other was made.
  if (follows) return hook.became?.(callId(follows.page, first.page.dueAt), follows.became, signal);
  const leader = leaderOf(taken) ?? first.page.id;
  const named = taken.find((one) => one.page.id === leader)?.page ?? (await air.store.pages([leader]))[0] ?? first.page;
  await hook.send(callId(named.id, named.createdAt), page, signal);
}

const nameOf = (air: Air, page: PageRow) => (air.paging?.() ?? NOBODY).nameOf(page.target).name;

async function noteHook(air: Air, page: PageRow, failed: ConnectorError | undefined): Promise<void> {
  const now = air.clock.now();
  const kind = outsideKind(page.target);
  if (failed) air.log.warn("a page was not taken", { page: page.id, by: kind, trouble: failed.forLog });
  await air.store.transaction(async (tx) => {
    if (page.actionId !== null) await tx.lockAction(page.actionId);
    const [row] = await tx.lockPages([page.id]);
    if (!row || row.sentAt !== null) return;
    if (!failed) {
      await tx.updatePage(page.id, { sentAt: now, droppedAt: null, trouble: null, tryAt: null });
      await noteTold(tx, air, row, now);
      return;
    }
    if (row.droppedAt !== null) return;
    const trouble = failed.message;
    const givenUp = failed.kind === "refused" || row.attempts >= TRIES;
    const asked = now.getTime() + (failed.retryAfterMs ?? 0);
    await tx.updatePage(page.id, {
      trouble,
      ...(givenUp ? { droppedAt: now } : asked > (row.tryAt?.getTime() ?? 0) ? { tryAt: new Date(asked) } : {}),
    });
    if (row.trouble !== null || readFollowUp(row.step)) return;
    await noteUntold(tx, air, row, trouble, now);
    await afterUndelivered(tx, air, { ...row, trouble }, now);
  });
}
