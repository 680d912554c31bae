import type { LookContext } from "../../src/engine/analyzers/analyzer.ts";
import type { Entity } from "../../src/engine/domain/entity.ts";
import { entityKey } from "../../src/engine/domain/entity.ts";
import type { Past } from "../../src/engine/ports.ts";
import { NOW } from "./lab-capabilities.ts";

/** Never met before. */
const NO_PAST: Past = {
  alerts: 0,
  incidents: [],
  verdicts: { malicious: 0, suspicious: 0, noThreatsFound: 0, unknown: 0 },
  overrides: [],
  devices: [],
};

/** What one look knows beside its entity; `past` is told by entity. */
export function lookContext(
  more: Partial<Omit<LookContext, "history">> & { past?: readonly (readonly [Entity, Partial<Past>])[] } = {},
): LookContext {
  const { past = [], ...rest } = more;
  const known = new Map(past.map(([entity, facts]) => [entityKey(entity), facts]));
  return {
    now: NOW,
    severity: "medium",
    entities: [],
    organization: { name: "Contoso", domains: ["contoso.example"], internalRanges: [] },
    history: { past: async (entity) => ({ ...NO_PAST, ...known.get(entityKey(entity)) }) },
    ...rest,
  };
}
