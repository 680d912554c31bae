import nock from "nock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAbuseIpdb } from "../../../src/adapters/connectors/abuseipdb.ts";
import { WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import { reputationContract } from "./reputation-contract.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://api.abuseipdb.com";
const signal = new AbortController().signal;

beforeEach(() => nock.disableNetConnect());
afterEach(() => nock.cleanAll());

const connector = (fetchOwn?: typeof fetch) =>
  createAbuseIpdb(
    { apiKey: "abuse-secret", url: BASE, perMinute: undefined, perDay: 1000 },
    { clock: { now: () => NOW }, http: { again: { times: 0 } }, ...(fetchOwn && { fetch: fetchOwn }) },
  );
const look = (address = "93.184.216.34") => {
  const source = connector().reputation?.[0];
  if (!source) throw new Error("no reputation source");
  return source.look({ kind: "ip", address }, signal);
};
const request = () =>
  nock(BASE, { reqheaders: { key: "abuse-secret" } })
    .get("/api/v2/check")
    .query({ ipAddress: "93.184.216.34", maxAgeInDays: "90" });
const report = (score: number, users: number, lastReportedAt: string | null = "2026-02-28T12:00:00+00:00") => ({
  data: {
    ipAddress: "93.184.216.34",
    abuseConfidenceScore: score,
    totalReports: users * 2,
    numDistinctUsers: users,
    isWhitelisted: null,
    lastReportedAt,
  },
});

reputationContract({
  product: "AbuseIPDB",
  keyName: "ABUSEIPDB_API_KEY",
  urlName: "ABUSEIPDB_URL",
  method: "GET",
  create: ({ key, ...settings }, means) => createAbuseIpdb({ apiKey: key, ...settings }, means),
  bad: () => report(100, 40),
  good: () => report(0, 0, null),
  unknown: { status: 200, body: report(0, 0, null) },
  knows404: false,
  hostile: (_, text) => ({ data: { ...report(100, 40, text).data, usageType: text, isp: text, countryCode: text } }),
});

describe("abuseipdb", () => {
  test.each([
    [report(100, 40), "malicious", WEIGHTS.reputationStrong],
    [report(100, 2), "malicious", WEIGHTS.reputationSome],
    [report(50, 20), "malicious", WEIGHTS.reputationSome],
    [report(25, 3), "suspicious", WEIGHTS.reputationFew],
    [report(5, 1), "neutral", 0],
    [report(0, 0, null), "neutral", 0],
  ])("weighs the score (%#)", async (body, label, weight) => {
    request().reply(200, body);
    expect(await look()).toMatchObject({ label, weight });
  });

  test("says the numbers, and dates from the latest report", async () => {
    request().reply(200, report(92, 23));
    expect(await look()).toMatchObject({
      text: "AbuseIPDB is 92 % confident that it is abusive: 46 reports by 23 reporters in 90 days",
      at: new Date("2026-02-28T12:00:00Z"),
    });
  });

  test("asks nobody about a private address", async () => {
    expect(await look("192.168.1.1")).toMatchObject({ label: "neutral", text: "not asked: not a public address" });
  });

  test.each([
    [401, { errors: [] }, "refused", "ABUSEIPDB_API_KEY"],
    [404, {}, "refused", "ABUSEIPDB_URL"],
    [422, { errors: [] }, "refused", "invalid"],
    [429, { errors: [] }, "unavailable", "429"],
    [500, "", "unavailable", "500"],
    [200, { data: {} }, "unavailable", "shape air does not know"],
    [200, "nonsense", "unavailable", "shape air does not know"],
    [307, "", "refused", "redirect"],
  ])("%d is told in our words (%#)", async (status, body, kind, text) => {
    request().reply(status, body, { "retry-after": "86400", location: "https://evil.example/" });
    await expect(look()).rejects.toMatchObject({
      name: "ConnectorError",
      kind,
      message: expect.stringContaining(text),
      retryAfterMs: status === 429 ? 86_400_000 : undefined,
    });
  });

  test("no answer in time", async () => {
    const never: typeof fetch = (_url, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true }));
    const source = connector(never).reputation?.[0];
    await expect(source?.look({ kind: "ip", address: "93.184.216.34" }, AbortSignal.timeout(20))).rejects.toMatchObject({
      kind: "unavailable",
    });
  });

  test("check", async () => {
    nock(BASE).get("/api/v2/check").query({ ipAddress: "127.0.0.1", maxAgeInDays: "90" }).reply(200, { data: {} });
    await connector().check(signal);
  });
});
