import type { ButtonDecision } from "../engine/cards/button-id.ts";
import { looksLikeDecision } from "../engine/cards/button-id.ts";
import type { Filled, Form } from "../engine/cards/form.ts";
import { LONGEST_WORDS } from "../engine/domain/words.ts";
import type { Meant } from "./form-kinds.ts";
import { said } from "./form-kinds.ts";
import type { FormAsk } from "./forms.ts";

/*
 * Buttons that want a text first: the reason of a rejection, the target's name of a step-up, both of a break-glass. The button's value is the
 * form's ref, so that what is decided stays bound to what was shown; whether it is one of ours is asked when it comes back.
 */

/** A button says what it asks for in one sentence; a form has room for a field each. */
export function decisionForm({ ref, label, button, required }: FormAsk): Form | undefined {
  // What somebody made up is no form: nothing is opened to type into in vain.
  if (!/^(?:ACT-\d+|MANY)\./.test(ref)) return undefined;
  const title = button?.trim() || "Decide";
  const ask = label?.trim();
  // What it is about stands above it: the card may be scrolled away.
  const about = looksLikeDecision(ref) && ref.startsWith("ACT-") ? ` ${ref.split(".")[0]}` : "";
  const form = (fields: Form["fields"]): Form => ({ ref, title: `${title}${about}`, submit: title, fields });
  const reason = (words: string, needed: boolean) => ({
    id: "reason",
    kind: "text" as const,
    label: words,
    required: needed,
    longest: LONGEST_WORDS,
  });
  const name = (words: string) => ({ id: "name", kind: "line" as const, label: words, required: true, longest: 300 });
  switch (looksLikeDecision(ref) ? decisionOf(ref) : undefined) {
    case "approve":
      return form([name(ask ?? "To approve, type the target's name"), reason("Reason (kept with the incident)", false)]);
    case "break-glass":
      return form([
        name(ask ? (ask.split(" and then why")[0] ?? ask) : "Type the target's name"),
        reason("Why it cannot wait for a second person", true),
      ]);
    case "reject":
      return form([reason(ask ?? "Why not? (kept with the incident)", true)]);
    default:
      return form([{ id: "typed", kind: "text", label: ask ?? "Text", required: required ?? false, longest: LONGEST_WORDS }]);
  }
}

export function readDecisionForm(ref: string, typed: Filled): Meant {
  const words = [said(typed, "name"), said(typed, "reason"), said(typed, "typed")].filter((text) => text !== undefined).join(" ");
  return { value: ref, typed: words || undefined, lasts: undefined };
}

const decisionOf = (value: string): ButtonDecision | undefined =>
  value.startsWith("MANY.") ? undefined : (value.split(".")[2] as ButtonDecision | undefined);
