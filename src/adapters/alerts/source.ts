import type { Alert } from "../../engine/domain/alert.ts";

/** One of several alerts that came in one envelope, and where in it: `incident.alerts[2]`. */
export type Part = { payload: unknown; path: readonly PropertyKey[] };

/**
 * One product's way of telling an alert. `parse` takes what `sanitize` returned and throws only `Refusal("invalid", ...)`,
 * with `field` the path inside this one alert (`entities[2].sha256`). `parts` opens an envelope that holds several alerts (an incident,
 * a reply of an API); undefined where the payload is one alert by itself.
 */
export type AlertSource = { kind: string; parse: (payload: unknown) => Alert; parts?: (payload: unknown) => Part[] | undefined };
