import type { AgreementRow, FigureRow, Spread } from "../../src/engine/domain/figures.ts";
import type { ReportRows } from "../../src/engine/domain/report.ts";

/* A week as the report and the Home tab are drawn from: a busy one, one in which nothing happened, one that attackers named. */

const NONE: Spread = { n: 0, p50: null, p90: null };
const NOTHING: FigureRow = { group: null, incidents: 0, acknowledge: NONE, verdict: NONE, decision: NONE, containment: NONE };
const spread = (n: number, p50: number, p90: number): Spread => ({ n, p50: p50 * 1000, p90: p90 * 1000 });
const agreed = (playbook: string, right: number, judged: number, more: Partial<AgreementRow> = {}): AgreementRow => ({
  playbook,
  kind: "isolate-device",
  agreed: 0,
  disagreed: 0,
  approved: right,
  rejected: judged - right,
  automatic: 0,
  undone: 0,
  overridden: 0,
  right,
  judged,
  since: null,
  ...more,
});

export const quietWeek: ReportRows = {
  from: new Date("2026-11-15T23:00:00Z"),
  to: new Date("2026-11-22T23:00:00Z"),
  timeZone: "Europe/Berlin",
  lab: true,
  answerWithinMs: 600_000,
  counts: {
    incidents: [],
    alerts: [],
    evidence: [],
    actions: { automatic: 0, approved: 0, rejected: 0, expired: 0, agreed: 0, disagreed: 0, byHand: 0, cancelled: 0 },
    sources: [],
    pages: { sent: 0, untold: 0, asked: 0, answered: 0 },
    machine: { investigations: 0, ranMs: 0, lookUps: 0, actions: 0 },
  },
  times: NOTHING,
  before: NOTHING,
  agreement: [],
};

export const busyWeek: ReportRows = {
  ...quietWeek,
  lab: false,
  counts: {
    incidents: [
      { severity: "critical", outcome: "truePositive", incidents: 2 },
      { severity: "high", outcome: "open", incidents: 4 },
      { severity: "high", outcome: "truePositive", incidents: 11 },
      { severity: "high", outcome: "falsePositive", incidents: 3 },
      { severity: "medium", outcome: "closed", incidents: 61 },
      { severity: "low", outcome: "closed", incidents: 402 },
    ],
    alerts: [
      { severity: "high", outcome: "investigated", alerts: 96 },
      { severity: "medium", outcome: "investigated", alerts: 310 },
      { severity: "low", outcome: "investigated", alerts: 1_904 },
      { severity: "informational", outcome: "shown", alerts: 1_204 },
      { severity: "informational", outcome: "suppressed", alerts: 877 },
    ],
    evidence: [
      { verdict: "malicious", pieces: 41 },
      { verdict: "noThreatsFound", pieces: 2_381 },
      { verdict: "suspicious", pieces: 77 },
      { verdict: "unknown", pieces: 130 },
    ],
    actions: { automatic: 31, approved: 18, rejected: 2, expired: 1, agreed: 5, disagreed: 1, byHand: 2, cancelled: 3 },
    sources: [
      { source: "siem", alerts: 2_980, repeats: 12_400, incidents: 350, falsePositives: 2, undone: 0, overridden: 1 },
      { source: "defender", alerts: 1_411, repeats: 80, incidents: 133, falsePositives: 1, undone: 1, overridden: 0 },
    ],
    pages: { sent: 14, untold: 1, asked: 11, answered: 9 },
    machine: { investigations: 471, ranMs: 5_040_000, lookUps: 1_930, actions: 30 },
  },
  times: {
    group: null,
    incidents: 483,
    acknowledge: spread(19, 380, 1_900),
    verdict: spread(471, 14, 95),
    decision: spread(21, 420, 3_100),
    containment: spread(33, 610, 4_000),
  },
  before: {
    group: null,
    incidents: 455,
    acknowledge: spread(12, 560, 2_400),
    verdict: spread(440, 15, 99),
    decision: spread(19, 380, 2_500),
    containment: NONE,
  },
  agreement: [
    agreed("malware-on-device", 17, 18, { undone: 1 }),
    agreed("phishing-mail", 3, 5, { overridden: 1, automatic: 14 }),
    agreed("impossible-travel", 0, 0, { automatic: 4 }),
  ],
};

/** Names as long and as hostile as they get, more of each than a card has room for. */
export const hostileWeek = (names: readonly string[]): ReportRows => ({
  ...busyWeek,
  counts: {
    ...busyWeek.counts,
    sources: names.flatMap((source) =>
      Array.from({ length: 4 }, () => ({
        source: source.repeat(20),
        alerts: 99_999_999,
        repeats: 99_999_999,
        incidents: 9_999_999,
        falsePositives: 999_999,
        undone: 99_999,
        overridden: 99_999,
      })),
    ),
  },
  agreement: names.flatMap((name) =>
    Array.from({ length: 4 }, (_, index) => agreed(`${name.repeat(20)}-${index}`, index, 9, { undone: 3, overridden: 2, automatic: 1 })),
  ),
});
