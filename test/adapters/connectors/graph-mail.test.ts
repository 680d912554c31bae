import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { kqlList, kqlText } from "../../../src/adapters/connectors/graph/hunting-kql.ts";
import type { Entity, EntityOf } from "../../../src/engine/domain/entity.ts";
import type { HuntingCapability, MailCapability } from "../../../src/engine/ports.ts";
import { type FakeGraph, fakeGraph } from "../../support/fake-graph.ts";
import fc from "../../support/fast-check.ts";
import { literalsIn } from "../../support/graph/hunting.ts";
import { NOW } from "../../support/lab-capabilities.ts";

const signal = new AbortController().signal;
const ID = "73ca4154-58d8-43d0-a890-08dc18c52e6d";
const message = (more: Partial<EntityOf<"message">> = {}): EntityOf<"message"> => ({ kind: "message", networkMessageId: ID, ...more });

let fake: FakeGraph;
let now = NOW;
let mail: MailCapability;
let hunting: HuntingCapability;
beforeAll(async () => {
  fake = await fakeGraph(() => now);
});
beforeEach(() => {
  fake.reset();
  now = NOW;
  const connector = fake.connect();
  [mail, hunting] = [connector.mail!, connector.hunting!];
});
afterAll(() => fake.close());

describe("values in a query", () => {
  const hostile = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom('"', "\\", '\\"', '" or 1==1 //', "'", "\r\n| project x", "\u2028", '#h"x"', '@"', "```"),
  );

  test("no value leaves its literal", () => {
    fc.assert(
      fc.property(hostile, (value) => {
        const literal = kqlText(value);
        expect(literal).toMatch(/^(?:"[^"\\\p{C}]*"|base64_decode_tostring\("[A-Za-z0-9+/=]*"\))$/u);
        expect(literal).toMatch(/^[ -~]*$/);
        expect(literalsIn(literal)).toEqual([value.toWellFormed()]);
      }),
    );
  });

  test("a list is as many literals as it has values", () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 5 }), (values) => {
        expect(literalsIn(kqlList(values))).toEqual(values.map((value) => value.toWellFormed()));
      }),
    );
  });

  test("whatever an alert names, the query around it stays the same", async () => {
    const shape = (query: string) => query.replaceAll(/base64_decode_tostring\("[^"]*"\)|"[^"]*"/g, "?");
    const shapes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (subject, sender) => {
        fc.pre(subject !== "" && sender !== "");
        const fresh = fake.connect().mail!;
        await fresh.find({ kind: "message", subject, sender }, signal);
        shapes.add(shape(fake.hunting.queries.at(-1) ?? ""));
      }),
      { numRuns: 30 },
    );
    expect(shapes.size).toBe(1);
  });
});

describe("finding mail", () => {
  test("one message in every mailbox, with where it lies now, in the product's own words", async () => {
    fake.mail.add({
      networkMessageId: ID,
      recipient: "mia@contoso.com",
      threatTypes: ["phish"],
      phishConfidenceLevel: "High",
      urls: ["https://evil.example/a"],
    });
    fake.mail.add({ networkMessageId: ID, recipient: "sam@contoso.com", location: "junkFolder" });
    fake.mail.add({ networkMessageId: ID, recipient: "kim@contoso.com", location: "unknown" });
    fake.mail.add({ recipient: "mia@contoso.com" });
    fake.hunting.clicks.push({
      networkMessageId: ID,
      user: "mia@contoso.com",
      url: "https://evil.example/a",
      at: NOW.toISOString(),
      action: "ClickBlocked",
    });
    const found = await mail.find(message(), signal);
    expect(found.map(({ recipient, location }) => [recipient, location])).toEqual([
      ["mia@contoso.com", "inbox"],
      ["sam@contoso.com", "junk"],
      // Not said is not removed.
      ["kim@contoso.com", "inbox"],
    ]);
    expect(found[0]).toMatchObject({
      networkMessageId: ID,
      threats: ["highConfidencePhish"],
      clicks: [{ user: "mia@contoso.com" }],
      authenticationResults: expect.stringContaining("dmarc=fail header.from=evil.example"),
    });
    expect(await mail.find(message({ recipient: "sam@contoso.com" }), signal)).toHaveLength(1);
    const asked = fake.product.calls.find(({ path }) => path.startsWith("/security/collaboration/analyzedEmails?"));
    expect(decodeURIComponent(asked?.path ?? "")).toContain(
      `startTime=2026-09-05T09:00:00.000Z&endTime=2026-10-06T09:00:00.000Z&$filter=networkMessageId eq '${ID}'`,
    );
  });

  test("a quote in what an alert calls an id stays inside the filter", async () => {
    expect(await mail.find(message({ networkMessageId: "x' or networkMessageId ne 'y" }), signal)).toEqual([]);
  });

  test("by internet message id, with or without brackets; a subject alone is no message", async () => {
    const { internetMessageId } = fake.mail.add({ networkMessageId: ID });
    expect(await mail.find({ kind: "message", internetMessageId: internetMessageId.replace(/[<>]/g, "") }, signal)).toHaveLength(1);
    await expect(mail.find({ kind: "message", subject: "Invoice 4711" }, signal)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("subject and sender"),
    });
  });

  test("without hunting the copies are found, and that clicks are not known is said", async () => {
    fake.mail.add({ networkMessageId: ID });
    fake.product.roles = fake.product.roles.filter((role) => role !== "ThreatHunting.Read.All");
    expect(await mail.find(message(), signal)).toMatchObject([{ clicks: [], clicksKnown: false }]);
  });

  test("clusters around a message, each found again by its own query; a provider alone makes nothing similar", async () => {
    const url = "https://evil.example/a";
    const first = fake.mail.add({
      networkMessageId: ID,
      urls: [url],
      emailClusterId: "77",
      attachments: [{ fileName: "a.zip", sha256: "b".repeat(64) }],
    });
    fake.mail.add({ urls: [url], subject: "Other", sender: "x@other.example", senderIp: "198.51.100.1" });
    fake.mail.add({ emailClusterId: "77", subject: "Third", senderIp: "198.51.100.2" });
    fake.mail.add({ subject: first.subject, sender: "hr@contoso.com", senderIp: "198.51.100.3" });
    const clusters = await mail.clusters!(message(), signal);
    expect(Object.fromEntries(clusters.map(({ by, messages }) => [by, messages.length]))).toEqual({
      attachment: 1,
      url: 2,
      fingerprint: 2,
      subject: 2,
      "sender-domain": 2,
      "sender-ip": 1,
    });
    const byUrl = clusters.find(({ by }) => by === "url");
    expect(byUrl).toMatchObject({ query: `url:${url}`, perDay: expect.arrayContaining([2]) });
    expect(await mail.find({ kind: "mail-cluster", query: byUrl?.query ?? "" }, signal)).toHaveLength(2);
    expect((await mail.similar(message(), signal)).map(({ subject }) => subject)).toEqual(["Other"]);
  });

  test("a cluster in a query of Microsoft's own is the messages its alert lists, and without a list is not guessed at", async () => {
    fake.mail.add({ networkMessageId: ID });
    const query = '( (( (BodyFingerprintBin1:"1") ) AND ( (ContentType: 1) )) )';
    expect(await mail.find({ kind: "mail-cluster", query, messageIds: [ID] }, signal)).toHaveLength(1);
    await expect(mail.find({ kind: "mail-cluster", query }, signal)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("Explorer"),
    });
  });

  test("more copies than air handles as one are refused, not cut", async () => {
    for (let at = 0; at <= 2000; at++) fake.mail.add({ networkMessageId: `m-${at}`, emailClusterId: "77" });
    await expect(mail.find({ kind: "mail-cluster", query: "fingerprint:77" }, signal)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("more than 2000 copies"),
    });
  });

  test("who pressed a link since then, and whether it was let through", async () => {
    const url = "https://evil.example/a";
    const at = (hours: number) => new Date(NOW.getTime() - hours * 3_600_000).toISOString();
    fake.hunting.clicks.push(
      { networkMessageId: ID, user: "mia@contoso.com", url, at: at(1), action: "ClickAllowed" },
      { networkMessageId: ID, user: "sam@contoso.com", url, at: at(2), action: "ClickBlocked" },
      { networkMessageId: ID, user: "kim@contoso.com", url, at: at(60), action: "ClickAllowed" },
    );
    expect(await mail.clicksOn!(url, new Date(at(48)), signal)).toMatchObject([
      { user: "mia@contoso.com", blocked: false },
      { user: "sam@contoso.com", blocked: true },
    ]);
  });
});

describe("a mailbox", () => {
  const address = "mia@contoso.com";
  test("its rules as an analyst reads them, and what Graph does not tell is named", async () => {
    fake.mail.rules.set(address, [
      {
        id: "1",
        displayName: ".",
        isEnabled: true,
        actions: { redirectTo: [{ emailAddress: { address: "x@evil.example" } }], delete: true },
      },
      { id: "2", displayName: "off", isEnabled: false, actions: { delete: true } },
    ]);
    expect(await mail.mailbox!(address, signal)).toMatchObject({
      rules: [{ id: "1", name: ".", forwardsTo: "x@evil.example", deletes: true }],
      unread: ["forwarding", "delegates", "dlp"],
    });
    expect(await mail.mailbox!("nobody@contoso.com", signal)).toBeUndefined();
    fake.product.roles = fake.product.roles.filter((role) => role !== "MailboxSettings.ReadWrite");
    await expect(mail.inboxRules!(address, signal)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("lacks MailboxSettings.Read"),
    });
  });
});

describe("hunting", () => {
  const domain: EntityOf<"domain"> = { kind: "domain", name: "evil.example" };
  test("from how many devices a thing was seen", async () => {
    const at = NOW.toISOString();
    fake.hunting.sightings.push(
      { table: "DeviceNetworkEvents", column: "RemoteUrl", value: "evil.example", device: "ws-1", user: "mia@contoso.com", at },
      { table: "DeviceNetworkEvents", column: "RemoteUrl", value: "evil.example", device: "ws-2", at },
      { table: "DeviceFileEvents", column: "SHA256", value: "a".repeat(64), device: "ws-3", at },
    );
    expect(await hunting.seenOn(domain, signal)).toEqual({
      devices: 2,
      names: ["ws-1", "ws-2"],
      users: ["mia@contoso.com"],
      events: 2,
      firstAt: NOW,
      lastAt: NOW,
    });
    expect(await hunting.seenOn({ kind: "file", sha256: "a".repeat(64) }, signal)).toMatchObject({ devices: 1 });
    expect(await hunting.seenOn({ kind: "ip", address: "203.0.113.9" }, signal)).toEqual({ devices: 0, names: [], users: [], events: 0 });
    await expect(hunting.logons({ kind: "user", name: "Administrator" }, signal)).rejects.toMatchObject({
      message: expect.stringContaining("not asked"),
    });
  });

  test("the same question within a minute is asked once; a failed one is asked again", async () => {
    await Promise.all([hunting.seenOn(domain, signal), hunting.seenOn(domain, signal)]);
    await hunting.seenOn(domain, signal);
    expect(fake.hunting.queries).toHaveLength(1);
    now = new Date(NOW.getTime() + 61_000);
    fake.fail({ on: /runHuntingQuery/, how: { status: 429, retryAfter: 30 }, times: 1 });
    await expect(hunting.seenOn(domain, signal)).rejects.toMatchObject({ kind: "unavailable", retryAfterMs: 30_000 });
    now = new Date(now.getTime() + 31_000);
    await hunting.seenOn(domain, signal);
    expect(fake.hunting.queries).toHaveLength(2);
  });

  test("what is good to know leaves questions for what decisions wait for", async () => {
    const asked = Array.from({ length: 26 }, (_, at) => hunting.seenOn({ kind: "domain", name: `d${at}.example` }, signal));
    const ended = await Promise.allSettled(asked);
    expect(ended.filter(({ status }) => status === "rejected")).toHaveLength(1);
    expect(ended.at(-1)).toMatchObject({ reason: { message: expect.stringContaining("not asked: Microsoft Graph hunting quota") } });
    expect(await mail.find({ kind: "mail-cluster", query: "fingerprint:1" }, signal)).toEqual([]);
  });

  test("a missing permission and a table the tenant does not have each say so", async () => {
    fake.hunting.settings.missing = ["DeviceNetworkEvents"];
    await expect(hunting.seenOn(domain, signal)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringMatching(/^not asked: the tenant has no DeviceNetworkEvents/),
    });
    fake.product.roles = fake.product.roles.filter((role) => role !== "ThreatHunting.Read.All");
    await expect(hunting.logons({ kind: "user", email: "mia@contoso.com" }, signal)).rejects.toMatchObject({
      message: expect.stringContaining("lacks ThreatHunting.Read.All"),
    });
  });

  test.each([{ body: "wrongShape" }, { body: "noJson" }, { status: 500 }, { drop: "after" }] as const)(
    "%o leaves nothing unclear: it only asks",
    async (how) => {
      fake.fail({ on: /runHuntingQuery/, how, times: 3 });
      await expect(hunting.seenOn(domain, signal)).rejects.toMatchObject({ kind: "unavailable" });
    },
  );

  test("giving up on an answer leaves it to the others", async () => {
    const impatient = new AbortController();
    const first = hunting.seenOn(domain, impatient.signal);
    const second = hunting.seenOn(domain, signal);
    impatient.abort();
    await expect(first).rejects.toMatchObject({ kind: "unavailable" });
    expect(await second).toMatchObject({ devices: 0 });
  });
});

test("the doctor's check names what is missing, and the licences that leave something out", async () => {
  const connector = fake.connect();
  await connector.check(signal);
  fake.mail.settings.licensed = false;
  fake.hunting.settings.missing = ["DeviceNetworkEvents"];
  expect(await connector.limits?.(signal)).toEqual(
    expect.arrayContaining([expect.stringContaining("Defender for Office 365 Plan 2"), expect.stringContaining("no DeviceNetworkEvents")]),
  );
  for (const role of ["SecurityAnalyzedMessage.ReadWrite.All", "ThreatHunting.Read.All", "MailboxSettings.ReadWrite"]) {
    fake.product.roles = fake.product.roles.filter((each) => each !== role);
    fake.forgetTokens();
    const poorer = fake.connect();
    await poorer.check(signal);
    expect(await poorer.limits?.(signal)).toContainEqual(expect.stringMatching(new RegExp(`^(mail|hunting): .*lacks .*${role}`)));
  }
});

test("what is done to mail needs every copy named", async () => {
  await expect(mail.softDelete([ID], "air ACT-1", "key", signal)).rejects.toMatchObject({
    kind: "refused",
    message: expect.stringContaining("Nothing was done".toLowerCase()),
  });
  expect(fake.mail.remediations).toEqual([] satisfies Entity[]);
});
