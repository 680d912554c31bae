import { sql } from "drizzle-orm";
import { deviceName } from "../../engine/domain/entity.ts";
import type { Past } from "../../engine/ports.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";
import { ONE_BY_ONE, readRows } from "./rows-in.ts";

/** What our own rows know of an entity: by its names' digests, since when, one incident left out. */
export type PastAsked = { digests: readonly string[]; since: Date; except: number; lab: boolean };

/** Rows of our own history that are read of one name at most: beyond it, often is often. */
const PAST_LIMIT = 500;

type Seen = {
  asked: number;
  verdict: keyof Past["verdicts"];
  override: Omit<Past["overrides"][number], "at"> | null;
  device: string | null;
  said: number;
  createdAt: unknown;
  id: number;
  title: string;
  openedAt: unknown;
  classification: string | null;
  status: string;
};

/**
 * Many questions in one statement: a round of an investigation asks for each piece of its evidence, and many rounds run at once. Each digest
 * is looked for on its own (ONE_BY_ONE), the newest first.
 */
export async function readPasts(db: Db, asked: readonly PastAsked[]): Promise<Past[]> {
  const rows = await readRows<Seen>(
    db,
    sql`
      select q.n as asked, s.* from jsonb_to_recordset(${JSON.stringify(
        asked.map((one, n) => ({ n, digests: one.digests, since: one.since.toISOString(), without: one.except, lab: one.lab })),
      )}::jsonb) as q(n int, digests text[], since timestamptz, without int, lab boolean)
      cross join lateral (select distinct unnest(q.digests) as digest) d
      cross join lateral (
        select e.verdict, e.override, e.entity->>'device' as device, jsonb_array_length(e.said) as said, e.created_at as "createdAt",
          i.id, i.title, i.opened_at as "openedAt", i.classification, i.status
        from evidence e cross join lateral (select * from incidents where incidents.id = e.incident_id ${ONE_BY_ONE}) i
        where e.entity_digest = d.digest and e.created_at >= q.since and i.lab = q.lab and e.incident_id <> q.without
        order by e.created_at desc limit ${sql.raw(String(PAST_LIMIT))}
      ) s`,
  );
  const byAsked = Map.groupBy(rows, (row) => row.asked);
  return asked.map((_, n) => summed(byAsked.get(n) ?? []));
}

function summed(seen: readonly Seen[]): Past {
  const rows = seen.map((row) => ({ ...row, at: t.readTimestamp(row.createdAt) })).sort((a, b) => b.at.getTime() - a.at.getTime());
  const incidents = [...new Map(rows.map((row) => [row.id, row])).values()];
  const verdicts = { malicious: 0, suspicious: 0, noThreatsFound: 0, unknown: 0 };
  for (const row of rows) verdicts[row.verdict] += 1;
  const [last] = rows;
  const first = rows.at(-1);
  return {
    alerts: rows.reduce((sum, row) => sum + row.said, 0),
    incidents: incidents.slice(0, 20).map(({ id, title, openedAt, classification, status }) => ({
      id,
      title,
      at: t.readTimestamp(openedAt),
      status,
      ...(classification ? { classification } : {}),
    })),
    verdicts,
    overrides: rows.flatMap(({ override, at }) => (override ? [{ ...override, at }] : [])),
    devices: [...new Set(rows.flatMap(({ device }) => (device ? [deviceName(device)] : [])))],
    ...(first ? { firstAt: first.at } : {}),
    ...(last ? { lastAt: last.at } : {}),
  };
}
