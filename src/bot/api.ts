import { randomUUID } from "node:crypto";
import express, { type NextFunction, type Request, type RequestHandler, type Response, Router } from "express";
import { z } from "zod";
import { type Air, alertId, incidentId } from "../engine/air.ts";
import { decideAction } from "../engine/decide-action.ts";
import { ACTION_KINDS, ACTION_STATES, type ActionState, FAMILIES } from "../engine/domain/action.ts";
import { SEVERITIES } from "../engine/domain/alert.ts";
import { mayRespond, mayView, type Person } from "../engine/domain/approval.ts";
import { ENTITY_KINDS, Entity } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { INVESTIGATION_STATUSES } from "../engine/domain/investigation.ts";
import { mergeIncidents, splitIncident } from "../engine/merge-incidents.ts";
import { pause, resume } from "../engine/pause.ts";
import { setVerdict } from "../engine/set-verdict.ts";
import { type StartRequest, startInvestigation } from "../engine/start-investigation.ts";
import { retryInvestigation, stopInvestigation } from "../engine/stop-investigation.ts";
import { ACTION_ORDERS } from "../engine/store.ts";
import { takeAction } from "../engine/take-action.ts";
import { undoAction } from "../engine/undo-action.ts";
import { callerOf, signedBy } from "./access.ts";
import { actionShape, evidenceShape, incidentShape, investigationShape, toCsv } from "./api-shapes.ts";
import { readId } from "./commands.ts";
import type { Config } from "./config.ts";
import { type Conversation, HISTORY } from "./conversation.ts";
import { readDuration } from "./duration.ts";
import type { AcceptAlerts } from "./intake.ts";
import { investigationLog } from "./investigation-log.ts";
import type { Metrics } from "./metrics.ts";
import type { People } from "./people.ts";
import { API_TOKEN, type Session } from "./session.ts";

export type ApiParts = {
  air: Air;
  config: () => Config;
  people: People;
  labOn: boolean;
  intake: AcceptAlerts;
  metrics: Metrics;
  persona: (request: Request) => string | undefined;
  session: Session;
  /** Any command of chat. */
  say: Conversation["say"];
  /** undefined: the lab is off. */
  playStory: ((name: string) => Promise<{ alerts: number; incidents: string[] }>) | undefined;
};

const MAX_BODY = "5mb";
/** Whoever calls the bare lab without choosing a persona is its admin, like the holder of AIR_API_TOKEN. */
const LAB_CALLER = "ada";

/** `/v1`: machines and the CLI. Same verbs as chat, same door, no rights of its own. */
export function apiRoutes(parts: ApiParts): Router {
  const router = Router();
  const { air } = parts;
  const raw = express.raw({ type: () => true, limit: MAX_BODY });
  const caller = (request: Request) => callerOf(request, parts.config(), parts.people, parts.labOn, parts.persona(request) ?? LAB_CALLER);

  const person = (request: Request): Person => {
    const found = caller(request);
    if (found.kind === "nobody") throw new Unauthenticated(found.status);
    return found.person;
  };
  const needs = (allowed: boolean, role: string): void => {
    if (!allowed) throw new Refusal("forbidden", `This needs the role ${role}.`, { details: { missing: role } });
  };
  const viewer = (request: Request): void => needs(mayView(person(request).roles), "viewer");

  router.post("/alerts/:source", refuseEarly(parts), raw, async (request, response) => {
    const source = String(request.params.source);
    const body = bodyOf(request);
    authenticateSource(parts, request, source, body);
    const accepted = await parts.intake(source, readJson(request, body));
    parts.metrics.accepted(accepted);
    response.status(202).json({ accepted });
  });

  router.get("/incidents", async (request, response) => {
    viewer(request);
    const query = parseQuery(request, z.object({ ...paging, status: list(["open", "closed", "redirected"]), severity: list(SEVERITIES) }));
    const page = await air.store.listIncidents(filter(query, { status: query.status, severity: query.severity }));
    const views = await air.store.incidentViews(page.items.map((row) => row.id));
    answerList(
      request,
      response,
      page.items.map((row) => incidentShape(row, views.get(row.id))),
      page.next,
    );
  });
  router.get("/incidents/:id", async (request, response) => {
    viewer(request);
    const id = idOf(request, "incident");
    const view = (await air.store.incidentViews([id])).get(id);
    if (!view) throw missing(request);
    response.json(incidentShape(view.incident, view));
  });
  router.get("/investigations", async (request, response) => {
    viewer(request);
    const query = parseQuery(request, z.object({ ...paging, status: list(INVESTIGATION_STATUSES) }));
    const page = await air.store.listInvestigations(filter(query, { status: query.status }));
    const views = await air.store.incidentViews(page.items.map((row) => row.incidentId));
    answerList(
      request,
      response,
      page.items.map((row) => investigationShape(row, views.get(row.incidentId))),
      page.next,
    );
  });
  router.get("/investigations/:id", async (request, response) => {
    viewer(request);
    const row = await air.store.investigation(idOf(request, "investigation"));
    if (!row) throw missing(request);
    const shape = investigationShape(row, (await air.store.incidentViews([row.incidentId])).get(row.incidentId));
    // How many go before it, and how many run at once on each machine: the bound of the queue.
    const queue = row.status === "queued" ? { ahead: await air.store.queued(row.id), atOnce: air.atOnce ?? 1 } : undefined;
    response.json(queue ? { ...shape, queue } : shape);
  });
  router.get("/investigations/:id/log", async (request, response) => {
    viewer(request);
    const row = await air.store.investigation(idOf(request, "investigation"));
    if (!row) throw missing(request);
    answerList(request, response, await investigationLog(air.store, row.id), null);
  });
  router.get("/evidence/:id", async (request, response) => {
    viewer(request);
    const row = await air.store.evidence(idOf(request, "evidence"));
    if (!row) throw missing(request);
    response.json(evidenceShape(row, await air.store.observationsOfEvidence(row.id)));
  });
  // Started, stopped and set right by hand: the same verbs as in chat.
  router.post("/investigations", raw, async (request, response) => {
    const who = person(request);
    const started = await startInvestigation(air, who, startRequest(parseBody(request, StartBody)), randomUUID());
    response.status(started.already ? 200 : 202).json(started);
  });
  router.post("/investigations/:id/stop", raw, async (request, response) => {
    const who = person(request);
    const { reason } = parseBody(request, z.strictObject({ reason: z.string().max(500).optional() }));
    const row = await stopInvestigation(air, who, idOf(request, "investigation"), reason);
    response.json(investigationShape((await air.store.investigation(row.id)) ?? row));
  });
  router.post("/investigations/:id/retry", raw, async (request, response) => {
    const who = person(request);
    response.json(await retryInvestigation(air, who, idOf(request, "investigation")));
  });
  router.post("/incidents/:id/merge", raw, async (request, response) => {
    const who = person(request);
    const { into } = parseBody(request, z.strictObject({ into: idText("incident") }));
    const { survivor, absorbed } = await mergeIncidents(air, who, idOf(request, "incident"), into);
    response.json({ incident: incidentId(survivor), merged: incidentId(absorbed) });
  });
  router.post("/incidents/:id/split", raw, async (request, response) => {
    const who = person(request);
    const { alert } = parseBody(request, z.strictObject({ alert: idText("alert") }));
    response.json({ incident: incidentId((await splitIncident(air, who, idOf(request, "incident"), alert)).incident) });
  });
  router.post("/evidence/:id/verdict", raw, async (request, response) => {
    const who = person(request);
    const input = parseBody(
      request,
      z.strictObject({
        verdict: z.enum(["malicious", "suspicious", "noThreatsFound", "clean"]),
        reason: z.string().trim().min(1).max(500),
      }),
    );
    const verdict = input.verdict === "clean" ? "noThreatsFound" : input.verdict;
    const row = await setVerdict(air, who, { evidence: idOf(request, "evidence"), verdict, reason: input.reason });
    response.json(evidenceShape((await air.store.evidence(row.id)) ?? row, await air.store.observationsOfEvidence(row.id)));
  });
  // Whatever can be said in chat, for the CLI: the answer is the card.
  router.post("/say", raw, async (request, response) => {
    const who = person(request);
    const { text } = parseBody(request, z.strictObject({ text: z.string().max(4000) }));
    response.json(await parts.say(text, who));
  });
  router.get("/actions", async (request, response) => {
    viewer(request);
    const query = parseQuery(
      request,
      z.object({
        limit: paging.limit,
        cursor: z
          .string()
          .regex(/^\d{1,15}(-\d{1,15})?$/, "must be the cursor of the page before")
          .optional(),
        state: z.string().optional(),
        kind: list(ACTION_KINDS),
        family: list(FAMILIES),
        decidedBy: z.string().min(1).max(200).optional(),
        source: z.string().min(1).max(100).optional(),
        entity: z.enum(ENTITY_KINDS).optional(),
        target: z.string().min(1).max(500).optional(),
        incident: idText("incident").optional(),
        investigation: idText("investigation").optional(),
        since: periodUntil(air.clock.now).optional(),
        order: z.enum(ACTION_ORDERS).optional(),
      }),
    );
    const page = await air.store.listActions({
      limit: query.limit,
      ...present({
        after: query.cursor,
        states: statesOf(query.state),
        kinds: query.kind,
        families: query.family,
        decidedBy: query.decidedBy,
        source: query.source,
        entity: query.entity,
        target: query.target,
        incidentId: query.incident,
        investigationId: query.investigation,
        since: query.since,
        order: query.order,
      }),
    });
    const approvals = await Promise.all(
      page.items.map((row) => (row.approvalsNeeded > 1 ? air.store.approvalsOf(row.id) : Promise.resolve([]))),
    );
    answerList(
      request,
      response,
      page.items.map((row, index) => actionShape(row, approvals[index] ?? [])),
      page.next,
    );
  });
  router.get("/actions/:id", async (request, response) => {
    viewer(request);
    const row = await air.store.action(idOf(request, "action"));
    if (!row) throw missing(request);
    response.json(actionShape(row, await air.store.approvalsOf(row.id)));
  });
  router.get("/alerts/:id", async (request, response) => {
    viewer(request);
    const row = await air.store.alert(idOf(request, "alert"));
    if (!row) throw missing(request);
    response.json({ ...row, id: alertId(row.id), identity: undefined, digest: undefined });
  });

  router.post("/actions", raw, async (request, response) => {
    const who = person(request);
    const body = parseBody(
      request,
      z.strictObject({
        kind: z.enum(ACTION_KINDS),
        target: z.record(z.string(), z.unknown()),
        params: z.record(z.string(), z.unknown()).optional(),
        reason: z.string().trim().min(1, "is needed: it is kept with the action").max(500),
        for: z.string().optional(),
      }),
    );
    const forMs = body.for === undefined ? undefined : readDuration(body.for);
    if (body.for !== undefined && forMs === undefined) throw new Refusal("invalid", "must be a duration like 30m or 2h", { field: "for" });
    const target = readTarget(body.target, "target");
    const action = await takeAction(air, who, { kind: body.kind, params: body.params, reason: body.reason, target, forMs }, randomUUID());
    response.status(202).json(actionShape(action, await air.store.approvalsOf(action.id)));
  });
  router.post("/actions/:id/decision", raw, async (request, response) => {
    const who = person(request);
    const input = parseBody(
      request,
      z.strictObject({
        decision: z.enum(["approve", "reject"]),
        reason: z.string().max(2000).optional(),
        version: z.string().max(64).optional(),
      }),
    );
    const { action } = await decideAction(air, who, { action: idOf(request, "action"), ...input });
    response.json(actionShape((await air.store.action(action.id)) ?? action, await air.store.approvalsOf(action.id)));
  });
  router.post("/actions/:id/undo", raw, async (request, response) => {
    const who = person(request);
    const input = parseBody(request, z.strictObject({ reason: z.string().max(2000).optional(), version: z.string().max(64).optional() }));
    const action = await undoAction(air, who, { action: idOf(request, "action"), ...input });
    response.json(actionShape(action, await air.store.approvalsOf(action.id)));
  });
  router.post("/pause", raw, async (request, response) => {
    const who = person(request);
    needs(mayRespond(who.roles), "responder");
    const input = parseBody(
      request,
      z.strictObject({ family: z.enum([...FAMILIES, "all"]).default("all"), reason: z.string().min(1).max(500) }),
    );
    await pause(air, who, input.family, input.reason);
    response.json({ paused: input.family, reason: input.reason });
  });
  router.post("/resume", raw, async (request, response) => {
    const who = person(request);
    needs(who.roles.admin, "admin");
    await resume(air, who);
    response.json({ paused: null });
  });
  // For the CLI, which asks the running air: `air lab`, `air console`, `air audit export`.
  router.post("/lab/:story", raw, async (request, response) => {
    const who = person(request);
    needs(mayRespond(who.roles), "responder");
    if (!parts.playStory) throw new Refusal("invalid", "The lab is off because a connector is configured.");
    response.json(await parts.playStory(String(request.params.story)));
  });
  router.post("/console-link", raw, async (request, response) => {
    const who = person(request);
    needs(who.roles.admin, "admin");
    const { email } = parseBody(request, z.strictObject({ email: z.string().max(320).optional() }));
    if (email === undefined) {
      response.json({ path: await parts.session.newLink(API_TOKEN) });
      return;
    }
    if (!parts.people.byEmail(email, "console")) throw new Refusal("not-found", "is not in people in air.yaml", { field: "email" });
    response.json({ path: await parts.session.newLink(email.toLowerCase()) });
  });
  router.get("/audit", async (request, response) => {
    needs(person(request).roles.admin, "admin");
    const query = parseQuery(
      request,
      z.object({ after: z.coerce.number().int().min(0).default(0), limit: z.coerce.number().int().min(1).max(1000).default(1000) }),
    );
    response.json({ items: await air.store.auditLines(query.after, query.limit), head: await air.store.auditHead() });
  });
  return router;
}

/** 401 without a hint, or 403 where the bare lab was asked from somewhere it does not answer to. */
export class Unauthenticated extends Error {
  readonly status: 401 | 403;
  constructor(status: 401 | 403) {
    super(status === 401 ? "Unauthorized" : "Forbidden");
    this.name = "Unauthenticated";
    this.status = status;
  }
}

/** Before a body of megabytes is read: somebody who shows neither a token nor a signature, and is not the bare lab. */
function refuseEarly(parts: ApiParts): RequestHandler {
  return (request: Request, _response: Response, next: NextFunction) => {
    const found = callerOf(request, parts.config(), parts.people, parts.labOn, undefined);
    const signed = request.headers["x-air-signature"] !== undefined;
    next(found.kind === "nobody" && !signed ? new Unauthenticated(found.status) : undefined);
  };
}

/**
 * A source may send with its token, or signed. A source with a signing secret must sign unless it shows a token: the bare lab does not
 * open it. An unknown source is 404 only for those who may send at all.
 */
function authenticateSource(parts: ApiParts, request: Request, source: string, body: Buffer): void {
  const settings = parts.config().sources.get(source);
  const secret = settings?.signingSecret;
  if (request.headers["x-air-signature"] !== undefined) {
    if (!secret || !signedBy(request, source, secret, body, parts.air.clock.now())) throw new Unauthenticated(401);
    return;
  }
  const found = callerOf(request, parts.config(), parts.people, parts.labOn, undefined);
  if (found.kind === "nobody") throw new Unauthenticated(found.status);
  if (secret && !request.headers.authorization) throw new Unauthenticated(401);
  if (found.sources !== "all" && !found.sources.includes(source)) {
    throw new Refusal("forbidden", `This token may not send as ${source.slice(0, 60)}.`, {
      details: { missing: `source:${source.slice(0, 60)}` },
    });
  }
}

const bodyOf = (request: Request): Buffer => (Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));

export class UnsupportedMediaType extends Error {}

function readJson(request: Request, body: Buffer): unknown {
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(request.headers["content-type"] ?? "")) throw new UnsupportedMediaType();
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown;
  } catch (error) {
    throw new Refusal("invalid", error instanceof SyntaxError ? "The body is not valid JSON." : "The body is not valid UTF-8.", {
      field: "body",
    });
  }
}

function parseBody<T>(request: Request, schema: z.ZodType<T>): T {
  const body = bodyOf(request);
  return parse(schema, body.length === 0 ? {} : readJson(request, body));
}
const parseQuery = <T>(request: Request, schema: z.ZodType<T>): T => parse(schema, request.query);

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Refusal("invalid", issue?.message ?? "not valid", {
    field: issue?.path.join(".") || (issue?.code === "unrecognized_keys" ? issue.keys.join(", ") : "body"),
  });
}

const paging = { limit: z.coerce.number().int().min(1).max(200).default(50), cursor: z.coerce.number().int().min(1).optional() };
const list = <const T extends readonly string[]>(values: T) =>
  z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.enum(values)))
    .optional();

/** `7d` back from now, or a day or moment. */
const periodUntil = (now: () => Date) =>
  z.string().transform((text, context) => {
    const ms = readDuration(text);
    if (ms !== undefined) return new Date(now().getTime() - ms);
    const at = new Date(text);
    if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(at.getTime())) return at;
    context.addIssue({ code: "custom", message: "must be a period like 24h, 7d or 30d, or a date like 2026-10-05" });
    return z.NEVER;
  });

function present<T extends object>(given: T) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function filter<T extends object>(query: { limit: number; cursor?: number | undefined }, more: T) {
  const given = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
  return { ...given, limit: query.limit, ...(query.cursor === undefined ? {} : { after: query.cursor }) };
}

function statesOf(text: string | undefined): ActionState[] | undefined {
  if (text === undefined) return undefined;
  if (text === "history") return [...HISTORY];
  const states = text.split(",");
  const unknown = states.find((state) => !(ACTION_STATES as readonly string[]).includes(state));
  if (unknown !== undefined) throw new Refusal("invalid", `must be one of ${ACTION_STATES.join(", ")}, or history`, { field: "state" });
  return states as ActionState[];
}

const StartBody = z
  .strictObject({ entity: z.record(z.string(), z.unknown()).optional(), alert: z.string().optional(), incident: z.string().optional() })
  .refine((body) => Object.values(body).filter((value) => value !== undefined).length === 1, {
    message: "needs exactly one of entity, alert or incident",
  });

function startRequest(body: z.infer<typeof StartBody>): StartRequest {
  if (body.alert !== undefined) return { alert: parse(z.object({ alert: idText("alert") }), body).alert };
  if (body.incident !== undefined) return { incident: parse(z.object({ incident: idText("incident") }), body).incident };
  return { entity: readTarget(body.entity ?? {}, "entity") };
}

/** An entity as a body names it. */
function readTarget(given: Record<string, unknown>, field: string): Entity {
  const entity = Entity.safeParse(given);
  if (entity.success) return entity.data;
  const [issue] = entity.error.issues;
  const known = (ENTITY_KINDS as readonly unknown[]).includes(given.kind);
  throw new Refusal("invalid", known ? (issue?.message ?? "is not valid") : `must be one of ${ENTITY_KINDS.join(", ")}`, {
    field: known ? [field, ...(issue?.path ?? [])].join(".") : `${field}.kind`,
  });
}

/** An id in a body: `ALT-7`, or its bare number. */
const idText = (kind: "incident" | "investigation" | "alert") =>
  z.string().transform((text, context) => {
    const id = readId(text);
    if (id && (id.kind === kind || /^\d+$/.test(text))) return id.id;
    context.addIssue({
      code: "custom",
      message: `must be the id of an ${kind}, like ${{ alert: "ALT-7", incident: "INC-42", investigation: "INV-42" }[kind]}`,
    });
    return z.NEVER;
  });

function idOf(request: Request, kind: "incident" | "investigation" | "action" | "alert" | "evidence"): number {
  const id = readId(String(request.params.id));
  const bare = /^\d+$/.test(String(request.params.id));
  if (!id || (!bare && id.kind !== kind)) throw missing(request);
  return id.id;
}
const missing = (request: Request) => new Refusal("not-found", `There is no ${String(request.params.id).slice(0, 40)}.`);

function answerList(request: Request, response: Response, items: Record<string, unknown>[], next: string | null): void {
  if (request.accepts(["json", "text/csv"]) === "text/csv") {
    response.type("text/csv").set("content-disposition", 'attachment; filename="air.csv"');
    if (next) response.set("x-next-cursor", next);
    response.send(toCsv(items));
    return;
  }
  response.json({ items, next });
}
