import { describe, expect, test } from "vitest";
import type { Alert } from "../../../src/engine/domain/alert.ts";
import { type AlertPolicy, alertPolicyFor, BUILT_IN_POLICIES, explainAlertPolicies } from "../../../src/engine/domain/alert-policy.ts";

const NOW = new Date("2026-11-02T12:00:00Z");
const alert = (more: Partial<Alert> = {}): Pick<Alert, "severity" | "category" | "title" | "product"> => ({
  severity: "medium",
  title: "Something happened",
  ...more,
});
const ask = (given: Partial<Alert>, policies: AlertPolicy[] = [], snoozes: Parameters<typeof alertPolicyFor>[3] = []) =>
  alertPolicyFor("siem", alert(given), policies, snoozes, NOW);
const own = (more: Partial<AlertPolicy>): AlertPolicy => ({
  name: "own",
  match: {},
  outcome: "post",
  from: "alertPolicies[0] in air.yaml",
  ...more,
});

describe("without any policy of one's own", () => {
  test.each(["low", "medium", "high", "critical"] as const)("%s is investigated", (severity) =>
    expect(ask({ severity })).toMatchObject({ outcome: "investigate", rule: "alerts of low severity and above are investigated" }),
  );
  test("informational is not", () => expect(ask({ severity: "informational" }).outcome).toBe("post"));
  // Domain facts 6.1: these start an investigation whatever their severity, and these never do by themselves.
  test.each([
    ["Email messages containing malicious file removed after delivery", "investigate"],
    ["Email messages containing malicious URL removed after delivery​", "investigate"],
    ["Email reported by user as malware or phish", "investigate"],
    ["Admin triggered manual investigation of email", "investigate"],
    ["User restricted from sending email", "investigate"],
    ["A potentially malicious URL click was detected involving one user", "investigate"],
    ["Creation of forwarding/redirect rule", "post"],
    ["Email reported by user as junk", "post"],
  ] as const)("%s: %s", (title, outcome) => {
    const answer = ask({ title, severity: "informational" });
    expect(answer.outcome).toBe(outcome);
    expect(answer.rule).toMatch(/^built-in policy /);
  });
  test("every built-in policy has a name of its own", () =>
    expect(new Set(BUILT_IN_POLICIES.map((policy) => policy.name)).size).toBe(BUILT_IN_POLICIES.length));
});

describe("policies of air.yaml", () => {
  test("come first, first match wins, and the rule is named", () => {
    const policies = [
      own({ name: "a", match: { source: ["siem"], category: ["malware"] }, outcome: "investigate" }),
      own({ name: "b", match: { source: ["si*"] }, outcome: "post", from: "alertPolicies[1] in air.yaml" }),
    ];
    expect(ask({ category: "Malware", severity: "informational" }, policies)).toMatchObject({
      outcome: "investigate",
      rule: "alertPolicies[0] in air.yaml",
      policy: "a",
    });
    expect(ask({ severity: "critical" }, policies)).toMatchObject({ outcome: "post", rule: "alertPolicies[1] in air.yaml" });
  });
  test("one that bears a built-in policy's name takes its place", () => {
    const title = "Email reported by user as malware or phish";
    const policies = [own({ name: "user-reported", match: { title: [`${title}*`] }, outcome: "post" })];
    expect(ask({ title }, policies)).toMatchObject({ outcome: "post", policy: "user-reported" });
    expect(explainAlertPolicies("siem", alert({ title }), policies, NOW).filter((one) => one.policy.name === "user-reported")).toHaveLength(
      1,
    );
  });
  test("a suppression names its owner and end, and ends", () => {
    const until = new Date(NOW.getTime() + 1000);
    const policies = [own({ outcome: "suppress", owner: "mia@contoso.com", until })];
    expect(ask({}, policies)).toMatchObject({ outcome: "suppress", rule: expect.stringContaining("by mia@contoso.com") });
    expect(alertPolicyFor("siem", alert(), policies, [], until).outcome).toBe("investigate");
  });
});

describe("a snooze", () => {
  const snooze = (policy: string, ms: number) => ({ policy, until: new Date(NOW.getTime() + ms), by: "Mia", reason: "red team" });
  const title = "Email reported by user as malware or phish";
  test("suppresses what its policy matches, and says who and why", () =>
    expect(ask({ title }, [], [snooze("user-reported", 1)])).toMatchObject({
      outcome: "suppress",
      rule: "policy user-reported is snoozed until 2026-11-02 12:00 UTC by Mia: red team",
    }));
  test("ends", () => expect(ask({ title }, [], [snooze("user-reported", 0)]).outcome).toBe("investigate"));
  test("touches nothing else", () => expect(ask({ title: "Else" }, [], [snooze("user-reported", 1)]).outcome).toBe("investigate"));
});

test("why a policy does not match is said by the first thing that differs", () => {
  const [first] = explainAlertPolicies("siem", alert({ severity: "low" }), [own({ match: { severity: ["high"], title: ["x"] } })], NOW);
  expect(first).toMatchObject({ matches: false, why: "its severity is low, not high" });
});
