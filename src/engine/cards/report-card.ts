import { SEVERITIES } from "../domain/alert.ts";
import { ALERT_OUTCOMES, type AlertOutcome, MEASURED, type Measured, type Spread } from "../domain/figures.ts";
import { outcomeText } from "../domain/incident.ts";
import {
  BY_HAND_MINUTES,
  besideAgreement,
  byPlaybook,
  type PlaybookAgreement,
  percent,
  type ReportRows,
  savedMs,
} from "../domain/report.ts";
import { spanText } from "../domain/report-span.ts";
import { bold, type Card, cut, type Line } from "./card.ts";
import { capital, count, outside, span } from "./say.ts";

const NAMES: Record<Measured, string> = {
  acknowledge: "Acknowledged",
  verdict: "Verdict",
  decision: "Decided",
  containment: "Contained",
};
const ALERT_WORDS: Record<AlertOutcome, string> = {
  investigated: "investigated",
  shown: "shown only",
  suppressed: "suppressed",
  preexisting: "older than air's watch",
};
const VERDICT_WORDS: Readonly<Record<string, string>> = {
  malicious: "malicious",
  suspicious: "suspicious",
  noThreatsFound: "no threats found",
  unknown: "not judged",
};
/** Playbooks and sources a card names; the file has all of them. */
const NAMED = 6;

/** The report of a span: what matters on one screen of a phone, what it is made of below. */
export function reportCard(rows: ReportRows): Card {
  const { counts } = rows;
  const of = spanText(rows, rows.timeZone);
  const lab = rows.lab ? "LAB " : "";
  const total = sum(counts.incidents.map((row) => row.incidents));
  const open = sum(counts.incidents.map((row) => (row.outcome === "open" ? row.incidents : 0)));
  const alerts = sum(counts.alerts.map((row) => row.alerts));
  const head = total === 0 ? "No incident was opened." : `${count(total, "incident")} from ${count(alerts, "alert")}, ${open} still open.`;
  const between = `${rows.from.toISOString()}/${rows.to.toISOString()}`;
  return {
    title: `${lab}Report of ${of}`,
    tone: "neutral",
    badge: count(total, "incident"),
    summary: `${lab}Report of ${of}: ${head} ${shortTimes(rows)}`.trim(),
    lines: [
      { kind: "text", text: [bold(head)] },
      {
        kind: "facts",
        facts: [...MEASURED.map((name) => [NAMES[name], took(rows.times[name], rows.before[name])] as const), ...inShort(rows)],
      },
      { kind: "divider" },
      ...details(rows),
      {
        kind: "note",
        text: `Times are those of the incidents opened then: half took no longer than the first says; n is how many there were, and what stands behind it the span before. A decision is counted from its proposal, the others from when the incident opened. The hours are an estimate of what a person would have needed: ${BY_HAND_MINUTES.lookUp} min for each look-up, ${BY_HAND_MINUTES.action} min for each action carried out unasked. Days are those of ${rows.timeZone}.`,
      },
    ],
    buttons: [
      { label: "As CSV", style: "plain", value: `say:report ${between} csv` },
      { label: "What is open", style: "plain", value: "say:list open" },
    ],
  };
}

/** "6 min, nine of ten 31 min (n 12; was 9 min)" */
function took(now: Spread, before: Spread): string {
  if (now.p50 === null || now.p90 === null) return "nothing to measure";
  return `${lasted(now.p50)}, nine of ten ${lasted(now.p90)} (n ${now.n}${before.p50 === null ? "" : `; was ${lasted(before.p50)}`})`;
}

function shortTimes({ times }: ReportRows): string {
  const said = MEASURED.flatMap((name) => (times[name].p50 === null ? [] : [`${NAMES[name].toLowerCase()} ${lasted(times[name].p50)}`]));
  return said.length === 0 ? "" : `Medians: ${said.join(", ")}.`;
}

/** Most is done by a machine, in seconds. */
const lasted = (ms: number): string => (ms < 60_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : span(new Date(0), new Date(ms)));

function inShort({ counts, agreement, answerWithinMs }: ReportRows): (readonly [string, string])[] {
  const { actions, pages, machine } = counts;
  const [right, judged] = [sum(agreement.map((row) => row.right)), sum(agreement.map((row) => row.judged))];
  const share = percent(right, judged);
  const answered = percent(pages.answered, pages.asked);
  const decided = [
    `${actions.automatic} automatic`,
    `${actions.approved} approved`,
    `${actions.rejected} rejected`,
    `${actions.expired} expired`,
  ];
  return [
    ["Actions", decided.join(", ")],
    ["Agreement", share === null ? "nobody judged a proposal" : `${right} of ${judged} (${share} %)`],
    [
      "Pages",
      pages.sent === 0
        ? "none"
        : `${pages.sent} sent${answered === null ? "" : `; ${answered} % of ${pages.asked} answered within ${lasted(answerWithinMs)}`}${pages.untold > 0 ? `; ${pages.untold} reached nobody` : ""}`,
    ],
    ["Automation", `about ${hours(savedMs(counts))} of a person's work (estimate); investigations ran ${hours(machine.ranMs)}`],
  ];
}

const hours = (ms: number): string => {
  const number = ms / 3_600_000;
  return `${number < 10 ? Math.round(number * 10) / 10 : Math.round(number)} h`;
};

function details({ counts, agreement }: ReportRows): Line[] {
  const bySeverity = SEVERITIES.toReversed();
  const incidents = bySeverity.flatMap((severity) => {
    const rows = counts.incidents.filter((row) => row.severity === severity);
    if (rows.length === 0) return [];
    const parts = rows.map((row) => `${row.incidents} ${outcomeText(row.outcome)}`);
    return [{ mark: capital(severity), text: `${sum(rows.map((row) => row.incidents))}: ${parts.join(", ")}` }];
  });
  const alerts = bySeverity.flatMap((severity) => {
    const rows = counts.alerts.filter((row) => row.severity === severity);
    const parts = ALERT_OUTCOMES.flatMap((outcome) => {
      const alerts = sum(rows.map((row) => (row.outcome === outcome ? row.alerts : 0)));
      return alerts === 0 ? [] : [`${alerts} ${ALERT_WORDS[outcome]}`];
    });
    return parts.length === 0 ? [] : [{ mark: capital(severity), text: parts.join(", ") }];
  });
  const evidence = counts.evidence.map((row) => `${row.pieces} ${VERDICT_WORDS[row.verdict] ?? row.verdict}`);
  const playbooks = byPlaybook(agreement).map((row) => ({
    text: [bold(`${cut(outside(row.playbook), 60)}: `), { text: agreedText(row) }],
  }));
  const sources = counts.sources
    .slice(0, NAMED)
    .map((row) => ({ text: [bold(`${cut(outside(row.source), 60)}: `), { text: sourceText(row) }] }));
  const { agreed, disagreed, cancelled, byHand } = counts.actions;
  const rest = [
    ...(byHand > 0 ? [`${byHand} done by hand`] : []),
    ...(agreed + disagreed > 0 ? [`observed: ${agreed} agreed, ${disagreed} disagreed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
  ];
  return [
    ...listOf("Incidents", incidents),
    ...listOf("Alerts", alerts),
    ...(evidence.length + rest.length === 0
      ? []
      : [
          {
            kind: "facts" as const,
            facts: [
              ...(evidence.length > 0 ? [["Evidence", evidence.join(", ")] as const] : []),
              ...(rest.length > 0 ? [["Other actions", rest.join("; ")] as const] : []),
              [
                "Looked at",
                `${count(counts.machine.lookUps, "look-up")} in ${count(counts.machine.investigations, "investigation")}, ${count(counts.machine.actions, "action")} unasked`,
              ] as const,
            ],
          },
        ]),
    ...listOf("Agreement", playbooks.slice(0, NAMED), playbooks.length),
    ...listOf("Noisiest sources", sources, counts.sources.length),
  ];
}

const listOf = (title: string, items: Extract<Line, { kind: "list" }>["items"], all = items.length): Line[] =>
  items.length === 0
    ? []
    : [
        { kind: "list", title, items },
        ...(all > items.length ? [{ kind: "note" as const, text: `${items.length} of ${all}; the CSV has them all.` }] : []),
      ];

function agreedText(one: PlaybookAgreement): string {
  const beside = besideAgreement(one);
  const said = one.judged === 0 ? "nobody judged it" : `${one.right} of ${one.judged} (${percent(one.right, one.judged)} %)`;
  return `${said}${beside.length > 0 ? `; ${beside.join(", ")}` : ""}`;
}

function sourceText(row: ReportRows["counts"]["sources"][number]): string {
  const more = [
    ...(row.repeats > 0 ? [`${count(row.repeats, "repeat")}`] : []),
    ...(row.falsePositives > 0 ? [`${count(row.falsePositives, "false positive")}`] : []),
    ...(row.overridden > 0 ? [`${row.overridden} overruled`] : []),
    ...(row.undone > 0 ? [`${row.undone} undone`] : []),
  ];
  return `${count(row.alerts, "alert")} in ${count(row.incidents, "incident")}${more.length > 0 ? `; ${more.join(", ")}` : ""}`;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
