import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { ActionKindName } from "../../src/engine/domain/action.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import type { Fault } from "../support/fake-defender.ts";
import { type FakeGraph, fakeGraph } from "../support/fake-graph.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { mortalExecution } from "../support/mortal-execution.ts";
import { approver, type Engine, openEngine, proposedAction, testPolicy } from "../support/open-engine.ts";
import { DATABASES, MAIN_DATABASE } from "../support/open-test-db.ts";

/*
 * Mail is moved by a product that answers before it moves anything and keeps no list of what it was asked. Whatever happens: the copies
 * are asked for once, air says done only where the mail lies where it should, and what is not certain is a person's.
 */

const mia = approver("Mia");
const MINUTE = 60_000;
const ENDED: readonly string[] = ["succeeded", "failed", "unclear", "timedOut", "cancelled", "expired"];
const CALL = /POST \/security\/collaboration\/analyzedEmails\/remediate/;
type How = Fault["how"];

type Case = { kind: ActionKindName; from: string; moved: readonly string[] };
const CASES: readonly Case[] = [
  { kind: "soft-delete-mail", from: "inbox_folder", moved: ["deletedFolder"] },
  { kind: "move-to-junk", from: "inbox_folder", moved: ["junkFolder"] },
  { kind: "restore-mail", from: "deletedFolder", moved: ["inbox_folder"] },
  { kind: "hard-delete-mail", from: "inbox_folder", moved: ["deletedFolder"] },
];

/** What happens to the call, and how it must end. */
const FAULTS: readonly [string, How, "succeeded" | "failed" | "unclear"][] = [
  ["400", { status: 400, message: "no" }, "failed"],
  ["401 once", { status: 401 }, "succeeded"],
  ["403", { status: 403, message: "Insufficient privileges" }, "failed"],
  ["429", { status: 429, retryAfter: 90 }, "succeeded"],
  ["500, nothing done", { status: 500 }, "unclear"],
  ["500, done", { status: 500, acted: true }, "succeeded"],
  ["503, done", { status: 503, acted: true }, "succeeded"],
  ["504, nothing done", { status: 504 }, "unclear"],
  ["connection lost before", { drop: "before" }, "unclear"],
  ["connection lost after", { drop: "after" }, "succeeded"],
  ["no JSON, done", { body: "noJson", acted: true }, "succeeded"],
  ["empty, done", { body: "empty", acted: true }, "succeeded"],
  ["a redirect, done", { redirect: "https://evil.example/", acted: true }, "succeeded"],
  ["carried out ten minutes later", { late: 10 * MINUTE }, "succeeded"],
];

/** Long ones: the database they run on makes no difference to them. */
const once =
  (database: string) =>
  (name: string, run: () => Promise<void>): void => {
    if (database === MAIN_DATABASE) test(name, { timeout: 180_000 }, run);
  };

describe.each(DATABASES)("mail through Graph, %s", (database) => {
  let engine: Engine;
  let fake: FakeGraph;
  beforeAll(async () => {
    engine = await openEngine(database);
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
    Object.assign(engine.world, { now: NOW, capabilities: fake.capabilitiesOf(fake.connect()), policy: testPolicy });
  };
  const now = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const later = (ms: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
  };
  /** One message in several mailboxes, and an approved action on all its copies. */
  const approved = async (one: Case, recipients = ["mia@contoso.com", "sam@contoso.com", "kim@contoso.com"]) => {
    const [first, ...others] = recipients;
    const { networkMessageId } = fake.mail.add({ recipient: first!, location: one.from });
    for (const recipient of others) fake.mail.add({ networkMessageId, recipient, location: one.from });
    const target: Entity = { kind: "message", networkMessageId };
    const action = await proposedAction(engine, { kind: one.kind, target, change: { approvalsNeeded: 1 } });
    await decideAction(engine.air, mia, { action: action.id, decision: "approve", confirmed: true });
    await engine.clearJobs();
    return { id: action.id, target };
  };
  const run = (id: number) => executeAction(engine.air, id, engine.settle).catch(() => {});
  const play = async (id: number, minutes = 90, each: (minute: number) => void = () => {}): Promise<ActionRow> => {
    for (let minute = 0; minute < minutes; minute++) {
      await run(id);
      const row = await now(id);
      if (ENDED.includes(row.state)) return row;
      later(MINUTE);
      each(minute);
    }
    return now(id);
  };
  const places = () => fake.mail.messages.map(({ location }) => location);
  const asked = () => fake.product.calls.filter(({ method, path }) => CALL.test(`${method} ${path}`)).length;
  const invariant = (row: ActionRow, one: Case, where: string) => {
    const effects = fake.mail.remediations;
    expect(effects.length, `${where}: carried out more than once (${row.outcome})`).toBeLessThanOrEqual(1);
    if (row.state === "succeeded") expect(places(), `${where}: said to be done (${row.outcome})`).toEqual(places().map(() => one.moved[0]));
    if (row.state === "failed") expect(effects, `${where}: said not to be done (${row.outcome})`).toHaveLength(0);
  };
  const [softDelete] = CASES as readonly [Case];

  test.each(CASES)("$kind: taken, carried out in its own time, read back", async (one) => {
    fake.mail.settings.slow = true;
    const { id } = await approved(one);
    await run(id);
    expect(await now(id)).toMatchObject({ state: "executing", outcome: expect.stringContaining("took the request (Action center: ") });
    later(MINUTE);
    await run(id);
    expect(await now(id)).toMatchObject({ state: "executing", outcome: expect.stringContaining("0 of 3 copies moved") });
    fake.mail.finish();
    const row = await play(id);
    expect(row).toMatchObject({ state: "succeeded", attempts: 1, outcome: expect.stringContaining("Done and verified") });
    invariant(row, one, one.kind);
    const [request] = fake.mail.remediations;
    expect(request).toMatchObject({ emails: { length: 3 } });
    // Whoever looks it up in the Action center finds which action asked for it.
    expect(request?.displayName).toMatch(new RegExp(`^air ACT-${id}, approved by Mia \\[air-[0-9a-f]{16}-${id}\\]$`));
  });

  describe.each(database === MAIN_DATABASE ? CASES : [softDelete])("$kind", (one) => {
    test.each(FAULTS)("%s", async (what, how, ends) => {
      const { id } = await approved(one);
      fake.fail({ on: CALL, how, times: 1 });
      const row = await play(id);
      invariant(row, one, `${one.kind}, ${what}`);
      expect({ what, state: row.state, outcome: row.outcome }).toMatchObject({ state: ends });
    });
  });

  test("41 of 50 moved is said so, and not repeated", async () => {
    const recipients = Array.from({ length: 50 }, (_, at) => `p${at}@contoso.com`);
    fake.mail.settings.stuck = recipients.slice(0, 9);
    const { id } = await approved(softDelete, recipients);
    const row = await play(id, 120);
    expect(row).toMatchObject({ state: "unclear", outcome: expect.stringMatching(/41 of 50 copies moved.*9 copies are in an inbox/) });
    expect(asked()).toBe(1);
  });

  once(database)("more than a thousand copies go in several requests; where a later one is not taken, that is said", async () => {
    const recipients = Array.from({ length: 1100 }, (_, at) => `p${at}@contoso.com`);
    const { id } = await approved(softDelete, recipients);
    fake.fail({ on: CALL, how: { status: 401 }, times: 1 });
    expect(await play(id)).toMatchObject({ state: "succeeded" });
    expect(fake.mail.remediations.map(({ emails }) => emails.length)).toEqual([1000, 100]);
    expect(fake.mail.remediations[1]?.displayName).toContain(" 2 of 2 [air-");
    await begin();
    const other = await approved(softDelete, recipients);
    let calls = 0;
    const fetching: typeof fetch = (input, init) => {
      if (CALL.test(`${init?.method} ${new URL(String(input)).pathname.replace("/v1.0", "")}`) && ++calls === 2)
        fake.fail({ on: CALL, how: { status: 429, retryAfter: 60 }, times: 1 });
      return fetch(input, init);
    };
    engine.world.capabilities = fake.capabilitiesOf(fake.connect({ fetch: fetching }));
    await run(other.id);
    expect(await now(other.id)).toMatchObject({
      state: "executing",
      outcome: expect.stringMatching(/took 1000 of 1100 copies; of the rest: .*wait/),
    });
    expect(await play(other.id, 120)).toMatchObject({ state: "unclear", outcome: expect.stringContaining("1000 of 1100 copies moved") });
  });

  test("a missing permission and a missing licence each name what is needed", async () => {
    const { id } = await approved(softDelete);
    fake.product.roles = fake.product.roles
      .filter((role) => !role.startsWith("SecurityAnalyzedMessage"))
      .concat("SecurityAnalyzedMessage.Read.All");
    expect(await play(id)).toMatchObject({
      state: "failed",
      outcome: expect.stringMatching(/lacks SecurityAnalyzedMessage\.ReadWrite\.All.*Nothing was done/),
    });
    await begin();
    const other = await approved(softDelete);
    fake.fail({ on: CALL, how: { status: 403, code: "Forbidden", message: "Tenant is not licensed for this feature." } });
    expect(await play(other.id)).toMatchObject({
      state: "failed",
      outcome: expect.stringMatching(/Defender for Office 365 Plan 2.*Nothing was done/),
    });
  });

  test.each(["others", "unknown", "somewhereNew"])(
    "moved to %s: where it lies is not said, so nobody is told that it did not move",
    async (place) => {
      fake.mail.settings.slow = true;
      const { id } = await approved(softDelete, ["mia@contoso.com"]);
      await run(id);
      for (const mail of fake.mail.messages) mail.location = place;
      later(MINUTE);
      await run(id);
      const unsaid = "Where 1 copy lies now, the mail product does not say.";
      expect(await now(id)).toMatchObject({ state: "executing", outcome: expect.stringContaining(unsaid) });
      const row = await play(id, 120);
      expect(row).toMatchObject({ state: "unclear", outcome: expect.stringContaining(unsaid) });
      expect(row.outcome).not.toMatch(/0 of 1 copy moved|is in an inbox/);
      expect(asked()).toBe(1);
    },
  );

  test("what lies nobody knows where is brought back by request, not taken to be back", async () => {
    const { id } = await approved(CASES[2]!, ["mia@contoso.com"]);
    for (const mail of fake.mail.messages) mail.location = "others";
    expect(await play(id)).toMatchObject({ state: "succeeded" });
    expect(places()).toEqual(["inbox_folder"]);
    expect(asked()).toBe(1);
  });

  test("what somebody removed meanwhile is not asked for again", async () => {
    const { id } = await approved(softDelete);
    for (const mail of fake.mail.messages) mail.location = "deletedFolder";
    expect(await play(id)).toMatchObject({ state: "succeeded", outcome: expect.stringContaining("Nothing to do") });
    expect(asked()).toBe(0);
  });

  // Every one on every database takes minutes and finds no more.
  once(database)("killed at any call: asked for once at most, and done only where the mail moved", async () => {
    const ends = new Set<string>();
    let deaths = 0;
    for (const moment of ["before", "after"] as const) {
      for (let at = 1; ; at++) {
        await begin();
        const { id } = await approved(softDelete, ["mia@contoso.com", "sam@contoso.com"]);
        fake.mail.settings.slow = true;
        const process = mortalExecution(engine, fake, { at, moment });
        for (let step = 0; step < 3 && !process.isDead(); step++) {
          await process.run(id);
          later(6_000);
          if (step > 0) fake.mail.finish();
        }
        if (!process.isDead()) break;
        deaths++;
        const where = `killed ${moment} call ${at}, ${process.calls.at(-1)}`;
        const row = await play(id, 120, () => fake.mail.finish());
        invariant(row, softDelete, where);
        // Dead between the commit and the call: nobody can tell whether it went out, so it is not made a second time.
        expect({ where, state: row.state, outcome: row.outcome }).toMatchObject({ state: expect.stringMatching(/succeeded|unclear/) });
        if (row.state === "unclear") expect(fake.mail.remediations, where).toHaveLength(0);
        ends.add(row.state);
      }
    }
    expect(deaths).toBeGreaterThan(20);
    expect(ends).toContain("succeeded");
  });

  test("whatever goes wrong in whatever order: once at most, and never said falsely", { timeout: 180_000 }, async () => {
    const how = fc.oneof(
      fc.record({ status: fc.constantFrom(400, 401, 404, 500, 502, 503, 504), acted: fc.boolean() }),
      fc.record({ status: fc.constant(429), retryAfter: fc.integer({ min: 0, max: 400 }) }),
      fc.record({ drop: fc.constantFrom("before" as const, "after" as const) }),
      fc.record({ body: fc.constantFrom("noJson" as const, "wrongShape" as const, "empty" as const), acted: fc.boolean() }),
      fc.record({ late: fc.integer({ min: 1, max: 4 * MINUTE }) }),
    );
    // A refusal is never the answer to something that was carried out: that would be a lie, not a fault.
    const fault = fc.record({ where: fc.constantFrom("act", "read", "hunt", "token"), how }).map(({ where, how: one }) => ({
      where,
      how: "status" in one && one.status < 500 ? { ...one, acted: false } : one,
    }));
    const on = { act: CALL, read: /GET \/security\/collaboration/, hunt: /runHuntingQuery/, token: /token/ } as const;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...CASES),
        fc.array(fault, { maxLength: 8 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 2 }),
        async (one, faults, slow, stuck) => {
          await begin();
          const { id } = await approved(one);
          Object.assign(fake.mail.settings, { slow, stuck: fake.mail.messages.slice(0, stuck).map(({ recipient }) => recipient) });
          for (const { where, how: each } of faults) fake.fail({ on: on[where as keyof typeof on], how: each as How, times: 1 });
          fake.forgetTokens();
          const row = await play(id, 120, (minute) => void (minute > 3 && fake.mail.finish()));
          invariant(row, one, one.kind);
          expect(ENDED, row.outcome ?? "").toContain(row.state);
        },
      ),
      { numRuns: database === MAIN_DATABASE ? 40 : 10 },
    );
  });
});
