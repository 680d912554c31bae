import { actionKinds } from "./actions/all.ts";
import { span } from "./cards/say.ts";
import type { ActionKindName } from "./domain/action.ts";

/** Why it cannot be done for a while only, and what to say instead. `nothing`: what did not happen because of that. */
export function noEndText(nothing: "Nothing was done" | "Nothing was decided", kind: ActionKindName, forMs: number): string {
  const { undo } = actionKinds[kind];
  const lasts = span(new Date(0), new Date(forMs));
  if (undo.by === undefined) return `${nothing}: it cannot end by itself. ${undo.text} To do it all the same, leave out "for ${lasts}".`;
  return `${nothing}: it cannot end by itself after ${lasts}, because no connected product can take it back (${undo.text.replace(/\.$/, "")}). Leave out "for ${lasts}", and somebody takes it back by hand.`;
}
