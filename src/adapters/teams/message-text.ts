const LONGEST = 20_000;

/** Everything a message says, for looking through: its text, where its links lead, and what its cards say. Nothing is fetched. */
export function messageText(message: unknown): string {
  const parts: string[] = [];
  collect(message, parts, 0);
  return [...new Set(parts)].join("\n").slice(0, LONGEST);
}

/** Deep enough for what Teams nests, and an end for what somebody else made. */
const DEPTH = 14;
/** Where words stand in a message and in cards, and what leads to them. `content` of an attachment is a card, as text. */
const SPOKEN = new Set(["content", "text", "subject", "summary", "title", "name", "url", "value", "linkToMessage", "fallbackText"]);
const NESTED = new Set([
  "body",
  "attachments",
  "content",
  "items",
  "columns",
  "inlines",
  "facts",
  "rows",
  "cells",
  "actions",
  "selectAction",
]);

function collect(node: unknown, parts: string[], depth: number): void {
  if (depth > DEPTH || parts.length > 2_000) return;
  if (Array.isArray(node)) {
    for (const child of node) collect(child, parts, depth + 1);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  for (const [key, child] of Object.entries(node)) {
    if (typeof child === "string") {
      if (!SPOKEN.has(key)) continue;
      const card = key === "content" && child.trimStart().startsWith("{") ? parse(child) : undefined;
      if (card !== undefined) collect(card, parts, depth + 1);
      else parts.push(unmarked(child));
    } else if (NESTED.has(key)) collect(child, parts, depth + 1);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const LONGEST_MARKUP = 100_000;
const LONGEST_TAG = 4_000;
const BREAKS = new Set(["br", "p", "div", "li", "tr", "td", "h1", "h2", "h3", "h4", "h5", "h6"]);

/** HTML as Teams writes it → its words; a link's target stands beside them. Read in one pass, whatever somebody else made of it. */
export function unmarked(html: string): string {
  const text = html.slice(0, LONGEST_MARKUP);
  const parts: string[] = [];
  let at = 0;
  let closes = -1;
  for (;;) {
    const opens = text.indexOf("<", at);
    if (opens === -1) break;
    if (closes < opens) closes = text.indexOf(">", opens);
    // Without an end there is no tag any more.
    if (closes === -1) break;
    parts.push(text.slice(at, opens));
    const tag = text.slice(opens + 1, closes);
    const name = /^\/?([a-z][a-z0-9]{0,20})/i.exec(tag)?.[1]?.toLowerCase();
    if (name === undefined || tag.includes("<") || tag.length > LONGEST_TAG) {
      parts.push("<");
      at = opens + 1;
      continue;
    }
    if (name === "a") parts.push(` ${hrefOf(tag)} `);
    else if (BREAKS.has(name)) parts.push("\n");
    at = closes + 1;
  }
  parts.push(text.slice(at));
  return decoded(parts.join(""));
}

function hrefOf(tag: string): string {
  const [, , target = ""] = /\shref\s{0,5}=\s{0,5}(["'])(.*?)\1/is.exec(tag) ?? [];
  return target;
}

const decoded = (text: string): string =>
  text
    .replace(/&(?:nbsp|#160|#xa0);/gi, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
