import { actionKinds } from "./actions/all.ts";
import { actionId, incidentId } from "./air.ts";
import { STATE_WORD } from "./cards/action-card.ts";
import type { Card } from "./cards/card.ts";
import { closingCard } from "./cards/closing-card.ts";
import { shown, time } from "./cards/say.ts";
import { actorName } from "./domain/actor.ts";
import type { Verdict } from "./domain/alert.ts";
import { verdictWord } from "./domain/investigation.ts";
import { isRemedy, isUnlooked } from "./investigation-status.ts";
import { MANUAL_SOURCE } from "./manual-alert.ts";
import { onceEach } from "./once-each.ts";
import type { ActionRow, IncidentView } from "./store.ts";

const WORST: readonly Verdict[] = ["malicious", "suspicious"];
const WORKED = new Set<ActionRow["state"]>(["succeeded", "undoing"]);
const WITHOUT_EFFECT = new Set<ActionRow["state"]>(["failed", "unclear", "timedOut"]);

/** The closing summary of an incident, drawn from its rows as they stand now. */
export function drawClosing(view: IncidentView, publicUrl: string | undefined): Card {
  const { incident, evidence, actions, timeline } = view;
  const closing = timeline.findLast((line) => line.event === "incident-close");
  const isClosed = incident.status === "closed" && incident.closedAt !== null;
  const things = onceEach(evidence);
  const bad = WORST.flatMap((verdict) => things.filter((row) => (row.override?.verdict ?? row.verdict) === verdict));
  return closingCard({
    id: incidentId(incident.id),
    title: incident.title,
    severity: incident.severity,
    lab: incident.lab,
    closed:
      isClosed && incident.closedAt
        ? {
            at: incident.closedAt,
            by: closing ? actorName(closing.actor) : "air",
            classification: incident.classification ?? "not classified",
            determination: incident.determination ?? undefined,
          }
        : undefined,
    openedAt: incident.openedAt,
    alerts: incident.alertCount,
    sources: [...new Set(view.alerts.flatMap((alert) => (alert.source === MANUAL_SOURCE ? [] : [alert.source])))].slice(0, 5),
    found: bad.map(
      (row) =>
        `${verdictWord(row.entity.kind, row.override?.verdict ?? row.verdict)}: ${shown(row.entity)} (${row.entity.kind})${because(row)}`,
    ),
    done: actions
      .filter((row) => WORKED.has(row.state) || row.state === "undone" || (row.state === "byHand" && row.decision?.decision === "approve"))
      .map(told),
    rejected: actions.filter((row) => row.state === "rejected").map(told),
    open: [
      ...actions.filter((row) => WITHOUT_EFFECT.has(row.state) || row.state === "expired").map(told),
      ...things.filter(isUnlooked).map((row) => `Not judged: ${shown(row.entity)} (${row.entity.kind})`),
    ],
    times: timesOf(view),
    link: publicUrl ? `${publicUrl}/#${incidentId(incident.id)}` : undefined,
  });
}

const because = (row: IncidentView["evidence"][number]): string => {
  if (row.override) return `, as ${row.override.by} judged: ${row.override.reason}`;
  const [first] = row.judgement?.for ?? [];
  return first ? `, ${first.text}` : "";
};

function told(row: ActionRow): string {
  const { decision } = row;
  const by = decision
    ? decision.decision === "automatic"
      ? ", automatic"
      : `, ${row.state === "byHand" ? "done by hand" : decision.decision === "approve" ? "approved" : "rejected"} by ${decision.by} at ${time(decision.at)}${decision.reason ? ` (${decision.reason})` : ""}`
    : "";
  return `${actionKinds[row.kind].title(row.target)} (${actionId(row.id)})${by}: ${STATE_WORD[row.state].word.toLowerCase()}`;
}

/** How long until the first verdict, the first decision of a person, and the first thing that was carried out. */
function timesOf({ incident, investigations, actions, timeline }: IncidentView): { what: string; from: Date; to: Date }[] {
  const first = (dates: readonly (Date | null | undefined)[]) =>
    dates.flatMap((date) => date ?? []).toSorted((a, b) => a.getTime() - b.getTime())[0];
  const verdict =
    first(timeline.filter((line) => line.event === "verdict").map((line) => line.at)) ??
    first(investigations.map((row) => row.pendingSince ?? row.endedAt));
  const decided = actions
    .filter((row) => row.decidedAt !== null && row.decision !== null && row.decision.decision !== "automatic")
    .toSorted((a, b) => (a.decidedAt?.getTime() ?? 0) - (b.decidedAt?.getTime() ?? 0))[0];
  const contained = first(actions.filter((row) => WORKED.has(row.state) && isRemedy(row)).map((row) => row.endedAt));
  return [
    ...(verdict ? [{ what: "To the verdict", from: incident.openedAt, to: verdict }] : []),
    ...(decided?.decidedAt ? [{ what: "To the decision", from: decided.proposedAt, to: decided.decidedAt }] : []),
    ...(contained ? [{ what: "To containment", from: incident.openedAt, to: contained }] : []),
  ];
}
