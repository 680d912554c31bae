import { describe, expect, test } from "vitest";
import { defender } from "../../../src/adapters/alerts/defender.ts";
import { readAlerts } from "../../../src/adapters/alerts/read-alerts.ts";
import { samples } from "../../samples/index.ts";

const sample = (name: string) => samples.find((one) => one.name === name)?.payload ?? {};
const read = (payload: unknown) => readAlerts(defender, payload);
const graph = (kind: string, fields: Record<string, unknown>) => ({
  "@odata.type": `#microsoft.graph.security.${kind}Evidence`,
  ...fields,
});

describe("the flat alert of Defender for Endpoint", () => {
  test("becomes what Graph would have said", () => {
    const [alert] = read(sample("mde/prevented-file"));
    expect(alert).toMatchObject({
      sourceId: "da60000000000000000_14",
      severity: "informational",
      status: "new",
      product: "microsoftDefenderForEndpoint",
      vendorIncident: { id: "1126093" },
      raw: sample("mde/prevented-file"),
    });
    expect(alert?.detectedAt?.toISOString()).toBe("2026-10-05T07:33:57.722Z");
    expect(alert?.entities[0]?.entity).toMatchObject({
      kind: "device",
      name: "ws-201.corp.contoso.example",
      id: "b66ec7f8162f3b2f20a898db8c63bef560e7e703",
    });
    expect(alert?.entities[1]).toMatchObject({
      entity: { kind: "file", path: "C:\\Users\\admin\\Downloads\\example.com", device: "ws-201.corp.contoso.example" },
      remediation: "prevented",
    });
  });

  test("every kind of evidence, and one nobody knows", () => {
    const kinds = read(sample("mde/credential-tool"))[0]?.entities.map(({ entity }) => entity.kind);
    expect(new Set(kinds)).toEqual(new Set(["device", "file", "process", "user", "ip", "registry", "generic"]));
  });

  test("words in any case", () => {
    const [alert] = read({
      id: "1",
      title: "t",
      severity: "HIGH",
      status: "INPROGRESS",
      alertCreationTime: "2026-10-05T07:00:00Z",
      evidence: [{ entityType: "FILE", sha1: "A".repeat(40), detectionStatus: "BLOCKED" }],
    });
    expect(alert).toMatchObject({ severity: "high", status: "inProgress", entities: [{ entity: { sha1: "a".repeat(40) } }] });
  });
});

describe("an incident of the Microsoft 365 Defender API", () => {
  test("its alerts, with the incident as join key and its names as Graph spells them", () => {
    const [alert, ...more] = read(sample("m365d/reported-mail"));
    expect(more).toEqual([]);
    expect(alert).toMatchObject({
      sourceId: "ca-reported-mail",
      product: "microsoftDefenderForOffice365",
      vendorIncident: { id: "924513" },
      status: "inProgress",
    });
    expect(alert?.entities.map(({ entity }) => entity.kind)).toEqual([
      "mailbox",
      "mailbox",
      "message",
      "mail-cluster",
      "mail-cluster",
      "mail-cluster",
      "mail-cluster",
      "ip",
    ]);
    expect(alert?.raw).toMatchObject({ incident: { incidentName: "Email reported by user as malware or phish" } });
  });

  test("a file lies on the device that its id names", () => {
    const [alert] = read(sample("m365d/hack-tool"));
    expect(alert?.entities[1]?.entity).toMatchObject({ kind: "file", device: "ws-205.corp.contoso.example" });
  });

  test("a whole reply, and where in it something is wrong", () => {
    const reply = (alertId: unknown) => ({
      value: [sample("m365d/hack-tool"), { incidentId: 2, alerts: [{ alertId, title: "t", creationTime: "2026-10-05T07:00:00Z" }] }],
    });
    expect(read(reply("x")).map((alert) => [alert.sourceId, alert.vendorIncident?.id])).toEqual([
      ["ca-hack-tool", "924509"],
      ["x", "2"],
    ]);
    expect(() => read(reply(null))).toThrow(expect.objectContaining({ code: "invalid", field: "value[1].alerts[0].alertId" }));
  });
});

describe("each product behind alerts_v2, with what it names", () => {
  test.each([
    [
      "microsoftDefenderForEndpoint",
      [
        graph("device", { deviceDnsName: "ws-1", mdeDeviceId: "d1" }),
        graph("file", { mdeDeviceId: "d1", fileDetails: { fileName: "a.exe" } }),
        graph("process", { processCommandLine: "a.exe" }),
        graph("registryKey", { registryHive: "HKLM", registryKey: "Run" }),
      ],
      ["device", "file", "process", "registry"],
    ],
    [
      "microsoftDefenderForOffice365",
      [
        graph("analyzedMessage", {
          networkMessageId: "n",
          recipientEmailAddress: "kim@contoso.example",
          senderIp: "203.0.113.9",
          urls: ["https://a.example"],
        }),
        graph("mailCluster", { query: "q" }),
        graph("mailbox", { primaryAddress: "kim@contoso.example" }),
        graph("url", { url: "https://b.example" }),
      ],
      ["message", "url", "ip", "mail-cluster", "mailbox", "url"],
    ],
    [
      "microsoftDefenderForIdentity",
      [
        graph("user", { userAccount: { accountName: "kim", domainName: "CORP", userSid: "S-1-5-21-1" } }),
        graph("device", { hostName: "dc-1", dnsDomain: "corp.example" }),
        graph("securityGroup", { displayName: "Domain Admins" }),
      ],
      ["user", "device", "generic"],
    ],
    [
      "microsoftDefenderForCloudApps",
      [
        graph("cloudApplication", { appId: 11161, displayName: "Microsoft 365" }),
        graph("oauthApplication", { appId: "a-1", displayName: "Mail reader" }),
        graph("ip", { ipAddress: "203.0.113.9" }),
      ],
      ["cloud-app", "oauth-app", "ip"],
    ],
    [
      "azureAdIdentityProtection",
      [
        graph("user", { userAccount: { userPrincipalName: "kim@contoso.example", azureAdUserId: "u-1" } }),
        graph("ip", { ipAddress: "203.0.113.9" }),
        graph("cloudLogonSession", { sessionId: "s" }),
      ],
      ["user", "ip", "generic"],
    ],
    [
      "microsoft365Defender",
      [
        graph("user", { userAccount: { userPrincipalName: "kim@contoso.example" } }),
        graph("device", { deviceDnsName: "ws-1" }),
        graph("azureResource", { resourceId: "/subscriptions/1" }),
      ],
      ["user", "device", "cloud-resource"],
    ],
    ["microsoftAppGovernance", [graph("oauthApplication", { objectId: "o-1" })], ["oauth-app"]],
  ])("%s", (serviceSource, evidence, kinds) => {
    const [alert] = read({
      id: "1",
      title: "t",
      severity: "Medium",
      serviceSource,
      incidentId: 7,
      createdDateTime: "2026-10-05T07:00:00.1234567Z",
      evidence,
    });
    expect(alert).toMatchObject({ product: serviceSource, vendorIncident: { id: "7" }, severity: "medium" });
    expect(alert?.entities.map(({ entity }) => entity.kind)).toEqual(kinds);
  });

  test.each(["", ".7", ".72", ".721", ".7211", ".72113", ".721130", ".7211305"])("a time with %s", (fraction) => {
    expect(read({ id: "1", title: "t", createdDateTime: `2026-10-05T07:00:00${fraction}Z` })[0]?.detectedAt?.getUTCMilliseconds()).toBe(
      Number(`0${fraction || ".0"}`.padEnd(5, "0").slice(2, 5)),
    );
  });
});
