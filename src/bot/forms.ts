import type { Air } from "../engine/air.ts";
import { mustBePermitted } from "../engine/authorise.ts";
import type { Card } from "../engine/cards/card.ts";
import type { Filled, Form, FormAnswer } from "../engine/cards/form.ts";
import { refusalCard } from "../engine/cards/reply-card.ts";
import type { Person } from "../engine/domain/approval.ts";
import { Refusal } from "../engine/domain/errors.ts";
import type { Command } from "./commands.ts";
import { decisionForm, readDecisionForm } from "./decision-forms.ts";
import { type FormKind, formKinds, type Meant, oneOf } from "./form-kinds.ts";
import { mayOpenForm } from "./may-open.ts";
import { mustBeSound } from "./sound-text.ts";
import { tidyWords } from "./tidy-words.ts";

/** What opens a form: its `ref`, and where that is the value of a button, what the button asks for. */
export type FormAsk = { ref: string; label?: string; button?: string; required?: boolean };

/** Forms of every chat: what they show, and what pressing their button means. They end in the commands and decisions people type and press. */
export type Forms = {
  /** At once, without asking anybody: a chat gives three seconds. undefined: no form of air's. */
  open: (ask: FormAsk) => Form | undefined;
  /** Before it is shown: why this person may not have it, or undefined. Where a chat can it asks this first; handing it in asks again. */
  mayOpen: (ask: FormAsk, person: Person) => Promise<Card | undefined>;
  /** The form of a command that was typed without the rest of it: `note INC-42`. */
  refOf: (text: string) => string | undefined;
  /** The same form with what belongs into it. @throws Refusal */
  fill: (ref: string, person: Person) => Promise<Form | undefined>;
  /** `key` is the same when the same form arrives twice. */
  submit: (ref: string, typed: Filled, person: Person, key: string) => Promise<FormAnswer<Card | undefined>>;
};

export type FormParts = {
  air: Air;
  /** Whom an incident may be assigned to. */
  names: () => readonly string[];
  /** Nobody is named in air.yaml. */
  anybody: () => boolean;
  /** Carries out a command as if it had been typed. @throws Refusal */
  run: (command: Command, person: Person, key: string) => Promise<Card>;
  /** A decision as if its button had been pressed. @throws Refusal */
  press: (value: string, person: Person, typed: string | undefined, lasts: number | undefined) => Promise<Card | undefined>;
  /** May a decision's form be shown? @throws Refusal */
  mayDecide: (value: string, person: Person) => Promise<void>;
};

/** Where a form says what the verb behind it calls by another name. */
const AT: Readonly<Record<string, string>> = { confirm: "name", in: "when" };

export function createForms(parts: FormParts): Forms {
  const { air } = parts;
  const context = () => ({ air, names: parts.names(), anybody: parts.anybody(), domains: air.policy().organization.domains });

  const open: Forms["open"] = (ask) => {
    const known = kindOf(ask.ref);
    if (!known) return decisionForm(ask);
    return known.kind.open(known.subject, context());
  };

  const carryOut = async (meant: Meant, person: Person, key: string): Promise<Card | undefined> =>
    "value" in meant
      ? parts.press(meant.value, person, meant.typed, meant.lasts)
      : oneOf(meant, (command, own) => parts.run(command, person, own), key);

  return {
    open,
    mayOpen: async (ask, person) => {
      const known = kindOf(ask.ref);
      try {
        if (!known || known.kind.decides) await parts.mayDecide(known?.subject ?? ask.ref, person);
        else await mayOpenForm(air, person, known.name, known.subject);
        return undefined;
      } catch (error) {
        if (error instanceof Refusal) return refusalCard(error.message);
        throw error;
      }
    },
    refOf: (text) => {
      const ref = tidyWords(text).join(" ");
      const known = kindOf(ref);
      const opens = known?.kind.typed === true || (known?.kind.typed === "alone" && known.subject === "");
      return known && opens && known.kind.open(known.subject, context()) ? known.ref : undefined;
    },
    fill: async (ref, person) => {
      const known = kindOf(ref);
      if (!known?.kind.fill) return undefined;
      await mustBePermitted(air, person, { verb: "form", subject: known.subject, need: "viewer" });
      return known.kind.fill(known.subject, context());
    },
    submit: async (ref, typed, person, key) => {
      const form = open({ ref });
      if (!form) return { refused: { "": "air does not know this form any more. Open it again from a fresh card." } };
      const missing = form.fields.filter((field) => field.required && isEmpty(typed[field.id]));
      if (missing.length > 0) return { refused: Object.fromEntries(missing.map((field) => [field.id, "Please fill this in."])) };
      try {
        mustBeSound(typed);
        const known = kindOf(ref);
        const meant = known ? await known.kind.read(typed, known.subject, context()) : readDecisionForm(ref, typed);
        return { done: await carryOut(meant, person, key) };
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return { refused: { [fieldOf(form, typed, error)]: error.message } };
      }
    },
  };
}

/** `note INC-42` → the form "note" of INC-42; the value of a button is none of these. */
function kindOf(ref: string): { kind: FormKind; name: string; subject: string; ref: string } | undefined {
  const [, name = "", subject = ""] = /^([a-z-]+)(?: (.*))?$/is.exec(ref) ?? [];
  const kind = Object.hasOwn(formKinds, name.toLowerCase()) ? formKinds[name.toLowerCase()] : undefined;
  return kind && { kind, name: name.toLowerCase(), subject, ref: `${name.toLowerCase()}${subject ? ` ${subject}` : ""}` };
}

const isEmpty = (value: Filled[string] | undefined) =>
  value === undefined || value.length === 0 || (typeof value === "string" && !value.trim());

/** The field at fault where it is known; else the first, so that it is said somewhere. */
function fieldOf(form: Form, typed: Filled, refusal: Refusal): string {
  const at = refusal.field === undefined ? undefined : (AT[refusal.field] ?? refusal.field);
  const shown = (id: string) => form.fields.some((field) => field.id === id) || id in typed;
  return at !== undefined && shown(at) ? at : (form.fields[0]?.id ?? "");
}
