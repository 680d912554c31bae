import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { startPostgres } from "../test/support/found-tools.ts";
import { procStat } from "./air-process.ts";

export type PostgresServer = {
  version: string;
  /** A new, empty database; `remove` drops it whoever is still connected. */
  newDatabase: () => Promise<{ url: string; remove: () => Promise<void> }>;
  /** CPU seconds of the whole server so far; undefined where it does not run on this machine. */
  cpuSeconds: () => number | undefined;
  stop: () => Promise<void>;
};

/** DATABASE_URL, or else a throw-away server; undefined where neither is there. */
export async function findPostgres(): Promise<PostgresServer | undefined> {
  const given = process.env.DATABASE_URL?.trim();
  const own = given ? undefined : startPostgres();
  const url = given || own?.url;
  if (!url) return undefined;
  process.on("exit", () => own?.stop());
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const [row] = await sql<{ version: string; pid: number }[]>`select current_setting('server_version') as version, pg_backend_pid() as pid`;
  const postmaster = procStat(procStat(row?.pid ?? 0)?.parent ?? 0);
  return {
    version: row?.version ?? "unknown",
    newDatabase: async () => {
      const name = `air_bench_${randomBytes(5).toString("hex")}`;
      await sql`create database ${sql(name)}`;
      const made = new URL(url);
      made.pathname = `/${name}`;
      return { url: made.href, remove: async () => void (await sql`drop database if exists ${sql(name)} with (force)`) };
    },
    cpuSeconds: () => (postmaster?.command.startsWith("postgres") ? treeCpu(postmaster.pid) : undefined),
    stop: async () => {
      await sql.end({ timeout: 2 });
    },
  };
}

function treeCpu(postmaster: number): number {
  let sum = 0;
  for (const entry of fs.readdirSync("/proc")) {
    const stat = /^\d+$/.test(entry) ? procStat(Number(entry)) : undefined;
    if (stat?.parent === postmaster) sum += stat.cpuSeconds;
    if (stat?.pid === postmaster) sum += stat.cpuSeconds + stat.reapedCpuSeconds;
  }
  return sum;
}

export const hasPgbench = (): boolean => spawnSync("pgbench", ["--version"]).status === 0;

/** Single-row inserts, each its own commit, from eight clients; how many a second. */
export async function pgbench(url: string, seconds: number): Promise<number> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await sql`create table if not exists bench_rows (id bigint generated always as identity primary key, at timestamptz not null default now(), body text not null)`;
  await sql.end({ timeout: 2 });
  const script = path.join(os.tmpdir(), `air-bench-${process.pid}.sql`);
  fs.writeFileSync(script, `insert into bench_rows (body) values ('${"x".repeat(200)}');\n`);
  const { hostname, port, username, password, pathname } = new URL(url);
  try {
    const { stdout } = await promisify(execFile)(
      "pgbench",
      ["-n", "-c", "8", "-j", "2", "-T", String(Math.max(1, Math.round(seconds))), "-f", script],
      {
        env: {
          PATH: process.env.PATH,
          PGHOST: hostname,
          PGPORT: port || "5432",
          PGUSER: decodeURIComponent(username),
          PGPASSWORD: decodeURIComponent(password),
          PGDATABASE: pathname.slice(1),
        },
      },
    );
    const rate = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]);
    if (!Number.isFinite(rate)) throw new Error(`pgbench said nothing of a rate:\n${stdout}`);
    return rate;
  } finally {
    fs.rmSync(script, { force: true });
  }
}
