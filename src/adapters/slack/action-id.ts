import { cutTo } from "./text.ts";

/*
 * What an action_id tells us about a button before its value is read. Three forms, written and read here only:
 *   air:3                plain
 *   air:link:3           opens an address; Slack reports the press all the same
 *   air:ask:3:r:Reason   asks for a text first, in a modal; "r" required, "o" optional, then the label of the input
 */
export type ActionId = { kind: "plain" } | { kind: "link" } | { kind: "ask"; label: string; required: boolean };

/** Anything longer would not fit an action_id (255) with its prefix. */
const LABEL = 150;

export function writeActionId(index: number, id: ActionId): string {
  if (id.kind === "plain") return `air:${index}`;
  if (id.kind === "link") return `air:link:${index}`;
  return `air:ask:${index}:${id.required ? "r" : "o"}:${cutTo(id.label, LABEL)}`;
}

/** `undefined`: not one of ours. */
export function readActionId(raw: string): ActionId | undefined {
  if (/^air:\d+$/.test(raw)) return { kind: "plain" };
  if (/^air:link:\d+$/.test(raw)) return { kind: "link" };
  const ask = /^air:ask:\d+:([ro]):([\s\S]*)$/.exec(raw);
  if (ask) return { kind: "ask", required: ask[1] === "r", label: ask[2] ?? "" };
  return undefined;
}
