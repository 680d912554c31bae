import type { Entity } from "../domain/entity.ts";
import { entityKey } from "../domain/entity.ts";
import { unlistedText } from "../domain/learn.ts";
import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import type { MailClusterFacts, MessageFacts } from "../ports.ts";
import type { LookContext } from "./analyzer.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { isReadable, MAX_COPIES, MAX_FOUND, threatOf } from "./mail-copies.ts";
import { isForeignDomain, isForeignUrl } from "./own-domain.ts";
import { count, quoted, unique } from "./wording.ts";

/** Clusters judged for one message; products make a handful. */
const MAX_CLUSTERS = 20;

/**
 * Who shares the body, a link or an attachment shares the attack. Who shares only a sender or a subject line may be a customer of the
 * same provider, so such a cluster never carries more than a weak sign, and that only where most of it is bad. In this order the same
 * messages are one cluster.
 */
const PRECISE: readonly MailClusterFacts["by"][] = ["attachment", "url", "fingerprint"];
const ORDER: readonly MailClusterFacts["by"][] = [...PRECISE, "subject", "sender-domain", "sender-ip"];

/** Domain 6.4: similarity and indicator clusters; the verdict of a cluster goes back to the message (2.2). */
export const mailClusters = defineAnalyzer({
  name: "mail-clusters",
  about: "Finds the mail that belongs together (same sender, subject, body, link or attachment) and what the mail product says of it.",
  kinds: ["message", "mail-cluster"],
  looks: (entity, capabilities, { now, organization }) => {
    const mail = capabilities.mail;
    if (!mail?.clusters) return [];
    const clusters = mail.clusters.bind(mail);
    return [
      {
        key: `mail-clusters/${mail.connector}`,
        source: mail.connector,
        family: "mail",
        run: async (signal) => {
          const [all, itself, similar] = await Promise.all([
            clusters(entity, signal),
            mail.find(entity, signal),
            entity.kind === "message" ? mail.similar(entity, signal) : [],
          ]);
          return judgeClusters(all, { asked: entity, itself, similar, source: mail.connector, now, organization });
        },
      },
    ];
  },
});

/** The question: which message or cluster, its own copies and those that are found one by one anyway, and who answers. */
type Asked = { asked: Entity; itself: readonly MessageFacts[]; similar: readonly MessageFacts[]; source: string };

function judgeClusters(
  all: readonly MailClusterFacts[],
  { asked, itself, similar, source, now, organization }: Pick<LookContext, "now" | "organization"> & Asked,
): Observation[] {
  const shared = { analyzer: "mail-clusters", source, family: "mail", at: now } as const;
  const clusters = distinct(all.filter((cluster) => isTelling(cluster, organization))).slice(0, MAX_CLUSTERS);
  const grown = clusters.filter(({ messages }) => messages.length > 1);
  const judged = clusters.map((cluster) => ({ cluster, counts: countsOf(cluster.messages) })).toSorted((a, b) => badness(b) - badness(a));
  // A cluster is evidence of its own where it holds mail that is not taken up message by message: nobody decides twice about one mail.
  const single = new Set([...itself, ...similar.slice(0, MAX_FOUND)].map(({ id }) => id));
  const found = grown
    .filter(({ query, messages }) => query !== "" && query.length <= 4096 && messages.some(({ id }) => !single.has(id)))
    .filter(({ messages }) => messages.some((message) => isReadable(message) || threatOf(message) !== undefined))
    .map(({ query }): Entity => ({ kind: "mail-cluster", query }))
    .filter((cluster) => entityKey(cluster) !== entityKey(asked));
  const more = { ...(found.length > 0 ? { found } : {}), raw: judged.map(({ cluster, counts }) => ({ by: cluster.by, ...counts })) };
  const [worst] = judged;
  // Of a cluster, the clusters speak.
  const own = asked.kind === "message" ? itself.slice(0, MAX_COPIES).map(threatOf) : [];
  const called = own.includes("strong") ? "malware or high-confidence phish" : own.includes("weak") ? "phish or spam" : undefined;
  const around = worst && (grown.length > 0 || badness(worst) > 0) ? sentence(worst.cluster, worst.counts, clusters.length) : undefined;
  const text = [called && `The mail product calls the message itself ${called}.`, around ?? "No other mail belongs to it."];
  const cut = asked.kind === "mail-cluster" && asked.unlisted ? sentenceOf(unlistedText(asked.unlisted)) : undefined;
  return [{ ...shared, ...vote(own, worst), text: [...text, cut].filter((part) => part !== undefined).join(" "), ...more }];
}

const sentenceOf = (text: string) => `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}.`;

type Judged = { cluster: MailClusterFacts; counts: Counts };

function vote(own: readonly ReturnType<typeof threatOf>[], worst: Judged | undefined): Pick<Observation, "label" | "weight"> {
  const precise = worst !== undefined && PRECISE.includes(worst.cluster.by);
  if (own.includes("strong") || (precise && worst.counts.strong > 0)) return { label: "malicious", weight: WEIGHTS.mailThreatStrong };
  const bad = worst !== undefined && badness(worst) > 0;
  const mostlyMalware = bad && worst.counts.strong > 0 && worst.counts.strong * 2 >= worst.counts.emails;
  if (own.includes("weak") || (bad && precise) || mostlyMalware) return { label: "suspicious", weight: WEIGHTS.mailThreatWeak };
  return bad ? { label: "suspicious", weight: WEIGHTS.hint } : { label: "neutral", weight: 0 };
}

/** A link everybody carries, a provider everybody uses and our own domain hold nothing together. */
function isTelling({ by, value }: MailClusterFacts, organization: LookContext["organization"]): boolean {
  if (by === "url") return isForeignUrl(value, organization);
  return by !== "sender-domain" || isForeignDomain(value, organization);
}

type Counts = { emails: number; delivered: number; inMailboxes: number; strong: number; weak: number };
function countsOf(messages: readonly MessageFacts[]): Counts {
  const read = messages.slice(0, MAX_COPIES);
  const threats = read.map(threatOf);
  return {
    emails: messages.length,
    // Quarantined on arrival was never delivered; what was removed later was.
    delivered: read.filter(({ location }) => location !== "quarantine").length,
    inMailboxes: read.filter(isReadable).length,
    strong: threats.filter((threat) => threat === "strong").length,
    weak: threats.filter((threat) => threat === "weak").length,
  };
}

const badness = ({ cluster, counts }: Judged) =>
  (counts.strong > 0 ? 4 : counts.weak > 0 ? 2 : 0) + (counts.strong + counts.weak > 0 && PRECISE.includes(cluster.by) ? 1 : 0);

/** Clusters of exactly the same messages are one, kept under the most telling name. */
function distinct(clusters: readonly MailClusterFacts[]): MailClusterFacts[] {
  const seen = new Set<string>();
  return clusters
    .toSorted((a, b) => ORDER.indexOf(a.by) - ORDER.indexOf(b.by))
    .filter(({ messages }) => {
      const ids = unique(messages.slice(0, MAX_COPIES).map(({ id }) => id))
        .toSorted()
        .join("\n");
      if (messages.length === 0 || seen.has(ids)) return false;
      seen.add(ids);
      return true;
    });
}

const SAME: Readonly<Record<MailClusterFacts["by"], string>> = {
  "sender-ip": "the sending address",
  "sender-domain": "the sender's domain",
  subject: "the subject",
  fingerprint: "the body",
  url: "the link",
  attachment: "the attachment",
};

function sentence({ by, value }: MailClusterFacts, counts: Counts, clusters: number): string {
  const name = by === "fingerprint" || by === "attachment" ? "" : ` ${quoted(value)}`;
  const parts = [
    counts.strong > 0 ? `${counts.strong} malware or high-confidence phish` : "",
    counts.weak > 0 ? `${counts.weak} phish or spam` : "",
  ].filter((part) => part !== "");
  const clean = counts.emails - counts.strong - counts.weak;
  const mixed = parts.length > 0 && clean > 0 ? `, ${clean} nothing (mixed)` : "";
  const threats = parts.length > 0 ? `the mail product calls ${parts.join(", ")}${mixed}` : "the mail product sees no threat in them";
  const others = clusters > 1 ? ` ${count(clusters - 1, "more cluster")} around it.` : "";
  return (
    `${count(counts.emails, "email")} with ${SAME[by]}${name} in common: ${counts.delivered} delivered, ` +
    `${counts.inMailboxes} still in mailboxes; ${threats}.${others}`
  );
}
