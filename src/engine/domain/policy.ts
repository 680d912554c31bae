import type { ActionKindName } from "./action.ts";
import type { Severity } from "./alert.ts";
import type { AlertPolicy } from "./alert-policy.ts";
import type { IntakeExclusions } from "./intake-exclusions.ts";

/* What the organisation decided, from air.yaml and its defaults. Durations are milliseconds. */

export const MODES = ["observe", "ask", "act"] as const;
export type Mode = (typeof MODES)[number];
export type AutomationLevel = "full" | "semi-all" | "semi-core" | "semi-non-temp" | "none";

/** Patterns without a drive letter, lower case, `*` spans segments. Temp wins over core. */
export type FolderLists = { tempFolders: readonly string[]; coreFolders: readonly string[] };

/** What air leaves alone, from air.yaml `automation.exclude` (domain facts 2.5 and 2.8). Everything in lower case. */
export type Exclusions = {
  /** Without drive and wildcards, with everything below: `\builds\out`. */
  folders: readonly string[];
  /** Without the dot. */
  extensions: readonly string[];
  /** Whole file names. */
  names: readonly string[];
  /** SecOps mailboxes: what arrives there is being looked at by people. */
  mailboxes: readonly string[];
  /** Senders of phishing simulations: an address, or a domain. */
  senders: readonly string[];
  /** Links of phishing simulations: a host, `*.host`, or a host with the beginning of a path. */
  urls: readonly string[];
};

/** What "automatic" means here: folders that count as temp or core, what is left alone, and the opt-in for mail (domain facts 2.5, 2.7, 2.8). */
export type AutomationSettings = FolderLists & { exclude: Exclusions; mail: { similarFiles: boolean; similarUrls: boolean } };

export type Policy = {
  mode: Mode;
  /** air.yaml says nothing of it: an admin sets it by command, and `mode` is what stood in the row when it was last read. */
  modeByCommand?: boolean;
  automation: AutomationSettings;
  organization: { name: string; domains: string[]; internalRanges: string[] };
  /** Rank order, first match wins; no match is `semi-all` (product contract 6, domain facts 2.4). */
  deviceGroups: { name: string; match?: string; automation: AutomationLevel }[];
  /** `kind:pattern`, added to the built-in list. */
  protected: string[];
  perKind: Partial<Record<ActionKindName, { approval?: "always" | "matrix"; approvals?: 1 | 2; expiresAfter?: number }>>;
  /** Only what air.yaml says otherwise than by default. */
  deadlines?: Partial<Deadlines>;
  ceilings: { perKindPerHour: number; perDay: number; devicesPerInvestigation: number };
  /** Who asked for an action by hand may be one of its two approvers. */
  requesterMayApprove?: boolean;
  /** Alerts that are stored and counted, and looked into by nobody here. */
  exclude?: IntakeExclusions;
  /** From air.yaml, asked before the built-in ones. */
  alertPolicies: readonly AlertPolicy[];
  /**
   * How far apart two alerts may lie and still join, per kind of shared entity; `mailBucket`: repeats of one Office 365 policy within it
   * are one matter (1 min with a plan of the E5 kind, 15 min with others).
   */
  correlation: { device: number; file: number; url: number; user: number; ip: number; mailBucket: number };
  /** More alike alerts (source, category, severity) than `alike` within `within` are a storm. */
  storm: { alike: number; within: number };
  /** Sources whose alerts may carry automatic actions. */
  trustedSources: ReadonlySet<string>;
};

const HOUR = 3_600_000;
const MINUTE = 60_000;

export const DEFAULT_CORRELATION = { device: 24 * HOUR, file: 24 * HOUR, url: 24 * HOUR, user: 24 * HOUR, ip: HOUR, mailBucket: MINUTE };
/** Product contract 4. */
export const DEFAULT_STORM = { alike: 20, within: MINUTE };
export const DEFAULT_AUTOMATION: AutomationSettings = {
  // The five temp and download patterns Microsoft published; Program Files is core, as the CHOICE in domain facts 2.5 says.
  tempFolders: [
    "\\users\\*\\appdata\\local\\temp\\*",
    "\\documents and settings\\*\\local settings\\temp\\*",
    "\\documents and settings\\*\\local settings\\temporary\\*",
    "\\windows\\temp\\*",
    "\\users\\*\\downloads\\*",
  ],
  coreFolders: [
    "\\windows\\*",
    "\\program files\\*",
    "\\program files (x86)\\*",
    // Beyond Windows: what macOS and Linux keep their own programs in is as core there.
    ...["usr", "bin", "sbin", "lib", "lib64", "etc", "boot", "opt", "system", "library", "applications"].map((name) => `\\${name}\\*`),
  ],
  exclude: { folders: [], extensions: [], names: [], mailboxes: [], senders: [], urls: [] },
  mail: { similarFiles: false, similarUrls: false },
};
export const DEFAULT_CEILINGS = { perKindPerHour: 10, perDay: 25, devicesPerInvestigation: 5 };

/** How long somebody has to answer, by severity (product contract 6). `digest`: it waits for the next one, and nobody is told before. */
type Deadlines = Readonly<Record<Severity, number | "digest">>;
const DEFAULT_DEADLINES: Deadlines = {
  critical: 10 * MINUTE,
  high: 30 * MINUTE,
  medium: 8 * HOUR,
  low: "digest",
  informational: "digest",
};
const deadlineOf = (severity: Severity, policy: Pick<Policy, "deadlines">) => policy.deadlines?.[severity] ?? DEFAULT_DEADLINES[severity];

/** The next digest is at most a day away. */
export function responseDeadline(severity: Severity, policy: Pick<Policy, "deadlines">): number {
  const own = deadlineOf(severity, policy);
  return own === "digest" ? 24 * HOUR : own;
}
export const answersByDigest = (severity: Severity, policy: Pick<Policy, "deadlines">) => deadlineOf(severity, policy) === "digest";

/** When an unanswered proposal lapses: containment 24 h, mail 7 d, the rest 3 d (product contract 6). */
export function expiresAfter(kind: ActionKindName, policy: Policy): number {
  const own = policy.perKind[kind]?.expiresAfter;
  if (own !== undefined) return own;
  switch (kind) {
    case "isolate-device":
    case "restrict-execution":
    case "disable-user":
    case "revoke-sessions":
    case "confirm-compromised":
    case "force-password-reset":
    case "block-indicator":
    case "disable-app":
    case "remove-app-consent":
    case "disable-access-key":
    case "kill-process":
    case "expand-investigation":
      return 24 * HOUR;
    case "soft-delete-mail":
    case "move-to-junk":
    case "hard-delete-mail":
    case "restore-mail":
    case "turn-off-forwarding":
    case "restore-forwarding":
    case "remove-delegation":
    case "block-sender":
      return 7 * 24 * HOUR;
    case "quarantine-file":
    case "restore-file":
    case "release-device":
    case "unrestrict-execution":
    case "scan-device":
    case "collect-package":
    case "offboard-device":
    case "enable-user":
    case "dismiss-risk":
    case "unblock-indicator":
    case "allow-indicator":
    case "enable-app":
    case "restore-app-consent":
    case "enable-access-key":
    case "remove-registry-key":
    case "stop-service":
    case "disable-driver":
    case "remove-scheduled-task":
      return 72 * HOUR;
    default:
      return kind satisfies never;
  }
}

/** What is gone for good is decided by two, whatever it reaches, unless air.yaml says otherwise (product contract 6). */
const TWO_APPROVERS: ReadonlySet<ActionKindName> = new Set(["offboard-device", "hard-delete-mail"]);

/** How many people must agree on an action of this kind before its reach is looked at. */
export const approvalsOfKind = (kind: ActionKindName, policy: Pick<Policy, "perKind">): 1 | 2 =>
  policy.perKind[kind]?.approvals ?? (TWO_APPROVERS.has(kind) ? 2 : 1);

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
