import * as AC from "adaptivecards";
import { describe, expect, test } from "vitest";
import { toAdaptiveCard } from "../../../src/adapters/teams/adaptive-card.ts";
import type { Card } from "../../../src/engine/cards/card.ts";
import { schemaFaults } from "../../support/adaptive-card-schema.ts";
import { arbitraryCard } from "../../support/arbitrary-card.ts";
import fc from "../../support/fast-check.ts";
import { approvalCard, incidentCard } from "../../support/sample-card.ts";

function warnings(card: object): string[] {
  const context = new AC.SerializationContext(AC.Versions.v1_5);
  const parsed = new AC.AdaptiveCard();
  parsed.parse(card, context);
  const found = Array.from({ length: context.eventCount }, (_, index) => context.getEventAt(index).message);
  return [...found, ...parsed.validateProperties().validationEvents.map((event) => event.message)];
}

const size = (card: object) => Buffer.byteLength(JSON.stringify(card));

describe("a card with one of everything", () => {
  const card = toAdaptiveCard(approvalCard);

  test("is valid and parses without a warning", () => {
    expect(schemaFaults(card)).toEqual([]);
    expect(schemaFaults(toAdaptiveCard(incidentCard))).toEqual([]);
    expect(warnings(card)).toEqual([]);
  });

  test("has a heading, a fallback text, and a labelled input beside its button", () => {
    expect(card.body[0]).toMatchObject({
      type: "Container",
      style: "warning",
      items: [{ inlines: [{ text: "Waiting for approval" }] }, { type: "TextBlock", style: "heading", text: "Isolate device WS-042" }],
    });
    expect(card.fallbackText).toBe(approvalCard.summary);
    expect(card.body.at(-2)).toMatchObject({
      type: "Input.Text",
      id: "typed1",
      label: "Reject: Reason for the rejection",
      isRequired: true,
    });
  });

  test("a row of buttons is no wider than a phone; the first row stands above", () => {
    const [row] = card.body.slice(-1);
    expect(row?.type === "ActionSet" ? row.actions : []).toMatchObject([
      { type: "Action.Execute", verb: "press", data: { value: "ACT-105.3f9c2a7b.approve.5d1c0b9a8e7f6a5b" }, associatedInputs: "none" },
      { type: "Action.Execute", data: { input: "typed1" }, associatedInputs: "auto" },
    ]);
    expect(card.actions).toMatchObject([
      { type: "Action.Execute", title: "Show the investigation log" },
      { type: "Action.OpenUrl", url: "https://air.example.com/#INC-42" },
    ]);
  });
});

test("what stands in the menu More is behind the three dots", () => {
  const button = (label: string, more: boolean) => ({
    label,
    style: "plain" as const,
    value: label,
    ...(more ? { more: true as const } : {}),
  });
  const buttons = [button("Ack", true), button("Details", false)];
  const card = toAdaptiveCard({ title: "t", tone: "bad", summary: "s", lines: [], buttons });
  expect(card.actions).toMatchObject([{ title: "Details" }, { title: "Ack", mode: "secondary" }]);
  expect(card.actions?.[0]).not.toHaveProperty("mode");
  expect(schemaFaults(card)).toEqual([]);
});

test("a form opens as a dialog, so that a card drawn anew for everybody takes nothing that is being typed; where there are none, in place", () => {
  const buttons = [
    { label: "Write a note", style: "plain" as const, form: "note INC-42", more: true as const },
    { label: "Details", style: "plain" as const, value: "say:status INC-42" },
  ];
  const card: Card = { title: "t", tone: "bad", summary: "s", lines: [], buttons };
  const dialog = toAdaptiveCard(card);
  expect(dialog.actions?.[1]).toEqual({
    type: "Action.Submit",
    title: "Write a note",
    data: { ref: "note INC-42", msteams: { type: "task/fetch" } },
    associatedInputs: "none",
    mode: "secondary",
  });
  expect(schemaFaults(dialog)).toEqual([]);
  expect(toAdaptiveCard(card, 1, "card").actions?.[1]).toMatchObject({
    type: "Action.Execute",
    verb: "form",
    data: { ref: "note INC-42" },
  });
});

test("hostile text forges nothing", () => {
  const hostile = "[Reset](https://evil.example) **x** {{DATE(2026-11-14T22:13:20Z)}} \u202Egpj.exe";
  const text = JSON.stringify(
    toAdaptiveCard({ title: hostile, tone: "bad", summary: "s", lines: [{ kind: "text", text: hostile }], buttons: [] }),
  );
  expect(text).toContain("\\\\[Reset\\\\](");
  expect(text).not.toContain("{{DATE");
  expect(text).toContain("[U+202E]gpj.exe");
});

test("a mention is a tag with its entity; whoever has no account is named only", () => {
  const who = [
    { kind: "person" as const, name: "Mia", on: { teams: "8f1c-mia" } },
    { kind: "person" as const, name: "<at>Everyone</at>", on: {} },
  ];
  const card = toAdaptiveCard({ title: "t", tone: "bad", summary: "s", lines: [{ kind: "mention", who }], buttons: [] });
  expect(schemaFaults(card)).toEqual([]);
  expect(card.msteams).toEqual({ entities: [{ type: "mention", text: "<at>Mia</at>", mentioned: { id: "8f1c-mia", name: "Mia" } }] });
  expect(JSON.stringify(card.body).match(/<at>/g)).toHaveLength(1);
});

test("any card is valid and at most 25 KB", () => {
  fc.assert(
    fc.property(arbitraryCard, (card) => {
      const drawn = toAdaptiveCard(card);
      expect(size(drawn)).toBeLessThanOrEqual(25_000);
      expect(schemaFaults(drawn)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
