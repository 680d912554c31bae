import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ActionFilter, ActionRow } from "../../src/engine/store.ts";
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
});
