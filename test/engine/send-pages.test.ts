import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { actionId } from "../../src/engine/air.ts";
import { plain } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { ackIncident } from "../../src/engine/manage-incident.ts";
import { mergeIncidents } from "../../src/engine/merge-incidents.ts";
import { ChatError } from "../../src/engine/ports.ts";
import { remindAction } from "../../src/engine/remind-action.ts";
import { sendPages } from "../../src/engine/send-pages.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { wantPages } from "../../src/engine/want-pages.ts";
import fc from "../support/fast-check.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { approver, type Engine, fresh, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES, stride } from "../support/open-test-db.ts";
import { mentioned, pagingWorld } from "../support/paging-air.ts";

const MINUTE = 60_000;
const minutesIn = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);

describe.each(DATABASES)("somebody is told, %s", (kind) => {
  let engine: Engine;
  let world: ReturnType<typeof pagingWorld>;
  let channel: string;
  let ops: string;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  beforeEach(async () => {
    await begin();
  });
  afterAll(() => engine.close());

  async function begin(more: Parameters<typeof pagingWorld>[3] = {}) {
    await engine.empty();
    channel = `slack:${fresh("C")}`;
    ops = `slack:${fresh("COPS")}`;
    world = pagingWorld(engine, channel, ops, more);
  }
  const at = async (minutes: number, rounds = 3) => {
    engine.world.now = minutesIn(minutes);
    await world.worker().tick(rounds);
  };
  const told = () => mentioned(world.chat);
  const pagesOf = (action: ActionRow) => engine.store.pagesOf(action.incidentId);
  const reject = (action: ActionRow) =>
    decideAction(engine.air, approver("Lea"), { action: action.id, decision: "reject", reason: "known good" });

  test("nobody before the deadline, then one after the other, each once", async () => {
    const action = await proposedAction(engine);
    await at(29);
    expect(told()).toEqual([]);
    await at(30);
    expect(told()).toEqual(["Mia"]);
    await at(31);
    await at(39);
    expect(told()).toEqual(["Mia"]);
    await at(40);
    expect(told()).toEqual(["Mia", "Noor"]);
    expect(world.hook.calls).toEqual([]);
    await at(50);
    await at(51);
    await at(600);
    expect(told()).toEqual(["Mia", "Noor"]);
    expect(world.hook.calls).toHaveLength(1);
    expect(world.hook.calls[0]?.page).toMatchObject({
      incident: `INC-${action.incidentId}`,
      action: actionId(action.id),
      severity: "high",
      link: null,
    });
    expect((await pagesOf(action)).map(({ step, sentAt }) => [step, sentAt])).toEqual([
      ["deadline", minutesIn(30)],
      ["deadline-second", minutesIn(40)],
      ["deadline-last", minutesIn(50)],
    ]);
  });

  test("it is a reply in the incident's thread, and both cards say who was told and when", async () => {
    const action = await proposedAction(engine);
    await at(30);
    const page = world.chat.messages.find(({ card }) => card.lines.some((line) => line.kind === "mention"));
    const root = world.chat.messages.find(({ id }) => id === page?.thread);
    expect(root?.card.title).toContain(`INC-${action.incidentId}`);
    expect(JSON.stringify(page?.card)).toContain("Mia was told at 2026-10-05 09:30 UTC");
    expect(JSON.stringify(root?.card)).toContain("Mia was told at 2026-10-05 09:30 UTC");
    expect(page?.card.summary.slice(0, 100)).toContain("Decide: Isolate");
  });

  test("a decision in between stops everything", async () => {
    const action = await proposedAction(engine);
    await at(30);
    engine.world.now = minutesIn(35);
    await reject(action);
    await at(40);
    await at(120);
    expect(told()).toEqual(["Mia"]);
    expect(world.hook.calls).toEqual([]);
  });

  test("what was decided after the step was taken and before it was sent is dropped, and says why", async () => {
    const action = await proposedAction(engine);
    const now = minutesIn(30);
    engine.world.now = now;
    await engine.store.transaction((tx) =>
      wantPages(
        tx,
        engine.air,
        [{ incidentId: action.incidentId, actionId: action.id, step: "second", to: [{ kind: "admins" }], text: "x", by: "air" }],
        now,
      ),
    );
    engine.world.now = minutesIn(31);
    await reject(action);
    await at(32);
    expect(told()).toEqual([]);
    expect(await pagesOf(action)).toMatchObject([{ sentAt: null, droppedAt: minutesIn(32), trouble: "It was decided before it was sent" }]);
  });

  test("property: nobody is told of what waits after it was decided", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 70 }), { maxLength: 6 }),
        fc.integer({ min: 0, max: 70 }),
        async (ticks, decided) => {
          await begin();
          const action = await proposedAction(engine);
          let before: number | undefined;
          const decide = async () => {
            engine.world.now = minutesIn(decided);
            await reject(action);
            before = told().length + world.hook.calls.length;
          };
          for (const minute of ticks.toSorted((a, b) => a - b)) {
            if (before === undefined && minute >= decided) await decide();
            await at(minute, 1);
          }
          if (before === undefined) await decide();
          await at(80, 1);
          await at(200, 1);
          expect(told().length + world.hook.calls.length).toBe(before);
          expect(new Set(told()).size).toBe(told().length);
        },
      ),
      { numRuns: 10 },
    );
  }, 180_000);

  test("two workers take each step once", async () => {
    await proposedAction(engine);
    for (const minute of [30, 30, 31, 40, 41, 50, 51]) {
      engine.world.now = minutesIn(minute);
      await Promise.all([world.worker().tick(), world.worker().tick()]);
    }
    expect(world.hook.calls).toHaveLength(1);
    expect((await engine.store.pagesOf(1)).map(({ step }) => step)).toEqual(["deadline", "deadline-second", "deadline-last"]);
  });

  test("a chat that refuses is not waited for: the next is told at once, and the last word is the ops channel's", async () => {
    const action = await proposedAction(engine);
    await at(1);
    world.chat.refuse = (title) => (title.includes("answer") ? new ChatError("refused", "not_in_channel") : undefined);
    world.hook.down = true;
    await at(30);
    expect(told()).toEqual([]);
    await at(30);
    expect(world.hook.calls).toHaveLength(1);
    expect((await pagesOf(action)).map(({ step, target, trouble }) => ({ step, target, trouble }))).toEqual([
      { step: "deadline", target: "person:mia@contoso.com", trouble: "not_in_channel" },
      { step: "deadline-second", target: "person:noor@contoso.com", trouble: "not_in_channel" },
      { step: "deadline-last", target: "webhook", trouble: "the webhook could not be reached" },
      { step: "chain-failed 1", target: `ops:${ops}`, trouble: null },
    ]);
    const inOps = world.chat.messages.find((message) => `slack:${message.channel}` === ops);
    expect(inOps?.card.title).toContain("Nobody could be told");
    // Tried again with a growing pause, under the same id, and then given up.
    for (const minute of [31, 32, 34, 38, 46, 60, 120]) await at(minute);
    expect(world.hook.calls).toHaveLength(5);
    expect(new Set(world.hook.calls.map(({ id }) => id)).size).toBe(1);
  });

  test("a chat that is silent for a minute is not waited for either, and nothing is said twice when it is back", async () => {
    await proposedAction(engine);
    await at(1);
    world.chat.refuse = () => new ChatError("later", "no answer", { retryAfterMs: 5 * MINUTE });
    await at(30);
    await at(31.5);
    expect((await engine.store.pagesOf(1)).map(({ step }) => step)).toEqual(["deadline", "deadline-second"]);
    world.chat.refuse = () => undefined;
    await at(36);
    await at(37);
    expect(told().toSorted()).toEqual(["Mia", "Noor"]);
  });

  test("what is on its way when the chat refuses air goes the next way within seconds, and nothing stale is said when it is back", async () => {
    await proposedAction(engine);
    await at(1);
    const { hook } = world;
    // Handed over and not taken yet; then the account is refused.
    await at(30, 0);
    await sendPages(engine.air, () => hook, engine.settle);
    expect((await engine.store.pagesOf(1)).map(({ attempts, sentAt }) => [attempts, sentAt])).toEqual([[1, null]]);
    world.chat.refuse = () => new ChatError("account", "invalid_auth");
    await at(30.1, 4);
    await at(30.2, 4);
    expect(hook.calls.map(({ page }) => page.action)).toContain("ACT-1");
    world.chat.refuse = () => undefined;
    for (const minute of [36, 37, 38, 60]) await at(minute, 4);
    const said = world.chat.messages.map(({ posted }) => JSON.stringify(posted));
    expect(said.filter((text) => /Cards do not reach|No card and no mention|Nobody could be told/.test(text))).toEqual([]);
    expect(said.filter((text) => text.includes("slack works again"))).toHaveLength(1);
    expect(hook.calls.filter(({ page }) => page.text.includes("No card and no mention"))).toHaveLength(1);
    expect((await engine.store.pagesOf(0)).filter(({ sentAt, droppedAt }) => sentAt === null && droppedAt === null)).toEqual([]);
  });

  test("acknowledged, nobody else is told", async () => {
    const action = await proposedAction(engine);
    await at(30);
    engine.world.now = minutesIn(33);
    await ackIncident(engine.air, somebody("Lea", { ...NO_ROLES, responder: true }), action.incidentId);
    await at(40);
    await at(60);
    expect(told()).toEqual(["Mia"]);
  });

  test("low severity waits for the digest", async () => {
    const action = await proposedAction(engine);
    await engine.store.transaction((tx) => tx.updateIncident(action.incidentId, { severity: "low" }));
    await at(60);
    expect(await pagesOf(action)).toEqual([]);
  });

  test("where another rule says page, an incident of this one pages nobody", async () => {
    await begin();
    engine.world.channels = [
      { when: ["critical"], channels: [channel], post: "all", page: true },
      { channels: [channel], post: "all" },
    ];
    const action = await proposedAction(engine);
    await at(60);
    expect(told()).toEqual([]);
    expect(await pagesOf(action)).toEqual([]);
  });

  test("the lab says whom it would tell and mentions nobody", async () => {
    engine.world.capabilities = openLab(() => engine.world.now).capabilities;
    await proposedAction(engine);
    for (const minute of [30, 40, 50, 60]) await at(minute);
    expect(told()).toEqual([]);
    expect(world.hook.calls).toEqual([]);
    const page = world.chat.messages.find(({ card }) => card.title.includes("Nobody has answered yet"));
    expect(page?.card.summary).toMatch(/^LAB /);
    expect(page?.card.lines.map((line) => (line.kind === "note" ? plain(line.text) : "")).join()).toContain("For Mia. The lab never pages");
  });

  test("somebody who is named in it tries to decide: whoever is on call and the ops channel hear of it, once a minute", async () => {
    const action = await proposedAction(engine, { entities: [{ kind: "user", email: "eve@contoso.com" }] });
    const eve = approver("Eve");
    for (let press = 0; press < 3; press++)
      await expect(decideAction(engine.air, eve, { action: action.id, decision: "approve" })).rejects.toThrow("You are named");
    await at(0);
    expect(told()).toEqual(["Mia"]);
    const texts = world.chat.messages.map(({ card }) => card.title).filter((title) => title.includes("tried to decide"));
    expect(texts).toHaveLength(2);
    expect((await pagesOf(action)).map(({ step, target }) => [step, target]).toSorted()).toEqual([
      ["suspect", `ops:${ops}`],
      ["suspect", "person:mia@contoso.com"],
    ]);
  });

  test("a reminder comes at its time to who asked, unless it was decided; several things at once are one message", async () => {
    const [one, two] = [await proposedAction(engine), await proposedAction(engine)];
    const noor = somebody("Noor", { ...NO_ROLES, responder: true });
    await remindAction(engine.air, noor, one.id, minutesIn(20));
    await remindAction(engine.air, noor, two.id, minutesIn(20));
    await reject(two);
    await at(19);
    expect(told()).toEqual([]);
    await at(20);
    await at(21);
    expect(told()).toEqual(["Noor"]);
    await expect(remindAction(engine.air, noor, two.id, minutesIn(30))).rejects.toThrow("waits for no decision");
    await expect(remindAction(engine.air, somebody("Vic"), one.id, minutesIn(30))).rejects.toThrow("responder");
    await expect(remindAction(engine.air, noor, one.id, minutesIn(60 * 48))).rejects.toThrow("expires");
  });

  test("merged, the pages go along and are told where the incident now is", async () => {
    const [one, two] = [await proposedAction(engine), await proposedAction(engine)];
    const lea = somebody("Lea", { ...NO_ROLES, responder: true });
    await remindAction(engine.air, somebody("Noor", { ...NO_ROLES, responder: true }), two.id, minutesIn(20));
    await mergeIncidents(engine.air, lea, one.incidentId, two.incidentId);
    expect(await engine.store.pagesOf(two.incidentId)).toEqual([]);
    await at(20);
    expect(told()).toEqual(["Noor"]);
    expect(await engine.store.pagesOf(one.incidentId)).toMatchObject([{ step: "reminder", sentAt: minutesIn(20) }]);
  });

  test("killed between any two calls, nothing is lost and nobody is told twice", async () => {
    await proposedAction(engine);
    await at(1);
    engine.world.now = minutesIn(30);
    const whole = world.worker();
    await whole.tick(1);
    expect(told()).toEqual(["Mia"]);
    const most = whole.calls();
    expect(most).toBeGreaterThan(30);
    // Dying after one call is dying before the next.
    for (let call = 1; call <= most + 1; call += stride(kind)) {
      await begin();
      await proposedAction(engine);
      await at(1);
      engine.world.now = minutesIn(30);
      await world.worker({ at: call, moment: "before" }).tick(1);
      // The next worker comes within the minute, and again later.
      for (const minute of [30.5, 32]) await at(minute, 1);
      expect([call, told().filter((name) => name === "Mia")]).toEqual([call, ["Mia"]]);
    }
  }, 180_000);

  test("the webhook, killed between any two calls, is called with one id and not given up", async () => {
    engine.world.now = minutesIn(30);
    const prepare = async () => {
      await begin();
      world.paging = { ...world.paging, chain: ["webhook"] };
      engine.air.paging = () => world.paging;
      await proposedAction(engine);
      engine.world.now = minutesIn(30);
    };
    await prepare();
    const whole = world.worker();
    await whole.tick(1);
    expect(world.hook.calls).toHaveLength(1);
    for (let call = 1; call <= whole.calls() + 1; call += stride(kind)) {
      await prepare();
      await world.worker({ at: call, moment: "before" }).tick(1);
      for (const minute of [30.5, 31]) await at(minute, 1);
      expect([call, new Set(world.hook.calls.map(({ id }) => id)).size]).toEqual([call, 1]);
      expect(await engine.store.pagesOf(1)).toMatchObject([{ step: "deadline-last", droppedAt: null, sentAt: expect.any(Date) }]);
    }
  }, 180_000);
});
