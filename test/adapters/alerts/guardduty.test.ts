import { describe, expect, test } from "vitest";
import { alertSources } from "../../../src/adapters/alerts/all.ts";
import { guardduty } from "../../../src/adapters/alerts/guardduty.ts";
import { readAlerts } from "../../../src/adapters/alerts/read-alerts.ts";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { Alert } from "../../../src/engine/domain/alert.ts";
import { Refusal } from "../../../src/engine/domain/errors.ts";
import fc from "../../support/fast-check.ts";

const ACCOUNT = "111122223333";
const SHA256 = "8963a19fb992ad9a76576c5638fd68292cffb9aaac29eb8285f9abf6196a7dec";
const common = {
  schemaVersion: "2.0",
  accountId: ACCOUNT,
  region: "eu-central-1",
  partition: "aws",
  id: "2cbf285e52a6e74ff96f4cb3cf93296d",
  arn: `arn:aws:guardduty:eu-central-1:${ACCOUNT}:detector/48bf285e13736c6c722945805b3e224a/finding/2cbf285e52a6e74ff96f4cb3cf93296d`,
  createdAt: "2026-10-05T08:51:23.824Z",
  updatedAt: "2026-10-05T08:59:00.000Z",
};
const instance = {
  instanceId: "i-0123456789abcdef0",
  instanceType: "t3.micro",
  platform: null,
  networkInterfaces: [
    {
      privateIpAddress: "10.0.4.17",
      privateIpAddresses: [{ privateIpAddress: "10.0.4.17" }],
      publicIp: "198.51.100.17",
      ipv6Addresses: [],
    },
  ],
};
const arn = `arn:aws:ec2:eu-central-1:${ACCOUNT}:instance/i-0123456789abcdef0`;

/** An instance whose SSH port is tried from outside. */
const ec2 = {
  ...common,
  type: "UnauthorizedAccess:EC2/SSHBruteForce",
  resource: { resourceType: "Instance", instanceDetails: instance },
  service: {
    serviceName: "guardduty",
    action: {
      actionType: "NETWORK_CONNECTION",
      networkConnectionAction: {
        connectionDirection: "INBOUND",
        remoteIpDetails: { ipAddressV4: "203.0.113.9", organization: { asn: "-1" } },
        localPortDetails: { port: 22, portName: "SSH" },
        protocol: "TCP",
        blocked: false,
      },
    },
    resourceRole: "TARGET",
    eventFirstSeen: "2026-10-05T08:40:00Z",
    archived: false,
    count: 12,
  },
  severity: 2,
  title: "203.0.113.9 is performing SSH brute force attacks against i-0123456789abcdef0.",
  description: "i-0123456789abcdef0 is under an SSH brute force attack.",
};
/** A key used from an address on a list of threats. */
const iam = {
  ...common,
  type: "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
  resource: {
    resourceType: "AccessKey",
    accessKeyDetails: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", principalId: "AIDAEXAMPLEPRINCIPAL", userType: "IAMUser", userName: "deploy" },
  },
  service: {
    action: {
      actionType: "AWS_API_CALL",
      awsApiCallAction: { api: "ListBuckets", serviceName: "s3.amazonaws.com", remoteIpDetails: { ipAddressV4: "203.0.113.80" } },
    },
    resourceRole: "TARGET",
    evidence: { threatIntelligenceDetails: [{ threatListName: "CustomList", threatNames: ["x"] }] },
  },
  severity: 5,
  title: "API ListBuckets was invoked from an IP address on a custom threat list.",
};
/** A bucket read with root's credentials. */
const s3 = {
  ...common,
  type: "PenTest:S3/ParrotLinux",
  resource: {
    resourceType: "S3Bucket",
    accessKeyDetails: { accessKeyId: "ASIAIOSFODNN7EXAMPLE", principalId: ACCOUNT, userType: "Root", userName: "Root" },
    s3BucketDetails: [{ arn: "arn:aws:s3:::contoso-reports", name: "contoso-reports" }, { name: "contoso-archive" }],
  },
  service: {
    action: { actionType: "AWS_API_CALL", awsApiCallAction: { api: "GetObject", remoteIpDetails: { ipAddressV6: "2001:db8::9" } } },
    resourceRole: "TARGET",
  },
  severity: 8,
  title: "API GetObject was invoked from a remote host potentially running Parrot Security Linux.",
};
const event = (detail: unknown) => ({
  version: "0",
  id: "c8c4daa7-a20c-2f03-0070-b7393dd542ad",
  "detail-type": "GuardDuty Finding",
  source: "aws.guardduty",
  account: ACCOUNT,
  time: "2026-10-05T08:55:00Z",
  region: "eu-central-1",
  resources: [],
  detail,
});
const refused = (payload: unknown): { field: string | undefined; message: string } => {
  try {
    guardduty.parse(payload);
  } catch (error) {
    if (error instanceof Refusal) return { field: error.field, message: error.message };
    throw error;
  }
  throw new Error("was not refused");
};

describe("a GuardDuty finding", () => {
  test("is a source kind of its own name", () => {
    expect(alertSources.map(({ kind }) => kind)).toContain("guardduty");
  });

  test("on an instance: who attacks is the other side, the instance's own addresses are not", () => {
    const alert = guardduty.parse(ec2);
    expect(Alert.safeParse(alert).success).toBe(true);
    expect(alert).toEqual({
      sourceId: common.id,
      title: ec2.title,
      description: ec2.description,
      severity: "low",
      category: "UnauthorizedAccess",
      techniques: ["T1110"],
      detectedAt: new Date("2026-10-05T08:51:23.824Z"),
      status: "new",
      product: "guardduty",
      url: `https://eu-central-1.console.aws.amazon.com/guardduty/home?region=eu-central-1#/findings?search=id%3D${common.id}`,
      entities: [
        { entity: { kind: "cloud-resource", id: arn, addresses: ["198.51.100.17", "10.0.4.17"] }, roles: ["target"] },
        { entity: { kind: "ip", address: "203.0.113.9" }, roles: ["attacker"] },
      ],
      raw: ec2,
    });
  });

  test("on a key: the key, its user, and the listed address", () => {
    const alert = guardduty.parse(iam);
    expect(alert).toMatchObject({ severity: "medium", techniques: ["T1078.004"] });
    expect(alert.entities).toEqual([
      { entity: { kind: "access-key", id: "AKIAIOSFODNN7EXAMPLE" }, roles: ["target"] },
      { entity: { kind: "user", name: "deploy", id: "AIDAEXAMPLEPRINCIPAL" }, roles: ["target"] },
      { entity: { kind: "ip", address: "203.0.113.80" }, roles: ["attacker"], verdict: "suspicious" },
    ]);
  });

  test("a key used on its own instance: the address is where from, and attacks nobody", () => {
    const remoteIpDetails = { ipAddressV4: "198.51.100.17" };
    const service = { ...iam.service, action: { awsApiCallAction: { remoteIpDetails } } };
    expect(guardduty.parse({ ...iam, resource: { ...iam.resource, instanceDetails: instance }, service }).entities.at(-1)).toEqual({
      entity: { kind: "ip", address: "198.51.100.17" },
      roles: ["source"],
    });
  });

  test("on a bucket with root's credentials", () => {
    const alert = guardduty.parse(s3);
    expect(alert).toMatchObject({ severity: "high", category: "PenTest" });
    expect(alert.entities.map(({ entity }) => entity)).toEqual([
      { kind: "access-key", id: "ASIAIOSFODNN7EXAMPLE" },
      { kind: "user", name: "Root", id: `arn:aws:iam::${ACCOUNT}:root` },
      { kind: "cloud-resource", id: "arn:aws:s3:::contoso-reports" },
      { kind: "cloud-resource", id: "arn:aws:s3:::contoso-archive" },
      { kind: "ip", address: "2001:db8::9" },
    ]);
  });

  test("raw and in its envelope are the same alert; so is what the command line prints", () => {
    const { raw: _, ...plain } = guardduty.parse(iam);
    const { raw, ...wrapped } = guardduty.parse(event(iam));
    expect(wrapped).toEqual(plain);
    expect(raw).toEqual(event(iam));
    const upper = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(upper)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key.charAt(0).toUpperCase() + key.slice(1), upper(item)]))
          : value;
    const { raw: _printed, ...printed } = guardduty.parse(upper(iam));
    expect(printed).toEqual(plain);
  });

  test("an instance that acts is compromised, and what it asked for is a destination", () => {
    const alert = guardduty.parse({
      ...ec2,
      type: "Backdoor:EC2/C&CActivity.B!DNS",
      severity: 8,
      service: {
        resourceRole: "ACTOR",
        action: { actionType: "DNS_REQUEST", dnsRequestAction: { domain: "command.malware.example", protocol: "UDP", blocked: true } },
        evidence: { threatIntelligenceDetails: [{}] },
      },
    });
    expect(alert).toMatchObject({ category: "Backdoor", techniques: ["T1071.004"] });
    expect(alert.entities).toEqual([
      { entity: { kind: "cloud-resource", id: arn, addresses: ["198.51.100.17", "10.0.4.17"] }, roles: ["compromised"] },
      {
        entity: { kind: "domain", name: "command.malware.example" },
        roles: ["destination"],
        verdict: "suspicious",
        remediation: "blocked",
      },
    ]);
    const outbound = { ...ec2.service, resourceRole: "ACTOR" };
    expect(guardduty.parse({ ...ec2, service: outbound }).entities.at(-1)).toMatchObject({ roles: ["destination"] });
  });

  test("port probes, scans and running processes", () => {
    const probe = guardduty.parse({
      ...ec2,
      type: "Recon:EC2/PortProbeUnprotectedPort",
      service: {
        resourceRole: "TARGET",
        action: {
          portProbeAction: {
            blocked: true,
            portProbeDetails: [
              { remoteIpDetails: { ipAddressV4: "203.0.113.1" } },
              { remoteIpDetails: { ipAddressV4: "203.0.113.2" } },
              { remoteIpDetails: { ipAddressV4: "198.51.100.17" } },
              { remoteIpDetails: { ipAddressV4: "0.0.0.0" } },
              null,
            ],
          },
        },
      },
    });
    expect(probe.techniques).toEqual(["T1046"]);
    expect(probe.entities.slice(1)).toEqual(
      ["203.0.113.1", "203.0.113.2"].map((address) => ({ entity: { kind: "ip", address }, roles: ["attacker"], remediation: "blocked" })),
    );
    const scan = guardduty.parse({
      ...ec2,
      type: "Execution:EC2/MaliciousFile",
      service: {
        ebsVolumeScanDetails: {
          scanDetections: { threatDetectedByName: { threatNames: [{ filePaths: [{ hash: SHA256, fileName: "x", filePath: "/tmp/x" }] }] } },
        },
        runtimeDetails: { process: { name: "x", executablePath: "/tmp/x", executableSha256: SHA256, pid: 77, user: "www-data" } },
      },
    });
    expect(scan.entities.slice(1)).toEqual([
      { entity: { kind: "file", sha256: SHA256, name: "x", path: "/tmp/x" }, roles: [], verdict: "malicious" },
      { entity: { kind: "process", name: "x", path: "/tmp/x", sha256: SHA256, pid: 77, user: "www-data" }, roles: ["target"] },
    ]);
  });

  test("a role is no person", () => {
    const accessKeyDetails = {
      accessKeyId: "ASIAIOSFODNN7EXAMPLE",
      userType: "AssumedRole",
      userName: "ci-runner",
      principalId: "AROAEXAMPLE:s",
    };
    expect(guardduty.parse({ ...iam, resource: { accessKeyDetails } }).entities[1]).toEqual({
      entity: { kind: "cloud-resource", id: `arn:aws:iam::${ACCOUNT}:role/ci-runner` },
      roles: ["target"],
    });
  });

  test("findings of one attack sequence belong together", () => {
    const sequence = {
      ...iam,
      type: "AttackSequence:IAM/CompromisedCredentials",
      severity: 9.5,
      id: "aa",
      arn: "arn:aws:guardduty:x:y:finding/aa",
    };
    const service = {
      ...iam.service,
      detection: { sequence: { sequenceIndicators: [{ key: "ATTACK_TECHNIQUE", values: ["T1098 - Account Manipulation"] }] } },
    };
    const whole = guardduty.parse({ ...sequence, service });
    expect(whole).toMatchObject({ severity: "critical", techniques: ["T1098"], vendorIncident: { id: sequence.arn } });
    expect(guardduty.parse({ ...iam, associatedAttackSequenceArn: sequence.arn }).vendorIncident).toEqual({ id: sequence.arn });
  });

  test.each([
    [0, "informational"],
    [1, "low"],
    [3.9, "low"],
    [4, "medium"],
    [6.9, "medium"],
    [7, "high"],
    [8.9, "high"],
    [9, "critical"],
    [10, "critical"],
    ["8.5", "high"],
  ])("severity %s is %s", (severity, expected) => {
    expect(guardduty.parse({ ...iam, severity }).severity).toBe(expected);
  });

  test("what GuardDuty has archived is resolved; a title it does not give is its type", () => {
    expect(guardduty.parse({ ...iam, title: undefined, service: { ...iam.service, archived: true } })).toMatchObject({
      status: "resolved",
      title: iam.type,
    });
  });

  test.each<[string, unknown, string | undefined, string]>([
    ["no object", [], undefined, "must be a JSON object"],
    ["no id", { ...iam, id: undefined }, "id", "is required"],
    ["an empty type", { ...iam, type: " " }, "type", "must not be empty"],
    ["no severity", { ...iam, severity: null }, "severity", "is required"],
    ["a word for a severity", { ...iam, severity: "HIGH" }, "severity", "must be a number from 0 to 10"],
    ["an impossible severity", { ...iam, severity: 11 }, "severity", "must be a number from 0 to 10"],
    ["a field in the envelope", event({ ...iam, id: 7 }), "detail.id", "must be text"],
    ["nothing in the envelope", event(null), "detail", "must be an object"],
    [
      "another event of the bus",
      { ...event(iam), "detail-type": "GuardDuty Malware Protection Object Scan Result" },
      "detail-type",
      "no other events",
    ],
    ["another product's alert", { id: "1", type: "x", severity: 3 }, "service", "not a finding of Amazon GuardDuty"],
  ])("%s is refused by name", (_, payload, field, message) => {
    const error = refused(payload);
    expect(error.field).toBe(field);
    expect(error.message).toContain(message);
  });

  test("unknown fields and unexpected shapes cost nothing but themselves", () => {
    const odd = {
      ...iam,
      new: { from: "tomorrow" },
      region: "https://evil.example/",
      resource: { accessKeyDetails: "gone", instanceDetails: { networkInterfaces: "x" }, s3BucketDetails: [null, 7] },
      service: { ...iam.service, evidence: { threatIntelligenceDetails: "x" }, action: { ...iam.service.action, portProbeAction: 3 } },
    };
    const alert = guardduty.parse(odd);
    expect(alert.entities).toEqual([{ entity: { kind: "ip", address: "203.0.113.80" }, roles: ["attacker"] }]);
    expect(alert.url).toBeUndefined();
    expect(guardduty.parse({ ...iam, service: "x", resource: 3 }).entities).toEqual([]);
  });

  test("any JSON is parsed or refused, and what is parsed can be stored", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 5 }), (resource, service) => {
        const payload = sanitizeOrUndefined({ ...common, type: "Recon:EC2/Portscan", severity: 5, resource, service });
        if (payload === undefined) return;
        expect(Alert.safeParse(guardduty.parse(payload)).success).toBe(true);
      }),
    );
  });
});

function sanitizeOrUndefined(value: unknown): unknown {
  try {
    return sanitize(value);
  } catch {
    return undefined;
  }
}

describe("what AWS puts around a finding", () => {
  const finding = {
    id: "f1",
    type: "Recon:EC2/PortProbeUnprotectedPort",
    severity: 5,
    accountId: "111122223333",
    resource: {},
    service: {},
  };
  const event = { "detail-type": "GuardDuty Finding", source: "aws.guardduty", detail: finding };
  const sns = (message: unknown) => ({
    Type: "Notification",
    MessageId: "m",
    TopicArn: "arn:aws:sns:eu-west-1:1:t",
    Message: JSON.stringify(message),
  });
  const ids = (payload: unknown) => readAlerts(guardduty, payload).map((alert) => alert.sourceId);

  test.each([
    ["a list", [finding, event], ["f1", "f1"]],
    ["SNS", sns(event), ["f1"]],
    ["SNS with the finding alone", sns(finding), ["f1"]],
    [
      "records of a function",
      { Records: [{ Sns: sns(event) }, { Sns: sns({ ...event, detail: { ...finding, id: "f2" } }) }] },
      ["f1", "f2"],
    ],
    ["a queue behind SNS", { Records: [{ body: JSON.stringify(sns(event)) }] }, ["f1"]],
    ["the command line", { Findings: [{ Id: "f1", Type: "a", Severity: 2, AccountId: "1" }] }, ["f1"]],
  ])("%s", (_, payload, expected) => expect(ids(payload)).toEqual(expected));

  test.each([
    [{ Type: "SubscriptionConfirmation", TopicArn: "t", Message: "x", SubscribeURL: "https://attacker.example" }, "Type"],
    [sns({ ...finding, severity: 99 }), "Message.severity"],
    [{ ...sns(event), Message: "not json" }, "Message"],
    [{ ...sns(event), Message: 7 }, "Message"],
    [{ ...sns(event), Message: '{"__proto__":{"a":1}}' }, "Message.__proto__"],
    [{ Records: [{ Sns: sns(event) }, { Sns: sns({ ...finding, id: 1 }) }] }, "Records[1].Sns.Message.id"],
    [{ Records: [{ eventSource: "aws:s3" }] }, "Records[0].id"],
    [[finding, sns({ id: "x" })], "alerts[1].Message.type"],
  ])("says which field is wrong (%#)", (payload, field) => {
    expect(() => ids(payload)).toThrow(expect.objectContaining({ code: "invalid", field }));
  });
});
