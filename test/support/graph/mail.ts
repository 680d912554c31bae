import { randomUUID } from "node:crypto";
import type { GraphAnswer, GraphCore, GraphEndpoints } from "./router.ts";

export const MAIL_ROLES = ["SecurityAnalyzedMessage.ReadWrite.All", "MailboxSettings.ReadWrite"];

export type FakeMail = {
  networkMessageId: string;
  internetMessageId: string;
  recipient: string;
  sender: string;
  senderIp: string;
  subject: string;
  /** In the words of analyzedEmailDeliveryDetail. */
  location: string;
  receivedAt: string;
  urls: string[];
  attachments: { fileName: string; sha256: string }[];
  threatTypes: string[];
  phishConfidenceLevel: string;
  emailClusterId: string;
  timeline: { eventDateTime: string; eventType: string; eventResult: string; eventDetails: string }[];
};
export type FakeRemediation = {
  displayName: string;
  description: string;
  action: string;
  at: string;
  emails: { networkMessageId: string; recipientEmailAddress: string }[];
};
type FakeRule = Record<string, unknown> & { id: string };

const LOCATION: Readonly<Record<string, string>> = {
  softDelete: "deletedFolder",
  moveToDeletedItems: "deletedFolder",
  hardDelete: "deletedFolder",
  moveToJunk: "junkFolder",
  moveToInbox: "inbox_folder",
};

/** Analysed mail, its remediation, and inbox rules. */
export function graphMailEndpoints(core: GraphCore) {
  const messages: FakeMail[] = [];
  const remediations: FakeRemediation[] = [];
  const waiting: (() => void)[] = [];
  const rules = new Map<string, FakeRule[]>();
  const settings = {
    /** Mail moves when the answer goes out, or waits until `finish`. */
    slow: false,
    /** Copies of these recipients never move. */
    stuck: [] as string[],
    /** Defender for Office 365 Plan 2. */
    licensed: true,
  };
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const noLicence = (): GraphAnswer | undefined =>
    settings.licensed ? undefined : core.failure(403, "Forbidden", "Tenant is not licensed for this feature.");

  function carryOut({ action, emails }: FakeRemediation): void {
    for (const { networkMessageId, recipientEmailAddress } of emails) {
      const mail = messages.find((each) => same(each.networkMessageId, networkMessageId) && same(each.recipient, recipientEmailAddress));
      if (!mail || settings.stuck.includes(mail.recipient)) continue;
      mail.location = LOCATION[action] ?? "unknown";
      mail.timeline.push({
        eventDateTime: core.clock().toISOString(),
        eventType: "air",
        eventResult: "Success",
        eventDetails: action === "hardDelete" ? "Hard delete" : action,
      });
    }
  }

  function remediate(body: Record<string, unknown>): GraphAnswer {
    const emails = body.analyzedEmails as FakeRemediation["emails"];
    if (typeof body.displayName !== "string" || !LOCATION[String(body.action)] || !Array.isArray(emails) || emails.length === 0)
      return core.failure(400, "BadRequest", "The request body is not valid.");
    const one: FakeRemediation = {
      displayName: body.displayName,
      description: String(body.description),
      action: String(body.action),
      at: core.clock().toISOString(),
      emails,
    };
    remediations.push(one);
    if (settings.slow) waiting.push(() => carryOut(one));
    else carryOut(one);
    const location = `https://security.microsoft.com/action-center/history?filters={"bulkId":["${randomUUID()}"]}&tid=contoso`;
    return { status: 202, headers: { location } };
  }

  const shown = (mail: FakeMail) => ({
    "@odata.type": "#microsoft.graph.security.analyzedEmail",
    id: randomUUID(),
    loggedDateTime: mail.receivedAt,
    networkMessageId: mail.networkMessageId,
    internetMessageId: mail.internetMessageId,
    senderDetail: { fromAddress: mail.sender, mailFromAddress: mail.sender, ipv4: mail.senderIp },
    recipientEmailAddress: mail.recipient,
    subject: mail.subject,
    directionality: "inbound",
    originalDelivery: { action: "delivered", location: "inbox_folder" },
    latestDelivery: { action: "delivered", location: mail.location },
    attachments: mail.attachments,
    urls: mail.urls.map((url) => ({ url })),
    threatTypes: mail.threatTypes,
    phishConfidenceLevel: mail.phishConfidenceLevel,
    emailClusterId: mail.emailClusterId,
    authenticationDetails: { dmarc: "fail", dkim: "none", senderPolicyFramework: "fail", compositeAuthentication: "fail" },
    timelineEvents: mail.timeline,
  });

  const answer: GraphEndpoints = ({ method, path, query, body }) => {
    if (path === "/security/collaboration/analyzedEmails/remediate" && method === "POST")
      return core.lacks("SecurityAnalyzedMessage.ReadWrite.All") ?? noLicence() ?? remediate(body);
    if (path === "/security/collaboration/analyzedEmails" && method === "GET") {
      const refused = core.lacks("SecurityAnalyzedMessage.Read.All", "SecurityAnalyzedMessage.ReadWrite.All") ?? noLicence();
      if (refused) return refused;
      const filter = /^networkMessageId eq '((?:[^']|'')*)'(?: and recipientEmailAddress eq '((?:[^']|'')*)')?$/.exec(
        query.get("$filter") ?? "",
      );
      if (!filter && query.get("$filter")) return core.failure(400, "BadRequest", `the fake knows no such filter: ${query.get("$filter")}`);
      const [id, recipient] = [filter?.[1]?.replaceAll("''", "'"), filter?.[2]?.replaceAll("''", "'")];
      const found = messages.filter((mail) => (!id || same(mail.networkMessageId, id)) && (!recipient || same(mail.recipient, recipient)));
      return core.page(found.map(shown), { method, path, query, body, headers: {} });
    }
    const [, address, id] = /^\/users\/([^/]+)\/mailFolders\/inbox\/messageRules(?:\/(.+))?$/.exec(path) ?? [];
    if (address === undefined) return undefined;
    const refused = core.lacks(...(method === "GET" ? ["MailboxSettings.Read"] : []), "MailboxSettings.ReadWrite");
    if (refused) return refused;
    const box = rules.get(address.toLowerCase());
    if (!box)
      return core.failure(404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.");
    if (method === "GET") return { status: 200, body: { value: box } };
    const at = box.findIndex((rule) => rule.id === id);
    if (method === "DELETE" && at < 0) return core.failure(404, "ErrorItemNotFound", "The specified object was not found in the store.");
    if (method === "DELETE") {
      box.splice(at, 1);
      return { status: 204 };
    }
    const made = {
      "@odata.context": "x",
      ...body,
      id: randomUUID(),
      hasError: false,
      isReadOnly: false,
      sequence: box.length + 1,
    } as FakeRule;
    box.push(made);
    return { status: 201, body: made };
  };

  return {
    answer,
    messages,
    remediations,
    rules,
    settings,
    /** What was taken before is carried out, in its order. */
    finish: () => {
      for (const go of waiting.splice(0)) go();
    },
    add: (more: Partial<FakeMail> = {}): FakeMail => {
      const mail: FakeMail = {
        networkMessageId: randomUUID(),
        internetMessageId: `<${randomUUID()}@evil.example>`,
        recipient: "mia@contoso.com",
        sender: "billing@evil.example",
        senderIp: "203.0.113.9",
        subject: "Invoice 4711",
        location: "inbox_folder",
        receivedAt: new Date(core.clock().getTime() - 3_600_000).toISOString(),
        urls: [],
        attachments: [],
        threatTypes: [],
        phishConfidenceLevel: "",
        emailClusterId: "",
        timeline: [],
        ...more,
      };
      messages.push(mail);
      return mail;
    },
    reset: () => {
      messages.splice(0);
      remediations.splice(0);
      waiting.splice(0);
      rules.clear();
      Object.assign(settings, { slow: false, stuck: [], licensed: true });
    },
  };
}
export type GraphMailEndpoints = ReturnType<typeof graphMailEndpoints>;
