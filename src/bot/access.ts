import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Request } from "express";
import ipaddr from "ipaddr.js";
import type { Person } from "../engine/domain/approval.ts";
import type { Config } from "./config.ts";
import type { People } from "./people.ts";

/** Who calls, and which sources they may send as; or why nobody is let in. What they may do is looked up only where it matters. */
export type Caller =
  | { kind: "somebody"; person: () => Promise<Person>; sources: "all" | readonly string[] }
  | { kind: "nobody"; status: 401 | 403 };

const WINDOW_S = 300;

/** Compared by digest, so in constant time whatever the lengths. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** `Authorization: Bearer <token>`; undefined: none was sent. Never read from a URL. */
function bearer(request: Request): string | undefined {
  const match = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? "");
  return request.headers.authorization === undefined ? undefined : (match?.[1] ?? "");
}

/** Everything product contract 3.5 asks of an unauthenticated request. Loopback alone is not a boundary. */
function isBareLab(request: Request, config: Config, labOn: boolean): boolean {
  return isBare(config, labOn) && isLocal(request);
}

/** Nothing is configured that people or programs show something for: the lab alone. A test client of Teams shows nothing either. */
export const isBare = (config: Config, labOn: boolean): boolean =>
  labOn && !config.slack && !config.teams?.bot && !config.apiToken && !Object.values(config.connectors).some(Boolean);

const PROXY_HEADERS = new Set(["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"]);
const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** It can only come from this machine, and from no page of elsewhere. */
export function isLocal(request: Request): boolean {
  const host = (request.headers.host ?? "").toLowerCase().replace(/:\d+$/, "");
  if (!LOCAL_HOSTS.has(host)) return false;
  const peer = request.socket.remoteAddress ?? "";
  if (!ipaddr.isValid(peer) || ipaddr.process(peer).range() !== "loopback") return false;
  // Whatever a proxy or tunnel leaves behind; two hosts or an absolute address are tricks to look local.
  if (Object.keys(request.headers).some((name) => PROXY_HEADERS.has(name) || name.startsWith("x-forwarded"))) return false;
  if (request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length !== 1) return false;
  if (!request.originalUrl.startsWith("/")) return false;
  // A hostile page can make a browser post to localhost; the browser then says where the page is from.
  const { origin } = request.headers;
  const site = request.headers["sec-fetch-site"];
  if (typeof site === "string" && site !== "same-origin" && site !== "none") return false;
  return origin === undefined || URL.parse(origin)?.host === request.headers.host;
}

/** The caller of `/v1`: a token, or the bare lab. Everything that is not clearly allowed is nobody. */
export function callerOf(request: Request, config: Config, people: People, labOn: boolean, persona: string | undefined): Caller {
  const token = bearer(request);
  if (token !== undefined) return byToken(token, config, people);
  if (isBareLab(request, config, labOn))
    return { kind: "somebody", person: async () => ({ ...people.persona(persona), via: "http" }), sources: "all" };
  // Without any credential configured the request would have been let in from here: say that it is where it comes from.
  return { kind: "nobody", status: isBare(config, labOn) ? 403 : 401 };
}

function byToken(token: string, config: Config, people: People): Caller {
  if (config.apiToken && sameSecret(token, config.apiToken))
    return { kind: "somebody", person: async () => people.apiToken(), sources: "all" };
  const digest = createHash("sha256").update(token).digest("hex");
  const known = config.tokens.find((one) => sameSecret(one.sha256, digest));
  if (!known) return { kind: "nobody", status: 401 };
  const sources = known.roles.flatMap((role) => (role.startsWith("source:") ? [role.slice("source:".length)] : []));
  return { kind: "somebody", person: () => people.fromToken(known), sources: known.roles.includes("admin") ? "all" : sources };
}

/** `X-Air-Signature: v1=<hex HMAC-SHA256(secret, source.timestamp.body)>`, five minutes either way. */
export function signedBy(request: Request, source: string, secret: string, body: Buffer, now: Date): boolean {
  const timestamp = request.headers["x-air-timestamp"];
  const signature = request.headers["x-air-signature"];
  if (typeof timestamp !== "string" || typeof signature !== "string" || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > WINDOW_S) return false;
  const expected = createHmac("sha256", secret).update(`${source}.${timestamp}.`).update(body).digest("hex");
  return sameSecret(`v1=${expected}`, signature);
}
