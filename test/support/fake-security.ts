import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Json = Record<string, unknown>;
type Call = { method: string; path: string; query: URLSearchParams; headers: IncomingMessage["headers"]; body: Json | undefined };
/** The first fault whose `on` fits a call is used up by it. */
type Fault = { on: RegExp; status?: number; retryAfter?: number; text?: string; hang?: boolean; times?: number };

/** Microsoft's sign-in, and alerts_v2 and incidents of Graph in the shapes of their documentation, on a port of this machine. */
export async function fakeSecurity() {
  const alerts = new Map<string, Json>();
  const incidents = new Map<string, Json>();
  const calls: Call[] = [];
  const faults: Fault[] = [];
  let roles = ["SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All"];
  let clock = () => new Date();
  const held = new Set<ServerResponse>();

  const touch = (row: Json) => Object.assign(row, { lastUpdateDateTime: `${clock().toISOString().slice(0, -1)}1234Z` });
  const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): undefined => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const failure = (code: string, message: string) => ({ error: { code, message, innerError: { date: "2026-11-22", "request-id": "r" } } });

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://fake");
      const text = Buffer.concat(chunks).toString("utf8");
      if (url.pathname.endsWith("/token")) {
        const claims = Buffer.from(JSON.stringify({ roles })).toString("base64url");
        return send(response, 200, { token_type: "Bearer", expires_in: 3599, access_token: `x.${claims}.y` });
      }
      const path = url.pathname.replace("/v1.0", "");
      const body = text.startsWith("{") ? (JSON.parse(text) as Json) : undefined;
      calls.push({ method: request.method ?? "", path, query: url.searchParams, headers: request.headers, body });
      const fault = faults.find((one) => one.on.test(`${request.method} ${path}`));
      if (fault) {
        if (fault.times !== undefined && --fault.times <= 0) faults.splice(faults.indexOf(fault), 1);
        if (fault.hang) return void held.add(response);
        const headers: Record<string, string> = fault.retryAfter === undefined ? {} : { "retry-after": String(fault.retryAfter) };
        return send(response, fault.status ?? 200, fault.text ?? failure("fault", "it failed"), headers);
      }
      return answer(request.method ?? "", path, url, body, response);
    });
  });

  function answer(method: string, path: string, url: URL, body: Json | undefined, response: ServerResponse) {
    const [, list = "", id = "", more] = /^\/security\/(alerts_v2|incidents)(?:\/([^/]+))?(?:\/(comments))?$/.exec(path) ?? [];
    const rows = list === "alerts_v2" ? alerts : incidents;
    if (!list) return send(response, 404, failure("NotFound", "no such address"));
    if (!id) return send(response, 200, page(url, [...rows.values()]));
    const row = rows.get(decodeURIComponent(id));
    if (!row) return send(response, 404, failure("NotFound", "no such thing"));
    if (method === "GET") return send(response, 200, row);
    const permission = list === "alerts_v2" ? "SecurityAlert.ReadWrite.All" : "SecurityIncident.ReadWrite.All";
    if (!roles.includes(permission)) return send(response, 403, failure("Forbidden", "Missing application roles."));
    if (more)
      row.comments = [
        ...((row.comments as unknown[]) ?? []),
        { comment: body?.comment, createdByDisplayName: "air", createdDateTime: clock().toISOString() },
      ];
    else Object.assign(row, body);
    touch(row);
    return send(response, 200, more ? { value: row.comments } : row);
  }

  function page(url: URL, rows: readonly Json[]): Json {
    const [, since = ""] = /^lastUpdateDateTime ge (\S+)$/.exec(url.searchParams.get("$filter") ?? "") ?? [];
    const newest = rows
      .filter((row) => !since || Date.parse(String(row.lastUpdateDateTime)) >= Date.parse(since))
      .sort((a, b) => Date.parse(String(b.lastUpdateDateTime)) - Date.parse(String(a.lastUpdateDateTime)));
    const [top, skip] = [Number(url.searchParams.get("$top") ?? 50), Number(url.searchParams.get("$skip") ?? 0)];
    const next = new URL(url);
    next.searchParams.set("$skip", String(skip + top));
    const address = `${base()}${next.pathname}${next.search}`;
    return { value: newest.slice(skip, skip + top), ...(newest.length > skip + top ? { "@odata.nextLink": address } : {}) };
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    alerts,
    incidents,
    calls,
    faults,
    url: base(),
    settings: () => ({ tenantId: "tenant", clientId: "client", clientSecret: "a client secret", url: base(), loginUrl: base() }),
    setClock: (now: () => Date) => {
      clock = now;
    },
    setRoles: (now: string[]) => {
      roles = now;
    },
    /** An alert as alerts_v2 shows it, changed now. */
    alert(id: string, more: Json = {}): Json {
      const at = clock().toISOString();
      const row: Json = {
        id,
        providerAlertId: id,
        incidentId: null,
        status: "new",
        severity: "medium",
        classification: "unknown",
        determination: "unknown",
        serviceSource: "microsoftDefenderForEndpoint",
        detectionSource: "antivirus",
        title: `Suspicious execution ${id}`,
        category: "DefenseEvasion",
        assignedTo: null,
        createdDateTime: at,
        firstActivityDateTime: at,
        lastActivityDateTime: at,
        lastUpdateDateTime: at,
        comments: [],
        evidence: [device(`ws-${id}`)],
        ...more,
      };
      alerts.set(id, row);
      return row;
    },
    incident(id: string, more: Json = {}): Json {
      const row: Json = {
        "@odata.type": "#microsoft.graph.security.incident",
        id,
        incidentWebUrl: `https://security.microsoft.com/incidents/${id}?tid=tenant`,
        redirectIncidentId: null,
        displayName: `Multi-stage incident ${id}`,
        status: "active",
        severity: "medium",
        classification: "unknown",
        determination: "unknown",
        assignedTo: null,
        createdDateTime: clock().toISOString(),
        lastUpdateDateTime: clock().toISOString(),
        comments: [],
        ...more,
      };
      incidents.set(id, row);
      return row;
    },
    /** Somebody changes it there, now. */
    change: (row: Json, more: Json) => Object.assign(touch(row), more),
    reset() {
      alerts.clear();
      incidents.clear();
      calls.length = 0;
      faults.length = 0;
      roles = ["SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All"];
    },
    async close() {
      for (const response of held) response.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type FakeSecurity = Awaited<ReturnType<typeof fakeSecurity>>;

export const device = (name: string): Json => ({
  "@odata.type": "#microsoft.graph.security.deviceEvidence",
  verdict: "unknown",
  remediationStatus: "none",
  mdeDeviceId: name,
  deviceDnsName: name,
  osPlatform: "Windows11",
  roles: [],
});
