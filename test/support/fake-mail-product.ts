import { analyzers } from "../../src/engine/analyzers/all.ts";
import type { Verdict } from "../../src/engine/domain/alert.ts";
import { type Entity, entityKey } from "../../src/engine/domain/entity.ts";
import type { Observation } from "../../src/engine/domain/observation.ts";
import { judge } from "../../src/engine/domain/verdict.ts";
import type {
  Capabilities,
  MailboxFacts,
  MailCapability,
  MailClusterFacts,
  MessageFacts,
  ReputationAnswer,
  ReputationSource,
  UserFacts,
} from "../../src/engine/ports.ts";
import { NOTHING, NOW } from "./lab-capabilities.ts";
import { lookContext } from "./look-context.ts";

const signal = new AbortController().signal;
const never = () => Promise.reject(new Error("not asked for"));
export const hoursAgo = (hours: number) => new Date(NOW.getTime() - hours * 3_600_000);

/** A mail product and a directory that hold what a test puts into them. */
export type Holding = {
  messages?: MessageFacts[];
  similar?: MessageFacts[];
  clusters?: MailClusterFacts[];
  mailboxes?: MailboxFacts[];
  clicks?: { user: string; at: Date; device?: string; blocked: boolean }[];
  users?: UserFacts[];
  reputation?: ReputationSource[];
};

export function holding(facts: Holding): Capabilities {
  const same = (a: string | undefined, b: string | undefined) => a?.toLowerCase() === b?.toLowerCase();
  const mail: MailCapability = {
    connector: "exchange",
    find: async (entity) =>
      (facts.messages ?? []).filter((message) => entity.kind === "mail-cluster" || message.id === entity.networkMessageId),
    similar: async () => facts.similar ?? [],
    softDelete: never,
    restore: never,
    ...(facts.clusters ? { clusters: async () => facts.clusters ?? [] } : {}),
    ...(facts.mailboxes ? { mailbox: async (address: string) => facts.mailboxes?.find((each) => same(each.address, address)) } : {}),
    ...(facts.clicks
      ? { clicksOn: async (_: string, since: Date) => (facts.clicks ?? []).filter(({ at }) => at.getTime() >= since.getTime()) }
      : {}),
  };
  const find = async (entity: Entity) =>
    facts.users?.find((user) =>
      entity.kind === "mailbox"
        ? same(user.email, entity.address)
        : entity.kind === "user" && (same(user.email, entity.email) || same(user.name, entity.name)),
    );
  const identities = { connector: "entra", find, disable: never, enable: never, revokeSessions: never };
  return { ...NOTHING, mail, reputation: facts.reputation ?? [], ...(facts.users ? { identities } : {}) };
}

export const message = (more: Partial<MessageFacts> = {}): MessageFacts => ({
  id: "3c1f2a7e-0001",
  recipient: "mia@contoso.example",
  sender: "billing@fabrikam.example",
  subject: "Invoice 4711",
  location: "inbox",
  receivedAt: hoursAgo(3),
  urls: [],
  clicks: [],
  ...more,
});
export const mailbox = (more: Partial<MailboxFacts> = {}): MailboxFacts => ({
  address: "mia@contoso.example",
  rules: [],
  delegates: [],
  outbound: { lastDay: 12, typicalDay: 15, malwareOrPhish: 0, spam: 0 },
  dlp: [],
  ...more,
});
export const account = (more: Partial<UserFacts> = {}): UserFacts => ({
  id: "u-1",
  email: "mia@contoso.example",
  name: "Mia Keller",
  enabled: true,
  privileged: [],
  sessions: 2,
  signIns: [],
  ...more,
});

/** A reputation source that knows what a test lists, by value. */
export const source = (
  name: string,
  kinds: ReputationSource["kinds"],
  book: Readonly<Record<string, Partial<ReputationAnswer>>>,
  asked: string[] = [],
): ReputationSource => ({
  name,
  family: name,
  kinds,
  look: async (entity) => {
    const value =
      entity.kind === "url"
        ? entity.url
        : entity.kind === "ip"
          ? entity.address
          : entity.kind === "domain"
            ? entity.name
            : (entity.sha256 ?? "");
    asked.push(value);
    const known = book[value];
    return {
      label: known ? "malicious" : "neutral",
      weight: known ? 3.2 : 0,
      text: known ? `${name} lists it.` : "Not known.",
      at: NOW,
      ...known,
    };
  },
});

export async function look(name: string, entity: Entity, capabilities: Capabilities, context = lookContext()): Promise<Observation[]> {
  const analyzer = analyzers.find((each) => each.name === name);
  if (!analyzer) throw new Error(`There is no analyzer ${name}.`);
  return (await Promise.all(analyzer.looks(entity, capabilities, context).map((each) => each.run(signal)))).flat();
}

/** What the alert's own source said, as the engine stores it. */
export const alertSays = (label: "malicious" | "suspicious"): Observation => ({
  analyzer: "source-verdict",
  source: "alert:defender",
  family: "defender",
  label,
  weight: label === "malicious" ? 2 : 1,
  text: `The alert itself calls it ${label}.`,
  at: NOW,
});
export const verdictOf = (observations: readonly Observation[]): Verdict =>
  judge({ observations, sourceFamilies: new Set(["defender"]), trusted: true, now: NOW }).verdict;

/** The verdict without the analyzer, then with it. */
export async function difference(name: string, entity: Entity, capabilities: Capabilities, said: Observation[] = []): Promise<string> {
  const seen = await look(name, entity, capabilities);
  return `${verdictOf(said)} → ${verdictOf([...said, ...seen])}`;
}

/** Every piece of evidence the analyzers reach from one entity, with its verdict: an investigation in small. */
export async function reached(names: readonly string[], start: Entity, capabilities: Capabilities): Promise<Map<string, Verdict>> {
  const queue = [start];
  const verdicts = new Map<string, Verdict>();
  for (let entity = queue.shift(); entity; entity = queue.shift()) {
    if (verdicts.has(entityKey(entity))) continue;
    const asked = entity;
    const seen = (await Promise.all(names.map((name) => look(name, asked, capabilities)))).flat();
    verdicts.set(entityKey(entity), verdictOf(seen));
    queue.push(...seen.flatMap(({ found }) => found ?? []));
  }
  return verdicts;
}
