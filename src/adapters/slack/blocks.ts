import type {
  ConfirmationDialog,
  ContextBlock,
  KnownBlock,
  Overflow,
  PlainTextElement,
  RichTextBlock,
  RichTextSection,
  Button as SlackButton,
} from "@slack/types";
import { type Button, type Card, type Line, plain, type Span, type Text, type Tone } from "../../engine/cards/card.ts";
import { visible } from "../../engine/cards/visible.ts";
import type { Named } from "../../engine/domain/paging.ts";
import { type ActionId, formValue, MENUS, writeActionId } from "./action-id.ts";
import { SLACK_BUDGET, SLACK_LIMITS } from "./limits.ts";
import { cutTo, escapeTo, isBlank, visibleSpans } from "./text.ts";

export type SlackMessage = { text: string; blocks: KnownBlock[] };

/**
 * Card → Block Kit, within the budget by construction. Attacker text stands in plain_text or rich_text, where Slack reads no
 * markup; nothing in a block is mrkdwn.
 */
export function toMessage(card: Card, share = 1): SlackMessage {
  const buttons = drawButtons(card.buttons);
  const page = new Page(
    Math.ceil(SLACK_BUDGET.blocks * share) - buttons.blocks.length - 1,
    Math.ceil(SLACK_BUDGET.totalText * share) - textOf(buttons.blocks) - CUT_NOTE,
  );
  for (const cut of buttons.cuts) page.cuts.add(cut);
  page.add(drawTitle(card));
  for (const line of card.lines) drawLine(line, page);
  const note = page.cuts.size === 0 ? [] : [contextOf(cutTo(`Cut to fit Slack: ${[...page.cuts].join(", ")}.`, CUT_NOTE))];
  const mentions = mentionText(card.lines);
  return {
    text: `${escapeTo(card.summary.trim() || card.title.trim() || "air", SLACK_BUDGET.topLevelText - mentions.length)}${mentions}`,
    blocks: [...page.blocks, ...note, ...buttons.blocks],
  };
}

/** The card in the plainest words and blocks there are, with the same buttons: for a Slack that refused it as it was drawn. */
export function toPlainMessage(card: Card): SlackMessage {
  const words = card.lines.map(wordsOf).filter((text) => text.trim() !== "");
  const text = cutTo(visible([card.title, ...words].join("\n")).trim() || "air", PLAIN_TEXT);
  return {
    text: `${escapeTo(card.summary.trim() || card.title.trim() || "air", PLAIN_SUMMARY)}${mentionText(card.lines)}`,
    blocks: [{ type: "section", text: plainText(text) }, ...drawButtons(card.buttons).blocks],
  };
}

const PLAIN_TEXT = 1_500;
const PLAIN_SUMMARY = 300;

function wordsOf(line: Line): string {
  switch (line.kind) {
    case "text":
    case "note":
      return plain(line.text);
    case "facts":
      return line.facts.map(([label, value]) => `${label}: ${plain(value)}`).join("\n");
    case "list":
      return [line.title ?? "", ...line.items.map((item) => `- ${item.mark ? `${item.mark}: ` : ""}${plain(item.text)}`)].join("\n").trim();
    case "code":
      return line.text;
    case "mention":
      return line.who.map(({ name }) => name).join(", ");
    case "divider":
      return "";
    default:
      return line satisfies never;
  }
}

/** Room kept for saying what was cut. */
const CUT_NOTE = 300;

/** Blocks drawn so far and the room that is left. */
class Page {
  readonly blocks: KnownBlock[] = [];
  readonly cuts = new Set<string>();
  room: number;
  readonly #most: number;

  constructor(most: number, room: number) {
    this.#most = most;
    this.room = room;
  }

  get full(): boolean {
    return this.blocks.length >= this.#most || this.room < 40;
  }

  /** Cut to its own limit and to what is left of the whole. */
  fit(text: string, max: number, what: string): string {
    const fitted = cutTo(text, Math.min(max, this.room));
    if (fitted !== text) this.cuts.add(what);
    return fitted;
  }

  add(block: KnownBlock): void {
    this.blocks.push(block);
    this.room -= textOf([block]);
  }
}

const DOTS: Record<Tone, string> = { neutral: "⚪", info: "🔵", good: "🟢", warning: "🟠", bad: "🔴" };

function drawTitle(card: Card): KnownBlock {
  // The dot only repeats the word beside it; a card without a badge gets neither.
  const badge = card.badge?.trim() ? `${DOTS[card.tone]} ${visible(card.badge.trim())} · ` : "";
  return {
    type: "header",
    text: plainText(cutTo(`${badge}${visible(card.title.trim() || "air").replaceAll("\n", " ")}`, SLACK_BUDGET.headerText)),
  };
}

function drawLine(line: Line, page: Page): void {
  if (page.full) {
    page.cuts.add("the last lines");
    return;
  }
  switch (line.kind) {
    case "text": {
      if (isBlank(line.text)) return;
      page.add(richText([section(fitSpans(line.text, SLACK_BUDGET.sectionText, page, "a long text"))]));
      return;
    }
    case "facts":
      drawFacts(line.facts, page);
      return;
    case "list":
      drawList(line, page);
      return;
    case "code": {
      if (line.text.trim() === "") return;
      const text = page.fit(visible(line.text), SLACK_BUDGET.sectionText, "machine text");
      page.add(richText([{ type: "rich_text_preformatted", elements: [{ type: "text", text }] }]));
      return;
    }
    case "note": {
      if (isBlank(line.text)) return;
      page.add(contextOf(page.fit(visible(plain(line.text)), SLACK_BUDGET.note, "a long note")));
      return;
    }
    case "mention":
      drawMention(line.who, page);
      return;
    case "divider":
      page.add({ type: "divider" });
      return;
    default:
      line satisfies never;
  }
}

/** The one place where somebody is mentioned: by the id configuration gives them. Who has none here is named only. */
function drawMention(who: readonly Named[], page: Page): void {
  const elements = who.slice(0, SLACK_BUDGET.mentions).flatMap((one, index): RichTextSection["elements"] => {
    const gap = index === 0 ? [] : [{ type: "text" as const, text: " " }];
    const id = slackId(one);
    if (id === undefined)
      return [...gap, { type: "text", text: page.fit(visible(one.name).trim() || "somebody", 80, "a name"), style: { bold: true } }];
    return [...gap, one.kind === "person" ? { type: "user", user_id: id } : { type: "usergroup", usergroup_id: id }];
  });
  if (who.length > SLACK_BUDGET.mentions) page.cuts.add(`${who.length - SLACK_BUDGET.mentions} people`);
  if (elements.length > 0) page.add(richText([{ type: "rich_text_section", elements }]));
}

function slackId(one: Named): string | undefined {
  const id = one.on.slack;
  return id !== undefined && (one.kind === "person" ? /^[UW][A-Z0-9]{1,30}$/ : /^S[A-Z0-9]{1,30}$/).test(id) ? id : undefined;
}

/** What notifications read: after what it is about, so that its first words stay that. */
function mentionText(lines: readonly Line[]): string {
  const who = lines.flatMap((line) => (line.kind === "mention" ? line.who : [])).slice(0, SLACK_BUDGET.mentions);
  const mentions = who.flatMap((one) => {
    const id = slackId(one);
    return id === undefined ? [] : [one.kind === "person" ? `<@${id}>` : `<!subteam^${id}>`];
  });
  return mentions.length === 0 ? "" : ` ${[...new Set(mentions)].join(" ")}`;
}

type Facts = Extract<Line, { kind: "facts" }>["facts"];

/**
 * Label and value on one line each: in the fields of a section every value would be markup to Slack, and a phone gives each pair two lines.
 */
function drawFacts(facts: Facts, page: Page): void {
  const spans: Span[] = [];
  const before = page.room;
  for (const [label, value] of facts) {
    if (page.room < 60) {
      page.cuts.add("facts");
      break;
    }
    const name = cutTo(isBlank(label) ? "–" : visible(label).replaceAll("\n", " "), 80);
    const fact = [
      { text: `${spans.length === 0 ? "" : "\n"}${name}: `, style: "bold" as const },
      ...fitSpans(isBlank(value) ? "–" : value, SLACK_BUDGET.fieldText, page, "a long fact"),
    ];
    page.room -= plain(fact).length;
    spans.push(...fact);
  }
  page.room = before;
  if (spans.length > 0) page.add(richText([section(spans)]));
}

function drawList(line: Extract<Line, { kind: "list" }>, page: Page): void {
  const elements: RichTextBlock["elements"] = [];
  // What is drawn here is added at once, so its room is counted here and given back before.
  const before = page.room;
  if (line.title !== undefined && !isBlank(line.title)) {
    const title = page.fit(visible(line.title), 200, "a list title");
    page.room -= title.length;
    elements.push(section([{ text: title, style: "bold" }]));
  }
  const items: RichTextSection[] = [];
  let left = 0;
  for (const item of line.items) {
    const spans: Span[] = [];
    if (item.mark !== undefined && !isBlank(item.mark)) spans.push({ text: `${visible(item.mark)}: `, style: "bold" });
    spans.push(...visibleSpans(item.text));
    if (isBlank(spans)) continue;
    if (page.room < 120) {
      left += 1;
      continue;
    }
    const fitted = fitSpans(spans, Math.min(SLACK_BUDGET.listItem, page.room - 60), page, "a long list item");
    page.room -= plain(fitted).length;
    items.push(section(fitted));
  }
  if (left > 0) {
    page.cuts.add(`${left} list ${left === 1 ? "item" : "items"}`);
    items.push(section([{ text: `and ${left} more, not shown here` }]));
  }
  if (items.length > 0) elements.push({ type: "rich_text_list", style: "bullet", elements: items });
  page.room = before;
  if (elements.length > 0) page.add(richText(elements));
}

/** Spans cut as one run. */
function fitSpans(text: Text, max: number, page: Page, what: string): Span[] {
  const spans: Span[] = [];
  let room = Math.min(max, page.room);
  for (const span of visibleSpans(text)) {
    if (room <= 0) {
      page.cuts.add(what);
      break;
    }
    const fitted = cutTo(span.text, room);
    if (fitted !== span.text) page.cuts.add(what);
    room -= fitted.length;
    spans.push({ ...span, text: fitted });
  }
  return spans;
}

function drawButtons(all: readonly Button[]): { blocks: KnownBlock[]; cuts: string[] } {
  const cuts: string[] = [];
  // A value or address cannot be cut without changing what it means, so such a button is left out and said so.
  const fits = all.filter((button) => {
    const value = wireValue(button);
    const fine =
      button.url !== undefined
        ? button.url.length <= SLACK_LIMITS.buttonUrl && /^https?:\/\//.test(button.url)
        : value !== "" && value.isWellFormed() && value.length <= (isInMenu(button) ? SLACK_LIMITS.optionValue : SLACK_LIMITS.buttonValue);
    if (!fine) cuts.push(`the button "${cutTo(visible(button.label), SLACK_BUDGET.buttonText)}"`);
    return fine;
  });
  const buttons = fits.filter((button) => !isInMenu(button));
  const menu = fits.filter(isInMenu);
  const shown = buttons.slice(0, SLACK_BUDGET.buttons);
  const listed = menu.slice(0, SLACK_LIMITS.overflowOptions * MENUS);
  const left = fits.length - shown.length - listed.length;
  if (left > 0) cuts.push(`${left} buttons`);
  if (shown.length + listed.length === 0) return { blocks: [], cuts };
  return { blocks: [{ type: "actions", elements: [...shown.map(drawButton), ...inMenus(listed).map(drawMenu)] }], cuts };
}

const isInMenu = (button: Button): boolean => button.more === true && button.url === undefined;
/** A menu names its forms among its values; a button that opens one says so by its id. */
const wireValue = (button: Button): string =>
  button.form === undefined ? (button.value ?? "") : isInMenu(button) ? formValue(button.form) : button.form;

/** A menu takes few; what does not fit into one is shared evenly between two. */
function inMenus(buttons: readonly Button[]): Button[][] {
  const menus = Math.ceil(buttons.length / SLACK_LIMITS.overflowOptions);
  const each = Math.ceil(buttons.length / Math.max(1, menus));
  return Array.from({ length: menus }, (_, index) => buttons.slice(index * each, (index + 1) * each));
}

const drawMenu = (buttons: readonly Button[], index: number): Overflow => ({
  type: "overflow",
  action_id: writeActionId(index, { kind: "more" }),
  options: buttons.map((button) => ({
    text: plainText(cutTo(visible(button.label).trim() || "Open", SLACK_LIMITS.optionText)),
    value: wireValue(button),
  })),
});

function drawButton(button: Button, index: number): SlackButton {
  const label = visible(button.label).trim() || "Open";
  const id: ActionId =
    button.url !== undefined
      ? { kind: "link" }
      : button.form !== undefined
        ? { kind: "form" }
        : button.input !== undefined
          ? { kind: "ask", label: visible(button.input.label), required: button.input.required }
          : { kind: "plain" };
  return {
    type: "button",
    action_id: writeActionId(index, id),
    text: plainText(cutTo(label, SLACK_BUDGET.buttonText)),
    ...(label.length > SLACK_BUDGET.buttonText ? { accessibility_label: cutTo(label, SLACK_LIMITS.accessibilityLabel) } : {}),
    ...(button.url !== undefined ? { url: button.url } : { value: wireValue(button) }),
    ...(button.style === "plain" ? {} : { style: button.style }),
    ...(button.confirm === undefined ? {} : { confirm: drawConfirm(button.confirm, button.style) }),
  };
}

function drawConfirm(confirm: NonNullable<Button["confirm"]>, style: Button["style"]): ConfirmationDialog {
  return {
    title: plainText(cutTo(visible(confirm.title).trim() || "Sure?", SLACK_LIMITS.confirmTitle)),
    text: plainText(cutTo(visible(confirm.text).trim() || "Please confirm.", SLACK_LIMITS.confirmText)),
    confirm: plainText(cutTo(visible(confirm.yes).trim() || "Yes", SLACK_LIMITS.confirmButton)),
    deny: plainText("Cancel"),
    ...(style === "danger" ? { style: "danger" as const } : {}),
  };
}

// Without `emoji: false` a file named ":white_check_mark:" would draw one.
const plainText = (text: string): PlainTextElement => ({ type: "plain_text", text, emoji: false });
const contextOf = (text: string): ContextBlock => ({ type: "context", elements: [plainText(text)] });
const richText = (elements: RichTextBlock["elements"]): RichTextBlock => ({ type: "rich_text", elements });
const section = (spans: readonly Span[]): RichTextSection => ({
  type: "rich_text_section",
  elements: spans.map((span) => ({
    type: "text" as const,
    text: span.text,
    ...(span.style === undefined ? {} : { style: span.style === "bold" ? { bold: true } : { code: true } }),
  })),
});

/** Every text a message holds, as the total is counted: generously, because Slack does not say how it counts. */
export function textOf(node: unknown): number {
  if (Array.isArray(node)) return node.reduce<number>((sum, child) => sum + textOf(child), 0);
  if (typeof node !== "object" || node === null) return 0;
  let sum = 0;
  for (const [key, child] of Object.entries(node)) {
    if (typeof child === "string") sum += key === "text" || key === "accessibility_label" || key === "alt_text" ? child.length : 0;
    else sum += textOf(child);
  }
  return sum;
}
