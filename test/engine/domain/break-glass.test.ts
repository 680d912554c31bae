import { describe, expect, test } from "vitest";
import { ACTION_KINDS, ACTION_STATES } from "../../../src/engine/domain/action.ts";
import {
  type GivenApproval,
  type GlassFacts,
  glassOf,
  glassOpensAt,
  notTheBreaker,
  notTheSecond,
} from "../../../src/engine/domain/break-glass.ts";
import fc from "../../support/fast-check.ts";

const NOON = new Date("2026-10-05T12:00:00.000Z");
const minute = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);
const facts = (change: Partial<GlassFacts> = {}): GlassFacts => ({
  kind: "isolate-device",
  state: "pending",
  approvalsNeeded: 2,
  undoable: true,
  undoes: null,
  byHand: null,
  expiresAt: minute(600),
  requestedBy: null,
  ...change,
});
const byMia: GivenApproval[] = [{ person: "mia", at: NOON }];

describe("when the glass may be broken", () => {
  test("not before the second person had 15 minutes, then until it expires", () => {
    expect(glassOf(facts(), byMia, minute(14.9))).toMatchObject({ open: false, from: minute(15) });
    expect(glassOf(facts(), byMia, minute(15))).toEqual({ open: true });
    expect(glassOf(facts(), byMia, minute(600)).open).toBe(false);
    expect(glassOpensAt(facts(), NOON)).toEqual(minute(15));
  });
  test.each<[string, Partial<GlassFacts>]>([
    ["one person is enough", { approvalsNeeded: 1 }],
    ["it is decided", { state: "approved" }],
    ["it cannot be taken back", { undoable: false }],
    ["it is no containment", { kind: "offboard-device" }],
    ["it gives back", { kind: "release-device" }],
    ["it takes something back", { undoes: 4 }],
    ["a person does it", { byHand: "At the switch." }],
  ])("not where %s", (_, change) => {
    expect(glassOf(facts(change), byMia, minute(20)).open).toBe(false);
  });
  test("sessions are not given back, and may be revoked all the same", () => {
    expect(glassOf(facts({ kind: "revoke-sessions", undoable: false }), byMia, minute(20))).toEqual({ open: true });
  });
  test("not without a first approval", () => {
    expect(glassOf(facts(), [], minute(20)).open).toBe(false);
  });

  const any: fc.Arbitrary<GlassFacts> = fc.record({
    kind: fc.constantFrom(...ACTION_KINDS),
    state: fc.constantFrom(...ACTION_STATES),
    approvalsNeeded: fc.constantFrom(1, 2),
    undoable: fc.boolean(),
    undoes: fc.option(fc.constant(3)),
    byHand: fc.option(fc.constant("by hand")),
    expiresAt: fc.integer({ min: -60, max: 600 }).map(minute),
    requestedBy: fc.constant(null),
  });
  const approvals = fc.array(fc.record({ person: fc.constantFrom("mia", "tom"), at: fc.integer({ min: -60, max: 60 }).map(minute) }), {
    maxLength: 2,
  });
  test("open means: pending, two needed, a first approval 15 minutes old, in time, contains a threat, and can be given back or is a revocation", () => {
    fc.assert(
      fc.property(any, approvals, fc.integer({ min: -60, max: 600 }), (action, given, minutes) => {
        const now = minute(minutes);
        if (!glassOf(action, given, now).open) return;
        expect(action).toMatchObject({ state: "pending", approvalsNeeded: 2, undoes: null, byHand: null });
        expect(/^(isolate|disable|revoke)-/.test(action.kind)).toBe(true);
        expect(action.kind).not.toBe("disable-driver");
        expect(action.undoable || action.kind === "revoke-sessions").toBe(true);
        expect(now < action.expiresAt).toBe(true);
        expect(given.some((one) => now.getTime() - one.at.getTime() >= 15 * 60_000)).toBe(true);
        // Once open it stays so until it expires.
        expect(glassOf(action, given, new Date(Math.min(now.getTime() + 3_600_000, action.expiresAt.getTime() - 1))).open).toBe(true);
      }),
    );
  });
});

describe("who", () => {
  const person = (key: string, machine = false) => ({ key, identities: [`${key}@contoso.com`], machine });
  test("only whoever gave the first approval breaks it: never a token, never who asked, and the second person approves", () => {
    expect(notTheBreaker(person("mia"), facts(), byMia)).toBeUndefined();
    expect(notTheBreaker(person("mia", true), facts(), byMia)).toContain("token");
    expect(notTheBreaker(person("mia"), facts({ requestedBy: { key: "mia" } }), byMia)).toContain("You asked");
    expect(notTheBreaker(person("tom"), facts(), byMia)).toContain("approve it");
  });
  test("only another person confirms", () => {
    const alone = { breakGlass: { key: "mia" }, requestedBy: { key: "rita" } };
    expect(notTheSecond(person("tom"), alone)).toBeUndefined();
    for (const one of [person("mia"), person("rita"), person("tom", true)]) expect(notTheSecond(one, alone)).toBeDefined();
    // The same human under a key of later, known by an address.
    const later = { breakGlass: { key: "slack:T1:U0MIA", also: ["mia@contoso.com"] }, requestedBy: null };
    expect(notTheSecond(person("mia"), later)).toBeDefined();
    expect(
      notTheBreaker(person("mia"), facts(), [{ person: "slack:T1:U0MIA", also: ["mia@contoso.com"], at: new Date(0) }]),
    ).toBeUndefined();
  });
});
