import { describe, expect, test } from "vitest";
import { CLUSTER_KEEPS, entityKeys, evidenceKeys } from "../../../src/engine/domain/entity.ts";
import { type AskedBefore, growthOf, learned, leftOf } from "../../../src/engine/domain/learn.ts";
import fc from "../../support/fast-check.ts";

const ids = fc.uniqueArray(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: 12 });
const cluster = (messageIds: string[]) => ({ kind: "mail-cluster" as const, query: "Q", messageIds });
const idsOf = (entity: unknown) => (entity as { messageIds?: string[] } | undefined)?.messageIds ?? [];

describe("what is learned", () => {
  test("no mail is lost, none comes twice, and what is known comes first", () => {
    fc.assert(
      fc.property(ids, ids, (known, seen) => {
        const both = learned(cluster(known), cluster(seen));
        expect(idsOf(both)).toEqual([...new Set([...known, ...seen])]);
        expect(learned(both, cluster(seen))).toBe(both);
        expect(entityKeys(both)).toEqual(entityKeys(cluster(known)));
      }),
    );
  });

  test("beyond the cap the rest is counted, once", () => {
    const many = (from: number, count: number) => cluster(Array.from({ length: count }, (_, at) => `m${from + at}`));
    const both = learned(many(0, CLUSTER_KEEPS), many(CLUSTER_KEEPS - 10, 40));
    expect(both).toMatchObject({ unlisted: 30 });
    expect(learned(both, many(CLUSTER_KEEPS - 10, 40))).toBe(both);
    expect(learned(cluster([]), { ...many(0, 3), unlisted: 7 })).toMatchObject({ unlisted: 7 });
  });

  test("names are added and never replaced, so it stays the same thing", () => {
    const name = fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined });
    const device = fc.record({ name: fc.constantFrom("ws-1", "ws-1.contoso.com"), id: name });
    fc.assert(
      fc.property(device, device, (known, seen) => {
        const [one, other] = [known, seen].map(({ id, ...rest }) => ({ kind: "device" as const, ...rest, ...(id ? { id } : {}) }));
        const both = learned(one!, other!);
        expect(both).toMatchObject(one!);
        expect(both.id).toBe(one!.id ?? other!.id);
        expect(evidenceKeys(both)[0]).toBe(evidenceKeys(one!)[0]);
      }),
    );
  });
});

describe("what is asked about a thing that grew", () => {
  const STATES = ["pending", "observed", "approved", "executing", "succeeded", "failed", "unclear", "expired", "undone", "byHand"] as const;
  const before = fc.array(fc.record({ state: fc.constantFrom(...STATES), ids }), { maxLength: 4 });

  test("every mail is covered by what there was and what is asked; only once", () => {
    fc.assert(
      fc.property(ids, before, (all, rows) => {
        const asked = rows.map(
          (row, at): AskedBefore => ({ id: at + 1, state: row.state, target: cluster(row.ids), byPerson: false, unreached: false }),
        );
        fc.pre(asked.length > 0 && all.length > 0);
        const growth = growthOf(cluster(all), asked);
        const covered = new Set(rows.flatMap((row) => row.ids));
        if (!growth) expect(all.filter((id) => !covered.has(id))).toEqual([]);
        else if ("rest" in growth) expect(idsOf(growth.rest)).toEqual(all.filter((id) => !covered.has(id)));
        else {
          const old = asked.find(({ id }) => id === growth.grows);
          expect(idsOf(growth.target)).toEqual([...idsOf(old?.target), ...all.filter((id) => !covered.has(id))]);
        }
      }),
    );
  });

  test("nothing after a rejection, nothing of another kind, and what a person asked for stays as they said it", () => {
    const row = (more: Partial<AskedBefore>): AskedBefore => ({
      id: 1,
      state: "pending",
      target: cluster(["1"]),
      byPerson: false,
      unreached: false,
      ...more,
    });
    expect(growthOf(cluster(["1", "2"]), [row({ state: "rejected" })])).toBeUndefined();
    expect(growthOf(cluster(["1", "2"]), [row({ byPerson: true })])).toEqual({ rest: cluster(["2"]) });
    const device = { kind: "device", name: "ws-1", id: "d" } as const;
    const named = { kind: "device", name: "ws-1" } as const;
    expect(growthOf(device, [row({ target: named })])).toBeUndefined();
    expect(growthOf(device, [row({ target: named, unreached: true })])).toEqual({ grows: 1, target: device });
    expect(growthOf(device, [row({ target: named, unreached: true, state: "succeeded" })])).toBeUndefined();
    expect(leftOf({ kind: "mail-cluster", query: "url:x" }, [])).toBeUndefined();
  });
});
