import type { ActionKindName, ActionState, Family } from "./action.ts";
import type { Severity } from "./alert.ts";

/*
 * What a SOC is measured by, kept per incident: when it was acknowledged, judged, decided and contained for the first time. Each is taken
 * from a line of the incident's story, and never moves once it is kept: an acknowledgement that is taken back was one all the same, and
 * lines that are removed with age leave their times behind.
 */

/** The lines of a story that a time is taken from. */
export const TOLD_BY = {
  acknowledged: ["incident-ack"],
  /** air, or a person, called something in it malicious or suspicious. */
  accused: ["verdict"],
  /** What the incident comes to is known: something bad was found, something was proposed, an investigation ended, or a person judged. */
  judged: ["verdict", "action-proposed", "investigation-ended", "evidence-verdict", "evidence-fp"],
  proposed: ["action-proposed"],
  /** A person's answer to what air proposed; what they asked for themselves they need not think about. */
  decided: [
    "decision.approve",
    "decision.reject",
    "decision.done",
    "decision.notNeeded",
    "decision.agree",
    "decision.disagree",
    "decision.break-glass",
  ],
  /** A threat was dealt with, by air or by hand; of the kinds of action below. */
  contained: ["action-succeeded", "decision.done"],
} as const;

/** Every event that may change a figure. */
export const FIGURE_EVENTS: ReadonlySet<string> = new Set(Object.values(TOLD_BY).flat());

/** Kinds that keep a threat from doing more; looking, widening, allowing and taking something back do not. */
export const CONTAINS: readonly ActionKindName[] = [
  "isolate-device",
  "restrict-execution",
  "quarantine-file",
  "soft-delete-mail",
  "move-to-junk",
  "hard-delete-mail",
  "turn-off-forwarding",
  "disable-user",
  "revoke-sessions",
  "confirm-compromised",
  "force-password-reset",
  "block-indicator",
  "block-sender",
  "disable-app",
  "remove-app-consent",
  "disable-access-key",
  "kill-process",
  "remove-registry-key",
  "stop-service",
  "disable-driver",
  "remove-scheduled-task",
  "remove-delegation",
];

/** What is kept of one incident. Of several merged into one, the earliest of each, from when the first was opened. */
export type IncidentFigures = {
  openedAt: Date;
  acknowledgedAt: Date | null;
  accusedAt: Date | null;
  judgedAt: Date | null;
  proposedAt: Date | null;
  /** When what was decided first had been proposed. */
  askedAt: Date | null;
  decidedAt: Date | null;
  decidedBy: string | null;
  /** Whose group decided: see approverGroup. */
  approver: string | null;
  family: Family | null;
  containedAt: Date | null;
  closedAt: Date | null;
  /** The playbook that was chosen for it. */
  playbook: string | null;
};

/** How long each took; null: it has not happened. A decision is counted from its proposal, everything else from when the incident opened. */
export type IncidentTimes = Record<Measured | "close", number | null>;
export const MEASURED = ["acknowledge", "verdict", "decision", "containment"] as const;
export type Measured = (typeof MEASURED)[number];

export function timesOf(figures: IncidentFigures): IncidentTimes {
  const from = (start: Date | null, end: Date | null) => (start && end ? Math.max(0, end.getTime() - start.getTime()) : null);
  const { openedAt } = figures;
  return {
    acknowledge: from(openedAt, figures.acknowledgedAt),
    verdict: from(openedAt, figures.judgedAt),
    decision: from(figures.askedAt, figures.decidedAt),
    containment: from(openedAt, figures.containedAt),
    close: from(openedAt, figures.closedAt),
  };
}

/** Over `n` incidents half took no longer than `p50` and nine of ten no longer than `p90`, in milliseconds; null where there is none. */
export type Spread = { n: number; p50: number | null; p90: number | null };

/** By what incidents are grouped; `week` is the week of the calendar they were opened in. */
export const FIGURE_GROUPS = ["playbook", "approver", "family", "source", "severity", "week"] as const;
export type FigureGroup = (typeof FIGURE_GROUPS)[number];

/** `group` null: all of them, or those that belong to none (nobody decided, no playbook). */
export type FigureRow = { group: string | null; incidents: number } & Record<Measured, Spread>;

/** Counts of actions by what became of them; see engine/agreement.ts. */
export type AgreementRow = {
  playbook: string;
  kind: ActionKindName;
  agreed: number;
  disagreed: number;
  approved: number;
  rejected: number;
  automatic: number;
  /** Carried out and taken back by somebody. */
  undone: number;
  /** The evidence it rests on was declared clean by an analyst. */
  overridden: number;
  /** Agreed or approved, and neither taken back nor overridden. */
  right: number;
  /** Of how many: everything a person judged, and what was automatic and turned out wrong. */
  judged: number;
  since: Date | null;
};

/** `outcome`: open, closed, or what it was classified as. */
export type IncidentOutcomes = readonly { severity: Severity; outcome: string; incidents: number }[];

/** What became of incidents, alerts, evidence, proposals and pages within a span of time. */
export type ReportCounts = {
  incidents: IncidentOutcomes;
  alerts: readonly { severity: Severity; outcome: AlertOutcome; alerts: number }[];
  evidence: readonly { verdict: string; pieces: number }[];
  /** Settled in the span, by what came of them. */
  actions: Readonly<Record<ActionOutcome, number>>;
  /** The noisiest first. `wrong`: cleared by a person afterwards. */
  sources: readonly SourceCounts[];
  /** `asked`: of those sent, what asks for an answer; `answered`: got one within the interval. `untold`: could not be told to anybody. */
  pages: { sent: number; untold: number; asked: number; answered: number };
  /** Milliseconds that investigations ran, waits for people and devices left out; what they asked; what was carried out unasked. */
  machine: { investigations: number; ranMs: number; lookUps: number; actions: number };
};
/** `step`: why somebody was told, its first word. */
export type Gauges = {
  pages: readonly { step: string; outcome: string; pages: number }[];
  automatic: readonly { kind: ActionKindName; state: ActionState; actions: number }[];
};
export type SourceCounts = {
  source: string;
  alerts: number;
  repeats: number;
  incidents: number;
  falsePositives: number;
  undone: number;
  overridden: number;
};
export const ALERT_OUTCOMES = ["investigated", "shown", "suppressed", "preexisting"] as const;
export type AlertOutcome = (typeof ALERT_OUTCOMES)[number];
export const ACTION_OUTCOMES = ["automatic", "approved", "rejected", "expired", "agreed", "disagreed", "byHand", "cancelled"] as const;
export type ActionOutcome = (typeof ACTION_OUTCOMES)[number];
