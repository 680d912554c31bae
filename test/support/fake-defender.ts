import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createDefender } from "../../src/adapters/connectors/defender/defender.ts";
import type { Capabilities, Connector } from "../../src/engine/ports.ts";
import { NOTHING } from "./lab-capabilities.ts";

/** What can go wrong with one call. `acted`: the product did it, and the answer went wrong. */
export type Fault = {
  /** Method and path must match; the first fault that fits a call is used up by it. */
  on: RegExp;
  how:
    | { status: number; retryAfter?: number; code?: string; message?: string; acted?: boolean }
    | { drop: "before" | "after" }
    | { hang: "before" | "after" }
    | { body: "noJson" | "wrongShape" | "huge" | "empty"; acted?: boolean }
    | { redirect: string; acted?: boolean }
    /** Carried out so much later than it was answered (or not answered) about. */
    | { late: number };
  times?: number;
};

export type FakeAction = {
  id: string;
  type: string;
  status: string;
  scope: string | null;
  machineId: string;
  requestor: string;
  requestorComment: string;
  creationDateTimeUtc: string;
  lastUpdateDateTimeUtc: string;
  relatedFileInfo: { fileIdentifier: string; fileIdentifierType: string } | null;
  errorHResult: number;
  cancellationRequestor: string | null;
  cancellationComment: string | null;
};
type FakeMachine = {
  id: string;
  computerDnsName: string;
  osPlatform: string;
  healthStatus: string;
  onboardingStatus: string;
  lastSeen: string;
  rbacGroupName?: string;
  machineTags?: string[];
  lastIpAddress?: string;
  logonUsers?: { id: string; lastSeen: string }[];
};
type FakeIndicator = Record<string, unknown> & { id: string; indicatorValue: string };

const CALLS: Readonly<Record<string, { type: string; permission: string }>> = {
  isolate: { type: "Isolate", permission: "Machine.Isolate" },
  unisolate: { type: "Unisolate", permission: "Machine.Isolate" },
  restrictCodeExecution: { type: "RestrictCodeExecution", permission: "Machine.RestrictExecution" },
  unrestrictCodeExecution: { type: "UnrestrictCodeExecution", permission: "Machine.RestrictExecution" },
  runAntiVirusScan: { type: "RunAntiVirusScan", permission: "Machine.Scan" },
  collectInvestigationPackage: { type: "CollectInvestigationPackage", permission: "Machine.CollectForensics" },
  StopAndQuarantineFile: { type: "StopAndQuarantineFile", permission: "Machine.StopAndQuarantine" },
  offboard: { type: "Offboard", permission: "Machine.Offboard" },
};
const ALL_ROLES = [
  ...new Set(Object.values(CALLS).map(({ permission }) => permission)),
  "Machine.Read.All",
  "User.Read.All",
  "File.Read.All",
  "Ti.ReadWrite.All",
];
const OPEN = ["Pending", "InProgress"];
const SECRET = "a client secret";

/** Defender for Endpoint and the Entra sign-in in the shapes of their documentation, on a port of this machine, with faults on demand. */
export async function fakeDefender(clock: () => Date) {
  const machines = new Map<string, FakeMachine>();
  const files = new Map<string, { sha1: string; machines: string[] }>();
  const actions: FakeAction[] = [];
  const indicators: FakeIndicator[] = [];
  /** What each entry that was made or replaced said of itself. */
  const entered: string[] = [];
  const faults: Fault[] = [];
  const late: { at: number; go: () => void }[] = [];
  const tokens = new Set<string>();
  const product = {
    calls: [] as { method: string; path: string; body: unknown }[],
    roles: [...ALL_ROLES],
    /** Operations are over at once, or wait until `finish`. */
    slow: false,
    /** What the product says of a second request while one is pending. */
    repeats: "refuses" as "refuses" | "returns" | "doubles",
    /** So long after it began an operation is not in the list yet. */
    listLagMs: 0,
    /** Every operation ends so instead of well. */
    ends: "Succeeded",
    cancels: true,
    /** Packages can be fetched; they are not kept for ever. */
    packages: true,
    /** The token is a JWT that names the roles, as Entra's are. */
    jwt: true,
  };

  const iso = () => clock().toISOString();
  const settle = (action: FakeAction, status: string) => {
    if (!OPEN.includes(action.status)) return;
    action.status = status;
    action.lastUpdateDateTimeUtc = iso();
  };
  const begin = (machine: FakeMachine, call: string, body: Record<string, string>, requestor = "air"): FakeAction => {
    const type = CALLS[call]?.type ?? call;
    const action: FakeAction = {
      id: randomUUID(),
      type,
      status: "Pending",
      scope: body.IsolationType ?? body.ScanType ?? null,
      machineId: machine.id,
      requestor,
      requestorComment: body.Comment ?? "",
      creationDateTimeUtc: iso(),
      lastUpdateDateTimeUtc: iso(),
      relatedFileInfo: body.Sha1 ? { fileIdentifier: body.Sha1, fileIdentifierType: "Sha1" } : null,
      errorHResult: 0,
      cancellationRequestor: null,
      cancellationComment: null,
    };
    actions.push(action);
    if (!product.slow) settle(action, product.ends);
    return action;
  };
  const succeeded = (machine: string, ...types: string[]) =>
    actions
      .filter((action) => action.machineId === machine && action.status === "Succeeded" && types.includes(action.type))
      .toSorted((a, b) => a.lastUpdateDateTimeUtc.localeCompare(b.lastUpdateDateTimeUtc))
      .at(-1)?.type;

  type Answer = { status: number; body?: unknown; headers?: Record<string, string> };
  const failure = (status: number, code: string, message: string): Answer => ({
    status,
    body: { error: { code, message, target: "|00-trace" } },
  });
  const page = (items: readonly unknown[], query: URLSearchParams): Answer => {
    const skip = Number(query.get("$skip") ?? 0);
    const top = Math.min(Number(query.get("$top") ?? 100), 100);
    const rest = skip + top < items.length;
    const next = new URLSearchParams(query);
    next.set("$skip", String(skip + top));
    return {
      status: 200,
      body: { value: items.slice(skip, skip + top), ...(rest ? { "@odata.nextLink": `${base()}${pathNow}?${next}` } : {}) },
    };
  };
  let pathNow = "";

  /** Filters as air writes them. */
  const matching = <T>(items: readonly T[], filter: string | null): T[] => {
    if (!filter) return [...items];
    const starts = /^startswith\((\w+),'(.*)'\)$/.exec(filter);
    const compare = /^(\w+) (eq|ge) (?:'(.*)'|(\S+))$/.exec(filter);
    return items.filter((item) => {
      const of = (name = "") => String((item as Record<string, unknown>)[name] ?? "").toLowerCase();
      if (starts) return of(starts[1]).startsWith((starts[2] ?? "").replaceAll("''", "'").toLowerCase());
      const wanted = (compare?.[3]?.replaceAll("''", "'") ?? compare?.[4] ?? "").toLowerCase();
      if (!compare) throw new Error(`the fake knows no such filter: ${filter}`);
      return compare[2] === "ge" ? of(compare[1]) >= wanted : of(compare[1]) === wanted;
    });
  };

  function act(method: string, path: string, query: URLSearchParams, body: Record<string, string>): Answer {
    const lacks = (permission: string) =>
      product.roles.includes(permission)
        ? undefined
        : failure(
            403,
            "Forbidden",
            `Missing application roles. API required roles: ${permission}, application roles: ${product.roles.join(",")}`,
          );
    const [, machineId, call] = /^\/api\/machines\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (method === "POST" && machineId && call && CALLS[call]) {
      const refused = lacks(CALLS[call].permission);
      if (refused) return refused;
      const machine = machines.get(machineId);
      if (!machine) return failure(404, "ResourceNotFound", `Machine ${machineId} was not found`);
      if (!body.Comment) return failure(400, "MissingRequiredParameter", "Comment is required");
      const twin = actions.find(
        (action) =>
          action.machineId === machineId &&
          action.type === CALLS[call]?.type &&
          OPEN.includes(action.status) &&
          (!body.Sha1 || action.relatedFileInfo?.fileIdentifier === body.Sha1),
      );
      if (twin && product.repeats === "refuses") return failure(400, "ActiveRequestAlreadyExists", "Action is already in progress");
      if (twin && product.repeats === "returns") return { status: 201, body: twin };
      return { status: call === "offboard" ? 200 : 201, body: begin(machine, call, body) };
    }
    const [, cancelled] = /^\/api\/machineactions\/([^/]+)\/cancel$/.exec(path) ?? [];
    if (method === "POST" && cancelled) {
      const action = actions.find(({ id }) => id === cancelled);
      if (!action) return failure(404, "ResourceNotFound", "No such machine action");
      if (!OPEN.includes(action.status) || !product.cancels) return failure(400, "BadRequest", "The action can not be cancelled any more");
      settle(action, "Cancelled");
      action.cancellationRequestor = "air";
      action.cancellationComment = body.Comment ?? null;
      return { status: 200, body: action };
    }
    if (method === "POST" && path === "/api/indicators") {
      const refused = lacks("Ti.ReadWrite.All");
      if (refused) return refused;
      const old = indicators.findIndex((one) => one.indicatorValue === body.indicatorValue);
      const entry = { ...body, id: String(indicators.length + 995), indicatorValue: String(body.indicatorValue) };
      entered.push(String(body.description));
      if (old >= 0) indicators.splice(old, 1, entry);
      else indicators.push(entry);
      return { status: 200, body: entry };
    }
    const [, listed] = /^\/api\/indicators\/([^/]+)$/.exec(path) ?? [];
    if (method === "DELETE" && listed) {
      const at = indicators.findIndex((one) => one.id === listed);
      if (at < 0) return failure(404, "ResourceNotFound", "No such indicator");
      indicators.splice(at, 1);
      return { status: 204 };
    }
    if (method !== "GET") return failure(404, "NotFound", "No such call");
    if (machineId && call === "logonusers") return lacks("User.Read.All") ?? page(machines.get(machineId)?.logonUsers ?? [], query);
    const [, one] = /^\/api\/machines\/([^/]+)$/.exec(path) ?? [];
    if (one) {
      const machine = machines.get(one);
      return lacks("Machine.Read.All") ?? (machine ? { status: 200, body: machine } : failure(404, "ResourceNotFound", "no such machine"));
    }
    if (path === "/api/machines") return lacks("Machine.Read.All") ?? page(matching([...machines.values()], query.get("$filter")), query);
    const [, packed] = /^\/api\/machineactions\/([^/]+)\/getPackageUri$/.exec(path) ?? [];
    if (packed) {
      const found = actions.find(({ id, type }) => id === packed && type === "CollectInvestigationPackage");
      if (found?.status !== "Succeeded" || !product.packages) return failure(404, "ResourceNotFound", "no package yet");
      return { status: 200, body: { value: `"https://packages.example/${packed}?sig=s3cret"` } };
    }
    const [, action] = /^\/api\/machineactions\/([^/]+)$/.exec(path) ?? [];
    if (action) {
      const found = actions.find(({ id }) => id === action);
      return found ? { status: 200, body: found } : failure(404, "ResourceNotFound", "no such action");
    }
    if (path === "/api/machineactions") {
      const shown = actions.filter((item) => Date.parse(item.creationDateTimeUtc) + product.listLagMs <= clock().getTime());
      return lacks("Machine.Read.All") ?? page(matching(shown, query.get("$filter")).reverse(), query);
    }
    if (path === "/api/indicators") return lacks("Ti.ReadWrite.All") ?? page(matching(indicators, query.get("$filter")), query);
    const [, hash, places] = /^\/api\/files\/([^/]+)(\/machines)?$/.exec(path) ?? [];
    const file = hash && [...files].find(([sha256, { sha1 }]) => sha256 === hash || sha1 === hash)?.[1];
    if (file && places)
      return page(
        file.machines.map((name) => ({ id: name, computerDnsName: name })),
        query,
      );
    if (file) return { status: 200, body: { sha1: file.sha1 } };
    return failure(404, "NotFound", "no such thing");
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const url = new URL(request.url ?? "/", "http://fake");
    const method = request.method ?? "GET";
    pathNow = url.pathname;
    const login = /\/oauth2\/v2\.0\/token$/.test(url.pathname);
    const body = login ? Object.fromEntries(new URLSearchParams(text)) : ((text ? JSON.parse(text) : {}) as Record<string, string>);
    product.calls.push({ method, path: `${url.pathname}${url.search}`, body: login ? {} : body });
    for (const job of late.splice(0)) {
      if (job.at <= clock().getTime()) job.go();
      else late.push(job);
    }
    const send = ({ status, body: value, headers = {} }: Answer) => {
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(value === undefined ? "" : JSON.stringify(value));
    };
    const go = (): Answer => {
      if (login) {
        if (body.client_secret !== SECRET)
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
        return failure(401, "Unauthorized", "the token is not valid");
      return act(method, url.pathname, url.searchParams, body);
    };
    const fault = faults.find(({ on }) => on.test(`${method} ${url.pathname}${url.search}`));
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

  const connect = (more: { clientSecret?: string; timeoutMs?: number; fetch?: typeof fetch } = {}): Connector =>
    createDefender(
      { tenantId: "contoso.com", clientId: "app", clientSecret: more.clientSecret ?? SECRET, url: base(), loginUrl: base() },
      // The breaker counts real time, which stands still in a test.
      {
        clock: { now: clock },
        breaker: { failures: 10_000, pauseMs: 1 },
        timeoutMs: more.timeoutMs ?? 5000,
        ...(more.fetch && { fetch: more.fetch }),
      },
    );
  const capabilitiesOf = ({ devices, indicators: list }: Connector): Capabilities => ({ ...NOTHING, devices, indicators: list });

  return {
    product,
    machines,
    files,
    actions,
    indicators,
    url: base(),
    connect,
    capabilities: capabilitiesOf(connect()),
    capabilitiesOf,
    fail: (...more: Fault[]) => void faults.push(...more),
    heal: () => void faults.splice(0),
    /** Operations of the product are done in the order they came. */
    finish: (status = "Succeeded") => {
      for (const action of actions) settle(action, status);
    },
    begin: (machine: FakeMachine, call: string, body: Record<string, string>) => begin(machine, call, body, "somebody@contoso.com"),
    forgetTokens: () => tokens.clear(),
    isolated: (machine: FakeMachine) => succeeded(machine.id, "Isolate", "Unisolate") === "Isolate",
    restricted: (machine: FakeMachine) =>
      succeeded(machine.id, "RestrictCodeExecution", "UnrestrictCodeExecution") === "RestrictCodeExecution",
    /** What calls that carry an action's mark brought about: each is an effect in the world. */
    effects: (action: number) =>
      [...actions.map(({ requestorComment }) => requestorComment), ...entered].filter((text) => text.startsWith(`air ACT-${action},`))
        .length,
    add: (name: string, more: Partial<FakeMachine> = {}): FakeMachine => {
      const id = more.id ?? randomUUID().replaceAll("-", "").padEnd(40, "0");
      const machine: FakeMachine = {
        id,
        computerDnsName: name.toLowerCase(),
        osPlatform: "Windows11",
        healthStatus: "Active",
        onboardingStatus: "Onboarded",
        lastSeen: iso(),
        ...more,
      };
      machines.set(id, machine);
      return machine;
    },
    reset: () => {
      faults.splice(0);
      actions.splice(0);
      indicators.splice(0);
      entered.splice(0);
      late.splice(0);
      machines.clear();
      files.clear();
      product.calls.splice(0);
      Object.assign(product, {
        roles: [...ALL_ROLES],
        slow: false,
        repeats: "refuses",
        listLagMs: 0,
        ends: "Succeeded",
        cancels: true,
        packages: true,
        jwt: true,
      });
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
export type FakeDefender = Awaited<ReturnType<typeof fakeDefender>>;
