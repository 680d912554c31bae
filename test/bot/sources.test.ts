import fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Config, readConfig } from "../../src/bot/config.ts";
import { explainPolicies } from "../../src/bot/explain-policies.ts";
import { testSource } from "../../src/bot/test-source.ts";
import { type Accepted, openAir, type TestAir } from "../support/running-air.ts";

const NOW = new Date("2026-10-05T09:00:00Z");
const YAML = `
sources:
  edr:
    kind: mapped
    map:
      id: "$.event.uuid"
      title: "$.event.name"
      severity: { path: "$.event.priority", values: { "1": critical, "5": high }, otherwise: medium }
      detectedAt: "$.event.time"
      techniques: "$.mitre[*].id"
      entities:
        - { kind: device, name: "$.host.name" }
        - { each: "$.files[*]", kind: file, sha256: "@.hash.sha256", device: "$.host.name" }
  hive: { kind: wazuh }
exclude:
  mailboxes: [soc@contoso.example]
  simulations: { senders: [trainer@phish.example], domains: [training.example], urls: [sim.example/click] }
`;
const EDR = {
  event: { uuid: "e-1", name: "Bad \u001b[31mthing", priority: 5, time: 1_791_186_542 },
  host: { name: "ws-1" },
  files: [{ hash: { sha256: "c6b438b0c071b0875f3579207f8391b6a60e1319b25832a0ad3fe4bc0a5ae7ea" } }],
  peer: "203.0.113.9",
};
const SIMULATION = {
  id: "sim-1",
  title: "Email reported by user as malware or phish",
  severity: "high",
  entities: [
    { kind: "message", subject: "Prize", sender: "trainer@phish.example", recipient: "kim@contoso.example", networkMessageId: "n-1" },
  ],
};
const sample = (name: string) => fs.readFileSync(path.join(import.meta.dirname, "..", "samples", `${name}.json`), "utf8");
const read = readConfig({ AIR_CONFIG: "air.yaml" }, () => YAML);
const config = (): Config => {
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.config;
};

describe("air source test", () => {
  const tested = (text: string, name?: string) => testSource(text, name, config(), NOW).join("\n");

  test("a step of a sequence is said to be that one step, and an instance's own addresses are known to be its own", () => {
    const payload = tested(
      JSON.stringify({
        id: "1",
        title: "Program",
        severity: "high",
        entities: [
          { kind: "device", name: "ws-1" },
          { kind: "process", commandLine: "x.exe", device: "ws-1" },
        ],
      }),
      "generic",
    );
    expect(payload).not.toContain("a click on a link");
    expect(payload).toContain('this one is the step "a program on a device"');
    const networkInterfaces = [{ publicIp: "198.51.100.17", privateIpAddress: "10.0.4.17", ipv6Addresses: [] }];
    const finding = {
      id: "f-1",
      type: "Recon:EC2/PortProbeUnprotectedPort",
      accountId: "111122223333",
      region: "eu-central-1",
      severity: 2,
      title: "A port is probed",
      createdAt: "2026-10-05T08:51:23.824Z",
      updatedAt: "2026-10-05T08:51:23.824Z",
      resource: { resourceType: "Instance", instanceDetails: { instanceId: "i-0123456789abcdef0", networkInterfaces } },
      service: { action: { portProbeAction: { portProbeDetails: [{ remoteIpDetails: { ipAddressV4: "0.0.0.0" } }] } } },
    };
    const said = tested(JSON.stringify(finding), "guardduty");
    expect(said).toContain("198.51.100.17");
    expect(said).not.toMatch(/not understood|ip: address/);
  });

  test("of a map: fields, entities, what it joins, what happens, and what the map missed", () => {
    const said = tested(JSON.stringify(EDR), "edr");
    expect(said).toContain("Read as source edr (kind mapped).");
    expect(said).toMatch(/severity +high/);
    expect(said).toMatch(/detectedAt +2026-10-05T07:49:02\.000Z/);
    expect(said).toContain("device: name=ws-1");
    expect(said).toContain("same device within 24 h (ws-1)");
    expect(said).toContain("it starts an investigation");
    expect(said).toContain("techniques: nothing at $.mitre[*].id");
    expect(said).toContain("$.peer looks like an address, and is in no entity");
    expect(said).not.toContain("\u001b");
  });

  test.each([
    ["wazuh/encoded-powershell", "wazuh"],
    ["elastic/query", "elastic"],
    ["ocsf/okta-blocked", "ocsf"],
    ["guardduty/port-probe", "guardduty"],
    ["m365d/hack-tool", "defender"],
    ["mde/prevented-file", "defender"],
    ["graph/hidden-file", "defender"],
  ])("%s is recognised as %s", (name, kind) => {
    expect(tested(sample(name))).toMatch(new RegExp(`^Read as source ${kind} `));
  });

  test("of several alerts, each", () => {
    expect(tested(JSON.stringify([EDR, EDR]), "edr")).toContain("Alert 2 of 2");
  });

  test("what is refused names the field; what is no JSON says so", () => {
    expect(() => tested('{"event":{}}', "edr")).toThrow(/^event\.uuid: is required/);
    expect(() => tested(JSON.stringify([EDR, { event: { uuid: 2 } }]), "edr")).toThrow(/^alerts\[1\]\.event\.name: /);
    expect(() => tested("{", "edr")).toThrow(/not valid JSON/);
    expect(() => tested("{}")).toThrow(/^id: is required \(read as source generic/);
  });

  test("an excluded one says by which line", () => {
    expect(tested(JSON.stringify(SIMULATION))).toContain(
      "not investigated: a phishing simulation, excluded by air.yaml: sender trainer@phish.example in exclude.simulations",
    );
    expect(explainPolicies(JSON.stringify(SIMULATION), "generic", config(), NOW).join("\n")).toContain("in exclude.simulations");
  });
});

test("the example in the README works", () => {
  const readme = fs.readFileSync(path.join(import.meta.dirname, "..", "..", "README.md"), "utf8");
  const example = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text ?? "").find((text) => text.includes("kind: mapped"));
  const documented = readConfig({ AIR_CONFIG: "air.yaml" }, () => example);
  if (!documented.ok) throw new Error(JSON.stringify(documented.problems));
  const sent = {
    event: { uuid: "e-1", name: "Bad thing", priority: "2", time: "2026-10-05T08:00:00Z" },
    host: { name: "ws-1" },
    user: { mail: "kim@contoso.example", type: "person" },
    files: [{ name: "a.exe", rating: "bad", action: "stopped", hash: { sha256: "a".repeat(64) } }],
    mitre: [{ id: "T1059" }],
  };
  const said = testSource(JSON.stringify(sent), "edr", documented.config, NOW).join("\n");
  expect(said).toMatch(/severity +high/);
  expect(said).toContain("user: email=kim@contoso.example");
  expect(said).toContain("(verdict malicious, remediation blocked)");
  expect(said).not.toContain("not understood");
});

test("what is left out at the intake is left alone as evidence, too", () => {
  expect(config().policy.automation.exclude).toMatchObject({
    mailboxes: ["soc@contoso.example"],
    senders: ["trainer@phish.example", "training.example"],
    urls: ["sim.example/click", "training.example", "*.training.example"],
  });
});

describe("POST /v1/alerts/{source}", () => {
  let air: TestAir;
  beforeAll(async () => {
    air = await openAir({ yaml: YAML });
  });
  afterAll(() => air?.remove());
  const post = (source: string, body: unknown) => air.post(`/v1/alerts/${source}`, body);

  test.each([
    ["defender", "graph/hidden-file"],
    ["defender", "m365d/mass-renaming"],
    ["guardduty", "guardduty/ec2-unusual-protocol"],
    ["wazuh", "wazuh/antivirus-detection"],
    ["hive", "wazuh/antivirus-detection"],
    ["ocsf", "ocsf/security-hub-guardduty"],
    ["elastic", "elastic/credential-dumping"],
  ])("%s takes %s", async (source, name) => {
    const answer = await post(source, JSON.parse(sample(name)));
    expect(answer.status).toBe(202);
    expect(answer.as<Accepted>().accepted[0]).toMatchObject({ alert: expect.stringMatching(/^ALT-/), duplicate: false });
  });

  test("a map of air.yaml, and the field where it finds nothing", async () => {
    expect((await post("edr", EDR)).status).toBe(202);
    const refused = await post("edr", [EDR, { event: {} }]);
    expect(refused.status).toBe(400);
    expect(refused.json).toMatchObject({ error: { field: "alerts[1].event.uuid" } });
  });

  test("an unknown source is told the known ones", async () => {
    const answer = await post("splunk", {});
    expect(answer.status).toBe(404);
    expect(answer.json).toMatchObject({
      error: { message: expect.stringContaining("There are generic, defender, guardduty, wazuh, ocsf, elastic, edr, hive") },
    });
  });

  test("a simulation is stored, not investigated, and says why", async () => {
    const [accepted] = (await post("generic", SIMULATION)).as<Accepted>().accepted;
    expect(accepted).toMatchObject({ investigation: null, duplicate: false });
    const said = await air.post("/v1/say", { text: `status ${accepted?.alert}` });
    expect(said.text).toContain("in exclude.simulations");
    expect((await post("generic", SIMULATION)).as<Accepted>().accepted[0]).toMatchObject({ alert: accepted?.alert, duplicate: true });
  });
});
