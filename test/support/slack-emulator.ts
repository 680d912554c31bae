import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { WebSocketServer } from "ws";
import { parse, stringify } from "yaml";
import { checkMessage, checkView } from "../../src/adapters/slack/check-blocks.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";

const TOKEN = "xoxb-local-test";
/** Ana's own, with which a test looks at what stands in Slack: air's token may do no more than its manifest says. */
const LOOKING = "xoxp-local-test";
/** With this the test signs what Slack would send. */
export const SLACK_SECRET = "shhh";
/** Makes air use Socket Mode. */
export const SLACK_APP_TOKEN = "xapp-1-A1-1-abc";

/** The app as it is to be created at Slack: what it may do, and what Slack sends it. */
export const MANIFEST = parse(readFileSync("manifests/slack.yaml", "utf8")) as {
  oauth_config: { scopes: { bot: string[] } };
  features: { slash_commands: { command: string }[]; shortcuts: { callback_id: string; type: string }[] };
  settings: { event_subscriptions: { bot_events: string[] } };
};

/** What stands in a token's way at Slack: what `emulate` does not know itself is refused here. */
const SCOPE_OF: Readonly<Record<string, string | undefined>> = {
  "auth.test": undefined,
  "apps.connections.open": undefined,
  "views.open": undefined,
  "views.push": undefined,
  "views.update": undefined,
  "views.publish": undefined,
  "chat.postMessage": "chat:write",
  "chat.postEphemeral": "chat:write",
  "chat.update": "chat:write",
  "conversations.open": "im:write",
  "users.info": "users:read",
  "usergroups.users.list": "usergroups:read",
  "files.getUploadURLExternal": "files:write",
  "files.completeUploadExternal": "files:write",
};

/** Calls a minute, as Slack publishes its tiers; posts go by their channel. */
const TIER: Readonly<Record<string, number>> = {
  "usergroups.users.list": 20,
  "chat.update": 50,
  "conversations.open": 50,
  "conversations.history": 50,
  "conversations.replies": 50,
  "chat.postEphemeral": 100,
  "views.open": 100,
  "views.push": 100,
  "views.update": 100,
  "views.publish": 100,
  "users.info": 100,
  "files.getUploadURLExternal": 100,
  "files.completeUploadExternal": 100,
};

/** Slack's limits on a clock of the test's: its time may be moved by hand, or go so many times faster. */
export type SlackLimits = {
  now?: () => number;
  faster?: number /** Posts in one channel at once before it is one a second. */;
  burst?: number;
};

export type SlackEmulator = {
  token: string;
  apiUrl: string;
  teamId: string;
  userId: string;
  /** The app's own. */
  botId: string;
  /** Everybody of the workspace, by their short name. */
  users: Map<string, string>;
  channel: string;
  call(method: string, body?: object): Promise<Record<string, unknown>>;
  /** Every call that went through, newest last, with its JSON fields read; `ts`: which message it made. */
  calls: { method: string; body: Record<string, unknown>; ts?: string }[];
  /** Calls that were refused by a limit. */
  limited: string[];
  /** Permissions that something needed so far. */
  needed: Set<string>;
  /** User groups and who is in them, which `emulate` does not know. */
  groups: Map<string, string[]>;
  /** People besides those of the workspace, as users.info answers about them. */
  people: Map<string, Record<string, unknown>>;
  /** Answers to response_url; `to` is what stands behind it in its address. */
  responses: Record<string, unknown>[];
  responseUrl: string;
  /** What was uploaded, by its file's id, as the bytes that arrived. */
  uploads: Map<string, Buffer>;
  /** Answer the next calls of this method instead of the emulator; "lost": it is carried out, and nobody hears of it. */
  next(method: string, answer: SlackFault): void;
  /** As `next`, for every call of every method until it is taken back. */
  always(answer: SlackFault | undefined): void;
  /** What Slack sends down the sockets of Socket Mode, and what is acked. */
  push(type: string, payload: object): Promise<{ payload?: unknown }>;
  /** Sockets that are open now. */
  sockets(): number;
  stop(): Promise<void>;
};
export type SlackFault = { status: number; headers?: Record<string, string>; body?: unknown } | "hang up" | "never" | "lost";

export type SlackSettings = {
  /** Left out: no limits. */
  limits?: SlackLimits;
  /** The channel is a private one. */
  isPrivate?: boolean;
};

const seedOf = ({ isPrivate = false }: SlackSettings): string =>
  stringify({
    slack: {
      signing_secret: SLACK_SECRET,
      team: { name: "SOC", domain: "soc" },
      users: [
        { name: "ana", real_name: "Ana Analyst", email: "Ana@example.com" },
        { name: "bo", real_name: "Bo Bereitschaft", email: "bo@example.com" },
        { name: "vi", real_name: "Vi Viewer", email: "vi@example.com" },
        { name: "air", real_name: "air", email: "air@example.com" },
      ],
      channels: [{ name: "soc-incidents", topic: "Incidents", is_private: isPrivate }],
      bots: [{ name: "air" }],
      tokens: [
        { token: TOKEN, user: "air", scopes: MANIFEST.oauth_config.scopes.bot },
        {
          token: LOOKING,
          user: "ana",
          scopes: [
            "channels:read",
            "groups:read",
            "channels:history",
            "groups:history",
            "im:history",
            "im:write",
            "users:read",
            "files:read",
          ],
        },
      ],
      strict_scopes: true,
    },
  });

/**
 * `emulate`, a Slack that other people wrote, behind a proxy of ours that adds what it lacks: the limits of Block Kit, rate limits, user
 * groups, Socket Mode, and an end for response_url. air's token there holds the scopes of the manifest and no others.
 */
export async function startSlackEmulator(settings: SlackSettings = {}): Promise<SlackEmulator> {
  const folder = mkdtempSync(path.join(tmpdir(), "air-slack-"));
  writeFileSync(path.join(folder, "seed.yaml"), seedOf(settings));
  const port = freePort();
  const emulate = path.resolve("node_modules/emulate/dist/index.js");
  const child: ChildProcess = spawn(
    process.execPath,
    [emulate, "start", "--service", "slack", "--port", String(port), "--seed", "seed.yaml"],
    { cwd: folder, stdio: "ignore" },
  );
  const upstream = `http://127.0.0.1:${port}`;
  const calls: SlackEmulator["calls"] = [];
  const limited: string[] = [];
  const needed = new Set<string>();
  const responses: SlackEmulator["responses"] = [];
  const groups: SlackEmulator["groups"] = new Map();
  const uploads: SlackEmulator["uploads"] = new Map();
  const people: SlackEmulator["people"] = new Map();
  const users = new Map<string, string>();
  const instead = new Map<string, SlackFault[]>();
  let always: SlackFault | undefined;
  const limiter = createLimiter(settings.limits);
  const socket = await socketMode();

  const proxy = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      const bytes = Buffer.concat(chunks);
      const raw = bytes.toString();
      const json = (status: number, body: unknown, headers: Record<string, string> = {}) => {
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(JSON.stringify(body));
      };
      if (request.url?.startsWith("/response")) {
        const to = request.url.slice("/response/".length);
        responses.push({ ...JSON.parse(raw), ...(to ? { to } : {}) });
        return json(200, { ok: true });
      }
      const method = (request.url ?? "").split("/").at(-1) ?? "";
      if (request.url?.startsWith("/upload/")) {
        const fault = instead.get("upload")?.shift();
        if (typeof fault === "object") return json(fault.status, {});
        uploads.set(method, bytes);
        const type = { "content-type": "application/octet-stream" };
        const answer = await fetch(upstream + request.url, { method: "POST", headers: type, body: bytes });
        response.writeHead(answer.status);
        return response.end(await answer.text());
      }
      const body = readBody(raw, request.headers["content-type"] ?? "");
      const fault = always ?? instead.get(method)?.shift();
      if (fault === "hang up") return request.socket.destroy();
      if (fault === "never") return;
      if (typeof fault === "object") return json(fault.status, fault.body ?? {}, fault.headers);
      const wait = limiter(method, String(body.channel));
      if (wait > 0) {
        limited.push(method);
        return json(429, { ok: false, error: "ratelimited" }, { "retry-after": String(wait) });
      }
      const made: SlackEmulator["calls"][number] = { method, body };
      calls.push(made);
      if (method === "apps.connections.open") return json(200, { ok: true, url: socket.url });
      const scope = scopeOf(method, settings.isPrivate ?? false);
      if (scope === null) return json(200, { ok: false, error: "unknown_method" });
      if (scope !== undefined) {
        needed.add(scope);
        if (!MANIFEST.oauth_config.scopes.bot.includes(scope)) return json(200, { ok: false, error: "missing_scope", needed: scope });
      }
      const person = method === "users.info" ? people.get(String(body.user)) : undefined;
      if (person) return json(200, { ok: true, user: { id: body.user, ...person } });
      if (method === "usergroups.users.list") {
        const members = groups.get(String(body.usergroup));
        return json(200, members ? { ok: true, users: members } : { ok: false, error: "no_such_subteam" });
      }
      if (method === "chat.postMessage" || method === "chat.update") {
        const found = checkMessage({ text: body.text, blocks: body.blocks });
        if (found.some((line) => line.includes("in total"))) return json(200, { ok: false, error: "msg_blocks_too_long" });
        if (found.length > 0) return json(200, { ok: false, error: "invalid_blocks", response_metadata: { messages: found } });
      }
      // Somebody the emulator does not know: their conversation with the app is of no concern to it.
      const stranger = /^U/.test(String(body.channel)) && ![...users.values()].includes(String(body.channel));
      if (method === "chat.postMessage" && stranger)
        return json(200, { ok: true, channel: `D-${body.channel}`, ts: "1700000000.000100", message: {} });
      if (method.startsWith("views.") && body.view !== undefined) {
        const found = checkView(body.view);
        if (found.length > 0) return json(200, { ok: false, error: "invalid_arguments", response_metadata: { messages: found } });
      }
      const answer = await fetch(upstream + request.url, {
        method: "POST",
        headers: {
          authorization: request.headers.authorization ?? "",
          "content-type": request.headers["content-type"] ?? "application/json",
        },
        body: raw,
      });
      const text = await answer.text();
      if (method === "users.info" && text.includes('"email"')) needed.add("users:read.email");
      if (method === "chat.postMessage") made.ts = (JSON.parse(text) as { ts?: string }).ts ?? "";
      if (fault === "lost") return;
      response.writeHead(answer.status, { "content-type": "application/json" });
      // Files go through here, too.
      response.end(text.replaceAll(/http:\/\/[^/"]+\/upload\//g, `${base}/upload/`));
    });
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;

  const call: SlackEmulator["call"] = async (method, body = {}) => {
    const answer = await fetch(`${upstream}/api/${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${LOOKING}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.json() as Promise<Record<string, unknown>>;
  };
  const me = await eventually(() => call("auth.test").catch(() => undefined), "the Slack emulator", 60_000);
  const list = (await call("conversations.list", { types: "public_channel,private_channel" })) as {
    channels: { id: string; name: string }[];
  };
  const channel = list.channels.find((one) => one.name === "soc-incidents")?.id ?? "";
  for (const { id, name } of ((await call("users.list")) as { members: { id: string; name: string }[] }).members) users.set(name, id);

  return {
    token: TOKEN,
    apiUrl: `${base}/api/`,
    teamId: String(me.team_id),
    userId: String(me.user_id),
    botId: users.get("air") ?? "",
    users,
    channel,
    call,
    calls,
    limited,
    needed,
    groups,
    people,
    uploads,
    responses,
    responseUrl: `${base}/response`,
    next: (method, answer) => instead.set(method, [...(instead.get(method) ?? []), answer]),
    always: (answer) => {
      always = answer;
    },
    push: socket.push,
    sockets: socket.open,
    async stop() {
      socket.stop();
      proxy.closeAllConnections();
      proxy.close();
      const gone = new Promise((done) => child.once("exit", done));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** null: a method air is not known to call, whose permission nobody has thought about. */
function scopeOf(method: string, isPrivate: boolean): string | undefined | null {
  if (method === "conversations.history" || method === "conversations.replies") return isPrivate ? "groups:history" : "channels:history";
  return method in SCOPE_OF ? SCOPE_OF[method] : null;
}

/** How many seconds a call has to wait; 0: it may pass. A bucket for each method, and for posts one for each channel. */
function createLimiter(limits: SlackLimits | undefined): (method: string, channel: string) => number {
  if (limits === undefined) return () => 0;
  const { now = Date.now, faster = 1, burst = 3 } = limits;
  const buckets = new Map<string, { left: number; at: number }>();
  return (method, channel) => {
    const posting = method === "chat.postMessage";
    const perMinute = posting ? 60 : TIER[method];
    if (perMinute === undefined) return 0;
    const perMs = (perMinute * faster) / 60_000;
    const most = posting ? burst : perMinute;
    const key = posting ? `${method} ${channel}` : method;
    const at = now();
    const before = buckets.get(key) ?? { left: most, at };
    const left = Math.min(most, before.left + (at - before.at) * perMs);
    const passes = left >= 1;
    buckets.set(key, { left: passes ? left - 1 : left, at });
    return passes ? 0 : Math.max(1, Math.ceil((1 - left) / perMs / 1000));
  };
}

/** The socket of Socket Mode. Each envelope goes down one of them, as Slack does it. */
async function socketMode(): Promise<{ url: string; open: () => number; stop: () => void } & Pick<SlackEmulator, "push">> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((done) => server.once("listening", done));
  const acks = new Map<string, (answer: { payload?: unknown }) => void>();
  server.on("connection", (one) => {
    one.send(JSON.stringify({ type: "hello", num_connections: 1 }));
    one.on("message", (raw) => {
      const message = JSON.parse(String(raw)) as { envelope_id: string; payload?: unknown };
      acks.get(message.envelope_id)?.(message);
    });
  });
  const open = () => [...server.clients].filter((one) => one.readyState === 1);
  let count = 0;
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/link`,
    open: () => open().length,
    push: async (type, payload) => {
      const one = await eventually(() => open().at(-1), "a socket");
      count += 1;
      const envelope_id = `e${count}`;
      const acked = new Promise<{ payload?: unknown }>((resolve) => acks.set(envelope_id, resolve));
      one.send(JSON.stringify({ type, envelope_id, payload, accepts_response_payload: true }));
      return acked;
    },
    stop: () => {
      for (const one of server.clients) one.terminate();
      server.close();
    },
  };
}

/** Form bodies carry their structured fields as JSON texts. */
function readBody(raw: string, type: string): Record<string, unknown> {
  if (type.includes("json")) return JSON.parse(raw || "{}");
  const fields: Record<string, unknown> = Object.fromEntries(new URLSearchParams(raw));
  for (const key of ["blocks", "metadata", "view"]) if (typeof fields[key] === "string") fields[key] = JSON.parse(fields[key]);
  return fields;
}
