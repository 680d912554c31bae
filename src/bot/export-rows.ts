import { z } from "zod";
import { incidentId, investigationId } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { auditSentence } from "../engine/cards/audit-sentence.ts";
import { entityName } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { STATUS_SENTENCE } from "../engine/domain/investigation.ts";
import { NOBODY } from "../engine/domain/paging.ts";
import type { ReportRows } from "../engine/domain/report.ts";
import { type AskedSpan, readSpanWords, spanOf, writeSpan } from "../engine/domain/report-span.ts";
import type { ActionRow, ApprovalRow, IncidentRow, InvestigationRow, Reads } from "../engine/store.ts";
import { REPORT_COLUMNS, reportLines, weeklyReport } from "../engine/weekly-report.ts";
import { actionShape } from "./api-shapes.ts";
import { BRIEF_COLUMNS, type Brief, type BriefFrom, briefRows } from "./brief-replies.ts";
import { INCIDENT_FIGURE_COLUMNS, incidentFigureRows } from "./figure-rows.ts";
import { investigationLog, type LogRow } from "./investigation-log.ts";
import {
  type ActionQuery,
  type AuditQuery,
  type Given,
  type IncidentQuery,
  type InvestigationQuery,
  readActionQuery,
  readAuditQuery,
  readIncidentQuery,
  readInvestigationQuery,
  readWords,
  within,
} from "./list-filters.ts";
import { readId } from "./read-id.ts";

/*
 * Lists as CSV, whole: for Accept: text/csv, the console's download and `air export`. Rows are read and written page by page, so that a
 * year of them never stands in memory.
 */

const EXPORTS = ["actions", "incidents", "investigations", "audit", "digest", "handover", "report", "figures", "log"] as const;
export type Export =
  | { what: "actions"; query: ActionQuery; given: Given }
  | { what: "incidents"; query: IncidentQuery; given: Given }
  | { what: "investigations"; query: InvestigationQuery; given: Given }
  | { what: "audit"; query: AuditQuery; given: Given }
  | { what: Brief; given: Given }
  | { what: "report"; span: AskedSpan; given: Given }
  /** How long things took, incident by incident. */
  | { what: "figures"; query: IncidentQuery; given: Given }
  | { what: "log"; investigation: number };

/** Who may have it whole: the audit names everybody and everything they did. */
export const exportNeeds = (what: string): "viewer" | "admin" => (what === "audit" ? "admin" : "viewer");

/** `export actions history kind=isolate-device since=30d`, `export log INV-42`. */
export function readExport(text: string): Export {
  const { given, bare } = readWords(text);
  const [what, ...more] = bare;
  if (what === "log") return { what, investigation: investigationOf(more[0]) };
  if (what === "report" && more.length > 0) given.set("span", more.join(" "));
  else if (what === "actions" && (more[0] === "pending" || more[0] === "history") && !given.has("state")) given.set("state", more[0]);
  else if (more[0] !== undefined) throw new Refusal("invalid", `"${more[0].slice(0, 40)}" is no filter. Filters look like since=7d.`);
  return exportOf(what ?? "", given);
}

/** @throws Refusal invalid | not-found */
export function exportOf(what: string, given: Given): Export {
  switch (what) {
    case "actions":
      return { what, query: readActionQuery(given), given };
    case "incidents":
      return { what, query: readIncidentQuery(given), given };
    case "investigations":
      return { what, query: readInvestigationQuery(given), given };
    case "audit":
      return { what, query: readAuditQuery(given), given };
    case "digest":
    case "handover":
      if (given.size > 0) throw new Refusal("invalid", `takes no filters: export ${what}`, { field: `"${[...given.keys()][0]}"` });
      return { what, given };
    case "report":
      return { what, ...readSpan(given) };
    case "figures":
      return { what, query: readIncidentQuery(given), given };
    case "log":
      return { what, investigation: investigationOf(given.get("investigation")) };
    default:
      throw new Refusal("not-found", `There is no export "${what.slice(0, 40)}". Write one of: ${EXPORTS.join(", ")}.`);
  }
}

function readSpan(given: Given): { span: AskedSpan; given: Given } {
  const other = [...given.keys()].find((name) => name !== "span");
  if (other !== undefined) throw new Refusal("invalid", "is no filter of a report: it takes span=last-week", { field: other.slice(0, 40) });
  const span = readSpanWords([given.get("span") ?? ""]);
  if (!span) throw new Refusal("invalid", noSpan(given.get("span") ?? ""));
  return { span, given: new Map([["span", writeSpan(span)]]) };
}
export const noSpan = (text: string): string =>
  `"${text.slice(0, 60)}" is no span a report can be of. Write week, last week, 7d, 30d (at most 366d) or a week of the calendar, like 2026-W47.`;

function investigationOf(text: string | undefined): number {
  const id = text === undefined ? undefined : readId(text);
  if (id?.kind !== "investigation") throw new Refusal("invalid", "Name the investigation: export log INV-42.");
  return id.id;
}

/** Where the same list is fetched by HTTP. */
export function exportPath(asked: Export, base: "/v1" | "/console/export"): string {
  if (asked.what === "log")
    return base === "/v1"
      ? `/v1/investigations/INV-${asked.investigation}/log`
      : `/console/export/log?investigation=INV-${asked.investigation}`;
  // The route of figures counts them by group unless each incident is asked for.
  const each: [string, string][] = asked.what === "figures" && base === "/v1" ? [["by", "incident"]] : [];
  const query = new URLSearchParams([...each, ...asked.given]).toString();
  return `${base}/${asked.what}${query ? `?${query}` : ""}`;
}

/** The same, as a command line. */
export const exportWords = (asked: Export): string =>
  asked.what === "log"
    ? `log INV-${asked.investigation}`
    : [asked.what, ...[...asked.given].map(([name, value]) => shellWord(`${name}=${value}`))].join(" ");
/** What a shell would take apart or run stands between quotes. */
const shellWord = (text: string) => (/^[\w=.,:@/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** How many rows it has now; undefined: only reading it would tell. */
export async function countExport(store: Reads, asked: Export, now: Date): Promise<number | undefined> {
  switch (asked.what) {
    case "actions":
      return store.countActions(within(asked.query, now));
    case "incidents":
    case "figures":
      return store.countIncidents(within(asked.query, now));
    case "investigations":
      return store.countInvestigations(within(asked.query, now));
    case "audit":
      return asked.given.size > 0 ? undefined : countAudit(store);
    case "digest":
    case "handover":
    case "report":
      return undefined;
    case "log":
      return (await logOf(store, asked.investigation)).length;
    default:
      return asked satisfies never;
  }
}

/** The retention may have cut the first lines off. */
async function countAudit(store: Reads): Promise<number> {
  const [first] = await store.auditLines(0, 1);
  return first ? (await store.auditHead()).count - first.seq + 1 : 0;
}

const PAGE = 200;

/** The whole list as CSV, the line of column names first. */
export async function* exportCsv(store: Reads, asked: Export, now: Date, from: BriefFrom = {}): AsyncGenerator<string> {
  yield csvLine(EXPORT_COLUMNS[asked.what]);
  for await (const rows of pages(store, asked, now, from))
    yield rows.map((row) => csvLine(EXPORT_COLUMNS[asked.what].map((name) => row[name]))).join("");
}

async function* pages(store: Reads, asked: Export, now: Date, from: BriefFrom): AsyncGenerator<Record<string, unknown>[]> {
  switch (asked.what) {
    case "actions": {
      const filter = { ...within(asked.query, now), asOf: now, limit: PAGE };
      for (let page = await store.listActions(filter); ; page = await store.listActions({ ...filter, after: page.next })) {
        const approvals = await approvalsOf(store, page.items);
        yield csvRows.actions(page.items, approvals);
        if (page.next === null) return;
      }
    }
    case "incidents":
    case "figures": {
      const filter = { ...within(asked.query, now), limit: PAGE };
      for (let page = await store.listIncidents(filter); ; page = await store.listIncidents({ ...filter, after: Number(page.next) })) {
        yield asked.what === "figures" ? await incidentFigureRows(store, page.items) : csvRows.incidents(page.items);
        if (page.next === null) return;
      }
    }
    case "investigations": {
      const filter = { ...within(asked.query, now), limit: PAGE };
      for (
        let page = await store.listInvestigations(filter);
        ;
        page = await store.listInvestigations({ ...filter, after: Number(page.next) })
      ) {
        yield csvRows.investigations(page.items);
        if (page.next === null) return;
      }
    }
    case "audit": {
      const query = within(asked.query, now);
      for (let lines = await store.auditLines(0, 1000); lines.length > 0; lines = await store.auditLines(lines.at(-1)?.seq ?? 0, 1000))
        yield lines.flatMap((line) => auditCsv(line, query));
      return;
    }
    case "digest":
    case "handover":
      yield await briefRows(store, asked.what, now, from);
      return;
    case "report":
      yield reportLines(await reportOf(store, asked.span, now, from));
      return;
    case "log":
      yield csvRows.log(await logOf(store, asked.investigation));
      return;
    default:
      asked satisfies never;
  }
}

async function logOf(store: Reads, investigation: number): Promise<LogRow[]> {
  const row = await store.investigation(investigation);
  if (!row) throw new Refusal("not-found", `There is no investigation ${investigationId(investigation)}.`);
  return investigationLog(store, row.id);
}

/** Who approved each of a page's actions. */
export async function approvalsOf(store: Reads, rows: readonly ActionRow[]): Promise<Map<number, ApprovalRow[]>> {
  return Map.groupBy(await store.approvalsOfActions(rows.map((row) => row.id)), (approval) => approval.actionId);
}

/** The report somebody asks for now. */
export function reportOf(store: Reads, asked: AskedSpan, now: Date, { paging, capabilities }: BriefFrom): Promise<ReportRows> {
  const { timeZone, everyMs } = paging?.() ?? NOBODY;
  return weeklyReport(store, spanOf(asked, now, timeZone), { timeZone, lab: capabilities?.lab ?? false, answerWithinMs: everyMs });
}

/** The columns of the Action center (domain facts 4.2) first, in its order. */
export const EXPORT_COLUMNS = {
  actions: [
    "updatedAt",
    "investigation",
    "id",
    "kind",
    "details",
    "entityType",
    "asset",
    "decision",
    "decidedBy",
    "source",
    "status",
    "state",
    "incident",
    "family",
    "target",
    "proposedAt",
    "decidedAt",
    "endedAt",
    "deadline",
    "expiresAt",
    "approvalsNeeded",
    "approvedBy",
    "reason",
    "outcome",
    "rule",
    "via",
    "connector",
    "deviceGroup",
    "undoable",
    "lab",
  ],
  incidents: [
    "id",
    "title",
    "severity",
    "status",
    "assignee",
    "classification",
    "determination",
    "alertCount",
    "acknowledgedBy",
    "openedAt",
    "updatedAt",
    "closedAt",
    "redirectTo",
    "lab",
  ],
  investigations: [
    "id",
    "incident",
    "status",
    "statusText",
    "trigger",
    "triggeredBy",
    "playbooks",
    "startedAt",
    "beganAt",
    "endedAt",
    "pendingMs",
    "waitingMs",
    "advice",
    "lab",
  ],
  audit: ["seq", "at", "by", "via", "event", "subject", "incident", "text"],
  digest: BRIEF_COLUMNS,
  handover: BRIEF_COLUMNS,
  report: REPORT_COLUMNS,
  figures: INCIDENT_FIGURE_COLUMNS,
  log: [
    "id",
    "actionType",
    "action",
    "status",
    "deviceName",
    "description",
    "comments",
    "timeCreated",
    "executionStart",
    "duration",
    "pendingDuration",
    "queuedDuration",
    "at",
    "by",
    "event",
    "text",
  ],
} as const satisfies Record<Export["what"], readonly string[]>;

function actionCsv(row: ActionRow, approvals: readonly ApprovalRow[]): Record<string, unknown> {
  const shape = actionShape(row, approvals);
  return {
    ...shape,
    decision: shape.decisionWord,
    target: entityName(row.target),
    approvalsNeeded: row.approvalsNeeded,
    approvedBy: shape.approvals.given.map(({ by }) => by),
    reason: row.decision?.reason,
    via: row.decision?.via,
    status: STATE_WORD[row.state].word,
  };
}

const incidentCsv = (row: IncidentRow): Record<string, unknown> => ({
  ...row,
  id: incidentId(row.id),
  acknowledgedBy: row.ackedBy,
  redirectTo: row.redirectTo === null ? null : incidentId(row.redirectTo),
});

const investigationCsv = (row: InvestigationRow): Record<string, unknown> => ({
  ...row,
  id: investigationId(row.id),
  incident: incidentId(row.incidentId),
  statusText: STATUS_SENTENCE[row.status],
  trigger: row.trigger.kind,
  triggeredBy: row.trigger.alert ?? row.trigger.by,
});

/** Rows as the columns name them. */
export const csvRows = {
  actions: (rows: readonly ActionRow[], approvals: ReadonlyMap<number, ApprovalRow[]>) =>
    rows.map((row) => actionCsv(row, approvals.get(row.id) ?? [])),
  incidents: (rows: readonly IncidentRow[]) => rows.map(incidentCsv),
  investigations: (rows: readonly InvestigationRow[]) => rows.map(investigationCsv),
  log: (rows: readonly LogRow[]): Record<string, unknown>[] => rows.map((row) => ({ ...row })),
};

const AuditLine = z.looseObject({
  at: z.string(),
  actor: z.looseObject({ kind: z.string(), name: z.string().optional(), job: z.string().optional(), via: z.string().optional() }),
  event: z.string(),
  subject: z.string(),
  data: z.record(z.string(), z.unknown()).optional(),
});

function auditCsv(
  row: { seq: number; line: string; incidentId: number | null },
  query: { incidentId?: number; since?: Date; until?: Date },
): Record<string, unknown>[] {
  if (query.incidentId !== undefined && row.incidentId !== query.incidentId) return [];
  const read = AuditLine.safeParse(JSON.parse(row.line));
  if (!read.success) return [];
  const { at, actor, event, subject, data } = read.data;
  const when = new Date(at).getTime();
  if (query.since && when < query.since.getTime()) return [];
  if (query.until && when >= query.until.getTime()) return [];
  const incident = row.incidentId === null ? null : incidentId(row.incidentId);
  const by = actor.name ?? "air";
  return [
    { seq: row.seq, at, by, via: actor.via ?? actor.kind, event, subject, incident, text: auditSentence({ by, event, subject, data }) },
  ];
}

/** RFC 4180, with cells a spreadsheet would run made harmless (product contract 3.2). */
function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(value: unknown): string {
  const text =
    value === null || value === undefined
      ? ""
      : value instanceof Date
        ? value.toISOString()
        : Array.isArray(value) && value.every((one) => typeof one === "string")
          ? value.join("; ")
          : typeof value === "object"
            ? JSON.stringify(value)
            : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One page as CSV, with these columns. */
export const toCsv = (columns: readonly string[], rows: readonly Record<string, unknown>[]): string =>
  [columns, ...rows.map((row) => columns.map((name) => row[name]))].map(csvLine).join("");
