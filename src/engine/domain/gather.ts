import { type Severity, severityRank } from "./alert.ts";
import { outsideKind } from "./outside-pages.ts";
import { isOps } from "./paging.ts";

/*
 * Several things for one person are one message. The first is told at once; what comes within the window after it is told together when
 * the window is over, what is critical at once and everything that waits with it. Where somebody was told of more than ten things in ten
 * minutes, the next message about what is medium or low comes ten minutes after the last one, and what is critical waits for the window then.
 */

/** So many in that time are a storm. */
const STORM = 10;
export const STORM_MS = 10 * 60_000;

/** PagerDuty and a webhook count and group by themselves; what somebody asked for at a time, and who is on call when, is told then. */
export const isGathered = ({ target, step }: { target: string; step: string }): boolean => {
  const kind = outsideKind(target);
  return !isOps(target) && (kind === undefined || kind === "mail") && step !== "reminder" && !step.startsWith("duty.");
};

/** What one person was told of lately: when, newest last. */
export type ToldLately = readonly Date[];

/** Can wait for the end of a storm. What is about air itself cannot. */
const isBraked = (severity: Severity | undefined) => severity !== undefined && severityRank(severity) < severityRank("high");

/** From when on the next message to a person may go out. `severities`: of what it tells. */
export function nextMessageAt(told: ToldLately, severities: readonly (Severity | undefined)[], windowMs: number, now: Date): Date {
  const last = told.at(-1);
  if (last === undefined) return now;
  const storm = told.filter((at) => now.getTime() - at.getTime() < STORM_MS).length >= STORM;
  if (severities.includes("critical") && !storm) return now;
  const braked = storm && severities.every(isBraked);
  return new Date(last.getTime() + (braked ? Math.max(STORM_MS, windowMs) : windowMs));
}

/** The most urgent first; what is about air itself last. */
export const byUrgency = (a: Severity | undefined, b: Severity | undefined): number =>
  (b === undefined ? -1 : severityRank(b)) - (a === undefined ? -1 : severityRank(a));
