import { describe, expect, test } from "vitest";
import type { NamedEntity } from "../../../src/engine/domain/alert.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { excludedAtIntake } from "../../../src/engine/domain/intake-exclusions.ts";
import fc from "../../support/fast-check.ts";

const exclude = {
  mailboxes: ["soc@contoso.example"],
  simulations: { senders: ["trainer@phish.example"], domains: ["training.example"], urls: ["sim.example/click"] },
};
const named = (...entities: Entity[]): { entities: NamedEntity[] } => ({ entities: entities.map((entity) => ({ entity, roles: [] })) });
const why = (...entities: Entity[]) => excludedAtIntake(named(...entities), exclude);
const mail = (sender: string, recipient = "kim@contoso.example"): Entity => ({ kind: "message", subject: "x", sender, recipient });
const url = (address: string): Entity => ({ kind: "url", url: address });
const file: Entity = { kind: "file", sha256: "a".repeat(64) };
const device: Entity = { kind: "device", name: "ws-1" };

describe("an alert about mail that people of ours look at anyway", () => {
  test.each<[string, Entity[]]>([
    ["a mailbox", [{ kind: "mailbox", address: "SOC@contoso.example" }]],
    [
      "a message with all that came with it",
      [mail("x@a.example", "soc@contoso.example"), url("https://a.example"), file, { kind: "ip", address: "203.0.113.9" }],
    ],
  ])("%s", (_, entities) =>
    expect(why(...entities)).toContain("mail of a SecOps mailbox, excluded by air.yaml: soc@contoso.example in exclude.mailboxes"),
  );

  test.each<[string, Entity[]]>([
    ["somebody else got it too", [mail("x@a.example", "soc@contoso.example"), mail("x@a.example")]],
    ["somebody opened it on a device", [mail("x@a.example", "soc@contoso.example"), device]],
    ["a file lies on a device", [mail("x@a.example", "soc@contoso.example"), { ...file, device: "ws-1" }]],
    ["another person", [mail("x@a.example", "soc@contoso.example"), { kind: "user", email: "kim@contoso.example" }]],
    ["no mail at all", [url("https://a.example")]],
    ["nothing", []],
  ])("not where %s", (_, entities) => expect(why(...entities)).toBeUndefined());
});

describe("a phishing simulation", () => {
  test.each<[string, Entity[]]>([
    [
      "by its sender",
      [mail("Trainer@phish.example"), { kind: "user", email: "kim@contoso.example" }, { kind: "ip", address: "203.0.113.9" }],
    ],
    ["by its sender's domain", [mail("anyone@training.example"), { kind: "mailbox", address: "kim@contoso.example" }]],
    ["by its link", [url("https://sim.example/click/1"), { kind: "user", email: "kim@contoso.example" }]],
    ["by its link's domain", [url("https://a.training.example/x"), { kind: "domain", name: "a.training.example" }]],
  ])("%s", (_, entities) =>
    expect(why(...entities)).toMatch(/^a phishing simulation, excluded by air\.yaml: (sender|link|domain) \S+ in exclude\.simulations$/),
  );

  test.each<[string, Entity[]]>([
    ["a forged From header", [{ ...mail("trainer@phish.example"), envelopeSender: "x@evil.example" } as Entity]],
    ["a forged sender with another link", [mail("trainer@phish.example"), url("https://attacker.example/")]],
    ["a link of the simulation in somebody else's mail", [mail("x@attacker.example"), url("https://sim.example/click/1")]],
    ["an attachment", [mail("trainer@phish.example"), file]],
    ["a device", [url("https://sim.example/click/1"), device]],
    ["a host that only ends alike", [url("https://nottraining.example/")]],
    ["another path", [url("https://sim.example/clicks")]],
    ["an evidence nobody knows", [mail("trainer@phish.example"), { kind: "generic", type: "x", value: "{}" }]],
  ])("not %s", (_, entities) => expect(why(...entities)).toBeUndefined());
});

test("one thing more can only make an alert be investigated, never be left out", () => {
  const things = fc.constantFrom<Entity>(
    mail("trainer@phish.example"),
    mail("x@a.example"),
    url("https://sim.example/click"),
    url("https://a.example"),
    file,
    device,
    { kind: "process", name: "x" },
  );
  fc.assert(
    fc.property(fc.array(things, { minLength: 1, maxLength: 5 }), things, (some, more) => {
      if (why(...some) === undefined && some.some(({ kind }) => kind !== "user")) expect(why(...some, more)).toBeUndefined();
    }),
  );
});

test("without a list nothing is left out", () => {
  expect(excludedAtIntake(named(mail("trainer@phish.example")), undefined)).toBeUndefined();
});
