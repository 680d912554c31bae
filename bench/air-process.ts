import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { now, sleep, until } from "./clock.ts";
import type { Target } from "./load.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const READY_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 25_000;

export const TOKEN = "bench-token";
export const SLACK_SECRET = "bench-slack-signing-secret";

export type AirSettings = {
  dataDir: string;
  databaseUrl: string | undefined;
  port: number;
  /** air.yaml. */
  yaml: string;
  env: Record<string, string>;
};

export type AirProcess = Target & {
  pid: number;
  readyMs: number;
  usage: () => Usage;
  /** Gone at once, with nothing put away. */
  kill: () => Promise<void>;
  /** SIGTERM, and what air makes of it. */
  stop: () => Promise<void>;
  /** The last lines of its log. */
  tail: () => string;
};
export type Usage = { cpuSeconds: number; rssMiB: number };

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts air as its users do and waits until it says that it is ready. */
export async function startAir(settings: AirSettings): Promise<AirProcess> {
  const url = `http://127.0.0.1:${settings.port}`;
  const startedAt = now();
  const { child, tail } = spawnAir("start", settings);
  let said = "";
  const ready = await until(READY_WITHIN_MS, 10, async () => {
    if (child.exitCode !== null) throw new Error(`air ended with code ${child.exitCode}:\n${tail()}`);
    said = await answerOf(`${url}/readyz`);
    return said === "200" ? now() : undefined;
  });
  if (ready === undefined) {
    child.kill("SIGKILL");
    throw new Error(`air was not ready within a minute, /readyz last: ${said}. ${tail()}`);
  }
  return { ...handle(child, tail), url, token: TOKEN, readyMs: ready - startedAt };
}

/** Starts `air worker` and waits until it works. */
export async function startWorker(settings: AirSettings): Promise<Omit<AirProcess, keyof Target | "readyMs">> {
  const { child, tail } = spawnAir("worker", { ...settings, env: { ...settings.env, LOG_LEVEL: "info" } });
  const ready = await until(READY_WITHIN_MS, 50, async () => {
    if (child.exitCode !== null) throw new Error(`air worker ended with code ${child.exitCode}:\n${tail()}`);
    return tail().includes("worker ready") || undefined;
  });
  if (ready) return handle(child, tail);
  child.kill("SIGKILL");
  throw new Error(`air worker was not ready within a minute:\n${tail()}`);
}

function spawnAir(command: "start" | "worker", settings: AirSettings): { child: ChildProcess; tail: () => string } {
  const config = path.join(settings.dataDir, "air.yaml");
  fs.mkdirSync(settings.dataDir, { recursive: true });
  fs.writeFileSync(config, settings.yaml);
  const child = spawn(process.execPath, ["--max-semi-space-size=16", "src/bot/cli.ts", command], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    // Nothing of our own environment: a DATABASE_URL or a token in it must not reach air.
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      AIR_API_TOKEN: TOKEN,
      AIR_SECRET: "bench-secret-0123456789abcdef",
      AIR_CONFIG: config,
      AIR_DATA_DIR: settings.dataDir,
      PORT: String(settings.port),
      LOG_LEVEL: "warn",
      ...(settings.databaseUrl ? { DATABASE_URL: settings.databaseUrl } : {}),
      ...settings.env,
    },
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-8000);
    });
  }
  return { child, tail: () => said.split("\n").slice(-12).join("\n") };
}

function handle(child: ChildProcess, tail: () => string) {
  const pid = child.pid ?? 0;
  const gone = new Promise<void>((resolve) => (child.exitCode !== null ? resolve() : child.once("exit", () => resolve())));
  return {
    pid,
    tail,
    usage: () => usageOf(pid),
    kill: async () => {
      child.kill("SIGKILL");
      await gone;
    },
    stop: async () => {
      child.kill("SIGTERM");
      await Promise.race([gone, sleep(STOPS_WITHIN_MS)]);
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** The status, or why there was none. */
const answerOf = (url: string): Promise<string> =>
  new Promise((resolve) => {
    const request = http.get(url, { timeout: 1000, agent: false }, (response) => {
      response.resume();
      resolve(String(response.statusCode));
    });
    request.on("timeout", () => request.destroy(new Error("no answer in a second")));
    request.on("error", (error) => resolve(error.message));
  });

/** /proc counts in hundredths of a second on every Linux that matters. */
const TICKS = 100;

export type ProcStat = { pid: number; parent: number; command: string; cpuSeconds: number; reapedCpuSeconds: number };

/** `/proc/<pid>/stat`; undefined where there is no such process or no /proc. */
export function procStat(pid: number): ProcStat | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command stands in parentheses and may hold anything.
    const end = text.lastIndexOf(")");
    const fields = text.slice(end + 2).split(" ");
    const ticks = (at: number) => Number(fields[at] ?? 0) / TICKS;
    return {
      pid,
      parent: Number(fields[1]),
      command: text.slice(text.indexOf("(") + 1, end),
      cpuSeconds: ticks(11) + ticks(12),
      reapedCpuSeconds: ticks(13) + ticks(14),
    };
  } catch {
    return undefined;
  }
}

function usageOf(pid: number): Usage {
  const stat = procStat(pid);
  if (!stat) return { cpuSeconds: Number.NaN, rssMiB: Number.NaN };
  const status = fs.readFileSync(`/proc/${pid}/status`, "utf8");
  return { cpuSeconds: stat.cpuSeconds, rssMiB: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024 };
}
