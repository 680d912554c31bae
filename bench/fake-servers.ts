import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort } from "node:worker_threads";
import { STATUS_SENTENCE } from "../src/engine/domain/investigation.ts";
import { now, sleep } from "./clock.ts";
import {
  ALERT_ID,
  type Answer,
  type Arrival,
  type Ask,
  type Behaviour,
  type Counts,
  NORMAL,
  type Question,
  type SeenButton,
} from "./fakes.ts";

/*
 * The thread behind fakes.ts: threat intelligence in the shapes of VirusTotal v3 and AbuseIPDB v2, and as much of the Slack Web API
 * as air uses, with a memory of its messages so that a half-sent post can be found again.
 */

const KEPT_MESSAGES = 50_000;
const PAGE = 200;

type Message = { ts: string; thread: string | undefined; channel: string; metadata: unknown };

let behaviour: Behaviour = { ...NORMAL };
let arrivals = new Map<string, Arrival>();
let counts: Counts = none();
let approvals: SeenButton[] = [];
let messages: Message[] = [];
const refusedOnce = new Set<string>();
const nextPost = new Map<string, number>();
let lastTs = 0;

function none(): Counts {
  return { alerts: 0, settled: 0, rootPosts: 0, replies: 0, updates: 0, refused: 0, lookUps: 0 };
}

/** The same indicator is always judged the same: 0 to 99. */
const scoreOf = (indicator: string) => createHash("sha256").update(indicator).digest().readUInt32BE(4) % 100;

async function answerIntel(url: URL): Promise<{ status: number; body: unknown }> {
  counts.lookUps++;
  await sleep(behaviour.intelDelayMs);
  const indicator = url.searchParams.get("ipAddress") ?? decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
  const bad = scoreOf(indicator) < behaviour.malicious;
  if (url.pathname === "/api/v2/check") {
    const data = { ipAddress: indicator, abuseConfidenceScore: bad ? 90 : 0, totalReports: bad ? 60 : 0, numDistinctUsers: bad ? 25 : 0 };
    return { status: 200, body: { data: { ...data, isWhitelisted: false, lastReportedAt: new Date().toISOString(), countryCode: "ZZ" } } };
  }
  if (!url.pathname.startsWith("/api/v3/")) return { status: 404, body: { error: { code: "NotFoundError" } } };
  const stats = { malicious: bad ? 20 : 0, suspicious: 0, harmless: bad ? 40 : 60, undetected: 10, timeout: 0 };
  const attributes = { last_analysis_stats: stats, last_analysis_date: Math.floor(Date.now() / 1000) - 3600 };
  return { status: 200, body: { data: { id: indicator, attributes } } };
}

/** Whether this post must wait, by the mode of the moment. */
function refuses(fields: URLSearchParams, channel: string): boolean {
  if (behaviour.slack === "first429") {
    const key = fields.get("metadata") ?? fields.get("text") ?? "";
    if (refusedOnce.has(key)) return false;
    refusedOnce.add(key);
    return true;
  }
  if (behaviour.slack !== "paced") return false;
  const at = now();
  // Slack tolerates a little unevenness; so does this.
  if (at < (nextPost.get(channel) ?? 0) - 50) return true;
  nextPost.set(channel, at + 1000);
  return false;
}

function remember(method: string, fields: URLSearchParams, at: number, ts: string): void {
  const text = fields.get("text") ?? "";
  const blocks = fields.get("blocks") ?? "";
  const channel = fields.get("channel") ?? "";
  const thread = fields.get("thread_ts") ?? undefined;
  const posting = method === "chat.postMessage";
  if (posting) {
    messages.push({ ts, thread, channel, metadata: parsed(fields.get("metadata")) });
    if (messages.length > KEPT_MESSAGES) messages = messages.slice(KEPT_MESSAGES / 2);
    if (thread) counts.replies++;
    else counts.rootPosts++;
    approvals.push(...approveButtons(blocks, ts, channel));
  } else counts.updates++;
  const id = ALERT_ID.exec(text)?.[0] ?? ALERT_ID.exec(blocks)?.[0];
  // Cards of actions stand in the thread; the incident's own card is the root.
  if (!id || thread) return;
  let arrival = arrivals.get(id);
  if (!arrival) {
    if (!posting) return;
    arrival = { first: at, settled: undefined, roots: 0 };
    arrivals.set(id, arrival);
    counts.alerts++;
  }
  if (posting) arrival.roots++;
  if (arrival.settled === undefined && !text.includes(STATUS_SENTENCE.queued) && !text.includes(STATUS_SENTENCE.running)) {
    arrival.settled = at;
    counts.settled++;
  }
}

type Block = { type: string; elements?: { type: string; action_id: string; value?: string }[] };

function approveButtons(blocks: string, messageTs: string, channel: string): SeenButton[] {
  if (!blocks.includes(".approve.")) return [];
  return ((parsed(blocks) ?? []) as Block[])
    .filter((block) => block.type === "actions")
    .flatMap((block) => block.elements ?? [])
    .flatMap(({ action_id: actionId, value }) => {
      const action = /^(ACT-\d+)\.[0-9a-f]+\.approve\./.exec(value ?? "")?.[1];
      return action && value ? [{ action, actionId, value, messageTs, channel }] : [];
    });
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function answerSlack(
  method: string,
  body: string,
  type: string,
): Promise<{ status: number; body: unknown; headers?: Record<string, string> }> {
  const at = now();
  if (behaviour.slack === "down") {
    counts.refused++;
    return { status: 503, body: { ok: false, error: "service_unavailable" } };
  }
  const fields = type.includes("json") ? fromJson(body) : new URLSearchParams(body);
  const channel = fields.get("channel") ?? "";
  if (method === "chat.postMessage" && refuses(fields, channel)) {
    counts.refused++;
    return { status: 429, body: { ok: false, error: "ratelimited" }, headers: { "retry-after": "1" } };
  }
  const ts = `${Math.floor(Date.now() / 1000)}.${String(++lastTs % 1_000_000).padStart(6, "0")}`;
  // Arrived is arrived: whoever is killed while it waits for this answer has posted.
  if (method === "chat.postMessage" || method === "chat.update") remember(method, fields, at, ts);
  await sleep(behaviour.slackDelayMs);
  switch (method) {
    case "chat.postMessage":
      return { status: 200, body: { ok: true, channel, ts, message: { ts } } };
    case "chat.update":
      return { status: 200, body: { ok: true, channel, ts: fields.get("ts") } };
    case "conversations.history":
    case "conversations.replies":
      return { status: 200, body: history(fields, method === "conversations.replies") };
    case "auth.test":
      return { status: 200, body: { ok: true, team: "Bench", user: "air", team_id: "T0BENCH", user_id: "U0AIR", bot_id: "B0AIR" } };
    case "users.info": {
      const id = fields.get("user") ?? "";
      const profile = { email: `${id.toLowerCase()}@bench.example` };
      return { status: 200, body: { ok: true, user: { id, team_id: "T0BENCH", name: id, real_name: "Bench Person", profile } } };
    }
    default:
      return { status: 200, body: { ok: true } };
  }
}

/** Newest first, a page at a time; a cursor is the number to go on from. */
function history(fields: URLSearchParams, replies: boolean): unknown {
  const from = Number(fields.get("cursor") ?? 0);
  const oldest = Number(fields.get("oldest") ?? 0);
  const thread = replies ? (fields.get("ts") ?? undefined) : undefined;
  const found = messages.filter(
    (one) => one.channel === fields.get("channel") && Number(one.ts) >= oldest && (one.thread === thread || one.ts === thread),
  );
  const page = found.toReversed().slice(from, from + PAGE);
  const more = from + PAGE < found.length;
  return {
    ok: true,
    messages: page.map((one) => ({ type: "message", ts: one.ts, text: "", metadata: one.metadata })),
    has_more: more,
    response_metadata: { next_cursor: more ? String(from + PAGE) : "" },
  };
}

function fromJson(body: string): URLSearchParams {
  const fields = new URLSearchParams();
  for (const [name, value] of Object.entries((parsed(body) ?? {}) as Record<string, unknown>))
    fields.set(name, typeof value === "string" ? value : JSON.stringify(value));
  return fields;
}

function listen(
  handle: (url: URL, body: string, type: string) => Promise<{ status: number; body: unknown; headers?: Record<string, string> }>,
) {
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", async () => {
      const url = new URL(request.url ?? "/", "http://fake");
      const answer = await handle(url, Buffer.concat(parts).toString("utf8"), request.headers["content-type"] ?? "");
      const text = JSON.stringify(answer.body);
      response.writeHead(answer.status, {
        "content-type": "application/json; charset=utf-8",
        "content-length": Buffer.byteLength(text),
        ...answer.headers,
      });
      response.end(text);
    });
  });
  server.keepAliveTimeout = 60_000;
  return new Promise<number>((resolve) => server.listen(0, "127.0.0.1", 1024, () => resolve((server.address() as AddressInfo).port)));
}

function reset(): void {
  behaviour = { ...NORMAL };
  arrivals = new Map();
  counts = none();
  approvals = [];
  messages = [];
  refusedOnce.clear();
  nextPost.clear();
}

function answer(ask: Ask): unknown {
  switch (ask.do) {
    case "behave":
      behaviour = { ...behaviour, ...ask.change };
      return undefined;
    case "reset":
      return reset();
    case "arrivals":
      return arrivals;
    case "counts":
      return counts;
    case "approvals": {
      const taken = approvals;
      approvals = [];
      return taken;
    }
    default:
      return ask satisfies never;
  }
}

const send = (message: Answer): void => parentPort?.postMessage(message);
const intel = await listen((url) => answerIntel(url));
const slack = await listen((url, body, type) => answerSlack(url.pathname.replace(/^\/(api\/)?/, ""), body, type));
parentPort?.on("message", ({ number, ask }: Question) => send({ number, answer: answer(ask) }));
send({ ready: { intel, slack } });
