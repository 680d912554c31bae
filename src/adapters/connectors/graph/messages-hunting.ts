import { z } from "zod";
import { canonicalUrl } from "../../../engine/domain/entity.ts";
import type { Clock, MailClusterFacts, MessageFacts } from "../../../engine/ports.ts";
import { dynamic, HUNTING_DAYS, type Hunting } from "./hunting.ts";
import { kqlList, kqlText } from "./hunting-kql.ts";
import { attachmentOf, authenticationResults, placeOf, threatsOf, writeCopyId } from "./messages.ts";

/** Days a cluster is counted back. */
const CLUSTER_DAYS = 14;
const words = z.string().nullish();
const number = z.coerce.number().catch(0);

/** By what messages are looked for; `value` is an attacker's. */
export type Sought = { by: MailClusterFacts["by"]; value: string } | { by: "network-id"; value: readonly string[] } | Named;
/** A message without the product's own id: what else is known of it. */
export type Named = {
  by: "names";
  internetMessageId?: string | undefined;
  subject?: string | undefined;
  sender?: string | undefined;
  recipient?: string | undefined;
};

const Row = z.object({
  Timestamp: words,
  NetworkMessageId: z.string().min(1),
  RecipientEmailAddress: z.string().min(1),
  SenderFromAddress: words,
  Subject: words,
  SenderIPv4: words,
  EmailClusterId: z.union([z.string(), z.number()]).nullish(),
  ThreatTypes: words,
  ConfidenceLevel: words,
  AuthenticationDetails: words,
  DeliveryAction: words,
  DeliveryLocation: words,
  LatestDeliveryLocation: words,
  MovedTo: words,
  MovedBy: words,
  Urls: dynamic(z.array(z.string()).nullish().catch([])),
  Files: dynamic(
    z
      .array(z.object({ name: words, sha256: words }))
      .nullish()
      .catch([]),
  ),
  Leg: number.optional(),
});
const Day = z.object({ Leg: number, Age: number, Count: number });
const Click = z.object({
  NetworkMessageId: words,
  AccountUpn: words,
  Url: words,
  Timestamp: words,
  ActionType: words,
  IsClickedThrough: z.unknown(),
});

export type Press = { networkMessageId: string; user: string; url: string; at: Date; blocked: boolean };

/** The mail tables of advanced hunting: what belongs together, and who pressed a link. */
export function huntedMail(hunting: Hunting, clock: Clock) {
  /** At most `most` copies of each of the legs, with what was done to them since. */
  async function legs(sought: readonly Sought[], most: number, days: number, signal: AbortSignal): Promise<MessageFacts[][]> {
    const rows = await hunting.rows(messagesQuery(sought, most, days), Row, signal);
    return sought.map((_, leg) => rows.filter((row) => (row.Leg ?? 0) === leg).map((row) => factsOf(row, clock.now())));
  }
  return {
    /** One more than `most` says that there are more. */
    async messages(sought: Sought, most: number, signal: AbortSignal): Promise<MessageFacts[]> {
      return (await legs([sought], most + 1, HUNTING_DAYS, signal))[0] ?? [];
    },
    /** The copies behind each of the things sought: the question that clusters ask, too, so that both are one. */
    together: (sought: readonly Sought[], most: number, signal: AbortSignal): Promise<MessageFacts[][]> =>
      sought.length === 0 ? Promise.resolve([]) : legs(sought, most, CLUSTER_DAYS, signal),
    async clusters(sought: readonly { by: MailClusterFacts["by"]; value: string }[], most: number, signal: AbortSignal) {
      if (sought.length === 0) return [];
      const [messages, days] = await Promise.all([legs(sought, most, CLUSTER_DAYS, signal), hunting.rows(daysQuery(sought), Day, signal)]);
      return sought.map(({ by, value }, leg): MailClusterFacts => {
        const counted = days.filter((day) => day.Leg === leg);
        const perDay = Array.from({ length: CLUSTER_DAYS }, (_, age) => counted.find((day) => day.Age === age)?.Count ?? 0);
        return { by, value, query: writeClusterQuery({ by, value }), messages: messages[leg] ?? [], perDay };
      });
    },
    clicksIn: (networkMessageIds: readonly string[], signal: AbortSignal) =>
      presses(`NetworkMessageId in~ ${kqlList(networkMessageIds)}`, signal),
    clicksOn: (url: string, since: Date, signal: AbortSignal) =>
      presses(`Timestamp >= datetime(${since.toISOString()}) and ${urlIs(url)}`, signal),
  };

  async function presses(condition: string, signal: AbortSignal): Promise<Press[]> {
    const query = [
      "UrlClickEvents",
      `where Timestamp > ago(${HUNTING_DAYS}d)`,
      `where ${condition}`,
      "top 1000 by Timestamp desc",
      "project NetworkMessageId, AccountUpn, Url, Timestamp, ActionType, IsClickedThrough",
    ].join(" | ");
    return (await hunting.rows(query, Click, signal, { spare: true })).map((row) => ({
      networkMessageId: row.NetworkMessageId ?? "",
      user: row.AccountUpn ?? "",
      url: row.Url ?? "",
      at: timeOf(row.Timestamp, clock.now()),
      // Stopped, unless the reader chose to go on all the same.
      blocked: /block/i.test(row.ActionType ?? "") && ![true, 1, "1", "true", "True"].includes(row.IsClickedThrough as string),
    }));
  }
}

/** As Microsoft's own cluster queries, ours name what holds the cluster together: `url:https://evil.example/a`. */
const BY = [
  "sender-ip",
  "sender-domain",
  "subject",
  "fingerprint",
  "url",
  "attachment",
] as const satisfies readonly MailClusterFacts["by"][];
const writeClusterQuery = ({ by, value }: { by: MailClusterFacts["by"]; value: string }) => `${by}:${value}`;
export function readClusterQuery(query: string): { by: MailClusterFacts["by"]; value: string } | undefined {
  const by = BY.find((each) => query.startsWith(`${each}:`));
  const value = by === undefined ? "" : query.slice(by.length + 1);
  return by === undefined || value === "" ? undefined : { by, value };
}

/** What the copies of a message have in common with others, the most telling first. */
export function clusterValues(copies: readonly MessageFacts[], most: number): { by: MailClusterFacts["by"]; value: string }[] {
  const of: Record<MailClusterFacts["by"], (copy: MessageFacts) => readonly string[]> = {
    attachment: ({ attachments }) => (attachments ?? []).flatMap(({ sha256 }) => sha256 ?? []),
    url: ({ urls }) => urls,
    fingerprint: ({ fingerprint }) => (fingerprint ? [fingerprint] : []),
    subject: ({ subject }) => (subject.trim() === "" ? [] : [subject]),
    "sender-domain": ({ sender }) => (sender.includes("@") ? [sender.slice(sender.lastIndexOf("@") + 1).toLowerCase()] : []),
    "sender-ip": ({ senderIp }) => (senderIp ? [senderIp] : []),
  };
  // A few of each sort: a newsletter's forty links must not push its sender out.
  return BY.toReversed()
    .flatMap((by) => [...new Set(copies.flatMap((copy) => of[by](copy)))].slice(0, 3).map((value) => ({ by, value })))
    .slice(0, most);
}

function messagesQuery(sought: readonly Sought[], most: number, days: number): string {
  const one = (each: Sought, leg: number) =>
    [
      "EmailEvents",
      `where Timestamp > ago(${days}d)`,
      `where ${condition(each)}`,
      "summarize arg_max(Timestamp, *) by NetworkMessageId, RecipientEmailAddress",
      `top ${most} by Timestamp desc`,
      `extend Leg=${leg}`,
    ].join(" | ");
  const since = `where Timestamp > ago(${HUNTING_DAYS}d) | where NetworkMessageId in (ids)`;
  return [
    `let hits = materialize(union ${sought.map((each, leg) => `(${one(each, leg)})`).join(", ")});`,
    "let ids = hits | distinct NetworkMessageId;",
    // What the first event says of the place is older than what was done since.
    `let moved = EmailPostDeliveryEvents | ${since} | where ActionResult =~ "Success" | summarize arg_max(Timestamp, DeliveryLocation, Action) by NetworkMessageId, RecipientEmailAddress | project NetworkMessageId, RecipientEmailAddress, MovedTo=DeliveryLocation, MovedBy=Action;`,
    `let links = EmailUrlInfo | ${since} | summarize Urls=make_set(Url, 50) by NetworkMessageId;`,
    `let files = EmailAttachmentInfo | ${since} | summarize Files=make_set(bag_pack("name", FileName, "sha256", SHA256), 20) by NetworkMessageId;`,
    "hits | join kind=leftouter moved on NetworkMessageId, RecipientEmailAddress | join kind=leftouter links on NetworkMessageId | join kind=leftouter files on NetworkMessageId",
    "| project Leg, Timestamp, NetworkMessageId, RecipientEmailAddress, SenderFromAddress, Subject, SenderIPv4, EmailClusterId, ThreatTypes, ConfidenceLevel, AuthenticationDetails, DeliveryAction, DeliveryLocation, LatestDeliveryLocation, MovedTo, MovedBy, Urls, Files",
  ].join("\n");
}

const daysQuery = (sought: readonly Sought[]) =>
  `union ${sought
    .map(
      (each, leg) =>
        `(EmailEvents | where Timestamp > ago(${CLUSTER_DAYS}d) | where ${condition(each)} | summarize Count=count() by Age=toint((now() - Timestamp) / 1d) | extend Leg=${leg})`,
    )
    .join(", ")}`;

function condition(sought: Sought): string {
  switch (sought.by) {
    case "sender-ip":
      return `SenderIPv4 == ${kqlText(sought.value)} or SenderIPv6 == ${kqlText(sought.value)}`;
    case "sender-domain":
      return `SenderFromDomain =~ ${kqlText(sought.value)}`;
    case "subject":
      return `Subject == ${kqlText(sought.value)}`;
    case "fingerprint":
      return `tostring(EmailClusterId) == ${kqlText(sought.value)}`;
    case "url":
      return `NetworkMessageId in ((EmailUrlInfo | where Timestamp > ago(${HUNTING_DAYS}d) | where ${urlIs(sought.value)} | distinct NetworkMessageId))`;
    case "attachment":
      return `NetworkMessageId in ((EmailAttachmentInfo | where Timestamp > ago(${HUNTING_DAYS}d) | where SHA256 =~ ${kqlText(sought.value)} | distinct NetworkMessageId))`;
    case "network-id":
      return `NetworkMessageId in~ ${kqlList(sought.value)}`;
    case "names":
      return namesCondition(sought);
    default:
      return sought satisfies never;
  }
}

function namesCondition({ internetMessageId, subject, sender, recipient }: Named): string {
  const parts = [
    // Senders choose it, and systems differ in whether its brackets belong to it.
    internetMessageId && `InternetMessageId in~ ${kqlList([internetMessageId, `<${internetMessageId.replace(/^<|>$/g, "")}>`])}`,
    !internetMessageId && subject !== undefined && `Subject == ${kqlText(subject)}`,
    !internetMessageId && sender && `SenderFromAddress =~ ${kqlText(sender)}`,
    recipient && `RecipientEmailAddress =~ ${kqlText(recipient)}`,
  ].filter((part) => part);
  return parts.length > 0 ? parts.join(" and ") : "false";
}

/** A link is listed as it stood in the mail; what a person would call the same link counts. */
const urlIs = (url: string) => `Url in~ ${kqlList([...new Set([url, canonicalUrl(url), canonicalUrl(url).replace(/\/$/, "")])])}`;

const timeOf = (text: string | null | undefined, now: Date): Date => {
  const at = new Date(text ?? Number.NaN);
  return Number.isNaN(at.getTime()) ? now : at;
};

function factsOf(row: z.infer<typeof Row>, now: Date): MessageFacts {
  const sender = row.SenderFromAddress ?? "";
  const results = authenticationResults(sender, authentication(row.AuthenticationDetails));
  const phish =
    /phish\w*"?\s*:\s*"?high/i.test(row.ConfidenceLevel ?? "") || /^high$/i.test(row.ConfidenceLevel ?? "") ? "high" : undefined;
  const arrived = placeOf(row.LatestDeliveryLocation) ?? placeOf(row.DeliveryLocation);
  return {
    id: writeCopyId(row.NetworkMessageId, row.RecipientEmailAddress),
    networkMessageId: row.NetworkMessageId,
    recipient: row.RecipientEmailAddress,
    sender,
    subject: row.Subject ?? "",
    location: movedTo(row) ?? arrived ?? (/blocked/i.test(row.DeliveryAction ?? "") ? "gone" : "inbox"),
    receivedAt: timeOf(row.Timestamp, now),
    urls: row.Urls ?? [],
    clicks: [],
    clicksKnown: false,
    attachments: (row.Files ?? []).map(({ name, sha256 }) => attachmentOf({ fileName: name, sha256 })),
    ...(row.SenderIPv4 ? { senderIp: row.SenderIPv4 } : {}),
    ...(row.EmailClusterId ? { fingerprint: String(row.EmailClusterId) } : {}),
    ...(results ? { authenticationResults: results } : {}),
    threats: threatsOf([row.ThreatTypes ?? ""], phish),
  };
}

/** Soft and hard deletion end in the same place by name; the action says which it was. */
function movedTo({ MovedTo, MovedBy }: z.infer<typeof Row>): MessageFacts["location"] | undefined {
  if (placeOf(MovedBy) === "gone") return "gone";
  return placeOf(MovedTo) ?? placeOf(MovedBy);
}

/** `{"SPF":"pass","DKIM":"none",...}`. */
function authentication(text: string | null | undefined): Record<string, unknown> | undefined {
  try {
    const read = z.record(z.string(), z.unknown()).safeParse(JSON.parse(text ?? "")).data;
    return read && Object.fromEntries(Object.entries(read).map(([name, value]) => [name.toLowerCase(), value]));
  } catch {
    return undefined;
  }
}
