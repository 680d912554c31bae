import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACTION_SORTS, type ActionFilter, type ActionOrder, type ActionRow } from "../../src/engine/store.ts";
import fc from "../support/fast-check.ts";
import { type Engine, openEngine, proposedAction } from "../support/open-engine.ts";
import { DATABASES } from "../support/open-test-db.ts";

const HOUR = 3_600_000;

describe.each(DATABASES)("the lists of the Action center, %s", (kind) => {
  let engine: Engine;
  const rows: ActionRow[] = [];
  beforeAll(async () => {
    engine = await openEngine(kind);
    const at = (hours: number) => new Date(engine.world.now.getTime() + hours * HOUR);
    const decided = (by: string, hours: number): Partial<ActionRow> => ({
      state: "rejected",
      decidedAt: at(hours),
      decision: { decision: "reject", by, at: at(hours).toISOString(), via: "slack" },
    });
    // Two share a deadline and two a moment of decision: such rows are what paging loses.
    const changes: { kind?: "isolate-device" | "disable-user"; change: Partial<ActionRow> }[] = [
      { change: { deadline: at(3) } },
      { change: { deadline: at(1) } },
      { kind: "disable-user", change: { deadline: at(1) } },
      { change: { deadline: at(2), ...decided("Mia 100%", 5) } },
      { kind: "disable-user", change: { deadline: at(9), ...decided("Noor", 5) } },
      { change: { deadline: at(9), ...decided("Noor", 4) } },
    ];
    for (const { kind: name = "isolate-device", change } of changes) {
      const target =
        name === "disable-user"
          ? ({ kind: "user", email: `u${rows.length}@contoso.com` } as const)
          : ({ kind: "device", name: `ws-${rows.length}` } as const);
      rows.push(await proposedAction(engine, { kind: name, target, change }));
    }
  });
  afterAll(() => engine.close());

  /** Every page, one row at a time; the numbers are places in `rows`. */
  async function places(filter: Omit<ActionFilter, "limit" | "after">): Promise<number[]> {
    const seen: number[] = [];
    let after: string | undefined;
    do {
      const page = await engine.store.listActions({ ...filter, limit: 1, ...(after === undefined ? {} : { after }) });
      seen.push(...page.items.map((item) => rows.findIndex((row) => row.id === item.id)));
      after = page.next ?? undefined;
    } while (after !== undefined);
    return seen;
  }

  test.each<[string, Omit<ActionFilter, "limit" | "after">, number[]]>([
    ["newest first", {}, [5, 4, 3, 2, 1, 0]],
    ["the most urgent first, by its deadline", { states: ["pending"], order: "deadline" }, [1, 2, 0]],
    ["what changed last first", { states: ["rejected"], order: "updated" }, [4, 3, 5]],
    ["by kind", { kinds: ["disable-user"] }, [4, 2]],
    ["by family", { families: ["identity"] }, [4, 2]],
    ["by who decided, a part of the name, in any case", { decidedBy: "noo" }, [5, 4]],
    ["by a name with a wildcard in it, which is none", { decidedBy: "100%" }, [3]],
    ["by the kind of target", { entity: "user" }, [4, 2]],
    ["by the target's name", { target: "WS-0" }, [0]],
    ["nothing matches", { target: "nowhere" }, []],
  ])("%s", async (_, filter, expected) => {
    expect(await places(filter)).toEqual(expected);
  });

  test("since a moment: what was proposed, decided or ended after it", async () => {
    expect(await places({ since: new Date(engine.world.now.getTime() + 5 * HOUR) })).toEqual([4, 3]);
  });
  test("by incident and investigation", async () => {
    const [, second] = rows;
    expect(await places({ incidentId: second?.incidentId ?? 0 })).toEqual([1]);
    expect(await places({ investigationId: second?.investigationId ?? 0 })).toEqual([1]);
  });

  test.each<[string, Omit<ActionFilter, "limit" | "after">, number[]]>([
    ["oldest first", { order: "newest:asc" }, [0, 1, 2, 3, 4, 5]],
    ["the least urgent first", { states: ["pending"], order: "deadline:desc" }, [0, 2, 1]],
    ["what changed first", { states: ["rejected"], order: "updated:asc" }, [5, 3, 4]],
    ["by target", { order: "target", states: ["pending"] }, [2, 0, 1]],
    ["by who decided, nobody first", { order: "by" }, [0, 1, 2, 3, 4, 5]],
    ["until a moment", { until: new Date("2000-01-01") }, []],
    ["a kind of entity is no target's name", { target: "device" }, []],
  ])("%s", async (_, filter, expected) => {
    expect(await places(filter)).toEqual(expected);
  });

  test("counted as they are listed", async () => {
    expect(await engine.store.countActions({ kinds: ["disable-user"] })).toBe(2);
    expect(await engine.store.countActions({ states: ["rejected"], decidedBy: "noor" })).toBe(2);
  });

  const ORDERS = ACTION_SORTS.flatMap((sort): ActionOrder[] => [sort, `${sort}:asc`, `${sort}:desc`]);

  test("whatever the order, the size of the pages and the filter: the pages together are the whole, nothing twice", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ORDERS),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom({}, { states: ["rejected"] as const }),
        async (order, limit, filter) => {
          const whole = (await engine.store.listActions({ ...filter, order, limit: 200 })).items.map((row) => row.id);
          const seen: number[] = [];
          let after: string | null = null;
          do {
            const page = await engine.store.listActions({ ...filter, order, limit, ...(after === null ? {} : { after }) });
            seen.push(...page.items.map((row) => row.id));
            after = page.next;
          } while (after !== null);
          expect(seen).toEqual(whole);
          expect(new Set(seen).size).toBe(whole.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a cursor that is not ours, or of another order, is refused", async () => {
    const { next } = await engine.store.listActions({ order: "deadline", limit: 1 });
    for (const [order, after] of [
      ["updated", next ?? ""],
      ["deadline", "12"],
      ["deadline", ""],
      ["deadline", Buffer.from('["deadline","yesterday",1,null]').toString("base64url")],
      ["newest", Buffer.from(`["newest","1; drop table actions",1,null]`).toString("base64url")],
      ["target", Buffer.from('["target","\\u0000",1,null]').toString("base64url")],
    ] as const)
      await expect(engine.store.listActions({ order, limit: 1, after }), `${order} ${after}`).rejects.toThrow(
        "must be the cursor of the page before",
      );
  });

  test("while rows change: what did not change comes once, what did at most once", async () => {
    const target = () => ({ kind: "device" as const, name: `moving-${rows.length}` });
    const made: ActionRow[] = [];
    for (let index = 0; index < 6; index += 1)
      made.push(await proposedAction(engine, { target: { ...target(), name: `moving-${index}` } }));
    const ids = made.map((row) => row.id);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<ActionOrder>("updated", "updated:asc", "status", "status:desc", "by", "by:desc", "newest", "target"),
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 }),
        async (order, changes) => {
          const asOf = engine.world.now;
          const touched = new Set<number>();
          const seen: number[] = [];
          let after: string | null = null;
          let turn = 0;
          do {
            const page = await engine.store.listActions({ order, asOf, target: "moving", limit: 2, ...(after === null ? {} : { after }) });
            seen.push(...page.items.map((row) => row.id));
            after = page.next;
            const id = ids[changes[turn] ?? -1];
            turn += 1;
            if (id !== undefined) {
              engine.world.now = new Date(engine.world.now.getTime() + 1000);
              const now = engine.world.now;
              const decision = { decision: "approve" as const, by: `P${turn}`, at: now.toISOString(), via: "slack" };
              await engine.store.transaction((tx) => tx.updateAction(id, { decidedAt: now, decision }));
              touched.add(id);
            }
          } while (after !== null);
          expect(new Set(seen).size).toBe(seen.length);
          expect(seen).toEqual(expect.arrayContaining(ids.filter((id) => !touched.has(id))));
          engine.world.now = new Date(engine.world.now.getTime() + 1000);
        },
      ),
      { numRuns: 25 },
    );
  });
});
