import { afterAll, beforeAll, expect, test } from "vitest";
import { createConversation } from "../../src/bot/conversation.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { type Engine, openEngine, proposedAction, somebody, testSign } from "../support/open-engine.ts";
import { pagingWorld } from "../support/paging-air.ts";

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine("embedded");
});
afterAll(() => engine.close());

test("who is told, in which order, who has not answered; a reminder and an acknowledgement say what follows", async () => {
  const world = pagingWorld(engine, "slack:C1", "slack:COPS");
  const { say } = createConversation(engine.air, async () => ({
    now: engine.world.now,
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    paging: world.paging,
    deciders: () => ({ anyone: false, names: [] }),
  }));
  const noor = somebody("Noor", { ...NO_ROLES, responder: true });
  const told = async (text: string, who = noor) => {
    const card = await say(text, who);
    return [
      card.title,
      ...card.lines.flatMap((line) =>
        line.kind === "text" || line.kind === "note"
          ? [plain(line.text)]
          : line.kind === "list"
            ? line.items.map((item) => `${item.mark ?? ""}: ${plain(item.text)}`)
            : [],
      ),
    ].join("\n");
  };
  const action = await proposedAction(engine);
  expect(await told("oncall")).toContain("At the deadline: Mia\nAfter 10 min: Noor\nAfter 20 min: webhook");
  expect(await told("oncall")).toContain("Nobody was told of anything that still waits for an answer.");
  engine.world.now = new Date(NOW.getTime() + 30 * 60_000);
  await world.worker().tick();
  expect(await told("oncall")).toContain(`INC-${action.incidentId}: ACT-${action.id}: Mia was told at 2026-10-05 09:30 UTC`);
  expect(await told(`remind ACT-${action.id} 14:30`)).toContain("You are told at 2026-10-05 14:30 (UTC), unless");
  expect(await told(`remind ACT-${action.id} soon`)).toContain('"soon" is no time. Write 30m, 2h, 14:30 or tomorrow.');
  expect(await told(`remind ACT-${action.id} 1h`, somebody("Vic", { ...NO_ROLES, viewer: true }))).toContain("responder");
  expect(await told(`ack INC-${action.incidentId}`)).toContain("Nobody else is told about what waits in it now.");
  expect(await told("oncall")).toContain("Nobody was told of anything that still waits for an answer.");
});

test("what waits to be told together stands there with who is told, when and why", async () => {
  await engine.empty();
  engine.world.now = NOW;
  const world = pagingWorld(engine, "slack:C1", "slack:COPS");
  world.paging.togetherMs = 60_000;
  const { say } = createConversation(engine.air, async () => ({
    now: engine.world.now,
    sign: testSign,
    publicUrl: undefined,
    pauses: [],
    paging: world.paging,
    deciders: () => ({ anyone: false, names: [] }),
  }));
  const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
  // More than ten within ten minutes: what is medium waits for the end of it.
  for (let n = 0; n < 10; n++) await proposedAction(engine, { change: { deadline: minutesIn(1), expiresAt: minutesIn(900) } });
  engine.world.now = minutesIn(1);
  await world.worker().tick(4);
  const braked = await proposedAction(engine, { change: { deadline: minutesIn(3), expiresAt: minutesIn(900) } });
  await engine.store.transaction((tx) => tx.updateIncident(braked.incidentId, { severity: "medium" }));
  engine.world.now = minutesIn(3);
  await world.worker().tick(2);
  const card = await say("oncall", somebody("Noor", { ...NO_ROLES, responder: true }));
  const later = card.lines.flatMap((line) => (line.kind === "list" && line.title === "Told later" ? line.items : []));
  expect(later.map(({ mark, text }) => `${mark}: ${plain(text)}`)).toEqual([
    `INC-${braked.incidentId}: Mia is told at 2026-10-05 09:11 (UTC) in one message with others`,
  ]);
});
