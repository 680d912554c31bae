import { describe, expect, test } from "vitest";
import type { LabMessage, LabUser } from "../../../src/adapters/connectors/lab/world.ts";
import { LAB_KINDS, messageId, userId } from "../../../src/adapters/connectors/lab/world.ts";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { hoursAgo, look, verdictOf } from "../../support/fake-mail-product.ts";
import { NOW, openLab } from "../../support/lab-capabilities.ts";

const signal = new AbortController().signal;
const DOMAIN = "contoso.example";

async function labWith(things: { messages?: Partial<LabMessage>[]; users?: Partial<LabUser>[]; mailbox?: Record<string, unknown> }) {
  const opened = openLab();
  for (const [index, more] of (things.messages ?? []).entries()) {
    const recipient = more.recipient ?? `user-${index}@${DOMAIN}`;
    const id = messageId(more.networkMessageId ?? `m-${index}`, recipient);
    const state = {
      id,
      networkMessageId: `m-${index}`,
      recipient,
      sender: "billing@fabrikam.test",
      subject: "Invoice",
      location: "inbox",
      receivedAt: hoursAgo(2).toISOString(),
      urls: [],
      clicks: [],
      ...more,
    };
    await opened.store.put("message", id, state);
  }
  for (const more of things.users ?? []) {
    const email = more.email ?? `mia@${DOMAIN}`;
    await opened.store.put("user", userId(email, DOMAIN), {
      email,
      name: "Mia",
      enabled: true,
      privileged: [],
      sessions: 1,
      signIns: [],
      ...more,
    });
  }
  if (things.mailbox) await opened.store.put("mailbox", userId(String(things.mailbox.address), DOMAIN), things.mailbox);
  return opened;
}
const first: Entity = { kind: "message", networkMessageId: "m-0" };

describe("clusters", () => {
  const sha256 = "e".repeat(64);
  const campaign: Partial<LabMessage>[] = [
    { subject: "Invoice 1", text: "Pay invoice 1 at https://a.test/1 today", senderIp: "203.0.113.5", urls: ["https://evil.test/pay#x"] },
    {
      subject: "Invoice 2",
      text: "Pay invoice 22 at https://a.test/22 today",
      sender: "x@other.test",
      attachments: [{ name: "a.html", sha256 }],
    },
    { subject: "Minutes", text: "Minutes of Monday", sender: "ida@contoso.example" },
  ];
  test("follow from what messages have in common, whatever they are called", async () => {
    const { lab } = await labWith({ messages: campaign });
    const clusters = (await lab.mail.clusters?.({ kind: "message", networkMessageId: "m-0" }, signal)) ?? [];
    expect(clusters.map(({ by, messages }) => [by, messages.length])).toEqual([
      ["sender-ip", 1],
      ["sender-domain", 1],
      ["subject", 1],
      // Same words, other numbers and links.
      ["fingerprint", 2],
      ["url", 1],
    ]);
    expect(clusters[3]?.perDay).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
  test("are found again under the query they were given", async () => {
    const { lab } = await labWith({ messages: campaign });
    for (const { query, messages } of (await lab.mail.clusters?.({ kind: "message", networkMessageId: "m-1" }, signal)) ?? []) {
      const cluster = { kind: "mail-cluster", query } as const;
      expect(await lab.mail.find(cluster, signal)).toEqual(messages);
      expect((await lab.mail.clusters?.(cluster, signal))?.map((each) => each.query)).toEqual([query]);
    }
  });
  test("other products' queries still name what they contain", async () => {
    const { lab } = await labWith({ messages: campaign });
    const query = 'SenderFromAddress == "x@other.test"';
    expect(await lab.mail.find({ kind: "mail-cluster", query }, signal)).toHaveLength(1);
    expect((await lab.mail.clusters?.({ kind: "mail-cluster", query }, signal))?.length).toBeGreaterThan(1);
  });
});

describe("where mail came from", () => {
  test.each<[string, string, string | undefined, RegExp | undefined]>([
    ["our name from our office", `ida@${DOMAIN}`, "192.0.2.10", /dmarc=pass header\.from=contoso\.example$/],
    ["our name from somewhere else", `ida@${DOMAIN}`, "203.0.113.77", /spf=fail .*dmarc=fail header\.from=contoso\.example$/],
    ["somebody else", "billing@fabrikam.test", "203.0.113.77", /dmarc=none/],
    ["not said", `ida@${DOMAIN}`, undefined, undefined],
  ])("%s", async (_, sender, senderIp, expected) => {
    const { lab } = await labWith({ messages: [{ sender, ...(senderIp ? { senderIp } : {}) }] });
    const [facts] = await lab.mail.find({ kind: "message", networkMessageId: "m-0" }, signal);
    if (expected) expect(facts?.authenticationResults).toMatch(expected);
    else expect(facts?.authenticationResults).toBeUndefined();
  });
  test("a forged colleague is suspicious, a real one is not; other names change nothing", async () => {
    for (const local of ["ida", "zoe.quist"]) {
      for (const [senderIp, verdict] of [
        ["203.0.113.77", "suspicious"],
        ["192.0.2.10", "unknown"],
      ] as const) {
        const { capabilities } = await labWith({ messages: [{ sender: `${local}@${DOMAIN}`, senderIp }] });
        expect(verdictOf(await look("sender-domain", first, capabilities))).toBe(verdict);
      }
    }
  });
});

describe("mailboxes", () => {
  test("every account has one, set up or not; nobody else has", async () => {
    const { lab } = openLab();
    expect(await lab.mail.mailbox?.("MIA@contoso.example", signal)).toMatchObject({
      address: "mia@contoso.example",
      rules: [],
      delegates: [],
      dlp: [],
    });
    expect(await lab.mail.mailbox?.("nobody@contoso.example", signal)).toBeUndefined();
    await lab.adopt([{ kind: "mailbox", address: "yan@fabrikam.test" }]);
    expect(await lab.mail.mailbox?.("yan@fabrikam.test", signal)).toMatchObject({ address: "yan@fabrikam.test" });
  });
  test("what left it is counted from what arrived", async () => {
    const sender = `mia@${DOMAIN}`;
    const messages: Partial<LabMessage>[] = [
      { sender, threats: ["phish"] },
      { sender, threats: ["spam"] },
      { sender },
      ...Array.from({ length: 14 }, () => ({ sender, receivedAt: hoursAgo(60).toISOString() })),
    ];
    const { lab } = await labWith({ messages, mailbox: { address: sender, sentOutside: undefined } });
    expect((await lab.mail.mailbox?.(sender, signal))?.outbound).toEqual({ lastDay: 3, typicalDay: 2, malwareOrPhish: 1, spam: 1 });
  });
  test("a rule that takes mail outside is read, and judged", async () => {
    const rule = { id: "r", name: ".", forwardsTo: "x@mail.test", deletes: true, createdAt: hoursAgo(5).toISOString() };
    const { lab, capabilities } = await labWith({
      mailbox: {
        address: `mia@${DOMAIN}`,
        rules: [rule],
        delegates: [{ who: "x@mail.test", rights: "FullAccess", since: hoursAgo(5).toISOString() }],
      },
    });
    expect((await lab.mail.mailbox?.(`mia@${DOMAIN}`, signal))?.rules).toEqual([{ ...rule, createdAt: hoursAgo(5) }]);
    const user: Entity = { kind: "user", email: `mia@${DOMAIN}` };
    const seen = [...(await look("mail-forwarding", user, capabilities)), ...(await look("mail-delegation", user, capabilities))];
    expect(seen.map(({ label }) => label)).toEqual(["malicious", "malicious"]);
    expect(verdictOf(seen)).toBe("malicious");
  });
});

test("clicks are listed by link, since then, blocked or not", async () => {
  const click = (user: string, hours: number, blocked?: boolean) => ({
    user,
    url: "https://evil.test/a",
    at: hoursAgo(hours).toISOString(),
    device: "WS-001",
    ...(blocked === undefined ? {} : { blocked }),
  });
  const { lab } = await labWith({
    messages: [{ clicks: [click("mia@contoso.example", 1), click("tom@contoso.example", 2, true), click("ida@contoso.example", 90)] }, {}],
  });
  expect(await lab.mail.clicksOn?.("HTTPS://evil.test/a#top", hoursAgo(48), signal)).toEqual([
    { user: "mia@contoso.example", at: hoursAgo(1), device: "WS-001", blocked: false },
    { user: "tom@contoso.example", at: hoursAgo(2), device: "WS-001", blocked: true },
  ]);
  expect(await lab.mail.clicksOn?.("https://evil.test/b", hoursAgo(48), signal)).toEqual([]);
});

test("accounts: places have a location, factors and activities are passed on, risk follows from the address", async () => {
  const at = hoursAgo(1).toISOString();
  const { lab, capabilities } = await labWith({
    users: [
      {
        signIns: [
          { at, ip: "203.0.113.200", app: "Outlook", result: "success", mfa: false, userAgent: "python-requests/2.31" },
          { at: hoursAgo(1.5).toISOString(), ip: "192.0.2.10", app: "Outlook", result: "success" },
        ],
        activities: [
          { at, what: "Created inbox rule '.'", ip: "203.0.113.200" },
          { at, what: "MFA method added", ip: "203.0.113.200" },
        ],
      },
    ],
  });
  const user = { kind: "user", email: `mia@${DOMAIN}` } as const;
  const facts = await lab.identities.find(user, signal);
  expect(facts?.signIns[0]).toMatchObject({
    location: { latitude: 64.147, longitude: -21.943 },
    mfa: false,
    userAgent: "python-requests/2.31",
    risk: "high",
  });
  expect(facts?.signIns[1]).toMatchObject({ location: { latitude: 52.52, longitude: 13.405 }, known: true });
  expect(facts?.activities?.[0]).toEqual({ at: hoursAgo(1), what: "Created inbox rule '.'", ip: "203.0.113.200", risk: "high" });
  expect((await look("sign-ins", user, capabilities)).map(({ technique }) => technique)).toEqual([undefined, "T1078.004", "T1078"]);
  expect(verdictOf(await look("user-activity", user, capabilities))).toBe("suspicious");
});

test("a file named beside a mail and on no device came with the mail", async () => {
  const { lab } = openLab();
  const sha256 = "f".repeat(64);
  await lab.adopt([
    { kind: "message", networkMessageId: "m-9", subject: "Hi", sender: "x@evil.test", recipient: "mia@contoso.example" },
    { kind: "file", sha256, name: "a.html" },
    { kind: "file", sha256: "a".repeat(64), name: "b.exe", device: "WS-001" },
  ]);
  expect((await lab.mail.find({ kind: "message", networkMessageId: "m-9" }, signal))[0]?.attachments).toEqual([{ name: "a.html", sha256 }]);
});

test("records of an older air, without the new fields, still count", () => {
  const old = {
    id: "m",
    networkMessageId: "m",
    recipient: "a",
    sender: "b",
    subject: "c",
    location: "inbox",
    receivedAt: NOW.toISOString(),
    urls: [],
    clicks: [],
  };
  expect(LAB_KINDS.message.safeParse(old).success).toBe(true);
  expect(LAB_KINDS.user.safeParse({ email: "a", name: "b", enabled: true, privileged: [], sessions: 1, signIns: [] }).success).toBe(true);
});
