import type { ActionKindName, BlastRadius } from "./action.ts";
import { approvalsNeeded } from "./approval.ts";
import type { Policy } from "./policy.ts";
import { type StepUpFacts, stepUpOf } from "./step-up.ts";

/** More at once nobody looks through before deciding. */
export const MOST_AT_ONCE = 50;

export type BulkFacts = StepUpFacts & { kind: ActionKindName; blastRadius: BlastRadius };

/** A bulk decision counts as the sum of what its actions reach (product contract 6). */
export type Sum = {
  count: number;
  unit: BlastRadius["unit"];
  protectedHits: string[];
  /** How many of them need two by themselves. */
  needTwo: number;
  /** How many people the sum needs; each of the actions may need more by itself. */
  approvals: 1 | 2;
  /** What has to be typed; undefined: pressing is enough. */
  type: string | undefined;
};

/** All of one kind. */
export function sumOf(actions: readonly BulkFacts[], policy: Policy): Sum {
  const [first] = actions;
  if (!first) return { count: 0, unit: "indicator", protectedHits: [], needTwo: 0, approvals: 1, type: undefined };
  const count = actions.reduce((sum, action) => sum + action.blastRadius.count, 0);
  const { unit } = first.blastRadius;
  const approvals = approvalsNeeded(first.kind, { ...first.blastRadius, count, protectedHits: [] }, policy);
  const steps = approvals > 1 || actions.some((action) => stepUpOf(action).needed);
  return {
    count,
    unit,
    protectedHits: [...new Set(actions.flatMap((action) => action.blastRadius.protectedHits))],
    needTwo: actions.filter((action) => action.approvalsNeeded > 1).length,
    approvals,
    type: steps ? `${count} ${unit}${count === 1 ? "" : "s"}` : undefined,
  };
}
