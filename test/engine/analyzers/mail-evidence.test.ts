import { describe, expect, test } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import { Entity as EntitySchema } from "../../../src/engine/domain/entity.ts";
import type { MailClusterFacts, MessageFacts } from "../../../src/engine/ports.ts";
import { cpuMs } from "../../support/cpu-time.ts";
import {
  account,
  alertSays,
  difference,
  type Holding,
  holding,
  hoursAgo,
  look,
  mailbox,
  message,
  reached,
  source,
} from "../../support/fake-mail-product.ts";

const entity: Entity = { kind: "message", networkMessageId: "3c1f2a7e-0001" };
const sha256 = "c".repeat(64);
const HOSTILE = `<!channel> @everyone ${"https://evil.test/a ".repeat(10)}${"x".repeat(10_000)}\u202e\n# heading`;

describe("mail-indicators", () => {
  test("a defanged link in the text is found, and judged by who knows it", async () => {
    const capabilities = holding({
      messages: [message({ text: "Your parcel waits at hxxps://parcel[.]evil[.]test/track?id=1. Regards" })],
      reputation: [source("intel", ["url"], { "https://parcel.evil.test/track?id=1": {} })],
    });
    const url = "url:url:https://parcel.evil.test/track?id=1";
    expect((await reached(["url-reputation"], entity, capabilities)).get(url)).toBeUndefined();
    expect((await reached(["url-reputation", "mail-indicators"], entity, capabilities)).get(url)).toBe("malicious");
  });
  test("links, attachments, address and domain of the sender become evidence; ours and everybody's do not", async () => {
    const facts = message({
      urls: ["https://evil.test/a", "https://intranet.contoso.example/news", "http://10.0.0.8/x", "https://www.microsoft.com/"],
      attachments: [{ name: "invoice.html", sha256: sha256.toUpperCase() }, { name: "logo.png" }, { name: "broken", sha256: "12" }],
      senderIp: "203.0.113.5",
      text: `Call 198.51.100.7 or see report.zip, bad-host[.]com, contoso.example and ${"d".repeat(64)}`,
    });
    const [seen] = await look("mail-indicators", entity, holding({ messages: [facts] }));
    expect(seen).toMatchObject({
      label: "neutral",
      weight: 0,
      family: "mail",
      text: "To look up from the message: 1 link, 2 files, 2 addresses, 2 domains.",
    });
    expect(seen?.found).toEqual([
      { kind: "url", url: "https://evil.test/a" },
      { kind: "file", sha256, name: "invoice.html" },
      { kind: "ip", address: "203.0.113.5" },
      { kind: "domain", name: "fabrikam.example" },
      { kind: "domain", name: "bad-host.com" },
      { kind: "ip", address: "198.51.100.7" },
      { kind: "file", sha256: "d".repeat(64) },
    ]);
  });
  test("a message among ourselves, and a free mail provider, give nothing to look up", async () => {
    for (const sender of ["ida@contoso.example", "somebody@gmail.com", "MAILER-DAEMON"]) {
      expect((await look("mail-indicators", entity, holding({ messages: [message({ sender })] })))[0]?.found).toBeUndefined();
    }
  });
  test.each<[string, string]>([
    ["one long word", "a.".repeat(50_000)],
    ["numbers", "1.".repeat(50_000)],
    ["brackets", "[.]".repeat(50_000)],
    ["schemes", "http://".repeat(20_000)],
    ["thousands of links", Array.from({ length: 5000 }, (_, index) => `https://h${index}.test/`).join(" ")],
    ["words and mentions", HOSTILE],
  ])("hostile text comes back quickly and bounded: %s", async (_, text) => {
    const messages = Array.from({ length: 300 }, (_each, index) =>
      message({ id: `m-${index}`, text: `${index} ${text}`, urls: [`https://u${index}.test/${"x".repeat(5000)}`] }),
    );
    const started = cpuMs();
    const [seen] = await look("mail-indicators", { kind: "mail-cluster", query: "q" }, holding({ messages }));
    expect(cpuMs() - started).toBeLessThan(3000);
    expect(seen?.found?.length ?? 0).toBeLessThan(300);
    for (const found of seen?.found ?? []) expect(EntitySchema.safeParse(found).success).toBe(true);
  });
});

describe("mail-clusters", () => {
  const cluster = (by: MailClusterFacts["by"], value: string, messages: MessageFacts[]): MailClusterFacts => ({
    by,
    value,
    query: `${by}:${value}`,
    messages,
  });
  const three = (threats: (string[] | undefined)[]) =>
    threats.map((each, index) =>
      message({ id: `m-${index}`, location: index === 0 ? "quarantine" : "inbox", ...(each ? { threats: each } : {}) }),
    );
  const clusters = (...all: MailClusterFacts[]) => holding({ clusters: all });

  test("malware in the cluster makes the message malicious, mixed or not", async () => {
    const capabilities = clusters(cluster("fingerprint", "f00d", three([["malware"], undefined, ["Spam"]])));
    expect(await difference("mail-clusters", entity, capabilities)).toBe("unknown → malicious");
    expect(await look("mail-clusters", entity, capabilities)).toMatchObject([
      {
        label: "malicious",
        family: "mail",
        text: "3 emails with the body in common: 2 delivered, 2 still in mailboxes; the mail product calls 1 malware or high-confidence phish, 1 phish or spam, 1 nothing (mixed).",
        found: [{ kind: "mail-cluster", query: "fingerprint:f00d" }],
      },
    ]);
  });
  test.each<[string, MailClusterFacts["by"], string[], string]>([
    ["high-confidence phish by link", "url", ["highConfidencePhish"], "unknown → malicious"],
    ["high-confidence phish as Graph writes it", "attachment", ["High confidence phish"], "unknown → malicious"],
    ["ordinary phish", "url", ["phish"], "unknown → suspicious"],
    ["spam", "fingerprint", ["spam"], "unknown → suspicious"],
    // Half the world shares a provider's domain and its addresses.
    ["one malware of three from the same sender", "sender-ip", ["malware"], "unknown → unknown"],
    ["spam from the same address", "sender-ip", ["spam"], "unknown → unknown"],
    ["no threat", "url", [], "unknown → unknown"],
  ])("%s", async (_, by, threats, expected) => {
    const value = by === "url" ? "https://evil.test/a" : "v";
    expect(await difference("mail-clusters", entity, clusters(cluster(by, value, three([threats, undefined, undefined]))))).toBe(expected);
  });
  test("a sender most of whose mail is malware is suspicious; a provider everybody uses is not", async () => {
    const mostly = (value: string) => clusters(cluster("sender-domain", value, three([["malware"], ["malware"], undefined])));
    expect(await difference("mail-clusters", entity, mostly("evil.test"))).toBe("unknown → suspicious");
    for (const shared of ["gmail.com", "contoso.example"])
      expect(await difference("mail-clusters", entity, mostly(shared))).toBe("unknown → unknown");
  });
  test.each<[string[], string]>([
    [["Malware"], "unknown → malicious"],
    [["phish"], "unknown → suspicious"],
    [[], "unknown → unknown"],
  ])("what the product calls the message itself counts, whatever is around it: %o", async (threats, expected) => {
    const itself = message({ threats });
    const around = cluster("sender-ip", "203.0.113.5", [itself, ...three([undefined, undefined, undefined])]);
    const capabilities = holding({ messages: [itself], clusters: [around] });
    expect(await difference("mail-clusters", entity, capabilities)).toBe(expected);
    expect(await difference("mail-clusters", entity, holding({ messages: [itself], clusters: [] }))).toBe(expected);
  });
  test("a link everybody carries makes no cluster", async () => {
    const shared = cluster("url", "https://www.microsoft.com/", three([["malware"], undefined, undefined]));
    expect(await look("mail-clusters", entity, clusters(shared))).toMatchObject([
      { label: "neutral", text: "No other mail belongs to it." },
    ]);
  });
  test("the same messages under several names are one cluster, and the one that was asked about is not found again", async () => {
    const messages = three([undefined, undefined, undefined]);
    const all = [
      cluster("sender-domain", "evil.test", messages),
      cluster("url", "https://evil.test/a", messages),
      cluster("subject", "Hi", [...messages, message({ id: "m-9" })]),
    ];
    const [seen] = await look("mail-clusters", entity, clusters(...all));
    expect(seen?.found).toEqual([
      { kind: "mail-cluster", query: "url:https://evil.test/a" },
      { kind: "mail-cluster", query: "subject:Hi" },
    ]);
    const [itself] = await look("mail-clusters", { kind: "mail-cluster", query: "url:https://evil.test/a" }, clusters(all[1]!));
    expect(itself?.found).toBeUndefined();
  });
  test("mail that is found message by message anyway is no cluster beside, more of it is", async () => {
    const messages = Array.from({ length: 30 }, (_, index) => message({ id: `m-${index}` }));
    const [itself, ...others] = messages.map((each, index) => (index === 0 ? message() : each));
    const around = (size: number) => cluster("url", "https://evil.test/a", [itself!, ...others.slice(0, size)]);
    const found = async (size: number) =>
      (await look("mail-clusters", entity, holding({ messages: [itself!], similar: others.slice(0, size), clusters: [around(size)] })))[0]
        ?.found;
    expect(await found(20)).toBeUndefined();
    expect(await found(21)).toEqual([{ kind: "mail-cluster", query: "url:https://evil.test/a" }]);
  });
  test("a single message is no cluster", async () => {
    expect((await look("mail-clusters", entity, clusters(cluster("subject", "Hi", [message()]))))[0]).toMatchObject({ label: "neutral" });
    expect(await look("mail-clusters", entity, holding({}))).toEqual([]);
  });
  test("hostile subjects and huge clusters", async () => {
    const messages = Array.from({ length: 12_000 }, (_, index) =>
      message({ id: `m-${index}`, threats: Array.from({ length: 100 }, () => "x") }),
    );
    const [seen] = await look(
      "mail-clusters",
      entity,
      clusters(...Array.from({ length: 30 }, (_, index) => cluster("subject", HOSTILE, messages.slice(index)))),
    );
    expect(seen?.text.length).toBeLessThan(400);
    expect(seen?.text).not.toMatch(/[\n\u202e]/);
    // Its query would be longer than a query can be.
    expect(seen?.found).toBeUndefined();
  });
});

describe("mail-volume: said, never a vote", () => {
  const counted = (perDay: number[]) => holding({ clusters: [{ by: "subject", value: "Invoice 4711", query: "q", messages: [], perDay }] });
  test.each<[string, number[], RegExp]>([
    ["an unusual day", [400, 3, 5, 4, 2], /^Unusual volume: 400 emails today with the same subject "Invoice 4711", 4 on a usual day\.$/],
    ["a usual day", [6, 3, 5, 4, 2], /^The volume is as usual\.$/],
    ["few, though many times more", [15, 0, 0, 0, 0], /as usual/],
    ["not counted long enough", [400, 3], /not counted long enough/],
    ["one earlier campaign is not the usual", [300, 900, 2, 3, 1], /Unusual volume/],
  ])("%s", async (_, perDay, text) => {
    expect(await look("mail-volume", entity, counted(perDay))).toMatchObject([
      { label: "neutral", weight: 0, text: expect.stringMatching(text) },
    ]);
    expect(await difference("mail-volume", entity, counted(perDay), [alertSays("suspicious")])).toBe("suspicious → suspicious");
  });
});

describe("missed-mail", () => {
  const removed = message({ id: "m-1", recipient: "tom@contoso.example", location: "quarantine", threats: ["highConfidencePhish"] });
  const left = message({ location: "junk" });
  test("a copy left behind after a removal is as bad as the removed ones", async () => {
    const capabilities = holding({ messages: [left], similar: [removed, message({ id: "m-2", recipient: "ida@contoso.example" })] });
    expect(await difference("missed-mail", entity, capabilities)).toBe("unknown → malicious");
    const [seen] = await look("missed-mail", entity, capabilities);
    expect(seen?.text).toBe(
      "1 copy was removed or quarantined as malware or high-confidence phish, but 2 are still in 2 mailboxes (mia@contoso.example, ida@contoso.example).",
    );
    expect(seen?.found).toMatchObject([{ networkMessageId: "3c1f2a7e-0001" }, { networkMessageId: "m-2" }]);
  });
  test.each<[string, Partial<MessageFacts>]>([
    ["the same link", { urls: ["https://evil.test/a"] }],
    ["the same body", { fingerprint: "f00d" }],
    ["the same attachment", { attachments: [{ name: "a.html", sha256 }] }],
  ])("another sending with %s is left behind, too", async (_, shared) => {
    const similar = [message({ ...removed, sender: "x@evil.test", subject: "Parcel", ...shared })];
    expect(await difference("missed-mail", entity, holding({ messages: [message(shared)], similar }))).toBe("unknown → malicious");
  });
  test("one left, and a mailbox that sends mail on", async () => {
    const mailboxes = [mailbox({ address: "tom@contoso.example", forwardsTo: "smtp:tom.private@mail.test" })];
    const [seen] = await look("missed-mail", entity, holding({ messages: [left], similar: [removed], mailboxes }));
    expect(seen?.text).toContain(
      "but one is still in 1 mailbox (mia@contoso.example). Mailboxes that had it send mail on: tom@contoso.example to tom.private@mail.test.",
    );
  });
  test.each<[string, Holding]>([
    ["nothing was removed", { messages: [left], similar: [message({ id: "m-1" })] }],
    ["a person deleted their copy", { messages: [left], similar: [message({ id: "m-1", location: "deleted" })] }],
    ["all are gone", { messages: [removed], similar: [] }],
    [
      "only a link to a well-known page is the same",
      {
        messages: [message({ subject: "Newsletter", urls: ["https://www.microsoft.com/"] })],
        similar: [message({ ...removed, sender: "x@evil.test", urls: ["https://www.microsoft.com/"] })],
      },
    ],
    ["no mailbox holds it", {}],
  ])("accuses nobody where %s", async (_, facts) => {
    expect(await look("missed-mail", entity, holding(facts))).toMatchObject([{ label: "neutral", weight: 0 }]);
  });
  test("thousands left are counted and bounded", async () => {
    const similar = Array.from({ length: 5000 }, (_, index) =>
      message({ id: `m-${index}`, recipient: `u${index}@contoso.example`, subject: HOSTILE }),
    );
    const [seen] = await look("missed-mail", entity, holding({ messages: [removed], similar, mailboxes: [] }));
    expect(seen?.text.length).toBeLessThan(500);
    expect(seen?.found ?? []).toHaveLength(0);
    const [strong] = await look(
      "missed-mail",
      entity,
      holding({ messages: [left], similar: [{ ...removed, id: "removed", subject: HOSTILE }, ...similar] }),
    );
    expect(strong?.found).toHaveLength(20);
    for (const found of strong?.found ?? []) expect(EntitySchema.safeParse(found).success).toBe(true);
  });
});

describe("sender-ip", () => {
  const sentFrom = (senderIp: string, asked: string[] = [], book: Parameters<typeof source>[2] = {}) =>
    holding({ messages: [message({ senderIp })], reputation: [source("abuse", ["ip"], book, asked), source("urls", ["url"], {})] });
  test("an address with reports makes the message suspicious and never more: others send from it, too", async () => {
    const capabilities = sentFrom("203.0.113.5", [], { "203.0.113.5": { text: "Reported 412 times." } });
    expect(await difference("sender-ip", entity, capabilities)).toBe("unknown → suspicious");
    expect(await look("sender-ip", entity, capabilities)).toMatchObject([
      { family: "mail", label: "neutral", found: [{ kind: "ip", address: "203.0.113.5" }] },
      { family: "abuse", source: "abuse", label: "suspicious", weight: 2, text: "Sent from 203.0.113.5: Reported 412 times." },
    ]);
  });
  test("an address without reports acquits nobody", async () => {
    const capabilities = sentFrom("203.0.113.5", [], { "203.0.113.5": { label: "benign", weight: 2 } });
    expect(await difference("sender-ip", entity, capabilities, [alertSays("suspicious")])).toBe("suspicious → suspicious");
  });
  test.each(["10.1.2.3", "::1", "not an address", "", "999.1.1.1"])("nobody outside is told of %j", async (senderIp) => {
    const asked: string[] = [];
    for (const seen of await look("sender-ip", entity, sentFrom(senderIp, asked))) expect(seen).toMatchObject({ label: "neutral" });
    expect(asked).toEqual([]);
  });
  test("a campaign from many addresses costs three questions", async () => {
    const asked: string[] = [];
    const messages = Array.from({ length: 250 }, (_, index) => message({ id: `m-${index}`, senderIp: `203.0.113.${index}` }));
    await look("sender-ip", { kind: "mail-cluster", query: "q" }, holding({ messages, reputation: [source("abuse", ["ip"], {}, asked)] }));
    expect(asked).toHaveLength(3);
  });
});

describe("url-clicks", () => {
  const url: Entity = { kind: "url", url: "https://evil.test/a" };
  const click = (user: string, hours: number, blocked = false, device?: string) => ({
    user,
    at: hoursAgo(hours),
    blocked,
    ...(device ? { device } : {}),
  });
  test("who was let through is found, so that a taken account comes to light", async () => {
    const capabilities = holding({
      clicks: [click("Mia@contoso.example", 5, false, "WS-001"), click("mia@contoso.example", 4), click("tom@contoso.example", 60)],
      users: [
        account({
          signIns: [
            { at: hoursAgo(1), ip: "203.0.113.9", place: "Reykjavik", app: "Outlook", result: "success", risk: "high", known: false },
          ],
        }),
      ],
    });
    const user = "user:email:mia@contoso.example";
    expect((await reached(["sign-ins"], url, capabilities)).get(user)).toBeUndefined();
    expect((await reached(["sign-ins", "url-clicks"], url, capabilities)).get(user)).toBe("suspicious");
    expect(await look("url-clicks", url, capabilities)).toMatchObject([
      {
        label: "neutral",
        text: "Pressed 2 times in the last 48 hours, 0 of them blocked. Let through: mia@contoso.example, last at 2026-10-05 05:00 UTC.",
        found: [
          { kind: "user", email: "mia@contoso.example" },
          { kind: "device", name: "WS-001" },
        ],
      },
    ]);
  });
  test("a link the product blocks at the click is suspicious; the stopped ones are not taken in", async () => {
    const capabilities = holding({ clicks: [click("mia@contoso.example", 5, true, "WS-001")] });
    expect(await difference("url-clicks", url, capabilities)).toBe("unknown → suspicious");
    expect((await look("url-clicks", url, capabilities))[0]?.found).toBeUndefined();
  });
  test("clicks alone accuse nobody; none, and no such call", async () => {
    expect(await difference("url-clicks", url, holding({ clicks: [click("mia@contoso.example", 1)] }))).toBe("unknown → unknown");
    expect(await look("url-clicks", url, holding({ clicks: [] }))).toMatchObject([
      { label: "neutral", text: expect.stringContaining("Nobody") },
    ]);
    expect(await look("url-clicks", url, holding({}))).toEqual([]);
  });
  test("thousands of clicks are bounded", async () => {
    const clicks = Array.from({ length: 20_000 }, (_, index) =>
      click(`${"u".repeat(2000)}${index}@contoso.example`, 1, false, `WS-${index}`),
    );
    const [seen] = await look("url-clicks", url, holding({ clicks }));
    expect(seen?.found).toHaveLength(40);
    expect(seen?.text.length).toBeLessThan(500);
  });
});

describe("user-report", () => {
  const reported = (as: "phish" | "malware" | "junk" | "notJunk", more: Partial<MessageFacts> = {}) =>
    message({ reportedBy: { user: "mia@contoso.example", at: hoursAgo(1), as }, ...more });
  test.each<[Parameters<typeof reported>[0], string]>([
    ["phish", "unknown → suspicious"],
    ["malware", "unknown → suspicious"],
    ["junk", "unknown → unknown"],
    ["notJunk", "unknown → unknown"],
  ])("reported as %s", async (as, expected) => {
    expect(await difference("user-report", entity, holding({ messages: [reported(as)] }))).toBe(expected);
  });
  test("one voice for harmless does not outweigh the alert", async () => {
    expect(await difference("user-report", entity, holding({ messages: [reported("notJunk")] }), [alertSays("malicious")])).toBe(
      "suspicious → suspicious",
    );
  });
  test("what the reported text names is found; what nobody reported is left alone", async () => {
    const text = "Log in at hxxp://evil[.]test/login";
    const [seen] = await look("user-report", entity, holding({ messages: [reported("phish", { text })] }));
    expect(seen).toMatchObject({
      text: "Reported as phish by 1 person: mia@contoso.example.",
      found: [{ kind: "url", url: "http://evil.test/login" }],
    });
    expect(await look("user-report", entity, holding({ messages: [message({ text })] }))).toEqual([
      expect.objectContaining({ label: "neutral", text: "Nobody reported this message." }),
    ]);
  });
  test("reported by thousands, with hostile names", async () => {
    const messages = Array.from({ length: 5000 }, (_, index) =>
      message({ id: `m-${index}`, text: HOSTILE, reportedBy: { user: `${index}${HOSTILE}`, at: hoursAgo(1), as: "phish" } }),
    );
    const [seen] = await look("user-report", { kind: "mail-cluster", query: "q" }, holding({ messages }));
    expect(seen?.text.length).toBeLessThan(500);
    expect(seen?.weight).toBe(1);
  });
});

describe("domain-reputation", () => {
  const domain = (name: string): Entity => ({ kind: "domain", name });
  test("a listed domain is malicious, asked in the form sources store", async () => {
    const asked: string[] = [];
    const reputation = [source("intel", ["domain"], { "evil.test": {} }, asked)];
    expect(await difference("domain-reputation", domain("Evil.TEST."), holding({ reputation }))).toBe("unknown → malicious");
    await look("domain-reputation", domain("p\u0430ypal.com"), holding({ reputation }));
    expect(asked).toEqual(["evil.test", "xn--pypal-4ve.com"]);
  });
  test.each(["contoso.example", "mail.contoso.example", "printer.local", "google.com"])(
    "nobody outside is asked about %s",
    async (name) => {
      const asked: string[] = [];
      const capabilities = holding({ reputation: [source("intel", ["domain"], {}, asked)] });
      expect(await look("domain-reputation", domain(name), capabilities)).toMatchObject([{ label: "neutral", family: "air-rules" }]);
      expect(asked).toEqual([]);
    },
  );
  test("an unknown one stays unknown", async () => {
    expect(
      await difference("domain-reputation", domain("fabrikam.example"), holding({ reputation: [source("intel", ["domain"], {})] })),
    ).toBe("unknown → unknown");
  });
});
test("mail-contents takes in the devices on which a link was pressed", async () => {
  const clicks = Array.from({ length: 30 }, (_, index) => ({
    user: "mia@contoso.example",
    url: "https://evil.test/a",
    at: hoursAgo(1),
    device: `WS-${index}`,
  }));
  const [seen] = await look("mail-contents", entity, holding({ messages: [message({ clicks })] }));
  expect(seen?.found?.filter(({ kind }) => kind === "device")).toHaveLength(20);
  expect(seen?.found).toContainEqual({ kind: "device", name: "WS-0" });
});
