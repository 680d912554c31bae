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

/** HTML as Teams writes it → its words; a link's target stands beside them. */
export const unmarked = (html: string): string =>
  html
    .slice(0, 100_000)
    .replace(/<a\b[^>]{0,4000}?\bhref\s*=\s*["']([^"']{1,4000})["'][^>]{0,4000}>/gi, " $1 ")
    .replace(/<(?:br|\/p|\/div|\/li|\/tr|\/td|\/h[1-6])\b[^>]{0,200}>/gi, "\n")
    .replace(/<\/?[a-z][^>]{0,4000}>/gi, "")
    .replace(/&(?:nbsp|#160|#xa0);/gi, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
