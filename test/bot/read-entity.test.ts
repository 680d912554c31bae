import { describe, expect, test } from "vitest";
import { readCommand } from "../../src/bot/commands.ts";
import { readEntity } from "../../src/bot/read-entity.ts";
import { ENTITY_KINDS, Entity } from "../../src/engine/domain/entity.ts";
import fc from "../support/fast-check.ts";

const OURS = ["contoso.com"];
const MD5 = "44d88612fea8a8f36de82e1278abb02f";
const SHA1 = "3395856ce81f2b7382dee72602f798b642f14140";
const SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

describe("what a person wrote, as a thing to look at", () => {
  test.each<[string, Entity]>([
    // Hashes.
    [SHA256, { kind: "file", sha256: SHA256 }],
    [SHA256.toUpperCase(), { kind: "file", sha256: SHA256 }],
    [SHA1, { kind: "file", sha1: SHA1 }],
    [MD5, { kind: "file", md5: MD5 }],
    [`file:${SHA256}`, { kind: "file", sha256: SHA256 }],
    ["file:invoice.exe", { kind: "file", name: "invoice.exe" }],
    // Addresses.
    ["203.0.113.9", { kind: "ip", address: "203.0.113.9" }],
    ["203[.]0[.]113[.]9", { kind: "ip", address: "203.0.113.9" }],
    ["2001:db8::1", { kind: "ip", address: "2001:db8::1" }],
    ["dead::beef", { kind: "ip", address: "dead::beef" }],
    ["ip:2001:db8::1", { kind: "ip", address: "2001:db8::1" }],
    // Links.
    ["https://evil.example/a?b=c", { kind: "url", url: "https://evil.example/a?b=c" }],
    ["hxxps://evil[.]example/a", { kind: "url", url: "https://evil.example/a" }],
    ["hXXp://evil(.)example/a", { kind: "url", url: "http://evil.example/a" }],
    ["hxxp[:]//evil[.]example", { kind: "url", url: "http://evil.example" }],
    ["evil.co.uk/login", { kind: "url", url: "http://evil.co.uk/login" }],
    ["url:hxxps://evil[.]example", { kind: "url", url: "https://evil.example" }],
    ["<https://evil.example/a|evil.example/a>", { kind: "url", url: "https://evil.example/a" }],
    ["<https://evil.example/a>", { kind: "url", url: "https://evil.example/a" }],
    // Names.
    ["evil.co.uk", { kind: "domain", name: "evil.co.uk" }],
    ["Evil[.]COM", { kind: "domain", name: "evil.com" }],
    ["sub.evil.github.io", { kind: "domain", name: "sub.evil.github.io" }],
    ["domain:evil.example", { kind: "domain", name: "evil.example" }],
    ["ws-042.contoso.com", { kind: "device", name: "ws-042.contoso.com" }],
    ["WS-042.corp.contoso.com", { kind: "device", name: "WS-042.corp.contoso.com" }],
    ["notcontoso.com", { kind: "domain", name: "notcontoso.com" }],
    ["WS-042", { kind: "device", name: "WS-042" }],
    ["fin-srv-01.corp.local", { kind: "device", name: "fin-srv-01.corp.local" }],
    ["device:evil.com", { kind: "device", name: "evil.com" }],
    ["Device: WS-042", { kind: "device", name: "WS-042" }],
    // People.
    ["mia@contoso.com", { kind: "user", email: "mia@contoso.com" }],
    ["mia[at]contoso[.]com", { kind: "user", email: "mia@contoso.com" }],
    ["<mailto:mia@contoso.com|mia@contoso.com>", { kind: "user", email: "mia@contoso.com" }],
    ["mailto:mia@contoso.com", { kind: "user", email: "mia@contoso.com" }],
    ["CONTOSO\\mia", { kind: "user", name: "CONTOSO\\mia" }],
    ["user:mia", { kind: "user", name: "mia" }],
    ["user:mia@contoso.com", { kind: "user", email: "mia@contoso.com" }],
    ["mailbox:soc@contoso.com", { kind: "mailbox", address: "soc@contoso.com" }],
    ["mailbox:<mailto:soc@contoso.com|soc@contoso.com>", { kind: "mailbox", address: "soc@contoso.com" }],
    // Mail.
    ["<CAF=abc123@mail.example>", { kind: "message", internetMessageId: "<CAF=abc123@mail.example>" }],
    ["3c1f2a7e-0001-4b6c-9d8e-0123456789ab", { kind: "message", networkMessageId: "3c1f2a7e-0001-4b6c-9d8e-0123456789ab" }],
    ["message:3c1f2a7e-0001", { kind: "message", networkMessageId: "3c1f2a7e-0001" }],
    ["message:<a@b.example>", { kind: "message", internetMessageId: "<a@b.example>" }],
    // The rest.
    ["AKIAIOSFODNN7EXAMPLE", { kind: "access-key", id: "AKIAIOSFODNN7EXAMPLE" }],
    ["process: vssadmin.exe delete shadows /all", { kind: "process", commandLine: "vssadmin.exe delete shadows /all" }],
    ["service:Spooler", { kind: "service", name: "Spooler" }],
    ["cloud-resource:arn:aws:s3:::payroll", { kind: "cloud-resource", id: "arn:aws:s3:::payroll" }],
  ])("%s", (text, entity) => {
    expect(readEntity(text, OURS)).toEqual(entity);
    expect(readEntity(`  ${text}\n`, OURS)).toEqual(entity);
  });

  test.each([
    "",
    "   ",
    "two words",
    "the laptop of mia",
    "https://",
    "http://[bad",
    "ip:999.1.1.1",
    "file:abc123",
    "@mia",
    "a@b@c",
    "<@U0MIA>",
    "<#C0SOC|soc>",
    "<!channel>",
    "🙂",
    "../../etc/passwd",
    "generic:x",
    "device:",
    "1".repeat(300),
  ])("%j is nothing that could be looked at", (text) => expect(readEntity(text, OURS)).toBeUndefined());

  test("whatever is written: never an exception, and what comes out is an entity", () => {
    const pieces = fc.array(
      fc.oneof(
        fc.string(),
        fc.constantFrom(
          "[.]",
          "hxxp",
          "://",
          "<",
          ">",
          "|",
          "@",
          "mailto:",
          ":",
          "..",
          "\\",
          "\0",
          "\u{1F642}",
          "contoso.com",
          "xn--",
          "::",
          MD5,
        ),
        fc.constantFrom(...ENTITY_KINDS).map((kind) => `${kind}:`),
        fc.webUrl(),
        fc.emailAddress(),
        fc.ipV6(),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const entity = readEntity(parts.join(""), OURS);
        if (entity !== undefined) expect(Entity.safeParse(entity)).toEqual({ success: true, data: entity });
      }),
      { numRuns: 2000 },
    );
  });

  test("a text of a megabyte is answered at once", () => {
    for (const part of ["[.]", "a.", "<", "@", "\\", "a:", "hxxp://"]) expect(() => readEntity(part.repeat(200_000), OURS)).not.toThrow();
  });
});

describe("the words around it", () => {
  test.each<[string, object]>([
    ["investigate WS-042", { kind: "investigate", what: { kind: "device", name: "WS-042" } }],
    ["investigate ALT-7", { kind: "investigate", what: { kind: "alert", id: 7 } }],
    ["investigate inc42", { kind: "investigate", what: { kind: "incident", id: 42 } }],
    ["investigate EVD-9", { kind: "investigate", what: { kind: "evidence", id: 9 } }],
    ["investigate act-105", { kind: "investigate", what: { kind: "action", id: 105 } }],
    ["Investigate   hxxps://evil[.]example", { kind: "investigate", what: { kind: "url", url: "https://evil.example" } }],
    [
      "investigate process:vssadmin.exe delete shadows",
      { kind: "investigate", what: { kind: "process", commandLine: "vssadmin.exe delete shadows" } },
    ],
    ["fn evil.co.uk", { kind: "fn", entity: { kind: "domain", name: "evil.co.uk" } }],
    ["merge 4 7", { kind: "merge", one: 4, other: 7 }],
    ["merge INC-4 inc7", { kind: "merge", one: 4, other: 7 }],
    ["split INC-4 ALT-7", { kind: "split", incident: 4, alert: 7 }],
    ["split 4 7", { kind: "split", incident: 4, alert: 7 }],
    ["stop INV-4 the wrong machine", { kind: "stop", investigation: 4, reason: "the wrong machine" }],
    ["stop 4", { kind: "stop", investigation: 4, reason: undefined }],
    ["retry inv4", { kind: "retry", investigation: 4 }],
    ["verdict EVD-9 Clean it is ours", { kind: "verdict", evidence: 9, verdict: "noThreatsFound", reason: "it is ours" }],
    ["verdict 9 malicious I ran it", { kind: "verdict", evidence: 9, verdict: "malicious", reason: "I ran it" }],
    ["fp ACT-5 it is ours", { kind: "fp", of: { action: 5 }, reason: "it is ours" }],
    ["fp EVD-5 it is ours", { kind: "fp", of: { evidence: 5 }, reason: "it is ours" }],
    ["approve ACT-7", { kind: "decide", decision: "approve", action: 7, text: undefined }],
    ["approve 7 WS-042 it beacons", { kind: "decide", decision: "approve", action: 7, text: "WS-042 it beacons" }],
    ["reject ACT-7 42 mails are fine", { kind: "decide", decision: "reject", action: 7, text: "42 mails are fine" }],
    ["approve ACT-7, act-8 ACT9", { kind: "decide-many", decision: "approve", which: { ids: [7, 8, 9] }, reason: undefined }],
    ["reject ACT-7 ACT-8 a drill", { kind: "decide-many", decision: "reject", which: { ids: [7, 8] }, reason: "a drill" }],
    [
      "approve all kind=block-indicator incident=INC-42 known bad",
      {
        kind: "decide-many",
        decision: "approve",
        which: { query: { kinds: ["block-indicator"], incidentId: 42 } },
        reason: "known bad",
      },
    ],
    ["propose ACT-7", { kind: "propose", action: 7 }],
    ["break-glass ACT-7 DC-01 it spreads", { kind: "break-glass", action: 7, text: "DC-01 it spreads" }],
    ["confirm ACT-7", { kind: "confirm-alone", action: 7 }],
    ["cancel ACT-7 wrong device", { kind: "cancel", action: 7, reason: "wrong device" }],
    ["cancel 7", { kind: "cancel", action: 7, reason: undefined }],
    ["review ACT-7 it was right", { kind: "review-alone", action: 7, note: "it was right" }],
    ["snooze url-click 8h a drill", { kind: "snooze", policy: "url-click", forMs: 8 * 3_600_000, reason: "a drill" }],
  ])("%s", (text, command) => expect(readCommand(text, OURS)).toEqual(command));

  test.each([
    "investigate",
    "investigate 42",
    "investigate the laptop",
    "fn",
    "fn the laptop",
    "merge INC-4",
    "merge INC-4 ALT-7",
    "split INC-4",
    "split INC-4 INC-7",
    "stop",
    "stop INC-4",
    "retry ACT-4",
    "verdict EVD-9",
    "verdict EVD-9 clean",
    "verdict EVD-9 terrible because",
    "verdict INC-9 clean because",
    "fp EVD-9",
    "fp INC-9 because",
    "snooze url-click",
    "snooze url-click tomorrow",
    "reject ACT-7",
    "reject ACT-7 ACT-8",
    "approve all",
    "approve all incident=INC-42",
    "approve all kind=block-indicator by=mia",
    "approve all kind=block-indicator,isolate-device",
    "reject all kind=block-indicator",
    "break-glass ACT-7",
    "confirm INC-7",
  ])("%j is not understood, with what would be", (text) => {
    const command = readCommand(text, OURS);
    expect(command).toMatchObject({ kind: "misunderstood", text: expect.stringMatching(/Usage|is nothing|is no /) });
  });
});
