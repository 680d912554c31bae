import type { ActionKindName } from "./action.ts";
import type { Alert, Severity } from "./alert.ts";

/** What the organisation decided, from air.yaml and its defaults. Durations are milliseconds. */
export type Mode = "observe" | "ask" | "act";
export type AutomationLevel = "full" | "semi-all" | "semi-core" | "semi-non-temp" | "none";

export type Policy = {
  mode: Mode;
  organization: { name: string; domains: string[]; internalRanges: string[] };
  /** Rank order, first match wins; no match is `semi-all` (product contract 6, domain facts 2.4). */
  deviceGroups: { name: string; match?: string; automation: AutomationLevel }[];
  /** `kind:pattern`, added to the built-in list. */
  protected: string[];
  perKind: Partial<Record<ActionKindName, { approval?: "always" | "matrix"; approvals?: 1 | 2; expiresAfter?: number }>>;
  ceilings: { perKindPerHour: number; perDay: number; devicesPerInvestigation: number };
  alertPolicies: { source?: string[]; category?: string[]; severity?: Severity[]; investigate: boolean }[];
  /** How far apart two alerts may lie and still join, per kind of shared entity. */
  correlation: { device: number; file: number; url: number; user: number; ip: number };
  /** Sources whose alerts may carry automatic actions. */
  trustedSources: ReadonlySet<string>;
};

const HOUR = 3_600_000;
const MINUTE = 60_000;

export const DEFAULT_CORRELATION = { device: 24 * HOUR, file: 24 * HOUR, url: 24 * HOUR, user: 24 * HOUR, ip: HOUR };
export const DEFAULT_CEILINGS = { perKindPerHour: 10, perDay: 25, devicesPerInvestigation: 5 };

/** Response deadline by severity (product contract 6); low and informational wait for the next digest: a day. */
export const responseDeadline = (severity: Severity): number =>
  ({ critical: 10 * MINUTE, high: 30 * MINUTE, medium: 8 * HOUR, low: 24 * HOUR, informational: 24 * HOUR })[severity];

/** When an unanswered proposal lapses: containment 24 h, mail 7 d, the rest 3 d (product contract 6). */
export function expiresAfter(kind: ActionKindName, policy: Policy): number {
  const own = policy.perKind[kind]?.expiresAfter;
  if (own !== undefined) return own;
  switch (kind) {
    case "isolate-device":
    case "disable-user":
    case "revoke-sessions":
    case "block-indicator":
      return 24 * HOUR;
    case "soft-delete-mail":
    case "restore-mail":
      return 7 * 24 * HOUR;
    case "quarantine-file":
    case "restore-file":
    case "release-device":
    case "enable-user":
    case "unblock-indicator":
      return 72 * HOUR;
    default:
      return kind satisfies never;
  }
}

/** Does this alert start (or join) an investigation, and which rule says so (product contract 3.4, alertPolicies). */
export function investigates(
  source: string,
  alert: Pick<Alert, "severity" | "category">,
  policy: Policy,
): { investigate: boolean; rule: string } {
  for (const [index, rule] of policy.alertPolicies.entries()) {
    if (rule.source && !rule.source.includes(source)) continue;
    if (rule.severity && !rule.severity.includes(alert.severity)) continue;
    if (rule.category && !rule.category.some((category) => category.toLowerCase() === alert.category?.toLowerCase())) continue;
    return { investigate: rule.investigate, rule: `alertPolicies[${index}] in air.yaml` };
  }
  return alert.severity === "informational"
    ? { investigate: false, rule: "informational alerts start no investigation unless a policy says so" }
    : { investigate: true, rule: "alerts of low severity and above are investigated" };
}

/** `*` and `?` only, case-insensitive, linear in the text: two pointers, no backtracking beyond the last star. */
export function globMatches(pattern: string, text: string): boolean {
  const p = pattern.toLowerCase();
  const t = text.toLowerCase();
  let pi = 0;
  let ti = 0;
  let star = -1;
  let mark = 0;
  while (ti < t.length) {
    if (pi < p.length && (p[pi] === "?" || (p[pi] === t[ti] && p[pi] !== "*"))) {
      pi++;
      ti++;
    } else if (p[pi] === "*") {
      star = pi++;
      mark = ti;
    } else if (star >= 0) {
      pi = star + 1;
      ti = ++mark;
    } else return false;
  }
  while (p[pi] === "*") pi++;
  return pi === p.length;
}
