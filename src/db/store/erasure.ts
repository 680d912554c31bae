import { sql } from "drizzle-orm";
import { eraseFrom, type KnownBy } from "../../engine/domain/erasure.ts";
import type { Db } from "../driver.ts";
import { rowsIn } from "./rows-in.ts";

/*
 * Where rows say who did something. What was done to whom (alerts, evidence, targets) is not among them: its digests hold incidents
 * together, and it goes when it is older than it is kept for.
 */
type Place = { table: string; text?: readonly string[]; json?: readonly string[]; but?: ReturnType<typeof sql> };
const PLACES: readonly Place[] = [
  { table: "incidents", text: ["assignee", "acked_by"] },
  { table: "investigations", json: ["trigger"] },
  { table: "evidence", text: ["found_by"], json: ["override"] },
  {
    table: "actions",
    text: ["note", "rule", "source", "outcome"],
    json: ["decision", "requested_by", "break_glass", "cancel"],
  },
  { table: "approvals", text: ["person", "name"], json: ["also"] },
  { table: "timeline", text: ["text"], json: ["actor"] },
  { table: "pages", text: ["target", "text", "by", "trouble"] },
  { table: "calls", text: ["text", "by", "acked_by", "ended_because"], json: ["away"] },
  { table: "owners", text: ["key", "name"] },
  { table: "incident_figures", text: ["decided_by", "approver"] },
  { table: "duty_swaps", text: ["person", "instead", "by", "ended_by"] },
  { table: "snoozes", text: ["by", "reason", "ended_by"] },
  { table: "incident_snoozes", text: ["owner", "by", "reason", "ended_why"], json: ["seen"] },
  { table: "write_backs", text: ["comment"] },
  { table: "messages", text: ["subject"] },
  { table: "conversations", text: ["name"] },
  // What an erasure that is under way goes on with is forgotten when it is over.
  { table: "settings", json: ["value"], but: sql`key not like 'erasing %'` },
];
export const ERASED_TABLES = PLACES.length;

const BATCH = 100;
const list = (words: readonly string[]) => sql`(select value from jsonb_array_elements_text(${JSON.stringify(words)}::text::jsonb))`;

/** What one person is known by in the rows: every account and every name that stands beside one of theirs. */
export async function identitiesOf(db: Db, email: string): Promise<{ ids: string[]; names: string[]; shared: string[] }> {
  const ids = new Set([email.toLowerCase()]);
  // An account leads to others, seldom to further ones.
  for (let known = 0; known < ids.size; ) {
    known = ids.size;
    const more = rowsIn<{ id: string }>(
      await db.execute(sql`
        with mine(id) as ${list([...ids])},
        said(person, also) as (
          select person, also from approvals
          union all select requested_by->>'key', requested_by->'also' from actions where requested_by is not null
          union all select break_glass->>'key', break_glass->'also' from actions where break_glass is not null)
        select distinct lower(a.id) as id from said s
        cross join lateral (select s.person as id union select jsonb_array_elements_text(case when jsonb_typeof(s.also) = 'array' then s.also else '[]'::jsonb end)) a
        where lower(s.person) in (select id from mine)
          or exists (select 1 from jsonb_array_elements_text(case when jsonb_typeof(s.also) = 'array' then s.also else '[]'::jsonb end) o where lower(o) in (select id from mine))`),
    );
    for (const { id } of more) ids.add(id);
  }
  const named = rowsIn<{ name: string; mine: boolean; others: boolean }>(
    await db.execute(sql`
      with mine(id) as ${list([...ids])},
      said(key, name) as (
        select lower(person), name from approvals
        union select lower(actor->>'key'), actor->>'name' from timeline where actor->>'kind' = 'person'
        union select lower(requested_by->>'key'), requested_by->>'name' from actions where requested_by is not null
        union select lower(break_glass->>'key'), break_glass->>'by' from actions where break_glass is not null
        union select lower(line::jsonb->'actor'->>'key'), line::jsonb->'actor'->>'name' from audit where line::jsonb->'actor'->>'kind' = 'person')
      select name, bool_or(key in (select id from mine)) as mine, bool_or(key not in (select id from mine)) as others
      from said where name is not null and key is not null group by name having bool_or(key in (select id from mine))`),
  );
  return {
    ids: [...ids],
    names: named.filter(({ others }) => !others).map(({ name }) => name),
    shared: named.filter(({ others }) => others).map(({ name }) => name),
  };
}

export type ErasedBatch = { next: string | undefined; changed: number };

/** One batch of one place. `after`: where the batch before ended. `dry`: only counted. */
export async function eraseRows(
  db: Db,
  place: number,
  known: KnownBy,
  after: string | undefined,
  dry: boolean,
): Promise<ErasedBatch & { table: string }> {
  const at = PLACES[place];
  if (!at) throw new Error("There is no such place.");
  const columns = [...(at.text ?? []), ...(at.json ?? [])];
  const words = list([...known.ids, ...known.names].map((word) => word.toLowerCase()));
  const all = sql.join(
    columns.map((column) => sql`coalesce(${sql.identifier(column)}::text, '')`),
    sql` || ' ' || `,
  );
  const rows = rowsIn<Record<string, string | null> & { place: string }>(
    await db.execute(sql`
      select ctid::text as place, ${sql.join(
        columns.map((column) => sql`${sql.identifier(column)}::text as ${sql.identifier(column)}`),
        sql`, `,
      )}
      from ${sql.identifier(at.table)} t
      where ${at.but ?? sql`true`} and ctid > ${after ?? "(0,0)"}::text::tid and exists (select 1 from ${words} w where strpos(lower(${all}), w.value) > 0)
      order by ctid limit ${BATCH} ${dry ? sql`` : sql`for update`}`),
  );
  let changed = 0;
  for (const row of rows) {
    const sets = columns.flatMap((column) => {
      const before = row[column] ?? null;
      if (before === null) return [];
      const json = at.json?.includes(column) ?? false;
      const now = json ? JSON.stringify(eraseFrom(JSON.parse(before), known)) : String(eraseFrom(before, known));
      const same = json ? now === JSON.stringify(JSON.parse(before)) : now === before;
      return same ? [] : [sql`${sql.identifier(column)} = ${now}::text${json ? sql`::jsonb` : sql``}`];
    });
    if (sets.length === 0) continue;
    changed++;
    if (!dry) await db.execute(sql`update ${sql.identifier(at.table)} set ${sql.join(sets, sql`, `)} where ctid = ${row.place}::text::tid`);
  }
  return { table: at.table, next: rows.length === BATCH ? rows.at(-1)?.place : undefined, changed };
}

/** Sign-in links that were made for them. */
export async function dropLinksOf(db: Db, ids: readonly string[]): Promise<number> {
  return rowsIn(await db.execute(sql`delete from login_links where lower(person) in ${list(ids)} returning 1`)).length;
}

/** Lines of the audit that name them, in order; their hashes stay what they were. */
export async function auditNaming(db: Db, known: KnownBy, after: number): Promise<{ seq: number; line: string; hash: string }[]> {
  const words = list([...known.ids, ...known.names].map((word) => word.toLowerCase()));
  const rows = rowsIn<{ seq: number | string; line: string; hash: string }>(
    await db.execute(sql`
      select seq, line, hash from audit
      where seq > ${after} and exists (select 1 from ${words} w where strpos(lower(line), w.value) > 0)
      order by seq limit ${BATCH}`),
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

export async function rewriteAudit(db: Db, lines: readonly { seq: number; line: string }[]): Promise<void> {
  for (const { seq, line } of lines) await db.execute(sql`update audit set line = ${line} where seq = ${seq}`);
}
