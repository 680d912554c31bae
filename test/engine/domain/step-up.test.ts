import { describe, expect, test } from "vitest";
import { ACTION_KINDS } from "../../../src/engine/domain/action.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { nameToType, readTyped, type StepUpFacts, stepUpOf } from "../../../src/engine/domain/step-up.ts";
import fc from "../../support/fast-check.ts";

const action = (change: Partial<StepUpFacts> = {}): StepUpFacts => ({
  id: 7,
  kind: "isolate-device",
  target: { kind: "device", name: "WS-042" },
  approvalsNeeded: 1,
  undoable: true,
  undoes: null,
  blastRadius: {},
  ...change,
});

describe("what has to be typed", () => {
  test.each<[string, Partial<StepUpFacts>, string | undefined]>([
    ["an ordinary device: nothing", {}, undefined],
    ["a server", { blastRadius: { server: true } }, "it is a server"],
    ["a privileged person", { blastRadius: { privileged: ["Global Administrator"] } }, "it holds Global Administrator"],
    ["what needs two", { approvalsNeeded: 2 }, "two people decide it"],
    ["what cannot be undone", { kind: "revoke-sessions", undoable: false }, "it cannot be undone"],
    ["a scan changes nothing: nothing", { kind: "scan-device", undoable: false }, undefined],
    ["what takes something back: nothing", { kind: "dismiss-risk", undoable: false, undoes: 3 }, undefined],
  ])("%s", (_, change, because) => {
    expect(stepUpOf(action(change))).toEqual(because === undefined ? { needed: false } : { needed: true, type: "WS-042", because });
  });

  const facts: fc.Arbitrary<StepUpFacts> = fc.record({
    id: fc.integer({ min: 1 }),
    kind: fc.constantFrom(...ACTION_KINDS),
    target: fc.constantFrom<Entity>({ kind: "device", name: "WS-042" }, { kind: "user", email: "mia@contoso.com" }),
    approvalsNeeded: fc.constantFrom(1, 2),
    undoable: fc.boolean(),
    undoes: fc.option(fc.integer({ min: 1 })),
    blastRadius: fc.record({ server: fc.boolean(), privileged: fc.array(fc.constant("Global Administrator"), { maxLength: 2 }) }),
  });
  test("servers, privileged users and everything needing two always, whatever else is true; more facts never ask for less", () => {
    fc.assert(
      fc.property(facts, (one) => {
        const grave = one.approvalsNeeded > 1 || one.blastRadius.server === true || (one.blastRadius.privileged?.length ?? 0) > 0;
        if (grave) expect(stepUpOf(one).needed).toBe(true);
        if (stepUpOf(one).needed) {
          expect(stepUpOf({ ...one, approvalsNeeded: 2 }).needed).toBe(true);
          expect(stepUpOf({ ...one, blastRadius: { ...one.blastRadius, server: true } }).needed).toBe(true);
        }
      }),
    );
  });
});

describe("the name", () => {
  test.each<[string, Entity, string]>([
    ["as the title has it", { kind: "user", email: "mia@contoso.com" }, "mia@contoso.com"],
    ["of a file with spaces", { kind: "file", name: "invoice 7.exe" }, "invoice 7.exe"],
    ["too long: the action's id", { kind: "process", commandLine: `powershell ${"a".repeat(90)}` }, "ACT-7"],
    ["with what no keyboard types: the action's id", { kind: "file", name: "cod\u202eexe.txt" }, "ACT-7"],
    ["an address, which no card shows as it is: the action's id", { kind: "url", url: "https://evil.example/a" }, "ACT-7"],
    ["a domain: the action's id", { kind: "domain", name: "evil.example" }, "ACT-7"],
    ["nothing but dots: the action's id", { kind: "file", name: "..." }, "ACT-7"],
  ])("%s", (_, target, name) => {
    expect(nameToType({ id: 7, target })).toBe(name);
  });

  const device = { id: 7, target: { kind: "device", name: "DC-01.contoso.com" } } as const;
  test.each<[string, string | undefined, { named: boolean; rest: string }]>([
    ["the whole name", "DC-01.contoso.com", { named: true, rest: "" }],
    ["the short name, in another case, with spaces around it", "  dc-01 ", { named: true, rest: "" }],
    ["with a reason behind it", "dc-01 beacons since noon", { named: true, rest: "beacons since noon" }],
    ["with a colon between", "DC-01: beacons", { named: true, rest: "beacons" }],
    ["another name that begins with it", "DC-012", { named: false, rest: "DC-012" }],
    ["another name", "DC-02 beacons", { named: false, rest: "DC-02 beacons" }],
    ["only a reason", "beacons like DC-01", { named: false, rest: "beacons like DC-01" }],
    ["nothing", undefined, { named: false, rest: "" }],
  ])("typed: %s", (_, typed, read) => {
    expect(readTyped(typed, device)).toEqual(read);
  });

  test("whatever a thing is called, what air asks for is what it accepts, with any reason behind it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.string(), (name, reason) => {
        const one = { id: 7, target: { kind: "user", name } } as const;
        const typed = nameToType(one);
        expect(readTyped(typed, one)).toEqual({ named: true, rest: "" });
        expect(readTyped(` ${typed}  because ${reason}`, one)).toMatchObject({ named: true, rest: expect.stringMatching(/^because/) });
      }),
    );
  });
});
