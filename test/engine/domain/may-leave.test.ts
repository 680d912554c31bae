import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EntityOf } from "../../../src/engine/domain/entity.ts";
import { mayLeave, type Share } from "../../../src/engine/domain/may-leave.ts";
import { commonInfrastructure } from "../../../src/engine/domain/well-known.ts";

const HOUSE = { domains: ["contoso.com", "Bücher.example"], internalRanges: ["203.0.113.0/28", "100.64.7.0/24"] };
const url = (text: string, share: Share = "public") => mayLeave({ kind: "url", url: text }, HOUSE, share);
const domain = (name: string) => mayLeave({ kind: "domain", name }, HOUSE, "public");
const ip = (address: string) => mayLeave({ kind: "ip", address }, HOUSE, "public");
const sent = (text: string) => {
  const leaving = url(text);
  return "send" in leaving ? leaving.send.url : leaving.kept;
};

describe("what leaves the house", () => {
  test.each([
    ["https://evil.example/a/b?user=mia#top", "https://evil.example/a/b"],
    ["https://mia:pw@evil.example/", "https://evil.example/"],
    ["hxxp://evil[.]example/a", "http://evil.example/a"],
    ["https://evil.example/login/mia@contoso.com/next", "https://evil.example/login/"],
    ["https://evil.example/login/mia%2540contoso.com/next", "https://evil.example/login/"],
    ["https://evil.example/r/mail.contoso.com/owa", "https://evil.example/r/"],
    ["https://evil.example/dc01.corp.local/x", "https://evil.example/"],
    ["https://evil.example/10.1.2.3/x", "https://evil.example/"],
    // The attacker's own name, however it looks.
    ["https://contoso.com.evil.example/a", "https://contoso.com.evil.example/a"],
    ["https://notcontoso.com/", "https://notcontoso.com/"],
    ["https://evil.example/setup.exe", "https://evil.example/setup.exe"],
    ["https://intranet.contoso.com/a", "not asked: internal name"],
    ["https://CONTOSO.com./a", "not asked: internal name"],
    ["https://xn--bcher-kva.example/a", "not asked: internal name"],
    ["http://intranet/wiki", "not asked: internal name"],
    ["http://dc01.corp.local:8080/", "not asked: internal name"],
    ["http://0x0a000001/", "not asked: not a public address"],
    ["http://[::ffff:10.0.0.1]/", "not asked: not a public address"],
    ["http://[64:ff9b::10.0.0.1]/", "not asked: not a public address"],
    ["http://203.0.113.5/", "not asked: not a public address"],
    ["data:text/html;base64,AAAA", "not asked: not a web address"],
    ["mailto:mia@contoso.com", "not asked: not a web address"],
    ["file:///C:/Users/mia/a.docx", "not asked: not a web address"],
    ["javascript:alert(1)", "not asked: not a web address"],
  ])("%s: %s", (text, expected) => {
    expect(sent(text)).toBe(expected);
  });

  test("says whether something was left out", () => {
    expect(url("https://evil.example/a?b")).toMatchObject({ shortened: true });
    expect(url("https://evil.example/a#b")).toMatchObject({ shortened: false });
    expect(url("https://evil.example/a?b", "full")).toEqual({ send: { kind: "url", url: "https://evil.example/a?b" }, shortened: false });
    expect(url("http://intranet/wiki?a=b", "full")).toMatchObject({ send: { url: "http://intranet/wiki?a=b" } });
  });

  test.each([
    ["evil.example", { name: "evil.example" }],
    ["Evil.Example.", { name: "evil.example" }],
    ["https://evil.example:8443/a?b", { name: "evil.example" }],
    ["mañana.example", { name: "xn--maana-pta.example" }],
  ])("the name %s", (name, send) => {
    expect(domain(name)).toMatchObject({ send });
  });
  test.each(["dc01", "dc01.contoso.com", "printer.local", "x.home.arpa", "3.2.1.10.in-addr.arpa", "vault.internal", "a.corp", "localhost"])(
    "never the name %s",
    (name) => {
      expect(domain(name)).toEqual({ kept: "not asked: internal name" });
    },
  );
  test.each(["..", "a b", "-", "evil_.-.example"])("nor what is none: %s", (name) => {
    expect(domain(name)).toHaveProperty("kept");
  });

  test("addresses: public ones, and those strangers share, but not where they are ours", () => {
    for (const address of ["93.184.216.34", "203.0.113.99", "100.64.1.1", "2606:4700::1"]) expect(ip(address)).toHaveProperty("send");
    for (const address of ["10.0.0.1", "203.0.113.7", "100.64.7.1", "fd00::1", "0.0.0.0", "224.0.0.1", "::ffff:192.168.1.1"])
      expect(ip(address)).toEqual({ kept: "not asked: not a public address" });
  });

  test("of a file its hashes alone", () => {
    const file: EntityOf<"file"> = {
      kind: "file",
      md5: "a".repeat(32),
      name: "payroll.xlsx",
      path: "C:\\Users\\mia\\payroll.xlsx",
      device: "WS-1",
    };
    for (const share of ["public", "full"] as const)
      expect(mayLeave(file, HOUSE, share)).toEqual({ send: { kind: "file", md5: "a".repeat(32) }, shortened: false });
  });

  test("no text makes it throw, and what is sent is sent again the same", () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string({ unit: "binary" })), (text) => {
        const leaving = url(text || "x");
        domain(text || "x");
        if (!("send" in leaving)) return;
        expect(leaving.send.url).not.toMatch(/[?#]/);
        expect(url(leaving.send.url)).toEqual({ send: leaving.send, shortened: false });
      }),
      { numRuns: 500 },
    );
  });
});

describe("what everybody uses", () => {
  test.each<[Parameters<typeof commonInfrastructure>[0], string | undefined]>([
    [{ kind: "ip", address: "8.8.8.8" }, "a public resolver everybody uses"],
    [{ kind: "ip", address: "2620:00fe::00fe" }, "a public resolver everybody uses"],
    [{ kind: "ip", address: "8.8.8.9" }, undefined],
    [{ kind: "domain", name: "login.microsoftonline.com" }, "well-known infrastructure"],
    [{ kind: "domain", name: "GitHub.com." }, "a host where anybody may publish"],
    [{ kind: "domain", name: "www.bit.ly" }, "a link shortener"],
    [{ kind: "domain", name: "cloudfront.net" }, "a cloud or content network many rent"],
    // A customer's own name, and what merely ends in the same letters.
    [{ kind: "domain", name: "d111.cloudfront.net" }, undefined],
    [{ kind: "domain", name: "evil.blob.core.windows.net" }, undefined],
    [{ kind: "domain", name: "evil-github.com" }, undefined],
    [{ kind: "domain", name: "notmicrosoft.com" }, undefined],
    [{ kind: "domain", name: "microsoft.com.evil.example" }, undefined],
    [{ kind: "url", url: "https://bit.ly/" }, "a link shortener"],
    // One page of it is somebody's.
    [{ kind: "url", url: "https://bit.ly/3xyz" }, undefined],
    [{ kind: "url", url: "https://github.com/?a" }, undefined],
    [{ kind: "file", name: "github.com" }, undefined],
  ])("%j: %s", (entity, expected) => {
    expect(commonInfrastructure(entity)).toBe(expected);
  });
});
