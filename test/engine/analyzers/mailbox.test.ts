import { describe, expect, test } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import type { MailboxFacts } from "../../../src/engine/ports.ts";
import { account, alertSays, difference, holding, hoursAgo, look, mailbox } from "../../support/fake-mail-product.ts";
import { lookContext } from "../../support/look-context.ts";

const user: Entity = { kind: "user", email: "mia@contoso.example" };
const box = (more: Partial<MailboxFacts>) => holding({ mailboxes: [mailbox(more)] });
const rule = (more: Partial<MailboxFacts["rules"][number]> = {}) => ({ id: "r-1", name: "Invoices", ...more });
const OLD = hoursAgo(24 * 90);
const NEW = hoursAgo(30);
const OUTSIDE = "mia.private@mail.test";
const HOSTILE = `@everyone <!channel> ${"x".repeat(10_000)}\u202e\nnext`;

const MAILBOX_ANALYZERS = ["mail-forwarding", "mail-delegation", "outbound-mail", "outbound-threats", "dlp-violations"];

describe.each(MAILBOX_ANALYZERS)("%s", (name) => {
  test("says nothing against an ordinary mailbox, in the family of the mail product", async () => {
    const ordinary = box({
      rules: [
        rule({ movesTo: "Newsletters", createdAt: NEW }),
        rule({ name: "Old", movesTo: "Archive", createdAt: NEW }),
        rule({ forwardsTo: "tom@contoso.example", createdAt: NEW }),
      ],
      delegates: [{ who: "assistant@contoso.example", rights: "Reviewer", since: NEW }],
    });
    for (const entity of [user, { kind: "mailbox", address: "Mia@contoso.example" } as const]) {
      expect(await look(name, entity, ordinary)).toMatchObject([{ label: "neutral", weight: 0, family: "mail", source: "exchange" }]);
    }
  });
  test("finds the mailbox of a person the source knows by name only", async () => {
    const capabilities = holding({ mailboxes: [mailbox()], users: [account()] });
    const [seen] = await look(name, { kind: "user", name: "Mia Keller" }, capabilities);
    expect(seen?.text).not.toContain("knows no mailbox");
    const [unknown] = await look(name, { kind: "user", name: "Nobody" }, capabilities);
    expect(unknown).toMatchObject({ label: "neutral", text: expect.stringContaining("knows no mailbox") });
  });
  test("asks nothing where the product has no call for mailboxes", async () => {
    expect(await look(name, user, holding({}))).toEqual([]);
  });
  test("hostile and huge mailboxes are bounded", async () => {
    const many = <T>(value: T) => Array.from({ length: 20_000 }, () => value);
    const seen = await look(
      name,
      user,
      box({
        rules: many(
          rule({ name: HOSTILE, forwardsTo: `${HOSTILE}@evil.test;`.repeat(50), movesTo: HOSTILE, deletes: true, createdAt: NEW }),
        ),
        delegates: many({ who: `${HOSTILE}@evil.test`, rights: HOSTILE, since: NEW }),
        dlp: many({ at: NEW, rule: HOSTILE, subject: HOSTILE }),
      }),
    );
    for (const { text } of seen) {
      expect(text.length).toBeLessThan(1000);
      expect(text).not.toMatch(/[\n\u202e]/);
    }
    expect(seen.length).toBeLessThanOrEqual(2);
  });
});

describe("mail-forwarding", () => {
  test.each<[string, Partial<MailboxFacts>, string]>([
    ["a new rule sends mail outside", { rules: [rule({ forwardsTo: OUTSIDE, createdAt: NEW })] }, "unknown → suspicious"],
    ["an old one does", { rules: [rule({ forwardsTo: OUTSIDE, createdAt: OLD })] }, "unknown → suspicious"],
    ["the mailbox itself does", { forwardsTo: `smtp:${OUTSIDE}` }, "unknown → suspicious"],
    ["it is sent on and removed", { rules: [rule({ forwardsTo: OUTSIDE, deletes: true, createdAt: OLD })] }, "unknown → suspicious"],
    ["a new rule deletes mail", { rules: [rule({ deletes: true, createdAt: NEW })] }, "unknown → suspicious"],
    [
      "a rule called dot moves mail to the RSS folder",
      { rules: [rule({ name: ".", movesTo: "RSS Feeds", createdAt: NEW })] },
      "unknown → suspicious",
    ],
    ["an old rule deletes mail", { rules: [rule({ deletes: true, createdAt: OLD })] }, "unknown → unknown"],
    ["sorted into the archive", { rules: [rule({ movesTo: "Inbox/Archive", createdAt: NEW })] }, "unknown → unknown"],
    ["sent on to a colleague", { rules: [rule({ forwardsTo: "ida@contoso.example;printer", createdAt: NEW })] }, "unknown → unknown"],
  ])("%s: %#", async (_, facts, expected) => {
    expect(await difference("mail-forwarding", user, box(facts))).toBe(expected);
  });
  test("a new one outside turns what the alert suspected into malicious; an old one does not", async () => {
    const said = [alertSays("suspicious")];
    expect(await difference("mail-forwarding", user, box({ rules: [rule({ forwardsTo: OUTSIDE, createdAt: NEW })] }), said)).toBe(
      "suspicious → malicious",
    );
    expect(await difference("mail-forwarding", user, box({ forwardsTo: OUTSIDE }), said)).toBe("suspicious → suspicious");
  });
  test("only what hides itself is called malicious, so only that may ever act by itself", async () => {
    const labels = async (facts: Partial<MailboxFacts>) => (await look("mail-forwarding", user, box(facts))).map(({ label }) => label);
    expect(await labels({ rules: [rule({ forwardsTo: OUTSIDE, createdAt: NEW })] })).toEqual(["suspicious"]);
    expect(await labels({ rules: [rule({ forwardsTo: OUTSIDE, movesTo: "Deleted Items", createdAt: NEW })] })).toEqual(["malicious"]);
  });
  test("says whereto, and many rules vote once", async () => {
    const rules = Array.from({ length: 40 }, (_, index) => rule({ id: `${index}`, forwardsTo: `a${index}@evil.test`, createdAt: NEW }));
    expect(await look("mail-forwarding", user, box({ rules }))).toMatchObject([
      {
        text: "A rule made in the last 7 days sends mail on to a0@evil.test, a1@evil.test, a2@evil.test and 37 more outside the organisation.",
        technique: "T1114.003",
      },
    ]);
  });
  test("without configured domains the mailbox's own one is ours", async () => {
    const context = lookContext({ organization: { name: "", domains: [], internalRanges: [] } });
    const facts = box({ rules: [rule({ forwardsTo: "tom@mail.contoso.example" })] });
    expect(await look("mail-forwarding", user, facts, context)).toMatchObject([{ label: "neutral" }]);
    expect(await look("mail-forwarding", user, box({ forwardsTo: OUTSIDE }), context)).toMatchObject([{ label: "suspicious" }]);
  });
});

describe("mail-delegation", () => {
  test.each<[string, MailboxFacts["delegates"], string, string]>([
    ["somebody outside, new", [{ who: OUTSIDE, rights: "Reviewer", since: NEW }], "unknown → suspicious", "malicious"],
    ["full access inside, new", [{ who: "tom@contoso.example", rights: "FullAccess", since: NEW }], "unknown → suspicious", "suspicious"],
    ["somebody outside, unknown since when", [{ who: OUTSIDE, rights: "FullAccess" }], "unknown → suspicious", "suspicious"],
    ["full access inside, old", [{ who: "assistant", rights: "FullAccess", since: OLD }], "unknown → unknown", "neutral"],
    ["nobody", [], "unknown → unknown", "neutral"],
  ])("%s", async (_, delegates, expected, label) => {
    expect(await difference("mail-delegation", user, box({ delegates }))).toBe(expected);
    expect(await look("mail-delegation", user, box({ delegates }))).toMatchObject([{ label }]);
  });
});

describe("outbound-mail", () => {
  test.each<[number, number, string]>([
    [4000, 15, "unknown → suspicious"],
    [100, 0, "unknown → suspicious"],
    // An invitation to the department, and a quiet person's busy day.
    [120, 15, "unknown → unknown"],
    [60, 2, "unknown → unknown"],
    [0, 0, "unknown → unknown"],
  ])("%i in the last day, %i usually: %s", async (lastDay, typicalDay, expected) => {
    expect(await difference("outbound-mail", user, box({ outbound: { lastDay, typicalDay, malwareOrPhish: 0, spam: 0 } }))).toBe(expected);
  });
});

describe("outbound-threats", () => {
  test.each<[number, number, "malicious" | "suspicious" | "neutral", string]>([
    [40, 0, "malicious", "suspicious → malicious"],
    // Somebody sent a sample on, to ask.
    [1, 0, "suspicious", "suspicious → suspicious"],
    [0, 25, "suspicious", "suspicious → suspicious"],
    [0, 2, "neutral", "suspicious → suspicious"],
    [0, 0, "neutral", "suspicious → suspicious"],
  ])("%i malware or phish, %i spam: %s", async (malwareOrPhish, spam, label, expected) => {
    const capabilities = box({ outbound: { lastDay: 50, typicalDay: 15, malwareOrPhish, spam } });
    expect(await look("outbound-threats", user, capabilities)).toMatchObject([{ label }]);
    expect(await difference("outbound-threats", user, capabilities, [alertSays("suspicious")])).toBe(expected);
  });
  test("alone, a few sent threats make the account suspicious", async () => {
    expect(await difference("outbound-threats", user, box({ outbound: { lastDay: 1, typicalDay: 1, malwareOrPhish: 1, spam: 0 } }))).toBe(
      "unknown → suspicious",
    );
  });
});

test("dlp-violations lists what matched lately, and changes nothing", async () => {
  const capabilities = box({
    dlp: [
      { at: NEW, rule: "Credit card numbers", subject: "customers.xlsx" },
      { at: NEW, rule: "Credit card numbers" },
      { at: NEW, rule: "Passport numbers" },
      { at: OLD, rule: "Old one" },
    ],
  });
  expect(await look("dlp-violations", user, capabilities)).toMatchObject([
    { label: "neutral", weight: 0, text: "3 data-loss matches in the last 7 days: Credit card numbers (2), Passport numbers (1)." },
  ]);
  expect(await difference("dlp-violations", user, capabilities, [alertSays("suspicious")])).toBe("suspicious → suspicious");
});
