import type { Air } from "./air.ts";
import { cut } from "./cards/card.ts";
import type { Family } from "./domain/action.ts";
import { asksForSomebody, endedBy } from "./domain/calls.ts";
import { isOps, NOBODY, type Paging } from "./domain/paging.ts";
import { oncePerPerson } from "./domain/same-person.ts";
import { endCalls } from "./end-calls.ts";
import { chainNow } from "./on-duty.ts";
import type { CallRow, Tx } from "./store.ts";
import { pagesInChat } from "./want-cards.ts";

/** Whom a page is for. `on-call`: whoever is first in the chain as it is now, or the next if that one cannot be reached. */
export type PageTo =
  | { kind: "on-call" }
  | { kind: "admins" }
  | { kind: "approvers"; family: Family; except?: readonly string[] }
  | { kind: "person"; key: string }
  /** Whoever reads this channel. */
  | { kind: "channel"; channel: string }
  | { kind: "ops" };

/**
 * Somebody should know. `incidentId` 0: it is about no incident. `step` is why (`suspect`, `unclear`): with action, target and time it is
 * told once. `by` is who caused it: the key of a person, or `air`.
 */
export type PageWish = {
  incidentId: number;
  actionId: number | null;
  step: string;
  to: readonly PageTo[];
  text: string;
  by: string;
  /** Not before then; without it now. */
  dueAt?: Date;
};

/** A page is read at a glance; what is longer shows that it was cut, and the audit has it whole. */
const LONGEST_TEXT = 2_000;

/**
 * Stores who is to be told what, and queues the job that tells them, in the transaction of the cause. What asks for somebody (whoever is on
 * call, a second approver) opens a call, too: where the first one told does not answer, the next is told.
 */
export async function wantPages(tx: Tx, air: Air, wishes: readonly PageWish[], now: Date): Promise<void> {
  const paging = air.paging?.() ?? NOBODY;
  const groups = new Map<number, string | null>();
  for (const { to, actionId } of wishes)
    if (actionId !== null && to.some((one) => one.kind === "approvers"))
      groups.set(actionId, (await tx.action(actionId))?.deviceGroup ?? null);
  const chain = wishes.some(({ to }) => to.some((one) => one.kind === "on-call")) ? await chainNow(tx, air, now) : [];
  const calls = new Map<PageWish, CallRow | undefined>();
  for (const wish of wishes) calls.set(wish, await callFor(tx, air, wish, now));
  const rows = wishes.flatMap((one) => {
    const { to, dueAt, ...wish } = one;
    const all = to.flatMap((who) => targetsOf({ ...paging, chain }, who, wish, groups.get(wish.actionId ?? 0) ?? null));
    const targets = oncePerPerson(all, paging.nameOf);
    const call = calls.get(one);
    return targets.map((target) => ({
      ...wish,
      text: cut(wish.text, LONGEST_TEXT),
      target,
      createdAt: now,
      dueAt: dueAt ?? now,
      ...(call && !isOps(target) ? { callId: call.id, stage: toOnCall(one) ? stageOf(paging, chain, target) : null } : {}),
    }));
  });
  await tx.addPages(rows);
  if (rows.some((row) => row.dueAt <= now)) await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
}

/** What asks for somebody goes on until somebody answers, where there is a chain to go on with. */
async function callFor(tx: Tx, air: Air, wish: PageWish, now: Date): Promise<CallRow | undefined> {
  const { incidentId, actionId, step, to, by } = wish;
  const over = endedBy(step);
  for (const call of over === undefined ? [] : await tx.callsOf(incidentId))
    if (call.cause === over) await endCalls(tx, [call], "It is over", now);
  if (over !== undefined) await tx.dropPages({ incident: incidentId, steps: [over] }, "It is over", now);
  if (!asksForSomebody(step, toOnCall(wish)) || (air.paging?.() ?? NOBODY).chain.length === 0) return undefined;
  const incident = incidentId === 0 ? undefined : await tx.incident(incidentId);
  if (incidentId !== 0 && (!incident || !pagesInChat(air, incident.severity))) return undefined;
  const except = to.flatMap((one) => (one.kind === "approvers" ? (one.except ?? []) : []));
  // Who caused it is not the one to look at it.
  const away = toOnCall(wish) && step !== "suspect" ? [] : [...except, ...(by === "air" ? [] : [by])].map(personTarget);
  const text = cut(wish.text, LONGEST_TEXT);
  const [call] = await tx.openCalls([
    { incidentId, actionId, cause: step, text, by, openedAt: now, away, nextAt: new Date((wish.dueAt ?? now).getTime() + LOOK_AGAIN_MS) },
  ]);
  return call;
}

const toOnCall = ({ to }: PageWish) => to.some(({ kind }) => kind === "on-call");
/** By then the first ones were told, or could not be. */
const LOOK_AGAIN_MS = 15_000;

/** Which step of the chain whoever is on call is; none for an admin who is told because nobody is. */
function stageOf({ chain }: Paging, now: readonly string[], target: string): number | null {
  const at = chain.indexOf(target);
  return at >= 0 ? at : now[0] === target ? 0 : null;
}

function targetsOf(paging: Paging, to: PageTo, wish: Pick<PageWish, "step" | "by">, deviceGroup: string | null): readonly string[] {
  switch (to.kind) {
    case "on-call": {
      // Who tried what they may not is not the one to hear of it.
      const others = paging.chain.filter((target) => wish.step !== "suspect" || target !== personTarget(wish.by));
      const [first] = others;
      // With nobody on call somebody has to know all the same.
      return first === undefined ? paging.admins : [first];
    }
    case "admins":
      return paging.admins;
    case "approvers": {
      const except = new Set((to.except ?? []).map(personTarget));
      return paging.approvers(to.family, deviceGroup).filter((target) => !except.has(target));
    }
    case "person":
      return [personTarget(to.key)];
    case "channel":
      return [`ops:${to.channel}`];
    case "ops":
      return paging.ops.map((channel) => `ops:${channel}`);
    default:
      return to satisfies never;
  }
}

export const personTarget = (key: string) => `person:${key.toLowerCase()}`;
