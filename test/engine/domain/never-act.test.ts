import { describe, expect, test } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { alreadyStopped, joinable, neverAct, reservedAddress } from "../../../src/engine/domain/never-act.ts";
import fc from "../../support/fast-check.ts";

const context = { organizationDomains: ["contoso.com"], internalRanges: ["203.0.113.0/28", "198.51.100.9"] };
const sha256 = "1".repeat(64);

describe("never acted on", () => {
  test.each<[string, Entity, RegExp]>([
    ["loopback", { kind: "ip", address: "127.0.0.1" }, /loopback/],
    ["loopback, version 6", { kind: "ip", address: "::1" }, /loopback/],
    ["private", { kind: "ip", address: "10.1.2.3" }, /private/],
    ["private inside version 6", { kind: "ip", address: "::ffff:192.168.0.1" }, /private/],
    ["private behind NAT64", { kind: "ip", address: "64:ff9b::10.0.0.1" }, /private/],
    ["private inside 6to4", { kind: "ip", address: "2002:a00:1::" }, /private/],
    ["private, compatible with version 4", { kind: "ip", address: "::a01:203" }, /private/],
    ["private, translated from version 4", { kind: "ip", address: "::ffff:0:10.1.2.3" }, /private/],
    ["behind a NAT64 of somebody's own", { kind: "ip", address: "64:ff9b:1::808:808" }, /reserved/],
    ["8.1.2.3 to one, 10.1.2.3 to another", { kind: "ip", address: "010.1.2.3" }, /more than one/],
    ["carrier-grade NAT", { kind: "ip", address: "100.64.0.1" }, /shared behind/],
    ["unique local", { kind: "ip", address: "fd00::1" }, /private/],
    ["link-local", { kind: "ip", address: "169.254.1.1" }, /link-local/],
    ["multicast", { kind: "ip", address: "224.0.0.251" }, /reserved/],
    ["nothing", { kind: "ip", address: "0.0.0.0" }, /reserved/],
    ["future use", { kind: "ip", address: "240.0.0.1" }, /reserved/],
    ["an own range", { kind: "ip", address: "203.0.113.5" }, /our own/],
    ["an own address", { kind: "ip", address: "198.51.100.9" }, /our own/],
    ["a public resolver", { kind: "ip", address: "8.8.8.8" }, /resolver/],
    ["the own domain", { kind: "domain", name: "Contoso.com." }, /our own domains/],
    ["a subdomain of it", { kind: "url", url: "https://www.contoso.com/a" }, /our own domains/],
    ["defanged", { kind: "url", url: "hxxps://www[.]contoso[.]com/a" }, /our own domains/],
    ["an own sender", { kind: "generic", type: "sender", value: "mia@contoso.com" }, /our own domains/],
    ["well-known", { kind: "domain", name: "update.microsoft.com" }, /well-known/],
    ["well-known, as a URL", { kind: "url", url: "https://login.microsoftonline.com/common" }, /well-known/],
    ["a host that is an address", { kind: "url", url: "http://10.0.0.1/a" }, /private/],
    ["an address written as a number", { kind: "url", url: "http://2130706433/" }, /loopback/],
    ["version 6 in brackets", { kind: "url", url: "http://[::1]:8080/" }, /loopback/],
    ["localhost", { kind: "url", url: "http://localhost:3978/" }, /own name/],
    ["a local name", { kind: "domain", name: "printer.local" }, /local network/],
    ["Windows itself", { kind: "file", sha256, path: "C:\\Windows\\System32\\cmd.exe", signer: "Microsoft Windows" }, /operating-system/],
    [
      "as the kernel writes it",
      { kind: "file", path: "\\Device\\HarddiskVolume3\\Windows\\System32\\cmd.exe", signer: "Microsoft Windows" },
      /operating-system/,
    ],
    ["SYSTEM", { kind: "user", name: "NT AUTHORITY\\SYSTEM" }, /service account/],
    ["NETWORK SERVICE", { kind: "user", name: "Network Service" }, /service account/],
    ["root", { kind: "user", name: "root" }, /service account/],
    ["by SID", { kind: "user", id: "S-1-5-18", email: "x@contoso.com" }, /service account/],
  ])("%s", (_, entity, reason) => {
    expect(neverAct(entity, context)).toMatch(reason);
  });

  test.each<[string, Entity]>([
    ["a public address", { kind: "ip", address: "45.83.64.1" }],
    // Documentation ranges play the outside attackers in the lab and in every example.
    ["documentation 1", { kind: "ip", address: "192.0.2.9" }],
    ["documentation 2", { kind: "ip", address: "198.51.100.10" }],
    ["documentation 3", { kind: "ip", address: "203.0.113.99" }],
    ["documentation, version 6", { kind: "ip", address: "2001:db8::9" }],
    ["a domain that only ends alike", { kind: "domain", name: "evilcontoso.com" }],
    ["our name in front of another domain", { kind: "url", url: "https://contoso.com.evil.example/" }],
    ["our name as user name of a URL", { kind: "url", url: "https://contoso.com@evil.example/" }],
    ["a page anybody may publish", { kind: "url", url: "https://docs.google.com/forms/d/evil" }],
    ["a copy of a Windows tool elsewhere", { kind: "file", path: "C:\\Users\\mia\\windows\\cmd.exe", signer: "Microsoft Windows" }],
    ["the way out of the directory", { kind: "file", path: "C:\\Windows\\..\\evil\\x.exe", signer: "Microsoft Windows" }],
    ["the temp folder of Windows", { kind: "file", path: "C:\\Windows\\Temp\\x.exe", signer: "Microsoft Windows" }],
    ["unsigned in the directory", { kind: "file", path: "C:\\Windows\\System32\\x.exe" }],
    ["a person called SYSTEM", { kind: "user", name: "SYSTEM", email: "mia@contoso.com" }],
    ["a mail of a compromised colleague", { kind: "message", subject: "hello", sender: "mia@contoso.com" }],
  ])("may be acted on: %s", (_, entity) => {
    expect(neverAct(entity, context)).toBeUndefined();
  });

  test.each(["prevented", "Blocked", " remediated "])("what the source calls %s proposes nothing", (remediation) => {
    expect(neverAct({ kind: "file", sha256 }, { ...context, namedEntity: { remediation } })).toMatch(/already dealt with/);
    expect(alreadyStopped(remediation)).toBe(true);
  });

  test("an allow-listed entity is left alone", () => {
    const entity: Entity = { kind: "ip", address: "45.83.64.1" };
    expect(neverAct(entity, { ...context, namedEntity: { allowList: ["ip:address:45.83.64.1"] } })).toMatch(/allow list/);
  });

  test("every address of an internal range, and none outside it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), (last) => {
        const reason = neverAct({ kind: "ip", address: `203.0.113.${last}` }, context);
        expect(reason !== undefined).toBe(last < 16);
      }),
    );
  });

  test("every private address, however it is written", () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.nat(255), (b, c, d) => {
        for (const address of [`10.${b}.${c}.${d}`, `::ffff:10.${b}.${c}.${d}`, `64:ff9b::10.${b}.${c}.${d}`]) {
          expect(reservedAddress(address)).toBeDefined();
          expect(joinable({ kind: "ip", address })).toBe(false);
        }
      }),
    );
  });

  test("any subdomain of an own domain, and no text makes it throw", () => {
    fc.assert(
      fc.property(fc.string(), fc.stringMatching(/^[a-z0-9]{1,10}$/), (text, label) => {
        expect(neverAct({ kind: "domain", name: `${label}.contoso.com` }, context)).toBeDefined();
        neverAct({ kind: "url", url: text || "x" }, context);
        neverAct({ kind: "domain", name: text || "x" }, context);
        neverAct({ kind: "file", path: text || "x", signer: "Microsoft Windows" }, context);
      }),
    );
  });
});

test.each<[Entity, boolean]>([
  [{ kind: "ip", address: "203.0.113.99" }, true],
  [{ kind: "ip", address: "203.0.113.5" }, false],
  [{ kind: "ip", address: "127.0.0.1" }, false],
  [{ kind: "url", url: "http://127.0.0.1:8080/a" }, false],
  [{ kind: "url", url: "https://evil.example/a" }, true],
  [{ kind: "user", name: "NT AUTHORITY\\LOCAL SERVICE" }, false],
  [{ kind: "user", email: "mia@contoso.com" }, true],
  [{ kind: "file", sha256, path: "C:\\Windows\\explorer.exe\\x", signer: "Microsoft Windows" }, false],
  [{ kind: "file", sha256 }, true],
  [{ kind: "device", name: "WS-001" }, true],
])("%o joins incidents: %s", (entity, expected) => {
  expect(joinable(entity, context)).toBe(expected);
});
