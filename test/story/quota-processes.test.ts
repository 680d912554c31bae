import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { type AirProcess, startAirProcess } from "../support/air-process.ts";
import { eventually } from "../support/eventually.ts";
import { openTestDb } from "../support/open-test-db.ts";

/* A key's quota is one, however many machines there are: two real processes over one database, and a product that counts. */

const TOKEN = "a-token-for-the-quota-tests";
const PER_DAY = 6;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "air-quota-"));
const running: AirProcess[] = [];
const closing: (() => Promise<void> | void)[] = [];
afterAll(async () => {
  for (const air of running) await air.kill();
  for (const close of closing) await close();
  fs.rmSync(folder, { recursive: true, force: true });
});

async function startSource() {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url ?? "");
    const stats = { malicious: 0, suspicious: 0, harmless: 60, undetected: 10 };
    const seen = Math.floor(Date.now() / 1000) - 3600;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ data: { attributes: { last_analysis_stats: stats, last_analysis_date: seen } } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("two processes share one day's quota to the last question, and what was not asked is said", { timeout: 180_000 }, async () => {
  const database = await openTestDb("postgres");
  closing.push(() => database.close());
  const source = await startSource();
  fs.writeFileSync(path.join(folder, "air.yaml"), `mode: ask\nconnectors: { virustotal: { perMinute: 1000, perDay: ${PER_DAY} } }\n`);
  const env = {
    DATABASE_URL: database.url ?? "",
    AIR_API_TOKEN: TOKEN,
    AIR_SECRET: "a secret for the quota tests",
    VIRUSTOTAL_API_KEY: "a-key",
    VIRUSTOTAL_URL: source.url,
  };
  running.push(
    ...(await Promise.all(["a", "b"].map((name) => startAirProcess(folder, { ...env, AIR_DATA_DIR: path.join(folder, name) })))),
  );
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  const get = async <T>(where: string): Promise<T> => (await (await fetch(`${running[0]?.url}${where}`, { headers })).json()) as T;

  // Twice as many files as may be asked about, each in an alert of its own, told to both.
  const sent = Array.from({ length: PER_DAY * 2 }, (_, n) => {
    const sha256 = createHash("sha256").update(`quota ${n}`).digest("hex");
    const alert = { id: `quota-${n}`, title: `Odd file ${n}`, severity: "high", entities: [{ kind: "file", sha256, name: `f${n}.exe` }] };
    return fetch(`${running[n % 2]?.url}/v1/alerts/generic`, { method: "POST", headers, body: JSON.stringify(alert) });
  });
  expect((await Promise.all(sent)).map(({ status }) => status)).toEqual(sent.map(() => 202));

  type Investigation = { id: string; endedAt: string | null; evidence?: { reasons: { text: string }[] }[] };
  const ended = async () => {
    const { items } = await get<{ items: Investigation[] }>("/v1/investigations?limit=200");
    return items.length === PER_DAY * 2 && items.every(({ endedAt }) => endedAt !== null) ? items : undefined;
  };
  const investigations = await eventually(ended, "the end of every investigation", 60_000);
  expect(new Set(source.asked).size).toBe(PER_DAY);
  expect(source.asked).toHaveLength(PER_DAY);
  const logs = await Promise.all(investigations.map(({ id }) => get<{ items: { text: string }[] }>(`/v1/investigations/${id}/log`)));
  const without = logs.filter(({ items }) => items.some(({ text }) => /not asked: .*(quota|questions)/i.test(text)));
  expect(without).toHaveLength(PER_DAY);
});
