import type { InputBlock, KnownBlock, ModalView, PlainTextElement, PlainTextOption } from "@slack/types";
import { z } from "zod";
import type { Card } from "../../engine/cards/card.ts";
import type { Choice, Field, Filled, Form } from "../../engine/cards/form.ts";
import { visible } from "../../engine/cards/visible.ts";
import { toMessage } from "./blocks.ts";
import type { Place } from "./inbox.ts";
import { SLACK_LIMITS } from "./limits.ts";
import { cutTo } from "./text.ts";

/** What the modal carries from the press to the submission. Slack signs it back to us; what the form may do is checked anew. */
const Carried = z.object({ ref: z.string().min(1), channel: z.string(), messageTs: z.string(), responseUrl: z.string() });

const CALLBACK = "air:form";
/** Every input has its own block, so one name does for all. */
export const CARRIES_ANSWERS = "v";

/** Before an account that was picked from Slack's people. */
export const SLACK_ACCOUNT = "slack:";

/** `undefined`: another app's form, or one we did not write. */
export function readFormView(callbackId: string, metadata: string): { ref: string; place: Place } | undefined {
  if (callbackId !== CALLBACK) return undefined;
  try {
    const read = Carried.safeParse(JSON.parse(metadata)).data;
    if (read === undefined) return undefined;
    const { ref, channel, messageTs, responseUrl } = read;
    return { ref, place: { channel, messageTs, responseUrl } };
  } catch {
    return undefined;
  }
}

/**
 * A form as a modal. Undefined where what it carries does not fit. `typed`: what the person had filled in already; `problem`: why it comes
 * back, where that could not be said in time. `me`: whose form it is.
 */
export function formModal(
  form: Form,
  place: Place,
  { typed = {}, problem, me }: { typed?: Filled; problem?: string; me?: string } = {},
): ModalView | undefined {
  const { channel, messageTs, responseUrl } = place;
  const metadata = JSON.stringify({ ref: form.ref, channel, messageTs, responseUrl });
  if (metadata.length > SLACK_LIMITS.privateMetadata) return undefined;
  const said = problem === undefined ? [] : [{ kind: "text" as const, text: [{ text: problem, style: "bold" as const }] }];
  const lines = [...said, ...(form.lines ?? [])];
  const intro = lines.length === 0 ? [] : bodyOf({ title: "", tone: "neutral", summary: "", lines, buttons: [] });
  return {
    type: "modal",
    callback_id: CALLBACK,
    private_metadata: metadata,
    title: short(form.title, "air"),
    submit: short(form.submit, "Submit"),
    close: short("Cancel", "Cancel"),
    blocks: [...intro, ...form.fields.map((field) => inputOf(field, typed[field.id], me))],
  };
}

/** An answer as a modal: for whoever pressed where nothing else can be said to them alone. */
export function noteModal(card: Card): ModalView {
  return {
    type: "modal",
    callback_id: "air:note",
    title: short(card.title, "air"),
    close: short("Close", "Close"),
    blocks: noteBlocks(card),
  };
}

/** The modal's own title is the heading, where it holds the card's whole; what says nothing else keeps it all the same. */
function noteBlocks(card: Card): KnownBlock[] {
  const blocks = toMessage(card).blocks;
  const whole = visible(card.title).trim() !== "" && visible(card.title).trim().length <= SLACK_LIMITS.viewTitle;
  return whole && blocks.length > 1 ? blocks.slice(1) : blocks;
}

export const waitingCard: Card = {
  title: "One moment",
  tone: "neutral",
  summary: "One moment",
  lines: [{ kind: "text", text: "air is looking it up." }],
  buttons: [],
};

/** The lines of a card without its heading. */
const bodyOf = (card: Card): KnownBlock[] => toMessage(card).blocks.slice(1);

function inputOf(field: Field, typed: Filled[string] | undefined, me: string | undefined): InputBlock {
  const hint = visible(field.hint ?? "").trim();
  return {
    type: "input",
    block_id: field.id,
    optional: !field.required,
    label: text(visible(field.label).trim() || "Text", SLACK_LIMITS.inputLabel),
    ...(hint === "" ? {} : { hint: text(hint, SLACK_LIMITS.inputLabel) }),
    element: elementOf(field, typed, me),
  };
}

function elementOf(field: Field, typed: Filled[string] | undefined, me: string | undefined): InputBlock["element"] {
  const words = typeof typed === "string" ? typed : undefined;
  switch (field.kind) {
    case "line":
    case "text": {
      const longest = Math.min(field.longest, SLACK_LIMITS.inputLength);
      const initial = cutTo((words ?? field.initial ?? "").toWellFormed(), longest);
      return {
        type: "plain_text_input",
        action_id: CARRIES_ANSWERS,
        multiline: field.kind === "text",
        max_length: longest,
        ...(initial === "" ? {} : { initial_value: initial }),
      };
    }
    case "select": {
      if (field.anybody) {
        const user = words?.startsWith(SLACK_ACCOUNT) ? words.slice(SLACK_ACCOUNT.length) : field.initial === "me" ? me : undefined;
        return { type: "users_select", action_id: CARRIES_ANSWERS, ...(user ? { initial_user: user } : {}) };
      }
      const options = optionsOf(field.options, SLACK_LIMITS.selectOptions);
      const initial = options.find((option) => option.value === (words ?? field.initial));
      return { type: "static_select", action_id: CARRIES_ANSWERS, options, ...(initial ? { initial_option: initial } : {}) };
    }
    case "checks": {
      const options = optionsOf(field.options, SLACK_LIMITS.checkboxes);
      const chosen = Array.isArray(typed) ? typed : (field.initial ?? []);
      const initial = options.filter((option) => chosen.includes(option.value ?? ""));
      return { type: "checkboxes", action_id: CARRIES_ANSWERS, options, ...(initial.length > 0 ? { initial_options: initial } : {}) };
    }
    default:
      return field satisfies never;
  }
}

/** A value cannot be cut without meaning something else: such a choice is left out. */
function optionsOf(choices: readonly Choice[], most: number): PlainTextOption[] {
  const fits = choices.filter(({ value }) => value.trim() !== "" && value.length <= SLACK_LIMITS.optionValue && value.isWellFormed());
  // Slack refuses a whole form where two choices would mean the same.
  const different = [...new Map(fits.map((choice) => [choice.value, choice])).values()];
  return different
    .slice(0, most)
    .map(({ value, label }) => ({ text: text(visible(label).trim() || visible(value), SLACK_LIMITS.optionText), value }));
}

const text = (words: string, most: number): PlainTextElement => ({ type: "plain_text", text: cutTo(words, most), emoji: false });
/** The words at the edge of a modal: 24 characters, on one line. */
const short = (words: string, otherwise: string): PlainTextElement =>
  text(visible(words).replaceAll("\n", " ").trim() || otherwise, SLACK_LIMITS.viewTitle);
