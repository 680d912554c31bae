import type { Alert, Severity } from "./alert.ts";
import { globMatches } from "./policy.ts";

/*
 * Which alerts start an investigation, which are only shown, which are suppressed (product contract 3.4, domain facts 6.1).
 * First match wins: a snooze, then air.yaml, then the built-in policies, then the rule of severity. Pure; the rule that decided is kept
 * with the alert and said on the card.
 */

/** `post`: shown and listed, nothing is looked into. `suppress`: listed and counted only. */
export type AlertOutcome = "investigate" | "post" | "suppress";

export type AlertMatch = {
  source?: readonly string[] | undefined;
  category?: readonly string[] | undefined;
  severity?: readonly Severity[] | undefined;
  /** Patterns with `*` and `?`, without regard to case. */
  title?: readonly string[] | undefined;
  product?: readonly string[] | undefined;
};

export type AlertPolicy = {
  /** For `snooze <policy>`; of a policy in air.yaml without a name it is its place. */
  name: string;
  match: AlertMatch;
  outcome: AlertOutcome;
  /** Shown even where the channel shows only what is needed. */
  show?: boolean;
  /** A suppression has an owner and an end; after it the policy no longer matches. */
  owner?: string | undefined;
  until?: Date | undefined;
  /** Where it comes from, for people: "alertPolicies[2] in air.yaml", "built-in policy malware-zap". */
  from: string;
};

export type Snooze = { policy: string; until: Date; by: string; reason: string };

/** What the policies decided about one alert, and why. */
export type PolicyAnswer = { outcome: AlertOutcome; rule: string; policy: string | null; show: boolean };

const email = (name: string, outcome: AlertOutcome, ...title: string[]): AlertPolicy => ({
  name,
  match: { title },
  outcome,
  from: `built-in policy ${name}`,
});

/**
 * The alert policies that start an e-mail investigation in Defender for Office 365, by the titles Microsoft gives them (domain facts 6.1:
 * defender-office-365/air-about.md, defender-xdr/alert-policies.md), whatever their severity; and the ones that never do.
 */
export const BUILT_IN_POLICIES: readonly AlertPolicy[] = [
  email(
    "url-click",
    "investigate",
    "A potentially malicious URL click was detected*",
    "A user clicked through to a potentially malicious URL*",
  ),
  email("user-reported", "investigate", "Email reported by user as malware or phish*"),
  email(
    "mail-removed",
    "investigate",
    "Email messages containing malicious file removed after delivery*",
    "Email messages containing malicious URL removed after delivery*",
    "Email messages containing malware removed after delivery*",
    "Email messages containing phish URLs removed after delivery*",
    "Email messages from a campaign removed after delivery*",
    "Email messages removed after delivery*",
  ),
  email("mail-not-removed", "investigate", "Messages containing malicious entity not removed after delivery*"),
  email(
    "started-by-hand",
    "investigate",
    "Admin triggered manual investigation of email*",
    "Admin triggered user compromise investigation*",
    "Automated investigation started manually*",
  ),
  email("sending-pattern", "investigate", "Suspicious email sending patterns detected*", "User restricted from sending email*"),
  email("admin-action", "investigate", "Administrative action submitted by an Administrator*"),
  // Domain facts 6.1 "not auto-investigated": shown by their severity, looked into by hand.
  email(
    "forwarding-rule",
    "post",
    "Creation of forwarding/redirect rule*",
    "Suspicious forwarding activity*",
    "Suspicious email forwarding activity*",
  ),
  email("user-reported-junk", "post", "Email reported by user as junk*", "User reported junk*"),
  {
    name: "endpoint",
    match: {
      product: ["microsoftDefenderForEndpoint", "Microsoft Defender for Endpoint", "WindowsDefenderAtp"],
      severity: ["low", "medium", "high", "critical"],
    },
    outcome: "investigate",
    from: "built-in policy endpoint",
  },
];

const BY_SEVERITY = "alerts of low severity and above are investigated";
const INFORMATIONAL = "informational alerts start no investigation unless a policy says so";

/** What happens with this alert. A snoozed policy suppresses what it matches; a suppression whose end has passed matches nothing. */
export function alertPolicyFor(
  source: string,
  alert: Pick<Alert, "severity" | "category" | "title" | "product">,
  policies: readonly AlertPolicy[],
  snoozes: readonly Snooze[],
  now: Date,
): PolicyAnswer {
  const policy = [...policies, ...BUILT_IN_POLICIES.filter((one) => !policies.some((own) => own.name === one.name))].find(
    (one) => (one.until === undefined || one.until > now) && matches(one.match, source, alert),
  );
  const name = policy?.name ?? SEVERITY_POLICY;
  const snooze = snoozes.find((one) => one.policy === name && one.until > now);
  if (snooze) {
    const rule = `policy ${name} is snoozed until ${stamp(snooze.until)} by ${snooze.by}: ${snooze.reason}`;
    return { outcome: "suppress", rule, policy: name, show: false };
  }
  if (policy) {
    const until = policy.until ? ` until ${stamp(policy.until)}` : "";
    const owner = policy.outcome === "suppress" ? `, suppressed${until}${policy.owner ? ` by ${policy.owner}` : ""}` : "";
    return { outcome: policy.outcome, rule: `${policy.from}${owner}`, policy: name, show: policy.show ?? false };
  }
  return alert.severity === "informational"
    ? { outcome: "post", rule: INFORMATIONAL, policy: name, show: false }
    : { outcome: "investigate", rule: BY_SEVERITY, policy: name, show: false };
}

/** The rule that speaks where no policy does; it cannot be snoozed. */
export const SEVERITY_POLICY = "severity";

const stamp = (at: Date) => `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;

function matches(match: AlertMatch, source: string, alert: Pick<Alert, "severity" | "category" | "title" | "product">): boolean {
  const some = (patterns: readonly string[] | undefined, value: string | undefined) =>
    patterns === undefined || (value !== undefined && patterns.some((pattern) => globMatches(pattern, value)));
  return (
    some(match.source, source) &&
    some(match.category, alert.category) &&
    some(match.title, alert.title) &&
    some(match.product, alert.product) &&
    (match.severity === undefined || match.severity.includes(alert.severity))
  );
}

/** For `air policy explain` and `policies`: every policy in the order it is asked, and whether it matches. */
export function explainAlertPolicies(
  source: string,
  alert: Pick<Alert, "severity" | "category" | "title" | "product">,
  policies: readonly AlertPolicy[],
  now: Date,
): { policy: AlertPolicy; matches: boolean; why: string }[] {
  return [...policies, ...BUILT_IN_POLICIES.filter((one) => !policies.some((own) => own.name === one.name))].map((policy) => {
    if (policy.until !== undefined && policy.until <= now) return { policy, matches: false, why: `it ended ${stamp(policy.until)}` };
    const no = unmet(policy.match, source, alert);
    return { policy, matches: no === undefined, why: no ?? "it matches" };
  });
}

function unmet(match: AlertMatch, source: string, alert: Pick<Alert, "severity" | "category" | "title" | "product">): string | undefined {
  const given = { source, category: alert.category, title: alert.title, product: alert.product, severity: alert.severity };
  for (const field of ["source", "category", "severity", "title", "product"] as const) {
    const wanted = match[field];
    const value = given[field];
    if (wanted === undefined) continue;
    if (value === undefined) return `the alert names no ${field}`;
    if (!wanted.some((pattern) => globMatches(pattern, value))) return `its ${field} is ${value}, not ${wanted.join(" or ")}`;
  }
  return undefined;
}
