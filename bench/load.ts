import http from "node:http";
import type { BenchAlert } from "./alerts.ts";
import { now, sleep } from "./clock.ts";

export type Target = { url: string; token: string };
/** One POST: `answer` is the status, or why there was none. */
export type Shot = { id: string; sentAt: number; ms: number; answer: number | string; retryAfter: boolean };
export type Load = { shots: Shot[]; seconds: number; startedAt: number; endedAt: number };

const ANSWER_WITHIN_MS = 30_000;

type Reply = { status: number; headers: http.IncomingHttpHeaders; text: string };
type Call = { method: string; path: string; body?: string | Buffer; headers?: Record<string, string> };

export function call(target: Target, agent: http.Agent, { method, path, body, headers = {} }: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      new URL(path, target.url),
      {
        method,
        agent,
        headers: {
          authorization: `Bearer ${target.token}`,
          ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString("utf8") }),
        );
      },
    );
    request.setTimeout(ANSWER_WITHIN_MS, () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
    request.end(body);
  });
}

const agentOf = (connections: number) => new http.Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: 256 });

async function shoot(target: Target, agent: http.Agent, alert: BenchAlert): Promise<Shot> {
  const body = Buffer.from(JSON.stringify(alert));
  const sentAt = now();
  try {
    const reply = await call(target, agent, { method: "POST", path: "/v1/alerts/generic", body });
    return { id: alert.id, sentAt, ms: now() - sentAt, answer: reply.status, retryAfter: reply.headers["retry-after"] !== undefined };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return { id: alert.id, sentAt, ms: now() - sentAt, answer: code, retryAfter: false };
  }
}

function loadOf(shots: Shot[], startedAt: number, endedAt: number): Load {
  return { shots, startedAt, endedAt, seconds: (endedAt - startedAt) / 1000 };
}

/** Open loop: alerts leave on schedule whatever becomes of the ones before them. `signal` ends it early. */
export async function atRate(
  target: () => Target,
  options: { rate: number; seconds: number; make: () => BenchAlert; signal?: AbortSignal },
): Promise<Load> {
  const agent = agentOf(Number.POSITIVE_INFINITY);
  const shots: Promise<Shot>[] = [];
  const startedAt = now();
  const most = Math.round(options.rate * options.seconds);
  while (shots.length < most && !options.signal?.aborted) {
    const due = Math.min(most, Math.floor(((now() - startedAt) / 1000) * options.rate) + 1);
    while (shots.length < due) shots.push(shoot(target(), agent, options.make()));
    await sleep(Math.max(1, Math.min(10, 500 / options.rate)));
  }
  const endedAt = now();
  const done = await Promise.all(shots);
  agent.destroy();
  return loadOf(done, startedAt, endedAt);
}

/** Closed loop: so many connections, each of which sends the next alert when the last one is answered. */
export async function inTurns(
  target: Target,
  options: { connections: number; seconds: number; make: () => BenchAlert | undefined },
): Promise<Load> {
  const agent = agentOf(options.connections);
  const shots: Shot[] = [];
  const startedAt = now();
  const end = startedAt + options.seconds * 1000;
  await Promise.all(
    Array.from({ length: options.connections }, async () => {
      while (now() < end) {
        const alert = options.make();
        if (!alert) return;
        shots.push(await shoot(target, agent, alert));
      }
    }),
  );
  agent.destroy();
  return loadOf(shots, startedAt, now());
}

export const isAccepted = (shot: Shot): boolean => shot.answer === 202;

export function codesOf(load: Load): Record<string, number> {
  const codes: Record<string, number> = {};
  for (const { answer } of load.shots) codes[answer] = (codes[answer] ?? 0) + 1;
  return codes;
}
