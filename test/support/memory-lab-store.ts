import type { LabStore } from "../../src/adapters/connectors/lab/world.ts";

/** What the lab remembers, as JSON like any real store keeps it. */
export function memoryLabStore(): LabStore {
  const records = new Map<string, Map<string, string>>();
  return {
    get: async (kind, id) => {
      const text = records.get(kind)?.get(id);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    put: async (kind, id, state) => {
      const ofKind = records.get(kind) ?? new Map<string, string>();
      records.set(kind, ofKind.set(id, JSON.stringify(state)));
    },
    list: async (kind) => [...(records.get(kind) ?? [])].map(([id, text]) => ({ id, state: JSON.parse(text) as unknown })),
  };
}
