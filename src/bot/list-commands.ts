import { outside, time } from "../engine/cards/say.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Reads } from "../engine/store.ts";
import { actionShape } from "./api-shapes.ts";
import { approvalsOf } from "./export-rows.ts";
import { readActionQuery, readWords, within } from "./list-filters.ts";

/* `air actions`: the Action center on a terminal. The filters are those of chat and of the URL. */

type ActionItem = ReturnType<typeof actionShape>;

const LONGEST = 10_000;

/** What was written, as words or as options; options win. Checked here, so that a wrong filter is told without asking anybody. */
export function actionsRequest(
  words: readonly string[],
  options: Readonly<Record<string, string | boolean | undefined>>,
): { given: Map<string, string>; limit: number } {
  const { given, bare } = readWords(words.join(" "));
  for (const [name, value] of Object.entries(options)) if (typeof value === "string" && name !== "limit") given.set(name, value);
  const [state = "pending", ...more] = bare;
  if (more.length > 0) throw new Refusal("invalid", `is no filter. Filters look like since=7d.`, { field: `"${more[0]?.slice(0, 40)}"` });
  if (!given.has("state")) given.set("state", state);
  if (given.get("state") === "all") given.delete("state");
  readActionQuery(given);
  const limit = Number(options.limit ?? 200);
  if (!Number.isInteger(limit) || limit < 1 || limit > LONGEST)
    throw new Refusal("invalid", `must be a number from 1 to ${LONGEST}`, { field: "--limit" });
  return { given, limit };
}

/** Page by page from the running air, until there are enough. */
export async function actionItems(
  given: ReadonlyMap<string, string>,
  limit: number,
  ask: (query: string) => Promise<{ items: ActionItem[]; next: string | null }>,
): Promise<ActionItem[]> {
  const items: ActionItem[] = [];
  for (let cursor: string | null = ""; cursor !== null && items.length < limit; ) {
    const size = Math.min(200, limit - items.length);
    const query = new URLSearchParams([...given, ["limit", String(size)], ...(cursor ? [["cursor", cursor] as [string, string]] : [])]);
    const page = await ask(query.toString());
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

/** The same from the database, where no air is running. */
export function actionItemsFrom(store: Reads, given: ReadonlyMap<string, string>, limit: number): Promise<ActionItem[]> {
  const now = new Date();
  const query = within(readActionQuery(given), now);
  return actionItems(given, limit, async (text) => {
    const asked = new URLSearchParams(text);
    const after = asked.get("cursor");
    const page = await store.listActions({ ...query, asOf: now, limit: Number(asked.get("limit")), ...(after ? { after } : {}) });
    const approvals = await approvalsOf(store, page.items);
    return { items: page.items.map((row) => actionShape(row, approvals.get(row.id) ?? [])), next: page.next };
  });
}

/** One line each, in columns. */
export function actionLines(items: readonly ActionItem[]): string[] {
  if (items.length === 0) return ["None."];
  const wide = (of: (item: ActionItem) => string) => Math.max(...items.map((item) => of(item).length));
  const [id, status, kind] = [wide((item) => item.id), wide((item) => item.status), wide((item) => item.kind)];
  return items.map((item) =>
    [
      item.id.padEnd(id),
      item.status.padEnd(status),
      item.kind.padEnd(kind),
      item.incident,
      outside(item.details),
      item.state === "pending" ? `until ${time(item.expiresAt)}` : `by ${item.decidedBy ?? "nobody"}, ${time(item.updatedAt)}`,
    ].join("  "),
  );
}
