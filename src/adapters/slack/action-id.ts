import { cutTo } from "./text.ts";

/*
 * What an action_id tells us about a button before its value is read. Its forms, written and read here only:
 *   air:3                plain
 *   air:link:3           opens an address; Slack reports the press all the same
 *   air:ask:3:r:Reason   asks for a text first, in a modal; "r" required, "o" optional, then the label of the input
 *   air:form:3           opens the form that its value names
 *   air:more, air:more:1 a menu, and a second one; what was chosen from it is a value, or names a form
 */
export type ActionId =
  | { kind: "plain" }
  | { kind: "link" }
  | { kind: "form" }
  | { kind: "more" }
  | { kind: "ask"; label: string; required: boolean };

/** Anything longer would not fit an action_id (255) with its prefix. */
const LABEL = 150;
/** The menus of one card: a menu takes only five. */
const MORE = ["air:more", "air:more:1"];
export const MENUS = MORE.length;

export function writeActionId(index: number, id: ActionId): string {
  switch (id.kind) {
    case "plain":
      return `air:${index}`;
    case "more":
      return MORE[index] ?? "air:more";
    case "link":
    case "form":
      return `air:${id.kind}:${index}`;
    case "ask":
      return `air:ask:${index}:${id.required ? "r" : "o"}:${cutTo(id.label, LABEL)}`;
    default:
      return id satisfies never;
  }
}

/** `undefined`: not one of ours. */
export function readActionId(raw: string): ActionId | undefined {
  if (MORE.includes(raw)) return { kind: "more" };
  const [, named] = /^air:(?:(link|form):)?\d+$/.exec(raw) ?? [];
  if (named === "link" || named === "form") return { kind: named };
  if (/^air:\d+$/.test(raw)) return { kind: "plain" };
  const ask = /^air:ask:\d+:([ro]):([\s\S]*)$/.exec(raw);
  if (ask) return { kind: "ask", required: ask[1] === "r", label: ask[2] ?? "" };
  return undefined;
}

const FORM = "form:";
/** What is chosen from a menu opens a form. */
export const formValue = (ref: string): string => `${FORM}${ref}`;
/** `undefined`: it means something by itself. */
export const readFormValue = (value: string): string | undefined => (value.startsWith(FORM) ? value.slice(FORM.length) : undefined);
