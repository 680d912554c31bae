import { highest, type Severity, severityRank } from "./alert.ts";

/** What an incident turned out to be (domain facts 7). */
export const CLASSIFICATIONS = ["truePositive", "falsePositive", "informationalExpectedActivity"] as const;
export type Classification = (typeof CLASSIFICATIONS)[number];

const SAID_OTHERWISE: Readonly<Record<string, string>> = { apt: "APT", multiStagedAttack: "multi-stage attack" };
/** `maliciousUserActivity` as people say it. */
export const determinationText = (determination: string): string =>
  SAID_OTHERWISE[determination] ?? determination.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

/** What an incident turned out to be, as people say it; the determination as words. */
export function classificationText(classification: Classification, determination?: string | null): string {
  const said = { truePositive: "true positive", falsePositive: "false positive", informationalExpectedActivity: "expected activity" };
  const words = determination ? determinationText(determination) : undefined;
  return `${said[classification]}${words ? `, ${words}` : ""}`;
}

/** `open`, `closed` or a classification, as people say it. */
export const outcomeText = (outcome: string): string => {
  const classification = CLASSIFICATIONS.find((one) => one === outcome);
  return classification ? classificationText(classification) : outcome;
};

/** Which determinations a classification allows (domain facts 7). */
export const DETERMINATIONS: Record<Classification, readonly string[]> = {
  truePositive: [
    "multiStagedAttack",
    "maliciousUserActivity",
    "compromisedAccount",
    "malware",
    "phishing",
    "unwantedSoftware",
    "apt",
    "other",
  ],
  informationalExpectedActivity: ["securityTesting", "lineOfBusinessApplication", "confirmedActivity", "other"],
  falsePositive: ["notMalicious", "notEnoughDataToValidate", "other"],
};

/** The alert whose title an incident bears. `old`: it is from before air's watch, and nothing follows from it. */
export type Headline = { title: string; severity: Severity; at: string; old?: boolean };

/**
 * The most severe alert's; of several the earliest, then the first by its title, so that the order of arrival does not matter. An old one
 * speaks only where all are old: under a backlog's title nobody would see what is happening now.
 */
export function headlineOf(a: Headline, b: Headline): Headline {
  const live = Number(a.old ?? false) - Number(b.old ?? false);
  if (live !== 0) return live < 0 ? a : b;
  const rank = severityRank(b.severity) - severityRank(a.severity) || (a.at === b.at ? 0 : a.at < b.at ? -1 : 1);
  if (rank !== 0) return rank < 0 ? a : b;
  return a.title <= b.title ? a : b;
}

/** The higher one; what is from before air's watch counts only beside what is from before it, too: it must call nobody now. */
export function severityOfBoth(a: Pick<Headline, "severity" | "old">, b: Pick<Headline, "severity" | "old">): Severity {
  if ((a.old ?? false) === (b.old ?? false)) return highest(a.severity, b.severity);
  return a.old ? b.severity : a.severity;
}

/** An incident of one alert bears its title; of several, the most severe alert's title plus the count (product contract 4). */
export function incidentTitle(headline: Headline, alerts: number): string {
  const others = alerts - 1;
  return others < 1 ? headline.title : `${headline.title} and ${others} more ${others === 1 ? "alert" : "alerts"}`;
}

/** What became of an incident that is not shown by itself, as a digest counts it. */
export const BECAME = ["lookedAt", "waits", "noThreats", "benign", "suppressed", "notInvestigated", "closed", "other"] as const;
export type Became = (typeof BECAME)[number];
