import type { EntityOf } from "../domain/entity.ts";
import type { Capabilities, ReputationKind } from "../ports.ts";
import type { Look } from "./analyzer.ts";

/** One question per connected source that knows this kind; the answer votes in the source's own family. */
export function askReputation(analyzer: string, entity: EntityOf<ReputationKind>, capabilities: Capabilities): Look[] {
  return capabilities.reputation
    .filter((source) => source.kinds.includes(entity.kind))
    .map((source) => ({
      key: `${analyzer}/${source.name}`,
      source: source.name,
      family: source.family,
      run: async (signal) => {
        const answer = await source.look(entity, signal);
        // Where a source gives no more than its word, its word is what is kept.
        const raw = answer.raw ?? { label: answer.label, text: answer.text };
        return [{ analyzer, source: source.name, family: source.family, ...answer, raw }];
      },
    }));
}
