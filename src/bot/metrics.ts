import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Accepted } from "../engine/ingest-alert.ts";
import type { JobName } from "../engine/queue.ts";
import { figureMetrics } from "./figure-metrics.ts";

/** Prometheus; counts only, no names of people, devices or sources in it. */
export type Metrics = {
  accepted: (alerts: readonly Accepted[]) => void;
  refused: (status: number) => void;
  text: () => Promise<string>;
  contentType: string;
};

export function createMetrics(
  read: () => Promise<{ jobs: Record<JobName, number>; pending: number; stale: number; troubled: number }>,
  air: Parameters<typeof figureMetrics>[1],
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const alerts = new Counter({
    name: "air_alerts_accepted_total",
    help: "Alerts stored, by whether they were new",
    labelNames: ["kind"],
    registers: [registry],
  });
  const refused = new Counter({
    name: "air_requests_refused_total",
    help: "Requests refused, by status",
    labelNames: ["status"],
    registers: [registry],
  });
  const jobs = new Gauge({ name: "air_jobs", help: "Jobs waiting or running, by queue", labelNames: ["queue"], registers: [registry] });
  const pending = new Gauge({ name: "air_actions_pending", help: "Actions that wait for a decision", registers: [registry] });
  const stale = new Gauge({
    name: "air_messages_stale",
    help: "Channels with messages that do not show the present yet",
    registers: [registry],
  });
  const troubled = new Gauge({
    name: "air_chat_troubles",
    help: "What keeps cards from people: channels that cannot be posted to, a refused account, another air on the same app",
    registers: [registry],
  });
  const figures = figureMetrics(registry, air);
  return {
    accepted: (list) => {
      for (const one of list) alerts.inc({ kind: one.duplicate ? "duplicate" : "new" });
    },
    refused: (status) => refused.inc({ status: String(status) }),
    contentType: registry.contentType,
    text: async () => {
      const now = await read();
      for (const [queue, count] of Object.entries(now.jobs)) jobs.set({ queue }, count);
      pending.set(now.pending);
      stale.set(now.stale);
      troubled.set(now.troubled);
      await figures();
      return registry.metrics();
    },
  };
}
