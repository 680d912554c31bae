import { MEASURED } from "./domain/figures.ts";
import { type ReportRows, savedMs } from "./domain/report.ts";
import type { Reads } from "./store.ts";

/** A span of time, the first moment in it and the first after it. */
export type ReportSpan = { from: Date; to: Date };
/** `answerWithinMs`: how soon a page is to be answered, 10 min where nobody says otherwise. */
export type ReportHow = { timeZone: string; lab: boolean; answerWithinMs?: number };
type ReportReads = Pick<Reads, "figures" | "reportCounts" | "agreement">;

const ANSWER_WITHIN_MS = 10 * 60_000;

/**
 * Everything the report of a span says, read from the rows. Incidents, their evidence and their times are those of the incidents opened in
 * the span; alerts are those that came in, actions those that were settled, pages those that were sent within it.
 */
export async function weeklyReport(reads: ReportReads, { from, to }: ReportSpan, how: ReportHow): Promise<ReportRows> {
  const { timeZone, lab } = how;
  const answerWithinMs = how.answerWithinMs ?? ANSWER_WITHIN_MS;
  // One after the other: within a transaction there is one connection.
  const counts = await reads.reportCounts({ from, to, lab, answerWithinMs });
  const [times] = await reads.figures({ from, to, lab });
  const [before] = await reads.figures({ from: new Date(2 * from.getTime() - to.getTime()), to: from, lab });
  const agreement = await reads.agreement(from, lab, to);
  if (!times || !before) throw new Error("The database did not answer what was asked.");
  return { from, to, timeZone, lab, answerWithinMs, counts, times, before, agreement };
}

export const REPORT_COLUMNS = ["from", "to", "timeZone", "lab", "section", "group", "measure", "value", "unit"] as const;
type ReportLine = { section: string; group: string; measure: string; value: number | null; unit: "" | "ms" };

/** One number a line, so that any tool can pivot them. */
export function reportLines(rows: ReportRows): Record<(typeof REPORT_COLUMNS)[number], unknown>[] {
  const { counts } = rows;
  const line = (section: string, group: string, measure: string, value: number | null, unit: ReportLine["unit"] = ""): ReportLine => ({
    section,
    group,
    measure,
    value,
    unit,
  });
  const fields = (section: string, group: string, of: object): ReportLine[] =>
    Object.entries(of).flatMap(([measure, value]) => (typeof value === "number" ? [line(section, group, measure, value)] : []));
  const lines = [
    ...counts.incidents.map((row) => line("incidents", row.severity, row.outcome, row.incidents)),
    ...counts.alerts.map((row) => line("alerts", row.severity, row.outcome, row.alerts)),
    ...counts.evidence.map((row) => line("evidence", "", row.verdict, row.pieces)),
    ...MEASURED.flatMap((name) => [
      line("times", name, "n", rows.times[name].n),
      line("times", name, "p50", rows.times[name].p50, "ms"),
      line("times", name, "p90", rows.times[name].p90, "ms"),
      line("times", name, "n before", rows.before[name].n),
      line("times", name, "p50 before", rows.before[name].p50, "ms"),
      line("times", name, "p90 before", rows.before[name].p90, "ms"),
    ]),
    ...fields("actions", "", counts.actions),
    ...rows.agreement.flatMap((row) => fields("agreement", `${row.playbook}: ${row.kind}`, row)),
    ...counts.sources.flatMap((row) => fields("sources", row.source, row)),
    ...fields("pages", "", counts.pages),
    line("automation", "", "investigations", counts.machine.investigations),
    line("automation", "", "investigations ran", counts.machine.ranMs, "ms"),
    line("automation", "", "look-ups", counts.machine.lookUps),
    line("automation", "", "actions carried out unasked", counts.machine.actions),
    line("automation", "", "a person's time for them (estimate)", savedMs(counts), "ms"),
  ];
  const { from, to, timeZone, lab } = rows;
  return lines.map((one) => ({ from, to, timeZone, lab, ...one }));
}
