import { type Button, type Card, type Line, plain, type Span, type Text, type Tone } from "../../engine/cards/card.ts";
import { visible as spellOut } from "../../engine/cards/visible.ts";
import type { Named } from "../../engine/domain/paging.ts";
import { TEAMS_LIMITS } from "./limits.ts";

/** As much of Adaptive Cards 1.5 as air draws. */
export type AdaptiveCard = {
  type: "AdaptiveCard";
  $schema: string;
  version: "1.5";
  fallbackText: string;
  body: Element[];
  actions?: Action[];
  /** Whom the card's `<at>` tags stand for; a tag without an entity mentions nobody. */
  msteams?: { entities: Mention[] };
};
type Mention = { type: "mention"; text: string; mentioned: { id: string; name: string } };
type Run = { type: "TextRun"; text: string; weight?: "Bolder"; fontType?: "Monospace"; isSubtle?: boolean; size?: "Small" };
type Element =
  | { type: "TextBlock"; text: string; style?: "heading"; size?: "Large"; weight?: "Bolder"; wrap: true; spacing?: Spacing }
  | { type: "RichTextBlock"; inlines: Run[]; spacing?: Spacing; separator?: boolean }
  | {
      type: "Container";
      style?: "good" | "attention" | "warning" | "accent" | "emphasis";
      items: Element[];
      spacing?: Spacing;
      bleed?: boolean;
      separator?: boolean;
    }
  | { type: "ColumnSet"; columns: { type: "Column"; width: string; items: Element[] }[]; spacing?: Spacing }
  | { type: "ActionSet"; actions: Action[] }
  | Input;
/** What a person fills in. */
export type Input = { id: string; label: string; isRequired?: true; errorMessage?: string; value?: string } & (
  | { type: "Input.Text"; isMultiline: boolean; maxLength: number; placeholder?: string }
  | { type: "Input.ChoiceSet"; style: "compact" | "expanded"; isMultiSelect: boolean; choices: { title: string; value: string }[] }
);
type Spacing = "None" | "Small" | "Medium";
type Action =
  | {
      type: "Action.Execute";
      title: string;
      /** `press`: a button of a card. `form`: it opens a form in the card's place. `submit`: a form is filled in. `back`: to the card again. */
      verb: "press" | "form" | "submit" | "back";
      data: { value: string; input?: string } | { ref: string } | Record<string, never>;
      associatedInputs: "auto" | "none";
      style?: "positive" | "destructive";
      /** It stands in the menu behind the three dots. */
      mode?: "secondary";
    }
  /** Of a form in a dialog. */
  | { type: "Action.Submit"; title: string; data: { ref: string } }
  /** It opens a form as a dialog. */
  | {
      type: "Action.Submit";
      title: string;
      data: { ref: string; msteams: { type: "task/fetch" } };
      associatedInputs: "none";
      mode?: "secondary";
    }
  | { type: "Action.OpenUrl"; title: string; url: string };

/** Where a form opens: in a dialog, or in the card's place where a client knows no dialogs. */
export type FormsOpen = "dialog" | "card";

/**
 * Card → Adaptive Card 1.5, at most 25 KB by construction. Attacker text stands in RichTextBlock runs, which know no Markdown; the
 * heading is the one TextBlock and is escaped. Colour sits behind default-coloured text and always beside a word. `share`: of the room, for
 * what Teams did not take as it was.
 */
export function toAdaptiveCard(card: Card, share = 1, forms: FormsOpen = "dialog"): AdaptiveCard {
  const { actions, inputs, cuts } = drawButtons(card.buttons, forms);
  const rows = inRows(actions);
  const frame: AdaptiveCard = {
    type: "AdaptiveCard",
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    version: "1.5",
    fallbackText: cutTo(visible(card.summary.trim() || card.title.trim() || "air"), 500),
    body: [],
    ...(actions.length === 0 ? {} : { actions: rows.at(-1) ?? [] }),
  };
  const tail: Element[] = [...inputs, ...rows.slice(0, -1).map((row) => ({ type: "ActionSet" as const, actions: row }))];
  const page = new Page(TEAMS_LIMITS.cardBytes * share - bytes(frame) - bytes(tail) - CUT_NOTE);
  for (const cut of cuts) page.cuts.add(cut);
  page.add(drawTitle(card));
  for (const line of card.lines) drawLine(line, page);
  const entities = page.mentions;
  const note: Element[] = page.cuts.size === 0 ? [] : [small(cutTo(`Cut to fit Teams: ${[...page.cuts].join(", ")}.`, 300))];
  return { ...frame, body: [...page.body, ...note, ...tail], ...(entities.length === 0 ? {} : { msteams: { entities } }) };
}

/** Almost nothing: what it is about, and that the rest stands elsewhere. */
export const toPlainCard = ({ title, tone, summary }: Card): AdaptiveCard =>
  toAdaptiveCard({
    title: cutTo(title, 150),
    tone,
    summary: cutTo(summary, 300),
    lines: [{ kind: "note", text: "Teams did not take this card as it is. Ask for it by its id, or look in the console." }],
    buttons: [],
  });

/** What stands beside the buttons of an answer or a form: the way back to the card. */
export const withBack = (card: AdaptiveCard, title: string): AdaptiveCard => ({
  ...card,
  actions: [...(card.actions ?? []), { type: "Action.Execute", title, verb: "back", data: {}, associatedInputs: "none" }],
});

/** The heading; with a badge it stands in a band of its colour, from edge to edge. */
function drawTitle(card: Card): Element {
  const heading: Element = {
    type: "TextBlock",
    text: escapeMarkdown(oneLine(cutTo(visible(card.title.trim() || "air"), TEAMS_LIMITS.title))),
    style: "heading",
    size: "Large",
    weight: "Bolder",
    wrap: true,
  };
  if (!card.badge?.trim()) return heading;
  const badge = { ...runs([{ text: cutTo(visible(card.badge.trim()), 80), style: "bold" }]), spacing: "None" as const };
  return { type: "Container", style: TONE[card.tone], bleed: true, items: [badge, heading] };
}

/** Room kept for saying what was cut: 300 characters, up to 3 bytes each, and their frame. */
const CUT_NOTE = 1_100;

const TONE = { neutral: "emphasis", info: "accent", good: "good", warning: "warning", bad: "attention" } as const satisfies Record<
  Tone,
  string
>;

class Page {
  readonly body: Element[] = [];
  readonly mentions: Mention[] = [];
  readonly cuts = new Set<string>();
  #left: number;

  constructor(left: number) {
    this.#left = left;
  }

  /** False, and nothing added, where it does not fit any more. */
  add(element: Element, mentions: readonly Mention[] = []): boolean {
    // The frame of the list of mentions counts with each of them: generous, and simple.
    const size = bytes(element) + 1 + (mentions.length === 0 ? 0 : bytes(mentions) + 40);
    if (size > this.#left) return false;
    this.body.push(element);
    this.mentions.push(...mentions);
    this.#left -= size;
    return true;
  }
}

function drawLine(line: Line, page: Page): void {
  switch (line.kind) {
    case "text":
      if (!isBlank(line.text)) addOrCut(page, runs(fitSpans(line.text, TEAMS_LIMITS.run, page, "a long text")), "a text");
      return;
    case "facts":
      for (const [label, value] of line.facts) {
        addOrCut(page, drawFact(label, fitSpans(isBlank(value) ? "–" : value, TEAMS_LIMITS.fact, page, "a long fact")), "facts");
      }
      return;
    case "list":
      drawList(line, page);
      return;
    case "code":
      if (line.text.trim() !== "") {
        const spans = fitSpans([{ text: keepIndent(line.text), style: "code" }], TEAMS_LIMITS.run, page, "machine text");
        addOrCut(page, { type: "Container", style: "emphasis", items: [runs(spans)] }, "machine text");
      }
      return;
    case "note":
      if (!isBlank(line.text)) addOrCut(page, small(plain(fitSpans(line.text, TEAMS_LIMITS.run, page, "a long note"))), "a note");
      return;
    case "mention":
      drawMention(line.who, page);
      return;
    case "divider":
      addOrCut(page, { type: "Container", items: [], separator: true, spacing: "Medium" }, "a divider");
      return;
    default:
      line satisfies never;
  }
}

/** Mentioned by the id configuration gives them; who has none is named only. */
function drawMention(who: readonly Named[], page: Page): void {
  const mentions: Mention[] = [];
  const names = who.slice(0, TEAMS_LIMITS.mentions).map((one) => {
    // What could end the tag, or format, has no place in it.
    const name =
      oneLine(cutTo(visible(one.name), 80))
        .replace(/[\\<>&*_[\]()~`#!|{}]/g, " ")
        .trim() || "somebody";
    const id = one.on.teams;
    if (one.kind !== "person" || id === undefined || id === "") return escapeMarkdown(name);
    mentions.push({ type: "mention", text: `<at>${name}</at>`, mentioned: { id: cutTo(id, 200), name } });
    return `<at>${name}</at>`;
  });
  if (who.length > TEAMS_LIMITS.mentions) page.cuts.add(`${who.length - TEAMS_LIMITS.mentions} people`);
  if (names.length > 0 && !page.add({ type: "TextBlock", text: names.join(", "), wrap: true, spacing: "Small" }, mentions))
    page.cuts.add("who this is for");
}

function drawFact(label: string, value: Span[]): Element {
  const name = oneLine(cutTo(visible(label).trim() || "–", 80));
  return {
    type: "ColumnSet",
    spacing: "Small",
    columns: [
      { type: "Column", width: "130px", items: [runs([{ text: name, style: "bold" }])] },
      { type: "Column", width: "stretch", items: [runs(value)] },
    ],
  };
}

function drawList(line: Extract<Line, { kind: "list" }>, page: Page): void {
  if (line.title !== undefined && !isBlank(line.title)) {
    addOrCut(page, { ...runs([{ text: cutTo(visible(line.title), 200), style: "bold" }]), spacing: "Medium" }, "a list title");
  }
  let left = 0;
  for (const item of line.items) {
    const mark: Span[] = item.mark === undefined || isBlank(item.mark) ? [] : [{ text: `${cutTo(item.mark, 80)}: `, style: "bold" }];
    const spans = fitSpans(
      [...mark, ...(typeof item.text === "string" ? [{ text: item.text }] : item.text)],
      TEAMS_LIMITS.listItem,
      page,
      "a long list item",
    );
    if (isBlank(spans)) continue;
    // Once one does not fit the rest is counted only: a list with holes would mislead.
    if (left > 0 || !page.add({ ...runs([{ text: "• " }, ...spans]), spacing: "Small" })) left += 1;
  }
  if (left > 0) page.cuts.add(`${left} list ${left === 1 ? "item" : "items"}`);
}

function addOrCut(page: Page, element: Element, what: string): void {
  if (!page.add(element)) page.cuts.add(what);
}

function fitSpans(text: Text, max: number, page: Page, what: string): Span[] {
  const spans: Span[] = [];
  let left = max;
  for (const span of typeof text === "string" ? [{ text }] : text) {
    if (left <= 0) {
      page.cuts.add(what);
      break;
    }
    const whole = visible(span.text);
    const fitted = cutTo(whole, left);
    if (fitted !== whole) page.cuts.add(what);
    left -= fitted.length;
    if (fitted !== "") spans.push({ ...span, text: fitted });
  }
  return spans;
}

function drawButtons(all: readonly Button[], forms: FormsOpen): { actions: Action[]; inputs: Element[]; cuts: string[] } {
  const cuts: string[] = [];
  let carried = 0;
  const fits = all.filter((button) => {
    const says = button.form ?? button.url ?? button.value ?? "";
    const size = bytes(says);
    const fine =
      says !== "" &&
      (button.form !== undefined || button.url === undefined || /^https?:\/\//.test(says)) &&
      size <= TEAMS_LIMITS.carried &&
      carried + size <= TEAMS_LIMITS.carriedByAll;
    carried += fine ? size : 0;
    if (!fine) cuts.push(`the button "${cutTo(visible(button.label), 30)}"`);
    return fine;
  });
  const shown = fits.slice(0, TEAMS_LIMITS.buttons);
  if (shown.length < fits.length) cuts.push(`${fits.length - shown.length} buttons`);
  const asking = shown.filter((button) => button.url === undefined && button.input !== undefined);
  const inputs: Element[] = [];
  const actions = shown.map((button, index): Action => {
    const title = cutTo(visible(button.label).trim() || "Open", TEAMS_LIMITS.label);
    if (button.url !== undefined) return { type: "Action.OpenUrl", title, url: button.url };
    if (button.form !== undefined && forms === "dialog")
      return {
        type: "Action.Submit",
        title,
        data: { ref: button.form, msteams: { type: "task/fetch" } },
        associatedInputs: "none",
        ...(button.more ? { mode: "secondary" as const } : {}),
      };
    if (button.form !== undefined)
      return {
        type: "Action.Execute",
        title,
        verb: "form",
        data: { ref: button.form },
        associatedInputs: "none",
        ...(button.more ? { mode: "secondary" as const } : {}),
      };
    const id = `typed${index}`;
    if (button.input !== undefined) {
      const label = cutTo(visible(button.input.label).trim() || "Text", 100);
      // A card checks all its required inputs at any press that reads inputs, so one is marked only where it stands alone.
      const required = button.input.required && asking.length === 1;
      inputs.push({
        type: "Input.Text",
        id,
        // It stands above all buttons: whose it is has to be said, or whoever approves believes a reason is asked of them.
        label: label.toLowerCase().split(/\W+/).includes(title.toLowerCase()) ? label : `${title}: ${label}`,
        isMultiline: button.input.line !== true,
        maxLength: 2000,
        ...(required ? { isRequired: true as const, errorMessage: `${label}: please fill this in.` } : {}),
      });
    }
    return {
      type: "Action.Execute",
      title,
      verb: "press",
      data: { value: button.value ?? "", ...(button.input === undefined ? {} : { input: id }) },
      associatedInputs: button.input === undefined ? "none" : "auto",
      ...(button.style === "primary" ? { style: "positive" as const } : button.style === "danger" ? { style: "destructive" as const } : {}),
      ...(button.more ? { mode: "secondary" as const } : {}),
    };
  });
  return { actions, inputs, cuts };
}

/** A row of buttons does not break on a phone: what does not fit beside the others gets a row of its own. The menu ends the last one. */
function inRows(actions: readonly Action[]): Action[][] {
  const isInMenu = (action: Action) => "mode" in action && action.mode === "secondary";
  const rows: Action[][] = [[]];
  const room = PHONE - (actions.some(isInMenu) ? MENU : 0);
  let width = 0;
  for (const action of actions.filter((one) => !isInMenu(one))) {
    const wide = BUTTON_FRAME + action.title.length * LETTER;
    const row = rows.at(-1) ?? [];
    if (row.length > 0 && (width + wide > room || row.length >= TEAMS_LIMITS.actionsPerSet)) {
      rows.push([action]);
      width = wide;
    } else {
      row.push(action);
      width += wide;
    }
  }
  rows.at(-1)?.push(...actions.filter(isInMenu));
  return rows;
}
const PHONE = 350;
const MENU = 60;
const BUTTON_FRAME = 40;
const LETTER = 9;

const runs = (spans: readonly Span[]): Extract<Element, { type: "RichTextBlock" }> => ({
  type: "RichTextBlock",
  inlines: spans.map((span) => ({
    type: "TextRun" as const,
    text: span.text,
    ...(span.style === "bold" ? { weight: "Bolder" as const } : span.style === "code" ? { fontType: "Monospace" as const } : {}),
  })),
});
const small = (text: string): Element => ({
  type: "RichTextBlock",
  inlines: [{ type: "TextRun", text, isSubtle: true, size: "Small" }],
  spacing: "Small",
});

const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
const isBlank = (text: Text): boolean => plain(text).trim() === "";
/** Clients collapse spaces. Only at the start of a line, so that what is copied stays a command. */
const keepIndent = (text: string): string => text.replace(/^ +/gm, (spaces) => "\u00a0".repeat(spaces.length));
const oneLine = (text: string): string => text.replaceAll("\n", " ");

/** `{{DATE(...)}}`, which clients expand in any text, is broken. */
const visible = (text: string): string => spellOut(text).replaceAll("{{", "{ {");

/**
 * CommonMark: a backslash before any ASCII punctuation makes it a plain character. Brackets and exclamation marks mean something only beside
 * a `[`, which is escaped; some clients show the backslash, so there are no more of them than needed.
 */
const escapeMarkdown = (text: string): string => text.replace(/[\\*_[\]~`#>|<&]/g, "\\$&").replace(/^(\s*)([-+]|\d+[.)])/, "$1\u200a$2");

/** At most `max` UTF-16 units, cut between code points. */
function cutTo(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text
    .slice(0, Math.max(0, max - 1))
    .toWellFormed()
    .replace(/\ufffd$/, "")}…`;
}
