import { readFileSync } from "node:fs";
import * as AC from "adaptivecards";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toAdaptiveCard } from "../../../src/adapters/teams/adaptive-card.ts";
import { arbitraryCard } from "../../support/arbitrary-card.ts";
import { approvalCard, incidentCard } from "../../support/sample-card.ts";

// The published schema has a top-level id that is no URI base and two `required` that are no lists.
const schema = JSON.parse(readFileSync("test/fixtures/schemas/adaptive-card-1.5.0.json", "utf8").replace(/^\uFEFF/, ""));
delete schema.id;
delete schema.$schema;
const mend = (node: unknown): void => {
  if (typeof node !== "object" || node === null) return;
  const object = node as Record<string, unknown>;
  if ("required" in object && !Array.isArray(object.required) && typeof object.required !== "object") delete object.required;
  Object.values(object).forEach(mend);
};
mend(schema);
const validate = new Ajv({ strict: false, validateFormats: false, validateSchema: false }).compile(schema);

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
    expect(validate(card)).toBe(true);
    expect(validate(toAdaptiveCard(incidentCard))).toBe(true);
    expect(warnings(card)).toEqual([]);
  });

  test("has a heading, a fallback text, and a labelled input beside its button", () => {
    expect(card.body[0]).toMatchObject({ type: "TextBlock", style: "heading", text: "Isolate device WS-042" });
    expect(card.fallbackText).toBe(approvalCard.summary);
    expect(card.body.at(-1)).toMatchObject({ type: "Input.Text", id: "typed1", label: "Reason for the rejection", isRequired: true });
    expect(card.actions).toMatchObject([
      { type: "Action.Execute", verb: "press", data: { value: "ACT-105.3f9c2a7b.approve.5d1c0b9a8e7f6a5b" }, associatedInputs: "none" },
      { type: "Action.Execute", data: { input: "typed1" }, associatedInputs: "auto" },
      { type: "Action.Execute", title: "Show the investigation log" },
      { type: "Action.OpenUrl", url: "https://air.example.com/#INC-42" },
    ]);
  });
});

test("hostile text forges nothing", () => {
  const hostile = "[Reset](https://evil.example) **x** {{DATE(2026-11-14T22:13:20Z)}} \u202Egpj.exe";
  const text = JSON.stringify(
    toAdaptiveCard({ title: hostile, tone: "bad", summary: "s", lines: [{ kind: "text", text: hostile }], buttons: [] }),
  );
  expect(text).toContain("\\\\[Reset\\\\]\\\\(");
  expect(text).not.toContain("{{DATE");
  expect(text).toContain("[U+202E]gpj.exe");
});

test("any card is valid and at most 25 KB", () => {
  fc.assert(
    fc.property(arbitraryCard, (card) => {
      const drawn = toAdaptiveCard(card);
      expect(size(drawn)).toBeLessThanOrEqual(25_000);
      expect(validate(drawn)).toBe(true);
    }),
    { numRuns: 150 },
  );
});
