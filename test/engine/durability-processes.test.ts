import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { DATABASES, openTestDb } from "../support/open-test-db.ts";

/* air as its users start it, and kill -9. What is asked of it then is what a person would see: the API, and what the sources were asked. */

/** Not by bin/air.mjs, which starts air as a process of its own: that one would survive a kill -9 of the first. */
const CLI = path.resolve("src/bot/cli.ts");
const TOKEN = "a-token-for-the-durability-tests";
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-durable-"));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** One analyzer in each phase, so that each phase is one question to VirusTotal. */
const PLAYBOOK = `name: general
title: Spread over the phases
description: One question in each phase.
root: [{ look: file-reputation }]
hunting: [{ look: url-reputation }]
scoping: [{ look: ip-reputation }]
remediation:
  - { propose: block-indicator, for: [file, url], when: [malicious], note: It is blocked. }
`;
const YAML = `mode: ask
connectors:
  virustotal: { perMinute: 1000, perDay: 100000 }
  abuseipdb: { perMinute: 1000, perDay: 100000 }
`;

type Asked = { what: string; answered: boolean };

/** VirusTotal and AbuseIPDB. What `holds` says is asked and never answered; whoever asked must die or wait. */
async function startSources() {
  const asked: Asked[] = [];
  const held = new Set<http.ServerResponse>();
  let holds = (_what: string): boolean => false;
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://fake");
    const what = url.searchParams.get("ipAddress") ? `abuse ${url.searchParams.get("ipAddress")}` : url.pathname.replace("/api/v3/", "");
    const answered = !holds(what);
    asked.push({ what, answered });
    if (!answered) {
      held.add(response);
      return;
    }
    const bad = !what.startsWith("ip_addresses");
    const stats = { malicious: bad ? 20 : 0, suspicious: 0, harmless: 60, undetected: 10 };
    const seen = Math.floor(Date.now() / 1000) - 3600;
    const body = what.startsWith("abuse")
      ? { data: { abuseConfidenceScore: 0, totalReports: 0, numDistinctUsers: 0 } }
      : { data: { attributes: { last_analysis_stats: stats, last_analysis_date: seen, first_submission_date: seen - 10_000_000 } } };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    hold: (one: typeof holds) => {
      holds = one;
    },
    stop: () => {
      for (const response of held) response.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) await kill(child);
});
function kill(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.kill("SIGKILL");
  return gone;
}

async function start(env: Record<string, string>): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [CLI, "start"], {
    env: {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      PORT: "0",
      AIR_API_TOKEN: TOKEN,
      AIR_SECRET: "a secret for the durability tests",
      ...env,
    },
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const url = await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`air ended with ${child.exitCode}: ${said}`);
      return /"console":"(http[^"]+)"/.exec(said)?.[1];
    },
    "the start of air",
    40_000,
  );
  return { url, child };
}

const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
async function get<T>(url: string): Promise<T> {
  const response = await fetch(url, { headers });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

type Log = { items: { action: string; status: string; actionType: string; event: string; text: string }[] };
type Investigation = { id: string; status: string; incident: string; endedAt: string | null };
type Things = { sha256: string; url: string; ip: string };

const things = (name: string, ip: string): Things => ({
  sha256: createHash("sha256").update(name).digest("hex"),
  url: `https://${name}.example/load`,
  ip,
});
const asks = ({ sha256, url, ip }: Things) => ({
  root: `files/${sha256}`,
  hunting: `urls/${Buffer.from(url).toString("base64url")}`,
  scoping: `ip_addresses/${ip}`,
  also: `abuse ${ip}`,
});

async function post(air: string, name: string, { sha256, url, ip }: Things): Promise<string> {
  const response = await fetch(`${air}/v1/alerts/generic`, {
    method: "POST",
    headers,
    body: JSON.stringify({
      id: name,
      title: `Something at ${name}`,
      severity: "high",
      category: "Durability",
      detectedAt: new Date().toISOString(),
      entities: [
        { kind: "file", sha256 },
        { kind: "url", url },
        // Scoping looks at what is bad or suspicious already.
        { kind: "ip", address: ip, verdict: "suspicious" },
      ],
    }),
  });
  expect(response.status).toBe(202);
  const { accepted } = (await response.json()) as { accepted: { investigation: string }[] };
  return accepted[0]?.investigation ?? "";
}

/** How an investigation ended, without the names of the things it was about. */
async function endOf(air: string, id: string, { sha256, url, ip }: Things, name: string) {
  const row = await get<Investigation>(`${air}/v1/investigations/${id}`);
  const { items } = await get<Log>(`${air}/v1/investigations/${id}/log`);
  const { items: actions } = await get<{ items: { incident: string; kind: string; state: string }[] }>(`${air}/v1/actions?limit=200`);
  const plain = (text: string) =>
    [sha256, url.replaceAll(".", "[.]"), url, ip, name]
      .reduce((rest, one) => rest.replaceAll(one, "X"), text)
      .replace(/(ALT|EVD|INV|ACT|OBS|INC)-\d+/g, "$1");
  return {
    status: row.status,
    log: items.map((line) => `${line.actionType} ${line.action} ${line.status} ${plain(line.text)}`).sort(),
    actions: actions.flatMap((action) => (action.incident === row.incident ? [`${action.kind} ${action.state}`] : [])).sort(),
  };
}

describe.each(DATABASES)("kill -9 in the middle of each phase, %s", (kind) => {
  test("the investigation ends as an undisturbed one, and what was answered was asked once", { timeout: 180_000 }, async () => {
    const dataDir = fs.mkdtempSync(path.join(folder, "data-"));
    const playbooks = fs.mkdtempSync(path.join(folder, "playbooks-"));
    fs.writeFileSync(path.join(playbooks, "general.yaml"), PLAYBOOK);
    fs.writeFileSync(path.join(dataDir, "air.yaml"), YAML);
    const database = kind === "postgres" ? await openTestDb("postgres") : undefined;
    const sources = await startSources();
    const env = {
      AIR_DATA_DIR: dataDir,
      AIR_CONFIG: path.join(dataDir, "air.yaml"),
      AIR_PLAYBOOKS_DIR: playbooks,
      VIRUSTOTAL_API_KEY: "key",
      VIRUSTOTAL_URL: sources.url,
      ABUSEIPDB_API_KEY: "key",
      ABUSEIPDB_URL: sources.url,
      ...(database?.url ? { DATABASE_URL: database.url } : {}),
    };
    try {
      const disturbed = things("disturbed", "93.184.216.34");
      const { root, hunting, scoping, also } = asks(disturbed);
      const times = (what: string, answered: boolean) =>
        sources.asked.filter((one) => one.what === what && one.answered === answered).length;
      /** Until the answers that came are stored, and each held question has been asked by this process. */
      const inTheMiddle = async (air: string, id: string, stored: readonly string[], held: Record<string, number>) => {
        await eventually(
          async () => {
            const { items } = await get<Log>(`${air}/v1/investigations/${id}/log`);
            const looks = items.filter((line) => line.actionType === "Analysis" && line.status === "Completed").map((line) => line.action);
            return (
              stored.every((look) => looks.includes(look)) && Object.entries(held).every(([what, count]) => times(what, false) === count)
            );
          },
          `${stored.join(", ")} stored, ${Object.keys(held).join(", ")} held`,
          40_000,
        );
      };

      sources.hold((what) => [root, hunting, scoping].includes(what));
      let air = await start(env);
      const id = await post(air.url, "disturbed", disturbed);
      await inTheMiddle(air.url, id, ["ip-reputation/abuseipdb"], { [root]: 1, [hunting]: 1, [scoping]: 1 });
      await kill(air.child);

      sources.hold((what) => [hunting, scoping].includes(what));
      air = await start(env);
      await inTheMiddle(air.url, id, ["file-reputation/virustotal"], { [hunting]: 2, [scoping]: 2 });
      await kill(air.child);

      sources.hold((what) => what === scoping);
      air = await start(env);
      await inTheMiddle(air.url, id, ["url-reputation/virustotal"], { [scoping]: 3 });
      await kill(air.child);

      sources.hold(() => false);
      air = await start(env);
      const ended = (one: string) => async () =>
        !["queued", "running"].includes((await get<Investigation>(`${air.url}/v1/investigations/${one}`)).status);
      await eventually(ended(id), "the end of the disturbed investigation", 40_000);

      const calm = things("calm", "93.184.215.14");
      const other = await post(air.url, "calm", calm);
      await eventually(ended(other), "the end of the undisturbed investigation", 60_000);
      const end = await endOf(air.url, id, disturbed, "disturbed");
      expect(end).toEqual(await endOf(air.url, other, calm, "calm"));
      expect(end).toMatchObject({ status: "pendingApproval" });
      expect(end.actions).toHaveLength(2);

      expect([root, hunting, scoping, also].map((what) => [times(what, false), times(what, true)])).toEqual([
        [1, 1],
        [2, 1],
        [3, 1],
        [0, 1],
      ]);
    } finally {
      for (const child of running) await kill(child);
      sources.stop();
      await database?.close();
    }
  });
});
