import type { AgreementRow, FigureRow, ReportCounts } from "./figures.ts";

/* What a report says of a span, beyond what the rows say by themselves. */

/** What the report is drawn from, and its CSV is written from: see engine/weekly-report.ts. */
export type ReportRows = {
  from: Date;
  to: Date;
  timeZone: string;
  lab: boolean;
  answerWithinMs: number;
  counts: ReportCounts;
  /** The four times now, and of as long a span before. */
  times: FigureRow;
  before: FigureRow;
  agreement: readonly AgreementRow[];
};

/** What a person would have needed for what air did by itself, in minutes. An estimate, said as such wherever it is shown. */
export const BY_HAND_MINUTES = { lookUp: 2, action: 5 } as const;

/** Milliseconds a person would have needed for what air did by itself: an estimate. */
export const savedMs = ({ machine }: ReportCounts): number =>
  (machine.lookUps * BY_HAND_MINUTES.lookUp + machine.actions * BY_HAND_MINUTES.action) * 60_000;

/** Null where there is nothing to count. */
export const percent = (part: number, whole: number): number | null => (whole === 0 ? null : Math.round((100 * part) / whole));

export type PlaybookAgreement = { playbook: string; right: number; judged: number; undone: number; overridden: number; automatic: number };

/** All kinds of a playbook together; the least agreed with first, what nobody judged last. */
export function byPlaybook(rows: readonly AgreementRow[]): PlaybookAgreement[] {
  const playbooks = [...Map.groupBy(rows, (row) => row.playbook)].map(([playbook, kinds]) => {
    const sum = (field: Exclude<keyof PlaybookAgreement, "playbook">) => kinds.reduce((total, row) => total + row[field], 0);
    return {
      playbook,
      right: sum("right"),
      judged: sum("judged"),
      undone: sum("undone"),
      overridden: sum("overridden"),
      automatic: sum("automatic"),
    };
  });
  const share = ({ right, judged }: PlaybookAgreement) => (judged === 0 ? 2 : right / judged);
  return playbooks.sort((a, b) => share(a) - share(b) || b.judged - a.judged || (a.playbook < b.playbook ? -1 : 1));
}

/** "2 undone, 1 false positive, 4 automatic": what stands beside how many agreed. */
export const besideAgreement = ({ undone, overridden, automatic }: PlaybookAgreement): string[] => [
  ...(undone > 0 ? [`${undone} undone`] : []),
  ...(overridden > 0 ? [`${overridden} false ${overridden === 1 ? "positive" : "positives"}`] : []),
  ...(automatic > 0 ? [`${automatic} automatic`] : []),
];
