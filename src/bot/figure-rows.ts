import { incidentId } from "../engine/air.ts";
import { type FigureRow, type IncidentFigures, MEASURED, timesOf } from "../engine/domain/figures.ts";
import type { IncidentRow, Reads } from "../engine/store.ts";

/* The figures of incidents as JSON and as CSV: of one incident, and of many by group. */

/** `times` in milliseconds; null: it has not happened (yet). */
export function figuresShape(figures: IncidentFigures) {
  const moment = (at: Date | null) => at?.toISOString() ?? null;
  const { acknowledge, verdict, decision, containment, close } = timesOf(figures);
  return {
    acknowledgedAt: moment(figures.acknowledgedAt),
    firstBadVerdictAt: moment(figures.accusedAt),
    verdictAt: moment(figures.judgedAt),
    proposedAt: moment(figures.proposedAt),
    decidedAt: moment(figures.decidedAt),
    decidedBy: figures.decidedBy,
    approver: figures.approver,
    family: figures.family,
    containedAt: moment(figures.containedAt),
    closedAt: moment(figures.closedAt),
    playbook: figures.playbook,
    ms: { acknowledge, verdict, decision, containment, close },
  };
}

export const INCIDENT_FIGURE_COLUMNS = [
  "id",
  "severity",
  "status",
  "classification",
  "playbook",
  "approver",
  "family",
  "openedAt",
  "acknowledgedAt",
  "firstBadVerdictAt",
  "verdictAt",
  "proposedAt",
  "decidedAt",
  "containedAt",
  "closedAt",
  "acknowledgeMs",
  "verdictMs",
  "decisionMs",
  "containmentMs",
  "closeMs",
  "lab",
] as const;

/** Of a page of incidents, in their order; one that was merged into another is counted there. */
export async function incidentFigureRows(store: Reads, incidents: readonly IncidentRow[]): Promise<Record<string, unknown>[]> {
  const figures = await store.figuresOf(incidents.map((row) => row.id));
  return incidents.flatMap((row) => {
    const of = figures.get(row.id);
    if (!of) return [];
    const { ms, decidedBy: _decidedBy, ...shape } = figuresShape(of);
    const { severity, status, classification, openedAt, lab } = row;
    const times = Object.fromEntries(Object.entries(ms).map(([name, value]) => [`${name}Ms`, value]));
    return [{ id: incidentId(row.id), severity, status, classification, openedAt, lab, ...shape, ...times }];
  });
}

export const FIGURE_COLUMNS = ["group", "incidents", ...MEASURED.flatMap((name) => [`${name}N`, `${name}P50Ms`, `${name}P90Ms`])] as const;

export const figureRow = (row: FigureRow): Record<string, unknown> => ({
  group: row.group,
  incidents: row.incidents,
  ...Object.fromEntries(
    MEASURED.flatMap((name) => [
      [`${name}N`, row[name].n],
      [`${name}P50Ms`, row[name].p50],
      [`${name}P90Ms`, row[name].p90],
    ]),
  ),
});
