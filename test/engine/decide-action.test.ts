import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { verifyAudit, writeCheckpoint } from "../../src/engine/audit-chain.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { FAMILIES } from "../../src/engine/domain/action.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import { Refusal } from "../../src/engine/domain/errors.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { pause, resume } from "../../src/engine/pause.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const mia = approver("Mia");
const tom = approver("Tom");
const admin = somebody("Ada", { ...NO_ROLES, admin: true });

describe.each(DATABASES)("a decision, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, { now: NOW, capabilities: openLab(() => engine.world.now).capabilities, policy: testPolicy });
  });
  afterAll(() => engine.close());

  const audit = async () => (await engine.store.auditLines(0, 10_000)).map((row) => JSON.parse(row.line) as Record<string, unknown>);
  const lastAudit = async () => (await audit()).at(-1);
  const refusalOf = async (decision: Promise<unknown>) => {
    const refusal = await decision.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(refusal instanceof Refusal)) throw new Error(`expected a refusal, got ${String(refusal)}`);
    return refusal;
  };
  const executions = async (action: number) => (await engine.jobs("execute-action")).filter((job) => job.data.action === action);

  test("approve: state, decision, audit line, timeline and the execution job, together", async () => {
    const action = await proposedAction(engine);
    const { action: decided, waitsForSecond } = await decideAction(engine.air, mia, {
      action: action.id,
      decision: "approve",
      version: action.version,
    });
    expect(waitsForSecond).toBe(false);
    expect(decided).toMatchObject({
      state: "approved",
      decision: { decision: "approve", by: "Mia", via: "slack", at: NOW.toISOString() },
      decidedAt: NOW,
    });
    expect(await engine.store.action(action.id)).toMatchObject({ state: "approved" });
    expect(await executions(action.id)).toHaveLength(1);
    expect(await lastAudit()).toMatchObject({
      event: "decision.approve",
      subject: `ACT-${action.id}`,
      actor: { kind: "person", name: "Mia", key: "mia@contoso.com" },
      data: { kind: "isolate-device", version: action.version },
    });
    const view = (await engine.store.incidentViews([action.incidentId])).get(action.incidentId);
    expect(view?.timeline.at(-1)).toMatchObject({ event: "decision.approve", text: expect.stringContaining("Mia approved Isolate") });
    expect(view?.investigations[0]).toMatchObject({ status: "running" });
  });

  test("reject: with the reason, and nothing is carried out", async () => {
    const action = await proposedAction(engine);
    await decideAction(engine.air, mia, { action: action.id, decision: "reject", reason: "a test machine" });
    expect(await engine.store.action(action.id)).toMatchObject({
      state: "rejected",
      decision: { decision: "reject", by: "Mia", reason: "a test machine" },
      outcome: expect.stringContaining("Nothing was done."),
    });
    expect(await executions(action.id)).toEqual([]);
    expect(await lastAudit()).toMatchObject({ event: "decision.reject", data: { reason: "a test machine" } });
    expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "closedWithRejections", endedAt: NOW });
  });

  describe("roles fail closed", () => {
    test.each(FAMILIES)("%s: only its own approver decides", async (family) => {
      const action = await proposedAction(engine, { change: { family } });
      const others = FAMILIES.filter((one) => one !== family);
      for (const person of [
        somebody("Nobody"),
        somebody("Viewer", { ...NO_ROLES, viewer: true }),
        somebody("Responder", { ...NO_ROLES, responder: true }),
        admin,
        approver("Other", others),
      ]) {
        const refusal = await refusalOf(decideAction(engine.air, person, { action: action.id, decision: "approve" }));
        expect(refusal).toMatchObject({ code: "forbidden", details: { missing: `approver.${family}` } });
        expect(await lastAudit()).toMatchObject({
          event: "decision.refused",
          actor: { name: person.name },
          data: { missing: `approver.${family}` },
        });
      }
      expect(await engine.store.action(action.id)).toMatchObject({ state: "pending" });
      await decideAction(engine.air, approver("Own", [family]), { action: action.id, decision: "approve" });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "approved" });
    });

    test("who is named in the incident may not decide there, and the attempt is in the audit", async () => {
      const suspect = { kind: "user", name: "CONTOSO\\sam" } as const;
      const action = await proposedAction(engine, { entities: [suspect] });
      const sam: Person = { ...approver("Sam"), identities: ["sam@contoso.com", "SAM"] };
      const refusal = await refusalOf(decideAction(engine.air, sam, { action: action.id, decision: "reject", reason: "harmless" }));
      expect(refusal).toMatchObject({ code: "forbidden", details: { missing: "not-a-suspect" } });
      expect(await lastAudit()).toMatchObject({
        event: "decision.refused",
        actor: { name: "Sam" },
        data: { decision: "reject", missing: "not-a-suspect" },
      });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "pending", decision: null });
    });

    test("a token decides for no protected asset", async () => {
      const action = await proposedAction(engine, { target: { kind: "device", name: "DC-01" } });
      expect(action.approvalsNeeded).toBe(2);
      const token: Person = { ...approver("siem-token"), machine: true };
      expect(await refusalOf(decideAction(engine.air, token, { action: action.id, decision: "approve" }))).toMatchObject({
        code: "forbidden",
      });
    });
  });

  test("five presses at once by two people: one decision, one job, and the others learn who was first", async () => {
    const action = await proposedAction(engine);
    const presses = [mia, tom, mia, tom, mia].map((person) => decideAction(engine.air, person, { action: action.id, decision: "approve" }));
    const results = await Promise.allSettled(presses);
    const winners = results.filter((result) => result.status === "fulfilled");
    expect(winners).toHaveLength(1);
    const { decision } = (await engine.store.action(action.id)) ?? {};
    for (const result of results) {
      if (result.status === "rejected") {
        expect(result.reason).toMatchObject({ code: "already-decided", details: { by: decision?.by, at: NOW.toISOString() } });
        expect((result.reason as Error).message).toBe(`ACT-${action.id} was already approved by ${decision?.by} at 2026-10-05 09:00 UTC.`);
      }
    }
    expect(await executions(action.id)).toHaveLength(1);
    const lines = (await audit()).filter((line) => line.subject === `ACT-${action.id}`);
    expect(lines.filter((line) => line.event === "decision.approve")).toHaveLength(1);
    expect(lines.filter((line) => line.event === "decision.refused")).toHaveLength(4);
  });

  test("a click on an older card changes nothing and says so", async () => {
    const action = await proposedAction(engine);
    const refusal = await refusalOf(decideAction(engine.air, mia, { action: action.id, decision: "approve", version: "0123456789abcdef" }));
    expect(refusal.code).toBe("changed");
    expect(await engine.store.action(action.id)).toMatchObject({ state: "pending" });
    expect(await engine.store.approvalsOf(action.id)).toEqual([]);
  });

  test("after its time an action takes no decision, before and after the sweep has noted it", async () => {
    const action = await proposedAction(engine);
    engine.world.now = action.expiresAt;
    expect((await refusalOf(decideAction(engine.air, mia, { action: action.id, decision: "approve" }))).code).toBe("expired");
    await sweep(engine.air, engine.settle);
    expect(await engine.store.action(action.id)).toMatchObject({ state: "expired", decision: null, outcome: "Expired: nothing was done." });
    expect((await refusalOf(decideAction(engine.air, mia, { action: action.id, decision: "approve" }))).code).toBe("expired");
    expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "terminatedBySystem" });
    expect(await executions(action.id)).toEqual([]);
  });

  test("an action nobody knows is not found", async () => {
    expect((await refusalOf(decideAction(engine.air, mia, { action: 999_999, decision: "approve" }))).code).toBe("not-found");
  });

  test("while executions are paused nobody approves, but may reject; after resume it works", async () => {
    const action = await proposedAction(engine);
    const other = await proposedAction(engine);
    await pause(engine.air, admin, "device", "something is wrong");
    const refusal = await refusalOf(decideAction(engine.air, mia, { action: action.id, decision: "approve" }));
    expect(refusal.code).toBe("paused");
    expect(refusal.message).toContain("paused by Ada: something is wrong");
    expect(await engine.store.approvalsOf(action.id)).toEqual([]);
    await decideAction(engine.air, mia, { action: other.id, decision: "reject", reason: "no" });
    await resume(engine.air, admin);
    await decideAction(engine.air, mia, { action: action.id, decision: "approve" });
    expect(await executions(action.id)).toHaveLength(1);
  });

  describe("where two must agree", () => {
    const needsTwo = () => proposedAction(engine, { target: { kind: "device", name: "DC-01" } });

    test("the same person counts once, whatever account; another one completes it", async () => {
      const action = await needsTwo();
      expect(await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: "DC-01" })).toMatchObject({
        waitsForSecond: true,
      });
      expect(await lastAudit()).toMatchObject({ event: "decision.first-of-two" });
      const elsewhere: Person = { ...mia, via: "teams", name: "Mia K." };
      const refusal = await refusalOf(decideAction(engine.air, elsewhere, { action: action.id, decision: "approve", typed: "DC-01" }));
      expect(refusal).toMatchObject({ code: "already-decided", message: expect.stringContaining("a second person has to") });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "pending", decision: null });
      expect(await executions(action.id)).toEqual([]);
      expect(await decideAction(engine.air, tom, { action: action.id, decision: "approve", typed: "DC-01" })).toMatchObject({
        waitsForSecond: false,
      });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "approved", decision: { by: "Tom" } });
      expect((await engine.store.approvalsOf(action.id)).map((row) => row.name).sort()).toEqual(["Mia", "Tom"]);
      expect(await executions(action.id)).toHaveLength(1);
    });

    test("who was entered in people between two presses goes by another key, and still counts once", async () => {
      const action = await needsTwo();
      const before: Person = { ...mia, key: "slack:T0TEAM:U0MIA12", identities: ["U0MIA12", "mia@contoso.com"] };
      await decideAction(engine.air, before, { action: action.id, decision: "approve", typed: "DC-01" });
      const refusal = await refusalOf(decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: "DC-01" }));
      expect(refusal).toMatchObject({ code: "already-decided" });
      expect(await executions(action.id)).toEqual([]);
    });

    test("an approval counts no longer than its role: who lost it in between is not one of the two", async () => {
      engine.world.policy = { ...testPolicy, perKind: { "isolate-device": { approvals: 2 } } };
      const action = await proposedAction(engine);
      const press = (person: Person) => decideAction(engine.air, person, { action: action.id, decision: "approve", confirmed: true });
      engine.air.paging = () => ({ ...NOBODY, approvers: () => ["person:mia@contoso.com", "person:tom@contoso.com"] });
      try {
        await press(mia);
        engine.air.paging = () => ({ ...NOBODY, approvers: () => ["person:noor@contoso.com", "person:tom@contoso.com"] });
        expect(await press(tom)).toMatchObject({ waitsForSecond: true, action: { state: "pending" } });
        expect((await engine.store.approvalsOf(action.id)).map(({ name }) => name)).toEqual(["Tom"]);
        expect((await audit()).some(({ event, subject }) => event === "decision.approval-dropped" && subject === `ACT-${action.id}`)).toBe(
          true,
        );
        expect(await press(approver("Noor"))).toMatchObject({ waitsForSecond: false, action: { state: "approved" } });
      } finally {
        delete engine.air.paging;
      }
    });

    test("five presses at once by two people are two approvals and one execution", async () => {
      const action = await needsTwo();
      const results = await Promise.allSettled(
        [mia, mia, tom, mia, tom].map((person) =>
          decideAction(engine.air, person, { action: action.id, decision: "approve", typed: "DC-01" }),
        ),
      );
      expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(2);
      expect(await engine.store.approvalsOf(action.id)).toHaveLength(2);
      expect(await executions(action.id)).toHaveLength(1);
    });

    test("one reject ends it, even after a first approval", async () => {
      const action = await needsTwo();
      await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: "DC-01" });
      await decideAction(engine.air, tom, { action: action.id, decision: "reject", reason: "not the domain controller" });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "rejected", decision: { by: "Tom" } });
      expect(await executions(action.id)).toEqual([]);
    });

    test("an approval of an older version does not count", async () => {
      const action = await needsTwo();
      await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: "DC-01" });
      await engine.store.transaction((tx) => tx.updateAction(action.id, { version: "fedcba9876543210" }));
      expect(await decideAction(engine.air, tom, { action: action.id, decision: "approve", typed: "DC-01" })).toMatchObject({
        waitsForSecond: true,
      });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "pending" });
    });
  });

  describe("what is not decided by Approve", () => {
    test("what no product can do is done by hand or not needed, never approved", async () => {
      const action = await proposedAction(engine, { change: { connector: null, byHand: "Take it off the network at the switch." } });
      expect((await refusalOf(decideAction(engine.air, mia, { action: action.id, decision: "approve" }))).code).toBe("invalid");
      await decideAction(engine.air, mia, { action: action.id, decision: "done" });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "byHand", outcome: "Done by hand by Mia." });
      const ordinary = await proposedAction(engine);
      expect((await refusalOf(decideAction(engine.air, mia, { action: ordinary.id, decision: "done" }))).code).toBe("invalid");
    });
    const handTakesTwo = () =>
      proposedAction(engine, {
        target: { kind: "device", name: "DC-01" },
        change: { connector: null, byHand: "Take it off the network at the switch.", approvalsNeeded: 2 },
      });
    test("by hand, too, two answer for what needs two: the name is typed, the first waits, the second completes it", async () => {
      const action = await handTakesTwo();
      const done = (who: Person, typed?: string) => decideAction(engine.air, who, { action: action.id, decision: "done", typed });
      expect((await refusalOf(done(mia))).message).toContain("Type: DC-01");
      expect((await refusalOf(done(mia))).message).not.toContain("approve");
      expect(await done(mia, "DC-01 pulled the cable")).toMatchObject({ waitsForSecond: true });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "pending", decision: null });
      expect(await lastAudit()).toMatchObject({ event: "decision.done-first-of-two", actor: { name: "Mia" } });
      expect((await refusalOf(done(mia, "DC-01"))).message).toContain("a second person has to");
      expect(await done(tom, "DC-01")).toMatchObject({ waitsForSecond: false });
      expect(await engine.store.action(action.id)).toMatchObject({
        state: "byHand",
        outcome: "Done by hand by Mia. Tom confirmed it.",
        decision: { by: "Tom" },
      });
      expect(await lastAudit()).toMatchObject({ event: "decision.done", actor: { name: "Tom" } });
      expect((await refusalOf(done(tom, "DC-01"))).message).toContain("was already done by hand by Tom");
    });
    test("who asked is none of the two, and where nobody confirms it that is what it says", async () => {
      const action = await handTakesTwo();
      await engine.store.transaction((tx) => tx.updateAction(action.id, { requestedBy: { key: mia.key, name: mia.name } }));
      const done = (who: Person) => decideAction(engine.air, who, { action: action.id, decision: "done", typed: "DC-01" });
      expect((await refusalOf(done(mia))).message).toContain("two others");
      await done(tom);
      engine.world.now = action.expiresAt;
      await sweep(engine.air, engine.settle);
      expect(await engine.store.action(action.id)).toMatchObject({
        state: "expired",
        outcome: "Expired: Tom says that it was done by hand; policy asks for two, and nobody else confirmed it.",
      });
    });
    test("what was only observed takes agree or disagree, and nothing is carried out", async () => {
      const action = await proposedAction(engine, { change: { state: "observed" } });
      expect((await refusalOf(decideAction(engine.air, mia, { action: action.id, decision: "approve" }))).code).toBe("already-decided");
      await decideAction(engine.air, mia, { action: action.id, decision: "agree" });
      expect(await engine.store.action(action.id)).toMatchObject({ state: "cancelled", outcome: expect.stringContaining("Agreed") });
      expect(await executions(action.id)).toEqual([]);
    });
  });

  test("decisions in different incidents at once make one unbroken chain", async () => {
    const actions = [];
    for (let index = 0; index < 6; index++) actions.push(await proposedAction(engine));
    await Promise.all(actions.map((action) => decideAction(engine.air, mia, { action: action.id, decision: "approve" })));
    const lines = (await engine.store.auditLines(0, 10_000)).map((row) => row.line);
    const exported = `${[...lines, writeCheckpoint(await engine.store.auditHead(), undefined)].join("\n")}\n`;
    expect(verifyAudit(exported)).toMatchObject({ ok: true, count: lines.length });
  });

  describe("the exported audit", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const trusted = publicKey.export({ type: "spki", format: "pem" }).toString();
    let lines: string[];
    beforeAll(async () => {
      for (let index = 0; index < 4; index++) {
        await engine.store.transaction((tx) =>
          tx.writeAudit([
            { at: NOW, actor: { kind: "air", job: "test" }, event: "test.event", subject: fresh("subject"), data: { text: "ä\n\u2028" } },
          ]),
        );
      }
      const rows = await engine.store.auditLines(0, 10_000);
      lines = [...rows.map((row) => row.line), writeCheckpoint(await engine.store.auditHead(), pem)];
    });
    const check = (changed: readonly string[]) => verifyAudit(`${changed.join("\n")}\n`, trusted);

    test("verifies as it is, and says who signed it", () => {
      expect(check(lines)).toMatchObject({ ok: true, count: lines.length - 1, signedBy: expect.stringMatching(/^[0-9a-f]{16}$/) });
    });
    test.each<[string, (all: string[]) => string[], number]>([
      ["a changed word", (all) => all.with(1, (all[1] ?? "").replace('"event":"', '"event":"x')), 3],
      ["a changed last line", (all) => all.with(-2, (all.at(-2) ?? "").replace("test.event", "test.other")), 0],
      ["a missing line", (all) => all.toSpliced(1, 1), 2],
      ["a missing first line", (all) => all.slice(1), 1],
      ["two lines in each other's place", (all) => all.with(1, all[2] ?? "").with(2, all[1] ?? ""), 2],
      ["an inserted line", (all) => all.toSpliced(2, 0, all[1] ?? ""), 3],
      ["an end that was cut off", (all) => all.slice(0, -1), 0],
      ["lines cut off before the checkpoint", (all) => all.toSpliced(-3, 2), 0],
      ["half a line", (all) => all.with(2, (all[2] ?? "").slice(0, -5)), 3],
      ["a line written otherwise", (all) => all.with(2, (all[2] ?? "").replace("{", "{ ")), 3],
      ["nothing at all", () => [], 1],
    ])("%s is noticed, with the line", (_, change, line) => {
      const verdict = check(change([...lines]));
      expect(verdict.ok).toBe(false);
      if (!verdict.ok && line > 0) expect(verdict.line).toBe(line);
    });
    test("a chain rebuilt by somebody else is not signed with our key", async () => {
      const other = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      const head = await engine.store.auditHead();
      const body = lines.slice(0, -1);
      expect(check([...body, writeCheckpoint(head, other)])).toMatchObject({ ok: false, problem: "is signed with another key" });
      expect(check([...body, writeCheckpoint(head, undefined)])).toMatchObject({ ok: false, problem: "is not signed" });
      const forged = (lines.at(-1) ?? "").replace(/"signature":"./, (start) => `${start.slice(0, -1)}${start.endsWith("A") ? "B" : "A"}`);
      expect(check([...body, forged])).toMatchObject({ ok: false, problem: "has a wrong signature" });
    });
  });
});
