import { describe, expect, test } from "vitest";
import { parserOf } from "../../../src/adapters/alerts/all.ts";
import { readPath, valuesAt } from "../../../src/adapters/alerts/json-path.ts";
import { readAlerts } from "../../../src/adapters/alerts/read-alerts.ts";
import { readConfig } from "../../../src/bot/config.ts";
import { Alert } from "../../../src/engine/domain/alert.ts";
import { Refusal } from "../../../src/engine/domain/errors.ts";
import fc from "../../support/fast-check.ts";

const at = (path: string, alert: unknown, item: unknown = alert) => {
  const read = readPath(path);
  if ("problem" in read) throw new Error(read.problem);
  return valuesAt(read, alert, item);
};
const config = (yaml: string) => readConfig({ AIR_CONFIG: "air.yaml" }, () => yaml);
const problems = (map: string) => {
  const read = config(`sources:\n  edr:\n    kind: mapped\n    map: ${map}\n`);
  return read.ok ? [] : read.problems.map((problem) => `${problem.where} ${problem.message}`);
};
function parser(map: string) {
  const read = config(`sources: { edr: { kind: mapped, map: ${map} } }`);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const source = read.config.sources.get("edr");
  const found = source && parserOf(source);
  if (!found) throw new Error("no parser");
  return found;
}
const BASE = "id: $.id, title: $.name, severity: $.severity";
const alert = { id: 7, name: "Bad", severity: "HIGH" };
const one = (map: string, payload: unknown) => {
  const [read] = readAlerts(parser(map), payload);
  expect(Alert.safeParse(read).error).toBeUndefined();
  return read as Alert;
};

describe("a path", () => {
  test.each([
    ["$.a.b", { a: { b: 1 } }, [1]],
    ["$.a[0].b", { a: [{ b: 1 }, { b: 2 }] }, [1]],
    ["$.a[-1].b", { a: [{ b: 1 }, { b: 2 }] }, [2]],
    ["$.a[*].b", { a: [{ b: 1 }, { c: 2 }, { b: 3 }] }, [1, 3]],
    ["$.a[*][*]", { a: [[1, 2], [3]] }, [1, 2, 3]],
    ['$["@timestamp"]', { "@timestamp": "t" }, ["t"]],
    ["$['a.b'].c", { "a.b": { c: 1 } }, [1]],
    ["$.@timestamp", { "@timestamp": "t" }, ["t"]],
    ["$", 5, [5]],
    ["$.a.b", { a: null }, []],
    ["$.a.length", { a: [1] }, []],
    ["$.toString", {}, []],
    ["$.a[0]", { a: "text" }, []],
  ])("%s of %j", (path, value, expected) => expect(at(path, value)).toEqual(expected));

  test.each([
    "a.b",
    "$.",
    "$..a",
    "$.a[?(@.b>1)]",
    "$.a[(@.length-1)]",
    "$.a[",
    "$.a b",
    "$.__proto__.x",
    '$["constructor"]',
    "$.a.prototype",
    `$${".a".repeat(33)}`,
    `$${"[*]".repeat(5)}`,
  ])("%s is refused", (path) => expect(readPath(path)).toEqual({ problem: expect.stringMatching(/\S/) }));

  test("never throws, reads nothing that is not the value's own, and answers at most 1000 values", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.anything(), (text, value) => {
        const read = readPath(`$${text}`);
        if ("steps" in read) expect(valuesAt(read, value, value).length).toBeLessThanOrEqual(1000);
      }),
    );
    expect(
      at(
        "$[*][*][*]",
        Array.from({ length: 20 }, () => Array.from({ length: 20 }, () => Array(20).fill(1))),
      ),
    ).toHaveLength(1000);
  });
});

describe("a source of kind mapped", () => {
  test("the fields of the alert", () => {
    const map = `{ ${BASE}, detectedAt: [$.seen, $.at], url: $.link, category: $.kind, techniques: "$.mitre[*].id", description: $.text, incident: $.case, product: { text: EDR }, status: $.state }`;
    const payload = {
      ...alert,
      seen: "no time at all",
      at: 1_791_183_922,
      link: "https://edr.example/7",
      kind: "Malware",
      mitre: [{ id: "T1059.001" }, { id: "TA0002" }],
      text: "long",
      case: 12,
      state: "Closed",
    };
    expect(one(map, payload)).toEqual({
      sourceId: "7",
      title: "Bad",
      severity: "high",
      status: "resolved",
      category: "Malware",
      description: "long",
      techniques: ["T1059.001"],
      detectedAt: new Date("2026-10-05T07:05:22.000Z"),
      url: "https://edr.example/7",
      product: "EDR",
      vendorIncident: { id: "12" },
      entities: [],
      raw: payload,
    });
  });

  test.each([
    ["$.severity", "Severe", "critical"],
    ["$.severity", "wat", "medium"],
    ['{ path: $.severity, values: { "5": high, warn: low } }', 5, "high"],
    ['{ path: $.severity, values: { "5": high, Warn: low } }', "WARN", "low"],
    ['{ path: $.severity, values: { "5": high }, otherwise: informational }', 4, "informational"],
    ["{ path: $.severity, atLeast: { low: 1, medium: 40, high: 70, critical: 90 } }", 70, "high"],
    ["{ path: $.severity, atLeast: { low: 1, medium: 40, high: 70, critical: 90 } }", "99.5", "critical"],
    ["{ path: $.severity, atLeast: { low: 1, medium: 40, high: 70, critical: 90 } }", 0, "informational"],
    ["critical", "x", "critical"],
  ])("severity %s of %j", (severity, said, expected) => {
    expect(one(`{ id: $.id, title: $.name, severity: ${severity} }`, { ...alert, severity: said }).severity).toBe(expected);
  });

  test("entities: one, one for each, only some, and of a kind the alert says", () => {
    const map = `{ ${BASE}, entities: [
      { kind: device, name: $.host },
      { each: "$.files[*]", kind: file, sha256: "@.hash", name: "@.name", device: $.host, verdict: { path: "@.bad", values: { "true": malicious } } },
      { each: "$.observables[*]", when: { path: "@.skip", is: [no, "false"] }, kind: { path: "@.type", values: { ipv4: ip, domain: domain } }, address: "@.value", name: "@.value" },
      { kind: process, commandLine: $.cmd, pid: $.pid, role: suspicious, remediation: { text: blocked } } ] }`;
    const sha256 = "a".repeat(64);
    const payload = {
      ...alert,
      host: "ws-1",
      files: [{ hash: sha256, bad: true }, { hash: "nothing", name: "b.exe" }, {}],
      observables: [
        { type: "ipv4", value: "203.0.113.9", skip: false },
        { type: "domain", value: "a.example", skip: "no" },
        { type: "ipv4", value: "203.0.113.8", skip: true },
      ],
      cmd: "x -e",
      pid: "12",
    };
    expect(one(map, payload).entities).toEqual([
      { entity: { kind: "device", name: "ws-1" }, roles: [] },
      { entity: { kind: "file", sha256, device: "ws-1" }, roles: [], verdict: "malicious" },
      { entity: { kind: "file", name: "b.exe", device: "ws-1" }, roles: [] },
      { entity: { kind: "ip", address: "203.0.113.9" }, roles: [] },
      { entity: { kind: "domain", name: "a.example" }, roles: [] },
      { entity: { kind: "process", commandLine: "x -e", pid: 12 }, roles: ["suspicious"], remediation: "blocked" },
    ]);
  });

  test("several alerts in one envelope, and the place of one that is wrong", () => {
    const map = `{ each: "$.data.alerts[*]", ${BASE} }`;
    expect(readAlerts(parser(map), { data: { alerts: [alert, { ...alert, id: 8 }] } }).map((each) => each.sourceId)).toEqual(["7", "8"]);
    expect(() => readAlerts(parser(map), { data: { alerts: [alert, {}] } })).toThrow(
      expect.objectContaining({ field: "data.alerts[1].id" }),
    );
    expect(() => readAlerts(parser(map), { data: {} })).toThrow(expect.objectContaining({ code: "invalid", field: "data.alerts[*]" }));
  });

  test("what is missing is named as the sender knows it", () => {
    const map = '{ id: $.event.uuid, title: "$.event.name", severity: low }';
    expect(() => readAlerts(parser(map), { event: {} })).toThrow(expect.objectContaining({ code: "invalid", field: "event.uuid" }));
    expect(() => readAlerts(parser(map), [{ event: { uuid: 1, name: "x" } }, { event: { uuid: 2 } }])).toThrow(
      expect.objectContaining({ field: "alerts[1].event.name" }),
    );
  });

  test("whatever comes: an alert, or a refusal that names a field", () => {
    const source = parser(
      `{ ${BASE}, detectedAt: $.at, url: $.link, techniques: "$.t[*]", entities: [{ kind: device, name: $.host }, { each: "$.files[*]", kind: file, path: "@.path", md5: "@.md5" }] }`,
    );
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.constant(null),
      fc.object({ maxDepth: 2 }),
      fc.array(fc.object({ maxDepth: 1, key: fc.constantFrom("path", "md5") })),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("id", "name", "severity", "at", "link", "t", "host", "files"), value), (payload) => {
        try {
          expect(Alert.safeParse(readAlerts(source, payload)[0]).error).toBeUndefined();
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          expect(error.field).toMatch(/\S/);
        }
      }),
    );
  });
});

describe("a map that is wrong is refused with its line", () => {
  test.each([
    ["{ title: $.a, severity: low }", ".id: is required"],
    ["{ id: $.a, title: $.a }", ".severity: is required"],
    ["{ id: { text: x }, title: $.a, severity: low }", ".id: must be a path: it tells one alert from another"],
    ["{ id: event.id, title: $.a, severity: low }", '.id: must be a path like "$.event.id"'],
    ["{ id: $.a, title: $.a, severity: hihg }", '.severity: must be informational, low, medium, high or critical. Did you mean "high"?'],
    ["{ id: $.a, title: $.a, severity: low, entites: [] }", 'unknown key "entites". Did you mean "entities"?'],
    ["{ id: $.a, title: $.a, severity: { path: $.s, vlaues: {} } }", 'severity: unknown key "vlaues". Did you mean "values"?'],
    [
      "{ id: $.a, title: $.a, severity: low, entities: [{ kind: devcie, name: $.h }] }",
      'entities[0].kind: is no kind of entity. Did you mean "device"?',
    ],
    [
      "{ id: $.a, title: $.a, severity: low, entities: [{ kind: device, nmae: $.h }] }",
      'entities[0]: unknown key "nmae". Did you mean "name"?',
    ],
    ["{ id: $.a, title: $.a, severity: low, entities: [{ kind: device, role: x }] }", "entities[0]: needs at least one of name, id, os"],
    ['{ id: $.a, title: $.a, severity: low, entities: [{ kind: device, name: "@.h" }] }', "begin with $"],
    ["{ id: $.a.__proto__, title: $.a, severity: low }", "the step __proto__ is not allowed"],
    ['{ id: "$.a[?(@.b)]", title: $.a, severity: low }', "cannot be read from character 4 on"],
    [
      "{ id: $.a, title: $.a, severity: low, entities: [{ kind: file, name: $.h, verdict: bad }] }",
      "verdict: must be malicious, suspicious, noThreatsFound or unknown",
    ],
  ])("%s", (map, message) => {
    const said = problems(map);
    expect(said).toContainEqual(expect.stringContaining(message));
    expect(said.every((line) => /^air\.yaml:\d+:\d+ /.test(line))).toBe(true);
  });

  test("a map belongs to kind mapped, and kind mapped needs one", () => {
    const said = (yaml: string) => {
      const read = config(yaml);
      return read.ok ? [] : read.problems.map(({ message }) => message);
    };
    expect(said("sources: { a: { kind: mapped } }")).toEqual([expect.stringContaining("sources.a.map: is required")]);
    expect(said("sources: { a: { kind: generic, map: { id: $.a, title: $.a, severity: low } } }")).toEqual([
      expect.stringContaining("has no effect with this kind"),
    ]);
  });
});
