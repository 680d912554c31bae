const DAY_MS = 86_400_000;

/** How long things are kept, in milliseconds. */
export type Retention = {
  /** What sources sent and products answered, whole. */
  rawMs: number;
  /** Incidents after they were closed, with everything that belongs to them. */
  incidentsMs: number;
  auditMs: number;
};

export const DEFAULT_RETENTION: Retention = { rawMs: 180 * DAY_MS, incidentsMs: 730 * DAY_MS, auditMs: 2555 * DAY_MS };

/** Less would take evidence away from under an incident that is worked on, or decisions from whoever has to answer for them. */
export const LEAST_RETENTION: Retention = { rawMs: DAY_MS, incidentsMs: 30 * DAY_MS, auditMs: 90 * DAY_MS };
