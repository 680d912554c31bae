import { THRESHOLDS } from "../../engine/domain/verdict.ts";

const OLDEST_MS = THRESHOLDS.halfLifeDays * 86_400_000;

/**
 * How old a vendor's word counts. Addresses, domains and urls change hands, so the time is that of the vendor's latest statement:
 * with it old words weigh less and anything above a day supports no automatic action. But the vendor still publishes the word today
 * and withdraws what turned out wrong, so it is never counted as older than one half-life: it keeps at least half its weight.
 *
 * Files are different and do not come through here when accused: a hash names the same bytes for ever, so what is said of them
 * dates from when we asked.
 */
export function statedAt(latest: Date | undefined, now: Date): Date {
  if (!latest || Number.isNaN(latest.getTime())) return now;
  return new Date(Math.min(now.getTime(), Math.max(latest.getTime(), now.getTime() - OLDEST_MS)));
}
