import path from "node:path";
import { readCases } from "./calibration/cases.ts";
import { type Judged, judgeCases, type Measure, measure, type Share, wrongOnes } from "./calibration/judge-cases.ts";
import type { Row } from "./rig.ts";
import type { Figure } from "./table.ts";

/*
 * How often a verdict is right, on labelled cases read from public sources (bench/calibration/cases). A third is held out: weights and
 * rules are set by looking at the others only. `node bench/calibration.ts` prints the table and, of the tuning set, every wrong one.
 */

const percent = ({ hits, of }: Share) => (of === 0 ? "none" : `${Math.round((100 * hits) / of)} % (${hits}/${of})`);

/** Figures per verdict. `set` names the cases in words. */
function figuresOf(set: string, measured: Measure, judged: readonly Judged[]): Figure[] {
  const { labels, unknown } = measured;
  const figure = (what: string, air: string): Figure => ({ what: `${set}: ${what}`, air });
  return [
    figure("cases, malicious / suspicious / benign", `${measured.cases}, ${labels.malicious} / ${labels.suspicious} / ${labels.benign}`),
    figure(
      "Malicious: precision (counting suspicious as right), recall",
      `${percent(measured.malicious.precision)} (${percent(measured.malicious.precisionBad)}), ${percent(measured.malicious.recall)}`,
    ),
    figure("Suspicious: precision, recall", `${percent(measured.suspicious.precision)}, ${percent(measured.suspicious.recall)}`),
    figure("Malicious or Suspicious: precision, recall", `${percent(measured.flagged.precision)}, ${percent(measured.flagged.recall)}`),
    figure(
      "Malicious or Suspicious: recall by kind",
      [...Map.groupBy(judged, ({ one }) => one.entity.kind)]
        .map(([kind, list]) => `${kind} ${percent(measure(list).flagged.recall)}`)
        .toSorted()
        .join(", "),
    ),
    figure(
      "No threats found: precision, recall",
      `${percent(measured.noThreatsFound.precision)}, ${percent(measured.noThreatsFound.recall)}`,
    ),
    figure("Unknown: malicious / suspicious / benign", `${unknown.malicious} / ${unknown.suspicious} / ${unknown.benign}`),
    {
      what: `${set}: benign judged Malicious`,
      air: String(measured.harmed.length),
      details: { harmed: measured.harmed },
    },
    {
      what: `${set}: true positives that would have been closed`,
      air: String(measured.closed.length),
      bar: "0",
      met: measured.closed.length === 0,
      details: { closed: measured.closed, verdicts: Object.fromEntries(judged.map(({ one, verdict }) => [one.id, verdict])) },
    },
  ];
}

async function calibrate(): Promise<{ figures: Figure[]; tuning: Judged[] }> {
  const judged = await judgeCases(readCases());
  const tuning = judged.filter(({ one }) => !one.heldOut);
  const heldOut = judged.filter(({ one }) => one.heldOut);
  return { figures: [...figuresOf("tuning set", measure(tuning), tuning), ...figuresOf("held out", measure(heldOut), heldOut)], tuning };
}

export const calibration: Row = {
  name: "calibration",
  title: "10 calibration",
  run: async () => (await calibrate()).figures,
};

if (process.argv[1] !== undefined && path.resolve(process.argv[1]) === import.meta.filename) {
  const { figures, tuning } = await calibrate();
  for (const { what, air, bar } of figures) console.log(`${what}: ${air}${bar === undefined ? "" : ` (bar ${bar})`}`);
  console.log("\nWrong in the tuning set:");
  for (const { one, verdict, judgement } of wrongOnes(tuning)) {
    const why = [...judgement.for, ...judgement.against].map(({ weight, label, text }) => `${label} ${weight}: ${text}`);
    console.log(`${one.label} judged ${verdict} (${judgement.score}): ${one.id}${why.map((line) => `\n    ${line}`).join("")}`);
  }
}
