import { describe, expect, test } from "vitest";
import { ACTION_KINDS } from "../../../src/engine/domain/action.ts";
import { expiresAfter, globMatches, responseDeadline } from "../../../src/engine/domain/policy.ts";
import fc from "../../support/fast-check.ts";
import { testPolicy } from "../../support/open-engine.ts";

/** What a pattern means, written the simplest way there is. */
function oracle(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") return oracle(pattern.slice(1), text) || (text !== "" && oracle(pattern, text.slice(1)));
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && oracle(pattern.slice(1), text.slice(1));
}

describe("patterns", () => {
  test.each<[string, string, boolean]>([
    ["ws-*", "WS-042", true],
    ["ws-*", "xws-042", false],
    ["*", "", true],
    ["", "", true],
    ["", "a", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["*b*", "abc", true],
    ["*.contoso.com", "contoso.com", false],
    ["a.c", "abc", false],
    ["[a]", "a", false],
    ["a*a*a*b", "aaaaaaaaaaaaaaaaaaaa", false],
    ["**a", "bba", true],
  ])("%s on %s: %s", (pattern, text, matches) => expect(globMatches(pattern, text)).toBe(matches));
  test("as the simple definition says", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 7 });
    const texts = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
    fc.assert(
      fc.property(letters, texts, (pattern, text) => {
        expect(globMatches(pattern, text)).toBe(oracle(pattern, text));
      }),
      { numRuns: 2000 },
    );
  });
  test("many stars on a long text need no more than the product of both lengths", () => {
    let reads = 0;
    const text: object = new Proxy(Object("a".repeat(3000)) as object, {
      get: (target, name) => {
        if (typeof name === "string" && /^\d+$/.test(name)) reads++;
        const value = Reflect.get(target, name) as unknown;
        return name === "toLowerCase" ? () => text : typeof value === "function" ? (value as () => unknown).bind(target) : value;
      },
    });
    const pattern = `${"*a".repeat(50)}*b`;
    expect(globMatches(pattern, text as unknown as string)).toBe(false);
    expect(reads).toBeGreaterThan(0);
    expect(reads).toBeLessThan(2 * 3000 * pattern.length);
  });
});

describe("times", () => {
  const hours = (ms: number) => ms / 3_600_000;
  test("deadlines by severity", () => {
    expect((["critical", "high", "medium", "low"] as const).map((severity) => hours(responseDeadline(severity, {})))).toEqual([
      1 / 6,
      0.5,
      8,
      24,
    ]);
  });
  test("containment expires after a day, mail after a week, the rest after three days", () => {
    expect(Object.fromEntries(ACTION_KINDS.map((kind) => [kind, hours(expiresAfter(kind, testPolicy))]))).toEqual({
      ...Object.fromEntries(ACTION_KINDS.map((kind) => [kind, 72])),
      "isolate-device": 24,
      "disable-user": 24,
      "revoke-sessions": 24,
      "block-indicator": 24,
      "expand-investigation": 24,
      "restrict-execution": 24,
      "confirm-compromised": 24,
      "force-password-reset": 24,
      "disable-app": 24,
      "remove-app-consent": 24,
      "disable-access-key": 24,
      "kill-process": 24,
      "soft-delete-mail": 168,
      "restore-mail": 168,
      "move-to-junk": 168,
      "hard-delete-mail": 168,
      "turn-off-forwarding": 168,
      "restore-forwarding": 168,
      "remove-delegation": 168,
      "block-sender": 168,
    });
    expect(expiresAfter("isolate-device", { ...testPolicy, perKind: { "isolate-device": { expiresAfter: 5 } } })).toBe(5);
  });
});
