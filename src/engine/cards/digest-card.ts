import { SEVERITIES, type Severity } from "../domain/alert.ts";
import { BECAME, type Became } from "../domain/incident.ts";
import { bold, type Card, cut, type Line } from "./card.ts";
import { capital, count, outside, time } from "./say.ts";

const WORDS: Record<Became, string> = {
  lookedAt: "still looked at",
  waits: "waiting for a decision or a device",
  noThreats: "no threats found",
  benign: "closed as benign",
  suppressed: "suppressed",
  notInvestigated: "not investigated",
  closed: "closed as a true positive",
  other: "ended without a clear answer",
};

export type DigestFacts = {
  /** "2026-11-22", and the zone its midnight is that of. */
  day: string;
  timeZone: string;
  lab: boolean;
  counts: readonly { severity: Severity; became: Became; incidents: number }[];
  /** Newest first. */
  newest: readonly { id: string; title: string; severity: Severity; became: Became }[];
  storms: readonly { alerts: number; severity: Severity; category?: string | undefined; source: string; startedAt: Date }[];
};

/** One message a day and channel for everything that asks nothing of anybody (product contract 7). */
export function digestCard(digest: DigestFacts): Card {
  const total = digest.counts.reduce((sum, one) => sum + one.incidents, 0);
  const lab = digest.lab ? "LAB " : "";
  const bySeverity = SEVERITIES.toReversed().flatMap((severity) => {
    const number = sumOf(digest, (one) => one.severity === severity);
    return number > 0 ? [`${number} ${severity}`] : [];
  });
  const became = BECAME.flatMap((one) => {
    const number = sumOf(digest, (row) => row.became === one);
    return number > 0 ? [[one, number] as const] : [];
  });
  const lines: Line[] = [
    {
      kind: "text",
      text: [
        bold("Nothing here needs you. "),
        {
          text:
            total === 0
              ? "No incident has come in yet."
              : `${count(total, "incident")} asked for no decision: stored and listed, and counted here only.`,
        },
      ],
    },
    {
      kind: "facts",
      facts: [
        ["By severity", bySeverity.join(", ") || "none"],
        ...became.map(([one, number]) => [capital(WORDS[one]), String(number)] as const),
      ],
    },
    ...(digest.storms.length > 0
      ? [{ kind: "list" as const, title: "Among them", items: digest.storms.slice(0, 5).map((storm) => ({ text: stormText(storm) })) }]
      : []),
    ...(digest.newest.length > 0
      ? [
          {
            kind: "list" as const,
            title: "Newest",
            items: digest.newest.map((one) => ({
              mark: one.id,
              text: `${cut(outside(one.title), 90)} (${one.severity}, ${WORDS[one.became]})`,
            })),
          },
        ]
      : []),
    { kind: "note", text: `The day is that of ${digest.timeZone}. All of them: list since=1d. One of them: status <INC>.` },
  ];
  return {
    title: `${lab}Digest of ${digest.day}`,
    tone: "neutral",
    badge: count(total, "incident"),
    summary:
      `${lab}Digest of ${digest.day}: ${count(total, "incident")} that asked for nothing. ${became.map(([one, number]) => `${number} ${WORDS[one]}.`).join(" ")}`.trim(),
    lines,
    buttons: [{ label: "List them", style: "plain", value: "say:list since=1d" }],
  };
}

const sumOf = (digest: DigestFacts, which: (one: DigestFacts["counts"][number]) => boolean): number =>
  digest.counts.filter(which).reduce((sum, one) => sum + one.incidents, 0);

const stormText = (storm: DigestFacts["storms"][number]): string =>
  `storm of ${storm.alerts} ${storm.severity} ${storm.category ? `${cut(outside(storm.category), 60)} ` : ""}alerts from ${cut(outside(storm.source), 60)}, since ${time(storm.startedAt)}`;
