import type { Clock } from "../../../engine/ports.ts";
import { ACCESS_KEYS, APPS, DEVICES, MESSAGES, USERS } from "./company.ts";
import type { LabKind, LabState, LabStore } from "./world.ts";
import { LAB_KINDS } from "./world.ts";

/** The company as it stands: what the store holds, and under it what the company began with. Nothing has to be seeded. */
export type LabMemory = {
  get<K extends LabKind>(kind: K, id: string): Promise<LabState<K> | undefined>;
  put<K extends LabKind>(kind: K, id: string, state: LabState<K>): Promise<void>;
  all<K extends LabKind>(kind: K): Promise<{ id: string; state: LabState<K> }[]>;
  /** How many records of a kind the store holds, beyond what the company began with. */
  count(kind: LabKind): Promise<number>;
};

export function createMemory(store: LabStore, clock: Clock): LabMemory {
  const company: Partial<Record<LabKind, ReadonlyMap<string, (now: Date) => unknown>>> = {
    device: DEVICES,
    user: USERS,
    message: MESSAGES,
    app: APPS,
    "access-key": ACCESS_KEYS,
  };
  const beginning = (kind: LabKind) => company[kind];
  // A record of an older air that no longer fits is treated as not there rather than stopping the lab.
  const read = <K extends LabKind>(kind: K, state: unknown) => LAB_KINDS[kind].safeParse(state).data as LabState<K> | undefined;
  return {
    async get(kind, id) {
      return read(kind, await store.get(kind, id)) ?? read(kind, beginning(kind)?.get(id)?.(clock.now()));
    },
    async put(kind, id, state) {
      await store.put(kind, id, state);
    },
    async all(kind) {
      const now = clock.now();
      const every = new Map<string, LabState<typeof kind>>();
      for (const [id, make] of beginning(kind) ?? []) {
        const state = read(kind, make(now));
        if (state !== undefined) every.set(id, state);
      }
      for (const { id, state: stored } of await store.list(kind)) {
        const state = read(kind, stored);
        if (state !== undefined) every.set(id, state);
      }
      return [...every].map(([id, state]) => ({ id, state }));
    },
    count: async (kind) => (await store.list(kind)).length,
  };
}
