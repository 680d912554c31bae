import { bold, type Card, type Line } from "./card.ts";

export type CommandHelp = { name: string; usage: string; about: string };
/** Commands that belong together, and who may use them. */
export type CommandGroup = { title: string; names: readonly string[] };

const IDS = "Ids: INC-42 is an incident, INV-42 an investigation, ACT-105 an action, ALT-7 an alert, EVD-9 a piece of evidence.";

/** What most people need on one screen, and the names of the rest. */
export function helpCard(most: readonly CommandHelp[], groups: readonly CommandGroup[]): Card {
  return {
    title: "What air understands",
    tone: "info",
    summary: "What air understands: status, actions, approve, reject, undo, investigate, pause and more.",
    lines: [
      { kind: "list", title: "Most used", items: most.map(itemOf) },
      { kind: "list", title: "All of them", items: groups.map(({ title, names }) => ({ mark: title, text: names.join(", ") })) },
      { kind: "note", text: `How one is said, with examples: help approve. ${IDS}` },
    ],
    buttons: [
      { label: "What waits", style: "plain", value: "say:actions pending" },
      { label: "Open incidents", style: "plain", value: "say:list open" },
      { label: "What I may do", style: "plain", value: "say:whoami" },
      { label: "All in detail", style: "plain", value: "say:help all" },
    ],
  };
}

/** Each command with what it does, by group. */
export function helpAllCard(commands: readonly CommandHelp[], groups: readonly CommandGroup[]): Card {
  return {
    title: "Every command",
    tone: "info",
    summary: `Every command: ${commands.length} of them, by what they are for.`,
    lines: [
      ...groups.map(
        ({ title, names }): Line => ({
          kind: "list",
          title,
          items: commands.filter(({ name }) => names.includes(name)).map(itemOf),
        }),
      ),
      { kind: "note", text: IDS },
    ],
    buttons: [],
  };
}

/** How one command is said, and its relatives: `approve`, and `approve all`. */
export function commandHelpCard(commands: readonly CommandHelp[], who: string, examples: readonly string[]): Card {
  const [first] = commands;
  return {
    title: `How to say ${first?.name ?? "it"}`,
    tone: "info",
    summary: `${first?.usage ?? ""}: ${first?.about ?? ""}`,
    lines: [
      ...commands.flatMap(({ usage, about }): Line[] => [
        { kind: "code", text: usage },
        { kind: "text", text: sentence(about) },
      ]),
      ...(examples.length === 0 ? [] : [{ kind: "list" as const, title: "For example", items: examples.map((text) => ({ text })) }]),
      { kind: "note", text: `Who may: ${who}. What stands in [ ] may be left out; <INC>, <ACT> and the like are ids.` },
    ],
    buttons: [],
  };
}

const itemOf = ({ usage, about }: CommandHelp) => ({ text: [bold(usage), { text: `: ${about}` }] });
const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
