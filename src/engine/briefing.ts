import { actionKinds } from "./actions/all.ts";
import { actionId, incidentId } from "./air.ts";
import type { BriefFacts, BriefItem, BriefPart } from "./cards/brief-card.ts";
import { oneLine, span } from "./cards/say.ts";
import { chatTroubles } from "./chat-troubles.ts";
import { readStored } from "./domain/action.ts";
import { actorName } from "./domain/actor.ts";
import { SEVERITIES } from "./domain/alert.ts";
import { dayOf } from "./domain/day.ts";
import { NOBODY, type Paging } from "./domain/paging.ts";
import { onDuty } from "./on-duty.ts";
import { PAUSE_SETTING, type Pause } from "./pause.ts";
import type { ActionRow, BriefingRows, IncidentRow, Reads, Some } from "./store.ts";
import { endsAt } from "./timed-actions.ts";

/** What is read to tell somebody how things stand. */
export type BriefingReads = Pick<
  Reads,
  "briefing" | "setting" | "settingsUnder" | "troubledChannels" | "channel" | "swapsAfter" | "snoozedIncidents"
>;
export type BriefingHow = { paging: Paging | undefined; lab: boolean; now: Date };

/** As many of each are shown on a card. */
export const SHOWN = 5;
/** And of each in a file. */
export const WRITTEN = 1000;

type Parts = readonly BriefPart[];

/** What needs somebody this morning, and what happened by itself since then. `most`: items of each part. */
export async function morningFacts(reads: BriefingReads, since: Date, how: BriefingHow, most: number): Promise<BriefFacts> {
  const { now, lab } = how;
  const until = dayOf(now, (how.paging ?? NOBODY).timeZone).to;
  const rows = await reads.briefing({ since, now, until, lab, most });
  const parts: Parts = [
    part("open", rows.open, (row) => openItem(row, now)),
    part("waiting", rows.waiting, (row) => waitingItem(row, now)),
    part("expiring", rows.expiring, (row) => ({ ...actionItem(row), due: row.expiresAt })),
    part("alone", rows.alone, aloneItem),
    part("closed", rows.closedByThemselves, closedItem),
    part("unsettled", rows.unsettled, (row) => ({
      ...actionItem(row),
      at: row.endedAt ?? row.proposedAt,
      note: oneLine(row.outcome ?? row.state),
    })),
    part("ending", rows.ending, (row) => ({ ...actionItem(row), due: endsAt(row) })),
    await silencesOf(reads, rows, how, until),
    await troublesOf(reads, now, most),
  ];
  return { ...(await common(reads, rows, how)), kind: "morning", since, parts: parts.filter((one) => one.total > 0) };
}

/** What changed while the shift that ends here was on, and what is left to whoever follows. */
export async function handoverFacts(
  reads: BriefingReads,
  shift: { from: Date; person: string | null },
  how: BriefingHow,
  most: number,
): Promise<BriefFacts> {
  const { now, lab } = how;
  const paging = how.paging ?? NOBODY;
  const rows = await reads.briefing({ since: shift.from, now, until: now, lab, most });
  const parts: Parts = [
    part("waiting", rows.waiting, (row) => waitingItem(row, now)),
    part("alone", rows.alone, aloneItem),
    part("open", rows.open, (row) => openItem(row, now)),
    part("decided", rows.decided, decidedItem),
    part("acknowledged", rows.acknowledged, (row) => ({
      ...incidentItem(row),
      ...(row.ackedBy === null ? {} : { who: row.ackedBy }),
      ...(row.ackedAt === null ? {} : { at: row.ackedAt }),
    })),
    part("notes", rows.notes, (row) => ({
      id: incidentId(row.incidentId),
      text: oneLine(row.text),
      who: actorName(row.actor),
      at: row.at,
    })),
    part("unsettled", rows.unsettled, (row) => ({
      ...actionItem(row),
      at: row.endedAt ?? row.proposedAt,
      note: oneLine(row.outcome ?? row.state),
    })),
    part("closed", rows.closedByThemselves, closedItem),
    await troublesOf(reads, now, most),
  ];
  return {
    ...(await common(reads, rows, how)),
    kind: "handover",
    since: shift.from,
    before: shift.person === null ? undefined : paging.nameOf(shift.person).name,
    changed: { opened: rows.opened, closed: rows.closed, decided: rows.decided.total, automatic: rows.automatic },
    parts: parts.filter((one) => one.total > 0),
  };
}

async function common(reads: BriefingReads, rows: BriefingRows, { paging = NOBODY, lab, now }: BriefingHow) {
  const duty = await onDuty(reads, { paging: () => paging }, now);
  const name = (target: string) => paging.nameOf(target).name;
  return {
    at: now,
    lab,
    timeZone: paging.timeZone,
    severities: [...SEVERITIES].reverse().flatMap((severity) => rows.severities.filter((one) => one.severity === severity)),
    late: rows.late,
    onCall: duty && {
      name: duty.current === null ? undefined : name(duty.current),
      until: duty.change?.at,
      next: duty.change?.person == null ? undefined : name(duty.change.person),
    },
  };
}

const part = <Row>(name: BriefPart["name"], { rows, total }: Some<Row>, item: (row: Row) => BriefItem): BriefPart => ({
  name,
  total,
  items: rows.map(item),
});

const incidentItem = (row: IncidentRow): BriefItem => ({
  id: incidentId(row.id),
  text: oneLine(row.title),
  severity: row.severity,
});
const openItem = (row: IncidentRow, now: Date): BriefItem => ({
  ...incidentItem(row),
  at: row.openedAt,
  who: row.assignee ?? undefined,
  note: `${span(row.openedAt, now)} old, ${row.assignee === null ? "nobody has it" : `with ${row.assignee}`}`,
});
const closedItem = (row: IncidentRow): BriefItem => ({ ...incidentItem(row), at: row.closedAt ?? row.updatedAt });

const actionItem = (row: ActionRow): BriefItem => ({
  id: actionId(row.id),
  incident: incidentId(row.incidentId),
  text: oneLine(actionKinds[row.kind].title(row.target, readStored(row.params).params)),
});
const waitingItem = (row: ActionRow, now: Date): BriefItem => ({
  ...actionItem(row),
  at: row.proposedAt,
  due: row.deadline,
  expires: row.expiresAt,
  note: row.deadline <= now ? `${span(row.deadline, now)} past its deadline` : undefined,
});
const aloneItem = (row: ActionRow): BriefItem => ({
  ...actionItem(row),
  who: row.breakGlass?.by,
  at: row.decidedAt ?? row.proposedAt,
});
function decidedItem(row: ActionRow): BriefItem {
  const { decision } = row;
  return {
    ...actionItem(row),
    who: decision?.by,
    at: row.decidedAt ?? row.proposedAt,
    note: decision?.decision === "reject" ? `rejected${decision.reason ? `: ${oneLine(decision.reason)}` : ""}` : "approved",
  };
}

/** Policies and incidents somebody silenced until some time today. */
async function silencesOf(reads: BriefingReads, rows: BriefingRows, { now, lab }: BriefingHow, until: Date): Promise<BriefPart> {
  const silent = (await reads.snoozedIncidents(now)).filter((row) => row.lab === lab && row.until < until);
  const items: BriefItem[] = [
    ...silent.map((row) => ({
      id: incidentId(row.incidentId),
      text: `${oneLine(row.title)}: ${oneLine(row.reason)}`,
      severity: row.severity,
      who: row.by,
      due: row.until,
    })),
    ...rows.snoozes.map((row) => ({ id: row.policy, text: `alert policy: ${oneLine(row.reason)}`, who: row.by, due: row.until })),
  ];
  return { name: "snoozes", total: items.length, items };
}

/** What keeps alerts or cards from people, and what keeps air from acting. */
async function troublesOf(reads: BriefingReads, now: Date, most: number): Promise<BriefPart> {
  const pauses = (await reads.setting<Pause[]>(PAUSE_SETTING)) ?? [];
  const items: BriefItem[] = [
    ...pauses.map(({ family, by, at, reason }) => ({
      id: "paused",
      text: family === "all" ? `every execution: ${oneLine(reason)}` : `${family} actions: ${oneLine(reason)}`,
      who: by,
      at: new Date(at),
    })),
    ...(await chatTroubles(reads, undefined, now)).map(({ told }) => ({ id: "trouble", text: oneLine(told) })),
  ];
  return { name: "troubles", total: items.length, items: items.slice(0, most) };
}
