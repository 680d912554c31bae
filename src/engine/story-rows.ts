import { actionId, evidenceId } from "./air.ts";
import { plainly } from "./cards/audit-sentence.ts";
import { shown } from "./cards/say.ts";
import { ACTION_KINDS } from "./domain/action.ts";
import { actorName } from "./domain/actor.ts";
import { CLASSIFICATIONS, DETERMINATIONS } from "./domain/incident.ts";
import { verdictWord } from "./domain/investigation.ts";
import type { ActionRow, IncidentView, TimelineRow } from "./store.ts";

/** One decision, or what led to it or came of it. `line` is its place in the story. */
export type StoryRow = { line: number; at: Date; who: string; text: string };

/** What is no decision and follows from none: that an alert came, that something was looked at. */
const SAID_BY_AIR = new Set(["investigation-ended", "incident-merged", "incident-redirected", "storm-ended"]);

/**
 * Who decided what about something, and on which grounds: the lines of the story that are about actions, verdicts and the incident
 * itself, a proposal with the evidence it rests on. `about`: what the question names.
 */
export function storyRows(
  story: readonly TimelineRow[],
  view: Pick<IncidentView, "actions" | "evidence">,
  about: { kind: "incident" | "investigation" | "action" | "alert" | "evidence"; id: number },
  /** By action, the evidence it rests on. */
  grounds: ReadonlyMap<number, readonly number[]> = new Map(),
): StoryRow[] {
  const actions = new Map(view.actions.map((row) => [row.id, row]));
  const concerns = (row: TimelineRow): boolean => {
    switch (about.kind) {
      case "action":
        return row.actionId === about.id;
      case "investigation":
        return row.investigationId === about.id || row.investigationId === null;
      case "evidence": {
        const action = row.actionId === null ? undefined : actions.get(row.actionId);
        return action?.evidenceId === about.id || new RegExp(`\\b${evidenceId(about.id)}\\b`).test(row.text);
      }
      case "incident":
      case "alert":
        return true;
      default:
        return about.kind satisfies never;
    }
  };
  const decides = (row: TimelineRow) => row.actionId !== null || row.actor.kind !== "air" || SAID_BY_AIR.has(row.event);
  return story
    .filter((row) => row.actor.kind !== "source" && decides(row) && concerns(row))
    .map((row) => {
      const who = actorName(row.actor);
      const action = row.actionId === null ? undefined : actions.get(row.actionId);
      const asks = row.event === "action-proposed" || row.event === "action-asked";
      const why = action && asks ? groundsOf(action, grounds.get(action.id) ?? [], view, row.text) : "";
      // "Mia: Mia approved it" says it twice; who it was stands before the line.
      const told = row.text.startsWith(`${who}: `) ? row.text.slice(who.length + 2) : row.text;
      const name = row.actionId === null || told.includes(actionId(row.actionId)) ? "" : `${actionId(row.actionId)}: `;
      return { line: row.id, at: row.at, who, text: `${name}${inWords(told).replace(/[.\s]*$/, "")}.${why}` };
    });
}

const WORST_FIRST = ["malicious", "suspicious", "unknown", "noThreatsFound"];
const GROUNDS = 3;

/** The evidence a proposal rests on, the worst first, with its first reasons, and the rule that made it ask or act. */
function groundsOf(action: ActionRow, ids: readonly number[], view: Pick<IncidentView, "evidence">, told: string): string {
  const named = ids.length > 0 ? ids : [action.evidenceId];
  const evidence = view.evidence
    .filter((item) => named.includes(item.id))
    .sort((a, b) => WORST_FIRST.indexOf(a.verdict) - WORST_FIRST.indexOf(b.verdict) || a.id - b.id);
  const pieces = evidence.slice(0, GROUNDS).map((item) => {
    const reasons = item.judgement?.for.slice(0, 3).map((reason) => reason.text.replace(/[.]$/, "")) ?? [];
    const why = reasons.length > 0 ? `: ${reasons.join("; ")}` : "";
    return `${evidenceId(item.id)} ${shown(item.entity)} is ${verdictWord(item.entity.kind, item.verdict)}${why}`;
  });
  const more = evidence.length > GROUNDS ? `, and ${evidence.length - GROUNDS} more` : "";
  const rests = evidence.length > 0 ? ` Grounds: ${pieces.join(". ")}${more}.` : "";
  return `${rests}${action.rule && !told.includes(action.rule) ? ` Rule: ${inWords(action.rule).replace(/[.]$/, "")}.` : ""}`;
}

/** `soft-delete-mail` and `truePositive` are for machines. */
const inWords = (text: string) =>
  [...ACTION_KINDS, ...CLASSIFICATIONS, ...Object.values(DETERMINATIONS).flat()]
    .filter((word) => /[-A-Z]/.test(word))
    .reduce((said, word) => said.replace(new RegExp(`(?<![\\w-])${word}(?![\\w-])`, "g"), plainly(word)), text);
