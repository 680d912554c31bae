import { describe, expect, test } from "vitest";
import { type BlastRadius, FAMILIES, type Family } from "../../../src/engine/domain/action.ts";
import {
  approvalsNeeded,
  mayApprove,
  mayDecide,
  mayRespond,
  mayView,
  NO_ROLES,
  protectedHits,
  reachBand,
  suspectOf,
  versionOf,
} from "../../../src/engine/domain/approval.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import fc from "../../support/fast-check.ts";
import { approver, somebody, testPolicy } from "../../support/open-engine.ts";

const reach = (count: number, unit: BlastRadius["unit"], hits: string[] = []): BlastRadius => ({
  count,
  unit,
  facts: [],
  protectedHits: hits,
  readAt: "",
});

describe("how many must agree", () => {
  test.each<[BlastRadius["unit"], number, 1 | 2]>([
    ["device", 1, 1],
    ["device", 10, 1],
    ["device", 11, 2],
    ["user", 5, 1],
    ["user", 6, 2],
    ["message", 500, 1],
    ["message", 501, 2],
    ["file", 10, 1],
    ["file", 11, 2],
    ["indicator", 1_000_000, 1],
  ])("%s: %i reached, %i needed", (unit, count, needed) =>
    expect(approvalsNeeded("isolate-device", reach(count, unit), testPolicy)).toBe(needed),
  );
  test("two for a protected asset and where policy says so", () => {
    expect(approvalsNeeded("isolate-device", reach(1, "device", ["built-in: domain controller"]), testPolicy)).toBe(2);
    const policy = { ...testPolicy, perKind: { "isolate-device": { approvals: 2 as const } } };
    expect(approvalsNeeded("isolate-device", reach(1, "device"), policy)).toBe(2);
    expect(approvalsNeeded("disable-user", reach(1, "user"), policy)).toBe(1);
  });
});

describe("protected", () => {
  const policy = { protected: ["device:dc-*", "user:ceo@contoso.com", "ip:203.0.113.10", "url:https://*.contoso.com/*"] };
  test.each<[string, Entity, { role?: string; privileged?: string[] }, string[]]>([
    ["a domain controller", { kind: "device", name: "X" }, { role: "domain-controller" }, ["built-in: domain controller"]],
    [
      "a server nobody knows",
      { kind: "device", name: "X", os: "Windows Server 2022" },
      { role: "unknown" },
      ["built-in: server of unknown role"],
    ],
    ["a known server is not", { kind: "device", name: "X", os: "Windows Server 2022" }, { role: "server" }, []],
    [
      "a privileged account",
      { kind: "user", email: "paul@contoso.com" },
      { privileged: ["Global Administrator"] },
      ["built-in: holds the role Global Administrator"],
    ],
    ["by pattern, without regard to case or domain", { kind: "device", name: "DC-01.contoso.com" }, {}, ["air.yaml: device:dc-*"]],
    ["by name", { kind: "user", name: "x", email: "CEO@contoso.com" }, {}, ["air.yaml: user:ceo@contoso.com"]],
    ["an address", { kind: "ip", address: "203.0.113.10" }, {}, ["air.yaml: ip:203.0.113.10"]],
    ["a pattern with a colon", { kind: "url", url: "https://www.contoso.com/a" }, {}, ["air.yaml: url:https://*.contoso.com/*"]],
    ["the same name of another kind is not", { kind: "domain", name: "dc-01" }, {}, []],
    ["an ordinary device is not", { kind: "device", name: "WS-1" }, { role: "workstation", privileged: [] }, []],
  ])("%s", (_, target, facts, hits) => expect(protectedHits(target, facts, policy)).toEqual(hits));
});

describe("who may decide", () => {
  const action = { family: "device", deviceGroup: null, state: "pending", lab: false, protectedHits: [] as string[] } as const;
  test("roles include what stands below them, and nothing else", () => {
    expect([mayView(NO_ROLES), mayRespond(NO_ROLES)]).toEqual([false, false]);
    expect([mayView({ ...NO_ROLES, viewer: true }), mayRespond({ ...NO_ROLES, viewer: true })]).toEqual([true, false]);
    expect([mayView({ ...NO_ROLES, responder: true }), mayRespond({ ...NO_ROLES, responder: true })]).toEqual([true, true]);
    const device = { ...NO_ROLES, approves: ["device" as const] };
    const on = (family: Family) => ({ family, deviceGroup: null });
    expect([mayRespond(device), mayApprove(device, on("device")), mayApprove(device, on("email"))]).toEqual([true, true, false]);
    expect(mayApprove({ ...NO_ROLES, admin: true }, on("device"))).toBe(false);
  });
  test("the missing role is named, with the place to add it", () => {
    expect(mayDecide(somebody("Eve"), action, [])).toEqual({
      allowed: false,
      missing: "approver.device",
      message: expect.stringContaining("roles.approver.device in air.yaml"),
    });
    expect(mayDecide(approver("Mia"), action, [])).toEqual({ allowed: true });
  });
  test.each<[string, Family, string | null, readonly string[] | undefined, true | string]>([
    ["in the group", "device", "workstations", ["workstations"], true],
    ["in one of the groups", "device", "servers", ["workstations", "servers"], true],
    ["in another group", "device", "servers", ["workstations"], "approver.device in servers"],
    ["in no group", "device", "no group", ["workstations"], "approver.device in no group"],
    ["on a device nobody knows", "device", null, ["workstations"], "approver.device in an unknown group"],
    ["with a limit that names nothing", "device", "servers", [], "approver.device in servers"],
    ["without a limit", "device", "servers", undefined, true],
    ["without a limit, on a device nobody knows", "device", null, undefined, true],
    ["on no device", "identity", null, ["workstations"], true],
    ["in the same group in another case", "device", "Workstations", ["workstations"], "approver.device in Workstations"],
  ])("%s", (_, family, deviceGroup, scope, expected) => {
    const roles = { ...NO_ROLES, approves: ["device", "identity"] as const, ...(scope ? { deviceGroups: { [family]: scope } } : {}) };
    const answer = mayDecide(somebody("Mia", roles), { ...action, family, deviceGroup }, []);
    if (expected === true) expect(answer).toEqual({ allowed: true });
    else {
      expect(answer).toMatchObject({ allowed: false, missing: expected });
      expect(answer).toHaveProperty("message", expect.stringContaining(scope?.join(", ") ?? ""));
    }
  });
  test("a role that was withheld says why instead of whom to ask", () => {
    const answer = mayDecide({ ...somebody("Eve"), withheld: "air could not check who you are now; try again." }, action, []);
    expect(answer).toEqual({
      allowed: false,
      missing: "approver.device",
      message: "Deciding this needs the role approver for device. air could not check who you are now; try again.",
    });
  });
  const family = fc.constantFrom(...FAMILIES);
  const group = fc.constantFrom("workstations", "servers", "kiosks");
  const anyRoles = fc.record({
    viewer: fc.boolean(),
    responder: fc.boolean(),
    admin: fc.boolean(),
    approves: fc.subarray([...FAMILIES]),
    deviceGroups: fc.dictionary(family, fc.uniqueArray(group)),
  });
  test("a limit only ever takes away, a wider one never does, and without the family nothing helps", () => {
    fc.assert(
      fc.property(anyRoles, family, fc.option(group), group, (roles, asked, deviceGroup, more) => {
        const place = { family: asked, deviceGroup };
        const limited = mayApprove(roles, place);
        const { deviceGroups, ...unlimited } = roles;
        if (limited) expect(mayApprove(unlimited, place)).toBe(true);
        const wider = { ...roles, deviceGroups: { ...deviceGroups, [asked]: [...(deviceGroups[asked] ?? []), more] } };
        if (limited && deviceGroups[asked]) expect(mayApprove(wider, place)).toBe(true);
        if (!roles.approves.includes(asked)) expect(mayApprove(wider, place)).toBe(false);
        // Where it happens on a device, exactly the groups that are named.
        if (roles.approves.includes(asked) && deviceGroups[asked] && deviceGroup !== null)
          expect(limited).toBe(deviceGroups[asked].includes(deviceGroup));
      }),
    );
  });
  test("no roles of any kind let a suspect decide, or a token for a protected asset", () => {
    fc.assert(
      fc.property(anyRoles, family, fc.option(group), fc.boolean(), (roles, asked, deviceGroup, machine) => {
        const mia = { ...somebody("Mia", roles), machine };
        const decide = (hits: string[], entities: Entity[]) =>
          mayDecide(mia, { ...action, family: asked, deviceGroup, protectedHits: hits }, entities).allowed;
        expect(decide([], [{ kind: "user", email: "mia@contoso.com" }])).toBe(false);
        if (machine) expect(decide(["x"], [])).toBe(false);
        expect(decide([], [{ kind: "user", email: "tom@contoso.com" }])).toBe(decide([], []));
      }),
    );
  });
  test("a token, but not for a protected asset", () => {
    const token = { ...approver("token"), machine: true };
    expect(mayDecide(token, action, []).allowed).toBe(true);
    expect(mayDecide(token, { ...action, protectedHits: ["x"] }, [])).toMatchObject({ allowed: false, missing: "person" });
  });
  test.each<[string, Entity, boolean]>([
    ["their e-mail", { kind: "user", email: "MIA@contoso.com" }, true],
    ["their account name", { kind: "user", name: "mia" }, true],
    ["their account with its domain", { kind: "user", name: "CONTOSO\\Mia" }, true],
    ["their directory id", { kind: "user", id: "8f1c" }, true],
    ["their mailbox", { kind: "mailbox", address: "mia@contoso.com" }, true],
    ["somebody else", { kind: "user", email: "mia@example.com", name: "miab" }, false],
    ["a device of that name", { kind: "device", name: "mia" }, false],
  ])("named in the incident by %s", (_, entity, suspect) => {
    const mia = { ...approver("Mia"), identities: ["mia@contoso.com", "Mia", "8F1C"] };
    expect(suspectOf(mia, [entity]) !== undefined).toBe(suspect);
    expect(mayDecide(mia, action, [entity]).allowed).toBe(!suspect);
  });
});

describe("what a button is bound to", () => {
  test.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [9, 1],
    [10, 2],
    [99, 2],
    [100, 3],
    [5000, 3],
  ])("reach %i is band %i", (count, band) => expect(reachBand(count)).toBe(band));
  const shown = {
    kind: "isolate-device",
    targetKeys: ["b", "a"],
    params: {},
    reach: { count: 1, protectedHits: ["y", "x"] },
    undoable: true,
  } as const;
  const of = (change: object) =>
    JSON.stringify(versionOf({ ...shown, reach: { count: 1, protectedHits: [...shown.reach.protectedHits] }, ...change }));
  test("the order of names and a count within its band change nothing", () => {
    expect(of({ targetKeys: ["a", "b"] })).toBe(of({}));
    expect(of({ reach: { count: 0, protectedHits: ["x", "y"] } })).toBe(of({}));
  });
  test.each([
    ["the kind", { kind: "release-device" }],
    ["the target", { targetKeys: ["a"] }],
    ["the parameters", { params: { for: "2h" } }],
    ["a protected hit", { reach: { count: 1, protectedHits: ["x"] } }],
    ["the band", { reach: { count: 2, protectedHits: ["x", "y"] } }],
    ["whether it can be undone", { undoable: false }],
  ])("%s does", (_, change) => expect(of(change)).not.toBe(of({})));
});
