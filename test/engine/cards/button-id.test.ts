import { describe, expect, test } from "vitest";
import { type ButtonMeaning, DECISIONS, readButton, writeButton } from "../../../src/engine/cards/button-id.ts";
import fc from "../../support/fast-check.ts";
import { testSign } from "../../support/open-engine.ts";

const same = (a: string, b: string) => a === b;
const read = (raw: string) => readButton(raw, testSign, same);
const press: ButtonMeaning = { kind: "decide", action: 105, version: "3f9c2a7b3f9c2a7b", decision: "approve" };
const written = writeButton(press, testSign);

describe("buttons", () => {
  test("what is written is read again", () => {
    const meaning = fc.record({
      kind: fc.constant("decide" as const),
      action: fc.integer({ min: 1, max: 2_000_000_000 }),
      version: fc.stringMatching(/^[0-9a-f]{16}$/),
      decision: fc.constantFrom(...DECISIONS),
    });
    fc.assert(
      fc.property(meaning, (one) => {
        expect(read(writeButton(one, testSign))).toEqual(one);
      }),
    );
    expect(read(writeButton({ kind: "say", text: "status INV-42" }, testSign))).toEqual({ kind: "say", text: "status INV-42" });
  });

  test("the value looks as promised and fits every platform", () => {
    expect(written).toMatch(/^ACT-105\.3f9c2a7b3f9c2a7b\.approve\.[0-9a-f]{16}$/);
    expect(written.length).toBeLessThan(200);
  });

  test.each<[string, string]>([
    ["another action", written.replace("ACT-105", "ACT-106")],
    ["another version", written.replace("3f9c2a7b3", "3f9c2a7b4")],
    ["another decision", written.replace("approve", "reject")],
    ["a decision there is not", written.replace("approve", "purge")],
    ["another mac", `${written.slice(0, -1)}${written.endsWith("0") ? "1" : "0"}`],
    ["no mac", written.split(".").slice(0, 3).join(".")],
    ["a cut value", written.slice(0, -1)],
    ["something after it", `${written}0`],
    ["a fifth part", `${written}.x`],
    ["another air's button", writeButton(press, (text) => testSign(`other ${text}`))],
    ["a mac made for something else", `ACT-105.3f9c2a7b3f9c2a7b.approve.${testSign("marker:ACT-105.3f9c2a7b3f9c2a7b.approve")}`],
    ["nothing", ""],
    ["upper case", written.toUpperCase()],
    ["spaces around it", ` ${written} `],
  ])("%s is no button of ours", (_, forged) => expect(read(forged)).toBeUndefined());

  test("any single changed character is noticed", () => {
    fc.assert(
      fc.property(fc.nat(written.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        fc.pre(written[at] !== character);
        expect(read(written.slice(0, at) + character + written.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  test("a command is cut, not believed", () => {
    expect(read(`say:${"x".repeat(900)}`)).toEqual({ kind: "say", text: "x".repeat(500) });
  });
});
