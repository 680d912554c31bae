import type { Verdict } from "./alert.ts";
import type { Label, Observation } from "./observation.ts";

/**
 * The one visible table of weights, in log-odds (1 = odds x2.7, 3 = x20), and the thresholds they are held against.
 * Our own CHOICEs, in the order of how often such a statement is wrong in practice; product contract 5 fixes the rules around them:
 * a source alone must reach Suspicious with `malicious` and must never reach Malicious by itself.
 */
export const WEIGHTS = {
  /** The alert's source calls it malicious: Suspicious by itself (>= suspicious, < malicious). */
  sourceMalicious: 2,
  sourceSuspicious: 1,
  sourceBenign: 1.5,
  /** Reputation: many engines or reports agree. */
  reputationStrong: 3.2,
  /** Several do. */
  reputationSome: 2,
  /** One or two do: often a false positive of one engine. */
  reputationFew: 1,
  /** Looked at by many, called bad by none. */
  reputationClean: 2,
  /** On a curated list of live malware (URLhaus, a lab antivirus detection). */
  listedMalware: 3.2,
  /** A command line that only attackers write (credential dumping, encoded download cradle). */
  ruleStrong: 2.5,
  /** One that administrators also write. */
  ruleWeak: 1,
  /** Sign-in from a new place right after the session was used elsewhere, and alike. */
  behaviourStrong: 2.5,
  behaviourWeak: 1,
  behaviourNormal: 1.5,
  /** A process tree only attackers make (a word processor starts a script host); the sensor saw it, the rule is ours. */
  treeStrong: 2.5,
  /** One that installers and management tools also make. */
  treeWeak: 1,
  /** Starts by itself, new, unsigned and from a folder anybody can write to: all three. */
  autostartStrong: 2,
  /** Two of them: a hand-made tool does that, too. */
  autostartWeak: 1,
  /** We judged the very same thing malicious before and nobody took it back: enough for Suspicious, never for more by itself. */
  historyAccused: 1,
  /** What happened before around a device or a person tips a balance and accuses nobody by itself. */
  historyWeak: 0.75,
  /** Common with us for a while and never judged bad: weaker than any source's "clean". */
  historyNormal: 0.75,
  /** Our own allow and block lists: what decides weighs as much as one family may. */
  ownList: 3.5,
  /** The mail product's own word "malware" or "high-confidence phish", which is Malicious by itself (domain 2.2, 6.4). */
  mailThreatStrong: 3.2,
  /** Its word "phish" or "spam": Suspicious (domain 2.2). */
  mailThreatWeak: 1,
  /** A sender made to look like somebody else: our own name without proof, or letters swapped for similar ones. */
  senderForged: 2.5,
  /** A sender close to somebody else's name, which may be chance. */
  senderClose: 2,
  /** Often innocent by itself (an answer address elsewhere, a mailing list breaking DMARC): two together are Suspicious. */
  hint: 0.5,
} as const;

export const THRESHOLDS = {
  /** Sum at which evidence is Malicious: odds of about 20 to 1. */
  malicious: 3,
  /** Sum at which it is Suspicious: odds of about 2.5 to 1. A weak sign (1) stays above it for two weeks of ageing. */
  suspicious: 0.9,
  /** Sum at or below which it is No threats found, given a benign observation. */
  clean: -1.5,
  /** One family's votes together count no more than this, so that one vendor cannot vote five times. */
  familyCap: 3.5,
  /** Votes halve in weight each time this much time has passed since what they know dates from. */
  halfLifeDays: 90,
  /** A benign observation weaker than this clears nothing by itself. */
  acquits: 1.5,
  /** What one family has to weigh to count as one of the two that carry an automatic action. */
  independent: 1.5,
  /** A family for and a family against, each at least this strong, are a conflict. */
  conflict: 1.5,
  /** Nothing older than this supports an automatic action (product contract 5). */
  automaticMaxAgeHours: 24,
} as const;

export type Reason = { source: string; family: string; label: Label; weight: number; text: string };

export type Judgement = {
  verdict: Verdict;
  /** Sum of the capped, decayed log-odds. */
  score: number;
  for: Reason[];
  against: Reason[];
  /** Looks that failed, in words; never a silent gap. */
  missing: Reason[];
  conflict: boolean;
  /** The single change that would flip the verdict, in words. */
  flip: string;
  /** Left alone by air.yaml, with the line that says so: nothing is proposed. */
  excluded?: string;
  /** May this carry an automatic action, and if not, why not. */
  automatic: { allowed: true } | { allowed: false; because: string };
};

export type Override = { verdict: Verdict; by: string; reason: string };

export type JudgeInput = {
  observations: readonly Observation[];
  /** The family of the alert's own source: it cannot be the one that makes an action automatic. */
  sourceFamilies: ReadonlySet<string>;
  /** Every source of the incident's alerts may carry automatic actions. */
  trusted: boolean;
  now: Date;
  override?: Override;
  /** air.yaml says to leave it alone, and how. */
  excluded?: string;
};

const sign: Record<Label, number> = { malicious: 1, suspicious: 1, benign: -1, neutral: 0, failed: 0 };
const DAY = 86_400_000;
const HOUR = 3_600_000;
/** Clocks of sources may be this far ahead of ours. */
const CLOCKS_APART_MS = 10 * 60_000;

const decayed = (observation: Observation, now: Date) =>
  observation.weight * 0.5 ** (Math.max(0, now.getTime() - observation.at.getTime()) / DAY / THRESHOLDS.halfLifeDays);

/** Weigh what was seen of one piece of evidence. Pure; the same observations in any order give the same judgement. */
export function judge(input: JudgeInput): Judgement {
  const votes = input.observations.map((observation) => ({
    observation,
    value: sign[observation.label] * decayed(observation, input.now),
  }));
  const families = new Map<string, { plus: number; minus: number }>();
  for (const { observation, value } of votes) {
    const family = families.get(observation.family) ?? { plus: 0, minus: 0 };
    if (value > 0) family.plus = Math.min(THRESHOLDS.familyCap, family.plus + value);
    else family.minus = Math.max(-THRESHOLDS.familyCap, family.minus + value);
    families.set(observation.family, family);
  }
  const byName = [...families].sort(([a], [b]) => (a < b ? -1 : 1));
  const score = round(byName.reduce((sum, [, family]) => sum + family.plus + family.minus, 0));
  const conflict =
    byName.some(([, family]) => family.plus >= THRESHOLDS.conflict) && byName.some(([, family]) => family.minus <= -THRESHOLDS.conflict);

  const reasons = (wanted: (label: Label) => boolean): Reason[] =>
    votes
      .filter(({ observation }) => wanted(observation.label))
      .map(({ observation, value }) => ({
        source: observation.source,
        family: observation.family,
        label: observation.label,
        weight: round(Math.abs(value)),
        text: observation.text,
      }))
      .sort((a, b) => b.weight - a.weight || (`${a.source} ${a.text}` < `${b.source} ${b.text}` ? -1 : 1));
  const speaksFor = reasons((label) => label === "malicious" || label === "suspicious");
  const speaksAgainst = reasons((label) => label === "benign");

  const listed = listedBy(input.observations);
  const verdict =
    input.override?.verdict ??
    (listed && (listed.decisive === "allow" ? "noThreatsFound" : "malicious")) ??
    verdictOf(score, speaksFor.length > 0, speaksAgainst.length > 0, votes, byName);
  return {
    verdict,
    score,
    for: speaksFor,
    // It clears nobody; whoever reads why nothing is proposed finds it here.
    against: input.excluded ? [excludedReason(input.excluded), ...speaksAgainst] : speaksAgainst,
    ...(input.excluded ? { excluded: input.excluded } : {}),
    missing: reasons((label) => label === "failed"),
    conflict,
    flip:
      listed && !input.override
        ? `It stands on the ${listed.decisive} list: ${listed.text}`
        : flip(verdict, byName, score, speaksAgainst.length > 0, input.override),
    automatic: automatic(verdict, votes, conflict, input),
  };
}

/** Our own lists come first (product contract 5). Allowed and blocked at once is a mistake somebody has to see: blocked it stays. */
function listedBy(observations: readonly Observation[]): Observation | undefined {
  const on = (list: "allow" | "block") => observations.find((observation) => observation.decisive === list);
  return on("block") ?? on("allow");
}

const excludedReason = (because: string): Reason => ({
  source: "air.yaml",
  family: "air.yaml",
  label: "neutral",
  weight: 0,
  text: `${because[0]?.toUpperCase() ?? ""}${because.slice(1)}: nothing is proposed.`,
});

type Votes = { observation: Observation; value: number }[];
type Families = (readonly [string, { plus: number; minus: number }])[];

function verdictOf(score: number, hasFor: boolean, hasAgainst: boolean, votes: Votes, families: Families): Verdict {
  const accusing = families.filter(([, family]) => family.plus > 0).length;
  const sourceOnly = accusing === 1 && votes.every(({ observation, value }) => value <= 0 || observation.source.startsWith("alert:"));
  // A source's own word never makes Malicious by itself, whatever weight it carries (product contract 5).
  if (score >= THRESHOLDS.malicious && !sourceOnly) return "malicious";
  if (score >= THRESHOLDS.suspicious && hasFor) return "suspicious";
  // "alone, malicious gives Suspicious or better": age does not take that away while nobody speaks against it.
  if (!hasAgainst && votes.some(({ observation }) => observation.label === "malicious")) return "suspicious";
  // No threats found needs somebody able to judge who said so; silence is not innocence.
  if (hasAgainst && score <= THRESHOLDS.clean) return "noThreatsFound";
  // One weak benign word ("seen here before") is no acquittal: somebody has to have looked.
  const judged = votes.some(({ observation }) => observation.label === "benign" && observation.weight >= THRESHOLDS.acquits);
  if (judged && !hasFor && score < 0) return "noThreatsFound";
  return "unknown";
}

function automatic(verdict: Verdict, votes: Votes, conflict: boolean, input: JudgeInput): Judgement["automatic"] {
  const refuse = (because: string) => ({ allowed: false, because }) as const;
  if (input.excluded) return refuse(`it is ${input.excluded}`);
  if (input.override) return refuse("an analyst set this verdict, and what follows from it asks");
  if (listedBy(input.observations)) return refuse("it stands on a list of ours, and what follows from a list asks");
  if (verdict !== "malicious") return refuse("the verdict is not Malicious");
  if (!input.trusted) return refuse("the alert's source is not marked trusted");
  if (conflict) return refuse("the sources contradict each other");
  const accusing = votes.filter(({ observation, value }) => value > 0 && observation.label === "malicious").map((vote) => vote.observation);
  const fresh = accusing.filter((observation) => {
    const age = input.now.getTime() - observation.at.getTime();
    // What claims to come from the future may be of any age.
    return age <= THRESHOLDS.automaticMaxAgeHours * HOUR && age >= -CLOCKS_APART_MS;
  });
  const weights = new Map<string, number>();
  for (const { family, weight } of fresh) weights.set(family, (weights.get(family) ?? 0) + weight);
  const families = new Set([...weights].filter(([, weight]) => weight >= THRESHOLDS.independent).map(([family]) => family));
  if (families.size < 2) {
    return refuse(
      fresh.length < accusing.length
        ? "part of what it rests on is older than 24 h"
        : "fewer than two independent families call it malicious",
    );
  }
  if (fresh.length < accusing.length) return refuse("part of what it rests on is older than 24 h");
  if ([...families].every((family) => input.sourceFamilies.has(family)))
    return refuse("nobody but the alert's own source calls it malicious");
  return { allowed: true };
}

function flip(verdict: Verdict, families: Families, score: number, hasBenign: boolean, override: Override | undefined): string {
  if (override) return `Set by ${override.by}: ${override.reason}`;
  const strongest = families.toSorted(([, a], [, b]) => b.plus - a.plus)[0];
  if (verdict === "malicious" || verdict === "suspicious") {
    const threshold = verdict === "malicious" ? THRESHOLDS.malicious : THRESHOLDS.suspicious;
    const next = verdict === "malicious" ? "Suspicious" : "Unknown";
    if (strongest && score - strongest[1].plus < threshold) return `Without what ${strongest[0]} says it would be ${next} at most.`;
    return `One strong benign answer from another source would make it ${next}.`;
  }
  if (verdict === "noThreatsFound") return "One source calling it malicious would make it Suspicious.";
  return hasBenign
    ? "The answers cancel out: one more source either way would decide."
    : "Any source able to judge this kind would decide.";
}

const round = (value: number) => Math.round(value * 1000) / 1000;
