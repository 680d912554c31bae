import { createAbuseIpdb } from "../../src/adapters/connectors/abuseipdb.ts";
import { createUrlhaus } from "../../src/adapters/connectors/urlhaus.ts";
import { createVirusTotal } from "../../src/adapters/connectors/virustotal.ts";
import type { LookContext } from "../../src/engine/analyzers/analyzer.ts";
import { canonicalAddress, canonicalUrl } from "../../src/engine/domain/entity.ts";
import type {
  Capabilities,
  DeviceCapability,
  History,
  IdentityCapability,
  MailboxFacts,
  MailCapability,
  MessageFacts,
  ProcessFacts,
  Ticket,
  UserFacts,
} from "../../src/engine/ports.ts";
import type { Case } from "./cases.ts";

/** The moment every case is judged at. */
export const NOW = new Date("2026-10-15T12:00:00Z");
const ORGANIZATION = { name: "Contoso", domains: ["contoso.example"], internalRanges: ["192.0.2.0/24"] };

/** The world as one case knows it: the real connectors before recorded answers, and products that know nothing else. */
export function worldOf(one: Case): { capabilities: Capabilities; context: LookContext } {
  const clock = { now: () => NOW };
  const limits = { perMinute: undefined, perDay: undefined };
  const fetch = answering(one);
  const reputation = [
    createVirusTotal({ apiKey: "x", url: "https://virustotal.example", ...limits }, { clock, fetch }),
    createAbuseIpdb({ apiKey: "x", url: "https://abuseipdb.example", ...limits }, { clock, fetch }),
    createUrlhaus({ authKey: "x", url: "https://urlhaus.example", ...limits }, { clock, fetch }),
  ].flatMap((connector) => connector.reputation ?? []);
  return {
    capabilities: {
      lab: false,
      version: () => "calibration",
      reputation,
      sandboxes: [],
      devices: one.entity.kind === "file" || one.entity.kind === "process" ? devices(one) : undefined,
      identities: one.user ? identities(one) : undefined,
      mail: one.messages || one.mailbox ? mail(one) : undefined,
      indicators: undefined,
      adopt: async () => {},
    },
    context: {
      now: NOW,
      severity: "medium",
      entities: [{ entity: one.entity, roles: [] }],
      organization: ORGANIZATION,
      history: history(one),
    },
  };
}

/** Each service answers what the case holds for the thing asked about, and else that it does not know it. */
function answering({ answers = {} }: Case): typeof fetch {
  const known = new Map(Object.entries(answers).map(([key, value]) => [canonical(key), value]));
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const reply = (body: unknown, status = 200) => Response.json(body, { status });
    switch (url.hostname) {
      case "virustotal.example": {
        const [, , , kind, last = ""] = url.pathname.split("/");
        const name = kind === "urls" ? Buffer.from(last, "base64url").toString("utf8") : decodeURIComponent(last);
        const body = known.get(canonical(name))?.virustotal;
        return body === undefined ? reply({ error: { code: "NotFoundError" } }, 404) : reply(body);
      }
      case "abuseipdb.example": {
        const body = known.get(canonical(url.searchParams.get("ipAddress") ?? ""))?.abuseipdb;
        return reply(body ?? { data: { abuseConfidenceScore: 0, totalReports: 0, numDistinctUsers: 0, lastReportedAt: null } });
      }
      case "urlhaus.example": {
        const form = new URLSearchParams(String(init?.body ?? ""));
        const asked = form.get("url") ?? form.get("host") ?? form.get("sha256_hash") ?? "";
        return reply(known.get(canonical(asked))?.urlhaus ?? { query_status: "no_results" });
      }
      default:
        throw new Error(`Nobody answers at ${url.hostname}`);
    }
  };
}
function canonical(name: string): string {
  if (/^https?:/.test(name)) return canonicalUrl(name);
  return /^[0-9.]+$|^[0-9a-f]*:[0-9a-f:]*$/i.test(name) ? canonicalAddress(name) : name.toLowerCase();
}

/** Cases are judged, never acted on. */
const act = async (): Promise<Ticket> => {
  throw new Error("A calibration acts on nothing.");
};

function devices(one: Case): DeviceCapability {
  return {
    connector: "edr",
    find: async () => ({
      id: "device-1",
      name: "WS-014",
      os: "Windows 11",
      role: "workstation",
      users: ["mia@contoso.example"],
      online: true,
      isolated: false,
    }),
    isQuarantined: async () => undefined,
    seenOn: async () => ["WS-014"],
    processTree: async () => (one.processes ?? []).map((process): ProcessFacts => defined(process)),
    autostarts: async () => [],
    isolate: act,
    release: act,
    quarantine: act,
    follow: act,
  };
}

function identities({ user }: Case): IdentityCapability {
  const facts: UserFacts = {
    id: "user-1",
    email: "mia@contoso.example",
    name: "Mia",
    enabled: true,
    privileged: [],
    sessions: 1,
    signIns: (user?.signIns ?? []).map((signIn) => defined(signIn)),
    ...(user?.activities ? { activities: user.activities.map((activity) => defined(activity)) } : {}),
  };
  return { connector: "directory", find: async () => facts, disable: act, enable: act, revokeSessions: act };
}

function mail({ messages = [], mailbox }: Case): MailCapability {
  const facts = messages.map(
    ({ attachments, ...message }): MessageFacts => ({
      ...defined(message),
      ...(attachments ? { attachments: attachments.map((attachment) => defined(attachment)) } : {}),
    }),
  );
  const box: MailboxFacts | undefined = mailbox && {
    ...defined({ address: mailbox.address, forwardsTo: mailbox.forwardsTo }),
    rules: mailbox.rules.map((rule) => defined(rule)),
    delegates: mailbox.delegates.map((delegate) => defined(delegate)),
    outbound: mailbox.outbound,
    dlp: mailbox.dlp,
  };
  return {
    connector: "mail",
    find: async () => facts,
    similar: async () => [],
    clusters: async () =>
      facts.map((message) => ({ by: "fingerprint", value: message.id, query: `fingerprint:${message.id}`, messages: [message] })),
    mailbox: async () => box,
    clicksOn: async () => [],
    softDelete: act,
    restore: act,
  };
}

function history({ past }: Case): History {
  return {
    past: async () => ({
      alerts: past?.alerts ?? 0,
      incidents: [],
      verdicts: past?.verdicts ?? { malicious: 0, suspicious: 0, noThreatsFound: 0, unknown: 0 },
      overrides: [],
      devices: past?.devices ?? [],
      ...(past ? { firstAt: past.firstAt, lastAt: NOW } : {}),
    }),
  };
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
/** Optional fields left out instead of undefined: that is how the ports say "not known". */
function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}
