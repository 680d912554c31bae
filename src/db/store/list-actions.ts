import { and, asc, desc, eq, gte, ilike, inArray, isNotNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import { Refusal } from "../../engine/domain/errors.ts";
import type { ActionFilter, ActionOrder, ActionRow, ActionSort, Page } from "../../engine/store.ts";
import type { Db } from "../driver.ts";
import * as t from "../schema.ts";
import { likely } from "./likely.ts";

/** When something last happened to an action. */
const updated = sql`coalesce(${t.actions.endedAt}, ${t.actions.executingAt}, ${t.actions.decidedAt}, ${t.actions.proposedAt})`;

/** "Automation" and "System" are who decided what no person did (domain facts 4.2). */
const decidedBy = sql`case when ${t.actions.decision}->>'decision' = 'automatic' then 'Automation'
  when ${t.actions.decision} is not null then ${t.actions.decision}->>'by'
  when ${t.actions.state} = 'expired' then 'System' end`;

/** What a target is called, near enough to sort by; cut, because an attacker may have written it and the cursor holds it. */
const NAMED_BY = [
  "name",
  "email",
  "address",
  "url",
  "subject",
  "path",
  "sha256",
  "sha1",
  "md5",
  "id",
  "query",
  "key",
  "commandLine",
  "value",
];
const targetName = sql`left(lower(coalesce(${sql.join(
  NAMED_BY.map((field) => sql`${t.actions.target}->>${sql.raw(`'${field}'`)}`),
  sql`, `,
)}, '')), 80)`;

type Key = { by: SQL; type: "int" | "timestamptz" | "text"; down?: true };
const words = (text: SQL): Key => ({ by: sql`${text} collate "C"`, type: "text" });

/** `down`: newest first is what people mean by these. */
const KEYS: Record<ActionSort, Key> = {
  newest: { by: sql`${t.actions.id}`, type: "int", down: true },
  updated: { by: updated, type: "timestamptz", down: true },
  deadline: { by: sql`${t.actions.deadline}`, type: "timestamptz" },
  expires: { by: sql`${t.actions.expiresAt}`, type: "timestamptz" },
  kind: words(sql`${t.actions.kind}`),
  family: words(sql`${t.actions.family}`),
  entity: words(sql`(${t.actions.target}->>'kind')`),
  target: words(targetName),
  source: words(sql`lower(${t.actions.source})`),
  by: words(sql`left(lower(coalesce(${decidedBy}, '')), 80)`),
  status: words(sql`${t.actions.state}`),
  incident: { by: sql`${t.actions.incidentId}`, type: "int" },
  investigation: { by: sql`${t.actions.investigationId}`, type: "int" },
};

/** The last row of a page: its place in the order, its id, and when the first page was read. */
type Cursor = { order: ActionOrder; key: string; id: number; asOf: string | null };
/** Ids are 32 bits in the database. */
const LARGEST_ID = 2_147_483_647;
const SHAPE = {
  int: /^\d{1,9}$/,
  timestamptz: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d)?$/,
  text: /^[^\0]*$/,
};

const writeCursor = ({ order, key, id, asOf }: Cursor) => Buffer.from(JSON.stringify([order, key, id, asOf])).toString("base64url");

/** A cursor comes back from outside: what is not one of ours, or of another order, is refused. */
function readCursor(text: string, order: ActionOrder, type: Key["type"]): Cursor {
  const wrong = new Refusal("invalid", "must be the cursor of the page before, with the same order", { field: "cursor" });
  const [said, key, id, asOf] = parse(text);
  const good =
    said === order &&
    typeof key === "string" &&
    key.length <= 400 &&
    SHAPE[type].test(key) &&
    (type !== "timestamptz" || isTime(key.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"))) &&
    typeof id === "number" &&
    Number.isInteger(id) &&
    id >= 0 &&
    id <= LARGEST_ID &&
    (asOf === null || (typeof asOf === "string" && isTime(asOf)));
  if (!good) throw wrong;
  return { order, key, id, asOf };
}

const isTime = (text: string) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text));

function parse(text: string): unknown[] {
  try {
    const raw = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as unknown;
    return Array.isArray(raw) ? raw : [];
  } catch {
    return [];
  }
}

function keyOf(order: ActionOrder): Key & { ascending: boolean } {
  const [name = "newest", way] = order.split(":");
  const key = KEYS[name as ActionSort];
  return { ...key, ascending: way === undefined ? !key.down : way === "asc" };
}

/**
 * One page of the Action center. The pages of one order hold every row that did not change meanwhile exactly once; one that was decided,
 * carried out or ended after the first page comes at most once, wherever it would stand now.
 */
export async function listActions(db: Db, filter: ActionFilter): Promise<Page<ActionRow>> {
  const order = filter.order ?? "newest";
  const { by, type, ascending } = keyOf(order);
  const before = filter.after === undefined ? undefined : readCursor(filter.after, order, type);
  const asOf = before ? before.asOf : (filter.asOf?.toISOString() ?? null);
  const last = before && sql`(${by}, ${t.actions.id}) ${sql.raw(ascending ? ">" : "<")} (${before.key}::${sql.raw(type)}, ${before.id})`;
  const where = and(...conditions(filter), last, before?.asOf ? lte(updated, sql`${before.asOf}::timestamptz`) : undefined);
  const way = ascending ? asc : desc;
  const rows = await db
    .select({ row: t.actions, key: sql<string>`(${by})::text` })
    .from(t.actions)
    .where(where)
    .orderBy(way(by), way(t.actions.id))
    .limit(filter.limit + 1);
  const shown = rows.slice(0, filter.limit);
  const end = shown.at(-1);
  return {
    items: shown.map(({ row }) => row),
    next: rows.length > filter.limit && end ? writeCursor({ order, key: end.key, id: end.row.id, asOf }) : null,
  };
}

export const countActions = (db: Db, filter: Omit<ActionFilter, "limit" | "after">): Promise<number> =>
  db.$count(t.actions, and(...conditions(filter)));

const conditions = (filter: Omit<ActionFilter, "limit">): (SQL | undefined)[] => [
  filter.states && inArray(t.actions.state, [...filter.states]),
  filter.kinds && inArray(t.actions.kind, [...filter.kinds]),
  filter.families && inArray(t.actions.family, [...filter.families]),
  filter.source === undefined ? undefined : ilike(t.actions.source, likely(filter.source)),
  filter.entity === undefined ? undefined : eq(sql`${t.actions.target}->>'kind'`, filter.entity),
  filter.decidedBy === undefined
    ? undefined
    : or(
        ilike(decidedBy, likely(filter.decidedBy)),
        // Of two who approved, the decision names the last.
        sql`exists (select 1 from ${t.approvals} where ${t.approvals.actionId} = ${t.actions.id}
          and ${t.approvals.version} = ${t.actions.version} and ${ilike(t.approvals.name, likely(filter.decidedBy))})`,
      ),
  // What it is called by, on which device it lies: any value, not the names of the fields.
  filter.target === undefined
    ? undefined
    : sql`exists (select 1 from jsonb_each_text(${t.actions.target}) as said(field, value)
        where said.field <> 'kind' and said.value ilike ${likely(filter.target)})`,
  filter.incidentId === undefined ? undefined : eq(t.actions.incidentId, filter.incidentId),
  filter.investigationId === undefined ? undefined : eq(t.actions.investigationId, filter.investigationId),
  filter.since === undefined ? undefined : gte(updated, filter.since.toISOString()),
  filter.until === undefined ? undefined : lt(updated, filter.until.toISOString()),
  filter.requestedBy === undefined ? undefined : eq(sql`${t.actions.requestedBy}->>'key'`, filter.requestedBy),
  filter.breakGlass === undefined ? undefined : and(isNotNull(t.actions.breakGlass), sql`${t.actions.breakGlass}->'reviewed' is null`),
];
