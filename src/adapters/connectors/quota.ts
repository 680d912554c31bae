import type { Clock } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";

/** Keeps us inside what the vendor grants, so that a look-up is "not asked" and said so, instead of burning the key. */
export type Quota = { take: () => void };
export type QuotaSettings = { name: string; perMinute?: number | undefined; perDay?: number | undefined; clock: Clock };

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Counted in memory: a restart forgets, and then the vendor's own 429 is the limit. */
export function createQuota({ name, perMinute, perDay, clock }: QuotaSettings): Quota {
  /** When the latest look-ups were made, in a ring of `perMinute`: full and its oldest younger than a minute means used up. */
  const recent: number[] = [];
  let oldest = 0;
  let day = Number.NaN;
  let today = 0;
  return {
    take() {
      const now = clock.now().getTime();
      if (Math.floor(now / DAY) !== day) {
        // Vendors count days in UTC.
        day = Math.floor(now / DAY);
        today = 0;
      }
      if (perDay !== undefined && today >= perDay) {
        throw new ConnectorError("unavailable", `not asked: ${name} quota of ${perDay} per day is used up`, (day + 1) * DAY - now);
      }
      const free = perMinute === undefined || recent.length < perMinute ? 0 : (recent[oldest] ?? 0) + MINUTE - now;
      if (free > 0) throw new ConnectorError("unavailable", `not asked: ${name} quota of ${perMinute} per minute is used up`, free);
      today++;
      if (perMinute === undefined) return;
      if (recent.length < perMinute) {
        recent.push(now);
      } else {
        recent[oldest] = now;
        oldest = (oldest + 1) % perMinute;
      }
    },
  };
}
