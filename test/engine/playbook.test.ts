import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { actionKinds } from "../../src/engine/actions/all.ts";
import { Severity } from "../../src/engine/domain/alert.ts";
import { ENTITY_KINDS, type EntityKind } from "../../src/engine/domain/entity.ts";
import type { PlannedEvidence, Playbook } from "../../src/engine/playbook.ts";
import { choosePlaybook, incidentFacts, parsePlaybook, plan, rankPlaybooks, whyApplies } from "../../src/engine/playbook.ts";

const folder = new URL("../../playbooks/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".yaml") && !file.endsWith(".example.yaml"));
const read = (file: string) => readFileSync(new URL(file, folder), "utf8");
const playbooks = files.map((file) => parsePlaybook(read(file), file));
const called = (name: string) => playbooks.find((playbook) => playbook.name === name) as Playbook;

const Example = z.object({
  title: z.string(),
  severity: Severity,
  category: z.string().optional(),
  product: z.string().optional(),
  entities: z.array(z.looseObject({ kind: z.enum(ENTITY_KINDS) })),
});
const Examples = z.object({ matches: z.array(Example).min(1), matchesNot: z.array(Example).min(1) });
const factsOf = (example: z.infer<typeof Example>) => ({
  title: example.title,
  severity: example.severity,
  categories: example.category ? [example.category] : [],
  products: example.product ? [example.product] : [],
  entityKinds: example.entities.map(({ kind }) => kind),
});

describe("the playbooks that come with air", () => {
  test("are there, under the name of their file", () => {
    expect(playbooks.map(({ name, file }) => `${name}.yaml` === file)).toEqual(files.map(() => true));
    expect(playbooks.filter(({ applies }) => !applies).map(({ name }) => name)).toEqual(["general"]);
  });
  describe.each(files)("%s", (file) => {
    const examples = Examples.parse(parse(read(file.replace(/\.yaml$/, ".example.yaml"))));
    const name = file.replace(/\.yaml$/, "");
    test.each(examples.matches)("is chosen for: $title", (example) => {
      expect(choosePlaybook(playbooks, factsOf(example))?.name).toBe(name);
    });
    test.each(examples.matchesNot)("is not chosen for: $title", (example) => {
      expect(choosePlaybook(playbooks, factsOf(example))?.name).not.toBe(name);
    });
  });
});

describe("what real products call it", () => {
  const chosenFor = (title: string, kinds: readonly EntityKind[], more: { category?: string; product?: string } = {}) =>
    choosePlaybook(playbooks, {
      title,
      severity: "medium",
      categories: more.category ? [more.category] : [],
      products: more.product ? [more.product] : [],
      entityKinds: kinds,
    })?.name;

  test.each<[string, readonly EntityKind[], string]>([
    ["A potentially malicious URL click was detected", ["user", "url"], "url-verdict-change"],
    ["A user clicked through to a potentially malicious URL", ["user", "url", "message"], "url-verdict-change"],
    ["Email reported by user as malware or phish", ["message", "mailbox", "file", "url"], "user-reported-message"],
    ["Email messages containing malicious file removed after delivery\u200b", ["message", "mail-cluster", "file"], "malware-zap"],
    ["Email messages containing malicious URL removed after delivery\u200b", ["message", "mail-cluster", "url"], "phish-zap"],
    ["Email messages containing malware removed after delivery", ["message"], "malware-zap"],
    ["Email messages containing phish URLs removed after delivery", ["message"], "phish-zap"],
    ["Email messages from a campaign removed after delivery", ["message", "mail-cluster"], "phish-zap"],
    ["Email messages removed after delivery", ["message"], "phish-zap"],
    ["Messages containing malicious entity not removed after delivery", ["message", "url"], "phish-zap"],
    ["Messages containing malicious entity not removed after delivery", ["message", "file"], "malware-zap"],
    ["Admin triggered manual investigation of email", ["message", "mail-cluster"], "manual-mail"],
    ["Admin triggered user compromise investigation", ["user", "mailbox"], "user-compromise"],
    ["Suspicious email sending patterns detected", ["user", "mailbox"], "user-compromise"],
    ["User restricted from sending email", ["user"], "user-compromise"],
    ["Administrative action submitted by an Administrator", ["message"], "manual-mail"],
  ])("alert policy of Defender for Office 365: %s, naming %j", (title, kinds, name) => {
    expect(chosenFor(title, kinds, { category: "InitialAccess", product: "microsoftDefenderForOffice365" })).toBe(name);
  });

  test.each<[string, string, readonly EntityKind[], string]>([
    ["Malware", "'Emotet' malware was detected", ["device", "file"], "malware-on-device"],
    ["Ransomware", "'Lockbit' ransomware was prevented", ["device", "file", "process"], "malware-on-device"],
    ["UnwantedSoftware", "'InstallCore' unwanted software was detected", ["device", "file"], "malware-on-device"],
    ["Impact", "Possible ransomware activity", ["device", "process"], "malware-on-device"],
    ["Execution", "Suspicious PowerShell command line", ["device", "user", "process", "file"], "suspicious-process"],
    ["SuspiciousActivity", "Suspicious behavior by cmd.exe was observed", ["device", "process"], "suspicious-process"],
    ["CredentialAccess", "Sensitive credential memory read", ["device", "user", "process"], "suspicious-process"],
    ["DefenseEvasion", "Suspicious process injection", ["device", "process"], "suspicious-process"],
    ["LateralMovement", "Suspicious service launched", ["device", "process", "service"], "suspicious-process"],
    ["Persistence", "Suspicious scheduled task", ["device", "scheduled-task"], "suspicious-process"],
    ["CommandAndControl", "Suspicious connection blocked by network protection", ["device", "url"], "general"],
  ])("Defender for Endpoint, category %s: %s, naming %j", (category, title, kinds, name) => {
    expect(chosenFor(title, kinds, { category, product: "microsoftDefenderForEndpoint" })).toBe(name);
  });

  test.each<[string, string]>([
    ["Impossible travel activity", "suspicious-sign-in"],
    ["Atypical travel", "suspicious-sign-in"],
    ["Anonymous IP address", "suspicious-sign-in"],
    ["Activity from a Tor IP address", "suspicious-sign-in"],
    ["Activity from infrequent country", "suspicious-sign-in"],
    ["Unfamiliar sign-in properties", "suspicious-sign-in"],
    ["Anomalous Token", "suspicious-sign-in"],
    ["Token issuer anomaly", "suspicious-sign-in"],
    ["Possible attempt to access Primary Refresh Token (PRT)", "suspicious-sign-in"],
    ["Password Spray", "suspicious-sign-in"],
    ["Leaked credentials", "suspicious-sign-in"],
    ["Multiple failed login attempts", "suspicious-sign-in"],
    ["Suspicious inbox forwarding", "user-compromise"],
    ["Suspicious inbox manipulation rules", "user-compromise"],
    ["Mass download by a single user", "user-compromise"],
  ])("identity products: %s", (title, name) => {
    expect(chosenFor(title, ["user", "ip"])).toBe(name);
  });

  test.each<[string, readonly EntityKind[], string]>([
    ["UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom", ["user", "ip"], "cloud-credential-abuse"],
    ["CredentialAccess:IAMUser/AnomalousBehavior", ["access-key", "ip"], "cloud-credential-abuse"],
    ["Exfiltration:S3/AnomalousBehavior", ["access-key", "cloud-resource"], "cloud-credential-abuse"],
    ["Stealth:IAMUser/CloudTrailLoggingDisabled", ["user"], "cloud-credential-abuse"],
    ["Execution:Runtime/NewBinaryExecuted", ["cloud-resource", "process"], "suspicious-process"],
    ["CryptoCurrency:EC2/BitcoinTool.B!DNS", ["cloud-resource", "domain"], "general"],
  ])("GuardDuty: %s, naming %j", (title, kinds, name) => {
    expect(chosenFor(title, kinds)).toBe(name);
  });

  test.each<[readonly EntityKind[], string]>([
    [["message"], "manual-mail"],
    [["user"], "user-compromise"],
    [["url"], "url-verdict-change"],
    [["device"], "malware-on-device"],
    [["file"], "malware-on-device"],
    [["process"], "suspicious-process"],
    [["ip"], "general"],
    [["domain"], "general"],
    [["access-key"], "cloud-credential-abuse"],
  ])("started by a person on %j", (kinds, name) => {
    expect(chosenFor("Automated investigation started manually", kinds, { product: "manual" })).toBe(name);
  });
});

const head = "name: test\ntitle: Test\ndescription: A test\n";

describe("a faulty playbook says where", () => {
  test.each<[string, string, RegExp]>([
    [
      "unknown analyzer",
      `${head}root:\n  - look: file-reputation\n  - look: crystal-ball\n`,
      /^p\.yaml:6: root\.1\.look: there is no analyzer crystal-ball; there are file-reputation/,
    ],
    ["unknown key", `${head}colour: red\n`, /^p\.yaml:4: colour: unknown key$/],
    [
      "who approves",
      `${head}remediation:\n  - propose: isolate-device\n    for: device\n    when: malicious\n    note: x\n    approval: none\n`,
      /^p\.yaml:9: remediation\.0\.approval: unknown key \(who approves is set in air\.yaml/,
    ],
    [
      "the wrong target",
      `${head}remediation:\n  - propose: isolate-device\n    for: user\n    when: malicious\n    note: x\n`,
      /^p\.yaml:6: .*isolate-device is aimed at device, not at user/,
    ],
    [
      "acting on the innocent",
      `${head}remediation:\n  - propose: isolate-device\n    for: device\n    when: noThreatsFound\n    note: x\n`,
      /^p\.yaml:7: /,
    ],
    [
      "neither when nor whenAny",
      `${head}remediation:\n  - propose: isolate-device\n    for: device\n    note: x\n`,
      /needs either when or whenAny/,
    ],
    ["the same look twice", `${head}root:\n  - look: sign-ins\nhunting:\n  - look: sign-ins\n`, /^p\.yaml:7: .*twice/],
    ["a missing title", "name: test\ndescription: x\n", /title/],
    ["a prototype", `${head}__proto__: { a: 1 }\n`, /^p\.yaml:4: the key __proto__ is not allowed/],
    ["a constructor inside", `${head}applies:\n  any:\n    - constructor: x\n`, /^p\.yaml:6: the key constructor/],
    ["a key twice", `${head}title: Again\n`, /^p\.yaml:4: .*unique/],
    ["no YAML", `${head}root: [\n`, /^p\.yaml:\d+: /],
    ["nothing", "", /^p\.yaml:1: /],
    [
      "both any and all",
      `${head}applies:\n  any: [{ category: a }]\n  all: [{ category: b }]\n`,
      /^p\.yaml:5: applies: needs either any or all/,
    ],
    ["a misspelt condition", `${head}applies:\n  any:\n    - categry: a\n`, /^p\.yaml:6: applies\.any\.0\.categry: unknown key/],
    ["a when that says nothing", `${head}root:\n  - look: sign-ins\n    when: {}\n`, /^p\.yaml:6: root\.0\.when: needs verdict or kind/],
    ["an unknown kind", `${head}root:\n  - look: sign-ins\n    when: { kind: [mailing] }\n`, /^p\.yaml:6: root\.0\.when\.kind\.0: /],
    ["a priority that is none", `${head}priority: high\n`, /^p\.yaml:4: priority: /],
    ["an empty condition", `${head}applies:\n  any:\n    - {}\n`, /needs category, product, entity, severity or title/],
  ])("%s", (_, text, message) => {
    expect(() => parsePlaybook(text, "p.yaml")).toThrow(message);
  });
  test("a bomb of aliases is refused", () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) =>
        `l${level}: &l${level} [${Array(10)
          .fill(level === 0 ? "x" : `*l${level - 1}`)
          .join(", ")}]`,
    );
    expect(() => parsePlaybook(levels.join("\n"), "p.yaml")).toThrow();
  });
  test("more than 1 MiB is refused", () => {
    expect(() => parsePlaybook(`${head}# ${"x".repeat(1024 * 1024)}`, "p.yaml")).toThrow(/larger than 1 MiB/);
  });
});

describe("when it applies", () => {
  const facts = {
    title: "Malware on WS-1",
    severity: "high",
    categories: ["Malware"],
    products: ["edr"],
    entityKinds: ["file", "device"],
  } as const;
  const applying = (applies: string) => parsePlaybook(`${head}applies:\n${applies}`, "p.yaml");
  test.each<[string, string, string | undefined]>([
    ["any of several", "  any: [{ category: phishing }, { title: 'malware*' }]", "the title reads Malware on WS-1"],
    ["all of them", "  all: [{ category: [malware] }, { severity: [high, critical] }]", "category is Malware and severity is high"],
    ["all but one", "  all: [{ category: malware }, { product: mail }]", undefined],
    ["several in one condition", "  any: [{ category: malware, entity: file }]", "category is Malware and it names a file"],
    ["an entity that is not there", "  any: [{ entity: [url] }]", undefined],
    ["text with signs of a pattern is text", "  any: [{ title: 'Malware.*' }]", undefined],
  ])("%s", (_, applies, reason) => {
    expect(whyApplies(applying(applies), facts)).toBe(reason);
  });
  test("the highest priority is chosen, then the first by name", () => {
    const named = (name: string, priority?: number) => ({
      ...applying("  any: [{ category: malware }]"),
      name,
      ...(priority === undefined ? {} : { priority }),
    });
    expect(applying("  any: [{ category: malware }]").priority).toBe(100);
    expect(choosePlaybook([named("b"), named("a"), named("c")], facts)?.name).toBe("a");
    expect(choosePlaybook([named("a", 10), named("z", 20), named("general", 20)], facts)?.name).toBe("general");
    expect(playbooks.filter(({ applies }) => applies).every(({ priority }) => priority >= 10 && priority <= 90)).toBe(true);
    const ours = named("ours");
    expect(choosePlaybook([...playbooks, ours], facts)?.name).toBe("ours");
  });
  test("no two built-in playbooks share a priority, so that names decide nothing", () => {
    const priorities = playbooks.filter(({ applies }) => applies).map(({ priority }) => priority);
    expect(new Set(priorities).size).toBe(priorities.length);
  });
  test("the order of choice says why not", () => {
    const other = { ...applying("  all: [{ category: malware }, { product: mail }]"), name: "other", priority: 200 };
    expect(rankPlaybooks([other, applying("  any: [{ category: malware }]")], facts)).toMatchObject([
      { playbook: { name: "other" }, applies: false, because: "the product is not mail" },
      { playbook: { name: "test" }, applies: true, because: "category is Malware" },
    ]);
  });
  test("any alert's title counts, whatever the incident came to be called", () => {
    const alert = (title: string) => ({ title, source: "defender", product: "mdo", category: "InitialAccess", entities: [] });
    const facts = incidentFacts({ title: "Multi-stage incident", severity: "high" }, [
      alert("Something"),
      alert("User restricted from sending email"),
    ]);
    expect(facts).toMatchObject({ products: ["defender", "mdo"], entityKinds: [] });
    expect(whyApplies(applying("  any: [{ title: 'user restricted*' }]"), facts)).toBe(
      "the title reads User restricted from sending email",
    );
  });
  test("the general one comes last, whatever its name", () => {
    const general = { ...parsePlaybook(head, "a.yaml"), name: "aaa" };
    const specific = applying("  any: [{ category: malware }]");
    expect(choosePlaybook([general, specific], facts)?.name).toBe("test");
    expect(choosePlaybook([general, specific], { ...facts, categories: [] })?.name).toBe("aaa");
    expect(choosePlaybook([specific], { ...facts, categories: [] })).toBeUndefined();
  });
});

describe("the plan", () => {
  const sha256 = "a".repeat(64);
  const device: PlannedEvidence = { id: 1, entity: { kind: "device", name: "WS-001.contoso.example" }, verdict: "unknown" };
  const file: PlannedEvidence = { id: 2, entity: { kind: "file", sha256, name: "a.exe" }, verdict: "malicious" };
  const short = (list: ReturnType<typeof plan>) =>
    list.map(({ kind, evidenceId, because }) => `${kind} ${evidenceId} because ${because.join(",")}`);

  test("malware on one device: quarantine there, isolate it, block the hash", () => {
    const planned = plan(called("malware-on-device"), [device, file]);
    expect(short(planned)).toEqual(["quarantine-file 2 because 2", "isolate-device 1 because 2", "block-indicator 2 because 2"]);
    expect(planned[0]?.target).toMatchObject({ kind: "file", device: "WS-001.contoso.example" });
    expect(planned[1]?.target).toEqual(device.entity);
  });
  test("suspicious: quarantine only", () => {
    expect(short(plan(called("malware-on-device"), [device, { ...file, verdict: "suspicious" }]))).toEqual(["quarantine-file 2 because 2"]);
  });
  test("a process isolates the device it runs on, once, and says for which evidence", () => {
    const process = (id: number): PlannedEvidence => ({ id, entity: { kind: "process", pid: id, device: "ws-001" }, verdict: "malicious" });
    expect(short(plan(called("general"), [device, process(7), process(8)]))).toEqual(["isolate-device 1 because 7,8"]);
  });
  test("a device nobody listed as evidence is isolated all the same", () => {
    const seen: PlannedEvidence = { id: 3, entity: { kind: "process", pid: 1, device: "WS-009" }, verdict: "malicious" };
    expect(plan(called("general"), [seen])).toMatchObject([
      { kind: "isolate-device", target: { kind: "device", name: "WS-009" }, evidenceId: 3 },
    ]);
  });
  test("which of two devices is not guessed", () => {
    const other: PlannedEvidence = { id: 4, entity: { kind: "device", name: "WS-002" }, verdict: "unknown" };
    const planned = plan(called("malware-on-device"), [device, other, file]);
    expect(short(planned)).toEqual(["quarantine-file 2 because 2", "block-indicator 2 because 2"]);
    expect(planned[0]?.target).not.toHaveProperty("device");
  });
  test("a process of the same file tells the device", () => {
    const other: PlannedEvidence = { id: 4, entity: { kind: "device", name: "WS-002" }, verdict: "unknown" };
    const process: PlannedEvidence = { id: 5, entity: { kind: "process", sha256, device: "WS-002" }, verdict: "unknown" };
    expect(plan(called("malware-on-device"), [device, other, file, process])[0]?.target).toMatchObject({ device: "WS-002" });
  });
  test.each(["prevented", "blocked", "Remediated"])("what the source %s leads to nothing", (remediation) => {
    expect(plan(called("malware-on-device"), [device, { ...file, remediation }])).toEqual([]);
  });
  test.each<[PlannedEvidence["entity"], string[]]>([
    [{ kind: "url", url: "https://evil.example" }, ["block-indicator"]],
    [{ kind: "ip", address: "203.0.113.9" }, ["block-indicator"]],
    [{ kind: "domain", name: "evil.example" }, ["block-indicator"]],
    [{ kind: "message", networkMessageId: "m" }, ["soft-delete-mail"]],
    [{ kind: "mail-cluster", query: "q" }, ["soft-delete-mail"]],
    [{ kind: "user", email: "mia@contoso.example" }, ["revoke-sessions", "disable-user"]],
    [{ kind: "file", name: "no-hash.exe", device: "WS-1" }, ["quarantine-file", "isolate-device"]],
  ])("general, malicious %o", (entity, kinds) => {
    expect(plan(called("general"), [{ id: 1, entity, verdict: "malicious" }]).map(({ kind }) => kind)).toEqual(kinds);
    for (const verdict of ["suspicious", "noThreatsFound", "unknown"] as const)
      expect(plan(called("general"), [{ id: 1, entity, verdict }])).toEqual([]);
  });
  test("roles narrow a rule", () => {
    const rule = "remediation:\n  - propose: block-indicator\n    for: ip\n    when: malicious\n    roles: [attack*]\n    note: x\n";
    const playbook = parsePlaybook(head + rule, "p.yaml");
    const ip: PlannedEvidence = { id: 1, entity: { kind: "ip", address: "203.0.113.9" }, verdict: "malicious" };
    expect(plan(playbook, [ip])).toEqual([]);
    expect(plan(playbook, [{ ...ip, roles: ["attacker"] }])).toHaveLength(1);
  });
  test("every target fits its kind", () => {
    for (const playbook of playbooks) {
      for (const { kind, target } of plan(playbook, [device, file])) expect(actionKinds[kind].targets).toContain(target.kind);
    }
  });
});
