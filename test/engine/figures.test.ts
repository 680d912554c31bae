import { eq, inArray } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { incidentFigures, timeline } from "../../src/db/schema.ts";
import { decideAction } from "../../src/engine/decide-action.ts";
import type { Actor } from "../../src/engine/domain/actor.ts";
import { NO_ROLES } from "../../src/engine/domain/approval.ts";
import { CONTAINS, type IncidentFigures, TOLD_BY, timesOf } from "../../src/engine/domain/figures.ts";
import { ingestAlerts } from "../../src/engine/ingest-alert.ts";
import { ackIncident, closeIncident, reopenIncident } from "../../src/engine/manage-incident.ts";
import { mergeIncidents, splitIncident } from "../../src/engine/merge-incidents.ts";
import type { ActionRow, New } from "../../src/engine/store.ts";
import { timelineLine } from "../../src/engine/timeline-line.ts";
import fc from "../support/fast-check.ts";
import { NOW } from "../support/lab-capabilities.ts";
import { anAlert, approver, type Engine, fresh, numberOf, openEngine, proposedAction, somebody } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const AIR: Actor = { kind: "air", job: "investigate" };
const MIA: Actor = { kind: "person", via: "slack", key: "mia@contoso.com", name: "Mia" };
const NOOR: Actor = { kind: "person", via: "slack", key: "noor@contoso.com", name: "Noor" };

describe.each(DATABASES)("figures of incidents, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterEach(() => {
    engine.world.now = NOW;
  });
  afterAll(() => engine.close());

  const mia = somebody("Mia", { ...NO_ROLES, responder: true });
  const later = (minutes: number) => {
    engine.world.now = new Date(engine.world.now.getTime() + minutes * MINUTE);
  };
  const at = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);
  async function opened(): Promise<number> {
    const alerts = [anAlert([{ kind: "device", name: fresh("WS") }], { severity: "low", status: "resolved" })];
    const [[answer] = []] = await ingestAlerts(engine.air, [{ source: "siem", lab: false, alerts, receivedAt: engine.world.now }]);
    return numberOf(answer?.incident);
  }
  const figuresOf = async (incident: number) => (await engine.store.figuresOf([incident])).get(incident);
  /** As if it had been opened before figures were kept. */
  const forget = (...incidents: number[]) =>
    engine.database.db.delete(incidentFigures).where(inArray(incidentFigures.incidentId, incidents));
  const forgetStory = (...incidents: number[]) => engine.database.db.delete(timeline).where(inArray(timeline.incidentId, incidents));

  test("the first acknowledgement counts, whatever becomes of it", async () => {
    const incident = await opened();
    later(7);
    await ackIncident(engine.air, mia, incident);
    expect((await figuresOf(incident))?.acknowledgedAt).toEqual(at(7));
    await engine.store.transaction((tx) => tx.updateIncident(incident, { ackedBy: null, ackedAt: null }));
    later(10);
    await ackIncident(engine.air, mia, incident);
    expect(timesOf((await figuresOf(incident)) as IncidentFigures)).toMatchObject({ acknowledge: 7 * MINUTE, decision: null, close: null });
  });

  test("a decision is counted from its proposal, by the group it was decided as", async () => {
    const action = await proposedAction(engine);
    later(12);
    const noor = approver("Noor", ["device"]);
    const held = { ...noor, roles: { ...noor.roles, heldBy: { device: [{ group: null }, { group: "slack-group:S0EDR" }] } } };
    await decideAction(engine.air, held, { action: action.id, decision: "reject", reason: "a drill" });
    expect((await engine.store.action(action.id))?.decision).toMatchObject({ by: "Noor", role: "slack-group:S0EDR" });
    expect(await figuresOf(action.incidentId)).toMatchObject({
      askedAt: NOW,
      decidedAt: at(12),
      decidedBy: "Noor",
      approver: "device: slack-group:S0EDR",
      family: "device",
    });
  });

  test("without a group that is known, the family and the device's group stand for it", async () => {
    const action = await proposedAction(engine, { change: { deviceGroup: "servers" } });
    await decideAction(engine.air, approver("Noor", ["device"]), { action: action.id, decision: "reject", reason: "a drill" });
    expect((await figuresOf(action.incidentId))?.approver).toBe("device: approvers of servers");
    expect((await engine.store.action(action.id))?.decision).not.toHaveProperty("role");
  });

  test("whoever decides what they asked for themselves needs no time to think", async () => {
    const requestedBy = { key: "noor@contoso.com", name: "Noor", also: [] };
    const action = await proposedAction(engine, { change: { requestedBy } });
    later(3);
    await decideAction(engine.air, approver("Noor", ["device"]), { action: action.id, decision: "reject", reason: "a drill" });
    expect((await figuresOf(action.incidentId))?.decidedAt ?? null).toBeNull();
  });

  test("two that are merged count once, with the earliest of each; a split leaves them where they happened", async () => {
    const [one, other] = [await opened(), await opened()];
    later(5);
    await ackIncident(engine.air, mia, other);
    later(5);
    await ackIncident(engine.air, mia, one);
    await mergeIncidents(engine.air, mia, one, other);
    expect((await figuresOf(one))?.acknowledgedAt).toEqual(at(5));
    expect(await figuresOf(other)).toBeUndefined();
    const view = (await engine.store.incidentViews([one])).get(one);
    const { incident } = await splitIncident(engine.air, mia, one, view?.alerts.at(-1)?.id ?? 0);
    expect((await figuresOf(one))?.acknowledgedAt).toEqual(at(5));
    expect((await figuresOf(incident))?.acknowledgedAt).toBeNull();
  });

  test("closed while it is closed", async () => {
    const incident = await opened();
    later(30);
    await closeIncident(engine.air, mia, incident, { classification: "falsePositive" });
    expect((await figuresOf(incident))?.closedAt).toEqual(at(30));
    await reopenIncident(engine.air, mia, incident);
    expect((await figuresOf(incident))?.closedAt).toBeNull();
  });

  test("they outlive the lines they were taken from, and come back from the lines of an incident before their time", async () => {
    const [kept, old] = [await opened(), await opened()];
    later(4);
    for (const one of [kept, old]) await ackIncident(engine.air, mia, one);
    await forget(old);
    expect((await figuresOf(old))?.acknowledgedAt).toEqual(at(4));
    await forgetStory(kept);
    expect((await figuresOf(kept))?.acknowledgedAt).toEqual(at(4));
    // What happens later in an old one is not mistaken for what happened first.
    later(60);
    await engine.store.transaction((tx) => tx.addTimeline([timelineLine({ incidentId: old }, engine.world.now, AIR, "verdict", "x")]));
    expect(await figuresOf(old)).toMatchObject({ acknowledgedAt: at(4), accusedAt: at(64), judgedAt: at(64) });
  });

  test("a transaction that fails leaves none behind", async () => {
    const incident = await opened();
    const failing = engine.store.transaction(async (tx) => {
      await tx.addTimeline([timelineLine({ incidentId: incident }, NOW, MIA, "incident-ack", "x")]);
      throw new Error("it died");
    });
    await expect(failing).rejects.toThrow("it died");
    expect((await figuresOf(incident))?.acknowledgedAt).toBeNull();
  });

  /*
   * Random histories of a few incidents: lines of every kind in any order of time, merges in between, and lines that are removed after they
   * were written. What is kept must be what a reader of every line ever written would work out by hand.
   */
  const KINDS = ["isolate-device", "scan-device", "allow-indicator", "block-indicator"] as const;
  const EVENTS = [...new Set(Object.values(TOLD_BY).flat()), "incident-note", "action-failed", "decision.refused"];
  type Step =
    | { do: "line"; incident: number; event: string; minute: number; by: Actor; action: number }
    | { do: "merge"; one: number; other: number }
    | { do: "trim"; incident: number };
  const slot = fc.nat({ max: 3 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("line" as const),
        incident: slot,
        event: fc.constantFrom(...EVENTS),
        minute: fc.integer({ min: 0, max: 500 }),
        by: fc.constantFrom(AIR, MIA, NOOR, { kind: "machine", name: "token" } as const),
        action: fc.nat({ max: KINDS.length }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("merge" as const), one: slot, other: slot }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("trim" as const), incident: slot }) },
  );
  type Told = Extract<Step, { do: "line" }> & { order: number };

  function byHand(lines: readonly Told[]) {
    const among = (events: readonly string[]) => lines.filter((line) => events.includes(line.event));
    const first = (some: readonly Told[]) => some.toSorted((a, b) => a.minute - b.minute || a.order - b.order)[0];
    const when = (some: readonly Told[]) => (some.length === 0 ? null : at(first(some)?.minute ?? 0));
    const decided = among(TOLD_BY.decided).filter((line) => line.by.kind === "person" && line.action > 0);
    const contained = among(TOLD_BY.contained).filter((line) => CONTAINS.some((one) => one === KINDS[line.action - 1]));
    const decision = first(decided);
    return {
      acknowledgedAt: when(among(TOLD_BY.acknowledged)),
      accusedAt: when(among(TOLD_BY.accused)),
      judgedAt: when(among(TOLD_BY.judged)),
      proposedAt: when(among(TOLD_BY.proposed)),
      decidedAt: when(decided),
      decidedBy: decision?.by.kind === "person" ? decision.by.name : null,
      containedAt: when(contained),
    };
  }

  test("what is kept is what a reader of every line would work out, whatever was merged and removed since", {
    timeout: 180_000,
  }, async () => {
    const template = await proposedAction(engine);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const ids = [await opened(), await opened(), await opened(), await opened()];
        const homes = [...ids];
        const actions = await engine.store.transaction((tx) =>
          tx.insertActions(KINDS.map((name) => ({ ...bare(template), kind: name, incidentId: ids[0] ?? 0, targetDigest: fresh("t") }))),
        );
        const story = new Map<number, Told[]>(ids.map((id) => [id, []]));
        for (const [order, one] of steps.entries()) {
          if (one.do === "line") {
            const home = homes[one.incident] ?? 0;
            story.get(home)?.push({ ...one, order });
            const where = { incidentId: home, actionId: one.action === 0 ? null : (actions[one.action - 1] ?? null) };
            await engine.store.transaction((tx) => tx.addTimeline([timelineLine(where, at(one.minute), one.by, one.event, "x")]));
          } else if (one.do === "merge") {
            const [into, from] = [homes[one.one] ?? 0, homes[one.other] ?? 0].toSorted((a, b) => a - b) as [number, number];
            if (into === from) continue;
            await mergeIncidents(engine.air, mia, into, from);
            story.get(into)?.push(...(story.get(from) ?? []));
            story.set(from, []);
            for (const [index, home] of homes.entries()) if (home === from) homes[index] = into;
          } else await forgetStory(homes[one.incident] ?? 0);
        }
        const found = await engine.store.figuresOf(ids);
        for (const id of ids) {
          if (!homes.includes(id)) expect(found.has(id)).toBe(false);
          else expect(found.get(id)).toMatchObject(byHand(story.get(id) ?? []));
        }
        const rows = await engine.database.db.select().from(incidentFigures).where(inArray(incidentFigures.incidentId, ids));
        expect(rows.every((row) => homes.includes(row.incidentId))).toBe(true);
      }),
      { numRuns: kind === "embedded" ? 40 : 60 },
    );
  });

  test("the share of a group is that of its incidents, told by row and by story alike", async () => {
    const from = new Date("2030-01-07T00:00:00Z");
    const to = new Date(from.getTime() + 7 * DAY);
    engine.world.now = new Date(from.getTime() + DAY);
    const ids: number[] = [];
    for (let index = 0; index < 11; index++) {
      engine.world.now = new Date(from.getTime() + DAY);
      const incident = await opened();
      ids.push(incident);
      later(index + 1);
      if (index < 10) await ackIncident(engine.air, mia, incident);
    }
    const read = () => engine.store.figures({ from, to, lab: false });
    const [all] = await read();
    // Of 1 to 10 minutes: between 5 and 6, and nine tenths of the way.
    expect(all).toMatchObject({ group: null, incidents: 11, acknowledge: { n: 10, p50: 5.5 * MINUTE, p90: 9.1 * MINUTE } });
    expect(all?.decision).toEqual({ n: 0, p50: null, p90: null });
    expect(await engine.store.figures({ from, to, lab: true })).toMatchObject([{ incidents: 0 }]);
    expect(await engine.store.figures({ from, to, lab: false, by: "severity" })).toMatchObject([{ group: "low", incidents: 11 }]);
    expect(await engine.store.figures({ from, to, lab: false, by: "source" })).toMatchObject([{ group: "siem", incidents: 11 }]);
    expect(await engine.store.figures({ from, to, lab: false, by: "approver" })).toMatchObject([{ group: null, incidents: 11 }]);
    expect(await engine.store.figures({ from, to, lab: false, by: "week", timeZone: "Europe/Berlin" })).toMatchObject([
      { group: "2030-W02" },
    ]);
    await forget(...ids);
    expect((await read())[0]).toEqual(all);
    await engine.database.db.delete(timeline).where(eq(timeline.incidentId, ids[0] ?? 0));
    expect((await read())[0]?.acknowledge.n).toBe(9);
  });
});

/** An action as it is inserted. */
function bare({ id: _id, ...row }: ActionRow): New<ActionRow> {
  return row;
}
