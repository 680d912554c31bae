import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Card } from "../../src/engine/cards/card.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Person } from "../../src/engine/domain/approval.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { assignIncident, closeIncident, noteIncident, reopenIncident } from "../../src/engine/manage-incident.ts";
import { publishCards } from "../../src/engine/publish-card.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { sweep } from "../../src/engine/sweep.ts";
import { beginThreads } from "../../src/engine/thread-lines.ts";
import { timelineLine } from "../../src/engine/timeline-line.ts";
import { wantCards } from "../../src/engine/want-cards.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testPolicy, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { RememberingChat } from "../support/remembering-chat.ts";

describe.each(DATABASES)("short replies where an edit would be missed, %s", (kind) => {
  let engine: Engine;
  let chat: RememberingChat;
  let channel: string;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await engine.clearJobs();
    for (const table of ["messages", "channels", "pages", "settings", "timeline"])
      await engine.database.boss.executeSql(`delete from ${table}`);
    chat = new RememberingChat();
    channel = `slack:${fresh("C")}`;
    Object.assign(engine.world, {
      now: NOW,
      capabilities: openLab(() => engine.world.now).capabilities,
      policy: testPolicy,
      channels: [{ channels: [channel], post: "needed" }],
    });
    engine.air.paging = () => NOBODY;
    // From now on: what is older was never spoken of.
    await tick();
  });
  afterAll(() => engine.close());

  const publishing = () => ({
    platforms: new Map([["slack", chat]]),
    drawing: async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: "https://air.example.com",
      pauses: [],
      deciders: () => ({ anyone: false, names: ["Mia"] }),
    }),
  });
  const publish = () => publishCards(engine.air, publishing(), channel, engine.settle);
  const tick = async (ms = 0) => {
    engine.world.now = new Date(engine.world.now.getTime() + ms);
    await sweep(engine.air, engine.settle);
    await publish();
  };
  const anAction = async (change: Partial<ActionRow> = {}) => {
    const action = await proposedAction(engine, { change });
    await engine.store.transaction((tx) =>
      wantCards(tx, engine.air, [{ incident: action.incidentId, severity: "high", needed: true, actions: [action.id] }], engine.world.now),
    );
    await publish();
    engine.world.now = new Date(engine.world.now.getTime() + 5_000);
    return action;
  };
  const inConsole = (person: Person): Person => ({ ...person, via: "console" });
  const happened = (action: ActionRow, event: string, text: string) =>
    engine.store.transaction((tx) =>
      tx.addTimeline([
        timelineLine(
          { incidentId: action.incidentId, actionId: action.id },
          engine.world.now,
          { kind: "air", job: "execute-action" },
          event,
          text,
        ),
      ]),
    );
  /** What stands in the thread beside the action's card. */
  const replies = () =>
    chat.messages.filter(({ card, thread }) => thread !== undefined && !/ACT-|INC-/.test(card.title)).map(({ card }) => card);
  const textOf = (card: Card | undefined) =>
    (card?.lines ?? []).map((line) => ("text" in line ? plain(line.text) : JSON.stringify(line))).join("\n");

  test("of a new air, what is written before its first sweep is told, and starting again forgets nothing", async () => {
    await engine.database.boss.executeSql("delete from settings");
    await beginThreads(engine.air, engine.world.now);
    const action = await anAction();
    const rea = somebody("Rea", { ...NO_ROLES, viewer: true, responder: true });
    await noteIncident(engine.air, rea, action.incidentId, "spoke to the owner");
    await beginThreads(engine.air, engine.world.now);
    await tick(1_000);
    expect(replies().map(textOf)).toEqual([expect.stringContaining("spoke to the owner")]);
  });

  test("decided in the channel: its card says so, no reply; decided elsewhere: one reply", async () => {
    const here = await anAction();
    await decideAction(engine.air, approver("Mia"), { action: here.id, decision: "reject", reason: "known good" });
    await tick(10_000);
    expect(replies()).toEqual([]);
    const there = await anAction();
    await decideAction(engine.air, inConsole(approver("Noor")), { action: there.id, decision: "reject", reason: "known good" });
    await tick(10_000);
    expect(replies()).toHaveLength(1);
    expect(replies()[0]?.title).toBe("LAB Decision");
    expect(textOf(replies()[0])).toMatch(/Noor rejected .*known good/);
    expect(replies()[0]?.summary.slice(0, 100)).toMatch(/^LAB Decision: Noor rejected/);
    // Said once, however often it is looked at.
    for (let at = 0; at < 8; at++) await tick(15_000);
    expect(replies()).toHaveLength(1);
  });

  test("decided in the channel, but not by the person it is assigned to: one reply", async () => {
    const action = await anAction();
    await assignIncident(engine.air, somebody("Ana", { ...NO_ROLES, responder: true }), action.incidentId, { name: "Noor" });
    await decideAction(engine.air, approver("Mia"), { action: action.id, decision: "reject", reason: "known good" });
    await tick(10_000);
    expect(replies().map(textOf)).toEqual([expect.stringContaining("Mia rejected")]);
  });

  test("at most one in thirty seconds; what came meanwhile is said together", async () => {
    const action = await anAction();
    await happened(action, "action-unclear", "Isolate it: no answer");
    await tick(10_000);
    expect(replies()).toHaveLength(1);
    await happened(action, "incident-note", "Ana: called the owner");
    await happened(action, "evidence-verdict", "Ana set EVD-1 (<!channel>) to Malicious: seen it");
    await tick(10_000);
    await tick(10_000);
    expect(replies()).toHaveLength(1);
    await tick(10_000);
    expect(replies()).toHaveLength(2);
    expect(replies()[1]?.title).toBe("LAB Note, Verdict by a person");
    expect(textOf(replies()[1])).toMatch(/called the owner.*\n.*seen it/);
    for (let at = 0; at < 8; at++) await tick(15_000);
    expect(replies()).toHaveLength(2);
    expect(new Set(chat.messages.flatMap(({ thread }) => thread ?? [])).size).toBe(1);
  });

  test("a snooze that is over before it could be said is not announced: only its end is", async () => {
    const action = await anAction();
    const rea = somebody("Rea", { ...NO_ROLES, viewer: true, responder: true });
    await noteIncident(engine.air, rea, action.incidentId, "looking at it");
    await tick(1_000);
    // Within the half minute that replies keep apart it begins and ends.
    await happened(action, "incident-snooze", "Rea snoozed it until 2026-10-05 11:00 UTC: the owner is asked");
    engine.world.now = new Date(engine.world.now.getTime() + 5_000);
    await happened(action, "incident-snooze-ended", "It is back: Rea ended the snooze");
    await tick(60_000);
    expect(replies()).toHaveLength(2);
    expect(textOf(replies()[1])).toContain("It is back: Rea ended the snooze");
    expect(textOf(replies()[1])).not.toContain("the owner is asked");
  });

  test("what a page told is not said again", async () => {
    const action = await anAction();
    await engine.store.transaction((tx) =>
      tx.addPages([
        {
          incidentId: action.incidentId,
          actionId: action.id,
          step: "failed",
          target: "person:mia@contoso.com",
          text: "It failed.",
          by: "air",
          createdAt: engine.world.now,
          dueAt: engine.world.now,
        },
      ]),
    );
    await happened(action, "action-failed", "Isolate it: refused");
    await tick(10_000);
    expect(replies()).toEqual([]);
  });

  test("bad evidence after the card: one reply, unless it asks for a decision of its own", async () => {
    const action = await anAction();
    await happened(action, "verdict", "b.exe (EVD-2): Suspicious");
    await happened(action, "verdict", "c.exe (EVD-3): Malicious");
    await tick(10_000);
    expect(replies().map(textOf)).toEqual([expect.stringContaining("c.exe")]);
    expect(textOf(replies()[0])).not.toContain("b.exe");
    await tick(40_000);
    await happened(action, "verdict", "d.exe (EVD-4): Malicious");
    await happened(action, "action-proposed", "Quarantine d.exe");
    await tick(10_000);
    expect(replies()).toHaveLength(1);
  });

  test("nothing is said of what happened before air spoke here, or where no card stands", async () => {
    const action = await proposedAction(engine);
    await happened(action, "incident-note", "Ana: nobody sees this");
    await tick(10_000);
    expect(replies()).toEqual([]);
    await anAction();
    await tick(10_000);
    expect(replies()).toEqual([]);
  });

  describe("on close", () => {
    const closer = approver("Mia");
    const closing = () => chat.messages.filter(({ card }) => / closed: | was opened again/.test(card.title)).map(({ card }) => card);
    const settle = (action: ActionRow) =>
      engine.store.transaction(async (tx) => {
        const running = await tx.lockInvestigation(action.investigationId);
        if (running) await tx.updateInvestigation(running.id, { status: "closedWithRejections", endedAt: engine.world.now });
      });

    test("one summary that can go into a ticket; opened again it says so, closed again it is the same message", async () => {
      const action = await anAction();
      engine.world.now = new Date(engine.world.now.getTime() + 9 * 60_000);
      await decideAction(engine.air, closer, { action: action.id, decision: "reject", reason: "a test <machine>" });
      await settle(action);
      engine.world.now = new Date(engine.world.now.getTime() + 51 * 60_000);
      await closeIncident(engine.air, closer, action.incidentId, { classification: "truePositive", determination: "malware" });
      await publish();
      expect(closing()).toHaveLength(1);
      const said = JSON.stringify(closing()[0]);
      for (const part of [
        `INC-${action.incidentId} closed: true positive (malware)`,
        "Closed as true positive (malware) by Mia at",
        "What happened",
        "What was done",
        "Nothing was carried out.",
        "Rejected",
        "rejected by Mia",
        "a test <machine>",
        "To the decision",
        "9 min",
        "Open for",
        "1 h",
      ])
        expect(said).toContain(part);
      expect(closing()[0]?.buttons).toMatchObject([{ label: "The whole story", url: expect.stringContaining("INC-") }]);
      const [message] = chat.messages.filter(({ card }) => card.title.includes(" closed: "));
      expect(message?.thread).toBeDefined();
      await reopenIncident(engine.air, closer, action.incidentId);
      await publish();
      expect(closing().map(({ title }) => title)).toEqual([`LAB INC-${action.incidentId} was opened again`]);
      await closeIncident(engine.air, closer, action.incidentId, { classification: "falsePositive" });
      await publish();
      expect(closing().map(({ title }) => title)).toEqual([`LAB INC-${action.incidentId} closed: false positive`]);
      expect(closing()[0]).not.toEqual(undefined);
    });

    test("an incident that is open has none", async () => {
      const action = await anAction();
      await noteIncident(engine.air, somebody("Ana", { ...NO_ROLES, responder: true }), action.incidentId, "on it");
      await publish();
      expect(closing()).toEqual([]);
    });
  });
});
