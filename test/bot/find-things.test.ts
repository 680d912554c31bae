import { describe, expect, test } from "vitest";
import { findThings, readFound, writeFound } from "../../src/bot/find-things.ts";
import fc from "../support/fast-check.ts";

const HASH = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

describe("what a message names", () => {
  test.each([
    ["nothing", "lunch at 12.30? version 1.2.3, invoice.zip, and INC-42 or CVE-2024-3094", []],
    ["a defanged link", "hxxps://evil[.]example/a.", [{ kind: "url", url: "https://evil.example/a" }]],
    ["the same link twice", "http://evil.example/a and <http://evil.example/a>", [{ kind: "url", url: "http://evil.example/a" }]],
    ["an address", "from 203[.]0[.]113[.]66!", [{ kind: "ip", address: "203.0.113.66" }]],
    ["a mail address", "eve(at)evil[.]example wrote", [{ kind: "user", email: "eve@evil.example" }]],
    ["a hash", `sha256 \`${HASH}\`.`, [{ kind: "file", sha256: HASH }]],
    ["a device", "look at WS-042, please", [{ kind: "device", name: "WS-042" }]],
    ["a domain", "login.contoso-secure.com is new", [{ kind: "domain", name: "login.contoso-secure.com" }]],
  ])("%s", (_name, text, found) => {
    expect(findThings(text, ["contoso.com"])).toMatchObject(found);
    expect(findThings(text, ["contoso.com"])).toHaveLength(found.length);
  });

  test("a hostile text is read to its end", () => {
    const texts = ["a.", "hxxp://", "1.", "@", "-a", "[.]", "a@a.", "x-1"].map((part) => part.repeat(20_000));
    for (const text of texts) expect(findThings(text).length).toBeLessThan(5_000);
  });

  test("what is found comes back from its form, as far as a form can carry it", () => {
    const many = Array.from({ length: 30 }, (_, index) => `https://evil.example/${"x".repeat(index * 20)}`).join(" ");
    const things = findThings(many);
    const written = writeFound(things);
    expect(written.length).toBeLessThan(2_100);
    const read = readFound(written);
    expect(read?.things).toEqual(things.slice(0, read?.things.length));
    expect((read?.things.length ?? 0) + (read?.left ?? 0)).toBe(things.length);
    const any = fc.property(fc.string(), (text) => {
      expect(readFound(text)).toBeUndefined();
    });
    fc.assert(any);
  });
});

describe("a link that something stands before", () => {
  test.each([
    "Link:http://r6.example/x",
    "see:http://r6.example/x",
    "\u200bhttp://r6.example/x",
    "\u202ehttp://r6.example/x",
    "ht\u200btp://r6.example/x",
    "=http://r6.example/x",
    "Link:\u2060hxxp://r6[.]example/x",
  ])("%j", (text) => {
    expect(findThings(text)).toEqual([expect.objectContaining({ kind: "url", url: "http://r6.example/x" })]);
  });
  test("a link within a link stays in it", () => {
    expect(findThings("https://a.example/?u=http://b.example/x")).toMatchObject([
      { kind: "url", url: "https://a.example/?u=http://b.example/x" },
    ]);
  });
});
