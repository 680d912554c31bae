import type { EntityOf } from "../domain/entity.ts";
import { canonicalAddress, Entity } from "../domain/entity.ts";
import { reservedAddress } from "../domain/never-act.ts";
import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { MailCapability, ReputationAnswer, ReputationSource } from "../ports.ts";
import type { Look, LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { MAX_COPIES } from "./mail-copies.ts";
import { listed, unique } from "./wording.ts";

/** Addresses asked about per message: a campaign rents many, and each question costs quota. */
const MAX_ASKED = 3;

type Mail = EntityOf<"message"> | EntityOf<"mail-cluster">;

export const senderIp = defineAnalyzer({
  name: "sender-ip",
  about: "Asks every source that knows addresses about the one the message was sent from.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now, organization }) => {
    const mail = capabilities.mail;
    if (!mail) return [];
    return [
      origin(mail, entity, organization, now),
      ...capabilities.reputation
        .filter((source) => source.kinds.includes("ip"))
        .map((source) => ask(source, mail, entity, organization, now)),
    ];
  },
});

/** What the product says by itself: from where. */
function origin(mail: MailCapability, entity: Mail, organization: LookContext["organization"], now: Date): Look {
  return {
    key: `sender-ip/${mail.connector}`,
    source: mail.connector,
    family: "mail",
    run: async (signal) => {
      const shared = { analyzer: "sender-ip", source: mail.connector, family: "mail", label: "neutral", weight: 0, at: now } as const;
      const addresses = await addressesOf(mail, entity, signal);
      const [first] = addresses;
      if (first === undefined) return [{ ...shared, text: "The mail product does not say from which address it was sent." }];
      const outside = addresses.filter((address) => isAskable(address, organization));
      if (outside.length === 0) {
        return [{ ...shared, text: `Sent from ${first}, not looked up outside. ${reservedAddress(first, organization.internalRanges)}` }];
      }
      const found = outside.slice(0, MAX_ASKED).map((address) => ({ kind: "ip" as const, address }));
      return [{ ...shared, text: `Sent from ${listed(outside)}.`, found }];
    },
  };
}

function ask(source: ReputationSource, mail: MailCapability, entity: Mail, organization: LookContext["organization"], now: Date): Look {
  return {
    key: `sender-ip/${source.name}`,
    source: source.name,
    family: source.family,
    run: async (signal) => {
      const shared = { analyzer: "sender-ip", source: source.name, family: source.family } as const;
      const nothing = (text: string): Observation[] => [{ ...shared, label: "neutral", weight: 0, text, at: now }];
      const asked = (await addressesOf(mail, entity, signal)).filter((address) => isAskable(address, organization)).slice(0, MAX_ASKED);
      if (asked.length === 0) return nothing("There is no address of the sender to ask about.");
      const answers = await Promise.all(
        asked.map(async (address) => ({ address, answer: await source.look({ kind: "ip", address }, signal) })),
      );
      const [worst] = answers.toSorted((a, b) => badness(b.answer) - badness(a.answer));
      // An address nobody reported does not make its mail clean: attackers send from good providers, too.
      if (!worst || badness(worst.answer) === 0) return nothing(`Nothing bad is known of the sending address ${listed(asked)}.`);
      return [
        {
          ...shared,
          // One address sends for many customers of a provider, so it casts suspicion on a message and proves nothing.
          label: "suspicious",
          weight: Math.min(worst.answer.weight, WEIGHTS.reputationSome),
          text: `Sent from ${worst.address}: ${worst.answer.text}`,
          at: worst.answer.at,
          raw: worst.answer.raw,
        },
      ];
    },
  };
}

async function addressesOf(mail: MailCapability, entity: Mail, signal: AbortSignal): Promise<string[]> {
  const copies = (await mail.find(entity, signal)).slice(0, MAX_COPIES);
  const valid = copies.flatMap(({ senderIp: address }) => (Entity.safeParse({ kind: "ip", address }).success && address ? [address] : []));
  return unique(valid.map(canonicalAddress));
}

const isAskable = (address: string, organization: LookContext["organization"]) =>
  reservedAddress(address, organization.internalRanges) === undefined;
const badness = (answer: ReputationAnswer) =>
  answer.label === "malicious" ? 100 + answer.weight : answer.label === "suspicious" ? 1 + answer.weight : 0;
