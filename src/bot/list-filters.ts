import { ACTION_KINDS, ACTION_STATES, type ActionState, FAMILIES } from "../engine/domain/action.ts";
import { SEVERITIES } from "../engine/domain/alert.ts";
import { readDuration } from "../engine/domain/duration.ts";
import { ENTITY_KINDS } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { FIGURE_GROUPS, type FigureGroup } from "../engine/domain/figures.ts";
import { INVESTIGATION_STATUSES } from "../engine/domain/investigation.ts";
import { ACTION_SORTS, type ActionFilter, type ActionOrder, type IncidentFilter, type InvestigationFilter } from "../engine/store.ts";
import { didYouMean } from "./did-you-mean.ts";
import { readId } from "./read-id.ts";
import { mustBeSound } from "./sound-text.ts";

/*
 * The filters of lists and exports, written once for chat (`kind=isolate-device since=7d`), the CLI and the query of a URL. Each reader
 * takes names and values as they were written and throws a refusal that names the filter and what it takes.
 */

/** Names and values as written. */
export type Given = ReadonlyMap<string, string>;
/** Back from now, or a moment. */
export type Period = { backMs: number } | { at: Date };
type InWords<Filter> = Omit<Filter, "limit" | "after" | "asOf" | "since" | "until"> & { since?: Period; until?: Period };
export type ActionQuery = InWords<ActionFilter>;
export type IncidentQuery = InWords<IncidentFilter>;
export type InvestigationQuery = InWords<InvestigationFilter>;
export type FigureQuery = { by?: FigureGroup | "incident"; since?: Period; until?: Period };
export type AuditQuery = { incidentId?: number; since?: Period; until?: Period };

/** Everything but pending (product contract 3.2). */
export const HISTORY: readonly ActionState[] = ACTION_STATES.filter((state) => state !== "pending");

/** At that moment: periods count back from now. */
export function within<Query extends { since?: Period; until?: Period }>(query: Query, now: Date) {
  const { since, until, ...rest } = query;
  const moment = (period: Period) => ("at" in period ? period.at : new Date(now.getTime() - period.backMs));
  return { ...rest, ...(since ? { since: moment(since) } : {}), ...(until ? { until: moment(until) } : {}) };
}

const INCIDENT_STATES = ["open", "closed", "redirected"] as const;

export const readActionQuery = (given: Given): ActionQuery =>
  read<ActionQuery>(given, {
    state: (text) => ({ states: text === "history" ? HISTORY : oneOf(text, ACTION_STATES, ", or history") }),
    kind: (text) => ({ kinds: oneOf(text, ACTION_KINDS) }),
    family: (text) => ({ families: oneOf(text, FAMILIES) }),
    by: (text) => ({ decidedBy: text }),
    // `manual-device` is easier to type than `"Manual device action"`.
    source: (text) => ({ source: text.replaceAll(/[-_]+/g, " ") }),
    entity: (text) => ({ entity: oneOf(text, ENTITY_KINDS)[0] ?? "generic" }),
    target: (text) => ({ target: text }),
    incident: (text) => ({ incidentId: idOf(text, "incident") }),
    investigation: (text) => ({ investigationId: idOf(text, "investigation") }),
    ...PERIOD,
    sort: (text) => ({ order: orderOf(text) }),
    breakGlass: (text) => ({ breakGlass: oneOf(text, ["open"])[0] ?? "open" }),
  });

/** `mine` is understood where a person asks: it becomes their name. */
export const readIncidentQuery = (given: Given): IncidentQuery =>
  read<IncidentQuery>(given, {
    status: (text) => ({ status: oneOf(text, INCIDENT_STATES) }),
    severity: (text) => ({ severity: oneOf(text, SEVERITIES) }),
    assignee: (text) => ({ assignee: text }),
    source: (text) => ({ source: text }),
    text: (text) => ({ text }),
    snoozed: (text) => (oneOf(text, ["yes"]).length > 0 ? { snoozed: true } : {}),
    ...PERIOD,
  });

export const readInvestigationQuery = (given: Given): InvestigationQuery =>
  read<InvestigationQuery>(given, {
    status: (text) => ({ status: oneOf(text, INVESTIGATION_STATUSES) }),
    incident: (text) => ({ incidentId: idOf(text, "incident") }),
    ...PERIOD,
  });

/** `incident`: each by itself, with the filters of incidents. Others take a span alone. */
export function readFigureQuery(given: Given): FigureQuery {
  const by = given.get("by")?.trim().toLowerCase();
  if (by === "incident") return { by };
  return read<FigureQuery>(given, { by: (text) => ({ by: oneOf(text, FIGURE_GROUPS, ", or incident")[0] ?? "week" }), ...PERIOD });
}

export const readAuditQuery = (given: Given): AuditQuery =>
  read<AuditQuery>(given, { incident: (text) => ({ incidentId: idOf(text, "incident") }), ...PERIOD });

/** Other names for the same filter. */
const ALSO: Readonly<Record<string, string>> = {
  decidedby: "by",
  order: "sort",
  device: "target",
  asset: "target",
  entitytype: "entity",
  actiontype: "kind",
  inc: "incident",
  inv: "investigation",
};

type Takes<Query> = Readonly<Record<string, (text: string) => Partial<Query>>>;
const PERIOD = {
  since: (text: string) => ({ since: periodOf(text) }),
  until: (text: string) => ({ until: periodOf(text) }),
};

function read<Query extends object>(given: Given, takes: Takes<Query>): Query {
  const query: Partial<Query> = {};
  const names = Object.keys(takes);
  const byLower = new Map(names.map((name) => [name.toLowerCase(), takes[name]]));
  for (const [written, value] of given) {
    const lower = written.toLowerCase();
    const take = byLower.get(lower) ?? byLower.get(ALSO[lower] ?? "");
    if (!take) {
      const hint = didYouMean(lower, names).replaceAll('"', "");
      throw new Refusal("invalid", `is no filter here.${hint} There are: ${names.join(", ")}`, { field: written.slice(0, 40) });
    }
    mustBeSound(value, [written.slice(0, 40)]);
    const text = value.trim().slice(0, 500).toWellFormed();
    try {
      if (text === "") throw new Wrong("needs a value");
      Object.assign(query, take(text));
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      throw new Refusal("invalid", error.message, { field: written.slice(0, 40) });
    }
  }
  return query as Query;
}

class Wrong extends Error {}
const quoted = (text: string) => `"${text.length > 40 ? `${text.slice(0, 40)}…` : text}"`;

/** Several, separated by commas, in any case. */
function oneOf<const T extends readonly string[]>(text: string, known: T, more = ""): T[number][] {
  const byLower = new Map(known.map((name) => [name.toLowerCase(), name]));
  return text.split(",").map((part) => {
    const found = byLower.get(part.trim().toLowerCase());
    if (found === undefined) throw new Wrong(`must be one of ${known.join(", ")}${more}, not ${quoted(part)}`);
    return found;
  });
}

function idOf(text: string, kind: "incident" | "investigation"): number {
  const id = readId(text);
  if (id && (id.kind === kind || /^\d+$/.test(text))) return id.id;
  throw new Wrong(`must be the id of an ${kind}, like ${kind === "incident" ? "INC-42" : "INV-42"}, not ${quoted(text)}`);
}

function periodOf(text: string): Period {
  const backMs = readDuration(text);
  if (backMs !== undefined) return { backMs };
  const at = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at.getTime()) && at.getTime() < Date.UTC(10_000, 0)) return { at };
  throw new Wrong(`must be a period like 24h, 7d or 30d, or a date like 2026-10-05, not ${quoted(text)}`);
}

function orderOf(text: string): ActionOrder {
  const [name = "", way, ...rest] = text.toLowerCase().split(":");
  const known = (ACTION_SORTS as readonly string[]).includes(name);
  if (known && rest.length === 0 && (way === undefined || way === "asc" || way === "desc")) return text.toLowerCase() as ActionOrder;
  throw new Wrong(`must be one of ${ACTION_SORTS.join(", ")}, alone or with :asc or :desc behind it, not ${quoted(text)}`);
}

/** Words of a command taken apart: `name=value`, `name="two words"`, and the rest as bare words. */
export function readWords(text: string): { given: Map<string, string>; bare: string[] } {
  const given = new Map<string, string>();
  const bare: string[] = [];
  // Chats turn straight quotes into curly ones.
  for (const [word] of text.replaceAll(/[“”„]/g, '"').matchAll(/(?:[^\s"]|"[^"]*")+/g)) {
    const [, name, value] = /^([A-Za-z]+)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || value === undefined) bare.push(word.replaceAll('"', ""));
    else given.set(name.toLowerCase(), value.replaceAll('"', ""));
  }
  return { given, bare };
}

/** The other way round, for the button that shows the next page. */
export const writeWords = (given: Given): string =>
  [...given].map(([name, value]) => `${name}=${/\s/.test(value) ? `"${value}"` : value}`).join(" ");
