import { type Button, type Card, cut, type Line } from "./card.ts";
import { answers, type CallFacts, callNotes, titleOf } from "./page-card.ts";
import { outside } from "./say.ts";

/** What one person was told, in a message to them alone. */
export type DirectFacts = {
  told: readonly { step: string; text: string; incident?: string | undefined; action?: string | undefined; call?: CallFacts | undefined }[];
};

/** As many things have buttons of their own. */
const WITH_BUTTONS = 3;

/** Drawn again when somebody acknowledged it: it says who, and its buttons are gone. */
export function directCard({ told }: DirectFacts): Card {
  const [first] = told;
  const titles = [...new Set(told.map(({ step }) => titleOf(step)))];
  const incidents = [...new Set(told.flatMap(({ incident }) => incident ?? []))];
  // With several, each says which one it is about, as its buttons do.
  const about = (incident: string | undefined, text: string) => (incidents.length > 1 && incident ? `${incident}: ${text}` : text);
  const texts = [...new Set(told.map(({ incident, text }) => about(incident, text)))];
  const lines: Line[] = texts.map((text) => ({ kind: "text", text: cut(outside(text), 1500) }));
  const open = told.some(({ call }) => call && !call.acked && !call.over);
  return {
    title: `${incidents.length === 1 ? `${incidents[0]}: ` : ""}${titles.join(", ")}`,
    tone: open ? "warning" : "neutral",
    summary: `${cut(outside(first?.text ?? ""), 600)}${texts.length > 1 ? ` And ${texts.length - 1} more.` : ""}`,
    lines: [
      ...lines,
      ...callNotes(told.map(({ call }) => call)).map((text) => ({ kind: "note" as const, text })),
      ...(open ? [] : told.some(({ call }) => call?.acked) ? [] : [{ kind: "note" as const, text: "Nobody is called for it any more." }]),
    ],
    buttons: buttons(told),
  };
}

function buttons(told: DirectFacts["told"]): Button[] {
  const subjects = new Map(told.flatMap(({ call }) => (call && !call.over ? [[call.subject, call] as const] : [])));
  const several = subjects.size > 1;
  return [...subjects].slice(0, WITH_BUTTONS).flatMap(([subject, call]): Button[] => {
    const named = (button: Button): Button => (several ? { ...button, label: `${button.label} (${subject})` } : button);
    const shown = subject.startsWith("INC-") ? [{ label: "Details", style: "plain" as const, value: `say:status ${subject}` }] : [];
    if (call.acked) return [...shown, { label: "Take it back", style: "plain" as const, value: `say:unack ${subject}` }].map(named);
    return [...answers(subject), ...shown].map(named);
  });
}
