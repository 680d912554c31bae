import { describe, expect, test } from "vitest";
import type { EntityOf } from "../../../src/engine/domain/entity.ts";
import { houseOf, mayLeave, type Share } from "../../../src/engine/domain/may-leave.ts";
import { commonInfrastructure } from "../../../src/engine/domain/well-known.ts";
import { cpuMs } from "../../support/cpu-time.ts";
import fc from "../../support/fast-check.ts";

const HOUSE = houseOf(
  {
    organization: { name: "Contoso Ltd", domains: ["contoso.com", "Bücher.example"], internalRanges: ["203.0.113.0/28", "100.64.7.0/24"] },
    deviceGroups: [
      { name: "clients", match: "ws-*", automation: "semi-all" },
      { name: "everything", match: "*", automation: "semi-all" },
    ],
    protected: ["device:FILESRV01", "user:ceo@contoso.com"],
  },
  ["Mia Keller", "Noor Al-Haddad", "Tom"],
);
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
    ["https://evil.example/p/mia.keller/landing", "https://evil.example/p/"],
    ["https://evil.example/p/Keller,%20Mia/x", "https://evil.example/p/"],
    ["https://evil.example/p/2026-MiaKeller/x", "https://evil.example/p/"],
    ["https://evil.example/p/noor_al-haddad", "https://evil.example/p/"],
    ["https://evil.example/p/bWlhLmtlbGxlcg/x", "https://evil.example/p/"],
    ["https://evil.example/mia/tom/keller/x", "https://evil.example/mia/tom/keller/x"],
    ["https://evil.example/a;user=mia/b", "https://evil.example/a"],
    ["https://evil.example/a%3Fuser=mia/b", "https://evil.example/a"],
    ["https://evil.example/a%2523mia", "https://evil.example/a"],
    ["https://evil.example/r/bWlhQGNvbnRvc28uY29t/b", "https://evil.example/r/"],
    ["https://evil.example/r/id-bWlhQGNvbnRvc28uY29t", "https://evil.example/r/"],
    ["https://evil.example/o/kai%E2%80%AE/bWlhQGdtYWlsLmNvbQ%3D%3D/x", "https://evil.example/o/kai%E2%80%AE/"],
    ["https://evil.example/s/eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln/x", "https://evil.example/s/"],
    ["https://evil.example/c/WS-042/beacon", "https://evil.example/c/"],
    ["https://evil.example/c/filesrv01.txt", "https://evil.example/c/"],
    ["https://evil.example/contoso-ltd/login", "https://evil.example/"],
    ["https://evil.example/mail.bücher.example/x", "https://evil.example/"],
    ["https://evil.example/b/010.1.2.3", "https://evil.example/b/"],
    // Long, and no name of anybody.
    [
      "https://evil.example/dl/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c/index.php",
      "https://evil.example/dl/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c/index.php",
    ],
    ["https://evil.example/wp-content/uploads/2026/invoice_00123.pdf", "https://evil.example/wp-content/uploads/2026/invoice_00123.pdf"],
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

  test("addresses: public ones alone, however they are written", () => {
    for (const address of ["93.184.216.34", "203.0.113.99", "2606:4700::1", "2002:5db8:d822::1", "64:ff9b::5db8:d822"])
      expect(ip(address), address).toHaveProperty("send");
    const inside = "10.0.0.1 203.0.113.7 100.64.1.1 100.64.7.1 100.127.255.254 fd00::1 0.0.0.0 224.0.0.1".split(" ");
    const wrapped =
      "::ffff:192.168.1.1 ::a01:203 ::10.1.2.3 ::ffff:0:10.1.2.3 2002:0a01:0203:: 64:ff9b::a01:203 64:ff9b:1::808:808 ::ffff:6440:101";
    for (const address of [...inside, ...wrapped.split(" "), "010.1.2.3", "0x0a010203", "::ffff:010.1.2.3", "1"])
      expect(ip(address), address).toEqual({ kept: "not asked: not a public address" });
  });

  test("nothing of ours leaves in a path, however it is encoded and whatever stands around it", () => {
    const person = fc.constantFrom("mia@contoso.com", "kai.neu@gmail.com", "ida+x@bücher.example");
    const name = fc.constantFrom(
      "dc01.contoso.com",
      "contoso.com",
      "WS-042",
      "FILESRV01",
      "Contoso Ltd",
      "vault.corp",
      "10.1.2.3",
      "mail.bücher.example",
    );
    const session = fc.constant("eyJhbGciOiJub25lIn0.eyJzdWIiOiJtaWEifQ.c2lnbmF0dXJl");
    const percent = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    const encodings: Record<string, (text: string) => string> = {
      plain: (text) => text,
      percent,
      "double percent": (text) => percent(text).replaceAll("%", "%25"),
      base64: (text) => Buffer.from(text).toString("base64"),
      base64url: (text) => Buffer.from(text).toString("base64url"),
    };
    const around = fc.constantFrom("", "a", "id-", "u_", "x=", "track.", "~");
    const segments = fc.array(fc.constantFrom("login", "a", "r2", "index.php", "9f86d081884c"), { maxLength: 3 });
    fc.assert(
      fc.property(
        fc.oneof(person, name, session),
        fc.constantFrom(...Object.keys(encodings)),
        around,
        segments,
        segments,
        (secret, how, front, before, after) => {
          // A name is found as a word; what is glued to it makes another one.
          const glued = how.includes("base64") || secret.includes("@") ? front : front.replace(/^(a|u_|id-)$/, "");
          const written = encodings[how]?.(secret) ?? "";
          const leaving = url(`https://evil.example/${[...before, glued + written, ...after].join("/")}`);
          if (!("send" in leaving)) throw new Error("the host is public");
          expect(leaving.send.url).toBe(`https://evil.example/${[...before, ""].join("/")}`);
          expect(leaving.shortened).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("a path of the longest kind is read in no time", () => {
    const started = cpuMs();
    for (const path of [
      "a/".repeat(2000),
      "%25".repeat(1300),
      "bWlh/".repeat(800),
      "x".repeat(4000),
      "eyJa.".repeat(800),
      "a@".repeat(2000),
    ])
      url(`https://evil.example/${path}`);
    expect(cpuMs() - started).toBeLessThan(2000);
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
