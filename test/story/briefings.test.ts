import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { attachmentOf } from "../../src/bot/attachments.ts";
import { cardText } from "../../src/bot/card-text.ts";
import { createConversation } from "../../src/bot/conversation.ts";
import { incidents, timeline } from "../../src/db/schema.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { ackIncident, noteIncident } from "../../src/engine/manage-incident.ts";
import type { Schedules } from "../../src/engine/schedules.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody, testSign } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";
import { pagingWorld } from "../support/paging-air.ts";

/* A day of two people: what stands in the morning digest, and what one hands over to the other. */

const HOUR = 3_600_000;
const NO_CARD: Card = { title: "", tone: "info", summary: "", lines: [], buttons: [] };
const BERLIN = "Europe/Berlin";

describe.each(DATABASES)("a day's briefings, %s", (kind) => {
  let engine: Engine;
  let world: ReturnType<typeof pagingWorld>;
  let channel: string;
  let ops: string;
  let schedules: Schedules;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());
  beforeEach(async () => {
    await engine.empty();
    ops = `slack:${fresh("COPS")}`;
    channel = `slack:${fresh("C")}`;
    world = pagingWorld(engine, channel, ops);
    const start = "2026-10-05";
    const people = ["person:mia@contoso.com", "person:noor@contoso.com"];
    Object.assign(world.paging, {
      rota: { layers: [{ name: "primary", everyDays: 1, handover: { minute: 540 }, start, people }], timeZone: BERLIN },
      timeZone: BERLIN,
    });
    schedules = { morning: { minute: 480 } };
    engine.air.schedules = () => schedules;
  });

  const at = async (moment: string | Date) => {
    engine.world.now = new Date(moment);
    await world.worker().tick();
  };
  const cards = (where: string, title: string) =>
    world.chat.messages
      .filter((one) => one.channel === where.slice("slack:".length) && one.card.title.includes(title))
      .map((one) => one.card);
  const text = (where: string, title: string) =>
    cards(where, title)
      .map((card) => cardText(card).join("\n"))
      .join("\n---\n");
  const conversation = () =>
    createConversation(engine.air, async () => ({
      now: engine.world.now,
      sign: testSign,
      publicUrl: undefined,
      pauses: [],
      paging: world.paging,
      deciders: () => ({ anyone: false, names: [] }),
    }));
  const viewer = somebody("Vic", { ...NO_ROLES, viewer: true });
  const say = (words: string) => conversation().say(words, viewer);
  const csv = async (words: string) => {
    const file = await attachmentOf(engine.air, await say(words));
    return Buffer.from(file?.content ?? []).toString("utf8");
  };

  test("the morning digest: what waits oldest first, what is open, what closed by itself since, who is on call", async () => {
    await at("2026-10-05T20:00:00Z");
    const first = await proposedAction(engine);
    await at("2026-10-06T03:00:00Z");
    const second = await proposedAction(engine);
    await at("2026-10-06T05:30:00Z");
    // Resolved at its source in the night.
    const third = await proposedAction(engine, { change: { state: "rejected", decidedAt: engine.world.now, endedAt: engine.world.now } });
    await engine.database.db
      .update(incidents)
      .set({ status: "closed", closedAt: engine.world.now })
      .where(eq(incidents.id, third.incidentId));
    await engine.database.db.insert(timeline).values({
      incidentId: third.incidentId,
      at: engine.world.now,
      actor: { kind: "source", name: "defender" },
      event: "incident-close",
      text: "Closed, because it was resolved in defender",
    });
    expect(cards(channel, "Morning digest")).toEqual([]);
    await at("2026-10-06T06:00:05Z");
    await at("2026-10-06T06:00:15Z");
    const [card, ...more] = cards(channel, "Morning digest");
    expect(more).toEqual([]);
    const said = text(channel, "Morning digest");
    expect(said).toContain("Morning digest, Tue 2026-10-06 08:00");
    expect(said).toContain("Mia until 2026-10-06 09:00, then Noor");
    expect(said.indexOf(`ACT-${first.id}`)).toBeGreaterThan(0);
    expect(said.indexOf(`ACT-${first.id}`)).toBeLessThan(said.indexOf(`ACT-${second.id}`));
    expect(said).toContain("past its deadline");
    expect(said).toContain(`INC-${third.incidentId}`);
    expect(card?.buttons.map(({ value }) => value)).toContain(`say:reopen INC-${third.incidentId}`);
    // The next day tells only what is new, and what still waits.
    await at("2026-10-07T06:00:05Z");
    const next = cardText(cards(channel, "Morning digest")[1] ?? NO_CARD).join("\n");
    expect(next).not.toContain(`INC-${third.incidentId}`);
  });

  test("the hand-over: beside the mention a note of what the shift that ends decided, saw and leaves", async () => {
    await at("2026-10-06T06:00:00Z");
    const decided = await proposedAction(engine);
    const waiting = await proposedAction(engine);
    await at("2026-10-06T06:30:00Z");
    await decideAction(engine.air, approver("Mia", ["device"]), { action: decided.id, decision: "reject", reason: "a drill" });
    await ackIncident(engine.air, approver("Mia", ["device"]), waiting.incidentId);
    await noteIncident(engine.air, approver("Mia", ["device"]), waiting.incidentId, "the owner calls back at nine");
    await at("2026-10-06T07:00:00Z");
    const said = text(ops, "Hand-over, ");
    expect(said).toContain("Hand-over, Tue 2026-10-06 09:00");
    expect(said).toMatch(/After\W+Mia/);
    expect(said).toMatch(new RegExp(`ACT-${decided.id}[^\\n]*rejected: a drill[^\\n]*by Mia`));
    expect(said).toMatch(new RegExp(`INC-${waiting.incidentId}[^\\n]*the owner calls back at nine`));
    expect(said).toContain(`ACT-${waiting.id}`);
    expect(said).toContain("with Mia");
    expect(said).toContain("1 decision by people");
    // Whoever comes on is mentioned by the note itself, and nothing says it twice.
    expect(said).toContain("For Noor");
    expect(cards(ops, "For your attention")).toEqual([]);
    // On demand it says who had the shift before, and never that somebody follows themselves.
    expect(cardText(await say("handover")).join("\n")).toMatch(/On call\W+Noor.*After\W+Mia/s);
    expect(said).toMatch(/Times are those of \S+\. /);
    expect(said).not.toContain("UTC.");
    await at("2026-10-06T07:00:10Z");
    expect(cards(ops, "Hand-over, ")).toHaveLength(1);
    // A swap is a change of the shift, too: it tells of the short one between.
    await engine.store.transaction((tx) =>
      tx.addSwap({
        person: "person:noor@contoso.com",
        instead: "person:mia@contoso.com",
        from: new Date("2026-10-06T10:00:00Z"),
        until: new Date("2026-10-06T12:00:00Z"),
        by: "Noor",
        createdAt: engine.world.now,
        endedBy: null,
      }),
    );
    await at("2026-10-06T10:00:10Z");
    expect(cards(ops, "Hand-over, ")).toHaveLength(2);
    const between = cardText(cards(ops, "Hand-over, ")[1] ?? NO_CARD).join("\n");
    expect(between).toMatch(/After\W+Noor/);
    expect(between).not.toContain("a drill");
  });

  test("the weekly report is posted on its day, in the channel that is named for it", async () => {
    schedules = { weekly: { weekday: 1, minute: 510 }, channels: [ops] };
    await at("2026-10-06T06:00:00Z");
    const action = await proposedAction(engine);
    await at("2026-10-12T06:30:00Z");
    expect(cards(channel, "Report of")).toEqual([]);
    expect(cards(ops, "Report of")).toHaveLength(1);
    expect(cardText(cards(ops, "Report of")[0] ?? NO_CARD).join("\n")).toMatch(/2026-10-05.*2026-10-12/s);
    expect(action.id).toBeGreaterThan(0);
    await at("2026-10-12T06:30:10Z");
    expect(cards(ops, "Report of")).toHaveLength(1);
  });

  test("on demand by command, as a card and as a file", async () => {
    await at("2026-10-06T06:00:00Z");
    const action = await proposedAction(engine);
    await noteIncident(engine.air, approver("Mia", ["device"]), action.incidentId, "=cmd|' /C calc'!A0");
    const digest = cardText(await say("digest")).join("\n");
    expect(digest).toContain(`ACT-${action.id}`);
    expect(cardText(await say("handover")).join("\n")).toContain("Hand-over, Tue 2026-10-06 08:00");
    expect(cardText(await say("digest please")).join("\n")).toContain("digest [csv]");
    const rows = (await csv("digest csv")).split("\r\n");
    expect(rows[0]).toBe("part,id,incident,severity,text,who,at,due,expires,note");
    expect(rows.filter((row) => row.startsWith(`waiting,ACT-${action.id},INC-${action.incidentId},`))).toHaveLength(1);
    const handover = await csv("handover csv");
    expect(handover).toContain("notes,INC-");
    // Nothing a spreadsheet would run.
    expect(handover).not.toMatch(/,=cmd|\n=cmd/);
    expect(cardText(await conversation().say("digest", somebody("Nobody", NO_ROLES))).join("\n")).toContain("viewer");
  });

  test("a thousand of everything: the card stays short, the file is whole as far as it goes", async () => {
    await at("2026-10-06T06:00:00Z");
    const row = await proposedAction(engine);
    const template = await engine.store.action(row.id);
    if (!template) throw new Error("no action");
    const { id: _, ...action } = template;
    await engine.store.transaction((tx) => tx.insertActions(Array.from({ length: 1200 }, () => action)));
    engine.world.now = new Date(engine.world.now.getTime() + HOUR);
    const card = await say("digest");
    const said = cardText(card).join("\n");
    expect(said).toContain("1201");
    expect(said.length).toBeLessThan(4000);
    expect((await csv("digest csv")).split("\r\n").filter((line) => line.startsWith("waiting,"))).toHaveLength(1000);
  });
});
