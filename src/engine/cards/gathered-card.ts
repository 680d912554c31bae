import type { Severity } from "../domain/alert.ts";
import { byUrgency } from "../domain/gather.ts";
import { type Card, cut, type Line } from "./card.ts";
import type { CallFacts, PageFacts } from "./page-card.ts";
import { count, outside, time } from "./say.ts";
import { nameAndSeverity, withoutButtons } from "./several-things.ts";

/** As many things as one message lists; more of them are a storm, which is counted. */
const SHOWN = 8;

/** As many things have a button of their own. */
const WITH_BUTTONS = 3;

/** "3 things need you" */
export const needText = (number: number) => `${count(number, "thing")} ${number === 1 ? "needs" : "need"} you`;
/** How whoever is told finds what a message does not list. */
export const ALL_OF_THEM = "actions pending";

type Thing = { incident?: string | undefined; severity?: Severity | undefined; text: string; call?: CallFacts | undefined };
/** Somebody has it, or it asks for nobody any more: it takes no place from what is open. */
const isAnswered = ({ call }: Pick<Thing, "call">) => call !== undefined && (call.acked !== undefined || call.over);
const openFirst = (a: Thing, b: Thing) => Number(isAnswered(a)) - Number(isAnswered(b)) || byUrgency(a.severity, b.severity);

/** "INC-5 (high): Decide: Isolate WS-1 ..." for each, what is open and most urgent first, and how many are not among them. */
export function thingLines(things: readonly Thing[]): { lines: string[]; more: number } {
  const inOrder = things.toSorted(openFirst);
  const lines = inOrder.slice(0, SHOWN).map(({ incident, severity, text, call }) => {
    const acked = call?.acked ? ` Acknowledged by ${cut(outside(call.acked.by), 60)}.` : "";
    return `${incident ? `${nameAndSeverity(incident, severity, text)}: ` : ""}${cut(outside(text), 300)}${acked}`;
  });
  return { lines, more: inOrder.length - lines.length };
}

export const isGatheredPage = ({ told }: PageFacts) => new Set(told.map(({ incident }) => incident)).size > 1;

/** Somebody is told of several incidents by one message. */
export function gatheredCard(page: PageFacts): Card {
  const things = [...new Map(page.told.map((one) => [`${one.incident} ${one.action} ${one.text}`, one])).values()].toSorted(openFirst);
  // Once everything was answered, it is said of all of it what came of it.
  const left = things.filter((one) => !isAnswered(one));
  const who = [...new Map(page.told.flatMap((one) => (one.who && !one.call?.acked ? [[one.who.name, one.who] as const] : []))).values()];
  const names = who.map(({ name }) => name).join(", ");
  const { lines, more } = thingLines(things);
  const [first = ""] = lines;
  const at = page.told.flatMap((one) =>
    one.at && one.who ? [`${one.who.name} ${page.lab ? "would be told" : "was told"} at ${time(one.at)}.`] : [],
  );
  const actions = [...new Set(left.flatMap((one) => one.action ?? []))];
  const open = [...new Set(left.flatMap(({ call }) => call?.subject ?? []))];
  const need = left.length > 0 ? needText(left.length) : `${count(things.length, "thing")}, all answered`;
  return {
    title: `${page.lab ? "LAB " : ""}${need}: ${things[0]?.incident ?? page.incident ?? "air"} and others`,
    tone: left.length > 0 ? "warning" : "neutral",
    summary: `${page.lab ? "LAB " : ""}${need}. ${cut(first, 600)}`,
    lines: [
      ...(who.length === 0
        ? []
        : page.lab
          ? [{ kind: "note" as const, text: `For ${names}. The lab never pages, so nobody is mentioned.` }]
          : [{ kind: "mention" as const, who }]),
      ...lines.map((text): Line => ({ kind: "text", text })),
      ...(more > 0 ? [{ kind: "note" as const, text: `And ${more} more. All of them: ${ALL_OF_THEM}` }] : []),
      ...(open.length > WITH_BUTTONS ? [{ kind: "note" as const, text: withoutButtons(open.slice(WITH_BUTTONS)) }] : []),
      ...(at.length === 0 ? [] : [{ kind: "note" as const, text: [...new Set(at)].join(" ") }]),
    ],
    buttons: [
      ...open
        .slice(0, WITH_BUTTONS)
        .map((subject) => ({ label: `Acknowledge ${subject}`, style: "plain" as const, value: `say:ack ${subject}` })),
      ...actions.slice(0, 3).map((id) => ({ label: `Show ${id}`, style: "plain" as const, value: `say:status ${id}` })),
      { label: "What waits", style: "plain", value: `say:${ALL_OF_THEM}` },
    ],
  };
}
