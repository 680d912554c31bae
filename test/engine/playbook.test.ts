import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { actionKinds } from "../../src/engine/actions/all.ts";
import { Severity } from "../../src/engine/domain/alert.ts";
import { ENTITY_KINDS } from "../../src/engine/domain/entity.ts";
import type { PlannedEvidence, Playbook } from "../../src/engine/playbook.ts";
import { choosePlaybook, parsePlaybook, plan, whyApplies } from "../../src/engine/playbook.ts";

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
