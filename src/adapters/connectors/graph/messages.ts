import { z } from "zod";
import type { Clock, MessageFacts } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpRefusal } from "../http.ts";
import { type About, type Api, quoted } from "../microsoft/api.ts";
import { HUNTING_DAYS } from "./hunting.ts";

/** Reading and moving analysed mail are two permissions; whoever may move may read. */
export const READ_MAIL = "SecurityAnalyzedMessage.Read.All";
const DAY = 86_400_000;
const words = z.string().nullish();

const AnalyzedEmail = z.object({
  networkMessageId: z.string().min(1),
  recipientEmailAddress: z.string().min(1),
  subject: words,
  loggedDateTime: words,
  senderDetail: z.object({ fromAddress: words, mailFromAddress: words, ipv4: words }).nullish(),
  returnPath: words,
  latestDelivery: z.object({ location: words }).nullish(),
  originalDelivery: z.object({ location: words, action: words }).nullish(),
  attachments: z.array(z.object({ fileName: words, sha256: words })).nullish(),
  urls: z.array(z.object({ url: words })).nullish(),
  threatTypes: z.union([z.array(z.string()), z.string()]).nullish(),
  phishConfidenceLevel: words,
  emailClusterId: z.union([z.string(), z.number()]).nullish(),
  authenticationDetails: z.object({ dmarc: words, dkim: words, senderPolicyFramework: words }).nullish(),
  timelineEvents: z.array(z.object({ eventDateTime: words, eventType: words, eventResult: words, eventDetails: words })).nullish(),
});
type AnalyzedEmail = z.infer<typeof AnalyzedEmail>;

/** One copy: many mailboxes hold the same message under one network id. */
export const writeCopyId = (networkMessageId: string, recipient: string) => `${networkMessageId}|${recipient.toLowerCase()}`;
export function readCopyId(id: string): { networkMessageId: string; recipient: string } {
  const at = id.indexOf("|");
  if (at > 0 && at < id.length - 1) return { networkMessageId: id.slice(0, at), recipient: id.slice(at + 1) };
  throw new ConnectorError("refused", `Which copy of a message "${id.slice(0, 80)}" means is not said; nothing was done.`);
}

/** Mail as Defender for Office 365 analysed it, with where it lies now (GET /security/collaboration/analyzedEmails). */
export function analyzedEmails(api: Api, clock: Clock) {
  return {
    /** Every copy of one message, or the one of a recipient. */
    async copies(networkMessageId: string, recipient: string | undefined, signal: AbortSignal): Promise<MessageFacts[]> {
      const now = clock.now().getTime();
      const filter = [
        `networkMessageId eq ${quoted(networkMessageId)}`,
        ...(recipient === undefined ? [] : [`recipientEmailAddress eq ${quoted(recipient)}`]),
      ];
      const listed = await licensed(
        api.list(
          "/security/collaboration/analyzedEmails",
          {
            startTime: new Date(now - HUNTING_DAYS * DAY).toISOString(),
            // What was logged this minute is meant, too.
            endTime: new Date(now + DAY).toISOString(),
            $filter: filter.join(" and "),
          },
          aboutMail(READ_MAIL, signal),
          // It pages by tokens of its own.
          { page: 0 },
        ),
      );
      const read = z.array(AnalyzedEmail).safeParse(listed);
      if (!read.success) throw api.unknownShape();
      // Asked for one recipient, a product that ignores the half of a filter must not hand over everybody's.
      return read.data
        .filter((mail) => same(mail.networkMessageId, networkMessageId))
        .filter((mail) => recipient === undefined || same(mail.recipientEmailAddress, recipient))
        .map((mail) => factsOf(mail, clock.now()));
    },
  };
}
const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** New words of an enumeration come as themselves only where they are asked for. */
export const aboutMail = (permission: string, signal: AbortSignal): About => ({
  permission,
  what: "this message",
  signal,
  headers: { prefer: "include-unknown-enum-members" },
});

/** That the tenant lacks the licence reads like a missing permission, and has another next step. */
export async function licensed<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const refused = error instanceof HttpRefusal && (error.status === 403 || error.status === 400);
    if (!refused || !/licen[cs]e|plan ?2|\bP2\b|not (?:provisioned|subscribed|entitled)/i.test(error.said)) throw error;
    throw new HttpRefusal(
      error.status,
      `Microsoft Graph reads and moves mail only with Microsoft Defender for Office 365 Plan 2, which this tenant seems to lack: it says: ${error.said}. Nothing was done.`,
      error.said,
    );
  }
}

function factsOf(mail: AnalyzedEmail, now: Date): MessageFacts {
  const { networkMessageId, recipientEmailAddress: recipient, senderDetail: from } = mail;
  const sender = from?.fromAddress || from?.mailFromAddress || mail.returnPath || "";
  const results = authenticationResults(sender, mail.authenticationDetails);
  const receivedAt = new Date(mail.loggedDateTime ?? Number.NaN);
  return {
    id: writeCopyId(networkMessageId, recipient),
    networkMessageId,
    recipient,
    sender,
    subject: mail.subject ?? "",
    ...locationOf(mail),
    receivedAt: Number.isNaN(receivedAt.getTime()) ? now : receivedAt,
    urls: (mail.urls ?? []).flatMap(({ url }) => url || []),
    clicks: [],
    attachments: (mail.attachments ?? []).map(attachmentOf),
    ...(from?.ipv4 ? { senderIp: from.ipv4 } : {}),
    ...(mail.emailClusterId ? { fingerprint: String(mail.emailClusterId) } : {}),
    ...(results ? { authenticationResults: results } : {}),
    threats: threatsOf([mail.threatTypes ?? []].flat(), mail.phishConfidenceLevel),
  };
}

export const attachmentOf = ({ fileName, sha256 }: { fileName?: string | null | undefined; sha256?: string | null | undefined }) => ({
  name: fileName ?? "",
  ...(sha256 && /^[0-9a-f]{64}$/i.test(sha256) ? { sha256: sha256.toLowerCase() } : {}),
});

/** The product's own words, and its certainty where it calls something phish. */
export function threatsOf(types: readonly string[], phishConfidence: string | null | undefined): string[] {
  const named = types
    .flatMap((type) => type.split(/[,;]/))
    .map((type) => type.trim().toLowerCase())
    .filter((type) => !["", "none", "unknown", "unknownfuturevalue"].includes(type));
  const high = /^high$/i.test(phishConfidence?.trim() ?? "");
  return named.map((type) => (type === "phish" && high ? "highConfidencePhish" : type));
}

/**
 * Where a copy lies now. What the product does not say counts as still readable: nothing must look removed because it is unknown. Nor must it
 * look as if it had stayed: after a soft delete Graph may call the place "others", and no more.
 */
function locationOf(mail: AnalyzedEmail): Pick<MessageFacts, "location" | "placeUnsaid"> {
  const latest = placeOf(mail.latestDelivery?.location);
  // "Deleted" and "others" are said of mail in Recoverable Items and of mail that is gone; the last move tells which.
  const moved = (mail.timelineEvents ?? [])
    .filter(({ eventType }) => !/^(originalDelivery|userUrlClick|dynamicDelivery)$/i.test(eventType ?? ""))
    .toSorted((a, b) => (b.eventDateTime ?? "").localeCompare(a.eventDateTime ?? ""))
    .map(({ eventResult, eventDetails }) => placeOf(`${eventResult ?? ""} ${eventDetails ?? ""}`))
    .find((place) => place !== undefined);
  if (latest === "deleted") return { location: moved === "gone" ? "gone" : "deleted" };
  if (latest ?? moved) return { location: latest ?? moved ?? "inbox" };
  const arrived = placeOf(mail.originalDelivery?.location) ?? (/blocked/i.test(mail.originalDelivery?.action ?? "") ? "gone" : "inbox");
  return { location: arrived, ...(mail.latestDelivery?.location && arrived !== "gone" ? { placeUnsaid: true } : {}) };
}

/** One place in the words of Graph, of hunting and of their time lines; undefined: it does not say. */
export function placeOf(said: string | null | undefined): MessageFacts["location"] | undefined {
  const text = (said ?? "").slice(0, 300).toLowerCase();
  if (/hard.?delet|purge/.test(text)) return "gone";
  if (/quarantine/.test(text)) return "quarantine";
  if (/delet|recoverable/.test(text)) return "deleted";
  if (/junk/.test(text)) return "junk";
  if (/inbox/.test(text)) return "inbox";
  // Never in a mailbox of ours, or nowhere.
  return /external|on-?prem|failed|dropped/.test(text) ? "gone" : undefined;
}

/** What the product tells of the checks, in the form of the header that says the same (RFC 8601). */
export function authenticationResults(
  sender: string,
  said: { spf?: unknown; senderPolicyFramework?: unknown; dkim?: unknown; dmarc?: unknown } | null | undefined,
): string | undefined {
  const domain = (sender.split("@").at(-1) ?? "").toLowerCase().replace(/[^a-z0-9.-]/g, "");
  const word = (value: unknown) =>
    typeof value === "string"
      ? value
          .toLowerCase()
          .replace(/[^a-z]/g, "")
          .slice(0, 20)
      : "";
  const [spf, dkim, dmarc] = [word(said?.spf ?? said?.senderPolicyFramework), word(said?.dkim), word(said?.dmarc)];
  const parts = [
    spf && `spf=${spf} smtp.mailfrom=${domain}`,
    dkim && `dkim=${dkim} header.d=${domain}`,
    dmarc && `dmarc=${dmarc} header.from=${domain}`,
  ];
  const known = parts.filter((part) => part !== "");
  return domain === "" || known.length === 0 ? undefined : `microsoft-365; ${known.join("; ")}`;
}
