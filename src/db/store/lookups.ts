import { sql } from "drizzle-orm";
import { coalesce } from "../coalesce.ts";
import type { Database } from "../connect.ts";
import { databaseAway } from "../errors.ts";
import { ONE_BY_ONE, readRows } from "./rows-in.ts";

/** Who asks holds the question for this long; then whoever waits for the answer asks himself: the first may have died. */
const CLAIM = "4 seconds";
/** Every so many kept answers the dead ones are swept. */
const SWEEP_EVERY = 500;
const SWEEP_MOST = 5_000;

/** `answer`: still good. `mine`: nobody knows it, and the caller asks. `asking`: somebody else does. */
type Claimed = { answer: unknown } | "mine" | "asking";
type Kept = { digest: string; source: string; answer: unknown; askedAt: Date; goodUntil: Date };
type Take = { name: string; now: number; stamp: number; count: number; slots: number | null; perDay: number | null };

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Clocks of processes may be this far apart; a time further ahead was written by a wrong clock and holds nobody. */
const APART_MS = 10 * MINUTE;

/** Answers of sources and what is left of their quotas, shared by every process. */
export function lookupStore(database: Database) {
  const rowsOf = <T>(query: ReturnType<typeof sql>): Promise<T[]> => readRows<T>(database.db, query);
  const together = {
    weight: () => 1,
    maxWeight: 200,
    maxWaiting: 10_000,
    overflow: () => new Error("too many look-ups wait for the database"),
    shared: databaseAway,
  };
  let untilSweep = SWEEP_EVERY;

  const claim = coalesce<{ digest: string; source: string; now: Date }, Claimed>({
    ...together,
    run: async (wanted) => {
      // What is still good is not touched: only who is to ask writes.
      const rows = await rowsOf<{ digest: string; mine: boolean; good: boolean; answer: unknown }>(sql`
        with want as (select * from jsonb_to_recordset(${JSON.stringify(wanted)}::text::jsonb) as w(digest text, source text, now timestamptz)),
        taken as (
          insert into lookups as l (digest, source, claimed_until)
          select w.digest, w.source, now() + ${CLAIM}::interval from want w
            left join lateral (select good_until from lookups where lookups.digest = w.digest ${ONE_BY_ONE}) g on true
          where coalesce(g.good_until <= w.now, true)
          order by w.digest
          on conflict (digest) do update set claimed_until = excluded.claimed_until
          where coalesce(l.claimed_until, '-infinity') <= now()
            and coalesce(l.good_until, '-infinity') <= (select w.now from want w where w.digest = l.digest)
          returning l.digest
        )
        select w.digest, t.digest is not null as mine, coalesce(l.good_until > w.now, false) as good, l.answer
        from want w left join taken t on t.digest = w.digest
          left join lateral (select good_until, answer from lookups where lookups.digest = w.digest ${ONE_BY_ONE}) l on true`);
      const byDigest = new Map(rows.map((row) => [row.digest, row]));
      return wanted.map(({ digest }): Claimed => {
        const row = byDigest.get(digest);
        if (row?.mine) return "mine";
        return row?.good ? { answer: row.answer } : "asking";
      });
    },
  });

  const keep = coalesce<Kept, undefined>({
    ...together,
    run: async (items) => {
      await database.db.execute(sql`
        insert into lookups (digest, source, answer, asked_at, good_until)
        select digest, source, answer, asked_at, good_until
        from jsonb_to_recordset(${JSON.stringify(
          items.map(({ askedAt, goodUntil, ...item }) => ({ ...item, asked_at: askedAt, good_until: goodUntil })),
        )}::text::jsonb) as k(digest text, source text, answer jsonb, asked_at timestamptz, good_until timestamptz)
        order by digest
        on conflict (digest) do update set
          answer = excluded.answer, asked_at = excluded.asked_at, good_until = excluded.good_until, claimed_until = null`);
      untilSweep -= items.length;
      const [first] = items;
      if (untilSweep <= 0 && first) {
        untilSweep = SWEEP_EVERY;
        await database.db.execute(sql`
          delete from lookups where digest in (select digest from lookups where good_until < ${first.askedAt.toISOString()}::timestamptz
            order by good_until limit ${SWEEP_MOST} for update skip locked)`);
      }
      return items.map(() => undefined);
    },
  });

  return {
    claim,
    keep: async (kept: Kept): Promise<void> => void (await keep(kept)),
    /** No answer came: whoever waits may ask. */
    async release(digest: string): Promise<void> {
      await database.db.execute(sql`update lookups set claimed_until = null where digest = ${digest}`);
    },

    /** Takes of a quota, or says until when there is nothing to take. */
    async take({ name, now, stamp, count, slots, perDay }: Take) {
      const day = Math.floor(now / DAY);
      // A process whose clock is a little ahead has begun the next day; both count there.
      const sameDay = sql`q.day in (${day}, ${day + 1})`;
      const oldest = sql`q.recent[cardinality(q.recent) - ${slots}::int + 1]`;
      const taken = await rowsOf(sql`
        insert into quotas as q (name, day, used, recent)
        values (${name}, ${day}, ${count}, case when ${slots}::int is null then '{}'::bigint[] else array[${stamp}::bigint] end)
        on conflict (name) do update set
          day = case when ${sameDay} then q.day else ${day} end,
          used = case when ${sameDay} then q.used else 0 end + ${count},
          recent = case when ${slots}::int is null then '{}'::bigint[]
            else (array_append(q.recent, ${stamp}::bigint))[greatest(1, cardinality(q.recent) + 2 - ${slots}::int):] end
        where (q.held_until <= ${now} or q.held_until > ${now + DAY + APART_MS})
          and (${perDay}::bigint is null or not (${sameDay}) or q.used + ${count} <= ${perDay}::bigint)
          and (${slots}::int is null or cardinality(q.recent) < ${slots}::int or ${oldest} <= ${now - MINUTE} or ${oldest} > ${now + APART_MS})
        returning 1`);
      if (taken.length > 0) return undefined;
      const [row] = await rowsOf<{ day: number; used: string | number; held: string | number; oldest: string | number | null }>(
        sql`select q.day, q.used, q.held_until as held, ${slots === null ? sql`null::bigint` : oldest} as oldest from quotas q where q.name = ${name}`,
      );
      const held = Number(row?.held ?? 0);
      if (held > now) return { of: "held" as const, until: held };
      if (perDay !== null && Number(row?.used ?? 0) + count > perDay) return { of: "day" as const, until: (day + 1) * DAY };
      // Freed between the two statements: a moment later it is there.
      return { of: "minute" as const, until: Math.max(now + 1, Number(row?.oldest ?? now) + MINUTE) };
    },
    async hold(name: string, until: number): Promise<void> {
      await database.db.execute(sql`
        insert into quotas as q (name, day, used, recent, held_until) values (${name}, 0, 0, '{}', ${until})
        on conflict (name) do update set held_until = greatest(q.held_until, excluded.held_until)`);
    },
  };
}
