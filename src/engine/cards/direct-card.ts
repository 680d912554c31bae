import type { Severity } from "../domain/alert.ts";
import { byUrgency } from "../domain/gather.ts";
import { alsoText } from "./also.ts";
import { type Button, type Card, cut, type Line } from "./card.ts";
import { answers, type CallFacts, callNotes, titleOf } from "./page-card.ts";
import { count, outside } from "./say.ts";
import { listed, nameAndSeverity, withoutButtons } from "./several-things.ts";

/** What one person was told, in a message to them alone. */
export type DirectFacts = {
  told: readonly {
    step: string;
    text: string;
    incident?: string | undefined;
    severity?: Severity | undefined;
    action?: string | undefined;
    call?: CallFacts | undefined;
  }[];
};

/** As many things have buttons of their own. */
const WITH_BUTTONS = 3;
/** As many buttons as every chat shows: whole sets of them or none, so that no thing has half of its answers. */
const MOST_BUTTONS = 10;
/** As many things as the message tells at length; of the others it names which they are. */
const AT_LENGTH = 8;

type Told = DirectFacts["told"][number];
const isOpen = ({ call }: Pick<Told, "call">) => call !== undefined && !call.acked && !call.over;

/** Drawn again when somebody acknowledged it: it says who, and its buttons are gone. What is open and most severe stands first. */
export function directCard(facts: DirectFacts): Card {
  const told = facts.told.toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || byUrgency(a.severity, b.severity));
  const [first] = told;
  const titles = [...new Set(told.map(({ step }) => titleOf(step)))];
  const incidents = [...new Set(told.flatMap(({ incident }) => incident ?? []))];
  const several = incidents.length > 1;
  // With several, each says which one it is about, as its buttons do.
  const about = ({ incident, severity, text }: Told) =>
    several && incident ? `${nameAndSeverity(incident, severity, text)}: ${text}` : text;
  const texts = [...new Map(told.map((one) => [about(one), one])).keys()];
  const rest = [...new Map(told.map((one) => [about(one), one])).values()].slice(AT_LENGTH);
  const open = told.some(isOpen);
  const more = [...new Set(rest.flatMap(({ incident }) => incident ?? []))];
  const drawn = buttons(told, several);
  const notes = [
    ...(more.length > 0 ? [`And ${more.length} more: ${listed(more)}.`] : []),
    ...nextNotes(told, several),
    ...(drawn.without.length > 0 ? [withoutButtons(drawn.without)] : []),
    ...(open || told.some(({ call }) => call?.acked) ? [] : ["Nobody is called for it any more."]),
  ];
  const lead = incidents.length === 1 ? `${incidents[0]}: ` : "";
  const others = several ? `: ${first?.incident ?? incidents[0]} and ${count(incidents.length - (first?.incident ? 1 : 0), "other")}` : "";
  return {
    title: `${lead}${titles.join(", ")}${others}`,
    tone: open ? "warning" : "neutral",
    summary: `${cut(outside(texts[0] ?? ""), 600)}${alsoText(texts.slice(1))}`,
    lines: [
      ...texts.slice(0, AT_LENGTH).map((text): Line => ({ kind: "text", text: cut(outside(text), 1500) })),
      ...notes.map((text): Line => ({ kind: "note", text })),
    ],
    buttons: drawn.buttons,
  };
}

/** Said once for all of which it is true; with several, of which. */
function nextNotes(told: readonly Told[], several: boolean): string[] {
  const notes = new Map<string, Set<string>>();
  for (const { call } of told)
    for (const note of callNotes([call])) notes.set(note, (notes.get(note) ?? new Set<string>()).add(call?.subject ?? ""));
  return [...notes].map(([note, subjects]) => (several ? `${listed([...subjects])}: ${note}` : note));
}

function buttons(told: readonly Told[], several: boolean): { buttons: Button[]; without: string[] } {
  const subjects = new Map(told.toReversed().flatMap(({ call }) => (call && !call.over ? [[call.subject, call] as const] : [])));
  // The order is that of the texts, the answered ones behind all that is open.
  const inOrder = [...new Set(told.flatMap(({ call }) => call?.subject ?? []))].flatMap((subject) => subjects.get(subject) ?? []);
  const many = several || inOrder.length > 1;
  const drawn: Button[] = [];
  const without: string[] = [];
  for (const [at, { subject, acked, cannot }] of inOrder.entries()) {
    const named = (button: Button): Button => (many ? { ...button, label: `${button.label} (${subject})` } : button);
    const shown =
      subject.startsWith("INC-") && !many ? [{ label: "Details", style: "plain" as const, value: `say:status ${subject}` }] : [];
    const own = acked
      ? [...shown, { label: "Take it back", style: "plain" as const, value: `say:unack ${subject}` }]
      : [...answers(subject, cannot), ...shown];
    if (at < WITH_BUTTONS && drawn.length + own.length <= MOST_BUTTONS) drawn.push(...own.map(named));
    else if (!acked) without.push(subject);
  }
  return { buttons: drawn, without };
}
