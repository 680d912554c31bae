import type { Verdict } from "./domain/alert.ts";
import type { EntityKind } from "./domain/entity.ts";
import { globMatches } from "./domain/policy.ts";
import type { PlannedEvidence, Playbook } from "./playbook.ts";
import { PHASES, type Phase } from "./playbook-shape.ts";

/** What decides who looks at a piece of evidence: where it comes from, what it is, and what it is judged to be by now. */
export type LookedAt = {
  /** `alert`: an alert (or a person) named it. `found`: a look-up came across it. */
  origin: "alert" | "found";
  verdict: Verdict;
  kind: EntityKind;
};

/**
 * Names of the analyzers that are to look at this evidence now: the union over the playbooks, in the order of the phases, each once.
 * The answer grows as the verdict gets worse (scoping), so it is asked again after judging. Pure.
 */
export function stepsFor(playbooks: readonly Playbook[], evidence: LookedAt): string[] {
  const names = PHASES.flatMap((phase) =>
    playbooks.flatMap((playbook) =>
      reaches(phase, playbook, evidence)
        ? playbook[phase]
            .filter(({ when }) => (when?.verdict?.includes(evidence.verdict) ?? true) && (when?.kind?.includes(evidence.kind) ?? true))
            .map(({ look }) => look)
        : [],
    ),
  );
  return [...new Set(names)];
}

function reaches(phase: Phase, playbook: Playbook, { origin, verdict }: LookedAt): boolean {
  switch (phase) {
    case "root":
      // The general playbook is also the one for expansion (domain 1.4): what was found is looked at by it as if it had been named.
      return origin === "alert" || playbook.applies === undefined;
    case "hunting":
      return true;
    case "scoping":
      return verdict === "malicious" || verdict === "suspicious";
    default:
      return phase satisfies never;
  }
}

export type Advised = {
  evidenceId: number;
  text: string;
  /** "user-compromise, advice 2": which sentence of which playbook it is. */
  rule: string;
};

/** What the playbook tells the analyst to do by hand about this evidence. Pure; each sentence once per piece of evidence. */
export function adviceFor(playbook: Playbook, evidence: readonly PlannedEvidence[]): Advised[] {
  return playbook.advice.flatMap((advice, index) =>
    evidence
      .filter(
        ({ entity, verdict, roles }) =>
          advice.for.includes(entity.kind) &&
          advice.when.some((wanted) => wanted === verdict) &&
          (advice.roles === undefined || (roles ?? []).some((role) => advice.roles?.some((pattern) => globMatches(pattern, role)))),
      )
      .map(({ id }) => ({ evidenceId: id, text: advice.text, rule: `${playbook.name}, advice ${index + 1}` })),
  );
}
