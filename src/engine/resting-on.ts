import type { Air } from "./air.ts";
import { sameProposal } from "./domain/action.ts";
import { playbooksFor } from "./investigate.ts";
import { type PlannedEvidence, plan } from "./playbook.ts";
import { targetDigest } from "./propose-actions.ts";
import type { ActionRow, EvidenceRow, InvestigationRow } from "./store.ts";

/*
 * Which actions rest on which evidence. A device is isolated because of what runs on it: the action's own piece of evidence is the device,
 * its grounds are the files. What the playbooks want with the evidence as it is, and would not want without, rests on it.
 */

type Grounds = {
  /** By proposal: the evidence it is wanted for. */
  wanted: (change?: { evidence: number; verdict: EvidenceRow["verdict"] }) => Map<string, Set<number>>;
};

async function groundsIn(air: Air, investigation: InvestigationRow): Promise<Grounds> {
  const [incident, alerts, evidence] = await Promise.all([
    air.store.incident(investigation.incidentId),
    air.store.alertsOf(investigation.incidentId),
    air.store.evidenceOf(investigation.id),
  ]);
  const playbooks = incident ? playbooksFor(air, incident, alerts) : [];
  return {
    wanted: (change) => {
      const planned = evidence.map(
        (row): PlannedEvidence => ({
          id: row.id,
          entity: row.entity,
          verdict: row.id === change?.evidence ? change.verdict : (row.override?.verdict ?? row.verdict),
          // Whatever was done about it since: the question is why it was done.
          roles: row.said.flatMap((said) => said.roles),
        }),
      );
      const wanted = new Map<string, Set<number>>();
      for (const { kind, target, because } of playbooks.flatMap((playbook) => plan(playbook, planned))) {
        const key = sameProposal({ kind, targetDigest: targetDigest(kind, target), undoes: null });
        wanted.set(key, new Set([...(wanted.get(key) ?? []), ...because]));
      }
      return wanted;
    },
  };
}

/** Would this action not have been proposed if the evidence were clean? */
export async function restingOn(air: Air, investigation: InvestigationRow, evidence: number): Promise<(action: ActionRow) => boolean> {
  const { wanted } = await groundsIn(air, investigation);
  const bad = wanted({ evidence, verdict: "malicious" });
  const clean = wanted({ evidence, verdict: "noThreatsFound" });
  return (action) => {
    // What was proposed because it is clean does not rest on its being bad.
    if (action.undoes !== null || action.kind === "allow-indicator") return false;
    const key = sameProposal(action);
    return !clean.has(key) && (bad.get(key)?.has(evidence) === true || action.evidenceId === evidence);
  };
}

/** The evidence an action was proposed for, as far as the playbooks say; else its own. */
export async function groundsOf(air: Air, action: ActionRow): Promise<number[]> {
  const investigation = await air.store.investigation(action.investigationId);
  const grounds = investigation && (await groundsIn(air, investigation)).wanted().get(sameProposal(action));
  if (grounds && grounds.size > 0) return [...grounds].sort((a, b) => a - b);
  return action.evidenceId === null ? [] : [action.evidenceId];
}
