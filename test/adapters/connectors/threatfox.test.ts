import nock from "nock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createThreatFox } from "../../../src/adapters/connectors/threatfox.ts";
import { type EntityOf, entityName } from "../../../src/engine/domain/entity.ts";
import { WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import type { ReputationKind } from "../../../src/engine/ports.ts";
import { reputationContract } from "./reputation-contract.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://threatfox-api.abuse.ch";
const signal = new AbortController().signal;

beforeEach(() => nock.disableNetConnect());
afterEach(() => nock.cleanAll());

const connector = () =>
  createThreatFox({ authKey: "fox-secret", url: BASE, perMinute: undefined, perDay: undefined }, { clock: { now: () => NOW } });
const look = (entity: EntityOf<ReputationKind>) => {
  const source = connector().reputation?.[0];
  if (!source) throw new Error("no reputation source");
  return source.look(entity, signal);
};
const post = (body: Record<string, unknown>) =>
  nock(BASE, { reqheaders: { "auth-key": "fox-secret" } }).post("/api/v1/", body as nock.DataMatcherMap);
/** threatfox.abuse.ch/api, "Search an IOC". */
const entry = (ioc: string, more: Record<string, unknown> = {}) => ({
  id: "41",
  ioc,
  threat_type: "botnet_cc",
  threat_type_desc: "Indicator that identifies a botnet command&control server (C&C)",
  ioc_type: "domain",
  malware: "win.dridex",
  malware_printable: "Dridex",
  confidence_level: 100,
  first_seen: "2026-02-08 13:36:27 UTC",
  last_seen: null,
  reporter: "abuse_ch",
  tags: ["exe", "test"],
  ...more,
});
const ok = (...data: unknown[]) => ({ query_status: "ok", data });

reputationContract({
  product: "ThreatFox",
  keyName: "ABUSECH_AUTH_KEY",
  urlName: "THREATFOX_URL",
  method: "POST",
  create: ({ key, ...settings }, means) => createThreatFox({ authKey: key, ...settings }, means),
  bad: (entity) => ok(entry(entity.kind === "ip" ? `${entity.address}:443` : entityName(entity))),
  unknown: { status: 200, body: { query_status: "no_result", data: "Your search did not yield any results" } },
  knows404: false,
  hostile: (entity, text) => ok(entry(entityName(entity), { malware_printable: text, threat_type: text, first_seen: text })),
});

describe("threatfox", () => {
  test("a command-and-control server, by address and by name", async () => {
    post({ query: "search_ioc", search_term: "45.83.64.1" }).reply(
      200,
      ok(entry("45.83.64.1:8080"), entry("145.83.64.1:1", { confidence_level: 100 })),
    );
    expect(await look({ kind: "ip", address: "45.83.64.1" })).toMatchObject({
      label: "malicious",
      weight: WEIGHTS.listedMalware,
      text: "ThreatFox lists it as a command-and-control server of Dridex, 100 % sure",
      at: new Date("2026-02-08T13:36:27Z"),
      raw: { count: 1 },
    });
    post({ query: "search_ioc", search_term: "gaga.example", exact_match: true }).reply(
      200,
      ok(entry("gaga.example", { confidence_level: 50 })),
    );
    expect(await look({ kind: "domain", name: "gaga.example" })).toMatchObject({ label: "malicious", weight: WEIGHTS.reputationSome });
    post({ query: "search_ioc", search_term: "http://a.example/x", exact_match: true }).reply(
      200,
      ok(entry("http://a.example/x", { confidence_level: 25 })),
    );
    expect(await look({ kind: "url", url: "http://a.example/x" })).toMatchObject({ label: "suspicious", weight: WEIGHTS.reputationFew });
  });

  test("what merely holds the address is not the address", async () => {
    post({ query: "search_ioc", search_term: "1.2.3.4" }).reply(200, ok(entry("11.2.3.4:80"), entry("1.2.3.40:80")));
    expect(await look({ kind: "ip", address: "1.2.3.4" })).toMatchObject({
      label: "neutral",
      text: "ThreatFox does not list this address",
    });
  });

  test("files, by the hashes it knows", async () => {
    post({ query: "search_hash", hash: "a".repeat(64) }).reply(200, ok(entry("x.example")));
    expect(await look({ kind: "file", sha256: "a".repeat(64) })).toMatchObject({
      label: "malicious",
      text: "ThreatFox knows it as malware of Dridex, 100 % sure",
      at: NOW,
    });
    expect((await look({ kind: "file", sha1: "a".repeat(40) })).text).toBe("not asked: ThreatFox knows files by SHA-256 and MD5 only");
  });

  test("refusals with status 200", async () => {
    post({ query: "search_ioc", search_term: "a.example", exact_match: true }).reply(200, { query_status: "unknown_auth_key" });
    await expect(look({ kind: "domain", name: "a.example" })).rejects.toThrow("ABUSECH_AUTH_KEY");
    post({ query: "search_ioc", search_term: "a.example", exact_match: true }).reply(200, { query_status: "illegal_search_term" });
    await expect(look({ kind: "domain", name: "a.example" })).rejects.toThrow("illegal_search_term");
  });
});
