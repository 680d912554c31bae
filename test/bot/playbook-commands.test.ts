import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { readConfig } from "../../src/bot/config.ts";
import { loadPlaybooks, readFolder } from "../../src/bot/load-playbooks.ts";
import { checkPlaybooks, explain, playbookSchema, testPlaybooks } from "../../src/bot/playbook-commands.ts";
import type { Policy } from "../../src/engine/domain/policy.ts";

const root = fs.mkdtempSync(path.join(os.tmpdir(), "air-playbooks-"));
afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

let number = 0;
/** A folder with these files. */
function folder(files: Record<string, string | Buffer>): string {
  const made = fs.mkdtempSync(path.join(root, `${number++}-`));
  for (const [name, content] of Object.entries(files)) fs.writeFileSync(path.join(made, name), content);
  return made;
}
const text = (name: string, more = "applies: { any: [{ title: 'Ours*' }] }\n") =>
  `name: ${name}\ntitle: ${name}\ndescription: A test\n${more}`;
const alert = (title: string) => `{ id: "1", title: "${title}", severity: low, entities: [{ kind: device, name: WS-1 }] }`;
const examples = (matches: string[], matchesNot: string[]) =>
  `matches: [${matches.map(alert).join(", ")}]\nmatchesNot: [${matchesNot.map(alert).join(", ")}]\n`;
const faultsOf = (directory: string) => readFolder(directory, { own: true }).faults.join("\n");
const posix = process.platform !== "win32";

describe("loading", () => {
  test("one of the same name replaces the built-in one, others stand beside", () => {
    const own = folder({ "a.yaml": text("malware-on-device"), "b.yml": text("ours"), "a.example.yaml": "not: read", "notes.md": "# x" });
    const builtIn = loadPlaybooks(undefined);
    const both = loadPlaybooks(own);
    expect(both.map(({ name }) => name).toSorted()).toEqual([...builtIn.map(({ name }) => name), "ours"].toSorted());
    expect(both.find(({ name }) => name === "malware-on-device")).toMatchObject({ file: path.join(own, "a.yaml"), priority: 100 });
  });
  test("every fault at once, with file and line", () => {
    const own = folder({
      "a.yaml": text("a", "colour: red\n"),
      "b.yaml": `${text("b")}root: [{ look: crystal-ball }]\n`,
      "c.yaml": text("c"),
    });
    expect(() => loadPlaybooks(own)).toThrow(
      /a\.yaml:4: colour: unknown key\n.*b\.yaml:5: root\.0\.look: there is no analyzer crystal-ball/,
    );
  });
  test.each<[string, () => string, RegExp]>([
    ["a folder that is not there", () => path.join(root, "nowhere"), /nowhere:1: this folder of playbooks cannot be read: it is not there/],
    [
      "a file instead of a folder",
      () => path.join(folder({ "a.yaml": text("a") }), "a.yaml"),
      /is a file; AIR_PLAYBOOKS_DIR has to name a folder/,
    ],
    ["a huge file", () => folder({ "a.yaml": `# ${"x".repeat(1024 * 1024)}` }), /a\.yaml:1: is larger than 1 MiB/],
    ["bytes that are no text", () => folder({ "a.yaml": Buffer.from([0x6e, 0xff, 0xfe, 0x00]) }), /a\.yaml:1: is not text in UTF-8/],
    [
      "far too many files",
      () => folder(Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`p${index}.yaml`, text(`p${index}`)]))),
      /holds 201 playbooks, and at most 200 are read/,
    ],
    ["two of one name", () => folder({ "a.yaml": text("same"), "b.yaml": text("same") }), /b\.yaml:1: is named same, and so is .*a\.yaml/],
    [
      "a folder called like a playbook",
      () => {
        const made = folder({});
        fs.mkdirSync(path.join(made, "a.yaml"));
        return made;
      },
      /a\.yaml:1: is no regular file/,
    ],
  ])("%s", (_, make, message) => {
    expect(faultsOf(make())).toMatch(message);
  });
  test("a second general playbook is refused: only one could be used", () => {
    expect(() => loadPlaybooks(folder({ "a.yaml": text("catch-all", "") }))).toThrow(
      /a\.yaml:1: says nothing of when it applies, and so does playbooks\/general\.yaml: add applies, or name it general/,
    );
    expect(loadPlaybooks(folder({ "a.yaml": text("general", "") })).filter(({ applies }) => !applies)).toHaveLength(1);
  });
  test.runIf(posix)("links out of the folder are refused, links inside are how Kubernetes mounts one", () => {
    const elsewhere = folder({ "a.yaml": text("a") });
    const own = folder({});
    fs.symlinkSync(path.join(elsewhere, "a.yaml"), path.join(own, "a.yaml"));
    expect(faultsOf(own)).toMatch(/a\.yaml:1: is a link to .*, outside the folder\. Copy the file here/);
    const mounted = folder({});
    fs.mkdirSync(path.join(mounted, "..2026"));
    fs.writeFileSync(path.join(mounted, "..2026", "a.yaml"), text("a"));
    fs.symlinkSync("..2026", path.join(mounted, "..data"));
    fs.symlinkSync(path.join("..data", "a.yaml"), path.join(mounted, "a.yaml"));
    expect(readFolder(mounted, { own: true })).toMatchObject({ faults: [], playbooks: [{ name: "a" }] });
  });
  test.runIf(posix)("links that lead nowhere or in a circle are said", () => {
    const own = folder({});
    fs.symlinkSync(path.join(own, "gone.yaml"), path.join(own, "a.yaml"));
    fs.symlinkSync(path.join(own, "b.yaml"), path.join(own, "b.yaml"));
    expect(faultsOf(own)).toMatch(/a\.yaml:1: cannot be read: it is not there\n.*b\.yaml:1: cannot be read: its links lead in a circle/);
  });
  test.runIf(posix)("what anybody may write to is refused", () => {
    const own = folder({ "a.yaml": text("a") });
    fs.chmodSync(path.join(own, "a.yaml"), 0o666);
    expect(faultsOf(own)).toMatch(/a\.yaml:1: anybody on this machine may write to this file\. Run: chmod o-w/);
    fs.chmodSync(own, 0o777);
    expect(faultsOf(own)).toMatch(/:1: anybody on this machine may write to this folder\. Run: chmod o-w/);
  });
  test("a file air may not read is said", () => {
    const own = folder({ "a.yaml": text("a") });
    const read = fs.readFileSync.bind(fs);
    // Nothing is closed to root, and tests run as root in containers: the system's answer is put in its place.
    const refused = vi.spyOn(fs, "readFileSync").mockImplementation(((file: string, ...rest: []) => {
      if (String(file).startsWith(own)) throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
      return read(file, ...rest);
    }) as typeof fs.readFileSync);
    try {
      expect(faultsOf(own)).toMatch(/a\.yaml:1: cannot be read: air may not read it/);
    } finally {
      refused.mockRestore();
    }
  });
});

describe("playbook check", () => {
  test("the built-in ones are good", () => {
    expect(checkPlaybooks([], undefined)).toMatchObject({ code: 0, lines: [expect.stringMatching(/^All \d+ playbooks are good\.$/)] });
  });
  test("a file, a folder, faults, and nothing there", () => {
    const own = folder({ "a.yaml": text("a"), "b.yaml": "name: [" });
    expect(checkPlaybooks([path.join(own, "a.yaml")], undefined)).toMatchObject({ code: 0, lines: ["The playbook is good."] });
    expect(checkPlaybooks([own], undefined)).toMatchObject({ code: 1, problems: [expect.stringMatching(/b\.yaml:1: /)] });
    expect(checkPlaybooks([], own)).toMatchObject({ code: 1 });
    expect(checkPlaybooks([folder({})], undefined)).toMatchObject({ code: 1, problems: [expect.stringMatching(/no playbook there/)] });
    expect(checkPlaybooks([path.join(own, "c.yaml")], undefined)).toMatchObject({ code: 2 });
  });
});

describe("playbook test", () => {
  test("every built-in example is as expected", () => {
    const outcome = testPlaybooks([], undefined);
    expect(outcome).toMatchObject({ code: 0, problems: [] });
    expect(outcome.lines.length).toBeGreaterThan(60);
  });
  test("own ones run against everything that is loaded; the built-in examples are not spoilt by them", () => {
    const own = folder({
      "a.yaml": text("ours", "applies: { any: [{ title: '*malware*' }] }\n"),
      "a.example.yaml": examples(["Malware again"], ["Something else"]),
    });
    expect(testPlaybooks([], own)).toMatchObject({ code: 0 });
    expect(testPlaybooks(["ours"], own)).toMatchObject({
      code: 0,
      lines: [/got ours$/, /got general$/, /^2 examples/].map((line) => expect.stringMatching(line)),
    });
  });
  test("a mismatch says where, what was expected and what came", () => {
    const own = folder({ "a.yaml": text("ours"), "a.example.yaml": examples(["Theirs"], ["Ours, too"]) });
    const outcome = testPlaybooks([], own);
    expect(outcome).toMatchObject({ code: 1, problems: ["2 of 75 failed."].map(() => expect.stringMatching(/^2 of \d+ failed\.$/)) });
    expect(outcome.lines.filter((line) => line.startsWith("FAIL"))).toEqual([
      expect.stringMatching(/a\.example\.yaml:1 "Theirs": expected ours, got general$/),
      expect.stringMatching(/a\.example\.yaml:2 "Ours, too": expected any but ours, got ours$/),
    ]);
  });
  test.each<[string, Record<string, string>, RegExp]>([
    ["no examples", {}, /a\.yaml:1: has no examples\. Write a\.example\.yaml beside it/],
    ["no negative one", { "a.example.yaml": examples(["Ours"], []) }, /a\.example\.yaml:1: has no alert under matchesNot/],
    [
      "an example that is no alert",
      { "a.example.yaml": "matches:\n  - { id: '1', severity: low }\nmatchesNot: []\n" },
      /a\.example\.yaml:2: title is required/,
    ],
    ["no YAML", { "a.example.yaml": "matches: [" }, /a\.example\.yaml:1: /],
  ])("%s", (_, more, message) => {
    const outcome = testPlaybooks([], folder({ "a.yaml": text("ours"), ...more }));
    expect(outcome.code).toBe(1);
    expect(outcome.lines.join("\n")).toMatch(message);
  });
  test("an unknown name is wrong usage", () => {
    expect(testPlaybooks(["nothing"], undefined)).toMatchObject({
      code: 2,
      problems: [expect.stringMatching(/^There is no playbook nothing\. There are /)],
    });
  });
});

test("the commands answer by their exit code, without a database", () => {
  const air = (...args: string[]) => {
    const env = { PATH: process.env.PATH ?? "", HOME: root, AIR_DATA_DIR: folder({}) };
    const { status, stdout, stderr } = spawnSync(process.execPath, [path.resolve("bin/air.mjs"), "playbook", ...args], { env, cwd: root });
    return { status, out: stdout.toString(), err: stderr.toString() };
  };
  expect(air("check")).toMatchObject({ status: 0, out: expect.stringMatching(/playbooks are good/), err: "" });
  expect(air("check", path.join(folder({ "a.yaml": "name: [" }), "a.yaml"))).toMatchObject({
    status: 1,
    out: "",
    err: expect.stringMatching(/a\.yaml:1: /),
  });
  expect(air("test", "nothing")).toMatchObject({ status: 2, err: expect.stringMatching(/There is no playbook nothing/) });
  expect(air("explain", "--help")).toMatchObject({ status: 0, out: expect.stringMatching(/--alert <file>/) });
  expect(air("explain", "--wrong")).toMatchObject({ status: 2 });
});

describe("playbook explain", () => {
  const read = readConfig({}, () => undefined);
  if (!read.ok) throw new Error("the defaults are no configuration");
  const policy: Policy = {
    ...read.config.policy,
    mode: "act",
    deviceGroups: [{ name: "workstations", match: "ws-*", automation: "semi-core" }],
    perKind: { "isolate-device": { approvals: 2 } },
  };
  const roles = {
    admin: [],
    approver: { device: ["mia@contoso.example"], email: [], identity: [], network: [], app: [] },
    responder: [],
    viewer: [],
  };
  const inForce = { policy, roles };
  const run = (input: { subject?: string; alertFile?: string; source?: string }, force = inForce) => {
    const { lines, problems, code } = explain(
      { subject: input.subject, alertFile: input.alertFile, source: input.source ?? "generic" },
      undefined,
      force,
    );
    return { text: lines.join("\n"), problems, code };
  };

  test("a playbook: when, who looks, what is proposed, who decides", () => {
    const { text, code } = run({ subject: "malware-on-device" });
    expect(code).toBe(0);
    expect(text).toMatch(/the category is malware, .* and the alerts name a file or a process/);
    expect(text).toMatch(/file-reputation: Asks every connected source what it knows of the file's hash\./);
    expect(text).toMatch(
      /On devices of group workstations, malicious: in a temporary folder air does it by itself, .*in a core folder asks/,
    );
    expect(text).toMatch(/On devices of no group, malicious: asks \(level semi-all/);
    expect(text).toMatch(/two approvers for device .*They are mia@contoso\.example\./);
    expect(text).toMatch(/Nobody is one yet: add them under roles\.approver\.network in air\.yaml/);
  });
  test("in mode observe nothing is carried out", () => {
    const { text } = run({ subject: "general" }, { ...inForce, policy: { ...policy, mode: "observe" } });
    expect(text).toMatch(/in mode observe/);
    expect(text).not.toMatch(/air does it by itself|Where it asks/);
  });
  test("an alert: which is chosen, why, and why not the others", () => {
    const file = path.join(
      folder({
        "alert.json": JSON.stringify({
          id: "1",
          title: "Impossible travel",
          severity: "high",
          entities: [{ kind: "user", email: "mia@contoso.example" }],
        }),
      }),
      "alert.json",
    );
    for (const input of [{ subject: file }, { alertFile: file }]) {
      const { text, code } = run(input);
      expect(code).toBe(0);
      expect(text).toMatch(/Chosen: suspicious-sign-in, because it names a user and the title reads Impossible travel\./);
      expect(text).toMatch(/Beside it: general/);
      expect(text).toMatch(/malware-on-device \(priority 60\) does not apply: /);
    }
    expect(run({ subject: "general", alertFile: file }).text).toMatch(/^general: General investigation[\s\S]*Chosen: suspicious-sign-in/);
  });
  test("Defender's own shape", () => {
    const file = path.join(
      folder({
        "a.json": JSON.stringify({
          id: "1",
          title: "User restricted from sending email",
          serviceSource: "microsoftDefenderForOffice365",
          evidence: [{ "@odata.type": "#microsoft.graph.security.mailboxEvidence", primaryAddress: "mia@contoso.example" }],
        }),
      }),
      "a.json",
    );
    expect(run({ alertFile: file, source: "defender" }).text).toMatch(/Chosen: user-compromise/);
  });
  test.each<[string, { subject?: string; alertFile?: string; source?: string }, 1 | 2, RegExp]>([
    ["nothing named", {}, 2, /Name a playbook/],
    ["nothing of that name", { subject: "nothing" }, 2, /There is no playbook and no file nothing/],
    ["an alert that is not there", { alertFile: "/nowhere/a.json" }, 2, /cannot be read/],
    ["an unknown source", { alertFile: "a.json", source: "telex" }, 2, /There is no source telex/],
  ])("%s", (_, input, code, message) => {
    const outcome = run(input);
    expect(outcome.code).toBe(code);
    expect(outcome.problems.join("\n")).toMatch(message);
  });
  test("a broken alert or playbook says what is wrong", () => {
    const made = folder({ "bad.json": "{", "empty.json": "{}", "bad.yaml": "name: x" });
    expect(run({ alertFile: path.join(made, "bad.json") })).toMatchObject({ code: 1, problems: [expect.stringMatching(/is no JSON/)] });
    expect(run({ alertFile: path.join(made, "empty.json") })).toMatchObject({ code: 1, problems: [expect.stringMatching(/is required/)] });
    expect(run({ subject: path.join(made, "bad.yaml") })).toMatchObject({
      code: 1,
      problems: expect.arrayContaining([expect.stringMatching(/bad\.yaml:1: title: is required/)]),
    });
  });
  test("the schema is JSON", () => {
    expect(JSON.parse(playbookSchema())).toMatchObject({ title: "Playbook of air" });
  });
});
