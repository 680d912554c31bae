import { actionId, alertId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import type { ActionRow, ApprovalRow, IncidentRow, IncidentView, InvestigationRow } from "../engine/store.ts";

/* The JSON of product contract 3.2: rows in, public names out. */

export const incidentShape = (row: IncidentRow, view?: IncidentView) => ({
  id: incidentId(row.id),
  title: row.title,
  severity: row.severity,
  status: row.status,
  ...(row.redirectTo === null ? {} : { redirectTo: incidentId(row.redirectTo) }),
  alerts: view?.alerts.map((alert) => alertId(alert.id)) ?? [],
  investigations: view?.investigations.map((one) => investigationId(one.id)) ?? [],
  entities: view ? view.evidence.map((item) => item.entity) : [],
  openedAt: row.openedAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
  assignee: row.assignee,
  lab: row.lab,
});

export const investigationShape = (row: InvestigationRow, view?: IncidentView) => ({
  id: investigationId(row.id),
  incident: incidentId(row.incidentId),
  status: row.status,
  trigger: row.trigger,
  playbooks: row.playbooks,
  startedAt: row.startedAt.toISOString(),
  endedAt: row.endedAt?.toISOString() ?? null,
  actions: view?.actions.filter((action) => action.investigationId === row.id).map((action) => actionId(action.id)) ?? [],
  evidence:
    view?.evidence
      .filter((item) => item.investigationId === row.id)
      .map((item) => ({
        id: evidenceId(item.id),
        entity: item.entity,
        verdict: item.verdict,
        remediation: item.remediation,
        flip: item.judgement?.flip ?? null,
        reasons: item.judgement ? [...item.judgement.for, ...item.judgement.against, ...item.judgement.missing] : [],
      })) ?? [],
  lab: row.lab,
});

export const actionShape = (row: ActionRow, approvals: readonly ApprovalRow[]) => ({
  id: actionId(row.id),
  kind: row.kind,
  target: row.target,
  family: row.family,
  investigation: investigationId(row.investigationId),
  incident: incidentId(row.incidentId),
  state: row.state,
  version: row.version,
  deadline: row.deadline.toISOString(),
  expiresAt: row.expiresAt.toISOString(),
  approvals: {
    needed: row.approvalsNeeded,
    given: approvals.filter((one) => one.version === row.version).map((one) => ({ by: one.name, at: one.at.toISOString(), via: one.via })),
  },
  decision: row.decision,
  source: row.source,
  undoable: row.undoable,
  blastRadius: row.blastRadius,
  rule: row.rule,
  byHand: row.byHand,
  outcome: row.outcome,
  proposedAt: row.proposedAt.toISOString(),
  endedAt: row.endedAt?.toISOString() ?? null,
  lab: row.lab,
});

/** RFC 4180, with cells a spreadsheet would run made harmless (product contract 3.2). */
export function toCsv(rows: readonly Record<string, unknown>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value: unknown): string => {
    const text = value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `${[columns, ...rows.map((row) => columns.map((column) => row[column]))].map((line) => line.map(cell).join(",")).join("\r\n")}\r\n`;
}
