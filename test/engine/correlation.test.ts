import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Alert } from "../../src/engine/domain/alert.ts";
import { tiesOf } from "../../src/engine/domain/correlate.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { type Accepted, ingestAlerts } from "../../src/engine/ingest-alert.ts";
import fc from "../support/fast-check.ts";
import { type Engine, openEngine, testPolicy } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const HOUR = 3_600_000;
const START = Date.parse("2026-10-05T00:00:00Z");
const numberOf = (id: string) => Number(id.replace(/^[A-Z]+-/, ""));

/** A world so small that things collide: few devices, people, addresses and source incidents, hours apart. */
type Thing = { kind: "device" | "user" | "url" | "ip" | "message"; number: number };
type Happening = { things: Thing[]; hour: number; vendor: number | undefined; click: boolean };
const happenings: fc.Arbitrary<Happening[]> = fc.array(
  fc.record({
    things: fc.array(
      fc.record({ kind: fc.constantFrom("device", "user", "url", "ip", "message"), number: fc.integer({ min: 1, max: 4 }) }),
      { maxLength: 3 },
    ),
    hour: fc.double({ min: 0, max: 90, noNaN: true }),
    vendor: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined, freq: 4 }),
    click: fc.boolean(),
  }),
  { minLength: 2, maxLength: 9 },
);

let runs = 0;
/** The same world under names no other run uses, so that every run begins with nothing known. */
function alertsOf(list: readonly Happening[]): Alert[] {
  runs += 1;
  const run = runs;
  const entity = ({ kind, number }: Thing): Entity => {
    switch (kind) {
      case "device":
        return { kind, name: `ws-${run}-${number}` };
      case "user":
        return { kind, email: `user${run}-${number}@contoso.com` };
      case "url":
        return { kind, url: `https://r${run}n${number}.evil.example/` };
      case "ip":
        return { kind, address: `203.${Math.floor(run / 200)}.${run % 200}.${number}` };
      case "message":
        return { kind, subject: "Invoice", sender: `r${run}@evil.example`, recipient: `user${run}-${number}@contoso.com` };
      default:
        return kind satisfies never;
    }
  };
  return list.map((item, index) => ({
    sourceId: `${run}-${index}`,
    title: item.click ? "A user clicked a link" : "Something happened",
    severity: "medium",
    techniques: [],
    status: "new",
    detectedAt: new Date(START + Math.round(item.hour * HOUR)),
    entities: item.things.map((thing) => ({ entity: entity(thing), roles: [] })),
    ...(item.vendor === undefined ? {} : { vendorIncident: { id: `${run}-${item.vendor}` } }),
    raw: {},
  }));
}

/** The connected components, told pair by pair. */
function expected(alerts: readonly Alert[]): string[] {
  const times = alerts.map((alert) => alert.detectedAt?.getTime() ?? 0);
  const ties = alerts.map((alert, index) =>
    tiesOf(
      {
        source: "siem",
        title: alert.title,
        vendorIncident: alert.vendorIncident?.id,
        entities: alert.entities,
        eventAt: new Date(times[index] ?? 0),
      },
      testPolicy.correlation,
      () => true,
    ),
  );
  const group = alerts.map((_, index) => index);
  for (const a of group.keys()) {
    for (const b of group.keys()) {
      const marked = new Set(ties[b]?.marks.map((mark) => mark.key));
      const [atA = 0, atB = 0] = [times[a], times[b]];
      const tied = ties[a]?.ties.some((tie) => marked.has(tie.key) && atB >= atA - tie.beforeMs && atB <= atA + tie.afterMs);
      if (a === b || !tied) continue;
      const [from, to = 0] = [group[a], group[b]];
      for (const [index, one] of group.entries()) if (one === from) group[index] = to;
    }
  }
  return partition(alerts.map((alert, index) => [alert.sourceId, String(group[index])]));
}

/** Which alerts are together, whatever the groups are called. */
const partition = (of: readonly (readonly [alert: string, group: string])[]): string[] =>
  [...Map.groupBy(of, ([, group]) => group).values()]
    .map((items) =>
      items
        .map(([alert]) => alert)
        .sort()
        .join(" "),
    )
    .sort();

describe.each(DATABASES)("alerts that belong together, %s", (kind) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(kind);
  });
  afterAll(async () => engine.close());

  const intake = (alerts: readonly Alert[]) => ({ source: "siem", lab: false, alerts, receivedAt: engine.world.now });
  /** Where each alert is in the end: what an answer said may have been merged since. */
  async function groups(alerts: readonly Alert[], answers: readonly Accepted[]): Promise<string[]> {
    const rows = await Promise.all(answers.map((answer) => engine.store.alert(numberOf(answer.alert))));
    expect(new Set(rows.map((row) => row?.id)).size).toBe(alerts.length);
    const byIncident = Map.groupBy(rows, (row) => row?.incidentId ?? 0);
    for (const [id, members] of byIncident) {
      const incident = await engine.store.incident(id);
      expect(incident, `INC-${id}`).toMatchObject({ status: "open", redirectTo: null, alertCount: members.length });
      // One investigation takes the new alerts; merged ones go on beside it, in the same incident.
      const { items } = await engine.store.listInvestigations({ incidentId: id, limit: 50 });
      expect(items.length, `investigations of INC-${id}`).toBeGreaterThan(0);
    }
    return partition(rows.map((row) => [row?.sourceId ?? "", String(row?.incidentId)]));
  }

  test("any order of arrival, any split into requests: the connected components of shared keys", async () => {
    const arriving = happenings.chain((list) =>
      fc.record({
        list: fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }),
        cuts: fc.array(fc.boolean(), { minLength: list.length, maxLength: list.length }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(arriving, async ({ list, cuts }) => {
        const alerts = alertsOf(list);
        const batches: Alert[][] = [];
        for (const [index, alert] of alerts.entries()) {
          if (cuts[index] || batches.length === 0) batches.push([]);
          batches.at(-1)?.push(alert);
        }
        const answers: Accepted[] = [];
        for (const batch of batches)
          answers.push(
            ...(
              await ingestAlerts(
                engine.air,
                batch.map((alert) => intake([alert])),
              )
            ).flat(),
          );
        expect(await groups(alerts, answers)).toEqual(expected(alerts));
      }),
      { numRuns: kind === "postgres" ? 80 : 40 },
    );
  });

  test("the same alerts from eight connections at once, each in its own order: each stored once, and grouped the same", async () => {
    for (let round = 0; round < (kind === "postgres" ? 4 : 1); round++) {
      const alerts = alertsOf(fc.sample(happenings, { numRuns: 4, seed: 100 + round }).flat());
      const [answers] = await Promise.all(
        Array.from({ length: 8 }, async (_, lane) => {
          // Begun at another alert on every connection, so that they meet in the middle.
          const order = [...alerts.slice(lane * 3), ...alerts.slice(0, lane * 3)];
          const said = new Map<Alert, Accepted>();
          for (const alert of order) {
            const [[answer] = []] = await ingestAlerts(engine.air, [intake([alert])]);
            if (answer) said.set(alert, answer);
          }
          return said;
        }),
      );
      const inOrder = alerts.flatMap((alert) => answers?.get(alert) ?? []);
      expect(await groups(alerts, inOrder)).toEqual(expected(alerts));
      for (const answer of inOrder) expect(await engine.store.alert(numberOf(answer.alert))).toMatchObject({ duplicates: 7 });
    }
  });

  test("eight connections at once: the same grouping, no alert lost, none in two incidents", async () => {
    for (let round = 0; round < (kind === "postgres" ? 8 : 2); round++) {
      const list = fc.sample(happenings, { numRuns: 6, seed: round + 1 }).flat();
      const alerts = alertsOf(list);
      const lanes = Array.from({ length: 8 }, (_, lane) => alerts.filter((_, index) => index % 8 === lane));
      const answers = await Promise.all(
        lanes.map(async (lane) => {
          const said: Accepted[] = [];
          for (const alert of lane) said.push(...(await ingestAlerts(engine.air, [intake([alert])])).flat());
          return said;
        }),
      );
      const byAlert = new Map(lanes.flatMap((lane, at) => lane.map((alert, index) => [alert, answers[at]?.[index]] as const)));
      const inOrder = alerts.flatMap((alert) => byAlert.get(alert) ?? []);
      expect(await groups(alerts, inOrder)).toEqual(expected(alerts));
    }
  });
});
