import type { Card } from "../../engine/cards/card.ts";
import type { Choice, Field, Filled, Form } from "../../engine/cards/form.ts";
import { visible } from "../../engine/cards/visible.ts";
import { type AdaptiveCard, type Input, toAdaptiveCard, withBack } from "./adaptive-card.ts";
import { FIELD } from "./inbox.ts";

/** Where a form stands: in the card's place for whoever pressed, in a message of its own, or in a dialog. */
export type Stands = "card" | "message" | "dialog";

const LONGEST_INPUT = 2_000;
const LONGEST_LABEL = 200;
/** A choice set with more than this is no choice any more. */
const MOST_CHOICES = 100;
const LONGEST_VALUE = 200;
const CHOICES_BYTES = 10_000;
/** Of a card's room; the rest is for what is filled in. */
const LINES_SHARE = 0.4;

/** A form as a card. `typed`: what the person had filled in already; `problem`: why it comes back. */
export function formCard(form: Form, stands: Stands, { typed = {}, problem }: { typed?: Filled; problem?: string } = {}): AdaptiveCard {
  const said: Card["lines"] = problem === undefined ? [] : [{ kind: "text", text: [{ text: problem, style: "bold" }] }];
  const card = toAdaptiveCard(
    {
      title: form.title,
      tone: problem === undefined ? "info" : "warning",
      summary: form.title,
      lines: [...said, ...(form.lines ?? [])],
      buttons: [],
    },
    LINES_SHARE,
  );
  const title = label(form.submit, "Submit", 60);
  const drawn: AdaptiveCard = {
    ...card,
    body: [...card.body, ...form.fields.map((field) => inputOf(field, typed[field.id]))],
    actions: [
      stands === "dialog"
        ? { type: "Action.Submit", title, data: { ref: form.ref } }
        : { type: "Action.Execute", title, verb: "submit", data: { ref: form.ref }, associatedInputs: "auto", style: "positive" },
    ],
  };
  return stands === "dialog" ? drawn : withBack(drawn, "Cancel");
}

/** What was filled in, as the form's fields mean it: several choices of one field travel as one text. */
export function filledOf(form: Form | undefined, data: Filled): Filled {
  return Object.fromEntries(
    Object.entries(data).map(([id, value]): [string, Filled[string]] => {
      const field = form?.fields.find((one) => one.id === id);
      return field?.kind === "checks" && typeof value === "string" ? [id, value.split(",").filter((one) => one !== "")] : [id, value];
    }),
  );
}

function inputOf(field: Field, typed: Filled[string] | undefined): Input {
  const hint = visible(field.hint ?? "").trim();
  const name = label(field.label, "Text", LONGEST_LABEL);
  const base = {
    id: `${FIELD}${field.id}`,
    label: hint === "" || field.kind === "line" || field.kind === "text" ? name : `${name} (${label(hint, "", LONGEST_LABEL)})`,
    ...(field.required ? { isRequired: true as const, errorMessage: `${name}: please fill this in.` } : {}),
  };
  switch (field.kind) {
    case "line":
    case "text": {
      const longest = Math.min(field.longest, LONGEST_INPUT);
      const words = (typeof typed === "string" ? typed : (field.initial ?? "")).slice(0, longest).toWellFormed();
      return {
        type: "Input.Text",
        ...base,
        isMultiline: field.kind === "text",
        maxLength: longest,
        ...(hint === "" ? {} : { placeholder: label(hint, "", LONGEST_LABEL) }),
        ...(words === "" ? {} : { value: words }),
      };
    }
    case "select": {
      const choices = choicesOf(field.options);
      const initial = typeof typed === "string" ? typed : field.initial;
      const value = choices.some((one) => one.value === initial) ? initial : undefined;
      return {
        type: "Input.ChoiceSet",
        ...base,
        style: "compact",
        isMultiSelect: false,
        choices,
        ...(value === undefined ? {} : { value }),
      };
    }
    case "checks": {
      // Commas part the chosen ones.
      const choices = choicesOf(field.options).filter(({ value }) => !value.includes(","));
      const chosen = typeof typed === "string" ? [typed] : (typed ?? field.initial ?? []);
      const value = chosen.filter((one) => choices.some((choice) => choice.value === one)).join(",");
      return { type: "Input.ChoiceSet", ...base, style: "expanded", isMultiSelect: true, choices, ...(value === "" ? {} : { value }) };
    }
    default:
      return field satisfies never;
  }
}

/** A value cannot be cut without meaning something else: such a choice is left out, and so is what a card has no room for. */
function choicesOf(choices: readonly Choice[]): { title: string; value: string }[] {
  let left = CHOICES_BYTES;
  return choices
    .filter(({ value }) => value !== "" && value.length <= LONGEST_VALUE && value.isWellFormed())
    .slice(0, MOST_CHOICES)
    .map(({ value, label: words }) => ({ title: label(words, value, 150), value }))
    .filter((choice) => {
      left -= Buffer.byteLength(JSON.stringify(choice)) + 1;
      return left >= 0;
    });
}

/** Labels and choices are drawn as they are; `{{` would be expanded. */
function label(words: string, otherwise: string, most: number): string {
  const plain = visible(words).replaceAll("{{", "{ {").replaceAll("\n", " ").trim() || otherwise;
  return plain.length <= most
    ? plain
    : `${plain
        .slice(0, most - 1)
        .toWellFormed()
        .replace(/\ufffd$/, "")}…`;
}
