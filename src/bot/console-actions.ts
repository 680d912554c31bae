import type { ActionsView, ConsolePerson } from "../adapters/console/console.ts";
import type { Air } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { plainly } from "../engine/cards/audit-sentence.ts";
import { cut } from "../engine/cards/card.ts";
import { capital, outside, time } from "../engine/cards/say.ts";
import { ACTION_KINDS, FAMILIES } from "../engine/domain/action.ts";
import { ENTITY_KINDS } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { ActionFilter, ActionRow, ActionSort } from "../engine/store.ts";
import { actionShape } from "./api-shapes.ts";
import { HISTORY, readActionQuery, within } from "./list-filters.ts";

const ROWS = 50;
const PATH = "/console/actions";

/** The columns of domain facts 4.2, in their order; `sort` is what a press on the heading asks for. */
const COLUMNS: { label: string; sort?: ActionSort }[] = [
  { label: "Updated (UTC)", sort: "updated" },
  { label: "Investigation", sort: "investigation" },
  { label: "Action", sort: "newest" },
  { label: "Type", sort: "kind" },
  { label: "Details", sort: "target" },
  { label: "Entity", sort: "entity" },
  { label: "Asset" },
  { label: "Decision" },
  { label: "Decided by", sort: "by" },
  { label: "Source", sort: "source" },
  { label: "Status", sort: "status" },
];
/** Sorted the other way round from the start. */
const DOWN: ReadonlySet<string> = new Set(["updated", "newest"]);

const STATES = HISTORY.map((state) => [state, STATE_WORD[state].word.replace(/,.*/, "")] as const);
const inWords = (names: readonly string[]) => names.map((name) => [name, capital(plainly(name))] as const);
const PERIODS = [
  ["1d", "Last day"],
  ["7d", "Last week"],
  ["30d", "Last 30 days"],
  ["180d", "Last 6 months"],
] as const;

/** The page for what its address asks; a filter that is wrong is said on the page. */
export async function actionsView(
  air: Pick<Air, "store" | "clock" | "capabilities">,
  { query, person, organization }: { query: ReadonlyMap<string, string>; person: ConsolePerson; organization: string | undefined },
): Promise<ActionsView> {
  const given = new Map(query);
  const cursor = given.get("cursor");
  given.delete("cursor");
  if (!given.has("state")) given.set("state", "pending");
  const pending = given.get("state") === "pending";
  const sort = given.get("sort") ?? (pending ? "deadline" : "updated");
  const read = await attempt(air, given, { sort, cursor });
  const link = (change: Readonly<Record<string, string | undefined>>) => {
    const params = new URLSearchParams([...given].filter(([name]) => !(name in change)));
    for (const [name, value] of Object.entries(change)) if (value !== undefined) params.set(name, value);
    return `${PATH}?${params.toString()}`;
  };
  const kept = (state: string) => link({ state, sort: undefined });
  const [sorted = "", way] = sort.split(":");
  return {
    ...(organization ? { organization } : {}),
    lab: air.capabilities.lab,
    person,
    tabs: [
      { label: "Pending", count: await air.store.countActions({ states: ["pending"] }), href: kept("pending"), chosen: pending },
      { label: "History", count: await air.store.countActions({ states: HISTORY }), href: kept("history"), chosen: !pending },
    ],
    filters: [
      ...(pending
        ? []
        : [
            {
              name: "state",
              label: "Status",
              value: given.get("state") ?? "",
              options: [["history", "All of the history"] as const, ...STATES],
            },
          ]),
      { name: "kind", label: "Type", value: given.get("kind") ?? "", options: inWords(ACTION_KINDS) },
      { name: "family", label: "Family", value: given.get("family") ?? "", options: inWords(FAMILIES) },
      { name: "entity", label: "Entity", value: given.get("entity") ?? "", options: inWords(ENTITY_KINDS) },
      { name: "target", label: "Target or device", value: given.get("target") ?? "", example: "ws-042" },
      ...(pending ? [] : [{ name: "by", label: "Decided by", value: given.get("by") ?? "", example: "Mia, Automation" }]),
      { name: "source", label: "Source", value: given.get("source") ?? "", example: "manual device" },
      { name: "since", label: "Period", value: given.get("since") ?? "", options: PERIODS },
    ],
    hidden: [...(pending ? [["state", "pending"] as const] : []), ...(given.has("sort") ? [["sort", sort] as const] : [])],
    columns: COLUMNS.map((column) => {
      if (!column.sort) return { label: column.label };
      const down = sorted === column.sort && (way === undefined ? DOWN.has(column.sort) : way === "desc");
      return {
        label: column.label,
        href: link({ sort: sorted === column.sort ? `${column.sort}:${down ? "asc" : "desc"}` : column.sort }),
        ...(sorted === column.sort ? { sorted: down ? ("desc" as const) : ("asc" as const) } : {}),
      };
    }),
    rows: read.items.map(row),
    total: read.total,
    clear: link(Object.fromEntries([...given].filter(([name]) => name !== "state").map(([name]) => [name, undefined]))),
    ...(cursor ? { first: link({}) } : {}),
    ...(read.next ? { next: `${link({})}&cursor=${encodeURIComponent(read.next)}` } : {}),
    ...(read.problem ? { problem: read.problem } : { csv: `/console/export/actions?${new URLSearchParams([...given]).toString()}` }),
  };
}

type Read = { items: ActionRow[]; next: string | null; total: number; problem?: string };

async function attempt(
  air: Pick<Air, "store" | "clock">,
  given: ReadonlyMap<string, string>,
  { sort, cursor }: { sort: string; cursor: string | undefined },
): Promise<Read> {
  try {
    const now = air.clock.now();
    const filter: Omit<ActionFilter, "limit"> = within(readActionQuery(new Map([...given, ["sort", sort]])), now);
    const page = await air.store.listActions({ ...filter, asOf: now, limit: ROWS, ...(cursor === undefined ? {} : { after: cursor }) });
    return { ...page, total: page.next === null && cursor === undefined ? page.items.length : await air.store.countActions(filter) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { items: [], next: null, total: 0, problem: capital(`${error.field ?? ""} ${error.message.replace(/[.]?$/, ".")}`.trim()) };
  }
}

function row(action: ActionRow): ActionsView["rows"][number] {
  const shape = actionShape(action, []);
  const text = (value: string | null, most = 60) => ({ text: value === null ? "" : cut(outside(value), most) });
  return {
    cells: [
      text(time(shape.updatedAt).replace(" UTC", "")),
      text(shape.investigation),
      { text: shape.id, href: `/#${shape.incident}` },
      text(capital(plainly(shape.kind))),
      text(shape.details, 120),
      text(capital(plainly(shape.entityType))),
      text(shape.asset, 40),
      text(shape.decisionWord),
      text(shape.decidedBy, 40),
      text(shape.source),
      { text: shape.status.replace(/,.*/, ""), tone: STATE_WORD[action.state].tone },
    ],
  };
}
