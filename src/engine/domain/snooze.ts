import { highest, type Severity, severityRank } from "./alert.ts";
import { readFollowUp } from "./outside-pages.ts";

/*
 * A person may silence an incident for a while: what waits in it pages nobody until then. What that person had seen is kept, and whatever
 * comes above it ends the silence at once. `mute` is the longer one, for noise that goes on: its thread is silent, too.
 */

export type SnoozeKind = "snooze" | "mute";

/**
 * The incident as somebody saw it: its severity, what of it was Malicious (digests), which actions waited, how many alerts it had.
 * `checked`: what the connected products were asked about then or since, and is not protected (digests).
 */
export type Seen = {
  severity: Severity;
  malicious: readonly string[];
  actions: readonly number[];
  alerts: number;
  checked: readonly string[];
};

/** The incident as it is. Names are ready to be shown. */
export type Present = {
  status: "open" | "closed" | "redirected";
  severity: Severity;
  alerts: number;
  malicious: readonly { digest: string; name: string }[];
  pending: readonly { id: number; name: string }[];
  /** Protected assets in it, each with why it is protected. */
  protected: readonly string[];
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How long a mute lasts where nobody says. */
export const MUTE_MS = DAY_MS;

/** High and critical incidents are silenced by an approver, and not for long. */
export const isGrave = (severity: Severity) => severityRank(severity) >= severityRank("high");

export const longestMs = (kind: SnoozeKind, severity: Severity): number =>
  kind === "mute" ? 30 * DAY_MS : isGrave(severity) ? DAY_MS : 7 * DAY_MS;

export const seenNow = ({ severity, malicious, pending, alerts }: Present): Omit<Seen, "checked"> => ({
  severity,
  malicious: malicious.map(({ digest }) => digest),
  actions: pending.map(({ id }) => id),
  alerts,
});

/** Why a silence is over; undefined: it goes on. What is dangerous comes first, so that it is what is said. */
export function whatEnds(snooze: { seen: Seen; until: Date }, present: Present, now: Date): string | undefined {
  const { seen } = snooze;
  if (present.status !== "open") return "it was closed";
  const [asset] = present.protected;
  if (asset !== undefined) return `a protected asset is in it: ${asset}`;
  if (severityRank(present.severity) > severityRank(seen.severity)) return `its severity rose from ${seen.severity} to ${present.severity}`;
  const bad = present.malicious.find(({ digest }) => !seen.malicious.includes(digest));
  if (bad) return `${bad.name} is Malicious, which was not known before`;
  const asks = present.pending.find(({ id }) => !seen.actions.includes(id));
  if (asks) return `${asks.name} waits for a decision, which it did not before`;
  return snooze.until <= now ? "its time was over" : undefined;
}

/** Two silenced incidents that become one: silent as long and as much as both were, and what was seen of either was seen. */
export function united<Of extends { kind: SnoozeKind; seen: Seen; until: Date }>(one: Of, other: Of): Pick<Of, "kind" | "seen" | "until"> {
  const both = <T>(left: readonly T[], right: readonly T[]) => [...new Set([...left, ...right])];
  return {
    kind: one.kind === "mute" && other.kind === "mute" ? "mute" : "snooze",
    until: new Date(Math.min(one.until.getTime(), other.until.getTime())),
    seen: {
      severity: highest(one.seen.severity, other.seen.severity),
      malicious: both(one.seen.malicious, other.seen.malicious),
      actions: both(one.seen.actions, other.seen.actions),
      alerts: one.seen.alerts + other.seen.alerts,
      checked: both(one.seen.checked, other.seen.checked),
    },
  };
}

/** What somebody has to hear all the same: what follows from a decision, or went wrong with it, and who tried what they may not. */
const TOLD_ALL_THE_SAME: ReadonlySet<string> = new Set([
  "suspect",
  // Somebody has just approved: what they began goes on.
  "second",
  "unclear",
  "failed",
  "ends-soon",
  "break-glass",
  "break-glass-confirm",
  "break-glass-kept",
]);
/** A page of this step waits until the silence is over; what follows an older page is no new one. */
export const isHeldBack = (step: string): boolean => !TOLD_ALL_THE_SAME.has(step) && readFollowUp(step) === undefined;
