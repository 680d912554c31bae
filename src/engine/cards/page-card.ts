import type { Named } from "../domain/paging.ts";
import { type Button, type Card, cut, type Line } from "./card.ts";
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
    /** When the chat took it. */
    at?: Date | undefined;
  }[];
};

const TITLE: Readonly<Record<string, string>> = {
  deadline: "Nobody has answered yet",
  "deadline-second": "Still no answer",
  "deadline-last": "Still no answer",
  second: "A second approval is needed",
  "chain-failed": "Nobody could be told",
  reminder: "Reminder",
  suspect: "Somebody named in it tried to decide",
  unclear: "Outcome unclear",
  failed: "An action failed",
  "ends-soon": "Ends soon",
  paused: "Executions are paused",
  "source silent": "A source is silent",
  "source back": "A source answers again",
  "source backfill": "Alerts from before air's watch",
  "write-back failed": "A source was not told",
  ceiling: "Automatic actions ask for now",
  "break-glass": "The glass was broken",
  "break-glass-confirm": "Done by one person alone",
  "break-glass-kept": "Done by one person alone",
  trouble: "Cards cannot be posted",
  "another-air": "Two airs use one chat app",
  "audit-head": "Audit, for safe keeping",
};
/** A step may say which one it is about after its name: "trouble slack:C0SOC", "source silent siem". */
const titleOf = (step: string): string => {
  const [first = "", second = ""] = step.split(" ");
  return TITLE[step] ?? TITLE[`${first} ${second}`] ?? TITLE[first] ?? "For your attention";
};

export function pageCard(page: PageFacts): Card {
  const [first] = page.told;
  const titles = [...new Set(page.told.map(({ step }) => titleOf(step)))];
  const texts = Map.groupBy(page.told, ({ text }) => text);
  const lines = [...texts].flatMap(([text, told]): Line[] => {
    const who = [...new Map(told.flatMap((one) => (one.who ? [[one.who.name, one.who] as const] : []))).values()];
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
    summary: `${page.lab ? "LAB " : ""}${cut(outside(first?.text ?? ""), 600)}${page.told.length > 1 && texts.size > 1 ? ` And ${texts.size - 1} more.` : ""}`,
    lines: [...lines, ...(at.length === 0 ? [] : [{ kind: "note" as const, text: [...new Set(at)].join(" ") }])],
    buttons: buttons(page),
  };
}

function buttons(page: PageFacts): Button[] {
  const ids = [...new Set(page.told.flatMap((one) => one.action ?? []))];
  const show = ids.slice(0, 3).map((id): Button => ({ label: `Show ${id}`, style: "plain", value: `say:status ${id}` }));
  return [...show, ...(page.incident ? [{ label: "I have seen it", style: "plain" as const, value: `say:ack ${page.incident}` }] : [])];
}
