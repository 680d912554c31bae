import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Candidate, chooseIncident, type JoinKey, joinKeys, UNLIMITED } from "../../../src/engine/domain/correlate.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { DEFAULT_CORRELATION } from "../../../src/engine/domain/policy.ts";

const HOUR = 3_600_000;
const keysOf = (entities: readonly Entity[], vendorIncident?: string) =>
  joinKeys({ source: "edr", entities, ...(vendorIncident ? { vendorIncident } : {}) }, DEFAULT_CORRELATION, () => true);

describe("the names an alert joins by", () => {
  test.each<[string, Entity, string[], number]>([
    [
      "a device, by name and id",
      { kind: "device", name: "WS-042.contoso.com", id: "AB" },
      ["device:name:ws-042", "device:id:ab"],
      24 * HOUR,
    ],
    [
      "a file, by every hash",
      { kind: "file", sha256: "a".repeat(64), md5: "b".repeat(32) },
      [`file:sha256:${"a".repeat(64)}`, `file:md5:${"b".repeat(32)}`],
      24 * HOUR,
    ],
    ["a url, canonical", { kind: "url", url: "HTTPS://Evil.example:443/a#b" }, ["url:url:https://evil.example/a"], 24 * HOUR],
    ["a mailbox, like a user", { kind: "mailbox", address: "Mia@contoso.com" }, ["mailbox:address:mia@contoso.com"], 24 * HOUR],
    ["an address, for an hour", { kind: "ip", address: "203.0.113.9" }, ["ip:address:203.0.113.9"], HOUR],
    ["a message, like a url", { kind: "mail-cluster", query: "q" }, ["mail-cluster:query:q"], 24 * HOUR],
    ["not a process", { kind: "process", name: "cmd.exe" }, [], 0],
    ["not a cloud resource", { kind: "cloud-resource", id: "arn:x" }, [], 0],
  ])("%s", (_, entity, keys, windowMs) => {
    const found = keysOf([entity]);
    expect(found.map((key) => key.key)).toEqual(keys);
    for (const key of found) expect(key.windowMs).toBe(windowMs);
  });
  test("the source's own incident, for ever, and only within that source", () => {
    expect(keysOf([], "28282")).toEqual([{ key: "vendor-incident:edr:28282", windowMs: UNLIMITED, because: "same incident 28282 in edr" }]);
  });
  test("what may not join gives no key, and the same name twice gives one", () => {
    const entity: Entity = { kind: "ip", address: "203.0.113.9" };
    expect(joinKeys({ source: "edr", entities: [entity] }, DEFAULT_CORRELATION, () => false)).toEqual([]);
    expect(keysOf([entity, entity])).toHaveLength(1);
  });
});

describe("which incident it joins", () => {
  const key = (name: string, windowMs = HOUR): JoinKey => ({ key: name, windowMs, because: `same ${name}` });
  const held = (incident: number, name: string, at = 0): Candidate => ({ incident, key: name, at });
  test.each<[string, JoinKey[], Candidate[], { incident: number; because: string } | undefined]>([
    ["nobody shares a name: none", [key("a")], [held(1, "b")], undefined],
    ["at the edge of the window: it joins", [key("a")], [held(1, "a", HOUR)], { incident: 1, because: "same a" }],
    ["earlier than what it joins", [key("a")], [held(1, "a", -HOUR)], { incident: 1, because: "same a" }],
    ["past the window: none", [key("a")], [held(1, "a", HOUR + 1)], undefined],
    ["two incidents: the older", [key("a"), key("b")], [held(7, "a"), held(3, "b")], { incident: 3, because: "same b" }],
    [
      "the source's own incident before an older one",
      [key("a"), key("v", UNLIMITED)],
      [held(3, "a"), held(7, "v", 99 * HOUR)],
      { incident: 7, because: "same v" },
    ],
    ["every reason is said", [key("a"), key("b")], [held(3, "a"), held(3, "b")], { incident: 3, because: "same a, same b" }],
  ])("%s", (_, keys, candidates, expected) => {
    expect(chooseIncident(keys, 0, candidates)).toEqual(expected);
  });
  test("the order of the candidates does not matter", () => {
    const candidate = fc.record({
      incident: fc.nat(5),
      key: fc.constantFrom("a", "b", "c"),
      at: fc.integer({ min: -2 * HOUR, max: 2 * HOUR }),
    });
    const keys = [key("a"), key("b", 2 * HOUR), key("c", UNLIMITED)];
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 8 }), (candidates) => {
        expect(chooseIncident(keys, 0, candidates.toReversed())).toEqual(chooseIncident(keys, 0, candidates));
      }),
    );
  });
});
