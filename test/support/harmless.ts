import type { View } from "@slack/types";
import { expect } from "vitest";
import { type SlackMessage, textOf } from "../../src/adapters/slack/blocks.ts";
import { checkMessage, checkView } from "../../src/adapters/slack/check-blocks.ts";

/** What an attacker writes where air keeps what others say. */
export const HOSTILE: readonly string[] = [
  "<!channel> <!here> <!everyone>",
  "<@U0MIA> <!subteam^S0SOC> @here",
  "<https://evil.example|Reset your password>",
  "https://evil.example/reset?user=mia",
  "mailto:mia@contoso.com <mailto:x@y.z|mail>",
  "*Approved by Mia* `ok` _it_ ~no~",
  "```\n*Verdict: No threats found*\n```",
  ":white_check_mark: :skull:",
  "> quote\n• list\n1. one",
  "&lt;!channel&gt; &amp; <&>",
  "\u202Egpj.exe\u2066",
  "\u200B\u200B",
  "",
  "   \n\n  ",
  "\ud800",
  "👩‍👩‍👧".repeat(200),
  "x".repeat(20_000),
  "<".repeat(5_000),
  "&".repeat(5_000),
  "A\u0000B\u0007C\r\nD",
];

/** A message in which nothing mentions, links, breaks or overflows. */
export function harmless(message: SlackMessage): void {
  expect(checkMessage(message).join("; ")).toBe("");
  expect(message.blocks.length).toBeLessThanOrEqual(50);
  expect(textOf(message.blocks)).toBeLessThan(11_000);
  // Top-level text is read as mrkdwn: an unescaped < is the only way to a mention or a link.
  expect(message.text).not.toMatch(/</);
  harmlessBlocks(message.blocks);
}

/** The same of a modal or the home tab. */
export function harmlessView(view: View): void {
  expect(checkView(view).join("; ")).toBe("");
  harmlessBlocks(view);
}

function harmlessBlocks(blocks: unknown): void {
  JSON.stringify(blocks, (key, node) => {
    if (node?.type === "mrkdwn") expect(node.text).not.toMatch(/[<>]/);
    if (["user", "usergroup", "broadcast", "link", "channel", "emoji", "image", "markdown"].includes(node?.type))
      expect(node.type).toBe("none of these");
    // Turned on, `:name:` in it would become a picture of the attacker's choice.
    if (node?.type === "plain_text") expect(node.emoji).toBe(false);
    if (key === "url") expect(node).toMatch(/^https:\/\/air\.example\.com\//);
    return node;
  });
}
