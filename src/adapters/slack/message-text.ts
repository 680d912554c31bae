/** Deep enough for what Slack nests, and an end for what somebody else made. */
const DEPTH = 12;
const LONGEST = 20_000;

/**
 * Everything a message says, for looking through: its text, its blocks, and what is attached or forwarded with it. Slack's link markup
 * becomes the address; nothing is fetched.
 */
export function messageText(message: unknown): string {
  const parts: string[] = [];
  collect(message, parts, 0);
  return [...new Set(parts)].join("\n").slice(0, LONGEST);
}

/** Where words stand; `url`: of a link in rich text, `fallback` and `title_link`: of an attachment. */
const SPOKEN = new Set(["text", "url", "fallback", "pretext", "title", "title_link", "value"]);
const NESTED = new Set(["blocks", "elements", "text", "fields", "attachments", "message_blocks", "message", "title", "rows", "files"]);

function collect(node: unknown, parts: string[], depth: number): void {
  if (depth > DEPTH || parts.length > 2_000) return;
  if (Array.isArray(node)) {
    // The runs of one paragraph belong together: a link may be typed in two styles.
    for (const child of node) collect(child, parts, depth + 1);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  for (const [key, child] of Object.entries(node)) {
    if (typeof child === "string") {
      if (SPOKEN.has(key)) parts.push(unmarked(child));
    } else if (NESTED.has(key)) collect(child, parts, depth + 1);
  }
}

/** `<https://evil.example|click>`, `<mailto:a@b.example|a@b.example>`, `<@U1>`, and Slack's own escapes undone. */
const unmarked = (text: string): string =>
  text
    .replace(/<((?:https?:\/\/|mailto:)[^|>]*)(?:\|[^>]*)?>/g, (_all, target: string) => ` ${target.replace(/^mailto:/, "")} `)
    .replace(/<[@#!][^>]*>/g, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
