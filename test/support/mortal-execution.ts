import type { Air } from "../../src/engine/air.ts";
import { executeAction } from "../../src/engine/execute-action.ts";
import type { Capabilities, Connector } from "../../src/engine/ports.ts";
import type { Store, Tx } from "../../src/engine/store.ts";
import { Killed } from "./death.ts";
import type { Engine } from "./open-engine.ts";

/** A product on a port, as a connector and as the engine sees it. */
type Connectable = { connect: (more: { fetch: typeof fetch }) => Connector; capabilitiesOf: (connector: Connector) => Capabilities };

/**
 * A process that carries out actions and dies at one of its calls: to the store, inside a transaction, or over the network. `after`: the
 * call has taken effect and nobody hears of it. A dead one reaches nothing any more.
 */
export function mortalExecution(engine: Engine, fake: Connectable, death: { at: number; moment: "before" | "after" }) {
  const calls: string[] = [];
  let dead = false;
  const call = async <T>(what: string, go: () => Promise<T> | T): Promise<T> => {
    if (dead) throw new Killed(what);
    const number = calls.push(what);
    const dies = (moment: "before" | "after") => {
      if (number !== death.at || moment !== death.moment) return;
      dead = true;
      throw new Killed(what);
    };
    dies("before");
    const result = await go();
    dies("after");
    return result;
  };
  const mortal = <T extends object>(target: T, name: string): T =>
    new Proxy(target, {
      get(real, property, receiver) {
        const value: unknown = Reflect.get(real, property, receiver);
        if (typeof value !== "function" || typeof property !== "string") return value;
        return (...args: unknown[]) => call(`${name}.${property}`, () => value.apply(real, args) as Promise<unknown>);
      },
    });
  const inside = (effect: (tx: Tx) => Promise<unknown>) => (tx: Tx) => effect(mortal(tx, "tx"));
  const store: Store = mortal(
    Object.assign(Object.create(engine.store) as Store, {
      transaction: (effect: (tx: Tx) => Promise<unknown>) => engine.store.transaction(inside(effect)),
    }),
    "store",
  );
  const connector = fake.connect({
    fetch: (input, init) => call(`${init?.method} ${new URL(String(input)).pathname}`, () => fetch(input, init)),
  });
  const air: Air = { ...engine.air, sleep: async () => {}, store, capabilities: fake.capabilitiesOf(connector) };
  return {
    calls,
    isDead: () => dead,
    async run(id: number): Promise<void> {
      try {
        await executeAction(air, id, (effect) =>
          call("settle", () => engine.store.transaction((tx) => inside(effect)(tx) as Promise<void>)),
        );
      } catch (error) {
        if (!dead) throw error;
      }
    },
  };
}
