import { alsoText } from "./also.ts";
import { type Button, bold, type Card, cut, type Line } from "./card.ts";
import { outside, time } from "./say.ts";

/** What happened in an incident and would be missed where only an edited card says it. */
export type LineFacts = {
  incident: string;
  lab: boolean;
  /** Oldest first. */
  happened: readonly { event: string; text: string; at: Date; action?: string | undefined }[];
};

const TITLE: Readonly<Record<string, string>> = {
  "action-failed": "An action failed",
  "action-unclear": "Outcome unclear",
  "action-timedOut": "An action timed out",
  "decision.first-of-two": "A second approval is needed",
  "decision.done-first-of-two": "A second person has to confirm it",
  verdict: "New bad evidence",
  "investigation-stopped": "Stopped",
  "action-expired": "Expired",
  "incident-note": "Note",
  "incident-reopen": "Reopened",
  "incident-split": "Split",
  "incident-snooze": "Snoozed",
  "incident-mute": "Muted",
  "incident-snooze-ended": "It is back",
};
const titleOf = (event: string) =>
  TITLE[event] ?? (event.startsWith("decision.") ? "Decision" : event.startsWith("evidence-") ? "Verdict by a person" : "News");

/** A short reply in the thread; several things that happened together are one. */
export function lineCard({ incident, lab, happened }: LineFacts): Card {
  const titles = [...new Set(happened.map(({ event }) => titleOf(event)))];
  const [first] = happened;
  const [only] = titles;
  const many = titles.length === 1 && happened.length > 1;
  const what = many && only === "Note" ? `${happened.length} notes, first` : titleOf(first?.event ?? "");
  const others = happened.slice(1).map(({ event, text }) => `${titleOf(event)}: ${text}`);
  const more = many && only === "Note" ? "" : alsoText(others);
  const said = cut(outside(first?.text ?? ""), 300);
  const lapsed = [...new Set(happened.flatMap(({ event, action }) => (event === "action-expired" && action ? [action] : [])))];
  return {
    title: `${lab ? "LAB " : ""}${many && only === "Note" ? `${happened.length} notes` : cut(titles.join(", "), 110)}`,
    tone: happened.some(({ event }) => event === "verdict" || (event.startsWith("action-") && event !== "action-expired")) ? "bad" : "info",
    summary: `${lab ? "LAB " : ""}${what}: ${said}${more !== "" && !/[.!?…]$/.test(said) ? "." : ""}${more} (${incident})`,
    lines: happened.map(
      ({ event, text, at }): Line => ({
        kind: "text",
        text: [...(titles.length > 1 ? [bold(`${titleOf(event)}: `)] : []), { text: `${cut(outside(text), 500)} (${time(at)})` }],
      }),
    ),
    buttons: lapsed.slice(0, 5).map(
      (id): Button => ({
        label: lapsed.length > 1 ? `Propose ${id} again` : "Propose again",
        style: "plain",
        value: `say:propose ${id}`,
      }),
    ),
  };
}
