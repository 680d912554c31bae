import { textOf } from "./blocks.ts";
import { SLACK_LIMITS as LIMIT } from "./limits.ts";

/*
 * Block Kit's limits, checked: Slack publishes no validator and its emulators accept anything. Used by the tests and in front of the
 * emulator, so that a message Slack would refuse is refused here as well. It knows the blocks air draws; any other is a finding.
 */
export function checkMessage(message: unknown): string[] {
  const found: string[] = [];
  const say = (where: string, what: string) => found.push(`${where}: ${what}`);
  if (!isObject(message)) return ["message: not an object"];
  const { text, blocks } = message;
  if (typeof text !== "string" || text.trim() === "") say("text", "missing; notifications and screen readers use it");
  else if (text.length > LIMIT.topLevelText) say("text", `${text.length} characters, at most ${LIMIT.topLevelText}`);
  if (blocks === undefined) return found;
  if (!Array.isArray(blocks)) return [...found, "blocks: not a list"];
  if (blocks.length > LIMIT.blocks) say("blocks", `${blocks.length}, at most ${LIMIT.blocks}`);
  const total = textOf(blocks);
  if (total > LIMIT.totalText) say("blocks", `${total} characters of text in total, at most ${LIMIT.totalText}`);
  const ids = new Set<string>();
  blocks.forEach((block, index) => {
    checkBlock(block, `blocks[${index}]`, say, ids);
  });
  return found;
}

type Say = (where: string, what: string) => void;
type Node = Record<string, unknown>;
const isObject = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);

function checkBlock(block: unknown, where: string, say: Say, ids: Set<string>): void {
  if (!isObject(block)) {
    say(where, "not an object");
    return;
  }
  if (block.block_id !== undefined) checkString(block.block_id, `${where}.block_id`, LIMIT.blockId, say);
  switch (block.type) {
    case "divider":
      return;
    case "header":
      checkText(block.text, `${where}.text`, LIMIT.headerText, say, ["plain_text"]);
      return;
    case "section": {
      if (block.text === undefined && block.fields === undefined) say(where, "needs text or fields");
      if (block.text !== undefined) checkText(block.text, `${where}.text`, LIMIT.sectionText, say);
      if (block.fields !== undefined) {
        for (const [field, at] of checkList(block.fields, `${where}.fields`, LIMIT.fields, say)) checkText(field, at, LIMIT.fieldText, say);
      }
      return;
    }
    case "context": {
      for (const [element, at] of checkList(block.elements, `${where}.elements`, LIMIT.contextElements, say)) {
        checkText(element, at, LIMIT.contextText, say);
      }
      return;
    }
    case "actions": {
      for (const [element, at] of checkList(block.elements, `${where}.elements`, LIMIT.actionsElements, say)) {
        if (isObject(element) && element.type === "overflow") checkOptions(element, at, LIMIT.overflowOptions, say);
        else checkButton(element, at, say, ids);
      }
      return;
    }
    case "rich_text": {
      for (const [element, at] of checkList(block.elements, `${where}.elements`, Number.POSITIVE_INFINITY, say)) {
        checkRich(element, at, say);
      }
      return;
    }
    default:
      say(where, `unknown type ${JSON.stringify(block.type)}`);
  }
}

/** What a person chooses from: a menu, a select, boxes to tick. */
function checkOptions(node: Node, where: string, most: number, say: Say): void {
  if (node.action_id !== undefined) checkString(node.action_id, `${where}.action_id`, LIMIT.actionId, say);
  const values = new Set<unknown>();
  for (const [option, at] of checkList(node.options, `${where}.options`, most, say)) {
    if (!isObject(option)) {
      say(at, "not an option");
      continue;
    }
    checkText(option.text, `${at}.text`, LIMIT.optionText, say, ["plain_text"]);
    checkString(option.value, `${at}.value`, LIMIT.optionValue, say);
    if (values.has(option.value)) say(`${at}.value`, "used twice");
    values.add(option.value);
  }
  // What is chosen from the start has to be one of them, whole.
  const options = Array.isArray(node.options) ? node.options.map((option) => JSON.stringify(option)) : [];
  const initial = [node.initial_option ?? [], node.initial_options ?? []].flat();
  if (initial.some((option) => !options.includes(JSON.stringify(option)))) say(where, "what is chosen from the start is no option");
  if (Array.isArray(node.initial_options) && node.initial_options.length === 0) say(where, "chooses nothing from the start");
}

function checkInput(block: Node, where: string, say: Say): void {
  checkText(block.label, `${where}.label`, LIMIT.inputLabel, say, ["plain_text"]);
  if (block.hint !== undefined) checkText(block.hint, `${where}.hint`, LIMIT.inputLabel, say, ["plain_text"]);
  checkString(block.block_id, `${where}.block_id`, LIMIT.blockId, say);
  const { element } = block;
  const at = `${where}.element`;
  if (!isObject(element)) {
    say(at, "missing");
    return;
  }
  checkString(element.action_id, `${at}.action_id`, LIMIT.actionId, say);
  switch (element.type) {
    case "static_select":
      checkOptions(element, at, LIMIT.selectOptions, say);
      return;
    case "users_select":
      if (element.initial_user !== undefined) checkString(element.initial_user, `${at}.initial_user`, LIMIT.optionValue, say);
      return;
    case "checkboxes":
      checkOptions(element, at, LIMIT.checkboxes, say);
      return;
    case "plain_text_input": {
      const most = typeof element.max_length === "number" ? element.max_length : LIMIT.inputLength;
      if (most < 1 || most > LIMIT.inputLength) say(`${at}.max_length`, `${most}, at most ${LIMIT.inputLength}`);
      if (element.initial_value !== undefined) checkString(element.initial_value, `${at}.initial_value`, most, say);
      return;
    }
    default:
      say(at, `unknown type ${JSON.stringify(element.type)}`);
  }
}

/** The limits of a modal or the home tab. */
export function checkView(view: unknown): string[] {
  const found: string[] = [];
  const say = (where: string, what: string) => found.push(`${where}: ${what}`);
  if (!isObject(view)) return ["view: not an object"];
  if (view.type !== "modal" && view.type !== "home") say("type", "must be modal or home");
  if (view.type === "modal") checkText(view.title, "title", LIMIT.viewTitle, say, ["plain_text"]);
  for (const name of ["submit", "close"] as const)
    if (view[name] !== undefined) checkText(view[name], name, LIMIT.viewTitle, say, ["plain_text"]);
  if (view.private_metadata !== undefined) checkString(view.private_metadata, "private_metadata", LIMIT.privateMetadata, say);
  if (view.callback_id !== undefined) checkString(view.callback_id, "callback_id", LIMIT.callbackId, say);
  const blocks = checkList(view.blocks, "blocks", LIMIT.viewBlocks, say);
  const ids = new Set<unknown>();
  let inputs = 0;
  for (const [block, at] of blocks) {
    if (!isObject(block)) {
      say(at, "not an object");
      continue;
    }
    if (block.block_id !== undefined && ids.has(block.block_id)) say(`${at}.block_id`, "used twice");
    ids.add(block.block_id);
    if (block.type === "input") {
      inputs += 1;
      checkInput(block, at, say);
      // An action_id is known within its block only.
    } else checkBlock(block, at, say, new Set());
  }
  if (inputs > 0 && view.submit === undefined) say("submit", "needed where there is an input");
  return found;
}

function checkList(list: unknown, where: string, max: number, say: Say): [unknown, string][] {
  if (!Array.isArray(list) || list.length === 0) {
    say(where, "must be a list with at least one element");
    return [];
  }
  if (list.length > max) say(where, `${list.length} elements, at most ${max}`);
  return list.map((element, index) => [element, `${where}[${index}]`]);
}

function checkString(value: unknown, where: string, max: number, say: Say): void {
  if (typeof value !== "string" || value === "") {
    say(where, "must be a text of at least one character");
    return;
  }
  if (value.length > max) say(where, `${value.length} characters, at most ${max}`);
  if (!value.isWellFormed()) say(where, "holds half a character");
}

function checkText(node: unknown, where: string, max: number, say: Say, types: readonly string[] = ["plain_text", "mrkdwn"]): void {
  if (!isObject(node)) {
    say(where, "must be a text object");
    return;
  }
  if (typeof node.type !== "string" || !types.includes(node.type)) say(where, `type must be ${types.join(" or ")}`);
  checkString(node.text, `${where}.text`, max, say);
  if (typeof node.text === "string" && node.text.trim() === "") say(where, "blank");
  if (node.type === "mrkdwn" && node.emoji !== undefined) say(where, "emoji belongs to plain_text");
  if (node.type === "plain_text" && node.verbatim !== undefined) say(where, "verbatim belongs to mrkdwn");
}

function checkButton(node: unknown, where: string, say: Say, ids: Set<string>): void {
  if (!isObject(node) || node.type !== "button") {
    say(where, "not a button");
    return;
  }
  checkText(node.text, `${where}.text`, LIMIT.buttonText, say, ["plain_text"]);
  checkString(node.action_id, `${where}.action_id`, LIMIT.actionId, say);
  if (typeof node.action_id === "string" && ids.has(node.action_id)) say(where, `action_id ${node.action_id} is used twice`);
  ids.add(String(node.action_id));
  if (node.value !== undefined) checkString(node.value, `${where}.value`, LIMIT.buttonValue, say);
  if (node.url !== undefined) checkString(node.url, `${where}.url`, LIMIT.buttonUrl, say);
  if (node.accessibility_label !== undefined)
    checkString(node.accessibility_label, `${where}.accessibility_label`, LIMIT.accessibilityLabel, say);
  if (node.style !== undefined && node.style !== "primary" && node.style !== "danger") say(`${where}.style`, "must be primary or danger");
  if (node.confirm !== undefined) checkConfirm(node.confirm, `${where}.confirm`, say);
}

function checkConfirm(node: unknown, where: string, say: Say): void {
  if (!isObject(node)) {
    say(where, "not an object");
    return;
  }
  checkText(node.title, `${where}.title`, LIMIT.confirmTitle, say, ["plain_text"]);
  checkText(node.text, `${where}.text`, LIMIT.confirmText, say, ["plain_text"]);
  checkText(node.confirm, `${where}.confirm`, LIMIT.confirmButton, say, ["plain_text"]);
  checkText(node.deny, `${where}.deny`, LIMIT.confirmButton, say, ["plain_text"]);
}

function checkRich(node: unknown, where: string, say: Say): void {
  if (!isObject(node)) {
    say(where, "not an object");
    return;
  }
  const children = checkList(node.elements, `${where}.elements`, Number.POSITIVE_INFINITY, say);
  switch (node.type) {
    case "rich_text_section":
    case "rich_text_preformatted": {
      for (const [child, at] of children) {
        if (isObject(child) && node.type === "rich_text_section" && (child.type === "user" || child.type === "usergroup")) {
          const [id, shape] = child.type === "user" ? [child.user_id, /^[UW][A-Z0-9]+$/] : [child.usergroup_id, /^S[A-Z0-9]+$/];
          if (typeof id !== "string" || !shape.test(id)) say(at, `no ${child.type} id`);
        } else if (!isObject(child) || child.type !== "text") say(at, "only text runs and mentions: anything else could link");
        else checkString(child.text, `${at}.text`, LIMIT.richText, say);
      }
      return;
    }
    case "rich_text_list": {
      if (node.style !== "bullet" && node.style !== "ordered") say(`${where}.style`, "must be bullet or ordered");
      for (const [child, at] of children) {
        if (!isObject(child) || child.type !== "rich_text_section") say(at, "must be a rich_text_section");
        else checkRich(child, at, say);
      }
      return;
    }
    default:
      say(where, `unknown type ${JSON.stringify(node.type)}`);
  }
}
