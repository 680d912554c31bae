import type { FakeMail, GraphMailEndpoints } from "./mail.ts";
import type { GraphAnswer, GraphCore, GraphEndpoints } from "./router.ts";

export const HUNTING_ROLES = ["ThreatHunting.Read.All"];
const DAY = 86_400_000;

export type FakeSighting = { table: string; column: string; value: string; device: string; user?: string; at: string };
export type FakeClick = { networkMessageId: string; user: string; url: string; at: string; action: string };

/** Every literal of a text of KQL, as Kusto would read it. */
export const literalsIn = (text: string): string[] =>
  [...text.matchAll(/base64_decode_tostring\("([A-Za-z0-9+/=]*)"\)|"([^"\\]*)"/g)].map(([, encoded, plain]) =>
    encoded === undefined ? (plain ?? "") : Buffer.from(encoded, "base64").toString("utf8"),
  );

/** Advanced hunting over the mail of the fake and what a test says the sensors saw: it understands the queries air writes, and no others. */
export function graphHuntingEndpoints(core: GraphCore, mail: GraphMailEndpoints) {
  const sightings: FakeSighting[] = [];
  const clicks: FakeClick[] = [];
  const queries: string[] = [];
  const settings = { missing: [] as string[] };
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

  function fits(message: FakeMail, condition: string): boolean {
    const values = literalsIn(condition);
    const any = (own: string) => values.some((value) => same(value, own));
    if (condition.startsWith("SenderIPv4")) return any(message.senderIp);
    if (condition.startsWith("SenderFromDomain")) return any(message.sender.split("@").at(-1) ?? "");
    if (condition.startsWith("tostring(EmailClusterId)")) return message.emailClusterId !== "" && any(message.emailClusterId);
    if (condition.startsWith("NetworkMessageId in ((EmailUrlInfo")) return message.urls.some(any);
    if (condition.startsWith("NetworkMessageId in ((EmailAttachmentInfo")) return message.attachments.some(({ sha256 }) => any(sha256));
    if (condition.startsWith("NetworkMessageId in~")) return any(message.networkMessageId);
    return condition.split(" and ").every((part) => {
      const given = literalsIn(part);
      if (part.startsWith("InternetMessageId")) return given.includes(message.internetMessageId);
      if (part.startsWith("Subject")) return given[0] === message.subject;
      if (part.startsWith("SenderFromAddress")) return same(given[0] ?? "", message.sender);
      if (part.startsWith("RecipientEmailAddress")) return same(given[0] ?? "", message.recipient);
      throw new Error(`the fake knows no such condition: ${part}`);
    });
  }
  const row = (message: FakeMail, leg: number) => ({
    Leg: leg,
    Timestamp: message.receivedAt,
    NetworkMessageId: message.networkMessageId,
    RecipientEmailAddress: message.recipient,
    SenderFromAddress: message.sender,
    Subject: message.subject,
    SenderIPv4: message.senderIp,
    EmailClusterId: message.emailClusterId === "" ? null : Number(message.emailClusterId),
    ThreatTypes: message.threatTypes.map((type) => type[0]?.toUpperCase() + type.slice(1)).join(", "),
    ConfidenceLevel: message.phishConfidenceLevel ? `{"Phish":"${message.phishConfidenceLevel}"}` : "",
    AuthenticationDetails: '{"SPF":"fail","DKIM":"none","DMARC":"fail","CompAuth":"fail"}',
    DeliveryAction: "Delivered",
    // What hunting tells of the place lags behind.
    DeliveryLocation: "Inbox/folder",
    LatestDeliveryLocation: "Inbox/folder",
    MovedTo: "",
    MovedBy: "",
    Urls: JSON.stringify(message.urls),
    Files: message.attachments.map(({ fileName, sha256 }) => ({ name: fileName, sha256 })),
  });

  function run(query: string): unknown[] {
    if (/^\w+ \| take 1$/.test(query)) return [];
    if (query.startsWith("UrlClickEvents")) {
      const [, condition = ""] = /\| where Timestamp > ago\(30d\) \| where (.*) \| top 1000/.exec(query) ?? [];
      const [, since] = /Timestamp >= datetime\(([^)]+)\)/.exec(condition) ?? [];
      const values = literalsIn(condition);
      return clicks
        .filter((click) =>
          values.some((value) => same(value, condition.startsWith("NetworkMessageId") ? click.networkMessageId : click.url)),
        )
        .filter((click) => since === undefined || click.at >= since)
        .map((click) => ({
          NetworkMessageId: click.networkMessageId,
          AccountUpn: click.user,
          Url: click.url,
          Timestamp: click.at,
          ActionType: click.action,
          IsClickedThrough: false,
        }));
    }
    const legs = [
      ...query.matchAll(/\(EmailEvents \| where Timestamp > ago\(\d+d\) \| where (.*?) \| summarize (arg_max|Count).*?extend Leg=(\d+)\)/g),
    ];
    if (legs.length > 0) {
      return legs.flatMap(([, condition = "", what, leg]): unknown[] => {
        const found = mail.messages.filter((message) => fits(message, condition));
        if (what === "arg_max") return found.map((message) => row(message, Number(leg)));
        const ages = Map.groupBy(found, ({ receivedAt }) => Math.floor((core.clock().getTime() - Date.parse(receivedAt)) / DAY));
        return [...ages].map(([age, list]) => ({ Leg: Number(leg), Age: age, Count: list.length }));
      });
    }
    if (query.startsWith("EmailEvents")) {
      const [address = ""] = literalsIn(query);
      const sent = mail.messages.filter((message) => same(message.sender, address));
      return [
        { LastDay: sent.length, Total: sent.length, Bad: sent.filter(({ threatTypes }) => threatTypes.includes("phish")).length, Spam: 0 },
      ];
    }
    if (query.startsWith("IdentityLogonEvents")) {
      const seen = sightings.filter(
        ({ table, value }) => table === "IdentityLogonEvents" && literalsIn(query).some((each) => same(each, value)),
      );
      return [
        {
          Count: seen.length,
          Failed: 0,
          Devices: JSON.stringify(seen.map(({ device }) => device)),
          Ips: "[]",
          LastAt: seen.at(-1)?.at ?? null,
        },
      ];
    }
    const tables = [...query.matchAll(/\((Device\w+) \|/g)].map(([, table]) => table);
    const values = literalsIn(query);
    const seen = sightings.filter(({ table, value }) => tables.includes(table) && values.some((each) => same(each, value)));
    const devices = [...new Set(seen.map(({ device }) => device))];
    const times = seen.map(({ at }) => at).toSorted();
    return [
      {
        Devices: devices.length,
        Names: JSON.stringify(devices),
        Users: seen.flatMap(({ user }) => user ?? []),
        Events: seen.length,
        FirstAt: times[0] ?? null,
        LastAt: times.at(-1) ?? null,
      },
    ];
  }

  const answer: GraphEndpoints = ({ method, path, body }): GraphAnswer | undefined => {
    if (path !== "/security/runHuntingQuery" || method !== "POST") return undefined;
    const refused = core.lacks("ThreatHunting.Read.All");
    if (refused) return refused;
    const query = String(body.Query);
    queries.push(query);
    const missing = settings.missing.find((table) => query.includes(table));
    if (missing)
      return core.failure(
        400,
        "BadRequest",
        `'where' operator: Failed to resolve table or column expression named '${missing}'. Fix semantic errors in your query.`,
      );
    return { status: 200, body: { schema: [{ name: "Timestamp", type: "DateTime" }], results: run(query) } };
  };
  return {
    answer,
    sightings,
    clicks,
    queries,
    settings,
    reset: () => {
      sightings.splice(0);
      clicks.splice(0);
      queries.splice(0);
      Object.assign(settings, { missing: [] });
    },
  };
}
