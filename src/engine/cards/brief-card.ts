import type { Severity } from "../domain/alert.ts";
import type { Named } from "../domain/paging.ts";
import { wallDay, wallShort } from "../domain/wall-clock.ts";
import { type Button, type Card, cut, type Line, type Tone } from "./card.ts";
import { capital, count, outside, SEVERITY_TONE } from "./say.ts";

/** One thing a briefing names. What does not apply is left out. */
export type BriefItem = {
  /** `INC-4`, `ACT-7`; of a snooze the policy's name. */
  id: string;
  text: string;
  incident?: string | undefined;
  severity?: Severity | undefined;
  who?: string | undefined;
  /** When it happened or began. */
  at?: Date | undefined;
  /** When somebody has to have answered, or it ends. */
  due?: Date | undefined;
  /** Nothing can be decided any more then. */
  expires?: Date | undefined;
  note?: string | undefined;
};

const PARTS = {
  waiting: { title: "Waits for a decision, oldest first", more: "actions pending sort=newest:asc" },
  expiring: { title: "Expires today", more: "actions pending sort=expires" },
  alone: { title: "Done by one person alone, to be reviewed", more: "actions break-glass" },
  open: { title: "Open incidents, most severe first", more: "list open" },
  unsettled: { title: "Actions without a clear end", more: "actions state=failed,unclear,timedOut" },
  ending: { title: "Ends by itself today", more: "actions state=succeeded" },
  snoozes: { title: "Snooze or mute ends today", more: "policies" },
  closed: { title: "Closed without anybody here", more: "list closed" },
  troubles: { title: "Troubles of air itself", more: "status" },
  decided: { title: "Decided by people", more: "actions history" },
  acknowledged: { title: "Acknowledged", more: "list open" },
  notes: { title: "Notes", more: "list open" },
} as const;
export type BriefPart = { name: keyof typeof PARTS; total: number; items: readonly BriefItem[] };

export type BriefFacts = {
  kind: "morning" | "handover";
  at: Date;
  /** What changed from then on is told. */
  since: Date;
  lab: boolean;
  timeZone: string;
  severities: readonly { severity: Severity; incidents: number }[];
  late: number;
  /** Undefined: there is no rota. */
  onCall: { name: string | undefined; until: Date | undefined; next: string | undefined } | undefined;
  /** Whose shift begins with this note: they are mentioned. */
  comesOn?: Named | undefined;
  /** Whose shift ended. */
  before?: string | undefined;
  changed?: { opened: number; closed: number; decided: number; automatic: number };
  /** Without the empty ones, in the order they are told. */
  parts: readonly BriefPart[];
};

/** As many of a part stand on the card, and as long is one of them. */
const ITEMS = 5;
const LONGEST = 150;
/** Buttons to open again what closed itself. */
const REOPEN = 2;

/** The morning digest and the hand-over note: what waits first, then what happened. Every list is short, and says how to see the rest. */
export function briefCard(brief: BriefFacts): Card {
  const lab = brief.lab ? "LAB " : "";
  const day = wallDay(brief.at, brief.timeZone);
  const title = brief.kind === "morning" ? `Morning digest, ${day}` : `Hand-over, ${day}`;
  const waiting = brief.parts.find(({ name }) => name === "waiting")?.total ?? 0;
  const open = brief.severities.reduce((sum, one) => sum + one.incidents, 0);
  const quiet = brief.parts.length === 0;
  const lines: Line[] = [
    ...(brief.comesOn && !brief.lab ? [{ kind: "mention" as const, who: [brief.comesOn] }] : []),
    { kind: "facts", facts: factsOf(brief, open, waiting) },
    ...(quiet ? [{ kind: "text" as const, text: "Nothing waits for anybody, and nothing happened that has to be told." }] : []),
    ...brief.parts.map((part) => drawPart(part, brief.timeZone)),
    {
      kind: "note",
      text: `What changed is told since ${wallShort(brief.since, brief.timeZone)}. Times are those of ${brief.timeZone}. As a file: ${brief.kind === "morning" ? "digest" : "handover"} csv`,
    },
  ];
  return {
    title: `${lab}${title}`,
    tone: toneOf(brief, waiting),
    badge: waiting > 0 ? `${waiting} to decide` : `${open} open`,
    summary: `${lab}${title}: ${brief.comesOn ? `${brief.comesOn.name} is on call, ` : ""}${count(open, "open incident")}, ${count(waiting, "action")} ${waiting === 1 ? "waits" : "wait"} for a decision${brief.late > 0 ? `, ${brief.late} past the deadline` : ""}.`,
    lines,
    buttons: buttons(brief, waiting),
  };
}

function factsOf(brief: BriefFacts, open: number, waiting: number): (readonly [string, string])[] {
  const bySeverity = brief.severities.map(({ severity, incidents }) => `${incidents} ${severity}`).join(", ");
  const { onCall, changed } = brief;
  const until = onCall?.until ? ` until ${wallShort(onCall.until, brief.timeZone)}` : "";
  const then = onCall?.next ? `, then ${onCall.next}` : "";
  return [
    ["Open incidents", open === 0 ? "none" : `${open}: ${bySeverity}`],
    ["Waits for a decision", waiting === 0 ? "nothing" : `${waiting}${brief.late > 0 ? `, ${brief.late} past the deadline` : ""}`],
    ...(onCall ? [["On call", `${onCall.name ?? "nobody"}${until}${then}`] as const] : []),
    ...(brief.before === undefined ? [] : [["After", brief.before] as const]),
    ...(changed
      ? [
          [
            "In this shift",
            `${count(changed.opened, "incident")} opened, ${changed.closed} closed; ${count(changed.decided, "decision")} by people, ${changed.automatic} automatic`,
          ] as const,
        ]
      : []),
  ];
}

function drawPart({ name, total, items }: BriefPart, zone: string): Line {
  const shown = items.slice(0, ITEMS);
  const { title, more } = PARTS[name];
  return {
    kind: "list",
    title: total > shown.length ? `${title} (${shown.length} of ${total}; all: ${more})` : title,
    items: shown.map((item) => ({
      mark: item.severity ? capital(item.severity) : item.id,
      ...(item.severity ? { tone: SEVERITY_TONE[item.severity] } : {}),
      text: `${item.severity ? `${item.id} ` : ""}${cut(outside(item.text), LONGEST)}${detailOf(item, name, zone)}`,
    })),
  };
}

function detailOf(item: BriefItem, name: BriefPart["name"], zone: string): string {
  const note = item.note === undefined ? [] : [cut(outside(item.note), LONGEST)];
  const who = item.who === undefined || name === "open" ? [] : [`by ${outside(item.who)}`];
  const said: Record<BriefPart["name"], (string | undefined)[]> = {
    waiting: [item.due && `answer by ${wallShort(item.due, zone)}`, item.expires && `expires ${wallShort(item.expires, zone)}`, ...note],
    expiring: [item.due && `at ${wallShort(item.due, zone)}`],
    alone: [...who, item.at && wallShort(item.at, zone)],
    open: note,
    unsettled: [...note, item.at && wallShort(item.at, zone)],
    ending: [item.due && `at ${wallShort(item.due, zone)}`],
    snoozes: [...who, item.due && `until ${wallShort(item.due, zone)}`],
    closed: [item.at && wallShort(item.at, zone)],
    troubles: who,
    decided: [...note, ...who, item.at && wallShort(item.at, zone)],
    acknowledged: [...who, item.at && wallShort(item.at, zone)],
    notes: [item.at && wallShort(item.at, zone)],
  };
  const details = said[name].flatMap((one) => one ?? []).join(", ");
  return details === "" ? "" : ` (${details})`;
}

const toneOf = (brief: BriefFacts, waiting: number): Tone =>
  brief.late > 0 || brief.parts.some(({ name }) => name === "troubles") ? "warning" : waiting > 0 ? "info" : "neutral";

function buttons(brief: BriefFacts, waiting: number): Button[] {
  const closed = brief.kind === "morning" ? (brief.parts.find(({ name }) => name === "closed")?.items ?? []) : [];
  return [
    ...(waiting > 0 ? [{ label: "What waits", style: "primary" as const, value: "say:actions pending" }] : []),
    { label: "Open incidents", style: "plain", value: "say:list open" },
    ...closed.slice(0, REOPEN).map(({ id }): Button => ({ label: `Reopen ${id}`, style: "plain", value: `say:reopen ${id}` })),
  ];
}
