import { describe, expect, test } from "vitest";
import { readAuthenticationResults, resultOf } from "../../../src/engine/analyzers/authentication-results.ts";
import fc from "../../support/fast-check.ts";

const plain = (header: string) => {
  const { server, results } = readAuthenticationResults(header);
  return [server, ...results.map(({ method, result, properties }) => [method, result, Object.fromEntries(properties)])];
};

describe("the examples of RFC 8601, appendix B", () => {
  test("B.2: nothing was done", () => {
    expect(plain("example.org 1; none")).toEqual(["example.org"]);
  });
  test("B.3: one result", () => {
    expect(plain("example.com;\r\n          spf=pass smtp.mailfrom=example.net")).toEqual([
      "example.com",
      ["spf", "pass", { "smtp.mailfrom": "example.net" }],
    ]);
  });
  test("B.4: several, with a comment", () => {
    expect(plain("example.com;\r\n  auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n  spf=pass smtp.mailfrom=example.net")).toEqual([
      "example.com",
      ["auth", "pass", { "smtp.auth": "sender@example.net" }],
      ["spf", "pass", { "smtp.mailfrom": "example.net" }],
    ]);
  });
  test("B.6: two signatures with reasons", () => {
    const read = readAuthenticationResults(
      'example.com;\r\n dkim=pass reason="good signature"\r\n  header.i=@mail-router.example.net;\r\n dkim=fail reason="bad signature"\r\n  header.i=@newyork.example.com',
    );
    expect(read.results.map(({ result, reason }) => [result, reason])).toEqual([
      ["pass", "good signature"],
      ["fail", "bad signature"],
    ]);
    expect(resultOf(read, "dkim")).toBe("pass");
  });
  test("B.7: comments everywhere, versions, names written apart", () => {
    const header = [
      "foo.example.net (foobar) 1 (baz);",
      " dkim (Because I like it) / 1 (One yay) = (wait for it) fail",
      "  policy (A dot can go here) . (like that) expired",
      "  (this surprised me) = (as I wasn't expecting it) 1362471462",
    ].join("\r\n");
    expect(plain(header)).toEqual(["foo.example.net", ["dkim", "fail", { "policy.expired": "1362471462" }]]);
  });
});

test("as Exchange Online writes it, without the server's name", () => {
  expect(
    plain(
      "spf=fail (sender IP is 203.0.113.5) smtp.mailfrom=contoso.example; dkim=none (message not signed) header.d=none;dmarc=fail action=quarantine header.from=contoso.example;compauth=fail reason=000",
    ),
  ).toEqual([
    undefined,
    ["spf", "fail", { "smtp.mailfrom": "contoso.example" }],
    ["dkim", "none", { "header.d": "none" }],
    ["dmarc", "fail", { action: "quarantine", "header.from": "contoso.example" }],
    ["compauth", "fail", { reason: "000" }],
  ]);
});

describe("what a sender may put inside stays inside", () => {
  test.each<[string, string]>([
    ["a semicolon in a quoted string", 'mx; spf=fail smtp.mailfrom="x; dmarc=pass"@evil.example; dmarc=fail'],
    ["an escaped quote", 'mx; spf=fail smtp.mailfrom="a\\"; dmarc=pass"; dmarc=fail'],
    ["a comment in a comment", "mx; dmarc=fail (p=none (dmarc=pass; dmarc=pass) ;) header.from=a.example"],
    ["a second header below", "Authentication-Results: mx; dmarc=fail\r\nAuthentication-Results: mx; dmarc=pass"],
    ["two answers: the worse one counts", "mx; dmarc=pass; dmarc=fail"],
  ])("%s", (_, header) => {
    expect(resultOf(readAuthenticationResults(header), "dmarc")).toBe("fail");
  });
  test("names of an object's own parts are names like others", () => {
    readAuthenticationResults("mx; dkim=pass __proto__.polluted=yes constructor.prototype.polluted=yes; __proto__=pass");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

test("never throws, and is as good as done on the longest input", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[a-z ;=()"\\./\r\n:-]{0,200}$/)), (header) => {
      const { results } = readAuthenticationResults(header);
      for (const { method, result } of results) expect([method, result].every((text) => text === text.toLowerCase())).toBe(true);
    }),
  );
  for (const part of ["(", '"', "a=", ";", "\\", "a.", " ", "x:"]) {
    expect(readAuthenticationResults(part.repeat(100_000)).results.length).toBeLessThanOrEqual(51);
  }
});
