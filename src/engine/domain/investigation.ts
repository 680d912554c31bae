import type { ActionState } from "./action.ts";
import type { Verdict } from "./alert.ts";
import type { Entity } from "./entity.ts";

/** One list, domain facts 1.5 and 1.6 plus our own two ends (product contract 3.2). */
export const INVESTIGATION_STATUSES = [
  "queued",
  "running",
  "pendingResource",
  "pendingApproval",
  "benign",
  "successfullyRemediated",
  "partiallyRemediated",
  "partiallyInvestigated",
  "failed",
  "terminatedBySystem",
  "terminatedByUser",
  "unsupportedAlertType",
  "unsupportedOs",
  "preexistingAlert",
  "suppressedAlert",
  "closedWithRejections",
  "closedWithFailures",
] as const;
export type InvestigationStatus = (typeof INVESTIGATION_STATUSES)[number];

/** A plain sentence for each, true of every investigation in that status; `statusText` says more where the rows are at hand. */
export const STATUS_SENTENCE: Record<InvestigationStatus, string> = {
  queued: "Queued: it starts as soon as a worker is free.",
  running: "Running: evidence is being looked at.",
  pendingResource: "Waiting for device: it cannot be reached now; the investigation goes on by itself when it can.",
  pendingApproval: "Pending approval: a person must decide.",
  benign: "No threats found.",
  successfullyRemediated: "Remediated: every action was carried out.",
  partiallyRemediated:
    "Partially remediated: some actions were carried out; others were not needed, lapsed or were taken back, or nothing was proposed.",
  partiallyInvestigated: "Partially investigated: something could not be judged, or nothing is proposed for it.",
  failed: "Failed: the investigation could not be finished.",
  terminatedBySystem: "Terminated by system: a decision was not made in time, nothing was done.",
  terminatedByUser: "Terminated by user: a person stopped it.",
  unsupportedAlertType: "Not investigated: the alert names nothing air can look at.",
  unsupportedOs: "Not investigated: the device's operating system is not supported.",
  preexistingAlert: "Not investigated: the alert is older than air's watch.",
  suppressedAlert: "Not investigated: a policy suppresses this alert.",
  closedWithRejections: "Closed with rejections: a person rejected an action, so a threat may remain.",
  closedWithFailures: "Closed with failed actions: something could not be carried out. See the actions.",
};

/** What a sentence about a status may claim, as the rows have it. */
export type Found = {
  /** Something is judged bad. */
  bad: boolean;
  /** Something could not be judged. */
  open: boolean;
  /** By name, what is bad and was dealt with by nothing that was carried out. */
  left: readonly string[];
};

const NAMED_LEFT = 3;

/** The sentence for a status that claims no more than was found. */
export function statusText(status: InvestigationStatus, { bad, open, left }: Found): string {
  switch (status) {
    case "pendingApproval":
      return bad ? "Pending approval: a threat was found and a person must decide." : STATUS_SENTENCE.pendingApproval;
    case "successfullyRemediated":
      return bad ? STATUS_SENTENCE.successfullyRemediated : "Remediated: every action was carried out; nothing counts as bad.";
    case "partiallyRemediated":
      return left.length > 0 ? `Partially remediated: nothing was done about ${someOf(left)}.` : STATUS_SENTENCE.partiallyRemediated;
    case "partiallyInvestigated":
      if (!bad) return "Partially investigated: nothing bad was found, but not everything could be judged.";
      return `Partially investigated: something was found that nothing is proposed for${open ? ", and not everything could be judged" : ""}.`;
    default:
      return STATUS_SENTENCE[status];
  }
}

const someOf = (names: readonly string[]) =>
  names.length <= NAMED_LEFT
    ? names.join(", ").replace(/, (?=[^,]*$)/, " and ")
    : `${names.slice(0, NAMED_LEFT).join(", ")} and ${names.length - NAMED_LEFT} more`;

/** What is said of people: a determination, not a file's verdict (domain facts 2.2). */
const DETERMINATION: Record<Verdict, string> = {
  malicious: "Compromised",
  suspicious: "At risk",
  noThreatsFound: "No threats found",
  unknown: "Unknown",
};
export const verdictWord = (kind: Entity["kind"], verdict: Verdict): string =>
  kind === "user" || kind === "mailbox" ? DETERMINATION[verdict] : VERDICT_WORD[verdict];

/** Verdict as people say it. */
export const VERDICT_WORD: Record<Verdict, string> = {
  malicious: "Malicious",
  suspicious: "Suspicious",
  noThreatsFound: "No threats found",
  unknown: "Unknown",
};

export const ENDED: ReadonlySet<InvestigationStatus> = new Set(
  INVESTIGATION_STATUSES.filter((status) => !["queued", "running", "pendingResource", "pendingApproval"].includes(status)),
);

/** What a status may become. The ends that follow from actions change with them: an undo, a late decision, a retry. */
const OPEN = ["queued", "running", "pendingResource", "pendingApproval"] as const;
const SETTLED = [
  "benign",
  "successfullyRemediated",
  "partiallyRemediated",
  "partiallyInvestigated",
  "failed",
  "closedWithRejections",
  "closedWithFailures",
  "terminatedBySystem",
] as const;
const FROM_OPEN = [...OPEN.slice(1), ...SETTLED, "terminatedByUser", "unsupportedAlertType", "unsupportedOs"] as const;
/** Never begun: only a new investigation looks at it. */
const NEVER: readonly InvestigationStatus[] = [];
/** Every allowed move; any other is refused. Nothing goes back to the queue but by a retry. */
export const INVESTIGATION_MOVES: Readonly<Record<InvestigationStatus, readonly InvestigationStatus[]>> = {
  queued: [...FROM_OPEN, "preexistingAlert", "suppressedAlert"],
  running: FROM_OPEN,
  pendingResource: FROM_OPEN,
  pendingApproval: FROM_OPEN,
  benign: [...OPEN, ...SETTLED],
  successfullyRemediated: [...OPEN, ...SETTLED],
  partiallyRemediated: [...OPEN, ...SETTLED],
  partiallyInvestigated: [...OPEN, ...SETTLED],
  failed: [...OPEN, ...SETTLED],
  closedWithRejections: [...OPEN, ...SETTLED],
  closedWithFailures: [...OPEN, ...SETTLED],
  terminatedBySystem: [...OPEN, ...SETTLED],
  terminatedByUser: ["queued"],
  unsupportedAlertType: ["queued"],
  unsupportedOs: NEVER,
  preexistingAlert: NEVER,
  suppressedAlert: NEVER,
};
export const mayBecome = (from: InvestigationStatus, to: InvestigationStatus) => from === to || INVESTIGATION_MOVES[from].includes(to);

/** Times kept of an investigation (domain facts 5.3): when it began, how long it waited for people and for devices, when it ended. */
export type InvestigationTimes = {
  beganAt: Date | null;
  endedAt: Date | null;
  pendingSince: Date | null;
  pendingMs: number;
  waitingSince: Date | null;
  waitingMs: number;
};

const NOT_BEGUN: ReadonlySet<InvestigationStatus> = new Set(["queued", "preexistingAlert", "suppressedAlert"]);

/** The times after a change of status at `now`: a clock runs while its status lasts, and what it counted is kept. */
export function timesAfter(times: InvestigationTimes, to: InvestigationStatus, now: Date): InvestigationTimes {
  const elapsed = (since: Date | null) => (since ? Math.max(0, now.getTime() - since.getTime()) : 0);
  const pending = to === "pendingApproval";
  const waiting = to === "pendingResource";
  return {
    beganAt: NOT_BEGUN.has(to) ? times.beganAt : (times.beganAt ?? now),
    endedAt: ENDED.has(to) ? (times.endedAt ?? now) : null,
    pendingSince: pending ? (times.pendingSince ?? now) : null,
    pendingMs: times.pendingMs + (pending ? 0 : elapsed(times.pendingSince)),
    waitingSince: waiting ? (times.waitingSince ?? now) : null,
    waitingMs: times.waitingMs + (waiting ? 0 : elapsed(times.waitingSince)),
  };
}

/**
 * The status that follows from the rows, once nothing is left to look at. Decision, execution and outcome stay apart:
 * a rejected or failed action is never called remediated (domain facts 1.6, CHOICE).
 */
export function statusFrom(input: {
  /** `left`: bad, and nothing that was carried out deals with it. */
  evidence: readonly { verdict: Verdict; unlooked: boolean; left?: boolean }[];
  /** `alreadyDone`: cancelled because the threat was gone before anybody decided; that is remediated (domain facts 1.4). */
  actions: readonly { state: ActionState; waitingForDevice: boolean; alreadyDone?: boolean }[];
}): InvestigationStatus {
  const { actions, evidence } = input;
  const some = (...states: ActionState[]) => actions.some((action) => states.includes(action.state));
  if (some("pending")) return "pendingApproval";
  if (actions.some((action) => action.state === "executing" && action.waitingForDevice)) return "pendingResource";
  if (some("approved", "executing", "undoing")) return "running";
  if (some("failed", "unclear", "timedOut")) return "closedWithFailures";
  if (some("rejected")) return "closedWithRejections";
  if (some("expired")) return some("succeeded", "byHand") ? "partiallyRemediated" : "terminatedBySystem";
  const done = actions.filter((action) => action.state === "succeeded" || action.state === "byHand" || action.alreadyDone);
  const lapsed = actions.filter((action) => action.state === "undone" || (action.state === "cancelled" && !action.alreadyDone));
  // Something was done, but not about everything that was found bad (domain facts 1.5, a).
  const left = evidence.some((item) => item.left);
  if (done.length > 0) return lapsed.length > 0 || left ? "partiallyRemediated" : "successfullyRemediated";
  if (evidence.length === 0) return "unsupportedAlertType";
  const bad = evidence.some((item) => item.verdict === "malicious" || item.verdict === "suspicious");
  // What was done was taken back; unless it was a false alarm, the threat stands there again.
  if (bad && some("undone")) return "partiallyRemediated";
  // What was found bad and nothing was (or could be) done about, and what nobody could judge, is not "No threats found".
  if (bad || evidence.some((item) => item.unlooked)) return "partiallyInvestigated";
  if (evidence.every((item) => item.verdict === "unknown")) return "partiallyInvestigated";
  return "benign";
}

/** Kinds an Unknown of which means the investigation is not whole; the others are context. */
export const JUDGEABLE: ReadonlySet<Entity["kind"]> = new Set(["file", "url", "ip", "domain", "process", "message", "mail-cluster"]);

/** From this many devices on, widening the investigation to them is itself a decision for a person (domain facts 1.4). */
export const EXPANSION_ASKS = 10;
