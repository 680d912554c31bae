import { bold, type Card, cut, type Line } from "./card.ts";
import { outside, time } from "./say.ts";

/** What happened in an incident and would be missed where only an edited card says it. */
export type LineFacts = {
  incident: string;
  lab: boolean;
  /** Oldest first. */
  happened: readonly { event: string; text: string; at: Date }[];
};

const TITLE: Readonly<Record<string, string>> = {
  "action-failed": "An action failed",
  "action-unclear": "Outcome unclear",
  "action-timedOut": "An action timed out",
  "decision.first-of-two": "A second approval is needed",
  verdict: "New bad evidence",
  "investigation-stopped": "Stopped",
  "incident-note": "Note",
  "incident-reopen": "Reopened",
  "incident-split": "Split",
};
const titleOf = (event: string) =>
  TITLE[event] ?? (event.startsWith("decision.") ? "Decision" : event.startsWith("evidence-") ? "Verdict by a person" : "News");

/** A short reply in the thread; several things that happened together are one. */
export function lineCard({ incident, lab, happened }: LineFacts): Card {
  const titles = [...new Set(happened.map(({ event }) => titleOf(event)))];
  const [first] = happened;
  const more = happened.length > 1 ? ` And ${happened.length - 1} more.` : "";
  return {
    title: `${lab ? "LAB " : ""}${cut(titles.join(", "), 110)}`,
    tone: happened.some(({ event }) => event === "verdict" || event.startsWith("action-")) ? "bad" : "info",
    summary: `${lab ? "LAB " : ""}${titleOf(first?.event ?? "")}: ${cut(outside(first?.text ?? ""), 300)}${more} (${incident})`,
    lines: happened.map(
      ({ event, text, at }): Line => ({
        kind: "text",
        text: [...(titles.length > 1 ? [bold(`${titleOf(event)}: `)] : []), { text: `${cut(outside(text), 500)} (${time(at)})` }],
      }),
    ),
    buttons: [],
  };
}
