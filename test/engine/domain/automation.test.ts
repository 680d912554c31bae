import { describe, expect, test } from "vitest";
import type { Verdict } from "../../../src/engine/domain/alert.ts";
import { automationFor, folderOf, groupOf, matrix, type Proposal } from "../../../src/engine/domain/automation.ts";
import type { AutomationLevel, Policy } from "../../../src/engine/domain/policy.ts";
import { testPolicy } from "../../support/open-engine.ts";

const CORE = "C:\\Windows\\System32\\evil.exe";
const TEMP = "C:\\Users\\mia\\AppData\\Local\\Temp\\evil.exe";
const OTHER = "D:\\work\\evil.exe";

describe("folders", () => {
  test.each<[string | undefined, ReturnType<typeof folderOf>]>([
    [CORE, "core"],
    ["c:\\windows", "core"],
    ["C:/Program Files/a/b.exe", "core"],
    ["C:\\Program Files (x86)\\a.exe", "core"],
    ["C:\\WINDOWS\\Temp\\a.exe", "temp"],
    [TEMP, "temp"],
    ["C:\\Users\\mia\\Downloads\\invoice.pdf.exe", "temp"],
    ["C:\\Documents and Settings\\mia\\Local Settings\\Temp\\a.exe", "temp"],
    ["C:\\Users\\mia\\Documents\\a.exe", "other"],
    ["C:\\WindowsOld\\a.exe", "other"],
    [OTHER, "other"],
    ["", undefined],
    [undefined, undefined],
  ])("%s is %s", (path, folder) => expect(folderOf(path)).toBe(folder));
});

describe("the matrix", () => {
  const levels: AutomationLevel[] = ["full", "semi-all", "semi-core", "semi-non-temp", "none"];
  test.each<[AutomationLevel, string | undefined, "automatic" | "ask" | "none"]>([
    ["full", CORE, "automatic"],
    ["full", undefined, "automatic"],
    ["semi-all", TEMP, "ask"],
    ["semi-core", CORE, "ask"],
    ["semi-core", TEMP, "automatic"],
    ["semi-core", OTHER, "automatic"],
    ["semi-core", undefined, "ask"],
    ["semi-non-temp", TEMP, "automatic"],
    ["semi-non-temp", CORE, "ask"],
    ["semi-non-temp", OTHER, "ask"],
    ["semi-non-temp", undefined, "ask"],
    ["none", TEMP, "none"],
  ])("malicious at level %s in %s: %s", (level, path, kind) => expect(matrix(level, "malicious", path).kind).toBe(kind));
  test.each(levels)("suspicious never acts by itself at level %s", (level) =>
    expect(matrix(level, "suspicious", TEMP).kind).toBe(level === "none" ? "none" : "ask"),
  );
  test.each(levels.flatMap((level) => (["noThreatsFound", "unknown"] satisfies Verdict[]).map((verdict) => [level, verdict] as const)))(
    "level %s and %s: nothing",
    (level, verdict) => expect(matrix(level, verdict, TEMP).kind).toBe("none"),
  );
});

describe("whether an action is automatic", () => {
  const malware: Proposal = {
    kind: "quarantine-file",
    target: { kind: "file", sha256: "a".repeat(64), path: TEMP, device: "WS-1" },
    verdict: "malicious",
    judgement: { automatic: { allowed: true } },
    level: "full",
    group: "lab",
  };
  const spent = { kindLastHour: 0, lastDay: 0 };
  test.each<[string, Partial<Proposal>, Partial<Policy>, Partial<typeof spent>, string, RegExp]>([
    ["malicious at level full", {}, {}, {}, "automatic", /level full/],
    ["mode observe", {}, { mode: "observe" }, {}, "observe", /mode observe/],
    ["mode ask", {}, { mode: "ask" }, {}, "ask", /mode ask/],
    ["a group without automation", { level: "none" }, {}, {}, "none", /no automated response/],
    ["a group without automation, even in mode observe", { level: "none" }, { mode: "observe" }, {}, "none", /no automated/],
    ["always asks, by policy", {}, { perKind: { "quarantine-file": { approval: "always" } } }, {}, "ask", /always/],
    ["isolation asks by default", { kind: "isolate-device" }, {}, {}, "ask", /always asks by default/],
    [
      "isolation by the matrix, where policy says so",
      { kind: "isolate-device" },
      { perKind: { "isolate-device": { approval: "matrix" } } },
      {},
      "automatic",
      /level full/,
    ],
    [
      "the judgement does not carry it",
      { judgement: { automatic: { allowed: false, because: "one family only" } } },
      {},
      {},
      "ask",
      /one family only/,
    ],
    ["nobody judged it", { judgement: undefined }, {}, {}, "ask", /not judged/],
    ["the last below the hour's ceiling", {}, {}, { kindLastHour: 9 }, "automatic", /level full/],
    ["at the hour's ceiling", {}, {}, { kindLastHour: 10 }, "ask", /ceiling reached: 10 automatic quarantine-file per hour/],
    ["at the day's ceiling", {}, {}, { lastDay: 25 }, "ask", /ceiling reached: 25 automatic actions per day/],
  ])("%s", (_, change, policy, used, kind, rule) => {
    const answer = automationFor({ ...malware, ...change }, { ...testPolicy, ...policy }, { ...spent, ...used });
    expect(answer.kind).toBe(kind);
    expect(answer.rule).toMatch(rule);
  });
});

describe("device groups", () => {
  const policy: Policy = {
    ...testPolicy,
    deviceGroups: [
      { name: "workstations", match: "ws-*", automation: "semi-core" },
      { name: "lab", match: "", automation: "full" },
      { name: "servers", match: "srv-*", automation: "none" },
    ],
  };
  test.each<[{ name: string; group?: string }, string, AutomationLevel]>([
    [{ name: "WS-042" }, "workstations", "semi-core"],
    [{ name: "WS-042", group: "lab" }, "workstations", "semi-core"],
    [{ name: "LT-005", group: "lab" }, "lab", "full"],
    [{ name: "SRV-1" }, "servers", "none"],
    [{ name: "printer" }, "no group", "semi-all"],
  ])("%o", (device, name, level) => expect(groupOf(device, policy)).toEqual({ name, level }));
  test("a group without a pattern takes everything that is left", () => {
    expect(groupOf({ name: "x" }, { ...policy, deviceGroups: [...policy.deviceGroups, { name: "rest", automation: "full" }] }).name).toBe(
      "rest",
    );
  });
});
