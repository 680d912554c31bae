import { Gauge, type Registry } from "prom-client";
import type { Air } from "../engine/air.ts";
import { FAMILIES } from "../engine/domain/action.ts";
import { type FigureRow, MEASURED, type Measured } from "../engine/domain/figures.ts";

/** A scrape reads what the last one of this age read. */
const KEPT_MS = 60_000;
const BACK_MS = 7 * 86_400_000;
/** What is counted together because its name is none that air has now. */
const OTHER = "other";
const ALL = "all";

/**
 * The figures of the last seven days for a monitoring system: gauges read from the rows, so that they are the same in every process and
 * after a restart. No person is in them; labels are names of playbooks and families, severities, states and steps, all of them few.
 */
export function figureMetrics(registry: Registry, air: Pick<Air, "store" | "clock" | "capabilities" | "playbooks">): () => Promise<void> {
  const registers = [registry];
  const times = Object.fromEntries(
    MEASURED.map((name) => [
      name,
      {
        seconds: new Gauge({
          name: `air_time_to_${name}_seconds`,
          help: `${HELP[name]}; incidents opened in the last 7 days, by playbook and, apart from it, by family of the decision`,
          labelNames: ["playbook", "family", "quantile"],
          registers,
        }),
        incidents: new Gauge({
          name: `air_time_to_${name}_incidents`,
          help: `How many incidents air_time_to_${name}_seconds rests on`,
          labelNames: ["playbook", "family"],
          registers,
        }),
      },
    ]),
  ) as Record<Measured, { seconds: Gauge; incidents: Gauge }>;
  const incidents = new Gauge({
    name: "air_incidents",
    help: "Incidents opened in the last 7 days",
    labelNames: ["severity", "outcome"],
    registers,
  });
  const pages = new Gauge({
    name: "air_pages",
    help: "Whom air had to tell something in the last 7 days, by why and what became of it",
    labelNames: ["step", "outcome"],
    registers,
  });
  const automatic = new Gauge({
    name: "air_automatic_actions",
    help: "Actions nobody was asked about, of the last 7 days",
    labelNames: ["kind", "state"],
    registers,
  });

  function setTimes(rows: readonly FigureRow[], label: (group: string | null) => { playbook: string; family: string }): void {
    for (const row of rows)
      for (const name of MEASURED) {
        const { n, p50, p90 } = row[name];
        const labels = label(row.group);
        if (n === 0 || p50 === null || p90 === null) continue;
        times[name].incidents.set(labels, n);
        times[name].seconds.set({ ...labels, quantile: "0.5" }, p50 / 1000);
        times[name].seconds.set({ ...labels, quantile: "0.9" }, p90 / 1000);
      }
  }

  async function read(): Promise<void> {
    const to = air.clock.now();
    const span = { from: new Date(to.getTime() - BACK_MS), to, lab: air.capabilities.lab };
    const [all, byPlaybook, byFamily, outcomes, gauges] = [
      await air.store.figures(span),
      await air.store.figures({ ...span, by: "playbook" }),
      await air.store.figures({ ...span, by: "family" }),
      await air.store.outcomes(span),
      await air.store.gauges(span),
    ];
    const known = new Set(air.playbooks().map((playbook) => playbook.name));
    for (const one of [...Object.values(times).flatMap((two) => [two.seconds, two.incidents]), incidents, pages, automatic]) one.reset();
    setTimes(all, () => ({ playbook: ALL, family: ALL }));
    // A playbook that is gone is not told apart from others that are, of which the last would win.
    setTimes(
      byPlaybook.filter(({ group }) => group !== null && known.has(group)),
      (group) => ({ playbook: group ?? OTHER, family: ALL }),
    );
    setTimes(
      byFamily.filter(({ group }) => FAMILIES.some((family) => family === group)),
      (group) => ({ playbook: ALL, family: group ?? OTHER }),
    );
    for (const row of outcomes) incidents.set({ severity: row.severity, outcome: row.outcome }, row.incidents);
    for (const row of gauges.pages)
      pages.inc({ step: /^[a-z-]{1,30}$/.test(row.step) ? row.step : OTHER, outcome: row.outcome }, row.pages);
    for (const row of gauges.automatic) automatic.set({ kind: row.kind, state: row.state }, row.actions);
  }

  let kept: { at: number; reading: Promise<void> } | undefined;
  return () => {
    const now = air.clock.now().getTime();
    if (!kept || Math.abs(now - kept.at) >= KEPT_MS) {
      const reading = read();
      kept = { at: now, reading };
      // What failed is not kept.
      reading.catch(() => {
        if (kept?.reading === reading) kept = undefined;
      });
    }
    return kept.reading;
  };
}

const HELP: Record<Measured, string> = {
  acknowledge: "From when an incident opened until somebody acknowledged it for the first time",
  verdict: "From when an incident opened until what it comes to was known",
  decision: "From a proposal until a person decided it, the first decision of each incident",
  containment: "From when an incident opened until the first action that contains a threat was done",
};
