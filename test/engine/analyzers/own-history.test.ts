import { describe, expect, test } from "vitest";
import { alertHistory } from "../../../src/engine/analyzers/alert-history.ts";
import type { Analyzer, LookContext } from "../../../src/engine/analyzers/analyzer.ts";
import { cloudCredentials } from "../../../src/engine/analyzers/cloud-credentials.ts";
import { filePrevalence } from "../../../src/engine/analyzers/file-prevalence.ts";
import { indicatorLists } from "../../../src/engine/analyzers/indicator-lists.ts";
import { ownPrevalence } from "../../../src/engine/analyzers/own-prevalence.ts";
import { sandboxReport } from "../../../src/engine/analyzers/sandbox-report.ts";
import type { NamedEntity } from "../../../src/engine/domain/alert.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import type { Label, Observation } from "../../../src/engine/domain/observation.ts";
import { judge, WEIGHTS } from "../../../src/engine/domain/verdict.ts";
import type { Capabilities, IndicatorCapability, Past, ReputationAnswer, ReputationSource } from "../../../src/engine/ports.ts";
import { NOTHING, NOW, openLab } from "../../support/lab-capabilities.ts";
import { lookContext } from "../../support/look-context.ts";

const signal = new AbortController().signal;
const sha256 = "c".repeat(64);
const days = (number: number) => new Date(NOW.getTime() - number * 86_400_000);
const look = async (analyzer: Analyzer, entity: Entity, capabilities: Capabilities = NOTHING, context: LookContext = lookContext()) =>
  (await Promise.all(analyzer.looks(entity, capabilities, context).map((each) => each.run(signal)))).flat();
const other = (family: string, label: Label, weight: number): Observation => ({
  analyzer: "other",
  source: family,
  family,
  label,
  weight,
  text: "",
  at: NOW,
});
const verdict = (...observations: Observation[]) =>
  judge({ observations, sourceFamilies: new Set(["edr-alert"]), trusted: true, now: NOW }).verdict;
const counts = (more: Partial<Past["verdicts"]>): Past["verdicts"] => ({
  malicious: 0,
  suspicious: 0,
  noThreatsFound: 0,
  unknown: 0,
  ...more,
});

describe("own-prevalence", () => {
  const file: Entity = { kind: "file", sha256, name: "agent.exe", device: "FIN-07" };
  const asked: Entity = { kind: "file", sha256 };
  const judged = (past: Partial<Past>, entity: Entity = file, of: Entity = asked) =>
    look(ownPrevalence, entity, NOTHING, lookContext({ past: [[of, past]] }));
  const devices = (number: number) => Array.from({ length: number }, (_, index) => `FIN-${index}`);
  const override = (verdict: string, daysAgo: number) => ({ verdict, by: "Noor", reason: "our own inventory agent", at: days(daysAgo) });

  test.each<[string, Partial<Past>, Label, number]>([
    ["judged malicious before", { alerts: 3, verdicts: counts({ malicious: 2 }), firstAt: days(30) }, "suspicious", WEIGHTS.historyAccused],
    [
      "judged malicious, and a person took it back",
      { alerts: 3, verdicts: counts({ malicious: 2 }), overrides: [override("malicious", 20), override("noThreatsFound", 10)] },
      "benign",
      WEIGHTS.historyNormal,
    ],
    [
      "a person called it malicious",
      { alerts: 3, verdicts: counts({ noThreatsFound: 3 }), overrides: [override("malicious", 1)] },
      "suspicious",
      WEIGHTS.historyAccused,
    ],
    [
      "common for long",
      { alerts: 6, verdicts: counts({ noThreatsFound: 4 }), devices: devices(40), firstAt: days(60) },
      "benign",
      WEIGHTS.historyNormal,
    ],
    ["a worm is common, too", { alerts: 6, verdicts: counts({ noThreatsFound: 4 }), devices: devices(40), firstAt: days(1) }, "neutral", 0],
    [
      "common, but nobody could ever say",
      { alerts: 9, verdicts: counts({ unknown: 9 }), devices: devices(40), firstAt: days(60) },
      "neutral",
      0,
    ],
    [
      "once suspicious",
      { alerts: 9, verdicts: counts({ suspicious: 1, noThreatsFound: 8 }), devices: devices(40), firstAt: days(60) },
      "neutral",
      0,
    ],
    ["rare", { alerts: 1, verdicts: counts({ noThreatsFound: 1 }), devices: devices(1), firstAt: days(60) }, "neutral", 0],
    ["never met", {}, "neutral", 0],
  ])("%s: %s", async (_, past, label, weight) => {
    expect(await judged(past)).toMatchObject([{ label, weight, family: "air-history", source: "air" }]);
  });
  test("changes a verdict both ways, and decides none of weight alone", async () => {
    const accused = await judged({ alerts: 3, verdicts: counts({ malicious: 2 }) });
    const some = other("vt", "malicious", WEIGHTS.reputationSome);
    expect([verdict(some), verdict(some, ...accused)]).toEqual(["suspicious", "malicious"]);
    expect(verdict(...accused)).toBe("suspicious");
    const common = await judged({ alerts: 6, verdicts: counts({ noThreatsFound: 4 }), devices: devices(40), firstAt: days(60) });
    const weak = other("edr-alert", "suspicious", WEIGHTS.sourceSuspicious);
    expect([verdict(weak), verdict(weak, ...common)]).toEqual(["suspicious", "unknown"]);
  });
  test("a process is asked about by its file, a name or a path about nothing", async () => {
    const accused = { alerts: 1, verdicts: counts({ malicious: 1 }) };
    expect(await judged(accused, { kind: "process", name: "a.exe", pid: 7, sha256 })).toMatchObject([{ label: "suspicious" }]);
    expect(await judged(accused, { kind: "process", name: "a.exe", commandLine: "a.exe" })).toEqual([]);
    expect(await judged(accused, { kind: "file", path: "C:\\a.exe" })).toEqual([]);
    const ip: Entity = { kind: "ip", address: "203.0.113.9" };
    expect(await judged(accused, ip, ip)).toMatchObject([{ label: "suspicious" }]);
  });
});

describe("alert-history", () => {
  const device: Entity = { kind: "device", name: "FIN-07" };
  const incidents = (...classifications: (string | undefined)[]): Past["incidents"] =>
    classifications.map((classification, index) => ({
      id: 100 + index,
      title: `Malware on FIN-07 (${index})`,
      at: days(20 - index),
      status: "resolved",
      ...(classification ? { classification } : {}),
    }));
  const judged = (past: Partial<Past>) => look(alertHistory, device, NOTHING, lookContext({ past: [[device, past]] }));
  const [real, wrong] = ["truePositive", "falsePositive"];
  test.each<[string, (string | undefined)[], Label]>([
    ["two true positives", [real, real], "suspicious"],
    ["one", [real], "neutral"],
    ["three false positives", [wrong, wrong, wrong], "benign"],
    ["two false positives", [wrong, wrong], "neutral"],
    ["false ones and a true one", [wrong, wrong, wrong, real], "neutral"],
    ["never classified", [undefined, undefined, undefined], "neutral"],
    ["none", [], "neutral"],
  ])("%s", async (_, classifications, label) => {
    expect(await judged({ incidents: incidents(...classifications) })).toMatchObject([{ label, family: "air-history" }]);
  });
  test("the text lists the newest three, bounded", async () => {
    const [seen] = await judged({ incidents: incidents(undefined, undefined, undefined, wrong) });
    expect(seen?.text).toBe(
      "In 4 other incidents in 30 days: INC-103 Malware on FIN-07 (3) (a false positive); INC-102 Malware on FIN-07 (2); INC-101 Malware on FIN-07 (1) and 1 more.",
    );
    const long = incidents(real, real, real).map((incident) => ({ ...incident, title: "\u{1f600}".repeat(5000) }));
    expect((await judged({ incidents: long }))[0]?.text.length).toBeLessThan(500);
    expect((await judged({ incidents: long }))[0]?.text.isWellFormed()).toBe(true);
  });
  test("tips a balance and accuses nobody alone", async () => {
    const seen = await judged({ incidents: incidents(real, real) });
    expect(verdict(...seen)).toBe("unknown");
    const strong = other("endpoint", "malicious", WEIGHTS.treeStrong);
    expect([verdict(strong), verdict(strong, ...seen)]).toEqual(["suspicious", "malicious"]);
  });
});

describe("indicator-lists", () => {
  const listing = (entry: Awaited<ReturnType<IndicatorCapability["find"]>>): Capabilities => {
    const never = () => Promise.reject(new Error("not asked for"));
    return { ...NOTHING, indicators: { connector: "edr", find: async () => entry, block: never, unblock: never, allow: never } };
  };
  const ip: Entity = { kind: "ip", address: "203.0.113.9" };
  test.each<["allow" | "block", Label, string, string]>([
    ["allow", "benign", "noThreatsFound", "It is on the allow list of edr, until 2026-11-01 00:00 UTC."],
    ["block", "malicious", "malicious", "It is on the block list of edr, until 2026-11-01 00:00 UTC."],
  ])("%s decides: %s", async (action, label, judged, text) => {
    const seen = await look(indicatorLists, ip, listing({ id: "7", action, expiresAt: new Date("2026-11-01T00:00:00Z") }));
    expect(seen).toMatchObject([{ label, decisive: action, text, weight: WEIGHTS.ownList }]);
    expect([verdict(), verdict(...seen)]).toEqual(["unknown", judged]);
  });
  test("no entry, one that has ended, and a file without a hash", async () => {
    expect(await look(indicatorLists, ip, listing(undefined))).toMatchObject([{ label: "neutral" }]);
    const ended = await look(indicatorLists, ip, listing({ id: "7", action: "block", expiresAt: days(1) }));
    expect(ended).toMatchObject([{ label: "neutral" }]);
    expect(ended[0]?.decisive).toBeUndefined();
    expect(indicatorLists.looks({ kind: "file", name: "a.exe" }, listing(undefined), lookContext())).toEqual([]);
  });
  test("what the lab allows is allowed until it ends", async () => {
    let now = NOW;
    const { lab, capabilities } = openLab(() => now);
    await lab.indicators.allow({ kind: "ip", address: "203.0.113.9" }, new Date(NOW.getTime() + 1000), "", "k", signal);
    expect(await look(indicatorLists, ip, capabilities)).toMatchObject([{ decisive: "allow" }]);
    now = new Date(NOW.getTime() + 2000);
    expect((await look(indicatorLists, ip, capabilities))[0]?.decisive).toBeUndefined();
  });
});

test("sandbox-report asks every sandbox, by hash only, and says where nobody ran it", async () => {
  const techniques = ["T1490", "T1486"];
  const ran = { label: "malicious", weight: 2, text: "It encrypted files.", at: NOW, techniques } as const;
  const capabilities: Capabilities = {
    ...NOTHING,
    sandboxes: [
      { name: "Box A", family: "a", report: async () => ran },
      { name: "Box B", family: "b", report: async () => undefined },
    ],
  };
  const seen = await look(sandboxReport, { kind: "file", sha256 }, capabilities);
  expect(seen).toMatchObject([
    { label: "malicious", family: "a", technique: "T1490", text: "It encrypted files. Techniques: T1490, T1486." },
    { label: "neutral", family: "b", text: "Nobody has run it in Box B." },
  ]);
  expect(verdict(other("edr-alert", "suspicious", 1), ...seen)).toBe("malicious");
  expect(sandboxReport.looks({ kind: "file", name: "a.exe" }, capabilities, lookContext())).toEqual([]);
});

test("file-prevalence keeps the whole list in raw where a person is asked first", async () => {
  const { lab, capabilities } = openLab();
  for (let index = 0; index < 12; index++) await lab.adopt([{ kind: "file", sha256, name: "a.exe", device: `WS-${900 + index}` }]);
  const [seen] = await look(filePrevalence, { kind: "file", sha256 }, capabilities);
  expect(seen).toMatchObject({ family: "endpoint", raw: { count: 12, devices: expect.arrayContaining(["WS-900", "WS-911"]) } });
  expect(seen?.found).toBeUndefined();
});

describe("cloud-credentials", () => {
  const key: Entity = { kind: "access-key", id: "AKIAIOSFODNN7EXAMPLE" };
  const address: Entity = { kind: "ip", address: "203.0.113.80" };
  const bucket: Entity = { kind: "cloud-resource", id: "arn:aws:s3:::contoso-reports" };
  const incident = (...entities: (Entity | NamedEntity)[]) =>
    entities.map((each): NamedEntity => ("entity" in each ? each : { entity: each, roles: [] }));
  const says = (answer: Partial<ReputationAnswer>): ReputationSource => ({
    name: "abuse",
    family: "abuse",
    kinds: ["ip"],
    look: async () => ({ label: "malicious", weight: WEIGHTS.reputationStrong, text: "an exit of Tor.", at: NOW, ...answer }),
  });
  const with_ = (answer: Partial<ReputationAnswer> = {}): Capabilities => ({ ...NOTHING, reputation: [says(answer)] });

  test("a key used from an exit of Tor is suspicious by itself and malicious with the source's word", async () => {
    const context = lookContext({ entities: incident(key, { entity: address, roles: ["attacker"] }) });
    const seen = await look(cloudCredentials, key, with_(), context);
    expect(seen.find(({ family }) => family === "abuse")).toMatchObject({
      label: "malicious",
      weight: WEIGHTS.behaviourStrong,
      text: "Used from 203.0.113.80: an exit of Tor.",
    });
    const source = other("guardduty", "suspicious", WEIGHTS.sourceSuspicious);
    expect([verdict(source), verdict(source, ...seen)]).toEqual(["suspicious", "malicious"]);
    expect([verdict(), verdict(...seen)]).toEqual(["unknown", "suspicious"]);
  });
  test("what was reached from there is accused less", async () => {
    const seen = await look(cloudCredentials, bucket, with_(), lookContext({ entities: incident(key, bucket, address) }));
    expect(seen.find(({ family }) => family === "abuse")).toMatchObject({ label: "suspicious", weight: WEIGHTS.behaviourWeak });
  });
  test("an address we judged malicious before speaks against the key; one a person cleared does not", async () => {
    const entities = incident(key, address);
    const past = { verdicts: counts({ malicious: 1 }) };
    const seen = await look(cloudCredentials, key, NOTHING, lookContext({ entities, past: [[address, past]] }));
    expect(seen).toMatchObject([{ label: "suspicious", family: "air-history" }]);
    expect([verdict(), verdict(...seen)]).toEqual(["unknown", "suspicious"]);
    const cleared = { ...past, overrides: [{ verdict: "noThreatsFound", by: "Noor", reason: "our proxy", at: days(1) }] };
    expect(await look(cloudCredentials, key, NOTHING, lookContext({ entities, past: [[address, cleared]] }))).toMatchObject([
      { label: "neutral" },
    ]);
  });
  test("root's credentials, and an instance's temporary key, used from outside", async () => {
    const root: Entity = { kind: "user", name: "Root" };
    const used = await look(cloudCredentials, root, NOTHING, lookContext({ entities: incident(key, root, address) }));
    expect(used).toContainEqual(expect.objectContaining({ label: "suspicious", family: "air-rules", technique: "T1078.004" }));
    const temporary: Entity = { kind: "access-key", id: "ASIAIOSFODNN7EXAMPLE" };
    const instance: Entity = { kind: "cloud-resource", id: "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0" };
    const organization = { name: "Contoso", domains: [], internalRanges: ["198.51.100.0/24"] };
    const stolen = await look(
      cloudCredentials,
      temporary,
      NOTHING,
      lookContext({ organization, entities: incident(temporary, instance, address) }),
    );
    expect(stolen).toContainEqual(expect.objectContaining({ label: "suspicious", technique: "T1552.005" }));
    expect(verdict(...stolen)).toBe("suspicious");
    const home: Entity = { kind: "ip", address: "198.51.100.7" };
    const ours = await look(
      cloudCredentials,
      temporary,
      with_(),
      lookContext({ organization, entities: incident(temporary, instance, home) }),
    );
    expect(ours).toMatchObject([{ label: "neutral", text: expect.stringContaining("our own networks only") }]);
  });
  test("nothing can be said: nothing is asked", async () => {
    const never = { ...NOTHING, reputation: [{ ...says({}), look: () => Promise.reject(new Error("asked")) }] };
    for (const entities of [
      incident(key),
      incident(key, { entity: address, roles: ["target"] }),
      incident(key, { kind: "ip", address: "10.0.0.1" }),
    ]) {
      expect(cloudCredentials.looks(key, never, lookContext({ entities }))).toEqual([]);
    }
    // A scanner beside an instance, an address beside a person: without credentials others judge them.
    expect(cloudCredentials.looks(bucket, never, lookContext({ entities: incident(bucket, address) }))).toEqual([]);
    expect(
      cloudCredentials.looks({ kind: "user", email: "mia@contoso.example" }, never, lookContext({ entities: incident(address) })),
    ).toEqual([]);
  });
  test("a clean address does not clean a key, and no more than three are asked about", async () => {
    const clean = await look(
      cloudCredentials,
      key,
      with_({ label: "benign", weight: 2 }),
      lookContext({ entities: incident(key, address) }),
    );
    expect(clean.map(({ label }) => label)).toEqual(["neutral", "neutral"]);
    let asked = 0;
    const counting = { ...says({}), look: async () => ({ label: "neutral" as const, weight: asked++ * 0, text: "", at: NOW }) };
    const many = Array.from({ length: 900 }, (_, index): Entity => ({ kind: "ip", address: `203.0.113.${index % 250}` }));
    await look(cloudCredentials, key, { ...NOTHING, reputation: [counting] }, lookContext({ entities: incident(key, ...many) }));
    expect(asked).toBe(3);
  });
});
