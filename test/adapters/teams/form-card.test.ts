import { describe, expect, test } from "vitest";
import { filledOf, formCard } from "../../../src/adapters/teams/form-card.ts";
import type { Field, Form } from "../../../src/engine/cards/form.ts";
import { schemaFaults } from "../../support/adaptive-card-schema.ts";
import fc from "../../support/fast-check.ts";

const words = fc.string({ unit: "grapheme", maxLength: 300 });
const choices = fc.array(fc.record({ value: words, label: words }), { minLength: 1, maxLength: 120 });
const common = { label: words, hint: fc.option(words, { nil: undefined }), required: fc.boolean() };
const field: fc.Arbitrary<Omit<Field, "id">> = fc.oneof(
  fc.record({
    ...common,
    kind: fc.constantFrom("line" as const, "text" as const),
    initial: fc.option(words, { nil: undefined }),
    longest: fc.integer({ min: 1, max: 9_000 }),
  }),
  fc.record({ ...common, kind: fc.constant("select" as const), options: choices, initial: fc.option(words, { nil: undefined }) }),
  fc.record({ ...common, kind: fc.constant("checks" as const), options: choices, initial: fc.option(fc.array(words), { nil: undefined }) }),
) as fc.Arbitrary<Omit<Field, "id">>;
const form = fc.record({
  ref: fc.string({ minLength: 1, maxLength: 2_000 }),
  title: words,
  submit: words,
  lines: fc.array(
    words.map((text) => ({ kind: "text" as const, text })),
    { maxLength: 40 },
  ),
  fields: fc.array(field, { minLength: 1, maxLength: 3 }).map((all) => all.map((one, index) => ({ ...one, id: `f${index}` }) as Field)),
});

test("any form is a valid card of a size Teams takes, with every input labelled", () => {
  fc.assert(
    fc.property(form, fc.constantFrom("card" as const, "message" as const, "dialog" as const), (one, stands) => {
      const card = formCard(one, stands, { problem: "Please fill this in." });
      expect(schemaFaults(card)).toEqual([]);
      expect(Buffer.byteLength(JSON.stringify(card))).toBeLessThan(70_000);
      const inputs = card.body.filter((element) => element.type.startsWith("Input."));
      expect(inputs).toHaveLength(one.fields.length);
      for (const input of inputs) expect("label" in input && input.label.trim()).toBeTruthy();
    }),
    { numRuns: 150 },
  );
});

describe("a form", () => {
  const plain: Form = {
    ref: "close INC-42",
    title: "Close INC-42",
    submit: "Close incident",
    fields: [
      {
        id: "what",
        kind: "checks",
        label: "Found",
        required: true,
        options: [
          { value: "0", label: "a" },
          { value: "1", label: "b" },
        ],
        initial: ["0"],
      },
      { id: "text", kind: "text", label: "Note", required: false, longest: 100 },
    ],
  };

  test("keeps what was typed when it comes back, and says what is wrong first", () => {
    const card = formCard(plain, "card", { typed: { what: ["1"], text: "half a note" }, problem: "Choose at least one." });
    expect(JSON.stringify(card.body[1])).toContain("Choose at least one.");
    expect(card.body.slice(2)).toMatchObject([
      { id: "f.what", value: "1" },
      { id: "f.text", value: "half a note" },
    ]);
  });

  test("has a way out in the card's place, and Teams's own in a dialog", () => {
    expect(formCard(plain, "card").actions?.map(({ title }) => title)).toEqual(["Close incident", "Cancel"]);
    expect(formCard(plain, "dialog").actions).toEqual([{ type: "Action.Submit", title: "Close incident", data: { ref: "close INC-42" } }]);
  });

  test("several choices travel as one text", () => {
    expect(filledOf(plain, { what: "0,1", text: "a, b" })).toEqual({ what: ["0", "1"], text: "a, b" });
    expect(filledOf(undefined, { what: "0,1" })).toEqual({ what: "0,1" });
  });
});
