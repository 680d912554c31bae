import type { Alert } from "../../engine/domain/alert.ts";
import { isBlank } from "../../engine/domain/blank.ts";
import { Refusal } from "../../engine/domain/errors.ts";
import { fieldPath } from "./field-path.ts";
import { sanitize } from "./sanitize.ts";
import type { AlertSource } from "./source.ts";

const MAX_ALERTS = 500;

/**
 * The alerts in what a source sent: one, a list, or an envelope that holds several. Throws `Refusal("invalid", ...)` with the field as
 * the sender wrote it: `alerts[3].severity`.
 */
export function readAlerts(source: AlertSource, payload: unknown): Alert[] {
  const sent = (Array.isArray(payload) ? (payload as unknown[]) : [payload]).map((one, index) => ({
    payload: one,
    path: Array.isArray(payload) ? ["alerts", index] : [],
  }));
  tooMany(sent.length);
  const alerts: Alert[] = [];
  for (const one of sent) {
    const clean = named(one.path, () => sanitize(one.payload));
    const parts = named(one.path, () => source.parts?.(clean)) ?? [{ payload: clean, path: [] }];
    tooMany(alerts.length + parts.length);
    for (const part of parts) {
      const alert = named([...one.path, ...part.path], () => source.parse(part.payload));
      // Lost is worse than nameless.
      alerts.push(isBlank(alert.title) ? { ...alert, title: "(no title)" } : alert);
    }
  }
  return alerts;
}

function tooMany(count: number): void {
  if (count > MAX_ALERTS)
    throw new Refusal("invalid", `at most ${MAX_ALERTS} alerts in one request, this has ${count}`, { field: "alerts" });
}

/** A refusal says the field inside one alert; the sender needs to know which. */
function named<T>(path: readonly PropertyKey[], read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "invalid") throw error;
    throw new Refusal("invalid", error.message, { field: [fieldPath(path), error.field].filter(Boolean).join(".") || "alert" });
  }
}
