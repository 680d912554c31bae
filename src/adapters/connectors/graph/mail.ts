import { z } from "zod";
import type { EntityOf } from "../../../engine/domain/entity.ts";
import type { Clock, MailboxFacts, MailCapability, MessageFacts, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import type { Api } from "../microsoft/api.ts";
import { HUNTING_DAYS, type Hunting } from "./hunting.ts";
import { kqlText } from "./hunting-kql.ts";
import { type Remediation, remediate } from "./mail-remediate.ts";
import { analyzedEmails } from "./messages.ts";
import { clusterValues, huntedMail, type Press, readClusterQuery, type Sought } from "./messages-hunting.ts";
import { inboxRules } from "./rules.ts";

/** Copies acted on or judged as one thing; a wider search is made in Microsoft's Explorer, by a person. */
const MOST_COPIES = 2000;
/** Messages whose place is read from the analysed mail; of more, hunting tells, some minutes later. */
const MOST_READ_SINGLY = 40;
const AT_ONCE = 8;
/** A person who decides waits for where the mail lies, not for who pressed a link: that is there for the next one who asks. */
const CLICKS_WITHIN_MS = 800;
const PER_CLUSTER = 500;
const MOST_CLUSTERS = 12;
/** Microsoft moves mail within minutes, a large set in more; whoever waits longer is told how far it got. */
const TAKES_UP_TO_MS = 60 * 60_000;

const Sent = z.object({ LastDay: z.coerce.number(), Total: z.coerce.number(), Bad: z.coerce.number(), Spam: z.coerce.number() });

/** Mail through Microsoft Graph: analysed mail and its remediation, advanced hunting, inbox rules (domain facts 3.2, 6.4, 8.5). */
export function graphMail(api: Api, hunting: Hunting, clock: Clock): MailCapability {
  const analyzed = analyzedEmails(api, clock);
  const hunted = huntedMail(hunting, clock);
  const rules = inboxRules(api);
  /** Several analyzers ask for the same copies in the same moment; only what is under way is shared, never an old answer. */
  const underWay = new Map<string, Promise<MessageFacts[]>>();

  async function find(mail: EntityOf<"message"> | EntityOf<"mail-cluster">, signal: AbortSignal): Promise<MessageFacts[]> {
    const key = JSON.stringify(mail);
    const asked = underWay.get(key);
    if (asked) return asked;
    const asking = (mail.kind === "message" ? copiesOf(mail, signal) : clusterCopies(mail, signal)).finally(() => {
      if (underWay.get(key) === asking) underWay.delete(key);
    });
    underWay.set(key, asking);
    return asking;
  }

  const clicksWithin = (signal: AbortSignal) => (ids: readonly string[]) =>
    hunted.clicksIn(ids, AbortSignal.any([signal, AbortSignal.timeout(CLICKS_WITHIN_MS)]));

  async function copiesOf(mail: EntityOf<"message">, signal: AbortSignal): Promise<MessageFacts[]> {
    if (mail.networkMessageId)
      return withClicks(await analyzed.copies(mail.networkMessageId, mail.recipient, signal), clicksWithin(signal));
    const { internetMessageId, subject, sender, recipient } = mail;
    // A subject alone is no message: half the company has one called "Invoice".
    if (!internetMessageId && !(subject && sender))
      throw new ConnectorError(
        "refused",
        "Microsoft Graph finds a message by its network or internet message id, or by subject and sender; the alert names neither. Nothing was done.",
      );
    const known = await hunted.messages({ by: "names", internetMessageId, subject, sender, recipient }, MOST_COPIES, signal);
    return withClicks(await current(within(known, "this message"), signal), clicksWithin(signal));
  }

  async function clusterCopies(cluster: EntityOf<"mail-cluster">, signal: AbortSignal): Promise<MessageFacts[]> {
    const copies = await hunted.messages(soughtBy(cluster), MOST_COPIES, signal);
    return withClicks(await current(within(copies, "this cluster"), signal), clicksWithin(signal));
  }

  /** Where they lie now, as the analysed mail has it: hunting hears of a move minutes later. */
  async function current(copies: readonly MessageFacts[], signal: AbortSignal): Promise<MessageFacts[]> {
    const ids = [...new Set(copies.flatMap(({ networkMessageId }) => networkMessageId ?? []))];
    if (ids.length === 0 || ids.length > MOST_READ_SINGLY) return [...copies];
    const places = new Map<string, MessageFacts>();
    const queue = [...ids];
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, queue.length) }, async () => {
        for (let id = queue.shift(); id; id = queue.shift())
          for (const copy of await analyzed.copies(id, undefined, signal)) places.set(copy.id, copy);
      }),
    );
    return copies.map((copy) => {
      const now = places.get(copy.id);
      return now ? { ...copy, location: now.location, ...(now.placeUnsaid ? { placeUnsaid: true as const } : {}) } : copy;
    });
  }

  const act =
    (action: Remediation) =>
    async (ids: string[], comment: string, key: string, signal: AbortSignal): Promise<Ticket> => {
      underWay.clear();
      try {
        return await remediate(api, action, ids, { comment, key }, signal);
      } finally {
        underWay.clear();
      }
    };

  async function outboundOf(address: string, signal: AbortSignal): Promise<MailboxFacts["outbound"] | undefined> {
    const query = [
      "EmailEvents",
      `where Timestamp > ago(${HUNTING_DAYS}d)`,
      `where SenderFromAddress =~ ${kqlText(address)} and EmailDirection in~ ("Outbound", "Intra-org")`,
      'extend Recent=Timestamp > ago(1d), Threat=ThreatTypes has "Malware" or ThreatTypes has "Phish"',
      'summarize LastDay=countif(Recent), Total=count(), Bad=countif(Recent and Threat), Spam=countif(Recent and not(Threat) and ThreatTypes has "Spam")',
    ].join(" | ");
    try {
      const [sent] = await hunting.rows(query, Sent, signal);
      const { LastDay = 0, Total = 0, Bad = 0, Spam = 0 } = sent ?? {};
      return { lastDay: LastDay, typicalDay: Math.round((Total - LastDay) / (HUNTING_DAYS - 1)), malwareOrPhish: Bad, spam: Spam };
    } catch (error) {
      if (error instanceof ConnectorError) return undefined;
      throw error;
    }
  }

  return {
    connector: "graph",
    takesUpToMs: TAKES_UP_TO_MS,
    find,
    async similar(mail, signal) {
      const originals = await find(mail, signal);
      const own = new Set(originals.map(({ id }) => id));
      const senders = new Set(originals.map(({ sender }) => sender.toLowerCase()).filter((sender) => sender.includes("@")));
      const sought = clusterValues(originals, MOST_CLUSTERS);
      const found = await hunted.together(sought, PER_CLUSTER, signal);
      // The same subject is the same mail only from the same sender; the same provider alone is none.
      const alike = found.flatMap((copies, leg) =>
        copies.filter((copy) => {
          const by = sought[leg]?.by;
          return by === "url" || by === "attachment" || (by === "subject" && senders.has(copy.sender.toLowerCase()));
        }),
      );
      return [...new Map(alike.filter(({ id }) => !own.has(id)).map((copy) => [copy.id, copy])).values()];
    },
    async clusters(mail, signal) {
      const one = mail.kind === "mail-cluster" ? readClusterQuery(mail.query) : undefined;
      const sought = one ? [one] : clusterValues(await find(mail, signal), MOST_CLUSTERS);
      return hunted.clusters(sought, one ? MOST_COPIES : PER_CLUSTER, signal);
    },
    async mailbox(address, signal) {
      const listed = await rules.facts(address, signal);
      if (!listed) return undefined;
      const outbound = await outboundOf(address, signal);
      return {
        address,
        rules: listed,
        delegates: [],
        outbound: outbound ?? { lastDay: 0, typicalDay: 0, malwareOrPhish: 0, spam: 0 },
        dlp: [],
        unread: ["forwarding", "delegates", "dlp", ...(outbound ? [] : (["outbound"] as const))],
      };
    },
    async clicksOn(url, since, signal) {
      return (await hunted.clicksOn(url, since, signal)).map(({ user, at, blocked }) => ({ user, at, blocked }));
    },
    softDelete: act("softDelete"),
    restore: act("moveToInbox"),
    moveToJunk: act("moveToJunk"),
    hardDelete: act("hardDelete"),
    inboxRules: rules.inboxRules,
    deleteInboxRule: rules.deleteInboxRule,
    createInboxRule: rules.createInboxRule,
  };
}

/** Our own queries are run; Microsoft's name fields no call takes, so such a cluster is the messages its alert lists. */
function soughtBy({ query, messageIds }: EntityOf<"mail-cluster">): Sought {
  const own = readClusterQuery(query);
  if (own) return own;
  if (messageIds?.length) return { by: "network-id", value: messageIds };
  throw new ConnectorError(
    "refused",
    "not asked: the cluster is told by a query of Microsoft's own, which no call runs, and the alert lists no messages. Open it in Explorer. Nothing was done.",
  );
}

function within(copies: readonly MessageFacts[], what: string): readonly MessageFacts[] {
  if (copies.length <= MOST_COPIES) return copies;
  throw new ConnectorError(
    "refused",
    `not asked: more than ${MOST_COPIES} copies belong to ${what}, which air does not handle as one. Search for them in Microsoft's Explorer. Nothing was done.`,
  );
}

/** Adds who pressed a link; that it cannot be read is said, and hides no copy. */
async function withClicks(copies: readonly MessageFacts[], ask: (ids: readonly string[]) => Promise<Press[]>): Promise<MessageFacts[]> {
  const ids = [...new Set(copies.flatMap(({ networkMessageId }) => networkMessageId ?? []))].toSorted();
  if (ids.length === 0) return [...copies];
  try {
    const all = await ask(ids);
    return copies.map(({ clicksKnown: _, ...copy }) => ({
      ...copy,
      clicks: all.filter((press) => isOf(press, copy)).map(({ user, url, at }) => ({ user, url, at })),
    }));
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    return copies.map((copy) => ({ ...copy, clicksKnown: false as const }));
  }
}
const isOf = ({ networkMessageId, user }: Press, copy: MessageFacts) =>
  networkMessageId.toLowerCase() === copy.networkMessageId?.toLowerCase() && user.toLowerCase() === copy.recipient.toLowerCase();
