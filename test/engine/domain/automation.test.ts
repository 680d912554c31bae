import { describe, expect, test } from "vitest";
import { actionKinds } from "../../../src/engine/actions/all.ts";
import { ACTION_KINDS } from "../../../src/engine/domain/action.ts";
import type { Verdict } from "../../../src/engine/domain/alert.ts";
import { automationFor, groupOf, matrix, type Proposal, type Standing } from "../../../src/engine/domain/automation.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import type { AutomationLevel, Policy } from "../../../src/engine/domain/policy.ts";
import { testPolicy } from "../../support/open-engine.ts";

const CORE = "C:\\Windows\\System32\\evil.exe";
const TEMP = "C:\\Users\\mia\\AppData\\Local\\Temp\\evil.exe";
const OTHER = "D:\\work\\evil.exe";

const WHERE = { core: CORE, temp: TEMP, other: OTHER, unclear: "\\\\srv\\c$\\Windows\\evil.exe", none: undefined } as const;
const VERDICT_LIST = ["malicious", "suspicious", "noThreatsFound", "unknown"] as const;

/** Domain facts 2.6, written down cell by cell: what malicious evidence in each kind of folder gets at each level. */
const MALICIOUS: Record<AutomationLevel, Record<keyof typeof WHERE, "automatic" | "ask" | "none">> = {
  full: { core: "automatic", temp: "automatic", other: "automatic", unclear: "automatic", none: "automatic" },
  "semi-all": { core: "ask", temp: "ask", other: "ask", unclear: "ask", none: "ask" },
  "semi-core": { core: "ask", temp: "automatic", other: "automatic", unclear: "ask", none: "ask" },
  "semi-non-temp": { core: "ask", temp: "automatic", other: "ask", unclear: "ask", none: "ask" },
  none: { core: "none", temp: "none", other: "none", unclear: "none", none: "none" },
};
const LEVELS = Object.keys(MALICIOUS) as AutomationLevel[];
const expected = (level: AutomationLevel, verdict: Verdict, where: keyof typeof WHERE) => {
  if (verdict === "noThreatsFound" || verdict === "unknown" || level === "none") return "none";
  return verdict === "suspicious" ? "ask" : MALICIOUS[level][where];
};

describe("the matrix, every cell of it", () => {
  const cells = LEVELS.flatMap((level) =>
    VERDICT_LIST.flatMap((verdict) => (Object.keys(WHERE) as (keyof typeof WHERE)[]).map((where) => ({ level, verdict, where }))),
  );
  test.each(cells)("level $level, $verdict, folder $where", ({ level, verdict, where }) => {
    expect(matrix(level, verdict, WHERE[where]).kind).toBe(expected(level, verdict, where));
  });

  test.each(
    ACTION_KINDS.flatMap((kind) => cells.map((cell) => ({ kind, ...cell }))).filter(
      ({ kind }) => actionKinds[kind].family === "device" && kind !== "expand-investigation",
    ),
  )("$kind at level $level, $verdict, folder $where", ({ kind, level, verdict, where }) => {
    const path = WHERE[where];
    const target: Entity =
      kind === "kill-process"
        ? { kind: "process", name: "evil.exe", device: "WS-1", ...(path ? { path } : {}) }
        : { kind: "file", name: "evil.exe", device: "WS-1", ...(path ? { path } : {}) };
    const of = (policy: Policy) =>
      automationFor({ kind, target, verdict, judgement: { automatic: { allowed: true } }, level, group: "g" }, policy, {
        kindLastHour: 0,
        lastDay: 0,
      }).kind;
    const follows = kind === "quarantine-file" || kind === "kill-process";
    expect(of(testPolicy)).toBe(level === "none" ? "none" : follows ? expected(level, verdict, where) : "ask");
    expect(of({ ...testPolicy, perKind: { [kind]: { approval: "matrix" } } })).toBe(expected(level, verdict, where));
    expect(of({ ...testPolicy, perKind: { [kind]: { approval: "always" } } })).toBe(level === "none" ? "none" : "ask");
    expect(of({ ...testPolicy, mode: "ask" })).toBe(level === "none" ? "none" : "ask");
    expect(of({ ...testPolicy, mode: "observe" })).toBe(level === "none" ? "none" : "observe");
  });

  test("the card names the folder of the list, never the attacker's path", () => {
    expect(matrix("semi-core", "malicious", "C:\\Windows\\System32\\<!channel>.exe").rule).not.toContain("channel");
    expect(matrix("semi-core", "malicious", CORE).rule).toBe("level semi-core and the path is under \\windows");
    expect(matrix("semi-non-temp", "malicious", OTHER).rule).toBe("level semi-non-temp and the path is in no temp folder");
    expect(matrix("semi-core", "malicious", undefined).rule).toBe("level semi-core and the path is not known");
  });

  test("the lists are the organisation's", () => {
    const lists = { tempFolders: ["\\scratch\\*"], coreFolders: ["\\erp\\*"] };
    expect(matrix("semi-core", "malicious", "D:\\ERP\\bin\\a.exe", lists)).toMatchObject({ kind: "ask" });
    expect(matrix("semi-core", "malicious", CORE, lists).kind).toBe("automatic");
    expect(matrix("semi-non-temp", "malicious", "E:\\scratch\\a.exe", lists).kind).toBe("automatic");
    expect(matrix("semi-non-temp", "malicious", TEMP, lists).kind).toBe("ask");
  });
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
  const spent: Standing = { kindLastHour: 0, lastDay: 0 };
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
    ["the last device of an investigation", {}, {}, { otherDevices: 4 }, "automatic", /level full/],
    ["one device too many", {}, {}, { otherDevices: 5 }, "ask", /ceiling reached: automatic actions on 5 devices in one investigation/],
    ["the mode as it stands now", {}, {}, { mode: "ask" }, "ask", /mode ask/],
    [
      "no ceiling is lowered to nothing by accident",
      {},
      { ceilings: { perKindPerHour: 0, perDay: 25, devicesPerInvestigation: 5 } },
      {},
      "ask",
      /ceiling/,
    ],
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

describe("the opt-in for mail", () => {
  const cluster = (by: "attachment" | "url" | "subject" | "sender-domain" | "sender-ip" | "fingerprint", messages = 40): Proposal => ({
    kind: "soft-delete-mail",
    target: { kind: "mail-cluster", query: "q" },
    verdict: "malicious",
    judgement: { automatic: { allowed: true } },
    level: "semi-all",
    group: "no group",
    cluster: { by, messages },
  });
  const on: Policy = { ...testPolicy, automation: { ...testPolicy.automation, mail: { similarFiles: true, similarUrls: true } } };
  const onlyFiles: Policy = { ...testPolicy, automation: { ...testPolicy.automation, mail: { similarFiles: true, similarUrls: false } } };
  test.each<[string, Proposal, Policy, "automatic" | "ask" | "observe"]>([
    ["off by default", cluster("attachment"), testPolicy, "ask"],
    ["similar files", cluster("attachment"), on, "automatic"],
    ["similar links", cluster("url"), on, "automatic"],
    ["similar links, only files switched on", cluster("url"), onlyFiles, "ask"],
    ["the same subject never", cluster("subject"), on, "ask"],
    ["the same sender never", cluster("sender-domain"), on, "ask"],
    ["the same address never", cluster("sender-ip"), on, "ask"],
    ["the same body never", cluster("fingerprint"), on, "ask"],
    ["10,000 messages", cluster("attachment", 10_000), on, "automatic"],
    ["10,001 messages", cluster("attachment", 10_001), on, "ask"],
    ["a hard delete never", { ...cluster("attachment"), kind: "hard-delete-mail" }, on, "ask"],
    ["move to junk never", { ...cluster("attachment"), kind: "move-to-junk" }, on, "ask"],
    ["a single message never", { ...cluster("attachment"), target: { kind: "message", subject: "s" } }, on, "ask"],
    ["suspicious asks", { ...cluster("attachment"), verdict: "suspicious" }, on, "ask"],
    ["not by two families", { ...cluster("attachment"), judgement: { automatic: { allowed: false, because: "one family" } } }, on, "ask"],
    ["policy says always", cluster("attachment"), { ...on, perKind: { "soft-delete-mail": { approval: "always" } } }, "ask"],
    ["mode ask", cluster("attachment"), { ...on, mode: "ask" }, "ask"],
    ["mode observe", cluster("attachment"), { ...on, mode: "observe" }, "observe"],
  ])("%s", (_, proposal, policy, kind) => expect(automationFor(proposal, policy, { kindLastHour: 0, lastDay: 0 }).kind).toBe(kind));
});
