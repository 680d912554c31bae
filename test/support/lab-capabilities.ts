import { createLab, type Lab } from "../../src/adapters/connectors/lab/lab.ts";
import type { LabStore } from "../../src/adapters/connectors/lab/world.ts";
import type { Capabilities } from "../../src/engine/ports.ts";
import { memoryLabStore } from "./memory-lab-store.ts";

export const NOW = new Date("2026-10-05T09:00:00.000Z");

/** A lab of its own for one test, with its capabilities as the engine sees them. */
export function openLab(now: () => Date = () => NOW): { lab: Lab; store: LabStore; capabilities: Capabilities } {
  const store = memoryLabStore();
  const lab = createLab(store, { now });
  const capabilities: Capabilities = {
    lab: true,
    reputation: lab.reputation,
    sandboxes: lab.sandboxes,
    devices: lab.devices,
    identities: lab.identities,
    mail: lab.mail,
    indicators: lab.indicators,
    adopt: (entities) => lab.adopt(entities),
    version: () => "test",
  };
  return { lab, store, capabilities };
}

/** Nothing is connected. */
export const NOTHING: Capabilities = {
  lab: false,
  reputation: [],
  sandboxes: [],
  devices: undefined,
  identities: undefined,
  mail: undefined,
  indicators: undefined,
  adopt: async () => {},
  version: () => "test",
};
