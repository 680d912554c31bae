import { alertId, incidentId, investigationId } from "../engine/air.ts";
import { type Card, cut, type Line, type Text } from "../engine/cards/card.ts";
import { capital, count, kindWord, outside, SEVERITY_TONE, shown, time } from "../engine/cards/say.ts";
import { askedBy } from "../engine/manual-alert.ts";
import type { AlertRow, IncidentView } from "../engine/store.ts";

/** Entities one card names; the rest is counted. */
const NAMED = 20;

/** One alert as its source sent it, where it went and why. */
export function alertCard(row: AlertRow, view: Pick<IncidentView, "incident">): Card {
  const lines: Line[] = [
    ...(row.description ? [{ kind: "text" as const, text: cut(outside(row.description), 600) }] : []),
    { kind: "facts", facts: factsOf(row, view) },
  ];
  if (row.entities.length > 0)
    lines.push({
      kind: "list",
      title: "It names",
      items: row.entities.slice(0, NAMED).map(({ entity }) => ({ mark: capital(kindWord(entity.kind)), text: cut(shown(entity), 160) })),
    });
  if (row.entities.length > NAMED) lines.push({ kind: "note", text: `and ${count(row.entities.length - NAMED, "more")}.` });
  const incident = incidentId(view.incident.id);
  return {
    title: `${alertId(row.id)}: ${cut(outside(row.title), 110)}`,
    tone: SEVERITY_TONE[row.severity],
    badge: capital(row.severity),
    summary: `${alertId(row.id)} ${cut(outside(row.title), 60)}, ${row.severity}, in ${incident}.`,
    lines,
    buttons: [{ label: "Incident", style: "plain", value: `say:status ${incident}` }],
  };
}

function factsOf(row: AlertRow, { incident }: Pick<IncidentView, "incident">): (readonly [string, Text])[] {
  const investigated = row.investigationId === null ? "not investigated" : investigationId(row.investigationId);
  const list: (readonly [string, Text | undefined])[] = [
    ...(askedBy(row) === undefined ? [] : [["Asked for by", cut(outside(askedBy(row) ?? ""), 80)] as const]),
    ["Source", askedBy(row) !== undefined ? undefined : `${row.source}${row.product ? `, ${cut(outside(row.product), 80)}` : ""}`],
    ["Its id there", askedBy(row) !== undefined ? undefined : cut(outside(row.sourceId), 120)],
    ["Category", row.category ? cut(outside(row.category), 80) : undefined],
    ["Techniques", row.techniques.length > 0 ? cut(row.techniques.map(outside).join(", "), 200) : undefined],
    ["Detected", time(row.detectedAt)],
    ["Received", time(row.receivedAt)],
    ["Seen", row.duplicates > 0 ? `${row.duplicates + 1} times` : undefined],
    [
      "Incident",
      `${incidentId(incident.id)}: ${row.joinedBecause ? `joined because of ${outside(row.joinedBecause)}` : "it opened the incident"}`,
    ],
    ["Investigation", `${investigated}. ${capital(outside(row.policyRule)).replace(/[.]?$/, ".")}`],
  ];
  return list.filter((entry): entry is readonly [string, Text] => entry[1] !== undefined);
}
