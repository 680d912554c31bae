import { createHash } from "node:crypto";
import { canonicalUrl } from "../../../engine/domain/entity.ts";
import type { Clock, MailboxFacts, MailCapability, MessageFacts, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { LAB_DOMAIN } from "./company.ts";
import { findMessages, findSimilar } from "./find-messages.ts";
import { clusterOf, clustersAround, fingerprintOf } from "./mail-clusters.ts";
import type { LabMemory } from "./memory.ts";
import { placeOf } from "./places.ts";
import type { LabMailbox, LabMessage } from "./world.ts";
import { LabInboxRule, userId } from "./world.ts";

const DAY = 86_400_000;

/** The lab's mail product. */
export function mailOf(memory: LabMemory, clock: Clock): MailCapability {
  const move = async (
    ids: readonly string[],
    from: readonly LabMessage["location"][],
    to: LabMessage["location"],
    key: string,
  ): Promise<Ticket> => {
    for (const id of ids) {
      const message = await memory.get("message", id);
      if (message && from.includes(message.location)) await memory.put("message", id, { ...message, location: to });
    }
    return { id: key, state: "done" };
  };
  const everything = async () => (await memory.all("message")).map(({ state }) => state);
  const readMailbox = async (address: string): Promise<{ id: string; state: LabMailbox } | undefined> => {
    const id = userId(address, LAB_DOMAIN);
    const [state, user] = [await memory.get("mailbox", id), await memory.get("user", id)];
    if (!state && !user) return undefined;
    return { id, state: state ?? { address: user?.email ?? address, rules: [], delegates: [], dlp: [] } };
  };
  const mustReadMailbox = async (address: string) => {
    const mailbox = await readMailbox(address);
    if (mailbox) return mailbox;
    throw new ConnectorError("refused", `The lab knows no mailbox ${address}; nothing was done.`);
  };
  return {
    connector: "lab",
    find: async (mail) => (await findMessages(memory, mail)).map(messageFacts),
    similar: async (mail) => (await findSimilar(memory, mail)).map(messageFacts),
    async clusters(mail) {
      const [all, now] = [await everything(), clock.now()];
      const one = mail.kind === "mail-cluster" ? clusterOf(mail.query, all, messageFacts, now) : undefined;
      return one ? [one] : clustersAround(await findMessages(memory, mail), all, messageFacts, now);
    },
    async mailbox(address) {
      const mailbox = await readMailbox(address);
      return mailbox && mailboxFacts(mailbox.state, await everything(), clock.now());
    },
    async clicksOn(url, since) {
      const wanted = canonicalUrl(url);
      return (await everything())
        .flatMap(({ clicks }) => clicks)
        .filter((click) => canonicalUrl(click.url) === wanted && Date.parse(click.at) >= since.getTime())
        .map(({ user, at, device, blocked }) => ({ user, at: new Date(at), blocked: blocked ?? false, ...(device ? { device } : {}) }));
    },
    softDelete: (ids, _comment, key) => move(ids, ["inbox", "junk"], "deleted", key),
    restore: (ids, _comment, key) => move(ids, ["deleted", "junk"], "inbox", key),
    moveToJunk: (ids, _comment, key) => move(ids, ["inbox"], "junk", key),
    hardDelete: (ids, _comment, key) => move(ids, ["inbox", "junk", "deleted"], "gone", key),
    async inboxRules(address) {
      const mailbox = await readMailbox(address);
      return mailbox?.state.rules.map((rule) => ({
        id: rule.id,
        name: rule.name,
        ...(rule.forwardsTo ? { forwardsTo: rule.forwardsTo } : {}),
        saved: { ...rule },
      }));
    },
    async deleteInboxRule(address, ruleId, _comment, key) {
      const mailbox = await mustReadMailbox(address);
      const rule = mailbox.state.rules.find(({ id }) => id === ruleId);
      if (!rule) throw new ConnectorError("refused", `The mailbox ${address} has no rule ${ruleId}; nothing was done.`);
      await memory.put("mailbox", mailbox.id, { ...mailbox.state, rules: mailbox.state.rules.filter((each) => each !== rule) });
      return { id: key, state: "done", saved: { ...rule } };
    },
    async createInboxRule(address, saved, _comment, key) {
      const mailbox = await mustReadMailbox(address);
      // Like the products it plays, it gives a new rule an id of its own; the same request gets the same one.
      const read = LabInboxRule.safeParse({ ...saved, id: `rule-${createHash("sha256").update(key).digest("hex").slice(0, 12)}` });
      if (!read.success) throw new ConnectorError("refused", "What was kept is no inbox rule; nothing was done.");
      const others = mailbox.state.rules.filter(({ id }) => id !== read.data.id);
      await memory.put("mailbox", mailbox.id, { ...mailbox.state, rules: [...others, read.data] });
      return { id: key, state: "done" };
    },
  };
}

export function messageFacts(message: LabMessage): MessageFacts {
  const fingerprint = fingerprintOf(message);
  const authenticationResults = authenticationOf(message);
  const { attachments, senderIp, replyTo, threats, text, reportedBy } = message;
  return {
    id: message.id,
    recipient: message.recipient,
    sender: message.sender,
    subject: message.subject,
    location: message.location,
    receivedAt: new Date(message.receivedAt),
    urls: message.urls,
    clicks: message.clicks.map(({ user, url, at, device }) => ({ user, url, at: new Date(at), ...(device ? { device } : {}) })),
    ...(attachments ? { attachments: attachments.map(({ name, sha256 }) => ({ name, ...(sha256 === undefined ? {} : { sha256 }) })) } : {}),
    ...(senderIp ? { senderIp } : {}),
    ...(replyTo ? { replyTo } : {}),
    ...(authenticationResults ? { authenticationResults } : {}),
    ...(threats ? { threats } : {}),
    ...(fingerprint ? { fingerprint } : {}),
    ...(text === undefined ? {} : { text }),
    ...(reportedBy ? { reportedBy: { ...reportedBy, at: new Date(reportedBy.at) } } : {}),
  };
}

/**
 * The lab's receiving server knows of one domain where its mail comes from: the company's own, out of its own network and offices.
 * Of any other it finds no record to hold a message against.
 */
function authenticationOf({ sender, senderIp }: LabMessage): string | undefined {
  const domain = sender
    .split("@")
    .at(-1)
    ?.toLowerCase()
    .replace(/[^a-z0-9.-]/g, "");
  if (!senderIp || !domain || !sender.includes("@")) return undefined;
  const ours = domain === LAB_DOMAIN || domain.endsWith(`.${LAB_DOMAIN}`);
  const result = !ours ? "none" : placeOf(senderIp).known ? "pass" : "fail";
  return (
    `mx.${LAB_DOMAIN}; spf=${result} smtp.mailfrom=${domain} smtp.remote-ip=${senderIp}; ` +
    `dkim=${result === "pass" ? "pass" : "none"} header.d=${domain}; dmarc=${result} header.from=${domain}`
  );
}

/** What left the mailbox is counted from what arrived elsewhere, beside what the state says of mail to outside. */
export function mailboxFacts(state: LabMailbox, messages: readonly LabMessage[], now: Date): MailboxFacts {
  const sent = messages.filter((message) => message.sender.toLowerCase() === state.address.toLowerCase());
  const ages = sent.map(({ receivedAt }) => now.getTime() - Date.parse(receivedAt));
  const recent = sent.filter((_, index) => (ages[index] ?? 0) < DAY);
  const calls = (words: readonly string[]) => recent.filter(({ threats }) => threats?.some((threat) => words.includes(threat))).length;
  return {
    address: state.address,
    rules: state.rules.map(({ id, name, forwardsTo, deletes, movesTo, createdAt }) => ({
      id,
      name,
      ...(forwardsTo ? { forwardsTo } : {}),
      ...(deletes === undefined ? {} : { deletes }),
      ...(movesTo ? { movesTo } : {}),
      ...(createdAt ? { createdAt: new Date(createdAt) } : {}),
    })),
    ...(state.forwardsTo ? { forwardsTo: state.forwardsTo } : {}),
    delegates: state.delegates.map(({ who, rights, since }) => ({ who, rights, ...(since ? { since: new Date(since) } : {}) })),
    outbound: {
      lastDay: recent.length + (state.sentOutside?.lastDay ?? 0),
      typicalDay: state.sentOutside?.typicalDay ?? Math.round((sent.length - recent.length) / 7),
      malwareOrPhish: calls(["malware", "phish", "highConfidencePhish"]),
      spam: calls(["spam"]),
    },
    dlp: state.dlp.map(({ at, rule, subject }) => ({ at: new Date(at), rule, ...(subject ? { subject } : {}) })),
  };
}
