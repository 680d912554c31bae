import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifyAudit, writeCheckpoint } from "../../src/engine/audit-chain.ts";
import { breakGlass } from "../../src/engine/break-glass.ts";
import type { Card } from "../../src/engine/cards/card.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import { decideMany, previewMany } from "../../src/engine/decide-many.ts";
import { Refusal } from "../../src/engine/domain/errors.ts";
import { NOBODY } from "../../src/engine/domain/paging.ts";
import { drawSubject } from "../../src/engine/draw.ts";
import type { ActionRow } from "../../src/engine/store.ts";
import { undoAction } from "../../src/engine/undo-action.ts";
import { actionSubject } from "../../src/engine/want-cards.ts";
import { NOW, openLab } from "../support/lab-capabilities.ts";
import { giveBackJobs } from "../support/mortal-air.ts";
import { approver, type Engine, openEngine, proposedAction, testPolicy } from "../support/open-engine.ts";
import { DATABASES, stride } from "../support/open-test-db.ts";
import { RememberingChat } from "../support/remembering-chat.ts";
import { wholeAir } from "../support/whole-air.ts";

/*
 * A decision on its whole way: the person's verb, the product's call, the reading back, the cards and the pages. The process is killed at
 * each of its calls; then the person presses again, another process works, and the end is looked at: nothing is carried out twice, nothing is
 * called done that the lab does not show, and the audit is whole and says the decision once.
 */

const MINUTE = 60_000;
const CHANNEL = "slack:C1";
const mia = approver("Mia");

type Process = ReturnType<typeof wholeAir>;
type Way = {
  /** Before the part that is disturbed; by a process nothing happens to. */
  before?: (calm: Process, engine: Engine, ids: readonly number[]) => Promise<void>;
  actions?: number;
  device?: string;
  /** What the person does, or the clock. */
  go: (air: Process, ids: readonly number[]) => Promise<void>;
  /** The lines of the audit that stand for it: exactly one per action. */
  event: string;
  /** What the lab shows at the end, and the state of the action; `unclear` is always allowed where a call was on its way. */
  isolated: boolean;
  state: ActionRow["state"];
};

const WAYS: Record<string, Way> = {
  approve: {
    go: async ({ air }, [id = 0]) => void (await decideAction(air, mia, { action: id, decision: "approve" })),
    event: "decision.approve",
    isolated: true,
    state: "succeeded",
  },
  reject: {
    go: async ({ air }, [id = 0]) => void (await decideAction(air, mia, { action: id, decision: "reject", reason: "a test machine" })),
    event: "decision.reject",
    isolated: false,
    state: "rejected",
  },
  undo: {
    before: async (calm, _engine, [id = 0]) => {
      await decideAction(calm.air, mia, { action: id, decision: "approve" });
      await calm.work();
    },
    go: async ({ air }, [id = 0]) => void (await undoAction(air, mia, { action: id, reason: "a false alarm" })),
    event: "action.undo-requested",
    isolated: false,
    state: "undone",
  },
  "break-glass": {
    device: "DC-01",
    before: async (calm, engine, [id = 0]) => {
      await decideAction(calm.air, mia, { action: id, decision: "approve", typed: "DC-01" });
      engine.world.now = new Date(NOW.getTime() + 16 * MINUTE);
      await calm.tick();
    },
    go: async ({ air }, [id = 0]) => void (await breakGlass(air, mia, { action: id, typed: "DC-01 it encrypts the shares" })),
    event: "decision.break-glass",
    isolated: true,
    state: "succeeded",
  },
  "timed undo": {
    before: async (calm, engine, [id = 0]) => {
      await engine.store.transaction((tx) => tx.updateAction(id, { undoAfterMs: 2 * 3_600_000 }));
      await decideAction(calm.air, mia, { action: id, decision: "approve" });
      await calm.work();
      engine.world.now = new Date(NOW.getTime() + 110 * MINUTE);
      await calm.tick();
      engine.world.now = new Date(NOW.getTime() + 121 * MINUTE);
    },
    go: ({ tick }) => tick(),
    event: "action.undo-requested",
    isolated: false,
    state: "undone",
  },
  bulk: {
    actions: 2,
    go: async ({ air }, all) => {
      // Pressed again, it is about what is left.
      const { items } = await air.store.listActions({ states: ["pending"], limit: 200 });
      const ids = items.map((one) => one.id).filter((id) => all.includes(id));
      const shown = await previewMany(air, mia, { decision: "approve", which: { ids }, reason: undefined });
      const { results } = await decideMany(air, mia, { ...shown, actions: ids, typed: undefined });
      // What it could not decide it says, and the others are decided all the same.
      const failed = results.find((one) => !one.done);
      if (failed) throw new Refusal("already-decided", failed.text);
    },
    event: "decision.approve",
    isolated: true,
    state: "succeeded",
  },
};

const saying = (card: Card | undefined) => card && [card.title, card.badge, card.summary, card.buttons.map((one) => one.value)];

describe.each(DATABASES)("killed while deciding, %s", (kind) => {
  let engine: Engine;
  let chat: RememberingChat;
  /** Every change the lab was asked for, by device, and whether it came through. */
  let asked: string[];
  let snapshot: () => Promise<Map<string, boolean>>;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(() => engine.close());

  /** A new world: an empty database, a lab, a channel, and what waits for a decision. */
  async function begin(way: Way): Promise<number[]> {
    await engine.empty();
    chat = new RememberingChat();
    asked = [];
    const { lab, capabilities } = openLab(() => engine.world.now);
    snapshot = async () => new Map((await lab.snapshot()).devices.map((device) => [device.name, device.isolated]));
    const devices = capabilities.devices;
    if (!devices) throw new Error("the lab has no devices");
    const counting = new Proxy(devices, {
      get(target, property, receiver) {
        const value: unknown = Reflect.get(target, property, receiver);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (property === "isolate" || property === "release") asked.push(`${property} ${String(args[0])}`);
          return value.apply(target, args) as unknown;
        };
      },
    });
    Object.assign(engine.world, {
      now: NOW,
      capabilities: { ...capabilities, devices: counting },
      policy: testPolicy,
      channels: [{ channels: [CHANNEL], post: "all" }],
    });
    engine.air.paging = () => ({
      ...NOBODY,
      admins: ["person:ada@contoso.com"],
      approvers: () => ["person:mia@contoso.com", "person:tom@contoso.com"],
      nameOf: (target) => ({ kind: "person", name: target, on: { slack: "U0SOME" } }),
    });
    const ids: number[] = [];
    for (let number = 0; number < (way.actions ?? 1); number++) {
      const target = { kind: "device", name: way.device ?? `WS-${number + 1}0` } as const;
      await engine.world.capabilities.adopt([target]);
      const { id, investigationId } = await proposedAction(engine, { target });
      ids.push(id);
      // What is disturbed is the decision: nothing is left to look into.
      await engine.database.boss.executeSql("delete from pgboss.job where name = 'investigate'");
      await engine.store.transaction((tx) => tx.updateInvestigation(investigationId, { status: "pendingApproval" }));
    }
    const calm = wholeAir(engine, { chat });
    await calm.work();
    await way.before?.(calm, engine, ids);
    asked.length = 0;
    return ids;
  }
  const rows = async (ids: readonly number[]) => Promise.all(ids.map(async (id) => (await engine.store.action(id)) as ActionRow));
  const settled = (row: ActionRow) => !["approved", "executing", "undoing"].includes(row.state);

  /** The person presses, and everything is worked on, for as long as it takes. */
  async function live(process: Process, way: Way, ids: readonly number[]): Promise<void> {
    await process.do(async () => {
      try {
        await way.go(process, ids);
      } catch (error) {
        // Pressed again: the first press counted after all, and it says so.
        if (!(error instanceof Refusal) || !/already-decided|invalid/.test(error.code)) throw error;
      }
    });
    await process.work();
    for (let round = 0; round < 50 && !process.isDead(); round++) {
      const { items } = await engine.store.listActions({ limit: 200 });
      if (items.every(settled) && (await engine.jobs()).length === 0) break;
      engine.world.now = new Date(engine.world.now.getTime() + MINUTE);
      await process.tick();
    }
  }

  async function look(way: Way, ids: readonly number[], where: string): Promise<void> {
    const lab = await snapshot();
    for (const row of await rows(ids)) {
      const name = row.target.kind === "device" ? (row.target.name ?? "") : "";
      const context = `${where}: ${row.state} ${row.outcome}; asked for ${asked.join(", ") || "nothing"}`;
      // Never twice.
      const mine = asked.filter((one) => one.toUpperCase().includes(name));
      expect(mine.length, context).toBeLessThanOrEqual(way.event === "decision.reject" ? 0 : 1);
      const { items } = await engine.store.listActions({ limit: 200 });
      const opposite = items.find((one) => one.undoes === row.id);
      const carried = opposite ?? row;
      const unclear = carried.state === "unclear";
      if (!unclear) expect(row.state, context).toBe(way.state);
      // Never called done when it was not: what the row says is what the lab shows.
      if (!unclear) expect(lab.get(name), context).toBe(way.isolated);
      if (carried.state === "succeeded") expect(carried.outcome, context).toMatch(/^(Done|Nothing to do)/);
      // Said once, and only what happened.
      const lines = (await engine.store.auditLines(0, 10_000)).map(({ line }) => JSON.parse(line) as { event: string; subject: string });
      const about = (id: number, event: string) => lines.filter((line) => line.subject === `ACT-${id}` && line.event === event).length;
      expect(about(row.id, way.event), context).toBe(1);
      if (way.event !== "decision.reject") expect(about(carried.id, "action.executing"), context).toBe(1);
      // The card that stands in the channel is the one the rows draw now, and it stands there once.
      const view = (await engine.store.incidentViews([row.incidentId])).get(row.incidentId);
      const drawn = view && drawSubject(actionSubject(row.id), view, await wholeAir(engine, { chat }).drawing());
      const { ref } = (await engine.message(CHANNEL, actionSubject(row.id))) ?? {};
      const shown = chat.messages.find((message) => message.id === ref?.id)?.card;
      expect(saying(shown), context).toEqual(saying(drawn));
    }
    const markers = chat.messages.map((message) => message.marker);
    expect(markers, where).toEqual([...new Set(markers)]);
    const text = [
      ...(await engine.store.auditLines(0, 10_000)).map(({ line }) => line),
      writeCheckpoint(await engine.store.auditHead(), undefined),
    ];
    expect(verifyAudit(`${text.join("\n")}\n`), where).toMatchObject({ ok: true });
  }

  test.each(Object.entries(WAYS))("%s, undisturbed", async (_, way) => {
    const ids = await begin(way);
    const process = wholeAir(engine, { chat });
    await live(process, way, ids);
    await look(way, ids, "undisturbed");
    for (const row of await rows(ids)) expect(row.state).toBe(way.state);
    expect(process.calls.length).toBeGreaterThan(10);
  });

  // On the longest ways only every so many: the rest of them is more of the same.
  const everyOf = (name: string) => stride(kind, ["bulk", "timed undo", "break-glass"].includes(name) ? 3 : 1);
  const moments = ["before", "after"] as const;
  test.each(Object.keys(WAYS).flatMap((name) => moments.map((moment) => [name, moment] as const)))(
    "%s, killed at each change, %s it takes effect",
    { timeout: 300_000 },
    async (name, moment) => {
      const way = WAYS[name] as Way;
      const killed = new Set<string>();
      const every = everyOf(name);
      for (let at = 1 + (name.length % every); ; at += every) {
        const ids = await begin(way);
        const first = wholeAir(engine, { chat }, { at, moment });
        await live(first, way, ids);
        if (!first.isDead()) break;
        const where = first.calls[at - 1] ?? "";
        killed.add(where.split(".")[0] ?? "");
        await giveBackJobs(engine);
        await live(wholeAir(engine, { chat }), way, ids);
        await look(way, ids, `${name}, killed ${moment} change ${at}, ${where}`);
      }
      expect(killed.size).toBeGreaterThan(0);
    },
  );
});
