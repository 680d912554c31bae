import { once } from "node:events";
import type { Request, Response, Router } from "express";
import type { Air } from "../engine/air.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { NOBODY } from "../engine/domain/paging.ts";
import { investigationGraph } from "../engine/graph.ts";
import { actionShape, incidentShape, investigationShape } from "./api-shapes.ts";
import { briefRows } from "./brief-replies.ts";
import { drawGraph } from "./draw-graph.ts";
import { approvalsOf, csvRows, EXPORT_COLUMNS, type Export, exportCsv, exportOf, reportOf, toCsv } from "./export-rows.ts";
import { FIGURE_COLUMNS, figureRow, incidentFigureRows } from "./figure-rows.ts";
import { investigationLog } from "./investigation-log.ts";
import { type Given, readActionQuery, readFigureQuery, readIncidentQuery, readInvestigationQuery, within } from "./list-filters.ts";
import { graphRows } from "./look-up-replies.ts";
import { readId } from "./read-id.ts";

/**
 * The lists of `/v1` (product contract 3.2): JSON by pages; as CSV a page where `limit` is given, and without one the whole list.
 * `may` throws unless the caller may read that.
 */
export function listRoutes(router: Router, air: Air, may: (request: Request, role: "viewer" | "admin") => void): void {
  router.get("/incidents", async (request, response) => {
    may(request, "viewer");
    const { given, limit, cursor } = pageOf(request);
    if (await answeredWhole(air, request, response, "incidents", given)) return;
    const after = numberOf(cursor);
    const page = await air.store.listIncidents({
      ...within(readIncidentQuery(given), air.clock.now()),
      limit,
      ...(after ? { after } : {}),
    });
    if (wantsCsv(request)) return answerCsv(response, "incidents", csvRows.incidents(page.items), page.next);
    const views = await air.store.incidentViews(page.items.map((row) => row.id));
    response.json({ items: page.items.map((row) => incidentShape(row, views.get(row.id))), next: page.next });
  });

  router.get("/investigations", async (request, response) => {
    may(request, "viewer");
    const { given, limit, cursor } = pageOf(request);
    if (await answeredWhole(air, request, response, "investigations", given)) return;
    const after = numberOf(cursor);
    const query = within(readInvestigationQuery(given), air.clock.now());
    const page = await air.store.listInvestigations({ ...query, limit, ...(after ? { after } : {}) });
    if (wantsCsv(request)) return answerCsv(response, "investigations", csvRows.investigations(page.items), page.next);
    const views = await air.store.incidentViews(page.items.map((row) => row.incidentId));
    response.json({ items: page.items.map((row) => investigationShape(row, views.get(row.incidentId))), next: page.next });
  });

  router.get("/actions", async (request, response) => {
    may(request, "viewer");
    const { given, limit, cursor } = pageOf(request);
    if (await answeredWhole(air, request, response, "actions", given)) return;
    const now = air.clock.now();
    const page = await air.store.listActions({
      ...within(readActionQuery(given), now),
      asOf: now,
      limit,
      ...(cursor === undefined ? {} : { after: cursor }),
    });
    const approvals = await approvalsOf(air.store, page.items);
    if (wantsCsv(request)) return answerCsv(response, "actions", csvRows.actions(page.items, approvals), page.next);
    response.json({ items: page.items.map((row) => actionShape(row, approvals.get(row.id) ?? [])), next: page.next });
  });

  router.get("/report", async (request, response) => {
    may(request, "viewer");
    const asked = exportOf("report", givenOf(request));
    if (wantsCsv(request)) return answerWhole(air, response, asked);
    if (asked.what !== "report") throw missing(request);
    response.json(await reportOf(air.store, asked.span, air.clock.now(), air));
  });

  router.get("/figures", async (request, response) => {
    may(request, "viewer");
    const { given, limit, cursor } = pageOf(request);
    const { by, ...query } = readFigureQuery(given);
    const now = air.clock.now();
    if (by === "incident") {
      given.delete("by");
      if (await answeredWhole(air, request, response, "figures", given)) return;
      const after = numberOf(cursor);
      const page = await air.store.listIncidents({ ...within(readIncidentQuery(given), now), limit, ...(after ? { after } : {}) });
      const rows = await incidentFigureRows(air.store, page.items);
      if (wantsCsv(request)) return answerCsv(response, "figures", rows, page.next);
      return void response.json({ items: rows, next: page.next });
    }
    const { since = new Date(now.getTime() - FIGURES_BACK_MS), until = now } = within(query, now);
    if (since >= until) throw new Refusal("invalid", "must be before until", { field: "since" });
    const { timeZone } = air.paging?.() ?? NOBODY;
    const span = { from: since, to: until, lab: air.capabilities.lab };
    const rows = await air.store.figures({ ...span, timeZone, ...(by ? { by } : {}) });
    if (!wantsCsv(request)) return void response.json({ items: rows, next: null, ...span, timeZone });
    csvHeaders(response, "figures");
    response.send(toCsv(FIGURE_COLUMNS, rows.map(figureRow)));
  });

  for (const what of ["digest", "handover"] as const)
    router.get(`/${what}`, async (request, response) => {
      may(request, "viewer");
      const asked = exportOf(what, givenOf(request));
      if (wantsCsv(request)) return answerWhole(air, response, asked);
      response.json({ items: await briefRows(air.store, what, air.clock.now(), air), next: null });
    });

  router.get("/investigations/:id/log", async (request, response) => {
    may(request, "viewer");
    const id = await investigationOf(air, request);
    const items = await investigationLog(air.store, id);
    if (wantsCsv(request)) return answerCsv(response, "log", csvRows.log(items), null);
    response.json({ items, next: null });
  });

  router.get("/investigations/:id/graph", async (request, response) => {
    may(request, "viewer");
    const id = await investigationOf(air, request);
    const row = await air.store.investigation(id);
    const view = row && (await air.store.incidentViews([row.incidentId])).get(row.incidentId);
    if (!view) throw missing(request);
    response.json(investigationGraph(graphRows(view, id)));
  });

  router.get("/investigations/:id/graph.png", async (request, response) => {
    may(request, "viewer");
    const png = await drawGraph(air, await investigationOf(air, request));
    if (!png) throw missing(request);
    response.type("png").set("cache-control", "no-store").send(png);
  });

  // It names everybody and everything they did, so it is for admins in either shape; what was decided about one thing is for viewers in chat.
  router.get("/audit", async (request, response) => {
    may(request, "admin");
    if (wantsCsv(request)) return answerWhole(air, response, exportOf("audit", givenOf(request)));
    const after = Number(request.query.after ?? 0);
    const limit = Number(request.query.limit ?? 1000);
    if (!Number.isSafeInteger(after) || after < 0)
      throw new Refusal("invalid", "must be the number of the last line you have", { field: "after" });
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1000)
      throw new Refusal("invalid", "must be a number from 1 to 1000", { field: "limit" });
    response.json({ items: await air.store.auditLines(after, limit), head: await air.store.auditHead() });
  });
}

/** Without a since: a month. */
const FIGURES_BACK_MS = 30 * 86_400_000;

export const wantsCsv = (request: Request): boolean => request.accepts(["json", "text/csv"]) === "text/csv";

/** Names and values of the query; what is given several times is meant as a list. */
const givenOf = (request: Request): Map<string, string> =>
  new Map(
    Object.entries(request.query).flatMap(([name, value]): [string, string][] =>
      typeof value === "string"
        ? [[name, value]]
        : Array.isArray(value)
          ? [[name, value.filter((one) => typeof one === "string").join(",")]]
          : [],
    ),
  );

function pageOf(request: Request): { given: Map<string, string>; limit: number; cursor: string | undefined } {
  const given = givenOf(request);
  const [limit, cursor] = [given.get("limit"), given.get("cursor")];
  given.delete("limit");
  given.delete("cursor");
  if (limit !== undefined && !(/^\d{1,3}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= 200))
    throw new Refusal("invalid", "must be a number from 1 to 200", { field: "limit" });
  return { given, limit: limit === undefined ? 50 : Number(limit), cursor };
}

/** Incidents and investigations are paged by id. */
function numberOf(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(cursor)) throw new Refusal("invalid", "must be the cursor of the page before", { field: "cursor" });
  return Number(cursor);
}

async function investigationOf(air: Air, request: Request): Promise<number> {
  const text = String(request.params.id);
  const id = readId(text);
  if (id?.kind !== "investigation" || !(await air.store.investigation(id.id))) throw missing(request);
  return id.id;
}
const missing = (request: Request) => new Refusal("not-found", `There is no ${String(request.params.id).slice(0, 40)}.`);

async function answeredWhole(air: Air, request: Request, response: Response, what: string, given: Given): Promise<boolean> {
  if (!wantsCsv(request) || request.query.limit !== undefined || request.query.cursor !== undefined) return false;
  await answerWhole(air, response, exportOf(what, given));
  return true;
}

/** Written as it is read: a reader that is slow is waited for, one that is gone ends it. */
async function answerWhole(
  air: Pick<Air, "store" | "clock" | "paging" | "capabilities">,
  response: Response,
  asked: Export,
): Promise<void> {
  const parts = exportCsv(air.store, asked, air.clock.now(), air);
  // What is wrong is found before anything is sent.
  const first = await parts.next();
  const second = await parts.next();
  csvHeaders(response, asked.what);
  for (const { value, done } of [first, second]) if (!done) response.write(value);
  for await (const part of parts) {
    if (response.destroyed) return;
    if (!response.write(part)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}

function csvHeaders(response: Response, what: Export["what"]): void {
  response.type("text/csv").set("content-disposition", `attachment; filename="air-${what}.csv"`);
}

function answerCsv(response: Response, what: Export["what"], rows: readonly Record<string, unknown>[], next: string | null): void {
  csvHeaders(response, what);
  if (next) response.set("x-next-cursor", next);
  response.send(toCsv(EXPORT_COLUMNS[what], rows));
}
