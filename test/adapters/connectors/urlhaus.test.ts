import nock from "nock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createUrlhaus } from "../../../src/adapters/connectors/urlhaus.ts";
import type { EntityOf } from "../../../src/engine/domain/entity.ts";
import { WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import type { ReputationKind } from "../../../src/engine/ports.ts";
import { reputationContract } from "./reputation-contract.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://urlhaus-api.abuse.ch";
const SHA256 = "8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec";
const signal = new AbortController().signal;

beforeEach(() => nock.disableNetConnect());
afterEach(() => nock.cleanAll());

const connector = () =>
  createUrlhaus(
    { authKey: "haus-secret", url: BASE, perMinute: undefined, perDay: undefined },
    { clock: { now: () => NOW }, http: { again: { times: 0 } } },
  );
const look = (entity: EntityOf<ReputationKind>) => {
  const source = connector().reputation?.[0];
  if (!source) throw new Error("no reputation source");
  return source.look(entity, signal);
};
const post = (path: string, form: Record<string, string>) => nock(BASE, { reqheaders: { "auth-key": "haus-secret" } }).post(path, form);

reputationContract({
  product: "URLhaus",
  keyName: "ABUSECH_AUTH_KEY",
  urlName: "URLHAUS_URL",
  method: "POST",
  create: ({ key, ...settings }, means) => createUrlhaus({ authKey: key, ...settings }, means),
  bad: () => ({
    query_status: "ok",
    url_status: "online",
    threat: "malware_download",
    signature: "Emotet",
    urls: [{ url_status: "online", date_added: "2026-01-19 01:33:26 UTC" }],
  }),
  unknown: { status: 200, body: { query_status: "no_results" } },
  knows404: false,
  hostile: (_, text) => ({
    query_status: "ok",
    url_status: text,
    threat: text,
    tags: [text],
    signature: text,
    file_type: text,
    date_added: text,
    urls: [{ url_status: text, date_added: text }],
  }),
});

describe("urlhaus", () => {
  test("a listed url", async () => {
    const listed = {
      query_status: "ok",
      url_status: "online",
      threat: "malware_download",
      tags: ["emotet"],
      date_added: "2026-01-19 01:33:26 UTC",
    };
    post("/v1/url/", { url: "http://evil.example/a" }).reply(200, listed);
    expect(await look({ kind: "url", url: "http://evil.example/a" })).toMatchObject({
      label: "malicious",
      weight: WEIGHTS.listedMalware,
      text: "URLhaus lists it as a malware URL (malware_download, emotet), online now",
      at: NOW,
    });
    post("/v1/url/", { url: "http://evil.example/a" }).reply(200, { ...listed, url_status: "offline", last_online: null, tags: null });
    expect(await look({ kind: "url", url: "http://evil.example/a" })).toMatchObject({
      label: "malicious",
      at: new Date("2026-01-19T01:33:26Z"),
    });
  });

  test("a host with listed urls is suspicious, not malicious", async () => {
    post("/v1/host/", { host: "files.example" }).reply(200, {
      query_status: "ok",
      url_count: "2",
      urls: [
        { url_status: "offline", date_added: "2026-02-01 00:00:00 UTC" },
        { url_status: "offline", date_added: "2026-02-03 00:00:00" },
      ],
    });
    expect(await look({ kind: "domain", name: "files.example" })).toMatchObject({
      label: "suspicious",
      weight: WEIGHTS.reputationFew,
      text: "URLhaus lists 2 malware URLs on it, 0 online now",
      at: new Date("2026-02-03T00:00:00Z"),
    });
    post("/v1/host/", { host: "93.184.216.34" }).reply(200, { query_status: "ok", urls: [{ url_status: "online" }] });
    expect(await look({ kind: "ip", address: "93.184.216.34" })).toMatchObject({
      label: "suspicious",
      weight: WEIGHTS.reputationSome,
      at: NOW,
    });
  });

  test("a payload, with and without a signature", async () => {
    post("/v1/payload/", { sha256_hash: SHA256 }).reply(200, { query_status: "ok", signature: "Emotet", lastseen: "2020-01-01 00:00:00" });
    expect(await look({ kind: "file", sha256: SHA256 })).toMatchObject({ label: "malicious", weight: WEIGHTS.listedMalware, at: NOW });
    post("/v1/payload/", { md5_hash: "a".repeat(32) }).reply(200, { query_status: "ok", signature: null });
    expect(await look({ kind: "file", md5: "a".repeat(32) })).toMatchObject({ label: "suspicious", weight: WEIGHTS.reputationFew });
    expect(await look({ kind: "file", sha1: "a".repeat(40) })).toMatchObject({ label: "neutral" });
  });

  test("what is not listed is not thereby good", async () => {
    post("/v1/url/", { url: "http://a.example/" }).reply(200, { query_status: "no_results" });
    expect(await look({ kind: "url", url: "http://a.example/" })).toMatchObject({
      label: "neutral",
      weight: 0,
      text: "URLhaus does not list this URL",
    });
    expect(await look({ kind: "ip", address: "10.1.2.3" })).toMatchObject({ label: "neutral", text: "not asked: not a public address" });
  });

  test.each([
    [401, { error: "Unauthorized" }, "refused", "ABUSECH_AUTH_KEY"],
    [200, { query_status: "unknown_auth_key" }, "refused", "ABUSECH_AUTH_KEY"],
    [200, { query_status: "invalid_url" }, "refused", "invalid_url"],
    [404, {}, "refused", "URLHAUS_URL"],
    [429, "", "unavailable", "429"],
    [500, "", "unavailable", "500"],
    [200, { indicator: "x", score: 3 }, "unavailable", "shape air does not know"],
    [200, "x", "unavailable", "shape air does not know"],
    [301, "", "refused", "redirect"],
  ])("%d is told in our words (%#)", async (status, body, kind, text) => {
    post("/v1/host/", { host: "a.example" }).reply(status, body, { "retry-after": "5", location: "https://evil.example/" });
    await expect(look({ kind: "domain", name: "a.example" })).rejects.toMatchObject({
      name: "ConnectorError",
      kind,
      message: expect.stringContaining(text),
      retryAfterMs: status === 429 ? 5000 : undefined,
    });
  });

  test("check", async () => {
    post("/v1/host/", { host: "urlhaus.abuse.ch" }).reply(200, { query_status: "no_results" });
    await connector().check(signal);
    post("/v1/host/", { host: "urlhaus.abuse.ch" }).reply(403, {});
    await expect(connector().check(signal)).rejects.toThrow("ABUSECH_AUTH_KEY");
  });
});
