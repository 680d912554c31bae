import { describe, expect, test } from "vitest";
import {
  decideJoin,
  extend,
  type Hit,
  MERGE_LIMIT,
  type MergeFacts,
  mergeBlocker,
  type Named,
  SEQUENCE_MS,
  stageOf,
  type Tie,
  tied,
  tiesOf,
  UNLIMITED,
} from "../../../src/engine/domain/correlate.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { DEFAULT_CORRELATION } from "../../../src/engine/domain/policy.ts";
import fc from "../../support/fast-check.ts";

const HOUR = 3_600_000;
const NOON = new Date("2026-11-02T12:00:00Z");
const named = (entities: readonly Entity[], more: Partial<Named> = {}): Named => ({
  source: "edr",
  title: "Something happened",
  eventAt: NOON,
  entities: entities.map((entity) => ({ entity })),
  ...more,
});
const tiesFor = (entities: readonly Entity[], more: Partial<Named> = {}) => tiesOf(named(entities, more), DEFAULT_CORRELATION, () => true);
const plain = (ties: readonly Tie[]) => ties.filter((tie) => !tie.key.startsWith("sequence:"));

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
    ["a mailbox, as the person who reads it", { kind: "mailbox", address: "Mia@contoso.com" }, ["user:email:mia@contoso.com"], 24 * HOUR],
    ["an address, for an hour", { kind: "ip", address: "203.0.113.9" }, ["ip:address:203.0.113.9"], HOUR],
    ["a mail cluster, like a url", { kind: "mail-cluster", query: "q" }, ["mail-cluster:query:q"], 24 * HOUR],
    [
      "a message, whoever got it",
      { kind: "message", networkMessageId: "N1", recipient: "mia@contoso.com", subject: "Hi", sender: "x@evil.example" },
      ["message:network:n1", "message:subject:hi|x@evil.example"],
      24 * HOUR,
    ],
    ["not a bare subject", { kind: "message", subject: "Hi" }, [], 0],
    ["a cloud resource, like a device", { kind: "cloud-resource", id: "arn:x" }, ["cloud-resource:id:arn:x"], 24 * HOUR],
    ["an access key, like a user", { kind: "access-key", id: "AKIA1" }, ["access-key:id:AKIA1"], 24 * HOUR],
    ["not a process", { kind: "process", name: "cmd.exe" }, [], 0],
    ["not a cloud app everybody uses", { kind: "cloud-app", name: "Exchange Online" }, [], 0],
  ])("%s", (_, entity, keys, windowMs) => {
    const found = plain(tiesFor([entity]).ties);
    expect(found.map((tie) => tie.key)).toEqual(keys);
    for (const tie of found) expect([tie.beforeMs, tie.afterMs]).toEqual([windowMs, windowMs]);
  });
  test("the reason names the kind, the window and the thing", () =>
    expect(tiesFor([{ kind: "device", name: "WS-042" }]).ties[0]?.because).toBe("same device within 24 h (WS-042)"));
  test("the source's own incident, for ever, only within that source, and it never retires", () =>
    expect(tiesFor([], { vendorIncident: "28282" }).ties).toEqual([
      {
        key: "vendor-incident:edr:28282",
        lock: "vendor-incident:edr:28282",
        beforeMs: UNLIMITED,
        afterMs: UNLIMITED,
        because: "same incident 28282 in edr",
        name: "incident",
        strongest: true,
        retires: false,
      },
    ]));
  test("what may not join gives no key, and the same name twice gives one", () => {
    const entity: Entity = { kind: "ip", address: "203.0.113.9" };
    expect(tiesOf(named([entity]), DEFAULT_CORRELATION, () => false)).toEqual({ ties: [], marks: [] });
    expect(tiesFor([entity, entity]).ties).toHaveLength(1);
  });
});

describe("repeats of one Office 365 policy", () => {
  const bucket = (more: Partial<Named>, entities: Entity[] = []) =>
    tiesFor(entities, { product: "microsoftDefenderForOffice365", title: "Email messages removed after delivery", ...more })
      .marks.map((mark) => mark.key)
      .filter((key) => key.startsWith("bucket:"));
  const at = (time: string) => ({ eventAt: new Date(`2026-11-02T${time}Z`) });
  test("share a bucket within the minute, and not with the next", () => {
    expect(bucket(at("12:00:01"))).toEqual(bucket(at("12:00:59")));
    expect(bucket(at("12:00:59"))).not.toEqual(bucket(at("12:01:00")));
  });
  test("are told apart by the policy, by its id where there is one", () => {
    expect(bucket({ policyId: "p1" })).not.toEqual(bucket({ policyId: "p2" }));
    expect(bucket({ title: "Another policy" })).not.toEqual(bucket({}));
  });
  test("a click on a bad link is never bucketed, nor is another product", () => {
    expect(bucket({ title: "A potentially malicious URL click was detected" }, [{ kind: "url", url: "https://evil.example" }])).toEqual([]);
    expect(bucket({ product: "microsoftDefenderForEndpoint" })).toEqual([]);
  });
});

describe("a mail, then a click, then a program", () => {
  const mia: Entity = { kind: "user", email: "mia@contoso.com" };
  const mail = named([{ kind: "message", networkMessageId: "n", recipient: "mia@contoso.com" }]);
  const click = named([mia, { kind: "url", url: "https://evil.example" }, { kind: "device", name: "WS-1" }], {
    title: "A user clicked through to a potentially malicious URL",
  });
  const payload = named([{ kind: "device", name: "WS-1" }, { kind: "file", name: "a.exe" }, mia]);
  test.each([
    [mail, "mail"],
    [click, "click"],
    [payload, "payload"],
    [named([mia]), undefined],
  ] as const)("is told by what an alert names", (alert, stage) => expect(stageOf(alert)).toBe(stage));
  const sequence = (from: Named, to: Named) => {
    const marks = new Set(tiesOf(from, DEFAULT_CORRELATION, () => true).marks.map((mark) => mark.key));
    return tiesOf(to, DEFAULT_CORRELATION, () => true).ties.filter((tie) => tie.key.startsWith("sequence:") && marks.has(tie.key));
  };
  test("a click joins the mail up to two days before it, not after it", () => {
    const [tie] = sequence(mail, click);
    expect(tie).toMatchObject({
      beforeMs: SEQUENCE_MS,
      afterMs: 0,
      because: "sequence: a mail, then a click on a link, both for mia@contoso.com",
    });
  });
  test("a late mail joins the click that came after it", () =>
    expect(sequence(click, mail)[0]).toMatchObject({ beforeMs: 0, afterMs: SEQUENCE_MS }));
  test("a program joins by the person and by the device", () =>
    expect(sequence(click, payload).map((tie) => tie.because)).toEqual([
      "sequence: a click on a link, then a program on a device, both on WS-1",
      "sequence: a click on a link, then a program on a device, both for mia@contoso.com",
    ]));
  test("two mails to one person are no sequence", () => expect(sequence(mail, mail)).toEqual([]));
});

describe("spans of sightings", () => {
  const GAP = 10;
  test("say exactly what the single sightings would say", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: -30, max: 230 }),
        (times, event) => {
          let spans: { first: number; last: number }[] = [];
          for (const at of times) {
            const { apart, span } = extend(spans, at, GAP);
            spans = [...apart, span];
          }
          const tie = { beforeMs: GAP, afterMs: GAP } as Tie;
          expect(spans.some((span) => tied(tie, event, span))).toBe(times.some((at) => Math.abs(at - event) <= GAP));
          // A step of a sequence looks only back.
          const back = { beforeMs: GAP, afterMs: 0 } as Tie;
          expect(spans.some((span) => tied(back, event, span))).toBe(times.some((at) => at <= event && event - at <= GAP));
        },
      ),
    );
  });
});

describe("which incident it joins, and what becomes one", () => {
  const facts = (id: number, more: Partial<MergeFacts> = {}): MergeFacts => ({
    id,
    lab: false,
    assignee: null,
    classification: null,
    determination: null,
    apart: [],
    alerts: 1,
    ...more,
  });
  const tie = (name: string, strongest = false): Tie => ({
    key: name,
    lock: name,
    beforeMs: HOUR,
    afterMs: HOUR,
    because: `same ${name}`,
    name,
    strongest,
    retires: true,
  });
  const hit = (incident: number, name: string, strongest = false): Hit => ({ incident, tie: tie(name, strongest) });
  const free = (id: number) => facts(id);
  test("nobody shares a name: none", () => expect(decideJoin([], free)).toBeUndefined());
  test("several reasons are said, each once", () =>
    expect(decideJoin([hit(3, "a"), hit(3, "b"), hit(3, "a")], free)).toMatchObject({ incident: 3, because: "same a, same b" }));
  test("two open incidents become one, into the older", () =>
    expect(decideJoin([hit(7, "a"), hit(3, "b")], free)).toEqual({
      incident: 3,
      because: "same b, same a",
      absorb: [{ incident: 7, because: "same a" }],
      kept: [],
    }));
  test("where they may not, the source's own incident is the strongest, then the oldest", () => {
    const assigned = (id: number) => facts(id, { assignee: `person-${id}` });
    expect(decideJoin([hit(3, "a"), hit(7, "v", true)], assigned)).toMatchObject({ incident: 7, absorb: [] });
    expect(decideJoin([hit(7, "a"), hit(3, "b")], assigned)).toMatchObject({
      incident: 3,
      kept: [{ incident: 7, why: "they are assigned to different people" }],
    });
  });
  test.each<[string, Partial<MergeFacts>, Partial<MergeFacts>, string | undefined]>([
    ["the lab and the world", { lab: true }, {}, "one is the lab's"],
    ["parted by a person", { apart: [2] }, {}, "a person parted them"],
    ["parted, told by the other", {}, { apart: [1] }, "a person parted them"],
    ["different assignees", { assignee: "a" }, { assignee: "b" }, "they are assigned to different people"],
    ["one assignee", { assignee: "a" }, {}, undefined],
    [
      "different classifications",
      { classification: "truePositive" },
      { classification: "falsePositive" },
      "they are classified differently",
    ],
    ["different determinations", { determination: "malware" }, { determination: "phishing" }, "their determinations differ"],
    ["too many alerts", { alerts: MERGE_LIMIT }, { alerts: 1 }, `together they would hold more than ${MERGE_LIMIT} alerts`],
  ])("%s", (_, a, b, why) => {
    expect(mergeBlocker(facts(1, a), facts(2, b))).toBe(why);
    expect(mergeBlocker(facts(2, b), facts(1, a))).toBe(why);
  });
  test("the order of the hits does not matter", () => {
    const some = fc.record({ incident: fc.integer({ min: 1, max: 5 }), name: fc.constantFrom("a", "b"), strongest: fc.boolean() });
    const of = (id: number) => facts(id, id === 2 ? { assignee: "x" } : id === 4 ? { assignee: "y" } : {});
    fc.assert(
      fc.property(fc.array(some, { maxLength: 8 }), (list) => {
        const hits = list.map(({ incident, name, strongest }) => hit(incident, name, strongest));
        const [one, other] = [decideJoin(hits, of), decideJoin(hits.toReversed(), of)];
        expect(one?.incident).toBe(other?.incident);
        expect(one?.absorb.map((each) => each.incident)).toEqual(other?.absorb.map((each) => each.incident));
      }),
    );
  });
});
