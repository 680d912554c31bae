import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { ActionKindName } from "../../src/engine/domain/action.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { type FakeDefender, type Fault, fakeDefender } from "../support/fake-defender.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { mortalExecution } from "../support/mortal-execution.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, testPolicy } from "../support/open-engine.ts";
import { DATABASES, MAIN_DATABASE, stride } from "../support/open-test-db.ts";

/*
 * The whole way of an action through the real store, the real connector and a product that fails as products do. What must hold whatever
 * happens: the product carries it out at most once, and air says done only where the product's state says so.
 */

const mia = approver("Mia");
const MINUTE = 60_000;
const SHA1 = "a".repeat(40);
const ENDED: readonly string[] = ["succeeded", "failed", "unclear", "timedOut", "cancelled", "expired"];
type How = Fault["how"];

type Case = {
  kind: ActionKindName;
  target: (name: string) => Entity;
  /** The call that acts. */
  call: RegExp;
  /** Brings about what there is to act on. */
  before?: (fake: FakeDefender, name: string) => void;
  /** Does the product's own state say that it was done? */
  holds: (fake: FakeDefender, name: string) => boolean;
};
const device = (name: string): Entity => ({ kind: "device", name });
const machine = (fake: FakeDefender, name: string) =>
  [...fake.machines.values()].find(({ computerDnsName }) => computerDnsName === name.toLowerCase())!;
const ran = (fake: FakeDefender, type: string) => fake.actions.some((action) => action.type === type && action.status === "Succeeded");
const domainOf = (name: string) => `${name.toLowerCase()}.example`;
const listed = (fake: FakeDefender, name: string) => fake.indicators.find(({ indicatorValue }) => indicatorValue === domainOf(name));
const CASES: readonly Case[] = [
  { kind: "isolate-device", target: device, call: /POST .*\/isolate$/, holds: (fake, name) => fake.isolated(machine(fake, name)) },
  {
    kind: "release-device",
    target: device,
    call: /POST .*\/unisolate$/,
    before: (fake, name) => void fake.begin(machine(fake, name), "isolate", { Comment: "by hand" }),
    holds: (fake, name) => !fake.isolated(machine(fake, name)),
  },
  {
    kind: "restrict-execution",
    target: device,
    call: /POST .*\/restrictCodeExecution$/,
    holds: (fake, name) => fake.restricted(machine(fake, name)),
  },
  {
    kind: "unrestrict-execution",
    target: device,
    call: /POST .*\/unrestrictCodeExecution$/,
    before: (fake, name) => void fake.begin(machine(fake, name), "restrictCodeExecution", { Comment: "by hand" }),
    holds: (fake, name) => !fake.restricted(machine(fake, name)),
  },
  { kind: "scan-device", target: device, call: /POST .*\/runAntiVirusScan$/, holds: (fake) => ran(fake, "RunAntiVirusScan") },
  {
    kind: "collect-package",
    target: device,
    call: /POST .*\/collectInvestigationPackage$/,
    holds: (fake) => ran(fake, "CollectInvestigationPackage"),
  },
  { kind: "offboard-device", target: device, call: /POST .*\/offboard$/, holds: (fake) => ran(fake, "Offboard") },
  {
    kind: "quarantine-file",
    target: (name) => ({ kind: "file", sha1: SHA1, name: "a.exe", device: name }),
    call: /POST .*\/StopAndQuarantineFile$/,
    holds: (fake) => ran(fake, "StopAndQuarantineFile"),
  },
  {
    kind: "block-indicator",
    target: (name) => ({ kind: "domain", name: domainOf(name) }),
    call: /POST \/api\/indicators$/,
    holds: (fake, name) => listed(fake, name)?.action === "Block",
  },
  {
    kind: "allow-indicator",
    target: (name) => ({ kind: "domain", name: domainOf(name) }),
    call: /POST \/api\/indicators$/,
    holds: (fake, name) => listed(fake, name)?.action === "Allowed",
  },
  {
    kind: "unblock-indicator",
    target: (name) => ({ kind: "domain", name: domainOf(name) }),
    call: /DELETE \/api\/indicators\//,
    before: (fake, name) =>
      void fake.indicators.push({ id: "7", indicatorValue: domainOf(name), indicatorType: "DomainName", action: "Block" }),
    holds: (fake, name) => listed(fake, name) === undefined,
  },
];

/** What happens to the call that acts, and how air must end. `either`: what is certain depends on the kind. */
const FAULTS: readonly [string, How, "succeeded" | "failed"][] = [
  ["400", { status: 400, code: "InvalidInput", message: "no" }, "failed"],
  ["401 once", { status: 401 }, "succeeded"],
  ["403", { status: 403, message: "Missing application roles" }, "failed"],
  ["409", { status: 409, message: "conflict" }, "succeeded"],
  ["429", { status: 429, retryAfter: 90 }, "succeeded"],
  ["500, nothing done", { status: 500 }, "succeeded"],
  ["500, done", { status: 500, acted: true }, "succeeded"],
  ["502, done", { status: 502, acted: true }, "succeeded"],
  ["503 with Retry-After, nothing done", { status: 503, retryAfter: 5 }, "succeeded"],
  ["503, done", { status: 503, acted: true }, "succeeded"],
  ["504, done", { status: 504, acted: true }, "succeeded"],
  ["connection lost before", { drop: "before" }, "succeeded"],
  ["connection lost after", { drop: "after" }, "succeeded"],
  ["no answer, nothing done", { hang: "before" }, "succeeded"],
  ["no answer, done", { hang: "after" }, "succeeded"],
  ["no JSON, done", { body: "noJson", acted: true }, "succeeded"],
  ["another shape, done", { body: "wrongShape", acted: true }, "succeeded"],
  ["empty, done", { body: "empty", acted: true }, "succeeded"],
  ["huge, done", { body: "huge", acted: true }, "succeeded"],
  ["a redirect, done", { redirect: "https://evil.example/", acted: true }, "succeeded"],
  ["carried out a minute later", { late: MINUTE }, "succeeded"],
];

describe.each(DATABASES)("through Defender, %s", (database) => {
  let engine: Engine;
  let fake: FakeDefender;
  beforeAll(async () => {
    engine = await openEngine(database);
    engine.air.sleep = async () => {};
    fake = await fakeDefender(() => engine.world.now);
  });
  beforeEach(() => begin());
  afterAll(async () => {
    await fake.close();
    await engine.close();
  });

  const begin = async () => {
    await engine.clearJobs();
    fake.reset();
    Object.assign(engine.world, { now: NOW, capabilities: fake.capabilities, policy: testPolicy });
  };
  const now = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const approve = (id: number) => decideAction(engine.air, mia, { action: id, decision: "approve", confirmed: true });
  const approved = async (one: Case, name = fresh("ws")) => {
    if (!machineThere(name)) fake.add(name);
    // Long ago: what the list does not show yet nobody can know of.
    later(-60 * MINUTE);
    one.before?.(fake, name);
    later(60 * MINUTE);
    const action = await proposedAction(engine, {
      kind: one.kind,
      target: one.target(name),
      change: { approvalsNeeded: 1 },
    });
    await approve(action.id);
    await engine.clearJobs();
    return { id: action.id, name };
  };
  const machineThere = (name: string) => [...fake.machines.values()].some(({ computerDnsName }) => computerDnsName === name.toLowerCase());
  const run = (id: number) => executeAction(engine.air, id, engine.settle).catch(() => {});
  const later = (ms: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
  };
  /** Works on an action as the queue does, a minute at a time, until it has ended. */
  const play = async (id: number, minutes = 45, each: (minute: number) => void = () => {}): Promise<ActionRow> => {
    for (let minute = 0; minute < minutes; minute++) {
      await run(id);
      const row = await now(id);
      if (ENDED.includes(row.state)) return row;
      later(MINUTE);
      each(minute);
    }
    return now(id);
  };
  /** What must hold whatever happens. */
  const invariant = (row: ActionRow, one: Case, name: string, where: string) => {
    expect(fake.effects(row.id), `${where}: carried out more than once (${row.outcome})`).toBeLessThanOrEqual(1);
    if (row.state === "succeeded") expect(one.holds(fake, name), `${where}: said to be done (${row.outcome})`).toBe(true);
    if (row.state === "failed" || row.state === "cancelled")
      expect(fake.effects(row.id), `${where}: said not to be done (${row.outcome})`).toBe(0);
  };
  const [isolate, release] = CASES as readonly [Case, Case];

  test.each(CASES)("$kind, without a fault", async (one) => {
    const { id, name } = await approved(one);
    const row = await play(id);
    expect(row).toMatchObject({ state: "succeeded", attempts: 1 });
    invariant(row, one, name, one.kind);
  });

  describe.each(database === MAIN_DATABASE ? CASES : [CASES[0]!, CASES[4]!, CASES[8]!])("$kind", (one) => {
    test.each(FAULTS)("%s", async (what, how, ends) => {
      const { id, name } = await approved(one);
      fake.fail({ on: one.call, how, times: 1 });
      if ("hang" in how) engine.world.capabilities = fake.capabilitiesOf(fake.connect({ timeoutMs: 200 }));
      const row = await play(id);
      invariant(row, one, name, `${one.kind}, ${what}`);
      // A deletion that is answered with 404 or a fault of its own has no trace but the list itself.
      expect({ what, state: row.state, outcome: row.outcome }).toMatchObject({ state: ends });
      const effects = one.kind === "unblock-indicator" ? 0 : ends === "succeeded" ? 1 : 0;
      expect(fake.effects(id)).toBe(effects);
    });
  });

  test("a missing role says which one, and that nothing was done", async () => {
    const { id } = await approved(isolate);
    fake.product.roles = fake.product.roles.filter((role) => role !== "Machine.Isolate");
    expect(await play(id)).toMatchObject({ state: "failed", outcome: expect.stringMatching(/lacks Machine\.Isolate.*Nothing was done/) });
  });

  test("asked to wait it waits as long as it is told, in a row that outlives the process", async () => {
    const { id } = await approved(isolate);
    fake.fail({ on: isolate.call, how: { status: 429, retryAfter: 600 }, times: 1 });
    await run(id);
    expect(await now(id)).toMatchObject({ state: "approved", notBefore: new Date(NOW.getTime() + 600_000) });
    const calls = fake.product.calls.length;
    expect((await engine.store.stale(engine.world.now)).actions).not.toContain(id);
    await run(id);
    expect(fake.product.calls).toHaveLength(calls);
    later(600_000);
    expect((await engine.store.stale(engine.world.now)).actions).toContain(id);
    expect(await play(id)).toMatchObject({ state: "succeeded", attempts: 2 });
  });

  test("what the list shows late is waited for, not repeated", async () => {
    const { id } = await approved(isolate);
    fake.product.listLagMs = 2 * MINUTE;
    fake.fail({ on: isolate.call, how: { drop: "after" }, times: 1 });
    const row = await play(id);
    expect(row).toMatchObject({ state: "succeeded", attempts: 1 });
    expect(fake.effects(id)).toBe(1);
  });

  test("while the list cannot be read nothing is repeated, and at last a person is asked", async () => {
    const { id } = await approved(isolate);
    fake.fail({ on: isolate.call, how: { drop: "before" } }, { on: /GET .*creationDateTimeUtc/, how: { status: 500 } });
    expect(await play(id)).toMatchObject({ state: "unclear", outcome: expect.stringContaining("could not be found out") });
    expect(fake.product.calls.filter(({ path }) => path.endsWith("/isolate"))).toHaveLength(1);
  });

  test("a call that never gets through is given up after three, and says that nothing was begun", async () => {
    const { id } = await approved(isolate);
    fake.fail({ on: isolate.call, how: { drop: "before" } });
    expect(await play(id, 90)).toMatchObject({ state: "failed", attempts: 3, outcome: expect.stringContaining("nothing was begun") });
    expect(fake.effects(id)).toBe(0);
  });

  test("accepted and reported done, but the state does not show it: unclear", async () => {
    const { id, name } = await approved(isolate);
    fake.product.slow = true;
    await run(id);
    const [ours] = fake.actions;
    ours!.status = "Succeeded";
    // Somebody released it in the same moment.
    fake.product.slow = false;
    later(MINUTE);
    fake.begin(machine(fake, name), "unisolate", { Comment: "by hand" });
    const row = await play(id);
    expect(row).toMatchObject({ state: "unclear", outcome: expect.stringContaining("is on the network") });
  });

  test.each(["Failed", "TimeOut", "Cancelled"] as const)("the product ends it as %s", async (ends) => {
    const { id } = await approved(isolate);
    fake.product.slow = true;
    await run(id);
    fake.finish(ends);
    later(MINUTE);
    const state = { Failed: "failed", TimeOut: "timedOut", Cancelled: "cancelled" }[ends];
    expect(await play(id)).toMatchObject({ state });
  });

  describe("one after the other", () => {
    test("a release approved after an isolate runs after it, whichever job comes first", async () => {
      const { id: first, name } = await approved(isolate);
      const second = await proposedAction(engine, { kind: "release-device", target: device(name) });
      later(1000);
      await approve(second.id);
      await run(second.id);
      expect(await now(second.id)).toMatchObject({ state: "approved" });
      fake.product.slow = true;
      await run(first);
      later(1000);
      await run(second.id);
      expect(await now(second.id)).toMatchObject({ state: "approved" });
      fake.finish();
      fake.product.slow = false;
      later(1000);
      await run(first);
      expect(await now(first)).toMatchObject({ state: "succeeded" });
      later(1000);
      await play(second.id);
      expect(await now(second.id)).toMatchObject({ state: "succeeded" });
      expect(fake.actions.map(({ type }) => type)).toEqual(["Isolate", "Unisolate"]);
      expect(fake.isolated(machine(fake, name))).toBe(false);
    });

    test("both at once, in any order and with whatever answers are lost: the last word wins", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom(0, 1), { minLength: 4, maxLength: 14 }),
          fc.boolean(),
          fc.array(
            fc.constantFrom<How>({ drop: "after" }, { drop: "before" }, { status: 500, acted: true }, { status: 429, retryAfter: 30 }),
            { maxLength: 2 },
          ),
          async (order, slow, faults) => {
            await begin();
            fake.product.slow = slow;
            const { id: first, name } = await approved(isolate);
            later(1000);
            const second = (await proposedAction(engine, { kind: "release-device", target: device(name) })).id;
            await approve(second);
            for (const how of faults) fake.fail({ on: /POST .*isolate$/, how, times: 1 });
            for (const which of order) {
              await Promise.all([run([first, second][which] ?? 0), run(first)]);
              later(20_000);
            }
            fake.heal();
            for (let minute = 0; minute < 30; minute++) {
              await Promise.all([run(second), run(first)]);
              fake.finish();
              later(MINUTE);
            }
            expect(await now(first)).toMatchObject({ state: "succeeded" });
            expect(await now(second)).toMatchObject({ state: "succeeded" });
            expect(fake.actions.map(({ type }) => type)).toEqual(["Isolate", "Unisolate"]);
            expect(fake.isolated(machine(fake, name))).toBe(false);
          },
        ),
        { numRuns: 8 },
      );
    });

    test("somebody else's opposite operation is waited for", async () => {
      const { id, name } = await approved(isolate);
      fake.product.slow = true;
      fake.begin(machine(fake, name), "unisolate", { Comment: "by hand" });
      await run(id);
      expect(await now(id)).toMatchObject({ state: "approved", outcome: expect.stringContaining("still runs on this device") });
      fake.finish();
      fake.product.slow = false;
      expect(await play(id)).toMatchObject({ state: "succeeded" });
      expect(fake.effects(id)).toBe(1);
    });
  });

  describe("killed at any call", () => {
    const points = [
      ["done at once", false, isolate],
      ["on a list", false, CASES[8]!],
      ["followed", true, release],
    ] as const;
    // Every one on every database takes long and finds no more.
    test.each(points.filter(([what]) => database === MAIN_DATABASE || what === "followed"))(
      "%s: carried out once, and found again",
      { timeout: 180_000 },
      async (_name, slow, one) => {
        let deaths = 0;
        for (const moment of ["before", "after"] as const) {
          for (let at = 1; ; at += stride(database)) {
            await begin();
            const { id, name } = await approved(one);
            fake.product.slow = slow;
            const process = mortalExecution(engine, fake, { at, moment });
            for (let step = 0; step < 3 && !process.isDead(); step++) {
              await process.run(id);
              later(6_000);
              if (step > 0) fake.finish();
            }
            if (!process.isDead()) break;
            deaths++;
            const where = `killed ${moment} call ${at}, ${process.calls.at(-1)}`;
            const row = await play(id, 20, () => fake.finish());
            invariant(row, one, name, where);
            expect({ where, state: row.state, outcome: row.outcome }).toMatchObject({ state: "succeeded" });
            expect(fake.effects(id), where).toBe(1);
          }
        }
        expect(deaths).toBeGreaterThan(20 / stride(database));
      },
    );
  });

  test("whatever goes wrong in whatever order, once at most and never said falsely", { timeout: 180_000 }, async () => {
    const how = fc.oneof(
      fc.record({ status: fc.constantFrom(400, 401, 404, 409, 500, 502, 503, 504), acted: fc.boolean() }),
      fc.record({ status: fc.constant(429), retryAfter: fc.integer({ min: 0, max: 400 }) }),
      fc.record({ drop: fc.constantFrom("before" as const, "after" as const) }),
      fc.record({ body: fc.constantFrom("noJson" as const, "wrongShape" as const, "empty" as const), acted: fc.boolean() }),
      fc.record({ late: fc.integer({ min: 1, max: 4 * MINUTE }) }),
      fc.record({ redirect: fc.constant("https://evil.example/"), acted: fc.boolean() }),
    );
    // A refusal is never the answer to something that was carried out: that would be a lie, not a fault.
    const fault = fc.record({ where: fc.constantFrom("act", "list", "follow", "machine", "token"), how }).map(({ where, how: one }) => ({
      where,
      how: "status" in one && one.status < 500 ? { ...one, acted: false } : one,
    }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...CASES),
        fc.array(fault, { maxLength: 8 }),
        fc.constantFrom("refuses" as const, "returns" as const, "doubles" as const),
        fc.boolean(),
        fc.integer({ min: 0, max: 2 * MINUTE }),
        fc.constantFrom("Succeeded", "Succeeded", "Failed", "TimeOut", "Cancelled"),
        async (one, faults, repeats, slow, listLagMs, ends) => {
          await begin();
          const { id, name } = await approved(one);
          Object.assign(fake.product, { repeats, slow, listLagMs, ends });
          const on = {
            act: one.call,
            list: /GET .*\?/,
            follow: /GET \/api\/machineactions\//,
            machine: /GET \/api\/machines/,
            token: /token/,
          };
          for (const { where, how: one } of faults) fake.fail({ on: on[where as keyof typeof on], how: one as How, times: 1 });
          fake.forgetTokens();
          const row = await play(id, 60, (minute) => void (minute > 3 && fake.finish(ends)));
          expect(fake.effects(id), row.outcome ?? "").toBeLessThanOrEqual(1);
          if (row.state === "succeeded") expect(one.holds(fake, name), row.outcome ?? "").toBe(true);
          expect(ENDED, `${row.state}: ${row.outcome}`).toContain(row.state);
        },
      ),
      { numRuns: database === MAIN_DATABASE ? 50 : 10 },
    );
  });
});
