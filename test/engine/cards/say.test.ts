import { describe, expect, test } from "vitest";
import { cut } from "../../../src/engine/cards/card.ts";
import { count, defang, oneLine, shown, span, time } from "../../../src/engine/cards/say.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import fc from "../../support/fast-check.ts";

describe("defanging", () => {
  test.each<[string, string]>([
    ["http://evil.example/a.php", "hxxp://evil[.]example/a.php"],
    ["see https://evil.example", "see hxxps://evil[.]example"],
    ["ftp://evil.example", "fxp://evil[.]example"],
    ["mail from evil.example, again", "mail from evil.example, again"],
    ["Invoice.pdf.exe ran", "Invoice.pdf.exe ran"],
    ["The file was opened. It ran.", "The file was opened. It ran."],
  ])("%s", (raw, safe) => expect(defang(raw)).toBe(safe));

  test.each<[Entity, string]>([
    [{ kind: "url", url: "https://evil.example/a.b?c=d.e" }, "hxxps://evil[.]example/a.b?c=d.e"],
    [{ kind: "url", url: "evil.example/a" }, "evil[.]example/a"],
    [{ kind: "domain", name: "evil.example" }, "evil[.]example"],
    [{ kind: "ip", address: "203.0.113.9" }, "203[.]0[.]113[.]9"],
    [{ kind: "device", name: "WS-042" }, "WS-042"],
    [{ kind: "file", name: "a\u202efdp.exe" }, "afdp.exe"],
  ])("%o is shown as %s", (entity, text) => expect(shown(entity)).toBe(text));

  test("no shown url, domain or address is one a client would make a link of", () => {
    const host = fc.domain();
    fc.assert(
      fc.property(host, fc.webPath(), (name, path) => {
        for (const entity of [{ kind: "url", url: `https://${name}${path}` } as const, { kind: "domain", name } as const]) {
          const [, bare = ""] = /^(?:hxxps:\/\/)?([^/]*)/.exec(shown(entity)) ?? [];
          expect(shown(entity)).not.toMatch(/^https?:/i);
          expect(bare.replaceAll("[.]", "")).not.toContain(".");
        }
      }),
    );
  });
});

describe("lines and times", () => {
  test("an attacker's line breaks and invisible marks are gone", () => {
    expect(oneLine("a\r\nb\u2028c\td\u200be\u202ef\u2066g\ufeff ")).toBe("a b c defg");
  });
  test("cut on code points, and says so", () => {
    expect(cut("abc", 3)).toBe("abc");
    expect(cut("abcd", 3)).toBe("ab…");
    expect(cut("😀😀😀", 3)).toBe("😀😀😀");
    expect(cut("😀😀😀😀", 3)).toBe("😀😀…");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 30 }), fc.integer({ min: 1, max: 20 }), (text, max) => {
        expect(Array.from(cut(text, max)).length).toBeLessThanOrEqual(max);
        expect(cut(text, max).isWellFormed()).toBe(true);
      }),
    );
  });
  test.each<[number, string]>([
    [0, "under a minute"],
    [-5, "under a minute"],
    [29, "29 min"],
    [60, "1 h"],
    [185, "3 h 5 min"],
    [47 * 60 + 59, "47 h 59 min"],
    [48 * 60, "2 d"],
  ])("%i minutes are %s", (minutes, text) => {
    const from = new Date("2026-10-05T09:00:00Z");
    expect(span(from, new Date(from.getTime() + minutes * 60_000))).toBe(text);
  });
  test("times are UTC, counts have their plural", () => {
    expect(time("2026-10-05T11:05:59+02:00")).toBe("2026-10-05 09:05 UTC");
    expect([count(1, "alert"), count(2, "alert"), count(0, "entity", "entities")]).toEqual(["1 alert", "2 alerts", "0 entities"]);
  });
});
