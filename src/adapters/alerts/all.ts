import { defender } from "./defender.ts";
import { elastic } from "./elastic.ts";
import { generic } from "./generic.ts";
import { guardduty } from "./guardduty.ts";
import { type AlertMap, mappedSource } from "./mapped.ts";
import { ocsf } from "./ocsf.ts";
import type { AlertSource } from "./source.ts";
import { wazuh } from "./wazuh.ts";

/** The kinds that are built in; each is a source of its own name too (product contract 3.2). */
export const BUILT_IN_KINDS = ["generic", "defender", "guardduty", "wazuh", "ocsf", "elastic"] as const;
export type BuiltInKind = (typeof BUILT_IN_KINDS)[number];

const BY_KIND: Readonly<Record<BuiltInKind, AlertSource>> = { generic, defender, guardduty, wazuh, ocsf, elastic };

/** Every kind of alert source that is built in. */
export const alertSources: readonly AlertSource[] = BUILT_IN_KINDS.map((kind) => BY_KIND[kind]);

/** What reads the alerts of a source: a built-in parser, or the map air.yaml gives it. */
export const parserOf = (source: { kind: BuiltInKind | "mapped"; map?: AlertMap | undefined }): AlertSource | undefined =>
  source.kind === "mapped" ? source.map && mappedSource(source.map) : BY_KIND[source.kind];
