import { describe, expect, test } from "vitest";
import { sanitize } from "../../../src/adapters/alerts/sanitize.ts";
import { Refusal } from "../../../src/engine/domain/errors.ts";
import fc from "../../support/fast-check.ts";

const refusal = (value: unknown): Refusal => {
  try {
    sanitize(value);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("was not refused");
};
const nested = (depth: number) => {
  let value: unknown = "leaf";
  for (let i = 0; i < depth; i++) value = { a: value };
  return value;
};

describe("sanitize", () => {
  test("makes NUL and lone surrogates visible, in keys too, and leaves the rest alone", () => {
    expect(sanitize({ "k\0": ["a\0b", "\uD800x", "x\uDC00", "emoji \u{1F600}", 1, true, null] })).toEqual({
      "k\\u0000": ["a\\u0000b", "\\ud800x", "x\\udc00", "emoji \u{1F600}", 1, true, null],
    });
  });

  test("does not let one key swallow another", () => {
    expect(sanitize({ "a\\u0000": 1, "a\0": 2 })).toEqual({ "a\\u0000": 1, "a\\u0000_": 2 });
  });

  test.each(["__proto__", "constructor", "prototype"])("refuses the key %s with its path", (key) => {
    const error = refusal(JSON.parse(`{"entities":[{},{"${key}":{"x":1}}]}`));
    expect(error.code).toBe("invalid");
    expect(error.field).toBe(`entities[1].${key}`);
  });

  test("takes 64 levels and refuses more", () => {
    expect(sanitize(nested(64))).toEqual(nested(64));
    expect(refusal(nested(65)).message).toContain("64 levels");
  });

  test("whatever comes in, what comes out can be stored, and again unchanged", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 5, withNullPrototype: true }), fc.string({ unit: "binary" }), (anything, string) => {
        let clean: unknown;
        try {
          clean = sanitize({ anything, [`k${string}`]: `${string}\0\uD800` });
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          return;
        }
        const json = JSON.stringify(clean);
        expect(json.isWellFormed()).toBe(true);
        expect(strings(clean).every((text) => text.isWellFormed() && !text.includes("\0"))).toBe(true);
        expect(sanitize(clean)).toEqual(clean);
      }),
    );
  });
});

function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...strings(item)]);
}
