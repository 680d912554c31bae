import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { APP } from "./teams-activity.ts";

/** Stands in for Microsoft's: publishes a key, and signs what it is told. */
const ISSUER = "https://api.botframework.com";
export async function startAuthority() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "RS256", endorsements: ["msteams"] };
  // The same key under other names: published without a channel it may speak for, or for another one.
  const others = [
    { ...jwk, kid: "for-nobody", endorsements: undefined },
    { ...jwk, kid: "for-none", endorsements: [] },
    { ...jwk, kid: "for-another", endorsements: ["webchat"] },
  ];
  /** What asks for the keys waits for it. */
  let held: Promise<unknown> = Promise.resolve();
  const server = http.createServer(async (request, response) => {
    await held;
    const port = (server.address() as AddressInfo).port;
    const body =
      request.url === "/keys"
        ? { keys: [jwk, ...others] }
        : { issuer: ISSUER, jwks_uri: `http://127.0.0.1:${port}/keys`, id_token_signing_alg_values_supported: ["RS256"] };
    response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    openIdUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/openid`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
    hold: (until: Promise<unknown>) => {
      held = until;
    },
    /** A good token for this service address, but for what is said otherwise. */
    token: (serviceUrl: string, claims: Record<string, unknown> = {}, how: { key?: KeyObject; header?: Record<string, unknown> } = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const header = { alg: "RS256", typ: "JWT", kid: "k1", ...how.header };
      const payload = { iss: ISSUER, aud: APP, serviceurl: serviceUrl, nbf: now - 10, iat: now - 10, exp: now + 300, ...claims };
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const text = `${part(header)}.${part(payload)}`;
      return `${text}.${createSign("RSA-SHA256")
        .update(text)
        .sign(how.key ?? privateKey, "base64url")}`;
    },
  };
}

/** Which channel or chat a call is about. */
export const channelOf = (call: ServiceCall | undefined): string =>
  (call?.body.channelData as { channel?: { id: string } } | undefined)?.channel?.id ??
  /conversations\/([^;/]+)/.exec(call?.path ?? "")?.[1] ??
  "";

export type ServiceCall = { method: string; path: string; authorization: string | undefined; body: Record<string, unknown> };
/** Stands in for the service behind a conversation: it takes everything, unless it is told how to answer next. */
export async function startService() {
  const calls: ServiceCall[] = [];
  const next: { status: number; headers?: Record<string, string>; body?: unknown }[] = [];
  const refusing = new Map<string, { status: number; headers?: Record<string, string>; body?: unknown }>();
  let number = 0;
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const path = decodeURIComponent(request.url ?? "");
      calls.push({
        method: request.method ?? "",
        path,
        authorization: request.headers.authorization,
        body: JSON.parse(Buffer.concat(parts).toString() || "{}"),
      });
      const told = refusing.get(channelOf(calls.at(-1))) ?? next.shift();
      number += 1;
      const channel = (calls.at(-1)?.body.channelData as { channel?: { id?: string } } | undefined)?.channel?.id;
      const taken = channel ? { id: `${channel};messageid=m${number}`, activityId: `m${number}` } : { id: `m${number}` };
      response.writeHead(told?.status ?? 201, { "content-type": "application/json", ...told?.headers });
      response.end(JSON.stringify(told ? (told.body ?? {}) : taken));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/amer/`,
    calls,
    /** Every call about this channel is answered so, until it is not any more. */
    refuse: (channel: string, status: number, code: string) => {
      refusing.set(channel, { status, body: { error: { code, message: "said by the service" } } });
      return () => void refusing.delete(channel);
    },
    /** Nothing it was told is left, and nothing it was asked. */
    forget: () => {
      next.length = 0;
      calls.length = 0;
    },
    /** The next call is answered so. */
    answer: (status: number, code?: string, headers?: Record<string, string>) =>
      void next.push({
        status,
        ...(headers ? { headers } : {}),
        ...(code ? { body: { error: { code, message: "said by the service" } } } : {}),
      }),
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
