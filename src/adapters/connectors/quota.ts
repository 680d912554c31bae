import type { Clock } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";

/** Keeps us inside what the vendor grants, so that a look-up is "not asked" and said so, instead of burning the key. */
export type Quota = {
  /** One look-up is about to be made; throws where there is none left. */
  take: () => void | Promise<void>;
  /** The product asked to be left alone for this long. */
  hold: (ms: number) => void | Promise<void>;
};
export type QuotaSettings = {
  name: string;
  perMinute?: number | undefined;
  perDay?: number | undefined;
  clock: Clock;
  /** Counted in rows, across processes and restarts; without them (`air doctor`) in this process. */
  rows?: QuotaRows | undefined;
};

/** What is asked of a row: `count` look-ups at once, within `slots` such takes a minute and `perDay` look-ups a day. Times in ms. */
export type QuotaTake = { name: string; now: number; stamp: number; count: number; slots: number | null; perDay: number | null };
/** Until when nothing is left, and of what. */
export type QuotaFull = { of: "minute" | "day" | "held"; until: number };
export type QuotaRows = {
  /** One atomic statement; undefined: taken. */
  take: (take: QuotaTake) => Promise<QuotaFull | undefined>;
  hold: (name: string, until: number) => Promise<void>;
};

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** A large quota is taken from its row in parts: one row would otherwise be written for every look-up of every process. */
const PARTS_A_MINUTE = 100;
const PARTS_A_DAY = 10_000;
/** What was taken is used within this time or given up, so that it counts in the right minute. */
const PART_MS = 5_000;

export function createQuota(settings: QuotaSettings): Quota {
  const { name, perMinute, perDay, rows } = settings;
  const refuse = ({ of, until }: QuotaFull, now: number): never => {
    const free = `free again at ${new Date(until).toISOString().slice(0, 19).replace("T", " ")} UTC`;
    const why =
      of === "held"
        ? `${name} asked air to wait`
        : `${name} quota of ${of === "day" ? perDay : perMinute} per ${of === "day" ? "day" : "minute"} is used up`;
    throw new ConnectorError("unavailable", `not asked: ${why}, ${free}`, until - now);
  };
  return rows ? inRows(settings, rows, refuse) : inMemory(settings, refuse);
}

type Refuse = (full: QuotaFull, now: number) => never;

/** Counted in memory: a restart forgets, and then the vendor's own 429 is the limit. */
function inMemory({ perMinute, perDay, clock }: QuotaSettings, refuse: Refuse): Quota {
  /** When the latest look-ups were made, in a ring of `perMinute`: full and its oldest younger than a minute means used up. */
  const recent: number[] = [];
  let oldest = 0;
  let day = Number.NaN;
  let today = 0;
  let heldUntil = 0;
  return {
    hold(ms) {
      heldUntil = Math.max(heldUntil, clock.now().getTime() + ms);
    },
    take() {
      const now = clock.now().getTime();
      if (heldUntil > now) refuse({ of: "held", until: heldUntil }, now);
      if (Math.floor(now / DAY) !== day) {
        // Vendors count days in UTC.
        day = Math.floor(now / DAY);
        today = 0;
      }
      if (perDay !== undefined && today >= perDay) refuse({ of: "day", until: (day + 1) * DAY }, now);
      const free = perMinute === undefined || recent.length < perMinute ? now : (recent[oldest] ?? 0) + MINUTE;
      if (free > now) refuse({ of: "minute", until: free }, now);
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

/** Counted in a row that every process shares. Where it is full, nobody asks the row again before it can have changed. */
function inRows({ name, perMinute, perDay, clock }: QuotaSettings, rows: QuotaRows, refuse: Refuse): Quota {
  const count = Math.max(
    1,
    Math.floor(Math.min((perMinute ?? Number.POSITIVE_INFINITY) / PARTS_A_MINUTE, (perDay ?? Number.POSITIVE_INFINITY) / PARTS_A_DAY, 1e6)),
  );
  const limited = perMinute !== undefined || perDay !== undefined;
  const part = { left: 0, until: 0 };
  let full: QuotaFull | undefined;
  let taking: Promise<void> | undefined;

  async function takePart(): Promise<void> {
    const now = clock.now().getTime();
    const until = now + PART_MS;
    // A part counts as of its end, because until then it may be used; one look-up is made at once.
    const stamp = count === 1 ? now : until;
    const slots = perMinute === undefined ? null : Math.floor(perMinute / count);
    full = await rows.take({ name, now, stamp, count: limited ? count : 0, slots, perDay: perDay ?? null });
    if (!full) Object.assign(part, { left: count, until });
  }

  return {
    async hold(ms) {
      const until = clock.now().getTime() + ms;
      if (!full || full.until < until) full = { of: "held", until };
      await rows.hold(name, until);
    },
    async take() {
      for (;;) {
        const now = clock.now().getTime();
        if (full && full.until > now) refuse(full, now);
        full = undefined;
        if (part.left > 0 && now <= part.until) {
          part.left--;
          return;
        }
        // Others who wait for the same part share it.
        taking ??= takePart().finally(() => {
          taking = undefined;
        });
        await taking;
      }
    },
  };
}
