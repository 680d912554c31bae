import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createGraph } from "../../src/adapters/connectors/graph/graph.ts";
import type { Capabilities, Connector } from "../../src/engine/ports.ts";
import type { Fault } from "./fake-defender.ts";
import { GROUP_ROLES, graphGroupEndpoints } from "./graph/groups.ts";
import { graphHuntingEndpoints, HUNTING_ROLES } from "./graph/hunting.ts";
import { graphIdentityEndpoints, IDENTITY_ROLES } from "./graph/identities.ts";
import { graphMailEndpoints, MAIL_ROLES } from "./graph/mail.ts";
import type { GraphAnswer, GraphCore, GraphEndpoints, GraphRequest } from "./graph/router.ts";
import { NOTHING } from "./lab-capabilities.ts";

const SECRET = "a client secret";
/** Configuration takes none with spaces. */
const IN_YAML = "a-client-secret";
const ALL_ROLES = [
  "SecurityAlert.Read.All",
  "SecurityIncident.Read.All",
  ...IDENTITY_ROLES,
  ...MAIL_ROLES,
  ...HUNTING_ROLES,
  ...GROUP_ROLES,
];

/** Microsoft Graph and the Entra sign-in in the shapes of their documentation, on a port of this machine, with faults on demand. */
export async function fakeGraph(clock: () => Date) {
  const faults: Fault[] = [];
  const late: { at: number; go: () => void }[] = [];
  const tokens = new Set<string>();
  const product = {
    calls: [] as { method: string; path: string; body: unknown }[],
    roles: [...ALL_ROLES],
    /** The token is a JWT that names the roles, as Entra's are. */
    jwt: true,
  };
  const failure = (status: number, code: string, message: string): GraphAnswer => ({
    status,
    body: { error: { code, message, innerError: { date: clock().toISOString(), "request-id": randomUUID() } } },
  });
  const core: GraphCore = {
    clock,
    roles: () => product.roles,
    lacks: (...any) =>
      any.some((role) => product.roles.includes(role))
        ? undefined
        : failure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    failure,
    page: (items, { path, query }, size = 100) => {
      const skip = Number(query.get("$skiptoken") ?? 0);
      const top = Math.min(Number(query.get("$top") ?? size), size);
      const next = new URLSearchParams(query);
      next.set("$skiptoken", String(skip + top));
      const more = skip + top < items.length ? { "@odata.nextLink": `${base()}/v1.0${path}?${next}` } : {};
      return { status: 200, body: { value: items.slice(skip, skip + top), ...more } };
    },
  };
  const identities = graphIdentityEndpoints(core);
  const mail = graphMailEndpoints(core);
  const hunting = graphHuntingEndpoints(core, mail);
  const directory = graphGroupEndpoints(core);
  const groups: GraphEndpoints[] = [
    directory.answer,
    identities.answer,
    mail.answer,
    hunting.answer,
    ({ method, path }) => (method === "GET" && path === "/security/alerts_v2" ? { status: 200, body: { value: [] } } : undefined),
  ];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const url = new URL(request.url ?? "/", "http://fake");
    const method = request.method ?? "GET";
    const login = /\/oauth2\/v2\.0\/token$/.test(url.pathname);
    const body = login ? Object.fromEntries(new URLSearchParams(text)) : ((text ? JSON.parse(text) : {}) as Record<string, unknown>);
    const path = decodeURIComponent(url.pathname.replace(/^\/v1\.0/, ""));
    product.calls.push({ method, path: `${path}${url.search}`, body: login ? {} : body });
    for (const job of late.splice(0)) {
      if (job.at <= clock().getTime()) job.go();
      else late.push(job);
    }
    const send = ({ status, body: value, headers = {} }: GraphAnswer) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(value === undefined ? "" : JSON.stringify(value));
    };
    const go = (): GraphAnswer => {
      if (login) {
        if (body.client_secret !== SECRET && body.client_secret !== IN_YAML)
          return {
            status: 401,
            body: { error: "invalid_client", error_description: "AADSTS7000215: Invalid client secret provided. Trace ID: 1" },
          };
        const claims = Buffer.from(JSON.stringify({ roles: product.roles })).toString("base64url");
        const token = product.jwt ? `x.${claims}.${randomUUID()}` : randomUUID();
        tokens.add(token);
        return { status: 200, body: { token_type: "Bearer", expires_in: 3599, access_token: token } };
      }
      if (!tokens.has((request.headers.authorization ?? "").replace("Bearer ", "")))
        return failure(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.");
      const asked: GraphRequest = { method, path, query: url.searchParams, body, headers: request.headers };
      for (const group of groups) {
        const found = group(asked);
        if (found) return found;
      }
      return failure(404, "Request_ResourceNotFound", `Resource '${path}' does not exist.`);
    };
    const fault = faults.find(({ on }) => on.test(`${method} ${path}${url.search}`));
    if (!fault) return send(go());
    if (fault.times !== undefined && --fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
    const { how } = fault;
    if ("status" in how) {
      if (how.acted) go();
      const headers = how.retryAfter === undefined ? {} : { "retry-after": String(how.retryAfter) };
      return send({ ...failure(how.status, how.code ?? "Error", how.message ?? "as the test says"), headers });
    }
    if ("drop" in how) {
      if (how.drop === "after") go();
      return void request.socket.destroy();
    }
    if ("hang" in how) {
      if (how.hang === "after") go();
      return;
    }
    if ("redirect" in how) {
      if (how.acted) go();
      return send({ status: 307, headers: { location: how.redirect } });
    }
    if ("late" in how) {
      late.push({ at: clock().getTime() + how.late, go: () => void go() });
      return void request.socket.destroy();
    }
    if (how.acted) go();
    const bodies = {
      noJson: "<html>busy</html>",
      wrongShape: '{"hello":1}',
      huge: `{"value":"${"x".repeat(6 * 1024 * 1024)}"}`,
      empty: "",
    };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(bodies[how.body]);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** `gapMs`: services that count tightly do not do so here, unless a test is about that. */
  const connect = (
    more: {
      clientSecret?: string;
      timeoutMs?: number;
      fetch?: typeof fetch;
      gapMs?: number;
      sleep?: (ms: number) => Promise<unknown>;
    } = {},
  ): Connector =>
    createGraph(
      { tenantId: "contoso.com", clientId: "app", clientSecret: more.clientSecret ?? SECRET, url: base(), loginUrl: base() },
      {
        clock: { now: clock },
        breaker: { failures: 10_000, pauseMs: 1 },
        timeoutMs: more.timeoutMs ?? 5000,
        gapMs: more.gapMs ?? 0,
        ...(more.sleep && { sleep: more.sleep }),
        ...(more.fetch && { fetch: more.fetch }),
      },
    );
  /** What the connector offers, as the engine sees it. */
  const capabilitiesOf = ({ identities: accounts, apps, mail: mailboxes, hunting: hunts }: Connector): Capabilities => ({
    ...NOTHING,
    identities: accounts,
    apps,
    mail: mailboxes,
    hunting: hunts,
  });

  return {
    product,
    directory,
    identities,
    mail,
    hunting,
    url: base(),
    connect,
    capabilities: capabilitiesOf(connect()),
    capabilitiesOf,
    fail: (...more: Fault[]) => void faults.push(...more),
    heal: () => void faults.splice(0),
    forgetTokens: () => tokens.clear(),
    reset: () => {
      faults.splice(0);
      late.splice(0);
      tokens.clear();
      product.calls.splice(0);
      Object.assign(product, { roles: [...ALL_ROLES], jwt: true });
      directory.reset();
      identities.reset();
      mail.reset();
      hunting.reset();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type FakeGraph = Awaited<ReturnType<typeof fakeGraph>>;
