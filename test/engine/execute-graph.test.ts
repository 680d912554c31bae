import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { ActionKindName } from "../../src/engine/domain/action.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { propose } from "../../src/engine/propose-actions.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { takeAction } from "../../src/engine/take-action.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import type { Fault } from "../support/fake-defender.ts";
import { type FakeGraph, fakeGraph } from "../support/fake-graph.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { mortalExecution } from "../support/mortal-execution.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, testPolicy } from "../support/open-engine.ts";
import { MAIN_DATABASE } from "../support/open-test-db.ts";

/*
 * Accounts and apps through the real store, the real connector and a directory that fails as directories do. Nothing of ours is written down
 * there, so what must hold is: the state changes at most once, and air says done only where the directory says so.
 */

const mia = approver("Mia");
const MINUTE = 60_000;
const ENDED: readonly string[] = ["succeeded", "failed", "unclear", "timedOut", "cancelled", "expired"];
type How = Fault["how"];
type Case = {
  kind: ActionKindName;
  call: RegExp;
  /** How often the call may have been carried out: what only moves a time may be repeated where no answer came. */
  holds: (fake: FakeGraph, name: string) => boolean;
  before?: (fake: FakeGraph, name: string) => void;
};
const address = (name: string) => `${name}@contoso.example`;
const account = (fake: FakeGraph, name: string) =>
  fake.identities.accounts.find(({ userPrincipalName }) => userPrincipalName === address(name))!;
const app = (fake: FakeGraph, name: string) => fake.identities.apps.find(({ displayName }) => displayName === name)!;
const isOnApp = ({ kind }: Case) => /-app\b/.test(kind);
const consentOf = (principalId: string, scope: string) => ({ consentType: "Principal", principalId, scope, resourceId: "mail" });
const targetOf = (one: Case, name: string): Entity => (isOnApp(one) ? { kind: "oauth-app", name } : { kind: "user", email: address(name) });

const CASES: readonly Case[] = [
  { kind: "disable-user", call: /^PATCH \/users\//, holds: (fake, name) => !account(fake, name).accountEnabled },
  {
    kind: "enable-user",
    call: /^PATCH \/users\//,
    before: (fake, name) => {
      account(fake, name).accountEnabled = false;
    },
    holds: (fake, name) => account(fake, name).accountEnabled,
  },
  {
    kind: "revoke-sessions",
    call: /^POST .*revokeSignInSessions/,
    holds: (fake, name) => Date.parse(account(fake, name).signInSessionsValidFromDateTime) >= NOW.getTime(),
  },
  {
    kind: "confirm-compromised",
    call: /^POST .*confirmCompromised/,
    holds: (fake, name) => account(fake, name).risk?.riskState === "confirmedCompromised",
  },
  {
    kind: "force-password-reset",
    call: /^PATCH \/users\//,
    holds: (fake, name) => account(fake, name).passwordProfile.forceChangePasswordNextSignIn,
  },
  { kind: "disable-app", call: /^PATCH \/servicePrincipals\//, holds: (fake, name) => !app(fake, name).accountEnabled },
  {
    kind: "remove-app-consent",
    call: /^DELETE \/oauth2PermissionGrants\//,
    before: (fake, name) => void app(fake, name).grants.push(consentOf("u-1", "Mail.ReadWrite")),
    holds: (fake, name) => app(fake, name).grants.length === 0,
  },
];

const FAULTS: readonly [string, How, "succeeded" | "failed"][] = [
  ["400", { status: 400, code: "Request_BadRequest", message: "no" }, "failed"],
  ["401 once", { status: 401 }, "succeeded"],
  ["403", { status: 403, message: "Insufficient privileges to complete the operation." }, "failed"],
  ["429 with Retry-After", { status: 429, retryAfter: 90 }, "succeeded"],
  ["429 without", { status: 429 }, "succeeded"],
  ["500, nothing done", { status: 500 }, "succeeded"],
  ["500, done", { status: 500, acted: true }, "succeeded"],
  ["503 with Retry-After, nothing done", { status: 503, retryAfter: 5 }, "succeeded"],
  ["504, done", { status: 504, acted: true }, "succeeded"],
  ["connection lost before", { drop: "before" }, "succeeded"],
  ["connection lost after", { drop: "after" }, "succeeded"],
  ["no answer, nothing done", { hang: "before" }, "succeeded"],
  ["no answer, done", { hang: "after" }, "succeeded"],
  ["a redirect, done", { redirect: "https://evil.example/", acted: true }, "succeeded"],
  ["carried out a minute later", { late: MINUTE }, "succeeded"],
];

describe("through Microsoft Graph", () => {
  let engine: Engine;
  let fake: FakeGraph;
  const capabilities = (more: Parameters<FakeGraph["connect"]>[0] = {}) =>
    fake.capabilitiesOf(fake.connect({ sleep: async () => {}, ...more }));
  beforeAll(async () => {
    engine = await openEngine(MAIN_DATABASE);
    engine.air.sleep = async () => {};
    fake = await fakeGraph(() => engine.world.now);
  });
  beforeEach(() => begin());
  afterAll(async () => {
    await fake.close();
    await engine.close();
  });
  const begin = async () => {
    await engine.clearJobs();
    fake.reset();
    Object.assign(engine.world, { now: NOW, capabilities: capabilities(), policy: testPolicy });
  };
  const now = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const later = (ms: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
  };
  const approved = async (one: Case, name = fresh("mia")) => {
    if (isOnApp(one)) fake.identities.addApp(name);
    else fake.identities.add(address(name));
    one.before?.(fake, name);
    const action = await proposedAction(engine, { kind: one.kind, target: targetOf(one, name), change: { approvalsNeeded: 1 } });
    await decideAction(engine.air, mia, { action: action.id, decision: "approve", confirmed: true });
    await engine.clearJobs();
    return { id: action.id, name };
  };
  const run = (id: number) => executeAction(engine.air, id, engine.settle).catch(() => {});
  const play = async (id: number, minutes = 45): Promise<ActionRow> => {
    for (let minute = 0; minute < minutes; minute++) {
      await run(id);
      const row = await now(id);
      if (ENDED.includes(row.state)) return row;
      later(MINUTE);
    }
    return now(id);
  };
  const effects = (name: string) => fake.identities.effects.filter((effect) => effect.includes(name)).length;
  const invariant = (row: ActionRow, one: Case, name: string, where: string) => {
    expect(effects(name), `${where}: carried out more than once (${row.outcome})`).toBeLessThanOrEqual(1);
    if (row.state === "succeeded") expect(one.holds(fake, name), `${where}: said to be done (${row.outcome})`).toBe(true);
    if (row.state === "failed") expect(effects(name), `${where}: said not to be done (${row.outcome})`).toBe(0);
  };
  const [disable] = CASES as readonly [Case];

  describe.each(CASES)("$kind", (one) => {
    test("without a fault", async () => {
      const { id, name } = await approved(one);
      const row = await play(id);
      expect(row).toMatchObject({ state: "succeeded", attempts: 1 });
      invariant(row, one, name, one.kind);
    });

    test.each(FAULTS)("%s", async (what, how, ends) => {
      const { id, name } = await approved(one);
      fake.fail({ on: one.call, how, times: 1 });
      if ("hang" in how) engine.world.capabilities = capabilities({ timeoutMs: 200 });
      const row = await play(id);
      invariant(row, one, name, `${one.kind}, ${what}`);
      expect({ what, state: row.state, outcome: row.outcome }).toMatchObject({ state: ends });
      expect(effects(name)).toBe(ends === "succeeded" ? 1 : 0);
    });
  });

  test("what the directory shows minutes later is waited for, not repeated", async () => {
    const { id, name } = await approved(disable);
    fake.identities.product.lagMs = 3 * MINUTE;
    await run(id);
    expect(await now(id)).toMatchObject({ state: "executing", outcome: expect.stringContaining("read back until it shows") });
    expect(await play(id)).toMatchObject({ state: "succeeded", attempts: 1 });
    expect(effects(name)).toBe(1);
  });

  describe("the consents of an app", () => {
    const one = CASES.find(({ kind }) => kind === "remove-app-consent")!;
    const people = Array.from({ length: 12 }, (_, index) => `u-${index + 2}`);
    const given = (name: string) => {
      const { grants, appRoles } = app(fake, name);
      return { people: grants.map(({ principalId, scope }) => `${principalId} ${scope}`).toSorted(), appRoles: appRoles.toSorted() };
    };
    const withMany = async () => {
      const made = await approved(one);
      const { grants, appRoles } = app(fake, made.name);
      grants.push(...people.map((id) => consentOf(id, `openid Mail.Read offline_access ${id}`)));
      appRoles.push("Directory.ReadWrite.All");
      return { ...made, before: given(made.name) };
    };
    const undone = async (id: number) => {
      const asked = await undoAction(engine.air, mia, { action: id });
      expect(asked).toMatchObject({
        kind: "restore-app-consent",
        approvalsNeeded: 2,
        blastRadius: { facts: expect.arrayContaining(["given back: 13 people agreed, it may act as itself"]) },
      });
      for (const name of ["Tom", "Noor"])
        await decideAction(engine.air, approver(name), { action: asked.id, decision: "approve", confirmed: true });
      await engine.clearJobs();
      return play(asked.id);
    };

    test.each<[string, How]>([
      ["asked to wait", { status: 429, retryAfter: 30 }],
      ["no answer", { drop: "before" }],
      ["done without an answer", { drop: "after" }],
    ])("half-way %s: it goes on, and the undo gives everything back to the letter", async (_, how) => {
      const { id, name, before } = await withMany();
      let calls = 0;
      fake.fail({ on: { test: (text: string) => one.call.test(text) && ++calls === 7 } as RegExp, how, times: 1 });
      expect(await play(id)).toMatchObject({ state: "succeeded", attempts: 2 });
      expect(given(name)).toEqual({ people: [], appRoles: [] });
      expect(await undone(id)).toMatchObject({ state: "succeeded" });
      expect(given(name)).toEqual(before);
      expect(await now(id)).toMatchObject({ state: "undone" });
    });

    test("what somebody agreed to again meanwhile is widened, not doubled", async () => {
      const { id, name } = await withMany();
      await play(id);
      app(fake, name).grants.push(consentOf("u-2", "openid Contacts.Read"));
      expect(await undone(id)).toMatchObject({ state: "succeeded" });
      expect(given(name).people).toContain("u-2 openid Contacts.Read Mail.Read offline_access u-2");
      expect(given(name).people).toHaveLength(13);
    });

    test("refused in the middle says how far it got", async () => {
      const { id } = await withMany();
      fake.fail({ on: /^DELETE \/servicePrincipals\//, how: { status: 403, message: "Insufficient privileges." }, times: 1 });
      expect(await play(id)).toMatchObject({
        state: "failed",
        outcome: expect.stringMatching(/^Failed: 13 of 14 were removed, .*lacks AppRoleAssignment\.ReadWrite\.All/),
      });
    });

    test("what the app registration may not remove stays, and the card says so", async () => {
      const { id, name } = await withMany();
      fake.product.roles = fake.product.roles.filter((role) => role !== "AppRoleAssignment.ReadWrite.All");
      fake.forgetTokens();
      engine.world.capabilities = capabilities();
      const { row } = await propose(
        engine.air,
        { kind: one.kind, target: targetOf(one, name), evidenceId: null, note: "" },
        { investigation: 1, incident: 1, severity: "high", lab: false, verdict: "malicious", judgement: undefined },
      );
      expect(row.blastRadius.facts).toEqual([
        `${name}, publisher not verified, enabled`,
        "13 people agreed, it may act as itself",
        "can change or send: Mail.ReadWrite, u-2, u-3, u-4, u-5, u-6 and 8 more",
        "can read: openid, Mail.Read, offline_access",
        "stays: Directory.ReadWrite.All (as itself) (air's app registration needs AppRoleAssignment.ReadWrite.All)",
      ]);
      expect(row).toMatchObject({ approvalsNeeded: 2, undoable: true });
      expect(await play(id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("only what air cannot remove") });
      expect(given(name)).toEqual({ people: [], appRoles: ["Directory.ReadWrite.All"] });
    });

    test("air's own app and Microsoft's services keep theirs; nobody restores by hand", async () => {
      const consent = consentOf("u-1", "Mail.Read");
      const own = fake.identities.addApp(fresh("air"), { appId: "app", grants: [consent] });
      const { apps } = engine.world.capabilities;
      const [kept] = await apps!.consents!(own.id, AbortSignal.timeout(5000));
      const removed = apps!.removeConsent!(own.id, kept!.saved, "", "key", AbortSignal.timeout(5000));
      await expect(removed).rejects.toMatchObject({ kind: "refused", message: expect.stringContaining("air's own app registration") });
      const target: Entity = { kind: "oauth-app", name: own.displayName };
      const params = { saved: { consents: [{ key: "x", by: "everybody", grants: [], saved: { ...kept!.saved, scope: "Mail.Send" } }] } };
      await expect(
        takeAction(engine.air, mia, { kind: "restore-app-consent", target, params, reason: "a drill" }, "1"),
      ).rejects.toMatchObject({ code: "invalid", field: "kind" });
      expect(fake.identities.effects.filter((effect) => effect.includes(own.displayName))).toEqual([]);
    });
  });

  test("a risk that cannot be read back is never called done, and nothing is repeated meanwhile", async () => {
    const one = CASES[3]!;
    const { id, name } = await approved(one);
    fake.fail({ on: one.call, how: { drop: "after" }, times: 1 }, { on: /^GET \/identityProtection/, how: { status: 500 } });
    expect(await play(id)).toMatchObject({ state: "unclear" });
    expect(effects(name)).toBe(1);
  });

  test("killed at any call: the state changes once, and it is found again", { timeout: 180_000 }, async () => {
    let deaths = 0;
    for (const moment of ["before", "after"] as const) {
      for (let at = 1; ; at++) {
        await begin();
        const { id, name } = await approved(disable);
        const process = mortalExecution(engine, fake, { at, moment });
        for (let step = 0; step < 3 && !process.isDead(); step++) {
          await process.run(id);
          later(6_000);
        }
        if (!process.isDead()) break;
        deaths++;
        const where = `killed ${moment} call ${at}, ${process.calls.at(-1)}`;
        const row = await play(id, 20);
        invariant(row, disable, name, where);
        expect({ where, state: row.state, outcome: row.outcome }).toMatchObject({ state: "succeeded" });
      }
    }
    expect(deaths).toBeGreaterThan(20);
  });

  test("whatever goes wrong in whatever order, once at most and never said falsely", { timeout: 180_000 }, async () => {
    const how = fc.oneof(
      fc.record({ status: fc.constantFrom(400, 401, 403, 404), acted: fc.constant(false) }),
      fc.record({ status: fc.constantFrom(500, 502, 503, 504), acted: fc.boolean() }),
      fc.record({ status: fc.constant(429), retryAfter: fc.integer({ min: 0, max: 400 }) }),
      fc.record({ drop: fc.constantFrom("before" as const, "after" as const) }),
      fc.record({ body: fc.constantFrom("noJson" as const, "wrongShape" as const), acted: fc.constant(true) }),
      fc.record({ late: fc.integer({ min: 1, max: 4 * MINUTE }) }),
    );
    const fault = fc.record({ where: fc.constantFrom("act", "read", "roles", "token"), how });
    // What only moves a time may be done twice where no answer came.
    const states = CASES.filter(({ kind }) => /able-/.test(kind));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...states),
        fc.array(fault, { maxLength: 6 }),
        fc.nat({ max: 3 * MINUTE }),
        async (one, faults, lagMs) => {
          await begin();
          const { id, name } = await approved(one);
          fake.identities.product.lagMs = lagMs;
          const on = { act: one.call, read: /^GET \/users\/[^/]+\?/, roles: /^GET \/roleManagement/, token: /token/ };
          for (const { where, how: what } of faults) {
            // Only the call that acts has anything to carry out.
            if (where !== "act" && ("late" in what || ("acted" in what && what.acted))) continue;
            fake.fail({ on: on[where as keyof typeof on], how: what as How, times: 1 });
          }
          fake.forgetTokens();
          const row = await play(id, 60);
          expect(ENDED).toContain(row.state);
          invariant(row, one, name, JSON.stringify(faults));
        },
      ),
      { numRuns: 25 },
    );
  });
});
