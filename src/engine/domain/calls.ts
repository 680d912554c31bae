import type { Severity } from "./alert.ts";
import { STORM_MS } from "./gather.ts";
import { mailAddress } from "./outside-pages.ts";
import { isChainStep, type Paging, rotaStepOf, stepOf, toldAfterMs } from "./paging.ts";
import type { HeldWhy } from "./quiet-hours.ts";

/*
 * A call: something asks for somebody, and one step of the chain after the other is told until one of them acknowledges it or decides.
 * Pure: what was told and the time in, the next step out.
 */

/** An incident that became as severe as this where a rule says `page: true`. */
export const incidentCause = (severity: Severity) => `incident ${severity}`;
export const isIncidentCause = (cause: string) => cause.startsWith("incident ");
/** True of what somebody is told as long as nobody has. */
export const UNANSWERED = ", and nobody has acknowledged it";
/** Whoever runs air hears that a call reached nobody; it is no news any more once the call has reached somebody. */
export const unreachedStep = (call: number) => `chain-failed ${call}`;
/** A decision past its deadline. */
export const DEADLINE = "deadline";

/** What asks for somebody even where the first ones to hear of it are not whoever is on call. */
const ASKS: ReadonlySet<string> = new Set(["second", "break-glass"]);
/** That something is over asks for nobody, nor does a pause: whoever paused knows why. */
export const asksForSomebody = (step: string, toOnCall: boolean) =>
  endedBy(step) === undefined && !/^(paused|chat back)( |$)/.test(step) && (toOnCall || ASKS.has(step));

/** What is over as soon as this is told: `source back siem` ends the call of `source silent siem`. */
const ENDS: Readonly<Record<string, string>> = { "source back": "source silent", "connector back": "connector down", resumed: "paused" };
export function endedBy(step: string): string | undefined {
  for (const [over, cause] of Object.entries(ENDS))
    if (step === over || step.startsWith(`${over} `)) return cause + step.slice(over.length);
  return undefined;
}

export type ToldInCall = {
  target: string;
  step: string;
  stage: number | null;
  createdAt: Date;
  sentAt: Date | null;
  trouble: string | null;
  heldWhy?: HeldWhy | null;
};

export type NextStep =
  /** Due: this one of the chain. */
  | { kind: "step"; index: number; dueAt: Date }
  | { kind: "later"; index: number; at: Date }
  /** The last one was handed over, and nobody knows yet whether it arrived. */
  | { kind: "on its way" }
  /** Everybody was told. `reached`: somebody was. */
  | { kind: "over"; reached: boolean };

type Chain = Pick<Paging, "chain" | "everyMs" | "afterMs">;
type Call = { since: Date; away: readonly string[]; pushedAt: Date | null };

/**
 * The next step of a call. The first is told when the call begins, each of the others an interval after the one before was sent: at once
 * where nobody of that one could be reached, or somebody asked for it (`pushedAt`). Whoever was told already, or cannot, is passed over.
 * `from`: steps before this one are passed over, too.
 */
export function nextStep(paging: Chain, told: readonly ToldInCall[], call: Call, now: Date, from = 0): NextStep {
  const stages = told.map((page) => stageOf(paging, page));
  const last = Math.max(-1, ...stages);
  const rows = told.filter((_, at) => stages[at] === last);
  const sent = rows.flatMap((page) => countsFrom(page, now)?.getTime() ?? []).sort((a, b) => a - b)[0];
  const pushed = call.pushedAt !== null;
  if (rows.length > 0 && sent === undefined && !pushed && !rows.every(isUndelivered)) return { kind: "on its way" };
  const index = paging.chain.findIndex((target, at) => at > last && at >= from && !isPassed(target, told, call.away));
  if (index < 0) return { kind: "over", reached: told.some((page) => page.sentAt !== null) };
  const at = pushed
    ? now.getTime()
    : rows.length === 0
      ? call.since.getTime() + toldAfterMs(paging, 0)
      : sent === undefined
        ? now.getTime()
        : sent + gapMs(paging, last);
  return at <= now.getTime() ? { kind: "step", index, dueAt: new Date(at) } : { kind: "later", index, at: new Date(at) };
}

type Round = { id: number; cause: string; since: Date; actionId: number | null; ackedAt: Date | null };
type PageOfCall = ToldInCall & { callId: number | null; actionId: number | null };

/**
 * Of an incident's pages those that were told in this round of a call. An incident and the decisions in it are one thing to whoever is told
 * to look at it: nobody is told twice.
 */
export function toldIn<Row extends PageOfCall>(call: Round, calls: readonly Round[], pages: readonly Row[]): Row[] {
  const isBeside = ({ id, cause, ackedAt }: Round) =>
    id !== call.id &&
    ackedAt === null &&
    (call.cause === DEADLINE ? isIncidentCause(cause) : isIncidentCause(call.cause) && cause === DEADLINE);
  const rounds = new Map([call, ...calls.filter(isBeside)].map((one) => [one.id, one.since]));
  // Taken before there were calls.
  const isOlder = (page: PageOfCall) =>
    call.cause === DEADLINE && page.callId === null && page.actionId === call.actionId && isChainStep(page.step);
  return pages.filter((page) => {
    const since = page.callId === null ? (isOlder(page) ? call.since : undefined) : rounds.get(page.callId);
    return since !== undefined && page.createdAt >= since;
  });
}

/** How long after a step the one behind it is told; before the chain begins, that is an interval. */
const gapMs = (paging: Chain, last: number) => (last < 0 ? paging.everyMs : toldAfterMs(paging, last + 1) - toldAfterMs(paging, last));

/** From when on the interval until the next step runs: what waits to be told together with other things keeps nobody else waiting. */
function countsFrom({ createdAt, sentAt, trouble, heldWhy }: ToldInCall, now: Date): Date | undefined {
  const waited = (sentAt ?? now).getTime() - createdAt.getTime() <= STORM_MS;
  return heldWhy === "together" && trouble === null && waited ? createdAt : (sentAt ?? undefined);
}

/** It did not reach anybody (yet), and why is known. */
const isUndelivered = (page: Pick<ToldInCall, "sentAt" | "trouble">) => page.sentAt === null && page.trouble !== null;

/** Rows of before there were calls say it by the name of their step only. */
const stageOf = ({ chain }: Chain, { stage, step }: ToldInCall): number =>
  stage ?? chain.findIndex((target, index) => stepOf(target, index) === step);

/** Of a part of the rota who that is shows only then. */
const isPassed = (target: string, told: readonly ToldInCall[], away: readonly string[]): boolean =>
  rotaStepOf(target) === undefined && (told.some((page) => page.target === target) || isAway(target, away));

/** Somebody who cannot is not written to either. */
export function isAway(target: string, away: readonly string[]): boolean {
  const address = mailAddress(target);
  return away.includes(target) || (address !== undefined && away.includes(`person:${address}`));
}
