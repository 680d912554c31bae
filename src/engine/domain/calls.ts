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
export const incidentCause = (severity: Severity) => `${INCIDENT}${severity}`;
export const isIncidentCause = (cause: string) => cause.startsWith(INCIDENT);
const INCIDENT = "incident ";
/** Undefined: it asks for somebody because of something else. */
export const severityOfCause = (cause: string): Severity | undefined =>
  isIncidentCause(cause) ? (cause.slice(INCIDENT.length) as Severity) : undefined;
/** True of what somebody is told as long as nobody has. */
export const UNANSWERED = ", and nobody has acknowledged it";
/**
 * Somebody acknowledged the incident before it became as severe as a call says, and the call asks anew: who, and of which severity it was
 * then, where that called somebody, too (the text of the call that follows on it).
 */
export function ackedBefore(
  call: { cause: string; text: string; openedAt: Date; ackedAt: Date | null },
  { ackedBy, ackedAt }: { ackedBy: string | null; ackedAt: Date | null },
): { by: string; severity: string | undefined } | undefined {
  if (!isIncidentCause(call.cause) || call.ackedAt !== null || ackedBy === null || ackedAt === null || ackedAt >= call.openedAt)
    return undefined;
  return { by: ackedBy, severity: call.text || undefined };
}
/** Of the calls that one of higher severity takes the place of: of which severity the incident was when somebody acknowledged it last. */
export function ackedSeverity(older: readonly { cause: string; text: string; ackedAt: Date | null }[]): string {
  const acked = older
    .filter(({ ackedAt }) => ackedAt !== null)
    .toSorted((a, b) => (a.ackedAt?.getTime() ?? 0) - (b.ackedAt?.getTime() ?? 0));
  return acked.at(-1)?.cause.slice(INCIDENT.length) ?? older.find(({ text }) => text !== "")?.text ?? "";
}
/** "while it was high; it is critical now" */
export const raisedSince = (before: { severity: string | undefined }, now: Severity): string =>
  `${before.severity === undefined ? "before its severity rose" : `while it was ${before.severity}`}; it is ${now} now`;
/** Whoever it was assigned to is told before the chain begins. */
export const BEFORE_CHAIN = -1;
/** Whoever acknowledged it before it became more severe is told beside the chain, which waits for nobody: who had it hours ago may be asleep now. */
export const BESIDE_CHAIN = -2;

/** Whoever runs air hears that a call reached nobody; it is no news any more once the call has reached somebody. */
export const unreachedStep = (call: number) => `${UNREACHED}${call}`;
const UNREACHED = "chain-failed ";
/** Which call it says to have reached nobody; undefined: it says something else. */
export const unreachedCall = (step: string): number | undefined =>
  step.startsWith(UNREACHED) ? Number(step.slice(UNREACHED.length)) : undefined;
/** Of the call that an alarm says to have reached nobody, those whom it reached after all. */
export function reachedSince<Row extends { callId: number | null; sentAt: Date | null }>(
  alarm: { step: string; createdAt: Date },
  pages: readonly Row[],
): Row[] {
  const call = unreachedCall(alarm.step);
  return call === undefined ? [] : pages.filter(({ callId, sentAt }) => callId === call && sentAt !== null && sentAt > alarm.createdAt);
}
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
  const rows = told.filter(({ stage }, at) => stage !== BESIDE_CHAIN && stages[at] === last);
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
