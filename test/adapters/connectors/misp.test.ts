import nock from "nock";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMisp } from "../../../src/adapters/connectors/misp.ts";
import type { EntityOf } from "../../../src/engine/domain/entity.ts";
import { WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import type { ReputationKind } from "../../../src/engine/ports.ts";
import { reputationContract } from "./reputation-contract.ts";

const NOW = new Date("2026-03-01T12:00:00Z");
const BASE = "https://misp.example.test";
const signal = new AbortController().signal;

beforeEach(() => nock.disableNetConnect());
afterEach(() => nock.cleanAll());

const connector = () =>
  createMisp({ apiKey: "misp-secret", url: BASE, perMinute: undefined, perDay: undefined }, { clock: { now: () => NOW } });
const look = (entity: EntityOf<ReputationKind>) => {
  const source = connector().reputation?.[0];
  if (!source) throw new Error("no reputation source");
  return source.look(entity, signal);
};
const search = (more: Record<string, unknown>) =>
  nock(BASE, { reqheaders: { authorization: "misp-secret" } }).post("/attributes/restSearch", (body: Record<string, unknown>) => {
    expect(body).toMatchObject({ returnFormat: "json", to_ids: true, enforceWarninglist: true, ...more });
    return true;
  });
/** misp-project.org/openapi, restSearchAttributes. */
const attribute = (value: string, more: Record<string, unknown> = {}) => ({
  id: "12345",
  event_id: "77",
  category: "Network activity",
  type: "domain",
  value,
  to_ids: true,
  uuid: "c99506a6-1255-4b71-afa5-7b8ba48c3b1b",
  timestamp: "1772323200",
  deleted: false,
  Event: { id: "77", info: "OSINT - Emotet", published: true, orgc_id: "1" },
  ...more,
});
const answer = (...attributes: unknown[]) => ({ response: { Attribute: attributes } });
const named = (entity: EntityOf<ReputationKind>) =>
  entity.kind === "file" ? (entity.sha256 ?? "") : entity.kind === "ip" ? entity.address : entity.kind === "url" ? entity.url : entity.name;

reputationContract({
  product: "MISP",
  keyName: "MISP_API_KEY",
  urlName: "MISP_URL",
  method: "POST",
  create: ({ key, ...settings }, means) => createMisp({ apiKey: key, ...settings }, means),
  bad: (entity) => answer(attribute(named(entity))),
  unknown: { status: 200, body: answer() },
  knows404: false,
  hostile: (entity, text) =>
    answer(attribute(named(entity), { Event: { info: text, published: true }, Tag: [{ name: text }], timestamp: text })),
});

describe("misp", () => {
  const domain = { kind: "domain", name: "evil.example" } as const;

  test("one event is one report, two are more", async () => {
    search({ value: "evil.example", type: ["domain", "hostname", "domain|ip", "hostname|port"] }).reply(
      200,
      answer(attribute("evil.example")),
    );
    expect(await look(domain)).toMatchObject({
      label: "malicious",
      weight: WEIGHTS.reputationSome,
      text: "MISP holds it as an indicator in 1 event (OSINT - Emotet)",
      at: new Date("2026-03-01T00:00:00Z"),
    });
    search({}).reply(200, answer(attribute("evil.example"), attribute("evil.example|192.0.2.1", { event_id: 78, type: "domain|ip" })));
    expect(await look(domain)).toMatchObject({ label: "malicious", weight: WEIGHTS.reputationStrong });
  });

  test("not published yet is a hint", async () => {
    search({}).reply(200, answer(attribute("evil.example", { Event: { info: "draft", published: false } })));
    expect(await look(domain)).toMatchObject({ label: "suspicious", weight: WEIGHTS.reputationFew });
  });

  test.each([
    ["not meant for detection", { to_ids: false }],
    ["on a warning list", { warnings: [{ warninglist_id: "8", warninglist_name: "Top 1000 domains" }] }],
    ["marked as a false positive", { Tag: [{ name: 'false-positive:risk="high"' }] }],
    ["another value", { value: "evilXexample" }],
  ])("what is %s does not count, whatever MISP makes of the filter", async (_, more) => {
    search({}).reply(200, answer(attribute("evil.example", more)));
    expect(await look(domain)).toMatchObject({ label: "neutral", text: "MISP holds no indicator for this domain" });
  });

  test("a file by all of its hashes, an address with a port", async () => {
    const [sha256, md5] = ["a".repeat(64), "b".repeat(32)];
    search({ value: [sha256, md5] }).reply(200, answer(attribute(`evil.exe|${md5}`, { type: "filename|md5" })));
    expect(await look({ kind: "file", sha256, md5 })).toMatchObject({ label: "malicious", at: NOW });
    search({ value: "45.83.64.1" }).reply(200, answer(attribute("45.83.64.1|443", { type: "ip-dst|port" })));
    expect((await look({ kind: "ip", address: "45.83.64.1" })).label).toBe("malicious");
  });

  test("says what MISP said of the key", async () => {
    search({}).reply(403, { name: "Authentication failed.", message: "Authentication failed. No key.", url: "/attributes/restSearch" });
    await expect(look(domain)).rejects.toThrow("MISP refused air's key (403): Authentication failed. No key");
    nock(BASE).get("/servers/getVersion").reply(200, { version: "2.5.20", perm_sync: false });
    await connector().check(signal);
  });
});
