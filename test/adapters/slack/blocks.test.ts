import { describe, expect, test } from "vitest";
import { readActionId, writeActionId } from "../../../src/adapters/slack/action-id.ts";
import { textOf, toMessage } from "../../../src/adapters/slack/blocks.ts";
import { checkMessage } from "../../../src/adapters/slack/check-blocks.ts";
import { SLACK_BUDGET } from "../../../src/adapters/slack/limits.ts";
import type { Card, Line } from "../../../src/engine/cards/card.ts";
import { arbitraryCard } from "../../support/arbitrary-card.ts";
import fc from "../../support/fast-check.ts";
import { approvalCard } from "../../support/sample-card.ts";

const cardOf = (...lines: Line[]): Card => ({ title: "INC-42", tone: "neutral", summary: "INC-42", lines, buttons: [] });
const draw = (line: Line) => toMessage(cardOf(line)).blocks[1];

describe("each line kind", () => {
  test("text keeps its styles as rich text", () => {
    expect(draw({ kind: "text", text: [{ text: "see " }, { text: "a.exe", style: "code" }, { text: "now", style: "bold" }] })).toEqual({
      type: "rich_text",
      elements: [
        {
          type: "rich_text_section",
          elements: [
            { type: "text", text: "see " },
            { type: "text", text: "a.exe", style: { code: true } },
            { type: "text", text: "now", style: { bold: true } },
          ],
        },
      ],
    });
  });

  test("facts are a line each, and none of it is markup", () => {
    expect(
      draw({
        kind: "facts",
        facts: [
          ["Device", "WS-042"],
          ["File", "a_b_c.exe"],
        ],
      }),
    ).toEqual({
      type: "rich_text",
      elements: [
        {
          type: "rich_text_section",
          elements: [
            { type: "text", text: "Device: ", style: { bold: true } },
            { type: "text", text: "WS-042" },
            { type: "text", text: "\nFile: ", style: { bold: true } },
            { type: "text", text: "a_b_c.exe" },
          ],
        },
      ],
    });
  });

  test("a list has its mark in bold", () => {
    expect(draw({ kind: "list", title: "Why", items: [{ mark: "For", text: "signed" }] })).toEqual({
      type: "rich_text",
      elements: [
        { type: "rich_text_section", elements: [{ type: "text", text: "Why", style: { bold: true } }] },
        {
          type: "rich_text_list",
          style: "bullet",
          elements: [
            {
              type: "rich_text_section",
              elements: [
                { type: "text", text: "For: ", style: { bold: true } },
                { type: "text", text: "signed" },
              ],
            },
          ],
        },
      ],
    });
  });

  test("code is preformatted, a note is context, a divider a divider", () => {
    expect(draw({ kind: "code", text: "a\n  b" })).toEqual({
      type: "rich_text",
      elements: [{ type: "rich_text_preformatted", elements: [{ type: "text", text: "a\n  b" }] }],
    });
    expect(draw({ kind: "note", text: "by *Mia*" })).toEqual({
      type: "context",
      elements: [{ type: "plain_text", text: "by *Mia*", emoji: false }],
    });
    expect(draw({ kind: "divider" })).toEqual({ type: "divider" });
  });

  test("a mention is by id, in the block and in what notifications read; a name alone mentions nobody", () => {
    const message = toMessage(
      cardOf({
        kind: "mention",
        who: [
          { kind: "person", name: "Mia", on: { slack: "U0MIA" } },
          { kind: "group", name: "SOC", on: { slack: "S0SOC" } },
          { kind: "person", name: "<!channel>", on: {} },
          { kind: "person", name: "Eve", on: { slack: "U0EVE> <!here" } },
        ],
      }),
    );
    expect(message.text).toBe("INC-42 <@U0MIA> <!subteam^S0SOC>");
    expect(message.blocks[1]).toEqual({
      type: "rich_text",
      elements: [
        {
          type: "rich_text_section",
          elements: [
            { type: "user", user_id: "U0MIA" },
            { type: "text", text: " " },
            { type: "usergroup", usergroup_id: "S0SOC" },
            { type: "text", text: " " },
            { type: "text", text: "<!channel>", style: { bold: true } },
            { type: "text", text: " " },
            { type: "text", text: "Eve", style: { bold: true } },
          ],
        },
      ],
    });
    expect(checkMessage(message)).toEqual([]);
  });

  test("text from outside mentions nobody, whatever it looks like", () => {
    const hostile = "<@U0MIA> <!subteam^S0SOC> <!channel> @here";
    const message = toMessage({
      ...cardOf({ kind: "text", text: hostile }, { kind: "note", text: hostile }),
      title: hostile,
      summary: hostile,
    });
    expect(message.text).not.toMatch(/<[@!]/);
    expect(JSON.stringify(message.blocks)).not.toMatch(/"type":"user|mrkdwn/);
  });

  test("buttons: plain, asking, link; long labels stay readable for a screen reader", () => {
    const blocks = toMessage(approvalCard).blocks;
    expect(blocks.at(-1)).toEqual({
      type: "actions",
      elements: [
        {
          type: "button",
          action_id: "air:0",
          style: "primary",
          value: "ACT-105.3f9c2a7b.approve.5d1c0b9a8e7f6a5b",
          text: { type: "plain_text", text: "Approve isolation", emoji: false },
          confirm: {
            title: { type: "plain_text", text: "Isolate WS-042?", emoji: false },
            text: { type: "plain_text", text: "The device loses its network. Mia is signed in.", emoji: false },
            confirm: { type: "plain_text", text: "Isolate", emoji: false },
            deny: { type: "plain_text", text: "Cancel", emoji: false },
          },
        },
        {
          type: "button",
          action_id: "air:ask:1:r:Reason for the rejection",
          style: "danger",
          value: "ACT-105.3f9c2a7b.reject.5d1c0b9a8e7f6a5b",
          text: { type: "plain_text", text: "Reject", emoji: false },
        },
        {
          type: "button",
          action_id: "air:2",
          value: "say:log INV-42",
          accessibility_label: "Show the investigation log",
          text: { type: "plain_text", text: "Show the investigation l…".slice(0, 23).concat("…"), emoji: false },
        },
        {
          type: "button",
          action_id: "air:link:3",
          url: "https://air.example.com/#INC-42",
          text: { type: "plain_text", text: "Open", emoji: false },
        },
      ],
    });
    expect(checkMessage(toMessage(approvalCard))).toEqual([]);
  });
});

describe("hostile text", () => {
  const hostile = "<!channel> <@U1> @here <https://evil.example|Reset> *Approved* _by_ `x` ~y~ & :skull:";

  test("reads as data wherever it stands", () => {
    const message = toMessage({
      ...cardOf(
        { kind: "text", text: hostile },
        { kind: "facts", facts: [[hostile, hostile]] },
        { kind: "list", title: hostile, items: [{ mark: hostile, text: hostile }] },
        { kind: "code", text: hostile },
        { kind: "note", text: hostile },
      ),
      title: hostile,
      badge: hostile,
      summary: hostile,
    });
    expect(checkMessage(message)).toEqual([]);
    expect(message.text).toContain("&lt;!channel&gt;");
    // Nothing of it stands where Slack reads markup.
    expect(JSON.stringify(message.blocks)).not.toContain("mrkdwn");
  });

  test("hidden and direction-changing characters are spelled out", () => {
    expect(JSON.stringify(toMessage({ ...cardOf(), title: "report\u202Egpj.exe" }))).toContain("report[U+202E]gpj.exe");
  });

  test("what is cut is said", () => {
    const message = toMessage(
      cardOf(
        { kind: "list", items: Array.from({ length: 60 }, (_, index) => ({ text: `${index} ${"x".repeat(400)}` })) },
        { kind: "text", text: "end" },
      ),
    );
    expect(checkMessage(message)).toEqual([]);
    expect(JSON.stringify(message.blocks)).toMatch(/and \d+ more, not shown here/);
    expect(JSON.stringify(message.blocks.at(-1))).toMatch(/Cut to fit Slack: .*\d+ list items/);
  });

  test("a button whose value does not fit is left out and said so", () => {
    const message = toMessage({ ...cardOf(), buttons: [{ label: "Approve", style: "primary", value: "x".repeat(2001) }] });
    expect(JSON.stringify(message.blocks)).toContain('the button \\"Approve\\"');
    expect(message.blocks.some((block) => block.type === "actions")).toBe(false);
  });
});

test("any card is within Slack's limits and our budget", () => {
  fc.assert(
    fc.property(arbitraryCard, (card) => {
      const message = toMessage(card);
      expect(checkMessage(message)).toEqual([]);
      expect(message.blocks.length).toBeLessThanOrEqual(SLACK_BUDGET.blocks);
      expect(textOf(message.blocks)).toBeLessThanOrEqual(SLACK_BUDGET.totalText);
    }),
    { numRuns: 150 },
  );
});

test("the checker sees what Slack would refuse", () => {
  const text = (value: string) => ({ type: "plain_text", text: value });
  const one = (block: unknown) => checkMessage({ text: "x", blocks: [block] });
  expect(checkMessage({ text: "", blocks: [] })).not.toEqual([]);
  expect(checkMessage({ text: "x", blocks: Array.from({ length: 51 }, () => ({ type: "divider" })) })).not.toEqual([]);
  expect(one({ type: "nonsense" })).not.toEqual([]);
  expect(one({ type: "header", text: text("x".repeat(151)) })).not.toEqual([]);
  expect(one({ type: "header", text: { type: "mrkdwn", text: "x" } })).not.toEqual([]);
  expect(one({ type: "section" })).not.toEqual([]);
  expect(one({ type: "section", text: text("x".repeat(3001)) })).not.toEqual([]);
  expect(one({ type: "section", fields: Array.from({ length: 11 }, () => text("x")) })).not.toEqual([]);
  expect(one({ type: "context", elements: [] })).not.toEqual([]);
  expect(one({ type: "actions", elements: [{ type: "button", action_id: "a", text: text("x"), value: "v".repeat(2001) }] })).not.toEqual(
    [],
  );
  const run = (element: unknown) => one({ type: "rich_text", elements: [{ type: "rich_text_section", elements: [element] }] });
  expect(run({ type: "user", user_id: "U1" })).toEqual([]);
  expect(run({ type: "user", user_id: "<!here>" })).not.toEqual([]);
  expect(run({ type: "usergroup", usergroup_id: "U1" })).not.toEqual([]);
  expect(run({ type: "broadcast", range: "channel" })).not.toEqual([]);
  expect(run({ type: "link", url: "https://evil.example" })).not.toEqual([]);
  expect(
    checkMessage({ text: "x", blocks: Array.from({ length: 10 }, () => ({ type: "section", text: text("x".repeat(2900)) })) }),
  ).not.toEqual([]);
  expect(one({ type: "header", text: text("fine") })).toEqual([]);
});

test("an action id says the same after the trip", () => {
  fc.assert(
    fc.property(fc.nat(99), fc.string({ maxLength: 140 }), fc.boolean(), (index, label, required) => {
      expect(readActionId(writeActionId(index, { kind: "ask", label, required }))).toEqual({ kind: "ask", label, required });
    }),
  );
  expect(readActionId(writeActionId(3, { kind: "plain" }))).toEqual({ kind: "plain" });
  expect(readActionId(writeActionId(3, { kind: "link" }))).toEqual({ kind: "link" });
  expect(readActionId("other:1")).toBeUndefined();
});
