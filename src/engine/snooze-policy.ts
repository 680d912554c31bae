import type { Air } from "./air.ts";
import { audited, authorise } from "./authorise.ts";
import { severityRank } from "./domain/alert.ts";
import { BUILT_IN_POLICIES, SEVERITY_POLICY } from "./domain/alert-policy.ts";
import { actorOf, type Person } from "./domain/approval.ts";
import { Refusal } from "./domain/errors.ts";
import { mustFit } from "./domain/words.ts";

/** A snooze nobody remembers must not last for ever; what is to stay silent longer belongs in air.yaml, where it is reviewed. */
const LONGEST_MS = 30 * 86_400_000;

/**
 * Silences an alert policy for a while: what it matches is stored, listed and counted, and neither shown nor looked into.
 * A policy that matches high or critical alerts needs an approver.
 *
 * @throws Refusal forbidden | not-found | invalid
 */
export async function snoozePolicy(
  air: Air,
  person: Person,
  request: { policy: string; forMs: number; reason: string },
): Promise<{ until: Date }> {
  const asked = { verb: "policy.snooze", subject: request.policy.slice(0, 80), need: needOf(air, request.policy) } as const;
  await authorise(air, person, asked);
  mustFit(request.reason, "reason");
  return audited(air, person, asked, async () => {
    const known = names(air);
    if (!known.includes(request.policy))
      throw new Refusal("not-found", `There is no alert policy ${request.policy.slice(0, 60)}. There are: ${known.join(", ")}.`);
    if (request.forMs <= 0 || request.forMs > LONGEST_MS)
      throw new Refusal("invalid", "A snooze lasts at most 30 days. For longer, suppress it in air.yaml.");
    const now = air.clock.now();
    const until = new Date(now.getTime() + request.forMs);
    await air.store.transaction(async (tx) => {
      await tx.endSnoozes(request.policy, person.name, now);
      await tx.addSnooze({
        policy: request.policy,
        by: person.name,
        reason: request.reason,
        createdAt: now,
        until,
        endedBy: null,
      });
      await tx.writeAudit([
        {
          at: now,
          actor: actorOf(person),
          event: "policy.snoozed",
          subject: request.policy,
          data: { until: until.toISOString(), reason: request.reason },
        },
      ]);
      await tx.notifyChange();
    });
    return { until };
  });
}

/**
 * What the policy matches is shown and looked into again, before its time. Whoever may silence it may end that.
 *
 * @throws Refusal forbidden | not-found
 */
export async function unsnoozePolicy(air: Air, person: Person, policy: string): Promise<void> {
  const asked = { verb: "policy.unsnooze", subject: policy.slice(0, 80), need: needOf(air, policy) } as const;
  await authorise(air, person, asked);
  await audited(air, person, asked, () =>
    air.store.transaction(async (tx) => {
      const now = air.clock.now();
      if ((await tx.endSnoozes(policy, person.name, now)) === 0)
        throw new Refusal(
          "not-found",
          names(air).includes(policy)
            ? `${policy} is not snoozed.`
            : `There is no alert policy ${policy.slice(0, 60)}, and none of that name is snoozed. There are: ${names(air).join(", ")}.`,
        );
      await tx.writeAudit([{ at: now, actor: actorOf(person), event: "policy.unsnoozed", subject: policy, data: {} }]);
      await tx.notifyChange();
    }),
  );
}

const names = (air: Air): string[] =>
  [...new Set([...air.policy().alertPolicies.map((policy) => policy.name), ...BUILT_IN_POLICIES.map((policy) => policy.name)])].filter(
    (name) => name !== SEVERITY_POLICY,
  );

/** Silencing what may be high or critical is a decision, not a convenience. */
function needOf(air: Air, name: string): "responder" | "approver" {
  const policy = [...air.policy().alertPolicies, ...BUILT_IN_POLICIES].find((one) => one.name === name);
  // What does not exist is told to whoever may ask at all.
  if (!policy) return "responder";
  const severities = policy.match.severity;
  return !severities || severities.some((severity) => severityRank(severity) >= severityRank("high")) ? "approver" : "responder";
}
