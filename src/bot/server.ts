import { randomUUID } from "node:crypto";
import express, { type NextFunction, type Request, type Response, type Router } from "express";
import { databaseAway, errorFacts } from "../db/errors.ts";
import { Refusal, type RefusalCode } from "../engine/domain/errors.ts";
import type { Log } from "../engine/ports.ts";
import { Unauthenticated, UnsupportedMediaType } from "./api.ts";
import type { Metrics } from "./metrics.ts";

const STATUS: Record<RefusalCode, number> = {
  invalid: 400,
  forbidden: 403,
  "not-found": 404,
  "already-decided": 409,
  changed: 409,
  expired: 410,
  paused: 423,
  unavailable: 503,
};

export type ServerParts = {
  /** Slack reads raw bytes, so it stands before everything that parses. */
  slack: Router | undefined;
  teams: Router | undefined;
  /** Signed links to single files. */
  files: Router;
  api: Router;
  console: Router;
  ready: () => Promise<string | undefined>;
  /** What does not work although air does: it goes on taking alerts and decisions. No names. */
  degraded: () => Promise<readonly string[]>;
  metrics: Metrics;
  log: Log;
};

/** One port for everything; each route reads its own body, nothing is parsed for all. */
export function createServer(parts: ServerParts): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  if (parts.slack) app.use(parts.slack);
  if (parts.teams) app.use(parts.teams);
  app.use(parts.files);
  app.get("/healthz", (_request, response) => void response.json({ ok: true }));
  app.get("/readyz", async (_request, response) => {
    const trouble = await parts.ready();
    if (trouble) return void response.status(503).json({ ready: false, because: trouble });
    const degraded = await parts.degraded();
    response.json({ ready: true, ...(degraded.length > 0 ? { degraded } : {}) });
  });
  app.get("/metrics", async (_request, response) => void response.type(parts.metrics.contentType).send(await parts.metrics.text()));
  app.use("/v1", (_request, response, next) => {
    response.set({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
    next();
  });
  app.use("/v1", parts.api);
  app.use(parts.console);
  app.use((request, _response) => {
    throw new Refusal("not-found", `There is no ${request.method} ${request.path.slice(0, 100)}.`);
  });
  // Four parameters make it express's error handler.
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    const answer = toAnswer(error);
    parts.metrics.refused(answer.status);
    if (answer.status === 500) {
      const trace = randomUUID();
      answer.message = `Something went wrong inside air. It is in the log as ${trace}.`;
      parts.log.error("request failed", {
        trace,
        route: request.path.slice(0, 100),
        error: errorFacts(error),
      });
    }
    if (answer.retryAfter !== undefined) response.set("retry-after", String(answer.retryAfter));
    if (answer.status === 401) response.set("www-authenticate", "Bearer");
    const { status, code, message, field, details } = answer;
    // What is left of the body is not read: the connection is closed instead of being kept for megabytes nobody wants.
    if (status === 413 || status === 401 || status === 403) response.set("connection", "close");
    response.status(status).json({ error: { code, message, ...(field ? { field } : {}), ...details } });
  });
  return app;
}

type Answer = {
  status: number;
  code: string;
  message: string;
  field?: string | undefined;
  details?: Record<string, unknown>;
  retryAfter?: number;
};

function toAnswer(error: unknown): Answer {
  if (error instanceof Refusal) {
    const { retryAfter, ...details } = error.details;
    const field = error.field;
    return {
      status: STATUS[error.code],
      code: error.code,
      message: field && error.code === "invalid" ? `${field}: ${error.message}` : error.message,
      field,
      details,
      ...(error.code === "unavailable" ? { retryAfter: typeof retryAfter === "number" ? retryAfter : 1 } : {}),
    };
  }
  if (error instanceof Unauthenticated)
    return { status: error.status, code: error.status === 401 ? "unauthorized" : "forbidden", message: error.message };
  if (error instanceof UnsupportedMediaType)
    return { status: 415, code: "unsupported-media-type", message: "Send JSON with Content-Type: application/json." };
  const status = typeof error === "object" && error !== null && "status" in error ? Number(error.status) : 0;
  if (status === 413) return { status, code: "too-large", message: "The body is larger than 5 MiB. Send fewer alerts per request." };
  if (status >= 400 && status < 500) return { status, code: "invalid", message: "The request could not be read." };
  if (databaseAway(error))
    return { status: 503, code: "unavailable", message: "The database cannot be reached. Nothing was stored; send again.", retryAfter: 5 };
  return { status: 500, code: "internal", message: "" };
}
