import { describe, expect, test } from "vitest";
import { coalesce } from "../../src/db/coalesce.ts";
import { eventually } from "../support/eventually.ts";

class Away extends Error {}

/** A store that doubles numbers, keeps the batches it was handed, and can be held, made to choke on an item, or taken away. */
function doubler(options: { maxWeight?: number; maxWaiting?: number } = {}) {
  const batches: number[][] = [];
  const state = { bad: Number.NaN, away: false, gate: Promise.resolve() };
  const add = coalesce<number, number>({
    run: async (items) => {
      batches.push([...items]);
      await state.gate;
      if (state.away) throw new Away("the database is away");
      if (items.includes(state.bad)) throw new Error(`cannot take ${state.bad}`);
      return items.map((item) => item * 2);
    },
    weight: (item) => item,
    maxWeight: options.maxWeight ?? 1000,
    maxWaiting: options.maxWaiting ?? 1000,
    overflow: () => new Error("too many are waiting"),
    shared: (error) => error instanceof Away,
  });
  const hold = () => {
    let open = () => {};
    state.gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => open();
  };
  return { add, batches, state, hold };
}

describe("work that arrives together", () => {
  test("what becomes ready in one turn is one batch, and each caller gets its own answer", async () => {
    const { add, batches } = doubler();
    expect(await Promise.all([1, 2, 3].map(add))).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  test("what arrives while a batch is on its way fills the next one", async () => {
    const { add, batches, hold } = doubler();
    const open = hold();
    const first = add(1);
    await eventually(() => batches.length === 1);
    const rest = [2, 3, 4].map(add);
    open();
    expect(await Promise.all([first, ...rest])).toEqual([2, 4, 6, 8]);
    expect(batches).toEqual([[1], [2, 3, 4]]);
  });

  test("a batch takes no more than its weight, but one heavy item still goes", async () => {
    const { add, batches } = doubler({ maxWeight: 10 });
    expect(await Promise.all([4, 6, 1, 50, 2].map(add))).toEqual([8, 12, 2, 100, 4]);
    expect(batches).toEqual([[4, 6], [1], [50], [2]]);
  });

  test("a bad item fails alone", async () => {
    const { add, state } = doubler();
    state.bad = 2;
    const results = await Promise.allSettled([1, 2, 3].map(add));
    expect(results.map((result) => (result.status === "fulfilled" ? result.value : String(result.reason)))).toEqual([
      2,
      "Error: cannot take 2",
      6,
    ]);
  });

  test("an error that concerns everybody fails all at once, without trying them one by one", async () => {
    const { add, batches, state } = doubler();
    state.away = true;
    const results = await Promise.allSettled([1, 2, 3].map(add));
    expect(results.map((result) => result.status === "rejected" && result.reason instanceof Away)).toEqual([true, true, true]);
    expect(batches).toEqual([[1, 2, 3]]);
    state.away = false;
    expect(await add(5)).toBe(10);
  });

  test("beyond its limit it refuses at once instead of queueing, and takes again afterwards", async () => {
    const { add, batches, hold } = doubler({ maxWaiting: 2 });
    const open = hold();
    const running = add(1);
    await eventually(() => batches.length === 1);
    const waiting = [add(2), add(3)];
    await expect(add(4)).rejects.toThrow("too many are waiting");
    open();
    expect(await Promise.all([running, ...waiting])).toEqual([2, 4, 6]);
    expect(await add(4)).toBe(8);
  });
});
