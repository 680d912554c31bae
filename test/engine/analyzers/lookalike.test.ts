import { expect, test } from "vitest";
import { lookalike, skeleton } from "../../../src/engine/analyzers/lookalike.ts";
import fc from "../../support/fast-check.ts";

const OURS = ["contoso.example", "contoso-bank.test"];

test.each<[string, string, string]>([
  ["c0ntoso.example", "letters", "contoso.example"],
  ["cont0s0.com", "letters", "contoso.example"],
  // Cyrillic о, as typed and as a domain name stores it.
  ["c\u043entoso.example", "letters", "contoso.example"],
  ["xn--cntoso-wqf.example", "letters", "contoso.example"],
  ["contos\u00f6.example", "letters", "contoso.example"],
  ["contosso.example", "typo", "contoso.example"],
  ["contsoo.example", "typo", "contoso.example"],
  ["contoso.test", "ending", "contoso.example"],
  ["contoso-login.example", "inside", "contoso.example"],
  ["mycontoso.example", "inside", "contoso.example"],
  ["contoso.example.evil.test", "subdomain", "contoso.example"],
  ["contoso.github.io", "subdomain", "contoso.example"],
  ["rnicrosoft.com", "letters", "microsoft"],
  ["micros0ft-support.com", "inside", "microsoft"],
  ["xn--pypal-4ve.com", "letters", "paypal"],
  ["paypa1.com", "letters", "paypal"],
  ["docusgin.net", "typo", "docusign"],
])("%s: %s of %s", (host, how, of) => {
  expect(lookalike(host, OURS)).toMatchObject({ how, of });
});

test.each([
  "contoso.example",
  "mail.contoso.example",
  "fabrikam.example",
  "google.de",
  "amazon.co.jp",
  "microsoft.com",
  "pineapple.example",
  "appie.nl",
  "booking.com",
  "203.0.113.9",
  "localhost",
  "",
  "..",
  "xn--",
])("%s resembles nothing", (host) => {
  expect(lookalike(host, OURS)).toBeUndefined();
});

const domain = fc.domain();
test("a domain never looks like itself, nor do its own hosts", () => {
  fc.assert(
    fc.property(domain, fc.stringMatching(/^[a-z]{1,10}$/), (own, host) => {
      expect(lookalike(own, [own])).toBeUndefined();
      expect(lookalike(own.toUpperCase(), [own])).toBeUndefined();
      expect(lookalike(`${host}.${own}`, [own])).toBeUndefined();
    }),
  );
});
test("any text is answered, however long", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      lookalike(text, OURS);
      expect(skeleton(skeleton(text)).length).toBeLessThanOrEqual(skeleton(text).length);
    }),
  );
  expect(lookalike("a.".repeat(50_000), OURS)).toBeUndefined();
});
