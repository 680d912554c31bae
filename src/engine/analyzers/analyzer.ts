import type { NamedEntity, Severity } from "../domain/alert.ts";
import type { Entity, EntityKind, EntityOf } from "../domain/entity.ts";
import type { Observation } from "../domain/observation.ts";
import type { Capabilities, History } from "../ports.ts";

/** What an analyzer may know beside the entity: the whole incident as it stands, read only. */
export type LookContext = {
  now: Date;
  severity: Severity;
  /** Every entity of the incident, as the alerts named them. */
  entities: readonly NamedEntity[];
  /** Our own domains and networks, and names we are imitated by. */
  organization: { name: string; domains: readonly string[]; internalRanges: readonly string[] };
  /** What our own rows know from before. */
  history: History;
};

/**
 * One question about one entity to one source. `key` names it: together with the evidence it is asked once,
 * and a restart asks only what has no stored answer. A look returns its observations or throws ConnectorError,
 * which the engine stores as a `failed` observation in plain words.
 */
export type Look = {
  /** `file-reputation/virustotal`: the analyzer and the source asked. Unique per entity. */
  key: string;
  source: string;
  family: string;
  /** The answer depends on the device the entity was seen on; otherwise the same file on five devices is one question. */
  perDevice?: boolean;
  run: (signal: AbortSignal) => Promise<Observation[]> | Observation[];
};

/** Code that looks at one kind of entity through a capability. It lists its questions; the engine asks them. */
export type Analyzer<K extends EntityKind = EntityKind> = {
  name: string;
  /** One sentence for `playbook explain` and the log. */
  about: string;
  kinds: readonly K[];
  looks: (entity: EntityOf<K>, capabilities: Capabilities, context: LookContext) => Look[];
};

/** Types one analyzer and widens it for the list; the engine only hands it entities of its kinds. */
export function defineAnalyzer<K extends EntityKind>(analyzer: Analyzer<K>): Analyzer {
  return {
    ...analyzer,
    looks: (entity: Entity, capabilities, context) =>
      (analyzer.kinds as readonly EntityKind[]).includes(entity.kind) ? analyzer.looks(entity as EntityOf<K>, capabilities, context) : [],
  };
}
