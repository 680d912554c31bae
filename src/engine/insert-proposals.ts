import { actionKinds } from "./actions/all.ts";
import { actionId } from "./air.ts";
import { sameProposal } from "./domain/action.ts";
import type { Actor } from "./domain/actor.ts";
import { entityKey } from "./domain/entity.ts";
import type { Proposed } from "./propose-actions.ts";
import type { ActionRow, InvestigationRow, New, TimelineRow, Tx } from "./store.ts";

const AIR: Actor = { kind: "air", job: "investigate" };

/**
 * Stores what was proposed, asks policy with the ceilings as they stand now, queues what is automatic, and returns the new ids.
 * The same kind on the same target is proposed once per incident, however many investigations it has.
 */
export async function insertProposals(
  tx: Tx,
  investigation: InvestigationRow,
  proposals: readonly Proposed[],
  timeline: New<TimelineRow>[],
  now: Date,
): Promise<number[]> {
  if (proposals.length === 0) return [];
  // Another round may have proposed the same in the meantime (a second investigation of the incident).
  const already = await tx.proposedIn(investigation.incidentId);
  const rows: New<ActionRow>[] = [];
  for (const { row, answer } of proposals) {
    if (already.has(sameProposal(row))) continue;
    already.add(sameProposal(row));
    const spent = await tx.automaticSince(row.kind, new Date(now.getTime() - 3_600_000), new Date(now.getTime() - 86_400_000));
    const mine = rows.filter((one) => one.decision?.decision === "automatic");
    const said = answer({
      kindLastHour: spent.kindLastHour + mine.filter((one) => one.kind === row.kind).length,
      lastDay: spent.lastDay + mine.length,
    });
    if (said.kind === "none") continue;
    const automatic = said.kind === "automatic";
    rows.push({
      ...row,
      incidentId: investigation.incidentId,
      rule: said.rule,
      state: automatic ? "approved" : said.kind === "observe" ? "observed" : "pending",
      decision: automatic ? { decision: "automatic", by: "Automation", at: now.toISOString(), via: "air", reason: said.rule } : null,
      decidedAt: automatic ? now : null,
    });
  }
  const ids = await tx.insertActions(rows);
  const automatic = rows.flatMap((row, index) => (row.state === "approved" ? [{ row, id: ids[index] ?? 0 }] : []));
  for (const [index, row] of rows.entries()) {
    const how =
      row.state === "approved"
        ? "is carried out automatically"
        : row.state === "observed"
          ? "would be done (mode observe)"
          : "waits for a decision";
    timeline.push({
      ...line(investigation, now, "action-proposed", `${actionKinds[row.kind].title(row.target)} ${how}: ${row.rule}`),
      actionId: ids[index] ?? null,
    });
  }
  await tx.enqueueMany(
    "execute-action",
    automatic.map(({ id }) => ({ data: { action: id }, key: actionId(id) })),
  );
  await tx.writeAudit(
    automatic.map(({ row, id }) => ({
      at: now,
      actor: AIR,
      event: "action.approved-automatically",
      subject: actionId(id),
      incidentId: investigation.incidentId,
      data: { kind: row.kind, target: entityKey(row.target), rule: row.rule, version: row.version },
    })),
  );
  return ids;
}

/** One line of an investigation's story, told by air. */
export const line = (investigation: InvestigationRow, at: Date, event: string, text: string): New<TimelineRow> => ({
  incidentId: investigation.incidentId,
  investigationId: investigation.id,
  actionId: null,
  at,
  actor: AIR,
  event,
  text: text.slice(0, 2000),
});
