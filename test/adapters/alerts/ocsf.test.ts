import { describe, expect, test } from "vitest";
import { ocsf } from "../../../src/adapters/alerts/ocsf.ts";
import { readAlerts } from "../../../src/adapters/alerts/read-alerts.ts";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { Alert } from "../../../src/engine/domain/alert.ts";
import { samples } from "../../samples/index.ts";

const parse = (payload: unknown) => {
  const alert = ocsf.parse(sanitize(payload));
  expect(Alert.safeParse(alert).error).toBeUndefined();
  return alert;
};
const sample = (name: string) => samples.find((one) => one.name === `ocsf/${name}`)?.payload ?? {};
const base = { class_uid: 2004, severity_id: 4, time: 1_791_183_922_487, finding_info: { uid: "f1", title: "Finding" } };
const entities = (more: Record<string, unknown>) => parse({ ...base, ...more }).entities;
const sha256 = "a".repeat(64);

describe("a finding in OCSF", () => {
  test("Detection Finding of Security Hub", () => {
    const alert = parse(sample("security-hub-guardduty"));
    expect(alert).toMatchObject({
      sourceId: "arn:aws:guardduty:us-east-2:111122223333:detector/1EXAMPLE/finding/1",
      severity: "low",
      category: "DefenseEvasion",
      product: "GuardDuty",
      status: "new",
      url: expect.stringMatching(/^https:/),
    });
    expect(alert.detectedAt?.toISOString()).toBe("2026-10-05T07:05:22.487Z");
    expect(alert.entities).toEqual([
      { entity: { kind: "ip", address: "203.0.113.131" }, roles: ["source"] },
      { entity: { kind: "access-key", id: "ASIAEXAMPLE" }, roles: [] },
    ]);
  });

  test("what the product blocked is blocked", () => {
    expect(parse(sample("okta-blocked")).entities[0]).toEqual({
      entity: { kind: "ip", address: "203.0.113.140" },
      roles: ["source"],
      remediation: "blocked",
    });
  });

  test.each([
    [2, "blocked"],
    [3, "remediated"],
    [5, "remediated"],
    [6, "blocked"],
    [1, undefined],
    [15, undefined],
  ])("disposition %s is %s", (disposition_id, remediation) => {
    expect(entities({ disposition_id, evidences: [{ file: { name: "a.exe" } }] })[0]?.remediation).toBe(remediation);
  });

  test("evidences: who, what, where from, with the verdict on each", () => {
    const found = entities({
      device: { hostname: "ws-1.contoso.example", uid: "aid-1", os: { name: "Windows" } },
      evidences: [
        {
          verdict_id: 2,
          actor: { user: { name: "kim", domain: "CORP", uid: "S-1-5-21-1" }, process: { name: "explorer.exe", pid: 4 } },
          process: {
            name: "x.exe",
            pid: 7,
            cmd_line: "x.exe -e",
            file: { path: "C:\\x.exe", hashes: [{ algorithm_id: 3, value: sha256 }] },
            parent_process: { name: "explorer.exe" },
          },
          dst_endpoint: { ip: "203.0.113.9", hostname: "c2.example" },
          url: { url_string: "https://c2.example/a" },
        },
        { verdict_id: 4, email: { subject: "Invoice", from: "x@a.example", to: ["kim@contoso.example"], message_uid: "<1@a>" } },
        { name: "somethingNew", data: { a: 1 } },
      ],
    });
    expect(found.map(({ entity, verdict }) => [entity.kind, verdict].filter(Boolean).join(" "))).toEqual([
      "device",
      "user",
      "process",
      "process malicious",
      "file",
      "ip malicious",
      "domain malicious",
      "url malicious",
      "message suspicious",
      "generic",
    ]);
    expect(found[0]?.entity).toEqual({ kind: "device", name: "ws-1.contoso.example", os: "Windows" });
    expect(found[3]?.entity).toMatchObject({ pid: 7, sha256, device: "ws-1.contoso.example", parent: "explorer.exe", path: "C:\\x.exe" });
    expect(found.at(-1)?.entity).toMatchObject({ type: "somethingNew" });
  });

  test("observables name what nothing else does", () => {
    const found = entities({
      evidences: [{ src_endpoint: { ip: "203.0.113.9" } }],
      observables: [
        { type_id: 2, value: "203.0.113.9" },
        { type_id: 2, value: "198.51.100.7", reputation: { score_id: 10 } },
        { type_id: 8, value: sha256.toUpperCase() },
        { type_id: 6, value: "https://a.example/" },
        { type_id: 21 },
        { type_id: 14, value: "Germany" },
      ],
    });
    expect(found).toEqual([
      { entity: { kind: "ip", address: "203.0.113.9" }, roles: ["source"] },
      { entity: { kind: "ip", address: "198.51.100.7" }, roles: [], verdict: "malicious" },
      { entity: { kind: "file", sha256 }, roles: [] },
      { entity: { kind: "url", url: "https://a.example/" }, roles: [] },
    ]);
  });

  test("a host among the observables is a device only where the finding calls it one; an address of a mail is somebody's", () => {
    const found = entities({
      device: { hostname: "ws-042.contoso.example" },
      evidences: [{ device: { hostname: "srv-7" } }],
      observables: [
        { type_id: 1, name: "evidences[0].dst_endpoint.hostname", value: "c2.evil.example" },
        { type_id: 1, value: "beacon.evil.example", reputation: { score_id: 10 } },
        { type_id: 1, name: "src_endpoint.hostname", value: "KALI" },
        { type_id: 1, value: "SRV-7.contoso.example" },
        { type_id: 1, name: "resources[0].device.hostname", value: "db-1" },
        { type_id: 5, name: "email.from", value: "boss@evil.example" },
        { type_id: 5, name: "evidences[0].email.to[0]", value: "mia@contoso.example" },
        { type_id: 5, name: "actor.user.email_addr", value: "noor@contoso.example" },
        { type_id: 5, value: "kai@contoso.example" },
      ],
    }).map(({ entity, roles, verdict }) => [entity.kind, Object.values(entity)[1], ...roles, ...(verdict ? [verdict] : [])]);
    expect(found).toEqual([
      ["device", "ws-042.contoso.example"],
      ["device", "srv-7"],
      ["domain", "c2.evil.example"],
      ["domain", "beacon.evil.example", "malicious"],
      ["generic", "hostname"],
      ["device", "db-1"],
      ["mailbox", "boss@evil.example", "sender"],
      ["mailbox", "mia@contoso.example", "recipient"],
      ["user", "noor@contoso.example"],
      ["mailbox", "kai@contoso.example"],
    ]);
  });

  test("the older Security Finding", () => {
    const alert = parse({
      class_uid: 2001,
      state_id: 4,
      severity_id: 5,
      finding: { uid: "s1", title: "Old", types: ["x"] },
      attacks: [{ technique: { uid: "T1059" }, tactics: [{ name: "Execution" }] }],
      malware: [{ name: "Bad", path: "/tmp/bad" }],
      process: { name: "sh", cmd_line: "sh -c x" },
      resources: [{ uid: "arn:aws:ec2:eu-west-1:1:instance/i-1" }],
    });
    expect(alert).toMatchObject({ sourceId: "s1", severity: "critical", status: "resolved", techniques: ["T1059"], category: "Malware" });
    expect(alert.entities.map(({ entity }) => entity.kind)).toEqual(["process", "file", "cloud-resource"]);
  });

  test.each([
    [0, "medium"],
    [1, "informational"],
    [2, "low"],
    [3, "medium"],
    [4, "high"],
    [5, "critical"],
    [6, "critical"],
    [99, "medium"],
  ])("severity_id %s is %s", (severity_id, severity) => {
    expect(parse({ ...base, severity_id }).severity).toBe(severity);
  });

  test("seconds and milliseconds of 1970", () => {
    expect(parse({ ...base, time: 1_791_183_922 }).detectedAt?.toISOString()).toBe("2026-10-05T07:05:22.000Z");
    expect(parse(base).detectedAt?.toISOString()).toBe("2026-10-05T07:05:22.487Z");
  });

  test("in the event Security Hub sends", () => {
    expect(
      readAlerts(ocsf, {
        "detail-type": "Findings Imported V2",
        detail: { findings: [base, { ...base, finding_info: { uid: "f2", title: "Two" } }] },
      }).map((one) => one.sourceId),
    ).toEqual(["f1", "f2"]);
  });

  test.each([
    [{ finding_info: base.finding_info }, "class_uid"],
    [{ ...base, class_uid: 3002 }, "class_uid"],
    [{ ...base, finding_info: undefined }, "finding_info"],
    [{ ...base, finding_info: 7 }, "finding_info"],
    [{ ...base, finding_info: { title: "x" } }, "finding_info.uid"],
    [{ ...base, finding_info: { uid: "x" } }, "finding_info.title"],
    [{ class_uid: 2001, finding: { uid: "x" } }, "finding.title"],
    [{ detail: { ...base, class_uid: 1 } }, "detail.class_uid"],
  ])("says which field is wrong (%#)", (payload, field) => {
    expect(() => ocsf.parse(sanitize(payload))).toThrow(expect.objectContaining({ code: "invalid", field }));
  });
});
