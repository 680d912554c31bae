import { actionKinds } from "./actions/all.ts";
import { type Air, actionId } from "./air.ts";
import type { Already } from "./already-so.ts";
import { sameProposal } from "./domain/action.ts";
import type { Actor } from "./domain/actor.ts";
import type { Ceiling, Standing } from "./domain/automation.ts";
import { deviceName, type Entity, entityKey } from "./domain/entity.ts";
import { ALREADY_DONE } from "./investigation-status.ts";
import type { Proposed } from "./propose-actions.ts";
import { modeNow } from "./set-mode.ts";
import { endSnoozes } from "./snoozed.ts";
import type { ActionRow, InvestigationRow, New, TimelineRow, Tx } from "./store.ts";
import { timelineLine } from "./timeline-line.ts";
import { wantPages } from "./want-pages.ts";

const AIR: Actor = { kind: "air", job: "investigate" };

const HOUR = 3_600_000;
/** Held alone while what automatic actions used up is counted and added to: two investigations never take the same last place. */
const CEILINGS_SETTING = "ceilings";

/**
 * Stores what was proposed, asks policy with the ceilings as they stand now, queues what is automatic, and returns the new ids of what has a
 * card of its own: what is dealt with already only stands on the incident's.
 * The same kind on the same target is proposed once per incident, however many investigations it has.
 */
export async function insertProposals(
  tx: Tx,
  air: Air,
  investigation: InvestigationRow,
  proposals: readonly Proposed[],
  timeline: New<TimelineRow>[],
  now: Date,
): Promise<number[]> {
  if (proposals.length === 0) return [];
  // Another round may have proposed the same in the meantime (a second investigation of the incident).
  const already = await tx.proposedIn(investigation.incidentId);
  const mode = await modeNow(tx, air);
  const idle = { kindLastHour: 0, lastDay: 0, mode };
  // Only what would be automatic has to wait for its turn.
  const counted = proposals.some(({ answer, already: text }) => text === undefined && answer(idle).kind === "automatic");
  if (counted) await tx.lockSetting(CEILINGS_SETTING, "alone");
  const before = counted ? await tx.actionsOf(investigation.id) : [];
  const rows: New<ActionRow>[] = [];
  const atCeiling: { ceiling: Ceiling; rule: string; row: number }[] = [];
  for (const { row, answer, already: text, growth } of proposals) {
    if (!growth && already.has(sameProposal(row)) && !(await comesBack(tx, { ...row, incidentId: investigation.incidentId }))) continue;
    if (text !== undefined && (await isNoted(tx, { ...row, incidentId: investigation.incidentId }))) continue;
    already.add(sameProposal(row));
    if (text !== undefined) {
      rows.push({ ...row, ...needless(text, now), incidentId: investigation.incidentId });
      continue;
    }
    const said = answer(counted ? await standing(tx, row, [...before, ...rows], rows, now, idle) : idle);
    if (said.kind === "none") continue;
    const automatic = said.kind === "automatic";
    if (said.ceiling) atCeiling.push({ ceiling: said.ceiling, rule: said.rule, row: rows.length });
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
    if (row.state === "cancelled") {
      const text = `${actionKinds[row.kind].title(row.target)}: ${row.outcome}`;
      timeline.push({ ...line(investigation, now, "action-cancelled", text), actionId: ids[index] ?? null });
      continue;
    }
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
  for (const one of atCeiling)
    await tellOnce(tx, air, investigation, { ...one, kind: rows[one.row]?.kind ?? "", action: ids[one.row] ?? null }, now);
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
  await tx.writeAudit(
    rows.flatMap((row, index) =>
      row.state !== "cancelled"
        ? []
        : [
            {
              at: now,
              actor: AIR,
              event: "action.cancelled",
              subject: actionId(ids[index] ?? 0),
              incidentId: investigation.incidentId,
              data: {
                kind: row.kind,
                target: entityKey(row.target),
                because: row.outcome?.endsWith(NOT_AGAIN) ? "pending there" : "already remediated",
              },
            },
          ],
    ),
  );
  if (rows.some((row) => row.state === "pending")) await endSnoozes(tx, air, [investigation.incidentId], now);
  return ids.filter((_, index) => rows[index]?.state !== "cancelled");
}

const NOT_AGAIN = "It is not asked for a second time.";
/** Shown, so that everybody sees that it is dealt with, and asks nobody. */
const needless = ({ text, pending }: Already, now: Date) =>
  ({
    state: "cancelled",
    rule: pending ? "somebody has the product do it" : "it is so already",
    outcome: pending ? `${text} ${NOT_AGAIN}` : `${ALREADY_DONE}: ${text} Nothing was left to decide.`,
    endedAt: now,
    checkedAt: now,
  }) as const;

/** An earlier round has said it. */
async function isNoted(tx: Tx, row: New<ActionRow>): Promise<boolean> {
  const { items } = await tx.listActions({ incidentId: row.incidentId, kinds: [row.kind], states: ["cancelled"], limit: 200 });
  return items.some(
    (one) => sameProposal(one) === sameProposal(row) && (one.outcome?.startsWith(ALREADY_DONE) || one.outcome?.endsWith(NOT_AGAIN)),
  );
}

/** What is used up now, this round's own actions included. */
async function standing(
  tx: Tx,
  row: New<ActionRow>,
  investigations: readonly New<ActionRow>[],
  round: readonly New<ActionRow>[],
  now: Date,
  idle: Standing,
): Promise<Standing> {
  const spent = await tx.automaticSince(row.kind, new Date(now.getTime() - HOUR), new Date(now.getTime() - 24 * HOUR));
  const mine = round.filter(isAutomatic);
  const own = deviceOf(row);
  const devices = new Set(investigations.filter(isAutomatic).flatMap((one) => deviceOf(one) ?? []));
  if (own !== undefined) devices.delete(own);
  return {
    ...idle,
    kindLastHour: spent.kindLastHour + mine.filter((one) => one.kind === row.kind).length,
    lastDay: spent.lastDay + mine.length,
    ...(own === undefined ? {} : { otherDevices: devices.size }),
  };
}

const isAutomatic = (row: Pick<ActionRow, "decision">) => row.decision?.decision === "automatic";

/** Which device it happens on, in one spelling. */
function deviceOf({ family, target }: Pick<ActionRow, "family" | "target">): string | undefined {
  if (family !== "device") return undefined;
  const named = target as Entity & { device?: string };
  const name = target.kind === "device" ? (target.name ?? target.id) : named.device;
  // What lies on no device that is known counts as one of its own.
  return name === undefined ? entityKey(target) : deviceName(name);
}

/** Until when a ceiling was told of, by ceiling and kind. */
const TOLD_SETTING = "ceilings-told";

/** At a ceiling everything asks, and whoever is on call is told once per ceiling and window (product contract 6). */
async function tellOnce(
  tx: Tx,
  air: Air,
  investigation: InvestigationRow,
  at: { ceiling: Ceiling; rule: string; kind: string; action: number | null },
  now: Date,
): Promise<void> {
  const key =
    at.ceiling === "perKindPerHour"
      ? `${at.ceiling} ${at.kind}`
      : at.ceiling === "perDay"
        ? at.ceiling
        : `${at.ceiling} INV-${investigation.id}`;
  const known = Object.entries((await tx.setting<Record<string, string>>(TOLD_SETTING)) ?? {});
  const told = Object.fromEntries(known.filter(([, until]) => Date.parse(until) > now.getTime()));
  if (told[key] !== undefined) return;
  const window = at.ceiling === "perKindPerHour" ? HOUR : 24 * HOUR;
  await tx.putSetting(TOLD_SETTING, { ...told, [key]: new Date(now.getTime() + window).toISOString() });
  const text = `${at.rule[0]?.toUpperCase() ?? ""}${at.rule.slice(1)}. What would have been automatic asks for a decision now.`;
  const { incidentId } = investigation;
  await wantPages(tx, air, [{ incidentId, actionId: at.action, step: "ceiling", to: [{ kind: "on-call" }], text, by: "air" }], now);
  await tx.writeAudit([
    { at: now, actor: AIR, event: "ceiling.reached", subject: at.ceiling, incidentId, data: { rule: at.rule, kind: at.kind } },
  ]);
}

/** It comes back to a rejected action, and nobody else has brought it back meanwhile. */
async function comesBack(tx: Tx, row: New<ActionRow>): Promise<boolean> {
  const { rejectedBefore, incidentId, kind } = row;
  if (rejectedBefore === null) return false;
  const { items } = await tx.listActions({ incidentId, kinds: [kind], limit: 200 });
  return !items.some((one) => one.id > rejectedBefore && one.state !== "cancelled" && sameProposal(one) === sameProposal(row));
}

/** One line of an investigation's story, told by air. */
export const line = (investigation: InvestigationRow, at: Date, event: string, text: string): New<TimelineRow> =>
  timelineLine({ incidentId: investigation.incidentId, investigationId: investigation.id }, at, AIR, event, text);
