import { actionId, alertId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import { STATUS_SENTENCE } from "../engine/domain/investigation.ts";
import type { ActionRow, ApprovalRow, EvidenceRow, IncidentRow, IncidentView, InvestigationRow, ObservationRow } from "../engine/store.ts";

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
  classification: row.classification,
  determination: row.determination,
  alertCount: row.alertCount,
  ...(row.stormId === null ? {} : { storm: row.stormId }),
  lab: row.lab,
});

export const investigationShape = (row: InvestigationRow, view?: IncidentView) => ({
  id: investigationId(row.id),
  incident: incidentId(row.incidentId),
  status: row.status,
  statusText: STATUS_SENTENCE[row.status],
  trigger: row.trigger,
  playbooks: row.playbooks,
  advice: row.advice,
  startedAt: row.startedAt.toISOString(),
  beganAt: row.beganAt?.toISOString() ?? null,
  endedAt: row.endedAt?.toISOString() ?? null,
  pendingSince: row.pendingSince?.toISOString() ?? null,
  waitingSince: row.waitingSince?.toISOString() ?? null,
  /** Milliseconds it waited for decisions and for devices so far, the present wait left out. */
  pendingMs: row.pendingMs,
  waitingMs: row.waitingMs,
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
        override: item.override,
        foundBy: item.foundBy,
        reasons: item.judgement ? [...item.judgement.for, ...item.judgement.against, ...item.judgement.missing] : [],
      })) ?? [],
  lab: row.lab,
});

/** One piece of evidence with every answer as it was given: raw, its SHA-256, when, by whom, and the connector's version. */
export const evidenceShape = (row: EvidenceRow, observations: readonly ObservationRow[]) => ({
  id: evidenceId(row.id),
  investigation: investigationId(row.investigationId),
  incident: incidentId(row.incidentId),
  entity: row.entity,
  said: row.said,
  verdict: row.verdict,
  override: row.override,
  remediation: row.remediation,
  foundBy: row.foundBy,
  judgement: row.judgement,
  observations: observations.map((seen) => ({
    look: seen.look,
    source: seen.source,
    family: seen.family,
    connectorVersion: seen.connectorVersion,
    label: seen.label,
    weight: seen.weight,
    text: seen.text,
    technique: seen.technique,
    at: seen.at.toISOString(),
    askedAt: seen.askedAt?.toISOString() ?? null,
    tookMs: seen.tookMs,
    raw: seen.raw,
    rawSha256: seen.rawSha256,
  })),
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
