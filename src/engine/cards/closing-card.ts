import type { Severity } from "../domain/alert.ts";
import { determinationText } from "../domain/incident.ts";
import { type Card, cut, type Line } from "./card.ts";
import { capital, count, outside, span, time } from "./say.ts";

/** A closed incident as it goes into a ticket. */
export type ClosingFacts = {
  id: string;
  title: string;
  severity: Severity;
  lab: boolean;
  /** Undefined: it was opened again. */
  closed?: { at: Date; by: string; classification: string; determination?: string | undefined } | undefined;
  openedAt: Date;
  alerts: number;
  sources: readonly string[];
  /** "Malicious: invoice.exe (file on WS-042)", worst first. */
  found: readonly string[];
  /** "Isolate WS-042, approved by Mia at ..., done". */
  done: readonly string[];
  rejected: readonly string[];
  open: readonly string[];
  /** Milliseconds are said as spans. */
  times: readonly { what: string; from: Date; to: Date }[];
  link?: string | undefined;
};

const CLASSIFIED: Readonly<Record<string, string>> = {
  truePositive: "true positive",
  falsePositive: "false positive",
  informationalExpectedActivity: "expected activity",
};
const SHOWN = 10;

/** What happened, what was done by whom, what was rejected, what is left, how long it took: plain text, ready to paste. */
export function closingCard(facts: ClosingFacts): Card {
  const lab = facts.lab ? "LAB " : "";
  const title = cut(outside(facts.title), 100);
  if (!facts.closed) {
    return {
      title: `${lab}${facts.id} was opened again`,
      tone: "neutral",
      summary: `${lab}${facts.id} was opened again: ${title}`,
      lines: [{ kind: "text", text: "The summary follows here when it is closed." }],
      buttons: [],
    };
  }
  const { closed } = facts;
  const as = `${CLASSIFIED[closed.classification] ?? closed.classification}${closed.determination ? ` (${determinationText(closed.determination)})` : ""}`;
  const lines: Line[] = [
    {
      kind: "text",
      text: `${capital(facts.severity)}: ${title}. Closed as ${as} by ${outside(closed.by)} at ${time(closed.at)}. ${count(facts.alerts, "alert")} from ${facts.sources.map((one) => cut(outside(one), 40)).join(", ") || "no source"}, the first at ${time(facts.openedAt)}.`,
    },
    ...section("What happened", facts.found, "Nothing bad was found."),
    ...section("What was done", facts.done, "Nothing was carried out."),
    ...section("Rejected", facts.rejected),
    ...section("Left open", facts.open),
    {
      kind: "facts",
      facts: [
        ...facts.times.map(({ what, from, to }) => [what, span(from, to)] as const),
        ["Open for", span(facts.openedAt, closed.at)] as const,
      ],
    },
    // Once for pasting into a ticket, once to press: a link in plain text is dead in some chats.
    ...(facts.link ? [{ kind: "note" as const, text: `The whole story: ${facts.link}` }] : []),
  ];
  return {
    title: `${lab}${facts.id} closed: ${as}`,
    tone: "neutral",
    summary: `${lab}${facts.id} closed as ${as}: ${title}. ${facts.done[0] ? cut(outside(facts.done[0]), 120) : "Nothing was carried out."}`,
    lines,
    buttons: facts.link ? [{ label: "The whole story", style: "plain", url: facts.link }] : [],
  };
}

function section(title: string, items: readonly string[], none?: string): Line[] {
  if (items.length === 0) return none === undefined ? [] : [{ kind: "list", title, items: [{ text: none }] }];
  const more = items.length > SHOWN ? [{ text: `and ${items.length - SHOWN} more` }] : [];
  return [{ kind: "list", title, items: [...items.slice(0, SHOWN).map((text) => ({ text: cut(outside(text), 240) })), ...more] }];
}
