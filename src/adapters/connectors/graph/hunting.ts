import { z } from "zod";
import type { Clock } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpRefusal } from "../http.ts";
import type { Api } from "../microsoft/api.ts";
import { createQuota } from "../quota.ts";

/** What the tables keep (domain facts 8.5). */
export const HUNTING_DAYS = 30;
export const HUNTING_PERMISSION = "ThreatHunting.Read.All";
/** What every tenant is granted; more is refused with 429. */
const PER_MINUTE = 45;
/** Of these, what is good to know may take so many: the rest is for what a decision or an action waits for. */
const SPARE_PER_MINUTE = 25;
/** The records themselves follow the world by minutes, so the same question within one is the same answer. */
const HOLDS_MS = 60_000;
const MOST_HELD = 50;
/** The service stops a query after three minutes; nobody waits that long for a look-up. */
export const HUNTING_TIMEOUT_MS = 60_000;

const Answer = z.object({ results: z.array(z.unknown()) });
const MISSING_TABLE = /(?:failed to resolve|could not (?:find|resolve)|unknown) (?:table|scalar|column)[^'"]*['"](\w{1,60})['"]/i;

/** Advanced hunting: asks what the sensors of the whole tenant recorded. */
export type Hunting = {
  /** Every row, or an error: of a query that can answer with many, the query itself says how many it takes. */
  rows: <T>(query: string, row: z.ZodType<T>, signal: AbortSignal, options?: { spare?: boolean }) => Promise<T[]>;
};

export function graphHunting(api: Api, clock: Clock): Hunting {
  const quota = createQuota({ name: "Microsoft Graph hunting", perMinute: PER_MINUTE, clock });
  const spareQuota = createQuota({ name: "Microsoft Graph hunting", perMinute: SPARE_PER_MINUTE, clock });
  const held = new Map<string, { at: number; answer: Promise<unknown> }>();

  async function ask(query: string): Promise<unknown> {
    // Several wait for it: one of them giving up must not take it from the others.
    const about = { permission: HUNTING_PERMISSION, what: "advanced hunting", signal: AbortSignal.timeout(HUNTING_TIMEOUT_MS) };
    const answer = await api
      .post("/security/runHuntingQuery", { Query: query, Timespan: `P${HUNTING_DAYS}D` }, about, false)
      .catch((error: unknown) => {
        const table = error instanceof HttpRefusal && error.status === 400 ? MISSING_TABLE.exec(error.said)?.[1] : undefined;
        if (table === undefined) throw error;
        throw new ConnectorError(
          "refused",
          `not asked: the tenant has no ${table} in advanced hunting, so the product behind it is not licensed`,
        );
      });
    return answer;
  }

  return {
    async rows(query, row, signal, { spare = false } = {}) {
      const now = clock.now().getTime();
      for (const [key, { at }] of held) if (Math.abs(now - at) > HOLDS_MS || held.size > MOST_HELD) held.delete(key);
      let asked = held.get(query);
      if (!asked) {
        if (spare) spareQuota.take();
        quota.take();
        const asking = { at: now, answer: ask(query) };
        // What failed is asked again by whoever asks next.
        asking.answer.catch(() => held.get(query) === asking && held.delete(query));
        held.set(query, asking);
        asked = asking;
      }
      const answer = await orGivenUp(asked.answer, signal);
      const read = Answer.safeParse(answer);
      const rows = read.success ? z.array(row).safeParse(read.data.results) : read;
      if (!rows.success) throw api.unknownShape();
      return rows.data as z.infer<typeof row>[];
    },
  };
}

async function orGivenUp<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const givenUp = Promise.withResolvers<never>();
  const stop = () => givenUp.reject(new ConnectorError("unavailable", "Microsoft Graph hunting was given up on before it answered"));
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([answer, givenUp.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Dynamic columns come as JSON, or as the text of it. */
export const dynamic = <T extends z.ZodType>(shape: T) =>
  z.preprocess((value) => {
    if (typeof value !== "string") return value ?? undefined;
    try {
      return value === "" ? undefined : (JSON.parse(value) as unknown);
    } catch {
      return value;
    }
  }, shape);
