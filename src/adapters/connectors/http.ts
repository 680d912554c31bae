import { setTimeout as pause } from "node:timers/promises";
import { BrokenCircuitError, bulkhead, ConsecutiveBreaker, circuitBreaker, handleWhen } from "cockatiel";
import { parseExact } from "../../engine/domain/exact-json.ts";
import type { Clock } from "../../engine/ports.ts";
import { ConnectorError } from "../../engine/ports.ts";
import { secretsSent, withoutSecrets } from "./own-words.ts";
import type { Quota } from "./quota.ts";
import { retryAfterMs } from "./retry-after.ts";

const MAX_BODY = 5 * 1024 * 1024;
const MAX_REASON = 64 * 1024;
/** A product's own words on a card. */
const REASON_SHOWN = 300;
const TIMEOUT_MS = 10_000;
const BREAKER = { failures: 5, pauseMs: 30_000 };
/** Questions on their way to one product at once; further ones wait their turn. */
const PARALLEL = 16;
/** Where a product says "wait" and not how long. */
const HELD_MS = 60_000;
/** Before a question is asked again: doubled each time, and never more than this even where the product asks for it. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2_000;

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
  /** After how many failures in a row it is left alone, and for how long. */
  breaker?: { failures: number; pauseMs: number };
  /** Questions on their way at once; what acts does not wait in this row. */
  parallel?: number;
  /**
   * How often a question that failed in passing is asked again, within its own time. None unless said so; never for what acts. `pause` and
   * `random` are for tests.
   */
  again?: { times: number; pause?: (ms: number, signal: AbortSignal) => Promise<unknown>; random?: () => number };
  /** How a body is read; left out: as JSON. Throws where it cannot be. */
  read?: (text: string) => unknown;
  /** What the product itself said of its refusal, from the parsed body: shown to people, so it is cut and holds no control characters. */
  reason?: (body: unknown) => string | undefined;
  fetch?: typeof fetch;
  /** Told when it is left alone after failures, each time, and when it answers: at first, and after each time it did not. */
  watch?: (state: { works: boolean; trouble: string }) => void;
};

/** The product answered, and said no. `said`: its own words. */
export class HttpRefusal extends ConnectorError {
  readonly status: number;
  readonly said: string;
  constructor(status: number, text: string, said: string) {
    super("refused", text);
    this.status = status;
    this.said = said;
  }

  /** What a product says may quote what an alert said. */
  override get forLog(): string {
    return this.said === "" ? this.message : this.message.replaceAll(this.said, "(its words)");
  }
}

/** The answer is longer than air reads; less may be asked for at once. */
export class HttpTooLong extends ConnectorError {}

/** The product asks to wait; some do not say how long. */
export class HttpThrottle extends ConnectorError {
  constructor(text: string, retryAfterMs?: number) {
    super("unavailable", text, retryAfterMs);
  }
}

export type Http = {
  /** The parsed JSON; undefined for a 404 where `expect404` says that means "not known". */
  get: (path: string, options: GetOptions) => Promise<unknown>;
  /** `acts`: the call changes something, so an answer that does not come leaves the outcome unclear. */
  postForm: (path: string, form: Record<string, string>, options: PostOptions) => Promise<unknown>;
  postJson: (path: string, body: unknown, options: PostOptions) => Promise<unknown>;
  patchJson: (path: string, body: unknown, options: PostOptions) => Promise<unknown>;
  /** Undefined where it is already gone. */
  delete: (path: string, options: { signal: AbortSignal; headers?: Readonly<Record<string, string>> }) => Promise<unknown>;
  /** The path of a next page as the product names it, whole or relative; refused where it leads to another host. */
  pathOf: (link: string) => string;
};
type GetOptions = {
  query?: Record<string, string>;
  signal: AbortSignal;
  expect404?: boolean;
  headers?: Readonly<Record<string, string>>;
};
type PostOptions = { signal: AbortSignal; acts: boolean; headers?: Readonly<Record<string, string>> };

type Call = {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  body?: string;
  type?: string;
  signal: AbortSignal;
  acts: boolean;
  expect404: boolean;
  headers?: Readonly<Record<string, string>> | undefined;
};

/**
 * The one way connectors speak HTTP: time-outs, quota, breaker, and our errors instead of theirs. It never repeats what acts, and a question
 * only where `again` says so.
 */
export function createHttp(settings: HttpSettings): Http {
  const { name, clock } = settings;
  const base = settings.baseUrl.replace(/\/+$/, "");
  const { failures, pauseMs } = settings.breaker ?? BREAKER;
  // Only what says "the product is down" counts: being told to wait, refused or cancelled does not.
  const outages = new WeakSet<Error>();
  const breaker = circuitBreaker(
    handleWhen((error) => outages.has(error)),
    { halfOpenAfter: pauseMs, breaker: new ConsecutiveBreaker(failures) },
  );
  let works = false;
  breaker.onBreak((reason) => {
    works = false;
    settings.watch?.({ works, trouble: "error" in reason ? reason.error.message : `${name} does not answer` });
  });
  const answered = () => {
    if (works) return;
    works = true;
    settings.watch?.({ works, trouble: "" });
  };
  // A product that says no is there, too.
  breaker.onReset(answered);
  const down = (kind: "unavailable" | "unclear", text: string, retryAfter?: number) => {
    const error = new ConnectorError(kind, text, retryAfter);
    outages.add(error);
    return error;
  };
  /** What may be gone a moment later. A product that took all of its time is not asked to take it again. */
  const passing = new WeakSet<Error>();
  const inPassing = (error: ConnectorError) => {
    passing.add(error);
    return error;
  };
  const turns = bulkhead(settings.parallel ?? PARALLEL, Number.POSITIVE_INFINITY);
  /** What to call it when no usable answer came to a request that went out. */
  const lost = ({ acts }: Call) => (acts ? "unclear" : "unavailable");

  const readBody = (text: string): unknown => parseExact(settings.read ? JSON.stringify(settings.read(text)) : text, storable);

  async function call(request: Call): Promise<unknown> {
    const { again } = settings;
    const { signal } = request;
    for (let attempt = 1; ; attempt++) {
      try {
        return await inTurn(request);
      } catch (error) {
        const ms = request.acts || !again || attempt > again.times ? undefined : pauseBefore(error, attempt, again.random ?? Math.random);
        if (ms === undefined || signal.aborted) throw error;
        const slept = await (again?.pause ?? sleep)(ms, signal).then(
          () => true,
          () => false,
        );
        // Given up on meanwhile: what it failed of stays the answer.
        if (!slept) throw error;
      }
    }
  }

  /** Undefined: not worth asking again within anybody's patience. Half of the pause is chance, so that many do not come back at once. */
  function pauseBefore(error: unknown, attempt: number, random: () => number): number | undefined {
    if (!(error instanceof ConnectorError) || !passing.has(error)) return undefined;
    const { retryAfterMs: asked } = error;
    if (asked !== undefined && asked > LONGEST_PAUSE_MS) return undefined;
    const own = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.5 + random() / 2);
    return Math.max(own, asked ?? 0);
  }

  async function inTurn(request: Call): Promise<unknown> {
    const { signal } = request;
    if (request.acts || signal.aborted) return guarded(request);
    let begun = false;
    const answer = turns.execute(() => {
      begun = true;
      return guarded(request);
    });
    // Who gives up in the row is not kept until it is his turn; when that comes, nothing is sent.
    const leave = Promise.withResolvers<never>();
    const left = () => {
      if (!begun) leave.reject(stopped());
    };
    signal.addEventListener("abort", left, { once: true });
    try {
      return await Promise.race([answer, leave.promise]);
    } finally {
      signal.removeEventListener("abort", left);
      answer.catch(() => {});
    }
  }
  const stopped = () => new ConnectorError("unavailable", `not asked: the look at ${name} was stopped before it began`);

  async function guarded(request: Call): Promise<unknown> {
    try {
      return await breaker.execute(async () => {
        if (request.signal.aborted) throw stopped();
        await settings.quota?.take();
        const answer = await ask(request);
        answered();
        return answer;
      });
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) throw error;
      const seconds = pauseMs / 1000;
      throw new ConnectorError(
        "unavailable",
        `not asked: ${name} failed ${failures} times in a row, air tries again within ${seconds} s`,
        pauseMs,
      );
    }
  }

  async function ask(request: Call): Promise<unknown> {
    const timeoutMs = settings.timeoutMs ?? TIMEOUT_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      if (request.signal.aborted) throw stopped();
      const response = await (settings.fetch ?? globalThis.fetch)(addressOf(request.path), {
        method: request.method,
        headers: {
          accept: "application/json",
          "user-agent": "air",
          ...(request.type && { "content-type": request.type }),
          ...settings.headers,
          ...request.headers,
        },
        ...(request.body !== undefined && { body: request.body }),
        // A redirect would carry the key to a host nobody configured.
        redirect: "manual",
        signal: AbortSignal.any([request.signal, timeout]),
      });
      if (response.ok) return await readJson(response, request);
      if (response.status === 404 && request.expect404) {
        await response.body?.cancel();
        return undefined;
      }
      throw await held(refusal(response, request, await reasonOf(response, request)), response.status);
    } catch (error) {
      if (error instanceof ConnectorError) throw error;
      if (request.signal.aborted) throw new ConnectorError(lost(request), `${name} was given up on before it answered`);
      if (timeout.aborted) throw down(lost(request), `${name} did not answer within ${timeoutMs / 1000} s`);
      const code = errorCode(error);
      if (code && (NEVER_SENT.has(code) || code.startsWith(PROXY)))
        throw inPassing(down("unavailable", `${name} could not be reached (${code}): check the network and ${settings.urlSetting}`));
      throw inPassing(down(lost(request), `the connection to ${name} broke${code ? ` (${code})` : ""}`));
    }
  }

  /** The configured host and prefix, whatever a path holds: the key goes nowhere else. */
  function addressOf(path: string): string {
    const [own, url] = [new URL(`${base}/`), URL.parse(`${base}${path}`)];
    if (!path.startsWith("/") || url?.origin !== own.origin || !url.pathname.startsWith(own.pathname))
      throw new ConnectorError("refused", `not asked: the question does not lead to ${name}`);
    return url.href;
  }

  /** Told to wait, air waits in every process that shares the quota; a moment's wait is waited out on the spot. */
  async function held(error: ConnectorError, status: number): Promise<ConnectorError> {
    const ms = error.retryAfterMs ?? (status === 429 ? HELD_MS : 0);
    if (ms > LONGEST_PAUSE_MS) await settings.quota?.hold(ms);
    return error;
  }

  /** What the product said of its refusal; that it cannot be read changes nothing about the refusal. */
  async function reasonOf(response: Response, request: Call): Promise<string> {
    try {
      const text = settings.reason ? await readText(response, MAX_REASON) : undefined;
      await response.body?.cancel();
      const said = text === undefined ? undefined : settings.reason?.(readBody(text));
      const form = request.type === "application/x-www-form-urlencoded" ? request.body : undefined;
      return plain(withoutSecrets(said ?? "", secretsSent({ ...settings.headers, ...request.headers }, form)));
    } catch {
      return "";
    }
  }

  function refusal(response: Response, request: Call, said: string): ConnectorError {
    const { status } = response;
    const wait = retryAfterMs(response.headers.get("retry-after"), clock.now());
    const words = said ? `: ${said}` : "";
    if (status === 429) {
      const error = new HttpThrottle(`${name} asks to wait (429)`, wait);
      return wait === undefined ? error : inPassing(error);
    }
    // Something on the way may have passed the request on before it said so.
    if (status === 503) return inPassing(down(lost(request), `${name} is not available (503)`, wait));
    if (status >= 500 || status === 408) return inPassing(down(lost(request), `${name} failed (${status})${words}`));
    if (status === 401 || status === 403)
      return new HttpRefusal(status, `${name} refused air's key (${status})${words}. ${settings.refusedHint}`, said);
    // With redirect "manual" some implementations hide the status of a redirect behind 0.
    if (status < 400) {
      const text = `${name} answered with a redirect, which air does not follow: check ${settings.urlSetting}`;
      return request.acts ? new ConnectorError("unclear", text) : new ConnectorError("refused", text);
    }
    if (status === 404) return new HttpRefusal(status, `${name} has no such address (404)${words}: check ${settings.urlSetting}`, said);
    return new HttpRefusal(status, `${name} refused the request as invalid (${status})${words}`, said);
  }

  async function readJson(response: Response, request: Call): Promise<unknown> {
    if (response.status === 204) return undefined;
    const text = await readText(response, MAX_BODY);
    // Taken to be carried out later, with nothing to read but where that can be looked at.
    if (response.status === 202 && text === "") return { location: response.headers.get("location") ?? undefined };
    if (text === undefined) throw new HttpTooLong(lost(request), `${name} answered with more than ${MAX_BODY / 1024 / 1024} MiB`);
    try {
      return readBody(text);
    } catch {
      throw down(
        lost(request),
        `${name} answered in a shape air does not know (${settings.read ? "not as documented" : "no JSON"}): check ${settings.urlSetting}`,
      );
    }
  }

  return {
    get: (path, { query, signal, expect404 = false, headers }) => {
      const search = query ? `?${new URLSearchParams(query)}` : "";
      return call({ method: "GET", path: `${path}${search}`, signal, acts: false, expect404, headers });
    },
    delete: (path, { signal, headers }) => call({ method: "DELETE", path, signal, acts: true, expect404: true, headers }),
    pathOf: (link) => {
      const [own, url] = [new URL(base), URL.parse(link, base)];
      const inside = url !== null && url.origin === own.origin && !url.username && !url.password;
      const path = url ? `${url.pathname}${url.search}` : "";
      const prefix = own.pathname.replace(/\/$/, "");
      if (!inside || !path.startsWith(`${prefix}/`))
        throw new ConnectorError("unavailable", `${name} names a next page at another address, which air does not follow`);
      return path.slice(prefix.length);
    },
    postForm: (path, form, { signal, acts, headers }) =>
      call({
        method: "POST",
        path,
        body: new URLSearchParams(form).toString(),
        type: "application/x-www-form-urlencoded",
        signal,
        acts,
        expect404: false,
        headers,
      }),
    postJson: (path, body, { signal, acts, headers }) =>
      call({ method: "POST", path, body: JSON.stringify(body), type: "application/json", signal, acts, expect404: false, headers }),
    patchJson: (path, body, { signal, acts, headers }) =>
      call({ method: "PATCH", path, body: JSON.stringify(body), type: "application/json", signal, acts, expect404: false, headers }),
  };
}

const sleep = (ms: number, signal: AbortSignal) => pause(ms, undefined, { signal });

/** Undefined where the body is too long to be an answer. */
async function readText(response: Response, most: number): Promise<string | undefined> {
  if (!response.body) return "";
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const plain = (text: string): string =>
  [...text.replace(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim()]
    .slice(0, REASON_SHOWN)
    .join("")
    .replace(/[.:]+$/, "");

/** Answers end up in the database, which takes no NUL and no half of a surrogate pair: neither in a value nor in the name of a field. */
const storable = (_key: string, value: unknown): unknown => {
  if (typeof value === "string") return storableText(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value);
  return fields.every(([name]) => storableText(name) === name)
    ? value
    : Object.fromEntries(fields.map(([name, field]) => [storableText(name), field]));
};
const storableText = (text: string) => text.toWellFormed().replaceAll("\0", "\\u0000");

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

/** fetch hides the reason in `cause`, and that may hide it once more. */
function errorCode(error: unknown): string | undefined {
  for (let one = error, depth = 0; one instanceof Error && depth < 4; one = one.cause, depth++) {
    if ("code" in one && typeof one.code === "string") return refusedByProxy(one) ?? one.code;
  }
  return undefined;
}
/** A proxy that does not let the connection through: the product has not seen a byte. */
const PROXY = "the proxy answered";
const refusedByProxy = ({ message }: Error) => {
  const status = /^Proxy response \((\d{3})\)/.exec(message)?.[1];
  return status && `${PROXY} ${status}`;
};
