import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { confirmAlone, reviewAlone } from "../../src/engine/after-break-glass.ts";
import { breakGlass } from "../../src/engine/break-glass.ts";
import { bulkCard } from "../../src/engine/cards/bulk-card.ts";
import { readButton } from "../../src/engine/cards/button-id.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { decideMany, previewMany } from "../../src/engine/decide-many.ts";
import { NO_ROLES, type Person } from "../../src/engine/domain/approval.ts";
import { Refusal } from "../../src/engine/domain/errors.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { drawSubject } from "../../src/engine/draw.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import { freshEvidence } from "../../src/engine/fresh-rows.ts";
import { pause, resume } from "../../src/engine/pause.ts";
import { proposeAgain } from "../../src/engine/propose-again.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { extendAction } from "../../src/engine/timed-actions.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { actionSubject } from "../../src/engine/want-cards.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const MINUTE = 60_000;
/** What is called so is protected: two people decide. */
const PROTECTED = { ...testPolicy, protected: ["device:crown-*"] };
const nameOf = (action: ActionRow) => (action.target.kind === "device" ? (action.target.name ?? "") : "");
const mia = approver("Mia");
const tom = approver("Tom");
const ada = somebody("Ada", { ...NO_ROLES, admin: true });

describe.each(DATABASES)("the one door, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    Object.assign(engine.world, { now: NOW, capabilities: openLab(() => engine.world.now).capabilities, policy: PROTECTED });
    engine.air.paging = () => ({
      ...NOBODY,
      chain: ["person:oncall@contoso.com"],
      admins: ["person:ada@contoso.com"],
      approvers: () => ["person:mia@contoso.com", "person:tom@contoso.com"],
      ops: [],
    });
  });
  afterAll(() => engine.close());

  const at = (ms: number) => {
    engine.world.now = new Date(NOW.getTime() + ms);
  };
  const refused = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof Refusal)) throw new Error(`expected a refusal, got ${String(error)}`);
    return error;
  };
  const row = async (id: number) => (await engine.store.action(id)) as ActionRow;
  const lastAudit = async () => JSON.parse((await engine.store.auditLines(0, 100_000)).at(-1)?.line ?? "{}") as Record<string, unknown>;
  const executions = async (id: number) => (await engine.jobs("execute-action")).filter((job) => job.data.action === id);
  const pagesOf = async (id: number) =>
    (await engine.store.pagesOf((await row(id)).incidentId)).map((page) => `${page.step} ${page.target}`);
  const cardOf = async (id: number): Promise<Card> => {
    const action = await row(id);
    const view = (await engine.store.incidentViews([action.incidentId])).get(action.incidentId);
    const drawing = {
      now: engine.world.now,
      sign: engine.air.sign,
      publicUrl: undefined,
      pauses: [],
      deciders: () => ({ anyone: true, names: [] }),
    };
    const card = view && drawSubject(actionSubject(id), view, drawing);
    if (!card) throw new Error("no card");
    return card;
  };
  const labels = async (id: number) => (await cardOf(id)).buttons.filter((button) => !button.more).map((button) => button.label);
  const text = (card: Card) =>
    card.lines
      .map((line) =>
        line.kind === "text" || line.kind === "note"
          ? plain(line.text)
          : line.kind === "facts"
            ? line.facts.map(([label, value]) => `${label}: ${plain(value)}`).join("\n")
            : "",
      )
      .join("\n");
  const needsTwo = async () => {
    const target = { kind: "device", name: fresh("CROWN") } as const;
    await engine.world.capabilities.adopt([target]);
    return proposedAction(engine, { target });
  };
  const approveFirst = async (action: ActionRow, by: Person = mia) =>
    decideAction(engine.air, by, { action: action.id, decision: "approve", typed: nameOf(action) });
  const carriedOut = async (id: number) => {
    await executeAction(engine.air, id, engine.settle);
    const done = await row(id);
    expect(done.state).toBe("succeeded");
    return done;
  };

  describe("step-up", () => {
    test("a server is approved only with its name; a wrong one consumes nothing and says what to type", async () => {
      const action = await proposedAction(engine, { target: { kind: "device", name: "SRV-FILE-01" } });
      expect(action).toMatchObject({ approvalsNeeded: 1, blastRadius: { server: true } });
      for (const typed of [undefined, "", "SRV-FILE-02", "yes"]) {
        const refusal = await refused(decideAction(engine.air, mia, { action: action.id, decision: "approve", typed }));
        expect(refusal).toMatchObject({ code: "invalid", field: "confirm", details: { type: "SRV-FILE-01" } });
        expect(refusal.message).toContain("Type: SRV-FILE-01");
        expect(await lastAudit()).toMatchObject({ event: "decision.refused", data: { code: "invalid" } });
      }
      expect(await row(action.id)).toMatchObject({ state: "pending" });
      expect(await engine.store.approvalsOf(action.id)).toEqual([]);
      const { action: decided } = await decideAction(engine.air, mia, {
        action: action.id,
        decision: "approve",
        typed: " srv-file-01 it beacons",
      });
      expect(decided).toMatchObject({ state: "approved", decision: { reason: "it beacons" } });
    });
    test("the card's Approve asks for it, and Reject does not", async () => {
      const action = await proposedAction(engine, { target: { kind: "device", name: "SRV-FILE-01" } });
      const card = await cardOf(action.id);
      expect(card.buttons[0]).toMatchObject({ label: "Approve", input: { label: "To approve, type SRV-FILE-01", required: true } });
      expect(text(card)).toContain("To approve: type SRV-FILE-01: it is a server");
      const plainOne = await proposedAction(engine);
      expect((await cardOf(plainOne.id)).buttons[0]?.input).toBeUndefined();
      await decideAction(engine.air, mia, { action: action.id, decision: "reject", reason: "not now" });
    });
    test("where nothing is asked for, what is typed is the reason", async () => {
      const action = await proposedAction(engine);
      const { action: decided } = await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: "looks real" });
      expect(decided.decision).toMatchObject({ reason: "looks real" });
    });
    test("a program is held to a name only where it gives one", async () => {
      const action = await proposedAction(engine, { target: { kind: "device", name: "SRV-FILE-01" } });
      const decide = (typed: string | undefined) =>
        decideAction(engine.air, { ...mia, via: "http" }, { action: action.id, decision: "approve", typed, confirmed: true });
      expect(await refused(decide("DC-01"))).toMatchObject({ code: "invalid" });
      expect((await decide(undefined)).action.state).toBe("approved");
    });
    test("a card's row of before, without the facts, asks as far as it can tell", async () => {
      const action = await proposedAction(engine, { target: { kind: "device", name: "DC-01" } });
      const { server: _server, ...old } = action.blastRadius;
      await engine.store.transaction((tx) => tx.updateAction(action.id, { blastRadius: old }));
      expect((await cardOf(action.id)).buttons[0]?.input).toBeDefined();
    });
  });

  describe("two people", () => {
    test("at the first approval the second is called, not the first again", async () => {
      const action = await needsTwo();
      await approveFirst(action);
      expect(await pagesOf(action.id)).toEqual(["second person:tom@contoso.com"]);
      expect((await cardOf(action.id)).badge).toBe("1 of 2 approvals");
    });
    test("who asked may be one of the two only where air.yaml says so", async () => {
      const action = await needsTwo();
      await engine.store.transaction((tx) => tx.updateAction(action.id, { requestedBy: { key: mia.key, name: mia.name } }));
      expect(await refused(approveFirst(action))).toMatchObject({ code: "forbidden", details: { missing: "not-the-requester" } });
      engine.world.policy = { ...PROTECTED, requesterMayApprove: true };
      expect((await approveFirst(action)).waitsForSecond).toBe(true);
    });
  });

  describe("breaking the glass", () => {
    const REASON = "it encrypts the file server right now";
    /** Approved once, and the second person's time is over. */
    async function waited() {
      const action = await needsTwo();
      await approveFirst(action);
      at(15 * MINUTE);
      await engine.clearJobs();
      return action;
    }
    const smash = (action: ActionRow, by: Person = mia, typed: string | undefined = `${nameOf(action)} ${REASON}`) =>
      breakGlass(engine.air, by, { action: action.id, version: action.version, typed });

    test("is offered on the card when the 15 minutes are over, without anybody asking", async () => {
      const action = await needsTwo();
      await approveFirst(action);
      expect(await labels(action.id)).toEqual(["Approve", "Reject", "Details"]);
      expect(text(await cardOf(action.id))).toContain("one person may do it alone from 2026-10-05 09:15 UTC");
      expect((await row(action.id)).redrawAt).toEqual(new Date(NOW.getTime() + 15 * MINUTE));
      at(15 * MINUTE);
      await sweep(engine.air, engine.settle);
      expect((await row(action.id)).redrawAt).toBeNull();
      expect(await labels(action.id)).toEqual(["Approve", "Break glass", "Reject", "Details"]);
    });

    test("carries it out on one word: audited with the reason, an admin paged, the others asked to confirm", async () => {
      const action = await waited();
      const broken = await smash(action);
      expect(broken).toMatchObject({
        state: "approved",
        undoAfterMs: 4 * 60 * MINUTE,
        breakGlass: { by: "Mia", key: mia.key, reason: "it encrypts the file server right now" },
      });
      expect(await lastAudit()).toMatchObject({
        event: "decision.break-glass",
        data: { reason: "it encrypts the file server right now", approvalsNeeded: 2 },
      });
      expect(await executions(action.id)).toHaveLength(1);
      expect((await pagesOf(action.id)).sort()).toEqual([
        "break-glass person:ada@contoso.com",
        "break-glass-confirm person:tom@contoso.com",
        "second person:tom@contoso.com",
      ]);
      await carriedOut(action.id);
      const card = await cardOf(action.id);
      expect(text(card)).toContain("Glass broken by Mia, alone: it encrypts the file server right now. It ends by itself after 4 h");
      expect(card.buttons.filter((button) => !button.more).map((button) => button.label)).toEqual(["Confirm", "Reviewed", "Undo"]);
    });

    test.each<[string, Person, (name: string) => string, string]>([
      ["without the name", mia, () => "it encrypts everything", "invalid"],
      ["without a reason", mia, (name) => name, "invalid"],
      ["by a token", { ...mia, machine: true }, (name) => `${name} ${REASON}`, "forbidden"],
      ["by the second person, who approves instead", tom, (name) => `${name} ${REASON}`, "forbidden"],
      ["by somebody without the role", somebody("Vera", { ...NO_ROLES, viewer: true }), (name) => `${name} ${REASON}`, "forbidden"],
    ])("not %s", async (_, person, typed, code) => {
      const action = await waited();
      expect(await refused(smash(action, person, typed(nameOf(action))))).toMatchObject({ code });
      expect(await lastAudit()).toMatchObject({ event: "decision.refused", data: { decision: "break-glass" } });
      expect(await row(action.id)).toMatchObject({ state: "pending", breakGlass: null });
      expect(await executions(action.id)).toEqual([]);
    });

    test("not before the 15 minutes are over, not while paused, not by a suspect, not on an older card", async () => {
      const action = await waited();
      at(14 * MINUTE);
      expect((await refused(smash(action))).message).toContain("the second person still has time until 09:15 UTC");
      at(16 * MINUTE);
      await pause(engine.air, ada, "device", "wait");
      expect((await refused(smash(action))).code).toBe("paused");
      await resume(engine.air, ada);
      expect(
        (
          await refused(
            breakGlass(engine.air, mia, { action: action.id, version: "0123456789abcdef", typed: `${nameOf(action)} ${REASON}` }),
          )
        ).code,
      ).toBe("changed");
      await approveFirst(action, tom);
      expect(await refused(smash(action))).toMatchObject({ code: "already-decided", details: { by: "Tom" } });
    });

    test("two at once break it once", async () => {
      const action = await waited();
      const results = await Promise.allSettled([smash(action), smash(action), smash(action)]);
      expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
      expect(await executions(action.id)).toHaveLength(1);
    });

    test("ends by itself after 4 h; more time does not keep it, a second person does", async () => {
      const action = await waited();
      await smash(action);
      await carriedOut(action.id);
      expect((await refused(extendAction(engine.air, tom, action.id, 60 * MINUTE))).message).toContain("confirm");
      expect(await refused(confirmAlone(engine.air, mia, { action: action.id }))).toMatchObject({ code: "forbidden" });
      at(15 * MINUTE + 4 * 60 * MINUTE);
      await sweep(engine.air, engine.settle);
      expect(await row(action.id)).toMatchObject({ state: "undoing" });
      expect(await refused(confirmAlone(engine.air, tom, { action: action.id }))).toMatchObject({ code: "invalid" });

      engine.world.now = NOW;
      engine.world.capabilities = openLab(() => engine.world.now).capabilities;
      const kept = await waited();
      await smash(kept);
      await carriedOut(kept.id);
      await confirmAlone(engine.air, tom, { action: kept.id });
      expect(await lastAudit()).toMatchObject({ event: "decision.break-glass-confirmed", actor: { name: "Tom" } });
      at(10 * 60 * MINUTE);
      await sweep(engine.air, engine.settle);
      expect(await row(kept.id)).toMatchObject({ state: "succeeded", undoAfterMs: null, breakGlass: { confirmed: { by: "Tom" } } });
      expect(await refused(confirmAlone(engine.air, tom, { action: kept.id }))).toMatchObject({ code: "already-decided" });
    });

    test("is not released if bad evidence came since: said and paged", async () => {
      const action = await waited();
      await smash(action);
      await carriedOut(action.id);
      at(30 * MINUTE);
      const bad = freshEvidence(
        { kind: "file", sha256: "a".repeat(64), name: "worse.exe" },
        { investigationId: action.investigationId, incidentId: action.incidentId, foundBy: "somebody", createdAt: engine.world.now },
      );
      await engine.store.transaction((tx) => tx.addEvidence([{ ...bad, verdict: "malicious" }]));
      at(5 * 60 * MINUTE);
      await sweep(engine.air, engine.settle);
      expect(await row(action.id)).toMatchObject({ state: "succeeded", undoAfterMs: null });
      expect(await pagesOf(action.id)).toEqual(
        expect.arrayContaining(["break-glass-kept person:ada@contoso.com", "break-glass-kept person:tom@contoso.com"]),
      );
    });

    test("stays listed until an admin, not the one who did it, reviewed it", async () => {
      const action = await waited();
      await smash(action);
      const listed = async () =>
        (await engine.store.listActions({ breakGlass: "open", incidentId: action.incidentId, limit: 10 })).items.map((one) => one.id);
      expect(await listed()).toEqual([action.id]);
      expect((await refused(reviewAlone(engine.air, tom, { action: action.id }))).code).toBe("forbidden");
      const both = { ...mia, roles: { ...mia.roles, admin: true } };
      expect((await refused(reviewAlone(engine.air, both, { action: action.id }))).details).toMatchObject({ missing: "another-admin" });
      await reviewAlone(engine.air, ada, { action: action.id, note: "it was right" });
      expect(await lastAudit()).toMatchObject({ event: "decision.break-glass-reviewed", data: { reason: "it was right" } });
      expect(await listed()).toEqual([]);
      expect((await refused(reviewAlone(engine.air, ada, { action: action.id }))).code).toBe("already-decided");
    });

    test("what cannot be given back does not end, and says so", async () => {
      const action = await proposedAction(engine, {
        kind: "revoke-sessions",
        target: { kind: "user", email: "grace.okafor@contoso.example" },
        change: { approvalsNeeded: 2 },
      });
      const name = "grace.okafor@contoso.example";
      await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: name });
      at(20 * MINUTE);
      const broken = await breakGlass(engine.air, mia, { action: action.id, typed: `${name} stolen token in use` });
      expect(broken).toMatchObject({ state: "approved", undoAfterMs: null });
      expect(text(await cardOf(action.id))).toContain("Nothing of it can be taken back.");
    });
  });

  describe("several at once", () => {
    const some = async (count: number) =>
      (await Promise.all(Array.from({ length: count }, () => proposedAction(engine)))).toSorted((a, b) => a.id - b.id);
    const ids = (rows: readonly ActionRow[]) => rows.map((one) => one.id);
    const preview = (rows: readonly ActionRow[], decision: "approve" | "reject" = "approve", person: Person = mia) =>
      previewMany(engine.air, person, { decision, which: { ids: ids(rows) }, reason: decision === "reject" ? "a drill" : undefined });

    test("are shown as a sum first, and nothing is decided; then each through the door", async () => {
      const rows = await some(3);
      const shown = await preview(rows);
      expect(shown).toMatchObject({ kind: "isolate-device", sum: { count: 3, unit: "device", approvals: 1, type: undefined, needTwo: 0 } });
      expect(await Promise.all(rows.map(async ({ id }) => (await row(id)).state))).toEqual(["pending", "pending", "pending"]);
      const { results } = await decideMany(engine.air, mia, { ...shown, actions: ids(rows), typed: undefined });
      expect(results.map(({ done, text: said }) => [done, said])).toEqual([
        [true, "approved"],
        [true, "approved"],
        [true, "approved"],
      ]);
      for (const { id } of rows) expect(await executions(id)).toHaveLength(1);
    });

    test("one that changed since they were shown stops all of them", async () => {
      const rows = await some(2);
      const shown = await preview(rows);
      await engine.store.transaction((tx) => tx.updateAction(rows[0]?.id ?? 0, { version: "fedcba9876543210" }));
      expect((await refused(decideMany(engine.air, mia, { ...shown, actions: ids(rows), typed: undefined }))).code).toBe("changed");
      expect(await Promise.all(rows.map(async ({ id }) => (await row(id)).state))).toEqual(["pending", "pending"]);
    });

    test("12 devices count as 12: the sum is typed, and it is the first of two approvals for each", async () => {
      const rows = await some(12);
      const shown = await preview(rows);
      expect(shown.sum).toMatchObject({ count: 12, approvals: 2, type: "12 devices" });
      const press = (person: Person, typed: string | undefined) => decideMany(engine.air, person, { ...shown, actions: ids(rows), typed });
      expect(await refused(press(mia, undefined))).toMatchObject({ code: "invalid", details: { type: "12 devices" } });
      expect(await refused(press(mia, "11 devices"))).toMatchObject({ code: "invalid" });
      const first = await press(mia, " 12  Devices ");
      expect(first.results.every((one) => one.done && one.text.startsWith("1 of 2"))).toBe(true);
      expect(await executions(rows[0]?.id ?? 0)).toEqual([]);
      // Each of them needs two from now on, also by itself.
      const [one] = rows;
      expect(one && (await row(one.id)).approvalsNeeded).toBe(2);
      const again = await press(mia, "12 devices");
      expect(again.results.every((result) => !result.done)).toBe(true);
      const second = await press(tom, "12 devices");
      expect(second.results.every((result) => result.done && result.text === "approved")).toBe(true);
      for (const { id } of rows) expect(await executions(id)).toHaveLength(1);
    });

    test("one of them that needs two waits for the second; the others are carried out", async () => {
      const rows = [await proposedAction(engine), await needsTwo()];
      const shown = await preview(rows);
      expect(shown.sum).toMatchObject({ approvals: 1, needTwo: 1, type: "2 devices" });
      const { results } = await decideMany(engine.air, mia, { ...shown, actions: ids(rows), typed: "2 devices" });
      expect(results.map((one) => one.action.state)).toEqual(["approved", "pending"]);
    });

    test("what may not be decided together is refused with what to do", async () => {
      const rows = await some(2);
      const block = await proposedAction(engine, { kind: "block-indicator", target: { kind: "domain", name: `${fresh("evil")}.example` } });
      expect((await refused(preview([...rows, block]))).message).toContain("Only one kind");
      expect((await refused(preview(rows, "approve", { ...mia, machine: true }))).code).toBe("forbidden");
      expect((await refused(preview(rows, "approve", approver("Eve", ["email"])))).code).toBe("forbidden");
      expect(await lastAudit()).toMatchObject({ event: "decision.refused", subject: `ACT-${rows[0]?.id}` });
      await decideAction(engine.air, tom, { action: rows[0]?.id ?? 0, decision: "approve" });
      expect((await refused(preview(rows))).message).toContain("decided by Tom");
      expect(
        (await refused(previewMany(engine.air, mia, { decision: "approve", which: { kinds: ["offboard-device"] }, reason: undefined })))
          .message,
      ).toContain("Nothing that matches");
    });

    test("all of a kind in an incident", async () => {
      const action = await proposedAction(engine);
      const which = { kinds: ["isolate-device"], incidentId: action.incidentId } as const;
      const shown = await previewMany(engine.air, mia, { decision: "reject", which, reason: "a drill" });
      expect(shown.actions.map((one) => one.id)).toEqual([action.id]);
      await decideMany(engine.air, mia, { ...shown, actions: [action.id], typed: undefined });
      expect(await row(action.id)).toMatchObject({ state: "rejected", decision: { reason: "a drill" } });
    });

    test("the button says exactly which, fits every platform with 50 of them, and cannot be altered", async () => {
      const actions = Array.from({ length: 50 }, (_, index) => ({
        number: 900_000 + index * 977,
        id: `ACT-${900_000 + index * 977}`,
        title: "Isolate WS-042",
        incident: "INC-1",
        two: false,
      }));
      const view = {
        decision: "reject",
        kind: "isolate-device",
        actions,
        reach: "50 devices",
        protectedHits: [],
        needTwo: 0,
        approvals: 1,
        type: undefined,
        digest: "0123456789abcdef",
        reason: 'a "drill". Übung.',
      } as const;
      const value = bulkCard({ ...view, protectedHits: [] }, engine.air.sign)?.buttons[0]?.value ?? "";
      expect(value.length).toBeLessThan(1_000);
      const same = (a: string, b: string) => a === b;
      expect(readButton(value, engine.air.sign, same)).toEqual({
        kind: "many",
        decision: "reject",
        actions: actions.map((one) => one.number),
        digest: view.digest,
        reason: view.reason,
      });
      expect(readButton(value.replace(".reject.", ".approve."), engine.air.sign, same)).toBeUndefined();
      expect(readButton(value.replace(/^(MANY\.reject\.)\w+/, "$12"), engine.air.sign, same)).toBeUndefined();
      expect(bulkCard({ ...view, protectedHits: [], reason: "é".repeat(400) }, engine.air.sign)).toBeUndefined();
    });
  });

  describe("after a reject", () => {
    test("the card says that the threat remains, and where", async () => {
      const action = await proposedAction(engine);
      await decideAction(engine.air, mia, { action: action.id, decision: "reject", reason: "a test machine" });
      const name = action.target.kind === "device" ? action.target.name : "";
      expect(text(await cardOf(action.id))).toContain(`Rejected by Mia: threat remains on ${name}. Reason: a test machine.`);
    });
    test("propose asks again with what it reaches now, never carries anything out, and once at a time", async () => {
      const action = await proposedAction(engine);
      expect((await refused(proposeAgain(engine.air, mia, action.id))).code).toBe("invalid");
      await decideAction(engine.air, mia, { action: action.id, decision: "reject", reason: "a test machine" });
      expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "closedWithRejections" });
      expect((await refused(proposeAgain(engine.air, approver("Eve", ["email"]), action.id))).code).toBe("forbidden");
      await engine.world.capabilities.adopt([action.target]);
      const again = await proposeAgain(engine.air, tom, action.id);
      expect(again).toMatchObject({ state: "pending", rejectedBefore: action.id, rule: "proposed again by Tom", kind: action.kind });
      expect(await lastAudit()).toMatchObject({ event: "action.proposed-again", data: { before: `ACT-${action.id}` } });
      expect(await executions(again.id)).toEqual([]);
      expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "pendingApproval" });
      expect(text(await cardOf(again.id))).toContain(`Rejected before by Mia: a test machine. (ACT-${action.id})`);
      expect((await refused(proposeAgain(engine.air, tom, action.id))).message).toContain(`ACT-${again.id} already waits`);
      await decideAction(engine.air, tom, { action: again.id, decision: "approve", typed: "now" });
      await carriedOut(again.id);
      // The rejection is no longer the last word.
      expect(await engine.store.investigation(action.investigationId)).toMatchObject({ status: "successfullyRemediated" });
    });
    test("a family that had spoken when somebody said no is remembered with the rejection", async () => {
      const action = await proposedAction(engine, { change: { families: ["siem"] } });
      const reason = { source: "VirusTotal", family: "virustotal", label: "malicious", weight: 3, text: "58 of 70" } as const;
      await engine.store.transaction((tx) =>
        tx.updateEvidence([
          {
            id: action.evidenceId ?? 0,
            verdict: "malicious",
            remediation: "none",
            lookedRound: 1,
            judgement: {
              verdict: "malicious",
              score: 3,
              for: [reason],
              against: [],
              missing: [],
              conflict: false,
              flip: "",
              automatic: { allowed: false, because: "a test" },
            },
          },
        ]),
      );
      await decideAction(engine.air, mia, { action: action.id, decision: "reject", reason: "no" });
      expect((await row(action.id)).families.toSorted()).toEqual(["siem", "virustotal"]);
    });
  });

  describe("evidence older than 4 h", () => {
    test("is looked at again before an approval counts; the click decides nothing and a second one waits for the look", async () => {
      const action = await proposedAction(engine);
      at(4 * 60 * MINUTE + MINUTE);
      const approve = () => decideAction(engine.air, mia, { action: action.id, decision: "approve" });
      const refusal = await refused(approve());
      expect(refusal).toMatchObject({ code: "changed" });
      expect(refusal.message).toContain("is 4 h old, so air looks at it again now");
      expect(await engine.store.approvalsOf(action.id)).toEqual([]);
      expect(await executions(action.id)).toEqual([]);
      expect((await engine.jobs("investigate")).map((job) => job.data)).toEqual([{ investigation: action.investigationId }]);
      expect((await refused(approve())).code).toBe("changed");
      await engine.store.transaction((tx) => tx.updateAction(action.id, { lookedAt: engine.world.now }));
      expect((await approve()).action.state).toBe("approved");
    });
    test("younger evidence, a rejection, and what a person asked for by hand do not wait", async () => {
      const young = await proposedAction(engine);
      const asked = await proposedAction(engine, { change: { requestedBy: { key: "rita@contoso.com", name: "Rita" } } });
      const rejected = await proposedAction(engine);
      at(3 * 60 * MINUTE);
      expect((await decideAction(engine.air, mia, { action: young.id, decision: "approve" })).action.state).toBe("approved");
      at(5 * 60 * MINUTE);
      expect((await decideAction(engine.air, mia, { action: asked.id, decision: "approve" })).action.state).toBe("approved");
      expect((await decideAction(engine.air, mia, { action: rejected.id, decision: "reject", reason: "no" })).action.state).toBe(
        "rejected",
      );
    });
  });

  describe("undo", () => {
    const isolated = async (name: string) => {
      await engine.world.capabilities.adopt([{ kind: "device", name }]);
      const action = await proposedAction(engine, { target: { kind: "device", name } });
      await decideAction(engine.air, mia, { action: action.id, decision: "approve", typed: name });
      if (action.approvalsNeeded > 1) await decideAction(engine.air, tom, { action: action.id, decision: "approve", typed: name });
      return carriedOut(action.id);
    };
    test("of what one person decides begins at once", async () => {
      const action = await isolated(fresh("WS"));
      expect(await undoAction(engine.air, mia, { action: action.id })).toMatchObject({ id: action.id, state: "undoing" });
    });
    test("on a protected asset it asks two others, once; then it is carried out", async () => {
      const action = await isolated(fresh("CROWN"));
      const asked = await undoAction(engine.air, mia, { action: action.id, reason: "a false alarm" });
      expect(asked).toMatchObject({
        kind: "release-device",
        state: "pending",
        undoes: action.id,
        approvalsNeeded: 2,
        requestedBy: { key: mia.key },
      });
      expect(await row(action.id)).toMatchObject({ state: "succeeded" });
      expect(await executions(asked.id)).toEqual([]);
      expect(await lastAudit()).toMatchObject({ event: "action.undo-asked", data: { approvalsNeeded: 2, reason: "a false alarm" } });
      expect((await refused(undoAction(engine.air, tom, { action: action.id }))).message).toContain(`ACT-${asked.id} already asks`);
      expect(await refused(approveFirst(asked, mia))).toMatchObject({ details: { missing: "not-the-requester" } });
      await approveFirst(asked, tom);
      await approveFirst(asked, approver("Noor"));
      expect(await row(action.id)).toMatchObject({ state: "undoing" });
      await carriedOut(asked.id);
      expect(await row(action.id)).toMatchObject({ state: "undone" });
    });
  });
});
