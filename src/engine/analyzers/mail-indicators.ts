import { canonicalUrl, Entity } from "../domain/entity.ts";
import { reservedAddress } from "../domain/never-act.ts";
import type { MessageFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { MAX_COPIES, MAX_FOUND, textsOf } from "./mail-copies.ts";
import { indicatorsIn } from "./mail-text-indicators.ts";
import { isForeignDomain, isForeignUrl, mailDomain } from "./own-domain.ts";
import { count, unique } from "./wording.ts";

/** Different links read of one message or cluster before they are sorted out. */
const MAX_URLS = 500;

/** Step 2 of the user-reported playbook (domain 6.3): what else can be looked up is taken out of the message. */
export const mailIndicators = defineAnalyzer({
  name: "mail-indicators",
  about: "Takes links, attachments, the sending address and domain, and what the text names out of the message, to be looked up.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now, organization }) => {
    const mail = capabilities.mail;
    if (!mail) return [];
    return [
      {
        key: `mail-indicators/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const copies = (await mail.find(entity, signal)).slice(0, MAX_COPIES);
          const shared = {
            analyzer: "mail-indicators",
            source: mail.connector,
            family: "mail",
            label: "neutral",
            weight: 0,
            at: now,
          } as const;
          const found = indicatorsOf(copies, organization);
          if (found.length === 0) return [{ ...shared, text: "Nothing in the message can be looked up." }];
          const kinds = [
            ["url", "link", "links"],
            ["file", "file", "files"],
            ["ip", "address", "addresses"],
            ["domain", "domain", "domains"],
          ] as const;
          const said = kinds.flatMap(([kind, one, several]) => {
            const number = found.filter((each) => each.kind === kind).length;
            return number > 0 ? [count(number, one, several)] : [];
          });
          return [{ ...shared, text: `To look up from the message: ${said.join(", ")}.`, found }];
        },
      },
    ];
  },
});

function indicatorsOf(copies: readonly MessageFacts[], organization: LookContext["organization"]): Entity[] {
  const links = unique(copies.flatMap((copy) => copy.urls.slice(0, 100))).slice(0, MAX_URLS);
  const urls = unique(links.map(canonicalUrl)).filter((url) => isForeignUrl(url, organization));
  const attachments = new Map(
    copies.flatMap((copy) =>
      (copy.attachments ?? []).slice(0, 100).flatMap(({ name, sha256 }) => (sha256 ? [[sha256.toLowerCase(), name] as const] : [])),
    ),
  );
  const addresses = unique(copies.flatMap((copy) => (copy.senderIp ? [copy.senderIp] : []))).filter(
    (address) => reservedAddress(address, organization.internalRanges) === undefined,
  );
  const domains = unique(copies.flatMap((copy) => mailDomain(copy.sender) ?? [])).filter((name) => isForeignDomain(name, organization));
  const texts = textsOf(copies);
  const candidates = [
    ...urls.slice(0, MAX_FOUND).map((url) => ({ kind: "url", url })),
    ...[...attachments]
      .slice(0, MAX_FOUND)
      .map(([sha256, name]) => ({ kind: "file", sha256, ...(name ? { name: name.slice(0, 1024) } : {}) })),
    ...addresses.slice(0, MAX_FOUND).map((address) => ({ kind: "ip", address })),
    ...domains.slice(0, MAX_FOUND).map((name) => ({ kind: "domain", name })),
  ];
  // What a product hands over may be malformed; a half-read hash is no evidence.
  const stated = candidates.flatMap((candidate) => Entity.safeParse(candidate).data ?? []);
  const known = new Set(stated.map((entity) => JSON.stringify(entity)));
  return [...stated, ...texts.flatMap((text) => indicatorsIn(text, organization)).filter((entity) => isNew(known, JSON.stringify(entity)))];
}

function isNew(known: Set<string>, key: string): boolean {
  if (known.has(key)) return false;
  known.add(key);
  return true;
}
