import { describe, expect, test } from "vitest";
import type { Entity } from "../../../src/engine/domain/entity.ts";
import type { MessageFacts } from "../../../src/engine/ports.ts";
import { alertSays, difference, holding, look, message } from "../../support/fake-mail-product.ts";

const entity: Entity = { kind: "message", networkMessageId: "3c1f2a7e-0001" };
const from = (more: Partial<MessageFacts>) => holding({ messages: [message(more)] });
const FORGED =
  "spf=softfail (sender IP is 203.0.113.5) smtp.mailfrom=contoso.example; dkim=none header.d=none;dmarc=fail action=none header.from=contoso.example";
const PROVEN = "mx.contoso.example; spf=pass smtp.mailfrom=fabrikam.example; dkim=pass header.d=fabrikam.example; dmarc=pass";

describe("changes the verdict of a message", () => {
  test.each<[string, Partial<MessageFacts>, string]>([
    ["forged as one of us", { sender: "ceo@contoso.example", authenticationResults: FORGED }, "unknown → suspicious"],
    ["our name with a zero in it", { sender: "Helpdesk <it@c0ntoso.example>" }, "unknown → suspicious"],
    ["a letter off our name", { sender: "it@contosso.example" }, "unknown → suspicious"],
    ["a known brand in Cyrillic", { sender: "service@xn--pypal-4ve.com" }, "unknown → suspicious"],
    [
      "a typo of ours, DMARC fails, and answers go to a free mailbox",
      {
        sender: "it@contosso.example",
        replyTo: "helpdesk.contoso@gmail.com",
        authenticationResults: "mx; spf=fail; dkim=none; dmarc=fail header.from=contosso.example",
      },
      "unknown → malicious",
    ],
  ])("%s", async (_, facts, expected) => {
    expect(await difference("sender-domain", entity, from(facts))).toBe(expected);
  });
  test("what the alert suspected is certain once the sender is forged", async () => {
    const capabilities = from({ sender: "ceo@contoso.example", authenticationResults: FORGED });
    expect(await difference("sender-domain", entity, capabilities, [alertSays("suspicious")])).toBe("suspicious → malicious");
  });
});

describe("accuses nobody", () => {
  test.each<[string, Partial<MessageFacts>]>([
    ["an ordinary supplier", { authenticationResults: PROVEN }],
    [
      "one of us",
      { sender: "ida@contoso.example", authenticationResults: "mx; spf=pass; dkim=pass; dmarc=pass header.from=contoso.example" },
    ],
    ["nothing was checked", {}],
    ["SPF broken by forwarding, the signature holds", { authenticationResults: "mx; spf=fail; dkim=pass header.d=fabrikam.example" }],
    ["answers to another room of the same house", { sender: "a@mail.fabrikam.example", replyTo: "b@fabrikam.example" }],
    ["a sender without a domain", { sender: "MAILER-DAEMON" }],
  ])("%s", async (_, facts) => {
    expect(await look("sender-domain", entity, from(facts))).toMatchObject([{ label: "neutral", weight: 0, family: "mail" }]);
  });
  test("a mailing list breaks DMARC every day: a hint, not a suspicion", async () => {
    const capabilities = from({ authenticationResults: "mx; spf=none; dkim=fail; dmarc=fail header.from=fabrikam.example" });
    expect(await difference("sender-domain", entity, capabilities)).toBe("unknown → unknown");
    expect(await look("sender-domain", entity, capabilities)).toMatchObject([{ label: "suspicious", weight: 0.5 }]);
  });
});

test("what DMARC judged is the From, also where the product shows the envelope's sender", async () => {
  const capabilities = from({ sender: "bounce@bulk.test", authenticationResults: FORGED });
  const seen = await look("sender-domain", entity, capabilities);
  expect(seen).toMatchObject([{ label: "malicious", text: expect.stringContaining("our own domain contoso.example") }]);
});

test("hostile senders, and a cluster of thousands votes once for each thing it shows", async () => {
  const messages = Array.from({ length: 5000 }, (_, index) =>
    message({
      id: `m-${index}`,
      sender: `"<!channel> @here" <${"a".repeat(10_000)}@c0ntoso.example>`,
      replyTo: `${index}@evil.test`,
      authenticationResults: "(".repeat(20_000),
    }),
  );
  const seen = await look("sender-domain", { kind: "mail-cluster", query: "q" }, holding({ messages }));
  expect(seen.length).toBeLessThanOrEqual(3);
  for (const { text } of seen) expect(text.length).toBeLessThan(1000);
});
