import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { alertSources } from "../../../src/adapters/alerts/all.ts";
import { defender } from "../../../src/adapters/alerts/defender.ts";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { Alert } from "../../../src/engine/domain/alert.ts";
import { Refusal } from "../../../src/engine/domain/errors.ts";
import fc from "../../support/fast-check.ts";

const sample: Record<string, unknown> = JSON.parse(
  readFileSync(new URL("../../fixtures/defender/hidden-file.json", import.meta.url), "utf8"),
);
const parse = (payload: unknown) => {
  const alert = defender.parse(sanitize(payload));
  expect(Alert.safeParse(alert).error).toBeUndefined();
  return alert;
};
const withEvidence = (...evidence: unknown[]) => parse({ id: "da1", title: "T", severity: "high", evidence }).entities;
const graph = (kind: string, fields: Record<string, unknown>) => ({ "@odata.type": `#microsoft.graph.security.${kind}`, ...fields });

describe("defender alert", () => {
  test("the documented sample", () => {
    const alert = parse(sample);
    expect(alert).toMatchObject({
      sourceId: "da637551227677560813_-961444813",
      title: "Suspicious execution of hidden file",
      severity: "low",
      category: "DefenseEvasion",
      techniques: ["T1564.001"],
      status: "new",
      product: "microsoftDefenderForEndpoint",
      vendorIncident: { id: "28282", url: "https://security.microsoft.com/incidents/28282?tid=b3c1b5fc-828c-45fa-a1e1-10d74f6d6e9c" },
      raw: sample,
    });
    expect(alert.detectedAt?.toISOString()).toBe("2021-04-27T12:19:27.721Z");
    const file = {
      kind: "file",
      sha256: "8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec",
      sha1: "5f1e8acedc065031aad553b710838eb366cfee9a",
      name: "MsSense.exe",
      path: "C:\\Program Files\\temp\\MsSense.exe",
      device: "tempDns",
    };
    expect(alert.entities).toEqual([
      {
        entity: { kind: "device", name: "tempDns", id: "73e7e2de709dff64ef64b1d0c30e67fab63279db", os: "Windows10" },
        roles: ["compromised"],
        verdict: "unknown",
        remediation: "none",
      },
      { entity: file, roles: [], verdict: "unknown", remediation: "none" },
      {
        entity: {
          kind: "process",
          commandLine: '"MsSense.exe"',
          name: "MsSense.exe",
          path: "C:\\Program Files\\temp\\MsSense.exe",
          sha256: file.sha256,
          pid: 4780,
          device: "tempDns",
          user: "NT AUTHORITY\\SYSTEM",
          parent: "C:\\Windows\\System32\\services.exe",
        },
        roles: [],
        verdict: "unknown",
        remediation: "none",
      },
      {
        entity: { kind: "registry", key: "HKEY_LOCAL_MACHINE\\SYSTEM\\CONTROLSET001\\CONTROL\\WMI\\AUTOLOGGER\\SENSEAUDITLOGGER" },
        roles: [],
        verdict: "unknown",
        remediation: "none",
      },
    ]);
  });

  test("a mail brings its urls and the sender's address", () => {
    const entities = withEvidence(
      graph("analyzedMessageEvidence", {
        networkMessageId: "n1",
        internetMessageId: "<i1@mail>",
        subject: "Invoice",
        recipientEmailAddress: "mia@contoso.com",
        senderIp: "203.0.113.9",
        p1Sender: { emailAddress: "bounce@evil.example" },
        p2Sender: { emailAddress: "boss@evil.example" },
        urls: ["https://evil.example/a", 7],
        verdict: "Malicious",
        deliveryAction: "Blocked",
        remediationStatus: "None",
        roles: ["Attacker", "unknown"],
      }),
    );
    expect(entities).toEqual([
      {
        entity: {
          kind: "message",
          networkMessageId: "n1",
          internetMessageId: "<i1@mail>",
          subject: "Invoice",
          sender: "boss@evil.example",
          envelopeSender: "bounce@evil.example",
          recipient: "mia@contoso.com",
        },
        roles: ["attacker"],
        verdict: "malicious",
        remediation: "blocked",
      },
      { entity: { kind: "url", url: "https://evil.example/a" }, roles: [] },
      { entity: { kind: "ip", address: "203.0.113.9" }, roles: ["source"] },
    ]);
  });

  test.each([
    [
      graph("userEvidence", {
        userAccount: { accountName: "mia", domainName: "CONTOSO", userPrincipalName: "mia@contoso.com", azureAdUserId: "u-1" },
      }),
      { kind: "user", email: "mia@contoso.com", name: "CONTOSO\\mia", id: "u-1" },
    ],
    [
      graph("userEvidence", { userAccount: { accountName: "SYSTEM", domainName: "NT AUTHORITY", userSid: "S-1-5-18" } }),
      { kind: "user", name: "NT AUTHORITY\\SYSTEM", id: "S-1-5-18" },
    ],
    [graph("mailboxEvidence", { primaryAddress: "mia@contoso.com" }), { kind: "mailbox", address: "mia@contoso.com" }],
    [graph("mailClusterEvidence", { clusterBy: "Subject;P2SenderDomain", query: "q" }), { kind: "mail-cluster", query: "q" }],
    [graph("ipEvidence", { ipAddress: "2001:db8::1" }), { kind: "ip", address: "2001:db8::1" }],
    [graph("urlEvidence", { url: "http://evil.example" }), { kind: "url", url: "http://evil.example" }],
    [
      graph("registryValueEvidence", { registryHive: "HKCU", registryKey: "Run", registryValueName: "x", registryValue: "evil.exe" }),
      { kind: "registry", key: "HKCU\\Run", value: "x" },
    ],
    [graph("cloudApplicationEvidence", { appId: 11161, displayName: "Office" }), { kind: "cloud-app", id: "11161", name: "Office" }],
    [graph("oauthApplicationEvidence", { appId: "a-1", displayName: "App" }), { kind: "oauth-app", id: "a-1", name: "App" }],
    [graph("deviceEvidence", { hostName: "ws-1", dnsDomain: "contoso.com" }), { kind: "device", name: "ws-1.contoso.com" }],
    [
      graph("securityGroupEvidence", { createdDateTime: "2026-01-01T00:00:00Z", securityGroupId: "g-1", displayName: "Admins" }),
      { kind: "generic", type: "securityGroupEvidence", value: '{"securityGroupId":"g-1","displayName":"Admins"}' },
    ],
    [graph("kubernetesPodEvidence", { name: "web" }), { kind: "generic", type: "kubernetesPodEvidence", value: '{"name":"web"}' }],
    [graph("ipEvidence", { ipAddress: "not one" }), { kind: "generic", type: "ipEvidence", value: '{"ipAddress":"not one"}' }],
    [
      graph("fileEvidence", { fileDetails: { sha256: "zz", fileName: "a.exe", filePublisher: "Microsoft Corporation" } }),
      { kind: "file", name: "a.exe" },
    ],
    [{ ipAddress: "203.0.113.1" }, { kind: "generic", type: "evidence", value: '{"ipAddress":"203.0.113.1"}' }],
  ])("maps evidence (%#)", (evidence, entity) => {
    expect(withEvidence(evidence).map((named) => named.entity)).toEqual([entity]);
  });

  test("a file that was prevented is nothing left to do", () => {
    expect(
      withEvidence(
        graph("fileEvidence", { detectionStatus: "prevented", remediationStatus: "none", fileDetails: { fileName: "a.exe" } }),
      )[0],
    ).toMatchObject({ remediation: "prevented" });
    expect(
      withEvidence(
        graph("fileEvidence", { detectionStatus: "detected", remediationStatus: "pendingApproval", fileDetails: { fileName: "a.exe" } }),
      )[0],
    ).toMatchObject({ remediation: "pendingApproval" });
  });

  test("a file whose device is not described keeps the device's id, and a path is not doubled", () => {
    expect(
      withEvidence(graph("fileEvidence", { mdeDeviceId: "d-9", fileDetails: { fileName: "a", filePath: "/tmp" } }))[0]?.entity,
    ).toEqual({
      kind: "file",
      name: "a",
      path: "/tmp/a",
      device: "d-9",
    });
    expect(withEvidence(graph("fileEvidence", { fileDetails: { fileName: "a.exe", filePath: "C:\\x\\A.exe" } }))[0]?.entity).toMatchObject({
      path: "C:\\x\\A.exe",
    });
  });

  test.each([
    ["High", "high"],
    ["informational", "informational"],
    ["unknown", "medium"],
    ["unknownFutureValue", "medium"],
    [undefined, "medium"],
    [7, "medium"],
  ])("severity %s is %s", (severity, expected) => {
    expect(parse({ id: "1", title: "t", severity, evidence: [] }).severity).toBe(expected);
  });

  test.each([
    ["Resolved", "resolved"],
    ["InProgress", "inProgress"],
    ["new", "new"],
    ["whatever", "new"],
  ])("status %s is %s", (status, expected) => {
    expect(parse({ id: "1", title: "t", status, evidence: [] }).status).toBe(expected);
  });

  test.each(["2021-04-27T12:19:27Z", "2021-04-27T12:19:27.7Z", "2021-04-27T12:19:27.7211305Z"])("takes the time %s", (createdDateTime) => {
    expect(parse({ id: "1", title: "t", createdDateTime }).detectedAt?.getUTCSeconds()).toBe(27);
  });

  test("times and addresses that are none are left out", () => {
    const alert = parse({ id: "1", title: "t", createdDateTime: "soon", alertWebUrl: "javascript:1", incidentId: 42 });
    expect(alert).not.toHaveProperty("detectedAt");
    expect(alert).not.toHaveProperty("url");
    expect(alert.vendorIncident).toEqual({ id: "42" });
  });

  test("more than 1000 things are cut, not refused", () => {
    const evidence = Array.from({ length: 1200 }, (_, i) => graph("urlEvidence", { url: `http://x.example/${i}` }));
    expect(withEvidence(...evidence)).toHaveLength(1000);
  });

  test.each([
    [{ title: "t" }, "id"],
    [{ id: "1" }, "title"],
    [{ id: "1", title: null }, "title"],
    [{ id: "x".repeat(1025), title: "t" }, "id"],
  ])("needs id and title (%#)", (payload, field) => {
    expect(() => defender.parse(payload)).toThrow(expect.objectContaining({ code: "invalid", field }));
  });

  test("whatever the evidence holds, the alert is kept", () => {
    const kinds = ["deviceEvidence", "fileEvidence", "processEvidence", "userEvidence", "analyzedMessageEvidence", "ipEvidence", "x"];
    const evidence = fc
      .tuple(
        fc.constantFrom(...kinds),
        fc.object({ maxDepth: 2, key: fc.constantFrom("url", "userAccount", "fileDetails", "fileName", "verdict", "roles", "ipAddress") }),
      )
      .map(([kind, fields]) => graph(kind, fields));
    fc.assert(
      fc.property(fc.array(fc.oneof(evidence, fc.anything())), fc.anything(), (items, severity) => {
        let clean: unknown;
        try {
          clean = sanitize({ id: "1", title: "t", severity, evidence: items });
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          return;
        }
        expect(Alert.safeParse(defender.parse(clean)).error).toBeUndefined();
      }),
    );
  });

  test("the list of sources", () => {
    expect(alertSources.map((source) => source.kind)).toEqual(["generic", "defender", "guardduty", "wazuh", "ocsf", "elastic"]);
  });
});
