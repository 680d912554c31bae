import nock from "nock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createVirusTotal } from "../../../src/adapters/connectors/virustotal.ts";
import { sandboxReport } from "../../../src/engine/analyzers/sandbox-report.ts";
import type { Entity, EntityOf } from "../../../src/engine/domain/entity.ts";
import type { Observation } from "../../../src/engine/domain/observation.ts";
import { judge, WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import type { ReputationKind } from "../../../src/engine/ports.ts";
import { NOTHING } from "../../support/lab-capabilities.ts";
import { lookContext } from "../../support/look-context.ts";
import { reputationContract } from "./reputation-contract.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://www.virustotal.com";
const KEY = "vt-secret-key";
const SHA256 = "8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec";
const signal = new AbortController().signal;
const seconds = (iso: string) => Date.parse(iso) / 1000;

beforeEach(() => nock.disableNetConnect());
afterEach(() => nock.cleanAll());

const connector = (perMinute?: number) =>
  createVirusTotal({ apiKey: KEY, url: BASE, perMinute, perDay: undefined }, { clock: { now: () => NOW }, http: { again: { times: 0 } } });
const look = (entity: EntityOf<ReputationKind>, on = connector()) => {
  const source = on.reputation?.[0];
  if (!source) throw new Error("no reputation source");
  return source.look(entity, signal);
};
const file: Extract<Entity, { kind: "file" }> = { kind: "file", sha256: SHA256 };
const answers = (stats: Record<string, number>, more: Record<string, unknown> = {}) => ({
  data: { id: "x", type: "file", attributes: { last_analysis_stats: stats, last_analysis_date: seconds("2026-02-27T12:00:00Z"), ...more } },
});

reputationContract({
  product: "VirusTotal",
  keyName: "VIRUSTOTAL_API_KEY",
  urlName: "VIRUSTOTAL_URL",
  method: "GET",
  create: ({ key, ...settings }, means) => createVirusTotal({ apiKey: key, ...settings }, means),
  bad: () => answers({ malicious: 30, undetected: 40 }),
  good: () => answers({ harmless: 70 }),
  unknown: { status: 404, body: { error: { code: "NotFoundError", message: "not found" } } },
  knows404: true,
  hostile: (_, text) =>
    answers(
      { malicious: 30, undetected: 40 },
      {
        popular_threat_classification: { suggested_threat_label: text },
        sandbox_verdicts: { [text]: { category: text, sandbox_name: text } },
      },
    ),
});

describe("virustotal", () => {
  test.each([
    [{ malicious: 61, undetected: 9 }, "malicious", WEIGHTS.reputationStrong, "61 of 70 engines at VirusTotal call it malicious"],
    [{ malicious: 10, undetected: 60 }, "malicious", WEIGHTS.reputationStrong, "10 of 70 engines at VirusTotal call it malicious"],
    [{ malicious: 4, undetected: 66 }, "malicious", WEIGHTS.reputationSome, "4 of 70 engines at VirusTotal call it malicious"],
    [{ malicious: 3, undetected: 67 }, "suspicious", WEIGHTS.reputationFew, "3 of 70 engines at VirusTotal call it malicious"],
    [
      { malicious: 0, suspicious: 2, undetected: 68 },
      "suspicious",
      WEIGHTS.reputationFew,
      "2 of 70 engines at VirusTotal call it suspicious",
    ],
    [{ malicious: 0, undetected: 70 }, "benign", WEIGHTS.reputationClean, "none of 70 engines at VirusTotal calls it bad"],
    [{ malicious: 0, undetected: 12 }, "neutral", 0, "none of 12 engines at VirusTotal calls it bad, which does not prove it good yet"],
  ])("weighs a file (%#)", async (stats, label, weight, text) => {
    nock(BASE, { reqheaders: { "x-apikey": KEY } })
      .get(`/api/v3/files/${SHA256}`)
      .reply(200, answers(stats));
    expect(await look(file)).toMatchObject({ label, weight, text });
  });

  test("a file by another hash, or by none", async () => {
    nock(BASE)
      .get(`/api/v3/files/${"a".repeat(40)}`)
      .reply(200, answers({ malicious: 20 }));
    nock(BASE)
      .get(`/api/v3/files/${"b".repeat(32)}`)
      .reply(404, { error: { code: "NotFoundError" } });
    expect((await look({ kind: "file", sha1: "a".repeat(40) })).label).toBe("malicious");
    expect(await look({ kind: "file", md5: "b".repeat(32) })).toMatchObject({
      label: "neutral",
      weight: 0,
      text: "VirusTotal does not know this file",
    });
    expect((await look({ kind: "file", name: "a.exe" })).label).toBe("neutral");
  });

  test("asks for addresses, domains and urls by their paths", async () => {
    nock(BASE)
      .get("/api/v3/ip_addresses/203.0.113.7")
      .reply(200, answers({ malicious: 12 }));
    nock(BASE)
      .get("/api/v3/ip_addresses/93.184.216.34")
      .reply(200, answers({ malicious: 12, harmless: 60 }));
    nock(BASE)
      .get("/api/v3/domains/evil.example")
      .reply(200, answers({ malicious: 12 }));
    nock(BASE)
      .get(`/api/v3/urls/${Buffer.from("http://evil.example/a").toString("base64url")}`)
      .reply(200, answers({ malicious: 12 }));
    expect((await look({ kind: "ip", address: "203.0.113.7" })).label).toBe("malicious");
    expect((await look({ kind: "ip", address: "93.184.216.34" })).label).toBe("malicious");
    expect((await look({ kind: "domain", name: "Evil.Example." })).label).toBe("malicious");
    expect((await look({ kind: "url", url: "hxxp://evil[.]example/a?b" })).label).toBe("malicious");
  });

  test.each(["10.0.0.1", "127.0.0.1", "fe80::1", "::ffff:10.0.0.1"])("tells nobody about %s", async (address) => {
    expect(await look({ kind: "ip", address })).toMatchObject({ label: "neutral", text: "not asked: not a public address" });
  });

  test("clean is worth less for what changes hands, and nothing while it is new", async () => {
    const clean = { harmless: 60, undetected: 20 };
    nock(BASE).get("/api/v3/domains/a.example").reply(200, answers(clean));
    nock(BASE)
      .get("/api/v3/domains/b.example")
      .reply(200, answers(clean, { popularity_ranks: { Majestic: { rank: 7 } } }));
    nock(BASE)
      .get("/api/v3/domains/c.example")
      .reply(200, answers({ harmless: 5, undetected: 75 }));
    nock(BASE)
      .get(`/api/v3/files/${SHA256}`)
      .reply(200, answers({ undetected: 70 }, { first_submission_date: seconds("2026-02-28T00:00:00Z") }));
    expect(await look({ kind: "domain", name: "a.example" })).toMatchObject({ label: "benign", weight: WEIGHTS.reputationFew });
    expect(await look({ kind: "domain", name: "b.example" })).toMatchObject({ label: "benign", weight: WEIGHTS.reputationClean });
    expect((await look({ kind: "domain", name: "c.example" })).label).toBe("neutral");
    expect((await look(file)).label).toBe("neutral");
  });

  test("an accusation of a file is of now, one of an address of its analysis, at most one half-life old", async () => {
    const old = { last_analysis_date: seconds("2020-01-01T00:00:00Z") };
    nock(BASE)
      .get(`/api/v3/files/${SHA256}`)
      .reply(200, answers({ malicious: 50 }, old));
    nock(BASE)
      .get("/api/v3/ip_addresses/93.184.216.34")
      .reply(200, answers({ malicious: 50 }));
    nock(BASE)
      .get("/api/v3/ip_addresses/8.8.4.4")
      .reply(200, answers({ malicious: 50 }, old));
    nock(BASE)
      .get("/api/v3/ip_addresses/1.1.1.1")
      .reply(200, answers({ malicious: 50 }, { last_analysis_date: seconds("2030-01-01T00:00:00Z") }));
    expect((await look(file)).at).toEqual(NOW);
    expect((await look({ kind: "ip", address: "93.184.216.34" })).at).toEqual(new Date("2026-02-27T12:00:00Z"));
    expect((await look({ kind: "ip", address: "8.8.4.4" })).at).toEqual(new Date(NOW.getTime() - 90 * 86_400_000));
    expect((await look({ kind: "ip", address: "1.1.1.1" })).at).toEqual(NOW);
  });

  test.each([
    [401, { error: { code: "WrongCredentialsError" } }, "refused", "VIRUSTOTAL_API_KEY"],
    [429, { error: { code: "QuotaExceededError" } }, "unavailable", "429"],
    [200, { data: { attributes: {} } }, "unavailable", "shape air does not know"],
    [200, [], "unavailable", "shape air does not know"],
    [200, "<html>", "unavailable", "shape air does not know"],
    [302, "", "refused", "redirect"],
  ])("%d is told in our words (%#)", async (status, body, kind, text) => {
    nock(BASE).get(`/api/v3/files/${SHA256}`).reply(status, body, { location: "https://evil.example", "retry-after": "60" });
    await expect(look(file)).rejects.toMatchObject({
      name: "ConnectorError",
      kind,
      message: expect.stringContaining(text),
      retryAfterMs: status === 429 ? 60_000 : undefined,
    });
  });

  test("keeps its quota", async () => {
    const limited = connector(4);
    nock(BASE)
      .get(/\/api\/v3\/files\/[0-9a-f]{64}$/)
      .times(4)
      .reply(404, {});
    for (let i = 0; i < 4; i++) await look({ kind: "file", sha256: `${i}`.repeat(64) }, limited);
    await expect(look(file, limited)).rejects.toThrow("not asked: VirusTotal quota of 4 per minute is used up");
  });

  describe("sandboxes", () => {
    const sandbox = (on = connector()) => {
      const source = on.sandboxes?.[0];
      if (!source) throw new Error("no sandbox");
      return source;
    };
    // The shape of docs.virustotal.com/reference/sandbox_verdicts.
    const verdict = (category: string, sandbox_name: string, more: Record<string, unknown> = {}) => ({
      [sandbox_name]: { category, confidence: 90, malware_classification: [category.toUpperCase()], sandbox_name, ...more },
    });
    const told = (verdicts: Record<string, unknown>) => {
      nock(BASE)
        .get(`/api/v3/files/${SHA256}`)
        .reply(200, answers({ malicious: 2, undetected: 68 }, { sandbox_verdicts: verdicts }));
      return sandbox().report(file, signal);
    };
    test.each<[Record<string, unknown>, string, number, string]>([
      [
        {
          ...verdict("malicious", "Zenbox", { malware_names: ["AgentTesla"] }),
          ...verdict("malicious", "C2AE"),
          ...verdict("harmless", "Lastline"),
        },
        "malicious",
        WEIGHTS.reputationSome,
        "2 of 3 sandboxes at VirusTotal call it malicious (AgentTesla): Zenbox, C2AE",
      ],
      [verdict("malicious", "Zenbox"), "suspicious", WEIGHTS.reputationFew, "1 of 1 sandbox at VirusTotal minds what it does: Zenbox"],
      [verdict("suspicious", "Zenbox"), "suspicious", WEIGHTS.reputationFew, "1 of 1 sandbox at VirusTotal minds what it does: Zenbox"],
      [
        { ...verdict("harmless", "Zenbox"), ...verdict("undetected", "C2AE") },
        "neutral",
        0,
        "None of 2 sandboxes at VirusTotal minds what it does, which does not prove it good",
      ],
      [
        { odd: { category: 7, malware_names: "x" } },
        "neutral",
        0,
        "None of 1 sandbox at VirusTotal minds what it does, which does not prove it good",
      ],
    ])("weighs what they say (%#)", async (verdicts, label, weight, text) => {
      expect(await told(verdicts)).toMatchObject({ label, weight, text, at: NOW });
    });
    test("nobody ran it, nobody knows it, or it is no file", async () => {
      expect(await told({})).toBeUndefined();
      nock(BASE).get(`/api/v3/files/${SHA256}`).reply(404, {});
      expect(await sandbox().report(file, signal)).toBeUndefined();
      expect(await sandbox().report({ kind: "url", url: "https://evil.example" }, signal)).toBeUndefined();
      expect(await sandbox().report({ kind: "file", name: "a.exe" }, signal)).toBeUndefined();
    });
    test("speaks in the family of the reputation and is paid for once with it", async () => {
      const both = connector(1);
      nock(BASE)
        .get(`/api/v3/files/${SHA256}`)
        .once()
        .reply(200, answers({ malicious: 20, undetected: 50 }, { sandbox_verdicts: verdict("malicious", "Zenbox") }));
      const [reputation, report] = await Promise.all([look(file, both), sandbox(both).report(file, signal)]);
      expect([reputation.label, report?.label]).toEqual(["malicious", "suspicious"]);
      expect((await look(file, both)).label).toBe("malicious");
      expect(sandbox(both).family).toBe(both.reputation?.[0]?.family);
    });
    test("a failure is shared by who waits for it and by nobody after; who gave up does not fail the other", async () => {
      const on = connector();
      nock(BASE).get(`/api/v3/files/${SHA256}`).once().reply(503, {});
      const both = await Promise.allSettled([look(file, on), sandbox(on).report(file, signal)]);
      expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      nock(BASE)
        .get(`/api/v3/files/${SHA256}`)
        .delay(200)
        .reply(200, answers({ malicious: 20 }));
      nock(BASE)
        .get(`/api/v3/files/${SHA256}`)
        .reply(200, answers({ malicious: 30 }));
      const stopped = new AbortController();
      const first = on.reputation?.[0]?.look(file, stopped.signal);
      const second = sandbox(on).report(file, signal);
      stopped.abort();
      await expect(first).rejects.toThrow(/given up|stopped before/);
      expect(await second).toBeUndefined();
    });
    test("what it found changes a verdict", async () => {
      const report = await told({ ...verdict("malicious", "Zenbox"), ...verdict("malicious", "C2AE") });
      const [look] = sandboxReport.looks(file, { ...NOTHING, sandboxes: [{ ...sandbox(), report: async () => report }] }, lookContext());
      const weigh = (observations: Observation[]) => judge({ observations, sourceFamilies: new Set(), trusted: false, now: NOW }).verdict;
      expect(weigh([])).toBe("unknown");
      expect(weigh((await look?.run(signal)) ?? [])).toBe("suspicious");
    });
  });

  test("check asks once and says when the key is wrong", async () => {
    nock(BASE).get("/api/v3/domains/virustotal.com").reply(200, {});
    await connector().check(signal);
    nock(BASE).get("/api/v3/domains/virustotal.com").reply(401, {});
    await expect(connector().check(signal)).rejects.toThrow("VIRUSTOTAL_API_KEY");
  });
});
