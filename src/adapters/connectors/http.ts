import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from "cockatiel";
import type { Clock } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import type { Quota } from "./quota.ts";
import { retryAfterMs } from "./retry-after.ts";

const MAX_BODY = 5 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const BREAKER = { failures: 5, pauseMs: 30_000 };

export type HttpSettings = {
  /** The product, as people call it. */
  name: string;
  /** Origin and path prefix; paths are appended to it. */
  baseUrl: string;
  /** Credentials go here and nowhere else: no error or log repeats a header. */
  headers: Readonly<Record<string, string>>;
  /** What to do when the product refuses the credentials: the error's next step. */
  refusedHint: string;
  /** The setting that holds `baseUrl`, named where the address seems wrong. */
  urlSetting: string;
  clock: Clock;
  quota?: Quota;
  timeoutMs?: number;
  fetch?: typeof fetch;
};

export type Http = {
  /** The parsed JSON; undefined for a 404 where `expect404` says that means "not known". */
  get: (path: string, options: { query?: Record<string, string>; signal: AbortSignal; expect404?: boolean }) => Promise<unknown>;
  /** `acts`: the call changes something, so an answer that does not come leaves the outcome unclear. */
  postForm: (path: string, form: Record<string, string>, options: { signal: AbortSignal; acts: boolean }) => Promise<unknown>;
  postJson: (path: string, body: unknown, options: { signal: AbortSignal; acts: boolean }) => Promise<unknown>;
};

type Call = { method: "GET" | "POST"; path: string; body?: string; type?: string; signal: AbortSignal; acts: boolean; expect404: boolean };

/** The one way connectors speak HTTP: time-outs, quota, breaker, and our errors instead of theirs. It never retries; the caller decides. */
export function createHttp(settings: HttpSettings): Http {
  const { name, clock } = settings;
  const base = settings.baseUrl.replace(/\/+$/, "");
  // Only what says "the product is down" counts: being told to wait, refused or cancelled does not.
  const outages = new WeakSet<Error>();
  const breaker = circuitBreaker(
    handleWhen((error) => outages.has(error)),
    { halfOpenAfter: BREAKER.pauseMs, breaker: new ConsecutiveBreaker(BREAKER.failures) },
  );
  const down = (kind: "unavailable" | "unclear", text: string, retryAfter?: number) => {
    const error = new ConnectorError(kind, text, retryAfter);
    outages.add(error);
    return error;
  };
  /** What to call it when no usable answer came to a request that went out. */
  const lost = ({ acts }: Call) => (acts ? "unclear" : "unavailable");

  async function call(request: Call): Promise<unknown> {
    try {
      return await breaker.execute(() => {
        settings.quota?.take();
        return ask(request);
      });
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) throw error;
      const seconds = BREAKER.pauseMs / 1000;
      throw new ConnectorError(
        "unavailable",
        `not asked: ${name} failed ${BREAKER.failures} times in a row, air tries again within ${seconds} s`,
        BREAKER.pauseMs,
      );
    }
  }

  async function ask(request: Call): Promise<unknown> {
    const timeoutMs = settings.timeoutMs ?? TIMEOUT_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      if (request.signal.aborted) throw new ConnectorError("unavailable", `not asked: the look at ${name} was stopped before it began`);
      const response = await (settings.fetch ?? globalThis.fetch)(`${base}${request.path}`, {
        method: request.method,
        headers: {
          accept: "application/json",
          "user-agent": "air",
          ...(request.type && { "content-type": request.type }),
          ...settings.headers,
        },
        ...(request.body !== undefined && { body: request.body }),
        // A redirect would carry the key to a host nobody configured.
        redirect: "manual",
        signal: AbortSignal.any([request.signal, timeout]),
      });
      if (response.ok) return await readJson(response, request);
      await response.body?.cancel();
      if (response.status === 404 && request.expect404) return undefined;
      throw refusal(response, request);
    } catch (error) {
      if (error instanceof ConnectorError) throw error;
      if (request.signal.aborted) throw new ConnectorError(lost(request), `${name} was given up on before it answered`);
      if (timeout.aborted) throw down(lost(request), `${name} did not answer within ${timeoutMs / 1000} s`);
      const code = errorCode(error);
      if (code && NEVER_SENT.has(code))
        throw down("unavailable", `${name} could not be reached (${code}): check the network and ${settings.urlSetting}`);
      throw down(lost(request), `the connection to ${name} broke${code ? ` (${code})` : ""}`);
    }
  }

  function refusal(response: Response, request: Call): ConnectorError {
    const { status } = response;
    const wait = retryAfterMs(response.headers.get("retry-after"), clock.now());
    if (status === 429) return new ConnectorError("unavailable", `${name} asks to wait (429)`, wait);
    if (status === 503) return down("unavailable", `${name} is not available (503)`, wait);
    if (status >= 500) return down(lost(request), `${name} failed (${status})`);
    if (status === 401 || status === 403)
      return new ConnectorError("refused", `${name} refused air's key (${status}). ${settings.refusedHint}`);
    // With redirect "manual" some implementations hide the status of a redirect behind 0.
    if (status < 400) {
      return new ConnectorError("refused", `${name} answered with a redirect, which air does not follow: check ${settings.urlSetting}`);
    }
    if (status === 404) return new ConnectorError("refused", `${name} has no such address (404): check ${settings.urlSetting}`);
    return new ConnectorError("refused", `${name} refused the request as invalid (${status})`);
  }

  async function readJson(response: Response, request: Call): Promise<unknown> {
    const text = await readText(response);
    if (text === undefined) throw new ConnectorError(lost(request), `${name} answered with more than ${MAX_BODY / 1024 / 1024} MiB`);
    try {
      return JSON.parse(text, storable);
    } catch {
      throw down(lost(request), `${name} answered in a shape air does not know (no JSON): check ${settings.urlSetting}`);
    }
  }

  return {
    get: (path, { query, signal, expect404 = false }) => {
      const search = query ? `?${new URLSearchParams(query)}` : "";
      return call({ method: "GET", path: `${path}${search}`, signal, acts: false, expect404 });
    },
    postForm: (path, form, { signal, acts }) =>
      call({
        method: "POST",
        path,
        body: new URLSearchParams(form).toString(),
        type: "application/x-www-form-urlencoded",
        signal,
        acts,
        expect404: false,
      }),
    postJson: (path, body, { signal, acts }) =>
      call({ method: "POST", path, body: JSON.stringify(body), type: "application/json", signal, acts, expect404: false }),
  };
}

/** Undefined where the body is too long to be an answer. */
async function readText(response: Response): Promise<string | undefined> {
  if (!response.body) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Answers end up in the database, which takes no NUL and no half of a surrogate pair. */
const storable = (_key: string, value: unknown) => (typeof value === "string" ? value.toWellFormed().replaceAll("\0", "\\u0000") : value);

/** The connection never stood, so nothing can have been carried out. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** fetch hides the reason in `cause`. */
function errorCode(error: unknown): string | undefined {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}
