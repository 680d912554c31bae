import { describe, expect, test } from "vitest";
import { elastic } from "../../../src/adapters/alerts/elastic.ts";
import { readAlerts } from "../../../src/adapters/alerts/read-alerts.ts";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { Alert } from "../../../src/engine/domain/alert.ts";
import { samples } from "../../samples/index.ts";

const parse = (payload: unknown) => {
  const alert = elastic.parse(sanitize(payload));
  expect(Alert.safeParse(alert).error).toBeUndefined();
  return alert;
};
const sample = (name: string) => samples.find((one) => one.name === `elastic/${name}`)?.payload ?? {};
const base = {
  "kibana.alert.uuid": "u1",
  "kibana.alert.rule.name": "Rule",
  "kibana.alert.severity": "high",
  "@timestamp": "2026-10-05T07:48:12.634Z",
};
const entities = (more: Record<string, unknown>) => parse({ ...base, ...more }).entities;

describe("a detection alert of Elastic Security", () => {
  test("the document of an index", () => {
    const alert = parse(sample("credential-dumping"));
    expect(alert).toMatchObject({
      sourceId: "5362e05ff95b29492587ae4ad6a557b4670d15facf58ede6355897da80d9f636",
      title: "Credential dumping",
      severity: "critical",
      category: "CredentialAccess",
      techniques: ["T1003"],
      status: "new",
      product: "elastic",
    });
    expect(alert.detectedAt?.toISOString()).toBe("2026-10-05T07:47:57.376Z");
    expect(alert.entities.map(({ entity }) => entity.kind)).toEqual(["device", "user", "process", "file", "ip", "ip"]);
    expect(alert.raw).toEqual(sample("credential-dumping"));
  });

  test("names dotted, nested and half of each are one", () => {
    const nested = {
      kibana: {
        alert: {
          uuid: "u1",
          severity: "high",
          rule: { name: "Rule", threat: [{ technique: [{ id: "T1059", subtechnique: [{ id: "T1059.001" }] }] }] },
        },
      },
      host: { name: "ws-1" },
    };
    const half = {
      kibana: { "alert.uuid": "u1", alert: { "rule.name": "Rule", severity: "high", "rule.threat": nested.kibana.alert.rule.threat } },
      "host.name": "ws-1",
    };
    expect(parse(nested)).toMatchObject({
      sourceId: "u1",
      title: "Rule",
      techniques: ["T1059.001", "T1059"],
      entities: [{ entity: { kind: "device", name: "ws-1" } }],
    });
    expect({ ...parse(half), raw: 0 }).toEqual({ ...parse(nested), raw: 0 });
  });

  test("an alert over several hosts names them all, whichever way it lists them", () => {
    const names = (more: Record<string, unknown>) => entities(more).flatMap(({ entity }) => (entity.kind === "device" ? entity.name : []));
    expect(names({ host: [{ name: "ws-1" }, { hostname: "ws-2.contoso.com" }, null] })).toEqual(["ws-1", "ws-2.contoso.com"]);
    expect(names({ "host.name": ["ws-1", "ws-2", "ws-1"] })).toEqual(["ws-1", "ws-2"]);
    expect(names({ host: { name: "ws-1", hostname: "ws-1.contoso.com" } })).toEqual(["ws-1.contoso.com"]);
    expect(names({ host: [{ name: "ws-1" }] })).toEqual(["ws-1"]);
  });

  test("signal.* of 7.x, with the id beside the document", () => {
    const _source = {
      signal: { status: "closed", rule: { name: "Old", severity: "low" }, original_time: "2026-10-05T07:00:00Z" },
      "user.name": "kim",
    };
    expect(parse({ _id: "d1", _index: "i", _source })).toMatchObject({ sourceId: "d1", title: "Old", severity: "low", status: "resolved" });
  });

  test("what Elastic Defend stopped, and what it took away", () => {
    const file = { name: "a.exe", path: "C:\\a.exe", hash: { sha256: "a".repeat(64) } };
    const denied = entities({ event: { kind: "alert", type: ["info", "denied"], category: ["malware"] }, file });
    expect(denied).toMatchObject([{ entity: { kind: "file" }, remediation: "blocked" }]);
    expect(parse({ ...base, event: { category: ["malware"] } }).category).toBe("Malware");
    expect(entities({ file: { ...file, Ext: { quarantine_result: true } } })).toMatchObject([{ remediation: "remediated" }]);
  });

  test("who, where, what: every field set that names a thing", () => {
    const found = entities({
      user: { name: "kim", domain: "CORP", id: "S-1-5-21-1", target: { name: "svc" } },
      source: { ip: ["203.0.113.7", "198.51.100.4"] },
      url: { full: "https://a.example/x" },
      dns: { question: { name: "c2.example" } },
      registry: { path: "HKLM\\Run\\x", data: { strings: ["evil.exe"] } },
      email: {
        subject: "Invoice",
        message_id: "<1@a>",
        from: { address: ["x@a.example"] },
        to: { address: ["kim@contoso.example"] },
        attachments: [{ file: { name: "i.zip", hash: { md5: "b".repeat(32) } } }],
      },
      threat: { enrichments: [{ indicator: { ip: "203.0.113.99", type: "ipv4-addr" }, matched: { atomic: "203.0.113.99" } }] },
    });
    expect(found.map(({ entity, verdict }) => [entity.kind, verdict].filter(Boolean).join(" "))).toEqual([
      "user",
      "user",
      "ip",
      "ip",
      "url",
      "domain",
      "registry",
      "message",
      "file",
      "ip suspicious",
    ]);
    expect(found[0]?.entity).toEqual({ kind: "user", name: "CORP\\kim", id: "S-1-5-21-1" });
  });

  test("a signature counts only where Elastic verified it", () => {
    const file = (trusted: unknown) =>
      entities({ file: { name: "a.exe", code_signature: { subject_name: "Microsoft Windows", trusted } } })[0]?.entity;
    expect(file(true)).toMatchObject({ signer: "Microsoft Windows" });
    expect(file("true")).not.toHaveProperty("signer");
    expect(file(undefined)).not.toHaveProperty("signer");
  });

  test.each([
    [21, "low"],
    [22, "medium"],
    [47, "medium"],
    [48, "high"],
    [73, "high"],
    [74, "critical"],
  ])("without a word, a risk of %s is %s", (score, severity) => {
    expect(parse({ ...base, "kibana.alert.severity": undefined, "kibana.alert.risk_score": score }).severity).toBe(severity);
  });

  test("a case, or else the sequence, is the join key", () => {
    expect(parse({ ...base, "kibana.alert.group.id": "g1" }).vendorIncident).toEqual({ id: "g1" });
    expect(parse({ ...base, "kibana.alert.group.id": "g1", "kibana.alert.case_ids": ["c1"] }).vendorIncident).toEqual({ id: "c1" });
  });

  test("a search's hits and a webhook's list are alerts each", () => {
    expect(
      readAlerts(elastic, {
        hits: {
          hits: [
            { _id: "1", _source: base },
            { _id: "2", _source: base },
          ],
        },
      }),
    ).toHaveLength(2);
    expect(readAlerts(elastic, { alerts: [base] })).toHaveLength(1);
    expect(() => readAlerts(elastic, { alerts: [base, { "kibana.alert.uuid": "2" }] })).toThrow(
      expect.objectContaining({ field: "alerts[1].kibana.alert.rule.name" }),
    );
    expect(() => readAlerts(elastic, [base, { "kibana.alert.rule.name": "x" }])).toThrow(
      expect.objectContaining({ field: "alerts[1].kibana.alert.uuid" }),
    );
  });
});
