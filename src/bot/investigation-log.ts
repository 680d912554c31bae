import { actionKinds } from "../engine/actions/all.ts";
import { actionId, evidenceId } from "../engine/air.ts";
import { STATE_WORD } from "../engine/cards/action-card.ts";
import { actorName } from "../engine/domain/actor.ts";
import { type Entity, entityName } from "../engine/domain/entity.ts";
import type { ActionRow, EvidenceRow, ObservationRow, Reads, TimelineRow } from "../engine/store.ts";

/**
 * One step of an investigation, in the columns of domain facts 5.3 (Log). Durations are milliseconds; `at`, `by`, `event` and `text`
 * tell the same line as a sentence.
 */
export type LogRow = {
  id: string;
  actionType: "Analysis" | "Remediation" | "Event";
  action: string;
  status: string;
  deviceName: string | null;
  description: string;
  comments: string | null;
  timeCreated: string;
  executionStart: string | null;
  duration: number | null;
  pendingDuration: number | null;
  queuedDuration: number | null;
  at: string;
  by: string;
  event: string;
  text: string;
};

const between = (from: Date | null, to: Date | null) => (from && to ? Math.max(0, to.getTime() - from.getTime()) : null);
const deviceOf = (entity: Entity | undefined): string | null =>
  entity?.kind === "device" ? entityName(entity) : entity && "device" in entity && entity.device ? entity.device : null;

/** The whole log of an investigation, oldest first. */
export async function investigationLog(store: Reads, id: number): Promise<LogRow[]> {
  const [evidence, observations, actions, timeline] = await Promise.all([
    store.evidenceOf(id),
    store.observationsOf(id),
    store.actionsOf(id),
    store.timelineOf(id),
  ]);
  return logRows({ evidence, observations, actions, timeline });
}

/** Every look-up, every action and everything else that happened, oldest first. */
export function logRows(input: {
  evidence: readonly EvidenceRow[];
  observations: readonly ObservationRow[];
  actions: readonly ActionRow[];
  timeline: readonly TimelineRow[];
}): LogRow[] {
  const byId = new Map(input.evidence.map((row) => [row.id, row]));
  const looks = [...Map.groupBy(input.observations, (row) => `${row.evidenceId} ${row.look}`).values()].flatMap((rows) => {
    const [first] = rows;
    return first ? [lookRow(first, rows, byId.get(first.evidenceId))] : [];
  });
  const ofActions = new Set(input.timeline.filter((row) => row.actionId !== null && row.event === "action-proposed").map((row) => row.id));
  const rows = [...looks, ...input.actions.map(actionRow), ...input.timeline.filter((row) => !ofActions.has(row.id)).map(eventRow)];
  return rows.sort((a, b) => (a.at === b.at ? (a.id < b.id ? -1 : 1) : a.at < b.at ? -1 : 1));
}

function lookRow(first: ObservationRow, rows: readonly ObservationRow[], evidence: EvidenceRow | undefined): LogRow {
  const name = evidence ? `${entityName(evidence.entity)} (${evidenceId(evidence.id)})` : "";
  const text = rows.map((row) => row.text).join(" ");
  const start = first.askedAt ?? first.createdAt;
  const failed = rows.some((row) => row.label === "failed");
  const kept = [
    first.connectorVersion ? `version ${first.connectorVersion}` : undefined,
    first.rawSha256 ? `raw answer kept, SHA-256 ${first.rawSha256}` : undefined,
  ].filter((part) => part !== undefined);
  return {
    id: `OBS-${first.id}`,
    actionType: "Analysis",
    action: first.look,
    status: failed ? "Failed" : "Completed",
    deviceName: deviceOf(evidence?.entity),
    description: `${name}: ${text}`,
    comments: kept.length > 0 ? `${first.source}, ${kept.join(", ")}` : first.source,
    timeCreated: (evidence?.createdAt ?? first.createdAt).toISOString(),
    executionStart: start.toISOString(),
    duration: first.tookMs,
    pendingDuration: null,
    queuedDuration: between(evidence?.createdAt ?? null, start),
    at: first.createdAt.toISOString(),
    by: first.source,
    event: failed ? "look-failed" : "look",
    text: `${name}: ${text}`,
  };
}

const actionRow = (row: ActionRow): LogRow => ({
  id: actionId(row.id),
  actionType: "Remediation",
  action: row.kind,
  status: STATE_WORD[row.state].word,
  deviceName: deviceOf(row.target),
  description: actionKinds[row.kind].title(row.target),
  comments:
    [row.decision ? `${row.decision.by}${row.decision.reason ? `: ${row.decision.reason}` : ""}` : undefined, row.outcome]
      .filter((part) => part)
      .join(". ") || null,
  timeCreated: row.proposedAt.toISOString(),
  executionStart: row.executingAt?.toISOString() ?? null,
  duration: between(row.executingAt, row.endedAt),
  pendingDuration: between(row.proposedAt, row.decidedAt ?? row.endedAt),
  queuedDuration: between(row.decidedAt, row.executingAt),
  at: row.proposedAt.toISOString(),
  by: row.decision?.by ?? "air",
  event: "action",
  text: `${actionKinds[row.kind].title(row.target)}: ${row.rule}`,
});

const eventRow = (row: TimelineRow): LogRow => ({
  id: `LOG-${row.id}`,
  actionType: "Event",
  action: row.event,
  status: "Completed",
  deviceName: null,
  description: row.text,
  comments: null,
  timeCreated: row.at.toISOString(),
  executionStart: null,
  duration: null,
  pendingDuration: null,
  queuedDuration: null,
  at: row.at.toISOString(),
  by: actorName(row.actor),
  event: row.event,
  text: row.text,
});
