import { randomUUID } from "node:crypto";
import express, { type NextFunction, type Request, type RequestHandler, type Response, Router } from "express";
import { z } from "zod";
import { confirmAlone } from "../engine/after-break-glass.ts";
import { agreement, agreementLines } from "../engine/agreement.ts";
import { type Air, alertId, incidentId } from "../engine/air.ts";
import { authorise } from "../engine/authorise.ts";
import { breakGlass } from "../engine/break-glass.ts";
import { cancelAction } from "../engine/cancel-action.ts";
import { decideAction } from "../engine/decide-action.ts";
import { ACTION_KINDS, FAMILIES } from "../engine/domain/action.ts";
import { mayRespond, mayView, type Person } from "../engine/domain/approval.ts";
import { readDuration } from "../engine/domain/duration.ts";
import { ENTITY_KINDS, Entity } from "../engine/domain/entity.ts";
import { Refusal } from "../engine/domain/errors.ts";
import { parseExact } from "../engine/domain/exact-json.ts";
import { MODES } from "../engine/domain/policy.ts";
import { mergeIncidents, splitIncident } from "../engine/merge-incidents.ts";
import { pause, resume } from "../engine/pause.ts";
import { modeInForce, setMode } from "../engine/set-mode.ts";
import { setVerdict } from "../engine/set-verdict.ts";
import { type StartRequest, startInvestigation } from "../engine/start-investigation.ts";
import { retryInvestigation, stopInvestigation } from "../engine/stop-investigation.ts";
import type { ActionRow } from "../engine/store.ts";
import { takeAction } from "../engine/take-action.ts";
import { undoAction } from "../engine/undo-action.ts";
import { callerOf, signedBy } from "./access.ts";
import { actionShape, evidenceShape, incidentShape, investigationShape } from "./api-shapes.ts";
import type { Config } from "./config.ts";
import type { Conversation } from "./conversation.ts";
import { eraseFor } from "./erase.ts";
import { toCsv } from "./export-rows.ts";
import { figuresShape } from "./figure-rows.ts";
import type { AcceptAlerts } from "./intake.ts";
import { listRoutes, wantsCsv } from "./list-routes.ts";
import type { Metrics } from "./metrics.ts";
import { MOST_DAYS, onCallShape, readFrom } from "./oncall-preview.ts";
import type { People } from "./people.ts";
import { bodyRefusal } from "./plain-problem.ts";
import { readId } from "./read-id.ts";
import { API_TOKEN, type Session } from "./session.ts";
import { mustBeSound } from "./sound-text.ts";

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
  /** What keeps cards or presses from people, with names. */
  troubles: () => Promise<readonly { told: string }[]>;
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

  // Everything but taking alerts in asks who calls: looked up once per request, before it.
  const callers = new WeakMap<Request, Person>();
  const person = (request: Request): Person => {
    const known = callers.get(request);
    if (!known) throw new Unauthenticated(401);
    return known;
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

  router.use(async (request, _response, next) => {
    const found = caller(request);
    if (found.kind === "nobody") throw new Unauthenticated(found.status);
    callers.set(request, await found.person());
    next();
  });
  listRoutes(router, air, (request, role) => (role === "viewer" ? viewer(request) : needs(person(request).roles.admin, role)));
  router.get("/incidents/:id", async (request, response) => {
    viewer(request);
    const id = idOf(request, "incident");
    const view = (await air.store.incidentViews([id])).get(id);
    if (!view) throw missing(request);
    const figures = (await air.store.figuresOf([id])).get(id);
    response.json({ ...incidentShape(view.incident, view), ...(figures ? { figures: figuresShape(figures) } : {}) });
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
    const { reason } = parseBody(request, z.strictObject({ reason: z.string().optional() }));
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
        reason: z.string().trim().min(1),
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
  router.post("/persons/erase", raw, async (request, response) => {
    const who = person(request);
    const asked = parseBody(request, z.strictObject({ email: z.string().min(3).max(320), dryRun: z.boolean() }));
    response.json(await eraseFor(air, parts.config(), who, asked));
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
        reason: z.string().trim().min(1, "is needed: it is kept with the action"),
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
    const { confirm, ...input } = parseBody(
      request,
      z.strictObject({
        decision: z.enum(["approve", "reject", "break-glass", "confirm"]),
        reason: z.string().optional(),
        version: z.string().max(64).optional(),
        // A program mistypes nothing: the target's name is checked where it is given, and asked for only to break the glass.
        confirm: z.string().max(200).optional(),
      }),
    );
    const id = idOf(request, "action");
    const action = await decideByProgram(air, who, id, { ...input, confirm });
    response.json(actionShape((await air.store.action(action.id)) ?? action, await air.store.approvalsOf(action.id)));
  });
  router.post("/actions/:id/undo", raw, async (request, response) => {
    const who = person(request);
    const input = parseBody(request, z.strictObject({ reason: z.string().optional(), version: z.string().max(64).optional() }));
    const action = await undoAction(air, who, { action: idOf(request, "action"), ...input });
    response.json(actionShape(action, await air.store.approvalsOf(action.id)));
  });
  router.post("/actions/:id/cancel", raw, async (request, response) => {
    const who = person(request);
    const input = parseBody(request, z.strictObject({ reason: z.string().optional(), version: z.string().max(64).optional() }));
    const action = await cancelAction(air, who, { action: idOf(request, "action"), ...input });
    response.json(actionShape(action, await air.store.approvalsOf(action.id)));
  });
  router.post("/pause", raw, async (request, response) => {
    const who = person(request);
    await authorise(air, who, { verb: "executions.pause", subject: "all" });
    const input = parseBody(request, z.strictObject({ family: z.enum([...FAMILIES, "all"]).default("all"), reason: z.string().min(1) }));
    await pause(air, who, input.family, input.reason);
    response.json({ paused: input.family, reason: input.reason });
  });
  router.post("/resume", raw, async (request, response) => {
    const who = person(request);
    await authorise(air, who, { verb: "executions.resume", subject: "all", need: "admin" });
    const { family } = parseBody(request, z.strictObject({ family: z.enum([...FAMILIES, "all"]).default("all") }));
    const left = await resume(air, who, family);
    response.json({ paused: left.length > 0 ? left.map((one) => one.family) : null });
  });
  const modeShape = async () => {
    const { mode, from, set } = await modeInForce(air);
    return {
      mode,
      from,
      by: set?.by ?? null,
      at: set?.at ?? null,
      reason: set?.reason ?? null,
      agreement: agreementLines(await agreement(air)),
    };
  };
  router.get("/troubles", async (request, response) => {
    viewer(request);
    response.json({ items: (await parts.troubles()).map(({ told }) => ({ text: told })), next: null });
  });
  router.get("/mode", async (request, response) => {
    viewer(request);
    response.json(await modeShape());
  });
  router.post("/mode", raw, async (request, response) => {
    const who = person(request);
    const input = parseBody(request, z.strictObject({ mode: z.enum(MODES), reason: z.string().default("") }));
    await setMode(air, who, input.mode, input.reason);
    response.json(await modeShape());
  });
  router.get("/oncall", async (request, response) => {
    viewer(request);
    const asked = parseQuery(
      request,
      z.object({ from: z.string().optional(), days: z.coerce.number().int().min(1).max(MOST_DAYS).default(14) }),
    );
    const from = asked.from === undefined ? air.clock.now() : readFrom(asked.from);
    if (!from) throw new Refusal("invalid", "must be a date like 2026-10-05", { field: "from" });
    response.json(await onCallShape(air, from, asked.days));
  });
  router.get("/agreement", async (request, response) => {
    viewer(request);
    const { since } = parseQuery(request, z.object({ since: periodUntil(air.clock.now).optional() }));
    const { rows } = await agreement(air, since);
    answerList(
      request,
      response,
      rows.map((row) => ({ ...row, since: row.since?.toISOString() ?? null })),
      null,
    );
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
    if (!(await parts.people.byEmail(email, "console"))) throw new Refusal("not-found", "is not in people in air.yaml", { field: "email" });
    response.json({ path: await parts.session.newLink(email.toLowerCase()) });
  });
  return router;
}

type DecisionBody = {
  decision: "approve" | "reject" | "break-glass" | "confirm";
  reason?: string | undefined;
  version?: string | undefined;
  confirm?: string | undefined;
};

async function decideByProgram(air: Air, who: Person, action: number, body: DecisionBody): Promise<ActionRow> {
  const { decision, reason, version, confirm } = body;
  if (decision === "break-glass") return breakGlass(air, who, { action, version, typed: confirm, reason });
  if (decision === "confirm") return confirmAlone(air, who, { action, version });
  return (await decideAction(air, who, { action, decision, version, reason, typed: confirm, confirmed: true })).action;
}

/** 401, the same whatever was wrong with what was shown; or 403 where the bare lab was asked from somewhere it does not answer to. */
export class Unauthenticated extends Error {
  readonly status: 401 | 403;
  constructor(status: 401 | 403) {
    super(status === 401 ? "Show a token that air knows: Authorization: Bearer <token>" : "Forbidden");
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
    return parseExact(new TextDecoder("utf-8", { fatal: true }).decode(body));
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
  mustBeSound(value);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw bodyRefusal(parsed.error, value, schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);
}

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
  if (!(ENTITY_KINDS as readonly unknown[]).includes(given.kind))
    throw new Refusal("invalid", `must be one of ${ENTITY_KINDS.join(", ")}`, { field: `${field}.kind` });
  const refusal = bodyRefusal(entity.error, given);
  throw new Refusal("invalid", refusal.message, { field: refusal.field === "body" ? field : `${field}.${refusal.field}` });
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
  if (wantsCsv(request)) {
    response.type("text/csv").set("content-disposition", 'attachment; filename="air.csv"');
    if (next) response.set("x-next-cursor", next);
    response.send(toCsv([...new Set(items.flatMap((item) => Object.keys(item)))], items));
    return;
  }
  response.json({ items, next });
}
