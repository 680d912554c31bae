import { z } from "zod";
import { ChatError } from "../../engine/ports.ts";
import type { AdaptiveCard } from "./adaptive-card.ts";

/** What air calls of the service behind a conversation's address (Bot Connector v3). Throws ServiceError or ChatError. */
export type Service = {
  /** A message in a conversation, or in a channel's thread where the id names one. */
  send(where: { serviceUrl: string; conversation: string }, message: Message, signal: AbortSignal): Promise<{ id: string | undefined }>;
  update(where: { serviceUrl: string; conversation: string; id: string }, message: Message, signal: AbortSignal): Promise<void>;
  /** A new thread of a channel. */
  begin(
    where: { serviceUrl: string; channel: string; bot: string; tenant: string },
    message: Message,
    signal: AbortSignal,
  ): Promise<{ id: string | undefined }>;
};

/** One card and nothing beside it: text with a card is split in two messages, and no id comes back. `summary` is what a push shows. */
export type Message = { card: AdaptiveCard; summary: string };

/** The service refused, with what it says. */
export class ServiceError extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;
  constructor(status: number, code: string | undefined, retryAfterMs: number | undefined) {
    super(`HTTP ${status}${code === undefined ? "" : ` ${code}`}`);
    this.name = "ServiceError";
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Nobody is at the address, so nothing was sent. */
export class Unreachable extends ChatError {
  constructor() {
    super("later", "Teams cannot be reached.");
    this.name = "Unreachable";
  }
}

const LARGEST_ANSWER = 64 * 1024;
const Sent = z.object({ id: z.string().optional(), activityId: z.string().optional() });
const Failure = z.object({ error: z.object({ code: z.string().optional() }).optional(), code: z.string().optional() });

/** `authorization`: what air shows; undefined: nobody asks (a test client on this machine). */
export function createService(authorization: (() => Promise<string>) | undefined, now: () => number = Date.now): Service {
  async function call(serviceUrl: string, method: "POST" | "PUT", path: readonly string[], body: unknown, signal: AbortSignal) {
    const target = URL.parse(
      `${serviceUrl.replace(/\/+$/, "")}/v3/conversations${path.map((part) => `/${encodeURIComponent(part)}`).join("")}`,
    );
    // What air shows may only go where a signed message said its service is.
    if (target === null || !isServiceAddress(serviceUrl))
      throw new ChatError("channel", "The address Teams gave for the conversation is no https address.");
    const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json" };
    if (authorization !== undefined) headers.authorization = await token(authorization, signal);
    let response: Response;
    try {
      response = await fetch(target, { method, headers, body: JSON.stringify(body), redirect: "error", signal });
    } catch (error) {
      if (neverLeft(error)) throw new Unreachable();
      throw new ChatError("later", "Teams did not answer.", { maybeSent: true });
    }
    const text = await limited(response, signal);
    if (response.ok) return Sent.safeParse(parse(text)).data ?? {};
    const said = Failure.safeParse(parse(text)).data;
    const code = said?.error?.code ?? said?.code;
    throw new ServiceError(
      response.status,
      code !== undefined && /^[A-Za-z][A-Za-z0-9_]{0,80}$/.test(code) ? code : undefined,
      waitOf(response.headers.get("retry-after"), now),
    );
  }

  return {
    async send({ serviceUrl, conversation }, message, signal) {
      const sent = await call(serviceUrl, "POST", [conversation, "activities"], activityOf(message), signal);
      return { id: sent.id };
    },
    async update({ serviceUrl, conversation, id }, message, signal) {
      await call(serviceUrl, "PUT", [conversation, "activities", id], { ...activityOf(message), id }, signal);
    },
    async begin({ serviceUrl, channel, bot, tenant }, message, signal) {
      const parameters = {
        isGroup: true,
        bot: { id: bot },
        tenantId: tenant,
        channelData: { channel: { id: channel }, tenant: { id: tenant } },
        activity: activityOf(message),
      };
      const begun = await call(serviceUrl, "POST", [], parameters, signal);
      return { id: begun.activityId ?? /;messageid=([^;]+)$/.exec(begun.id ?? "")?.[1] };
    },
  };
}

const activityOf = ({ card, summary }: Message) => ({
  type: "message",
  summary,
  attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content: card }],
});

async function token(authorization: () => Promise<string>, signal: AbortSignal): Promise<string> {
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(new ChatError("later", "Entra ID took too long to give air a token."));
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([authorization(), stopped.promise]);
  } catch (error) {
    if (error instanceof ChatError) throw error;
    throw noToken(error);
  } finally {
    signal.removeEventListener("abort", stop);
    // Nobody may be waiting for it any more.
    stopped.promise.catch(() => undefined);
  }
}

/** Entra ID's own codes say what is wrong; the rest of its answer is not for logs. */
export function noToken(error: unknown): ChatError {
  const text = error instanceof Error ? `${error.name} ${error.message}` : String(error);
  const [code] = /AADSTS\d{4,9}/.exec(text) ?? [];
  if (code === undefined && /network|ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN|endpoints_resolution/i.test(text))
    return new ChatError("later", "Entra ID cannot be reached, so air has no token for Teams.");
  return new ChatError(
    "account",
    `Entra ID gives air no token for Teams${code ? ` (${code})` : ""}. Check MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD (has the secret expired?) and MICROSOFT_APP_TENANT_ID.`,
  );
}

/** https; http on this machine only, where test services run. */
export function isServiceAddress(address: string): boolean {
  const url = URL.parse(address);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}
export const isLoopback = (host: string) => host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);

async function limited(response: Response, signal: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of response.body ?? []) {
      size += part.byteLength;
      if (size > LARGEST_ANSWER || signal.aborted) break;
      parts.push(part);
    }
  } catch {
    // Cut short: what came is read, and a success without an id is told as such.
  }
  return Buffer.concat(parts).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const MOST_WAIT_MS = 15 * 60_000;
function waitOf(header: string | null, now: () => number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now();
  return Number.isFinite(ms) ? Math.min(MOST_WAIT_MS, Math.max(0, ms)) : undefined;
}

/** Certain only where no connection came about. */
function neverLeft(error: unknown): boolean {
  const codes = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ("code" in at && codes.has(String(at.code))) return true;
    if (at instanceof AggregateError && at.errors.length > 0 && at.errors.every(neverLeft)) return true;
  }
  return false;
}
