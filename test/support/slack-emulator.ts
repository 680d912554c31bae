import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { checkMessage, checkView } from "../../src/adapters/slack/check-blocks.ts";
import { eventually } from "./eventually.ts";

const TOKEN = "xoxb-local-test";
/** With this the test signs what Slack would send. */
export const SLACK_SECRET = "shhh";
const SEED = `
slack:
  signing_secret: ${SLACK_SECRET}
  team: { name: SOC, domain: soc }
  users:
    - { name: ana, real_name: Ana Analyst, email: Ana@example.com }
  channels:
    - { name: soc-incidents, topic: Incidents }
  bots:
    - { name: air }
  tokens:
    - token: ${TOKEN}
      user: ana
      scopes: [chat:write, channels:read, channels:history, users:read, users:read.email, files:write]
  strict_scopes: true
`;

export type SlackEmulator = {
  token: string;
  apiUrl: string;
  teamId: string;
  userId: string;
  channel: string;
  call(method: string, body?: object): Promise<Record<string, unknown>>;
  /** Every call that went through, newest last, with its JSON fields read. */
  calls: { method: string; body: Record<string, unknown> }[];
  /** User groups and who is in them, which `emulate` does not know. */
  groups: Map<string, string[]>;
  /** People besides Ana, as users.info answers about them. */
  people: Map<string, Record<string, unknown>>;
  /** Answers to response_url; `to` is what stands behind it in its address. */
  responses: Record<string, unknown>[];
  responseUrl: string;
  /** What was uploaded, by its file's id, as the bytes that arrived. */
  uploads: Map<string, Buffer>;
  /** Answer the next calls of this method instead of the emulator. */
  next(method: string, answer: { status: number; headers?: Record<string, string>; body?: unknown } | "hang up" | "never"): void;
  stop(): Promise<void>;
};

/**
 * `emulate`, a Slack that other people wrote, behind a proxy of ours that adds what it lacks: the limits of Block Kit, rate limits,
 * and an end for response_url.
 */
export async function startSlackEmulator(): Promise<SlackEmulator> {
  const folder = mkdtempSync(path.join(tmpdir(), "air-slack-"));
  writeFileSync(path.join(folder, "seed.yaml"), SEED);
  const port = await freePort();
  const emulate = path.resolve("node_modules/emulate/dist/index.js");
  const child: ChildProcess = spawn(
    process.execPath,
    [emulate, "start", "--service", "slack", "--port", String(port), "--seed", "seed.yaml"],
    { cwd: folder, stdio: "ignore" },
  );
  const upstream = `http://127.0.0.1:${port}`;
  const calls: SlackEmulator["calls"] = [];
  const responses: SlackEmulator["responses"] = [];
  const groups: SlackEmulator["groups"] = new Map();
  const uploads: SlackEmulator["uploads"] = new Map();
  const people: SlackEmulator["people"] = new Map();
  const instead = new Map<string, Parameters<SlackEmulator["next"]>[1][]>();

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
      const fault = instead.get(method)?.shift();
      if (fault === "hang up") return request.socket.destroy();
      if (fault === "never") return;
      if (fault !== undefined) return json(fault.status, fault.body ?? {}, fault.headers);
      calls.push({ method, body });
      const person = method === "users.info" ? people.get(String(body.user)) : undefined;
      if (person) return json(200, { ok: true, user: { id: body.user, ...person } });
      if (method === "usergroups.users.list") {
        const users = groups.get(String(body.usergroup));
        return json(200, users ? { ok: true, users } : { ok: false, error: "no_such_subteam" });
      }
      if (method === "chat.postMessage" || method === "chat.update") {
        const found = checkMessage({ text: body.text, blocks: body.blocks });
        if (found.some((line) => line.includes("in total"))) return json(200, { ok: false, error: "msg_blocks_too_long" });
        if (found.length > 0) return json(200, { ok: false, error: "invalid_blocks", response_metadata: { messages: found } });
      }
      // A person's id is the conversation between them and the app; the emulator's token is a person's and knows no such.
      if (method === "chat.postMessage" && /^U/.test(String(body.channel)))
        return json(200, { ok: true, channel: `D-${body.channel}`, ts: "1700000000.000100", message: {} });
      let sent = raw;
      if (method === "files.completeUploadExternal" && String(body.channel_id).startsWith("D-")) {
        const fields = new URLSearchParams(raw);
        fields.delete("channel_id");
        sent = fields.toString();
      }
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
        body: sent,
      });
      response.writeHead(answer.status, { "content-type": "application/json" });
      // Files go through here, too.
      response.end((await answer.text()).replaceAll(/http:\/\/[^/"]+\/upload\//g, `${base}/upload/`));
    });
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;

  const call: SlackEmulator["call"] = async (method, body = {}) => {
    const answer = await fetch(`${upstream}/api/${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return answer.json() as Promise<Record<string, unknown>>;
  };
  const me = await eventually(() => call("auth.test").catch(() => undefined), "the Slack emulator", 20_000);
  const list = (await call("conversations.list")) as { channels: { id: string; name: string }[] };
  const channel = list.channels.find((one) => one.name === "soc-incidents")?.id ?? "";

  return {
    token: TOKEN,
    apiUrl: `${base}/api/`,
    teamId: String(me.team_id),
    userId: String(me.user_id),
    channel,
    call,
    calls,
    groups,
    people,
    uploads,
    responses,
    responseUrl: `${base}/response`,
    next: (method, answer) => instead.set(method, [...(instead.get(method) ?? []), answer]),
    async stop() {
      proxy.closeAllConnections();
      proxy.close();
      const gone = new Promise((done) => child.once("exit", done));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true, force: true });
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

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
