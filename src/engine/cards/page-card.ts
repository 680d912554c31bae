import type { Severity } from "../domain/alert.ts";
import type { Named } from "../domain/paging.ts";
import { alsoText } from "./also.ts";
import { type Button, type Card, cut, type Line } from "./card.ts";
import { gatheredCard, isGatheredPage } from "./gathered-card.ts";
import { outside, time } from "./say.ts";

/** What somebody is told in a chat: one message for everything that was due together. */
export type PageFacts = {
  /** About which incident; undefined: about air itself. */
  incident?: string | undefined;
  /** Nobody is mentioned in the lab: who would be is said by name. */
  lab: boolean;
  told: readonly {
    step: string;
    /** Undefined: for whoever reads the channel. */
    who: Named | undefined;
    text: string;
    action?: string | undefined;
    /** Which incident this one is about; several stand in one message where they are for one person. */
    incident?: string | undefined;
    severity?: Severity | undefined;
    /** When the chat took it. */
    at?: Date | undefined;
    call?: CallFacts | undefined;
  }[];
};

/** Where the call stands that somebody was told in. */
export type CallFacts = {
  /** What an answer names: `INC-42`, or `PAGE-7` where it is about air itself. */
  subject: string;
  /** Somebody has it: nobody else is told. */
  acked?: { by: string; at: Date } | undefined;
  /** Somebody gave it to somebody else, who has not answered. */
  assigned?: { to: string; by: string } | undefined;
  /** Who was told and said that they cannot. */
  away?: readonly string[];
  /** Whom this one was told is among them. */
  cannot?: boolean;
  /** Everybody in the escalation was told. */
  last?: boolean;
  /** Who is told next, and when, unless somebody acknowledges it before. */
  next?: { name: string; at: Date } | undefined;
  /** It asks for nobody any more. */
  over: boolean;
};

/** "Acknowledged by Mia at 2026-10-05 09:42 UTC.", or who is told next; once for what is one. */
export const callNotes = (calls: readonly (CallFacts | undefined)[]): string[] => [
  ...new Set(
    calls.flatMap((call) => {
      if (call?.acked) return [`Acknowledged by ${cut(outside(call.acked.by), 60)} at ${time(call.acked.at)}.`];
      if (!call || call.over) return [];
      return [
        ...(call.assigned ? [`Assigned to ${cut(outside(call.assigned.to), 60)} by ${cut(outside(call.assigned.by), 60)}.`] : []),
        ...(call.away ?? []).map((name) => `${cut(outside(name), 60)} cannot look at it.`),
        ...(call.last ? ["Nobody else is told after this: the escalation has no further step."] : []),
        ...(call.next ? [`Next: ${cut(call.next.name, 60)} at ${time(call.next.at)}, unless somebody acknowledges it.`] : []),
      ];
    }),
  ),
];

const TITLE: Readonly<Record<string, string>> = {
  incident: "Somebody has to look at it",
  "connector down": "A connector does not answer",
  deadline: "Nobody has answered yet",
  "deadline-second": "Still no answer",
  "deadline-last": "Still no answer",
  second: "A second approval is needed",
  "chain-failed": "Nobody could be told",
  reminder: "Reminder",
  assigned: "Assigned",
  owner: "You have it, and a decision waits",
  suspect: "Somebody named in it tried to decide",
  unclear: "Outcome unclear",
  failed: "An action failed",
  "ends-soon": "Ends soon",
  paused: "Executions are paused",
  resumed: "Executions go on",
  "connector back": "A product answers again",
  "chat down": "The chat takes nothing",
  "chat back": "The chat works again",
  "source silent": "A source is silent",
  "source back": "A source answers again",
  "source backfill": "Alerts from before air's watch",
  "write-back failed": "A source was not told",
  ceiling: "Automatic actions ask for now",
  "break-glass": "The glass was broken",
  "break-glass-confirm": "Done by one person alone",
  "break-glass-kept": "Done by one person alone",
  trouble: "Cards cannot be posted",
  "channel back": "Cards can be posted again",
  "another-air": "Two airs use one chat app",
  "audit-head": "Audit, for safe keeping",
  "schedule skipped": "Missed while air was down",
};
/** A step may say which one it is about after its name: "trouble slack:C0SOC", "source silent siem". */
export const titleOf = (step: string): string => {
  const [first = "", second = ""] = step.split(" ");
  return TITLE[step] ?? TITLE[`${first} ${second}`] ?? TITLE[first] ?? "For your attention";
};

export function pageCard(page: PageFacts): Card {
  if (isGatheredPage(page)) return gatheredCard(page);
  const [first] = page.told;
  const titles = [...new Set(page.told.map(({ step }) => titleOf(step)))];
  const texts = Map.groupBy(page.told, ({ text }) => text);
  const lines = [...texts].flatMap(([text, told]): Line[] => {
    // Whoever has it needs no mention any more, nor does anybody else.
    const who = [...new Map(told.flatMap((one) => (one.who && !one.call?.acked ? [[one.who.name, one.who] as const] : []))).values()];
    const names = who.map(({ name }) => name).join(", ");
    return [
      ...(who.length === 0
        ? []
        : page.lab
          ? [{ kind: "note" as const, text: `For ${names}. The lab never pages, so nobody is mentioned.` }]
          : [{ kind: "mention" as const, who }]),
      { kind: "text", text: cut(outside(text), 1500) },
    ];
  });
  const at = page.told.flatMap((one) =>
    one.at && one.who ? [`${one.who.name} ${page.lab ? "would be told" : "was told"} at ${time(one.at)}.`] : [],
  );
  return {
    title: `${page.lab ? "LAB " : ""}${page.incident ? `${page.incident}: ` : ""}${titles.join(", ")}`,
    tone: "warning",
    summary: `${page.lab ? "LAB " : ""}${cut(outside(first?.text ?? ""), 600)}${alsoText([...texts.keys()].slice(1))}`,
    lines: [
      ...lines,
      ...(at.length === 0 ? [] : [{ kind: "note" as const, text: [...new Set(at)].join(" ") }]),
      ...callNotes(page.told.map((one) => one.call)).map((text) => ({ kind: "note" as const, text })),
    ],
    buttons: buttons(page),
  };
}

function buttons(page: PageFacts): Button[] {
  const ids = [...new Set(page.told.flatMap((one) => one.action ?? []))];
  const show = ids.slice(0, 3).map((id): Button => ({ label: `Show ${id}`, style: "plain", value: `say:status ${id}` }));
  const call = page.told.find((one) => one.call)?.call;
  if (call?.acked) return [...show, { label: "Take it back", style: "plain", value: `say:unack ${call.subject}` }];
  // Whoever else reads it may answer as well; who cannot has said so.
  const cannot = page.told.every((one) => one.call?.cannot === true || one.who === undefined);
  if (call && !call.over) return [...show, ...answers(call.subject, call.cannot === true && cannot)];
  return [...show, ...(page.incident ? [{ label: "Acknowledge", style: "plain" as const, value: `say:ack ${page.incident}` }] : [])];
}

/** What whoever was told can answer with one press. */
export const answers = (subject: string, cannot = false): Button[] => [
  { label: "Acknowledge", style: "primary", value: `say:ack ${subject}` },
  ...(cannot ? [] : [{ label: "I can't", style: "plain" as const, value: `say:cant ${subject}` }]),
  { label: "Escalate", style: "plain", value: `say:escalate ${subject}` },
];
