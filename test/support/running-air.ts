import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { readConfig } from "../../src/bot/config.ts";
import { type Running, startAir } from "../../src/bot/main.ts";
import { openTestDb, preparedOnDisk } from "./open-test-db.ts";
import { rememberingLog } from "./remembering-log.ts";

export type Answer = {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  /** For expectations. */
  json: unknown;
  /** For going on with what was answered. */
  as: <T>() => T;
};
export type Accepted = { accepted: { alert: string; incident: string; investigation: string | null; duplicate: boolean }[] };
export type ActionJson = {
  id: string;
  kind: string;
  state: string;
  version: string;
  incident: string;
  family: string;
  target: Record<string, string>;
  outcome: string | null;
  decision: { decision: string; by: string; via: string } | null;
  approvals: { needed: number; given: { by: string }[] };
};
export type List<T> = { items: T[]; next: string | null };
export type Ask = { method?: string; headers?: Record<string, string>; body?: unknown; raw?: string | Buffer };

export type TestAir = Running & {
  dataDir: string;
  log: ReturnType<typeof rememberingLog>;
  /** Node's own client, because browsers' fetch may not set Host. A `body` is sent as JSON. */
  ask: (path: string, ask?: Ask) => Promise<Answer>;
  post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<Answer>;
  /** As if air.yaml had been written again and read. */
  configure: (yaml: string) => void;
  /** Stops air and removes what it left. */
  remove: () => Promise<void>;
};

export type Settings = {
  env?: Record<string, string>;
  yaml?: string;
  database?: "embedded" | "postgres";
  /** A folder to keep; without it one is made and removed. */
  dataDir?: string;
};

/** The real air on a free port, with its own data directory, configured like any other: by environment and air.yaml. */
export async function openAir(settings: Settings = {}): Promise<TestAir> {
  const dataDir = settings.dataDir ?? fs.mkdtempSync(path.join(os.tmpdir(), "air-test-"));
  const database = settings.database === "postgres" ? await openTestDb("postgres") : undefined;
  if (!settings.dataDir && !database && !settings.env?.DATABASE_URL) preparedOnDisk(dataDir);
  const env = { AIR_DATA_DIR: dataDir, PORT: "0", ...(database?.url ? { DATABASE_URL: database.url } : {}), ...settings.env };
  const configOf = (yaml: string | undefined) => {
    const read = readConfig(env, (file) => (file === "./air.yaml" ? yaml : undefined));
    if (!read.ok) throw new Error(JSON.stringify(read.problems, null, 2));
    return read.config;
  };
  let config = configOf(settings.yaml);
  const log = rememberingLog();
  const running = await startAir(() => config, log, { serve: true });
  const ask = (where: string, how: Ask = {}) => send(new URL(where, running.url), how);
  return {
    ...running,
    dataDir,
    log,
    ask,
    post: (where, body, headers = {}) => ask(where, { method: "POST", body, headers }),
    configure: (yaml) => {
      config = configOf(yaml);
    },
    remove: async () => {
      await running.stop();
      await database?.close();
      if (!settings.dataDir) fs.rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function send(url: URL, { method = "GET", headers = {}, body, raw }: Ask): Promise<Answer> {
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method,
      agent: false,
      headers: {
        ...(content === undefined ? {} : { "content-type": "application/json", "content-length": String(Buffer.byteLength(content)) }),
        ...headers,
      },
    });
    request.once("error", reject);
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text), as: <T>() => parse(text) as T });
      });
    });
    request.end(content);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
