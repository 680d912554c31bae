import type { NamedEntity } from "./domain/alert.ts";
import { type Entity, entityKey, evidenceKeys } from "./domain/entity.ts";
import type { Policy } from "./domain/policy.ts";
import { sha256 } from "./sha256.ts";
import type { EvidenceRow, InvestigationRow, New } from "./store.ts";

/** Evidence nobody has looked at yet. */
const unlooked = (entity: Entity) => ({
  digest: sha256(evidenceKeys(entity)[0]),
  entityDigest: sha256(entityKey(entity)),
  entity,
  verdict: "unknown" as const,
  judgement: null,
  override: null,
  lookedRound: null,
  grewAt: null,
});

/** Evidence as a look-up, a person or an approved expansion brings it in. */
export const freshEvidence = (
  entity: Entity,
  where: { investigationId: number; incidentId: number; foundBy: string; createdAt: Date },
): New<EvidenceRow> => ({
  ...where,
  ...unlooked(entity),
  said: [],
  remediation: "none",
});

/** Evidence as an alert names it. */
export const evidenceOf = (
  alert: { source: string; entities: readonly NamedEntity[]; eventAt: Date; receivedAt: Date },
  home: { investigationId: number; incidentId: number },
  policy: Policy,
): New<EvidenceRow>[] =>
  alert.entities.map((named) => ({
    ...home,
    ...unlooked(named.entity),
    said: [
      {
        source: alert.source,
        ...(named.verdict ? { verdict: named.verdict } : {}),
        ...(named.remediation ? { remediation: named.remediation } : {}),
        roles: named.roles,
        at: alert.eventAt.toISOString(),
        trusted: policy.trustedSources.has(alert.source),
      },
    ],
    remediation: named.remediation ?? "none",
    foundBy: null,
    createdAt: alert.receivedAt,
  }));

/** An investigation that waits for its first round. */
export const queuedInvestigation = (
  row: Pick<InvestigationRow, "id" | "incidentId" | "trigger" | "startedAt" | "lab" | "wanted">,
): InvestigationRow => ({
  ...row,
  status: "queued",
  playbooks: [],
  advice: [],
  round: 0,
  beganAt: null,
  endedAt: null,
  pendingSince: null,
  pendingMs: 0,
  waitingSince: null,
  waitingMs: 0,
});
