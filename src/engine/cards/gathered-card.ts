import type { Severity } from "../domain/alert.ts";
import { byUrgency } from "../domain/gather.ts";
import { type Card, cut, type Line } from "./card.ts";
import type { PageFacts } from "./page-card.ts";
import { count, outside, time } from "./say.ts";

/** As many things as one message lists; more of them are a storm, which is counted. */
const SHOWN = 8;

/** "3 things need you" */
export const needText = (number: number) => `${count(number, "thing")} ${number === 1 ? "needs" : "need"} you`;
/** How whoever is told finds what a message does not list. */
export const ALL_OF_THEM = "actions pending";

type Thing = { incident?: string | undefined; severity?: Severity | undefined; text: string };

/** "INC-5 (high): Decide: Isolate WS-1 ..." for each, the most urgent first, and how many are not among them. */
export function thingLines(things: readonly Thing[]): { lines: string[]; more: number } {
  const inOrder = things.toSorted((a, b) => byUrgency(a.severity, b.severity));
  const lines = inOrder
    .slice(0, SHOWN)
    .map(({ incident, severity, text }) => `${incident ? `${incident} (${severity}): ` : ""}${cut(outside(text), 300)}`);
  return { lines, more: inOrder.length - lines.length };
}

export const isGatheredPage = ({ told }: PageFacts) => new Set(told.map(({ incident }) => incident)).size > 1;

/** Somebody is told of several incidents by one message. */
export function gatheredCard(page: PageFacts): Card {
  const things = [...new Map(page.told.map((one) => [`${one.incident} ${one.action} ${one.text}`, one])).values()];
  const who = [...new Map(page.told.flatMap((one) => (one.who && !one.call?.acked ? [[one.who.name, one.who] as const] : []))).values()];
  const names = who.map(({ name }) => name).join(", ");
  const { lines, more } = thingLines(things);
  const [first = ""] = lines;
  const at = page.told.flatMap((one) =>
    one.at && one.who ? [`${one.who.name} ${page.lab ? "would be told" : "was told"} at ${time(one.at)}.`] : [],
  );
  const actions = [...new Set(things.toSorted((a, b) => byUrgency(a.severity, b.severity)).flatMap((one) => one.action ?? []))];
  const open = [...new Set(things.flatMap(({ call }) => (call && !call.acked && !call.over ? [call.subject] : [])))];
  return {
    title: `${page.lab ? "LAB " : ""}${needText(things.length)}: ${page.incident ?? "air"} and others`,
    tone: "warning",
    summary: `${page.lab ? "LAB " : ""}${needText(things.length)}. ${cut(first, 600)}`,
    lines: [
      ...(who.length === 0
        ? []
        : page.lab
          ? [{ kind: "note" as const, text: `For ${names}. The lab never pages, so nobody is mentioned.` }]
          : [{ kind: "mention" as const, who }]),
      ...lines.map((text): Line => ({ kind: "text", text })),
      ...(more > 0 ? [{ kind: "note" as const, text: `And ${more} more. All of them: ${ALL_OF_THEM}` }] : []),
      ...(at.length === 0 ? [] : [{ kind: "note" as const, text: [...new Set(at)].join(" ") }]),
    ],
    buttons: [
      ...open.slice(0, 3).map((subject) => ({ label: `Acknowledge ${subject}`, style: "plain" as const, value: `say:ack ${subject}` })),
      ...actions.slice(0, 3).map((id) => ({ label: `Show ${id}`, style: "plain" as const, value: `say:status ${id}` })),
      { label: "What waits", style: "plain", value: `say:${ALL_OF_THEM}` },
    ],
  };
}
