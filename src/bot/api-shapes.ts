import { actionKinds } from "../engine/actions/all.ts";
import { actionId, alertId, evidenceId, incidentId, investigationId } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { readStored } from "../engine/domain/action.ts";
import { type Entity, entityName } from "../engine/domain/entity.ts";
import { STATUS_SENTENCE } from "../engine/domain/investigation.ts";
import { stepUpOf } from "../engine/domain/step-up.ts";
import { onceEach } from "../engine/once-each.ts";
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
  entities: view ? onceEach(view.evidence).map((item) => item.entity) : [],
  openedAt: row.openedAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
  assignee: row.assignee,
  classification: row.classification,
  determination: row.determination,
  alertCount: row.alertCount,
  ...(row.stormId === null ? {} : { storm: row.stormId }),
  ...(row.preexisting ? { preexisting: true } : {}),
  ...(view?.snooze && view.snooze.endedAt === null
    ? { silent: { kind: view.snooze.kind, by: view.snooze.by, reason: view.snooze.reason, until: view.snooze.until.toISOString() } }
    : {}),
  ...(view && view.vendorIncidents.length > 0
    ? {
        vendorIncidents: view.vendorIncidents.map((one) => ({
          source: one.source,
          id: one.vendorId,
          url: one.url,
          status: one.status,
          assignee: one.assignee,
          redirectTo: one.redirectTo,
        })),
      }
    : {}),
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
    raw: seen.rawRemovedAt ? null : seen.raw,
    rawSha256: seen.rawSha256,
    ...(seen.rawRemovedAt ? { rawRemoved: rawRemovedText(seen.createdAt, seen.rawRemovedAt) } : {}),
  })),
});

const DAY_MS = 86_400_000;
const rawRemovedText = (from: Date, to: Date) =>
  `The raw answer was removed after ${Math.floor((to.getTime() - from.getTime()) / DAY_MS)} days; its SHA-256 stays.`;

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
  /** What a person has to type to approve it; null: nothing. */
  stepUp: stepUpShape(row),
  undoes: row.undoes === null ? null : actionId(row.undoes),
  rejectedBefore: row.rejectedBefore === null ? null : actionId(row.rejectedBefore),
  breakGlass: row.breakGlass && {
    by: row.breakGlass.by,
    at: row.breakGlass.at,
    reason: row.breakGlass.reason,
    confirmed: row.breakGlass.confirmed ?? null,
    reviewed: row.breakGlass.reviewed ?? null,
  },
  blastRadius: row.blastRadius,
  rule: row.rule,
  byHand: row.byHand,
  outcome: row.outcome,
  proposedAt: row.proposedAt.toISOString(),
  decidedAt: row.decidedAt?.toISOString() ?? null,
  endedAt: row.endedAt?.toISOString() ?? null,
  /** The columns of the Action center (domain facts 4.2), in words. */
  updatedAt: updatedAt(row).toISOString(),
  approvalId: actionId(row.id),
  details: actionKinds[row.kind].title(row.target, readStored(row.params).params),
  entityType: row.target.kind,
  asset: assetOf(row.target),
  decisionWord: decisionWord(row),
  decidedBy: decidedBy(row),
  status: STATE_WORD[row.state].word,
  connector: row.connector,
  deviceGroup: row.deviceGroup,
  lab: row.lab,
});

/** When something last happened to it. */
const updatedAt = (row: Pick<ActionRow, "proposedAt" | "decidedAt" | "executingAt" | "endedAt">): Date =>
  row.endedAt ?? row.executingAt ?? row.decidedAt ?? row.proposedAt;

/** The decision apart from what became of it: Pending, Approved, Done by hand, Rejected, Expired, Cancelled. */
function decisionWord({ decision, state }: Pick<ActionRow, "decision" | "state">): string {
  if (state === "cancelled" || state === "expired" || state === "byHand") return STATE_WORD[state].word.replace(/,.*/, "");
  if (decision) return decision.decision === "reject" ? "Rejected" : "Approved";
  return "Pending";
}

/** Who decided: a name, Automation, or System where the time ran out. */
export const decidedBy = ({ decision, state }: Pick<ActionRow, "decision" | "state">): string | null =>
  decision ? (decision.decision === "automatic" ? "Automation" : decision.by) : state === "expired" ? "System" : null;

/** The device, mailbox or account it happens on; null: everywhere, as with a block. */
function assetOf(target: Entity): string | null {
  if (target.kind === "device" || target.kind === "user" || target.kind === "mailbox") return entityName(target);
  if ("device" in target && target.device) return target.device;
  return target.kind === "message" ? (target.recipient ?? null) : null;
}

function stepUpShape(row: ActionRow): { type: string; because: string } | null {
  const stepUp = row.state === "pending" && (row.byHand === null || row.approvalsNeeded > 1) ? stepUpOf(row) : { needed: false as const };
  return stepUp.needed ? { type: stepUp.type, because: stepUp.because } : null;
}
