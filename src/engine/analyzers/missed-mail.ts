import { canonicalUrl } from "../domain/entity.ts";
import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { MailCapability, MessageFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { isReadable, MAX_COPIES, MAX_FOUND, threatOf, toMessage } from "./mail-copies.ts";
import { forwardingOf } from "./mail-forwarding-targets.ts";
import { isForeignUrl } from "./own-domain.ts";
import { count, listed, unique } from "./wording.ts";

/** Recipients whose mailboxes are read for forwarding; each is one call. */
const MAX_MAILBOXES = 10;

/** "Missed malware" of the removal playbooks (domain 6.5): copies the removal did not reach. */
export const missedMail = defineAnalyzer({
  name: "missed-mail",
  about: "Looks for copies still in a mailbox, or sent on, of mail whose other copies were removed or quarantined.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now, organization }) => {
    const mail = capabilities.mail;
    if (!mail) return [];
    return [
      {
        key: `missed-mail/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const [copies, similar] = await Promise.all([
            mail.find(entity, signal),
            entity.kind === "message" ? mail.similar(entity, signal) : Promise.resolve([]),
          ]);
          const every = [...new Map([...copies, ...similar].slice(0, MAX_COPIES).map((copy) => [copy.id, copy])).values()];
          const removed = every.filter(isRemoved);
          const sentOn =
            removed.length > 0 ? await forwardedFrom(mail, unique(every.map((copy) => copy.recipient)), organization, signal) : [];
          return judgeLeftovers(every, removed, sentOn, mail.connector, { now, organization });
        },
      },
    ];
  },
});

/** People delete mail, too: only what the product quarantined, or removed as a threat, was removed because it is bad. */
const isRemoved = (copy: MessageFacts) =>
  copy.location === "quarantine" || ((copy.location === "deleted" || copy.location === "gone") && threatOf(copy) !== undefined);

/**
 * By what a copy is the same mail as another. A product also calls similar what carries the same link, and the link may be everybody's:
 * one quarantined newsletter with a link to a well-known page makes no other one bad.
 */
function sameness(copy: MessageFacts, organization: LookContext["organization"]): string[] {
  return [
    `sending ${copy.sender.slice(-600).toLowerCase()} ${copy.subject.slice(0, 600)}`,
    ...(copy.fingerprint ? [`body ${copy.fingerprint}`] : []),
    ...(copy.attachments ?? []).slice(0, 20).flatMap(({ sha256 }) => (sha256 ? [`file ${sha256.toLowerCase()}`] : [])),
    ...copy.urls.slice(0, 20).flatMap((url) => (isForeignUrl(url, organization) ? [`link ${canonicalUrl(url)}`] : [])),
  ];
}

function judgeLeftovers(
  every: readonly MessageFacts[],
  removed: readonly MessageFacts[],
  sentOn: readonly string[],
  source: string,
  { now, organization }: Pick<LookContext, "now" | "organization">,
): Observation[] {
  const shared = { analyzer: "missed-mail", source, family: "mail", at: now } as const;
  const neutral = (text: string): Observation[] => [{ ...shared, label: "neutral", weight: 0, text }];
  if (removed.length === 0) return neutral("No copy of it was removed or quarantined as a threat.");
  const gone = new Set(removed.flatMap((copy) => sameness(copy, organization)));
  const left = every.filter((copy) => isReadable(copy) && sameness(copy, organization).some((key) => gone.has(key)));
  const forwarded = sentOn.length > 0 ? ` Mailboxes that had it send mail on: ${listed(sentOn)}.` : "";
  if (left.length === 0) return neutral(`All ${count(removed.length, "copy", "copies")} known are out of the mailboxes.${forwarded}`);
  const strong = removed.some((copy) => threatOf(copy) === "strong");
  return [
    {
      ...shared,
      label: strong ? "malicious" : "suspicious",
      weight: strong ? WEIGHTS.mailThreatStrong : WEIGHTS.mailThreatWeak,
      text:
        `${count(removed.length, "copy was", "copies were")} removed or quarantined${strong ? " as malware or high-confidence phish" : ""}, ` +
        `but ${count(left.length, "one is", "are").replace(/^1 /, "")} still in ${count(unique(left.map((copy) => copy.recipient)).length, "mailbox", "mailboxes")} ` +
        `(${listed(unique(left.map((copy) => copy.recipient)))}).${forwarded}`,
      found: left.slice(0, MAX_FOUND).map(toMessage),
      raw: { removed: removed.length, left: left.length, forwarded: sentOn.slice(0, 20) },
    },
  ];
}

async function forwardedFrom(
  mail: MailCapability,
  recipients: readonly string[],
  organization: LookContext["organization"],
  signal: AbortSignal,
): Promise<string[]> {
  if (!mail.mailbox) return [];
  const mailbox = mail.mailbox.bind(mail);
  const boxes = await Promise.all(recipients.slice(0, MAX_MAILBOXES).map((address) => mailbox(address, signal)));
  return boxes.flatMap((box) => (box ? forwardingOf(box, organization).map(({ to }) => `${box.address} to ${to}`) : []));
}
