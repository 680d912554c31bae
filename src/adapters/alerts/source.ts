import type { Alert } from "../../engine/domain/alert.ts";

/**
 * One product's way of telling an alert. `parse` takes what `sanitize` returned and throws only `Refusal("invalid", ...)`,
 * with `field` the path inside this one alert (`entities[2].sha256`).
 */
export type AlertSource = { kind: string; parse: (payload: unknown) => Alert };
