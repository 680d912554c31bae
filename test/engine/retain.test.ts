import { count, eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actions, alerts, approvals, audit, incidents, investigations, messages, observations } from "../../src/db/schema.ts";
import { digestOf, verifyAudit, writeCheckpoint } from "../../src/engine/audit-chain.ts";
import { ACTION_STATES, type ActionState } from "../../src/engine/domain/action.ts";
import { DEFAULT_RETENTION } from "../../src/engine/domain/retention.ts";
import { retain } from "../../src/engine/retain.ts";
import fc from "../support/fast-check.ts";
import { type Engine, openEngine, proposedAction } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const DAY = 86_400_000;
const THEN = new Date("2026-01-05T09:00:00Z");

/** The audit as `air audit export` writes it. */
async function exported(engine: Engine): Promise<string> {
  const lines: string[] = [];
  let hash = "";
  let last = 0;
  for (let page = await engine.store.auditLines(0, 500); page.length > 0; page = await engine.store.auditLines(last, 500))
    for (const { seq, line } of page) {
      lines.push(line);
      hash = digestOf(line);
      last = seq;
    }
  return `${[...lines, writeCheckpoint({ count: last, hash }, undefined)].join("\n")}\n`;
}

/** So many days after THEN the retention runs until it has nothing more to do. */
async function goOn(engine: Engine, days: number): Promise<void> {
  engine.world.now = new Date(THEN.getTime() + days * DAY);
  await engine.clearJobs();
  for (let jobs = 0; jobs < 50; jobs++) {
    await retain(engine.air, engine.settle);
    if ((await engine.jobs("retain")).length === 0) return;
    await engine.clearJobs();
  }
  throw new Error("the retention never ended");
}

describe.each(DATABASES)("what is older than it is kept for, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.retention = () => DEFAULT_RETENTION;
  });
  afterAll(() => engine.close());
  const db = () => engine.database.db;
  const later = (days: number) => goOn(engine, days);
  /** An incident with everything, closed at THEN. */
  const closed = async (change: Parameters<typeof proposedAction>[1] = {}) => {
    engine.world.now = THEN;
    const action = await proposedAction(engine, change);
    await db()
      .update(investigations)
      .set({ status: "closedWithRejections", endedAt: THEN })
      .where(eq(investigations.id, action.investigationId));
    await db().update(incidents).set({ status: "closed", closedAt: THEN }).where(eq(incidents.id, action.incidentId));
    return action;
  };
  const there = async (id: number) => (await engine.store.incident(id)) !== undefined;

  test("raw evidence is emptied after 180 days: the rows stay, with the hash; whose a device is, too", async () => {
    const action = await closed({ change: { state: "rejected" } });
    const [piece] = await engine.store.evidenceOf(action.investigationId);
    const seen = {
      evidenceId: piece?.id ?? 0,
      investigationId: action.investigationId,
      part: 0,
      source: "lab",
      family: "inventory",
      label: "neutral" as const,
      weight: 0,
      text: "A laptop.",
      technique: null,
      rawSha256: "a".repeat(64),
      connectorVersion: "1",
      found: null,
      decisive: null,
      at: THEN,
      askedAt: THEN,
      tookMs: 5,
      createdAt: THEN,
    };
    await engine.store.saveObservations([
      { ...seen, look: "device-facts/lab", analyzer: "device-facts", raw: { owner: "mia@contoso.com", serial: "123" } },
      { ...seen, look: "file/lab", analyzer: "file-reputation", raw: { engines: 70 } },
    ]);
    await later(179);
    expect((await engine.store.observationsOf(action.investigationId)).map(({ raw }) => raw)).toEqual([
      { owner: "mia@contoso.com", serial: "123" },
      { engines: 70 },
    ]);
    await later(181);
    const rows = await engine.store.observationsOf(action.investigationId);
    expect(rows.map(({ raw, rawSha256, text }) => ({ raw, rawSha256, text }))).toEqual([
      { raw: { owner: "mia@contoso.com" }, rawSha256: "a".repeat(64), text: "A laptop." },
      { raw: null, rawSha256: "a".repeat(64), text: "A laptop." },
    ]);
    expect(await engine.store.deviceOwners(action.incidentId)).toEqual(["mia@contoso.com"]);
    const [alert] = await db().select().from(alerts).where(eq(alerts.incidentId, action.incidentId));
    expect(alert).toMatchObject({ raw: null, rawRemovedAt: engine.world.now });
    expect(alert?.rawSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(await there(action.incidentId)).toBe(true);
    const [ran] = (await engine.store.auditLines(0, 1000)).filter(({ line: text }) => text.includes('"retention.ran"')).slice(-1);
    expect(JSON.parse(ran?.line ?? "{}").data).toMatchObject({ alertsEmptied: 1, answersEmptied: 2, incidents: 0 });
  });

  test("an incident is deleted with everything that belongs to it, in every table that has one", async () => {
    const action = await closed({ change: { state: "rejected" } });
    await engine.store.transaction((tx) =>
      tx.wantMessages(
        [{ channel: "slack:C0SOC", subject: `incident:${action.incidentId}`, incidentId: action.incidentId, thread: null, priority: 20 }],
        THEN,
      ),
    );
    await later(731);
    expect(await there(action.incidentId)).toBe(false);
    const tables = await engine.database.boss.executeSql(
      "select table_name from information_schema.columns where table_schema = 'public' and column_name = 'incident_id'",
    );
    const names = (tables.rows as { table_name: string }[]).map((row) => row.table_name);
    expect(names.length).toBeGreaterThan(10);
    for (const name of names.filter((one) => one !== "audit")) {
      const { rows } = await engine.database.boss.executeSql(`select 1 from "${name}" where incident_id = ${action.incidentId}`);
      expect(rows, name).toEqual([]);
    }
    for (const [name, table] of [
      ["observations", observations],
      ["approvals", approvals],
    ] as const)
      expect((await db().select({ rows: count() }).from(table))[0]?.rows, name).toBe(0);
  });

  test("never what is open, waits, runs, ends by itself, is not reviewed or keeps something elsewhere", async () => {
    const glass = { by: "Mia", key: "mia@contoso.com", at: THEN.toISOString(), reason: "it spread" };
    const cases: [string, boolean, Parameters<typeof proposedAction>[1]][] = [
      ...ACTION_STATES.map((state): [string, boolean, Parameters<typeof proposedAction>[1]] => [
        state,
        (["pending", "approved", "executing", "undoing"] as ActionState[]).includes(state),
        { change: { state, endedAt: THEN } },
      ]),
      ["ends by itself", true, { change: { state: "succeeded", endedAt: THEN, undoable: true, undoAfterMs: 7 * DAY } }],
      ["not reviewed", true, { change: { state: "succeeded", endedAt: THEN, breakGlass: glass } }],
      [
        "reviewed",
        false,
        { change: { state: "succeeded", endedAt: THEN, breakGlass: { ...glass, reviewed: { by: "Ada", at: THEN.toISOString() } } } },
      ],
    ];
    const made: [string, boolean, number][] = [];
    for (const [name, stays, change] of cases) made.push([name, stays, (await closed(change)).incidentId]);
    const open = await proposedAction(engine, { change: { state: "rejected" } });
    const running = await closed({ change: { state: "rejected" } });
    await db().update(investigations).set({ status: "running" }).where(eq(investigations.id, running.investigationId));
    // The same device is held by a closed incident, and an open one ends by itself.
    const held = await closed({ change: { state: "succeeded", endedAt: THEN }, target: { kind: "device", name: "WS-HELD" } });
    await proposedAction(engine, {
      change: { state: "succeeded", endedAt: THEN, undoable: true, undoAfterMs: DAY },
      target: { kind: "device", name: "WS-HELD" },
    });
    await later(3000);
    for (const [name, stays, id] of made) expect(await there(id), name).toBe(stays);
    for (const { incidentId } of [open, running, held]) expect(await there(incidentId)).toBe(true);
    await db().delete(actions).where(sql`target->>'name' = 'WS-HELD'`);
  });

  test("what was merged into it goes with it; a storm's card stays for the others", async () => {
    const survivor = await closed({ change: { state: "rejected" } });
    const absorbed = await closed({ change: { state: "rejected" } });
    await db()
      .update(incidents)
      .set({ status: "redirected", redirectTo: survivor.incidentId })
      .where(eq(incidents.id, absorbed.incidentId));
    await engine.store.transaction((tx) =>
      tx.wantMessages(
        [{ channel: "slack:C0SOC", subject: "storm:1", incidentId: survivor.incidentId, thread: null, priority: 20 }],
        new Date(THEN.getTime() + 3000 * DAY),
      ),
    );
    await later(3000);
    expect(await there(survivor.incidentId)).toBe(false);
    expect(await there(absorbed.incidentId)).toBe(false);
    expect((await db().select().from(messages)).map(({ subject }) => subject)).toContain("storm:1");
  });

  test("bounded: a batch touches few, and who dies between two goes on where it stopped", async () => {
    const made: number[] = [];
    for (let number = 0; number < 45; number++) made.push((await closed({ change: { state: "rejected" } })).incidentId);
    const before = new Date(THEN.getTime() + 100 * DAY);
    const first = await engine.store.transaction((tx) => tx.deleteIncidents(before));
    expect(first.incidents).toBeLessThanOrEqual(20);
    // The process dies: the transaction it was in leaves nothing.
    await expect(
      engine.store.transaction(async (tx) => {
        await tx.deleteIncidents(before);
        throw new Error("died");
      }),
    ).rejects.toThrow("died");
    let left = 0;
    for (const id of made) if (await there(id)) left++;
    expect(left).toBe(45 - first.incidents);
    await later(3000);
    for (const id of made) expect(await there(id)).toBe(false);
  });

  test("any mixture: what is deleted was closed long ago, and is deleted whole", async () => {
    const one = fc.record({
      state: fc.constantFrom(...ACTION_STATES),
      status: fc.constantFrom("open" as const, "closed" as const),
      days: fc.integer({ min: 0, max: 1500 }),
      timed: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 6 }), async (mixture) => {
        const rows = [];
        for (const { state, status, days, timed } of mixture) {
          const row = await closed({ change: { state, endedAt: THEN, undoable: true, undoAfterMs: timed ? DAY : null } });
          const at = new Date(THEN.getTime() + (1500 - days) * DAY);
          await db()
            .update(incidents)
            .set({ status, closedAt: status === "closed" ? at : null })
            .where(eq(incidents.id, row.incidentId));
          rows.push({
            id: row.incidentId,
            action: row.id,
            keeps:
              status === "open" ||
              days < 730 ||
              ["pending", "approved", "executing", "undoing"].includes(state) ||
              (timed && state === "succeeded"),
          });
        }
        await later(1500);
        for (const { id, action, keeps } of rows) {
          expect(await there(id)).toBe(keeps);
          expect((await engine.store.action(action)) !== undefined).toBe(keeps);
        }
        await db().delete(incidents).where(sql`true`);
        await db().delete(actions).where(sql`true`);
      }),
      { numRuns: 12 },
    );
  });

  test("what is kept only for a while", async () => {
    await engine.store.transaction(async (tx) => {
      await tx.addTick({ schedule: "morning", dueAt: THEN, state: "ran", ranAt: THEN, skipped: 0, why: null });
      await tx.addTick({ schedule: "morning", dueAt: new Date(THEN.getTime() + DAY), state: "ran", ranAt: THEN, skipped: 0, why: null });
    });
    await later(3000);
    // The newest of a schedule says what was missed, so it is kept however old it is.
    expect((await engine.store.lastTicks(engine.world.now)).map(({ dueAt }) => dueAt)).toEqual([new Date(THEN.getTime() + DAY)]);
    expect(await engine.store.ranBefore("morning", new Date(THEN.getTime() + DAY))).toBeUndefined();
  });
});

describe.each(DATABASES)("the audit is older than it is kept for, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
    engine.air.retention = () => DEFAULT_RETENTION;
  });
  afterAll(() => engine.close());
  const later = (days: number) => goOn(engine, days);
  const line = (at: Date) =>
    engine.store.transaction((tx) => tx.writeAudit([{ at, actor: { kind: "air", job: "test" }, event: "test.line", subject: "test" }]));

  test("the audit is cut from the start, and an export made afterwards verifies; one that is cut by somebody else does not", async () => {
    for (let number = 0; number < 30; number++) await line(new Date(THEN.getTime() + number * DAY));
    const early = await exported(engine);
    expect(verifyAudit(early)).toMatchObject({ ok: true, first: 1 });
    const total = (await engine.store.auditHead()).count;
    await later(2555 + 12);
    const text = await exported(engine);
    const verdict = verifyAudit(text);
    if (!verdict.ok) throw new Error(`line ${verdict.line} ${verdict.problem}`);
    expect(verdict.first).toBeGreaterThan(1);
    expect(verdict.first).toBeLessThan(total);
    const [first = ""] = text.split("\n");
    expect(JSON.parse(first).seq).toBe(verdict.first);
    // Cut again, and again by nobody the chain knows of.
    await later(2555 + 20);
    const again = await exported(engine);
    expect(verifyAudit(again)).toMatchObject({ ok: true });
    const lines = again.split("\n");
    for (const cutAt of [1, 2, 5]) expect(verifyAudit(lines.slice(cutAt).join("\n")), `${cutAt}`).toMatchObject({ ok: false });
    // The line that says it is changed, or left out.
    const anchor = lines.findLastIndex((one) => one.includes('"audit.cut"'));
    expect(verifyAudit(lines.toSpliced(anchor, 1).join("\n"))).toMatchObject({ ok: false });
    expect(verifyAudit(lines.with(anchor, (lines[anchor] ?? "").replace(/"through":\d+/, '"through":3')).join("\n"))).toMatchObject({
      ok: false,
    });
    // A whole export cut by hand, without a word of it in the chain.
    expect(verifyAudit(early.split("\n").slice(3).join("\n"))).toMatchObject({ ok: false, line: 1 });
    // The last line always stays.
    await later(40_000);
    expect((await engine.database.db.select({ rows: count() }).from(audit))[0]?.rows).toBeGreaterThan(0);
    expect(verifyAudit(await exported(engine))).toMatchObject({ ok: true });
  });
});
