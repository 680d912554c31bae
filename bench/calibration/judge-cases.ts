import { analyzers } from "../../src/engine/analyzers/all.ts";
import type { Verdict } from "../../src/engine/domain/alert.ts";
import type { Observation } from "../../src/engine/domain/observation.ts";
import { type Judgement, judge } from "../../src/engine/domain/verdict.ts";
import { ConnectorError } from "../../src/engine/ports.ts";
import type { Case, CaseLabel } from "./cases.ts";
import { NOW, worldOf } from "./world.ts";

export type Judged = { one: Case; verdict: Verdict; judgement: Judgement };

/**
 * Every case by every analyzer that knows its kind, as one round of an investigation asks them. The alert's source says nothing: what is
 * measured is what air finds out by itself.
 */
export async function judgeCases(cases: readonly Case[]): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const one of cases) {
    const observations = await observe(one);
    const judgement = judge({ observations, sourceFamilies: new Set(["alert"]), trusted: true, now: NOW });
    judged.push({ one, verdict: judgement.verdict, judgement });
  }
  return judged;
}

async function observe(one: Case): Promise<Observation[]> {
  const { capabilities, context } = worldOf(one);
  const signal = new AbortController().signal;
  const looks = analyzers
    .filter(({ kinds }) => kinds.includes(one.entity.kind))
    .flatMap((analyzer) => analyzer.looks(one.entity, capabilities, context));
  const answers = await Promise.all(
    looks.map(async (look) => {
      try {
        return await look.run(signal);
      } catch (error) {
        // A recorded answer that a connector cannot read is a fault of the case, not a gap of the verdict.
        if (error instanceof ConnectorError) throw new Error(`${one.id}: ${look.key}: ${error.message}`);
        throw error;
      }
    }),
  );
  return answers.flat();
}

const isBad = (label: CaseLabel) => label !== "benign";

/** A share with what it is a share of. */
export type Share = { hits: number; of: number };
export type Measure = {
  cases: number;
  labels: Record<CaseLabel, number>;
  /** Judged malicious: how many are labelled so; and how many at least suspicious. */
  malicious: { precision: Share; precisionBad: Share; recall: Share };
  /** Judged suspicious: how many are at least that bad; of those labelled suspicious, how many are judged suspicious or malicious. */
  suspicious: { precision: Share; recall: Share };
  /** Judged malicious or suspicious, against labelled malicious or suspicious: would a person be shown it? */
  flagged: { precision: Share; recall: Share };
  noThreatsFound: { precision: Share; recall: Share };
  unknown: Record<CaseLabel, number>;
  /** Labelled malicious or suspicious, and judged No threats found: what auto-close would have closed. */
  closed: string[];
  /** Labelled benign and judged malicious: what an action could have been proposed for. */
  harmed: string[];
};

export function measure(judged: readonly Judged[]): Measure {
  const share = (all: readonly Judged[], hit: (item: Judged) => boolean): Share => ({ hits: all.filter(hit).length, of: all.length });
  const by = (...verdicts: Verdict[]) => judged.filter(({ verdict }) => verdicts.includes(verdict));
  const labelled = (...labels: CaseLabel[]) => judged.filter(({ one }) => labels.includes(one.label));
  const perLabel = (list: readonly Judged[]) => ({
    malicious: list.filter(({ one }) => one.label === "malicious").length,
    suspicious: list.filter(({ one }) => one.label === "suspicious").length,
    benign: list.filter(({ one }) => one.label === "benign").length,
  });
  const isFlagged = ({ verdict }: Judged) => verdict === "malicious" || verdict === "suspicious";
  const bad = ({ one }: Judged) => isBad(one.label);
  return {
    cases: judged.length,
    labels: perLabel(judged),
    malicious: {
      precision: share(by("malicious"), ({ one }) => one.label === "malicious"),
      precisionBad: share(by("malicious"), bad),
      recall: share(labelled("malicious"), ({ verdict }) => verdict === "malicious"),
    },
    suspicious: { precision: share(by("suspicious"), bad), recall: share(labelled("suspicious"), isFlagged) },
    flagged: { precision: share(by("malicious", "suspicious"), bad), recall: share(labelled("malicious", "suspicious"), isFlagged) },
    noThreatsFound: {
      precision: share(by("noThreatsFound"), ({ one }) => !isBad(one.label)),
      recall: share(labelled("benign"), ({ verdict }) => verdict === "noThreatsFound"),
    },
    unknown: perLabel(by("unknown")),
    closed: by("noThreatsFound")
      .filter(bad)
      .map(({ one }) => one.id),
    harmed: by("malicious")
      .filter(({ one }) => one.label === "benign")
      .map(({ one }) => one.id),
  };
}

/** The wrong ones, worst first: closed although bad, accused although benign, then what nobody could say. */
export function wrongOnes(judged: readonly Judged[]): Judged[] {
  const rank = ({ one, verdict }: Judged): number => {
    if (isBad(one.label) && verdict === "noThreatsFound") return 0;
    if (one.label === "benign" && verdict === "malicious") return 1;
    if (one.label === "benign" && verdict === "suspicious") return 2;
    if (one.label === "malicious" && verdict === "unknown") return 3;
    if (one.label === "suspicious" && verdict === "unknown") return 4;
    if (one.label === "malicious" && verdict === "suspicious") return 5;
    if (one.label === "suspicious" && verdict === "malicious") return 6;
    return 9;
  };
  return judged.filter((item) => rank(item) < 9).toSorted((a, b) => rank(a) - rank(b) || (a.one.id < b.one.id ? -1 : 1));
}
