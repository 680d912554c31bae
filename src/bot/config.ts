import type { ActionKindName, Family } from "../engine/domain/action.ts";
import type { Severity } from "../engine/domain/alert.ts";
import { BUILT_IN_POLICIES } from "../engine/domain/alert-policy.ts";
import { DEFAULT_CEILINGS, DEFAULT_CORRELATION, DEFAULT_STORM, type Mode, type Policy } from "../engine/domain/policy.ts";
import { type ReadYaml, readAirYaml } from "./air-yaml.ts";
import { AirYaml } from "./air-yaml-shape.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type Env, type EnvSettings, type LogLevel, readEnvSettings } from "./env-settings.ts";
import type { Problem } from "./problem.ts";

export type SourceKind = "generic" | "defender" | "guardduty";
export type SourceConfig = { kind: SourceKind; signingSecret: string | undefined; trusted: boolean };
export type ChannelRule = { severity: readonly Severity[] | undefined; slack: string | undefined; post: "needed" | "all"; page: boolean };
export type PersonConfig = { name: string; email: string; slack: string | undefined; teams: string | undefined };
export type RolesConfig = {
  admin: readonly string[];
  approver: Readonly<Record<Family, readonly string[]>>;
  responder: readonly string[];
  /** Entries may be patterns like `*@contoso.com`. */
  viewer: readonly string[];
};
export type TokenConfig = {
  name: string;
  sha256: string;
  /** `viewer`, `responder`, `admin` or `source:<name>`. */
  roles: readonly string[];
  mayDecide: readonly Family[];
  /** The e-mail address of the person behind it, as in `people`. */
  person: string | undefined;
};
export type SlackConfig = {
  botToken: string;
  signingSecret: string | undefined;
  appToken: string | undefined;
  apiUrl: string | undefined;
  channel: string | undefined;
  /** Workspaces that may talk to air; empty: the bot's own. */
  teams: readonly string[];
  pace: { perSecond: number; burst: number };
};
type Limits = { url: string; perMinute: number | undefined; perDay: number | undefined };

/** Everything air is told from outside, parsed and defaulted once; nothing else reads the environment. */
export type Config = {
  host: string;
  port: number;
  publicUrl: string | undefined;
  /** Where commands find the running air. */
  airUrl: string;
  databaseUrl: string | undefined;
  dataDir: string;
  configFile: string | undefined;
  /** Where air.yaml is, or would be. */
  watchedFile: string;
  playbooksDir: string | undefined;
  apiToken: string | undefined;
  secret: string | undefined;
  auditKeyFile: string | undefined;
  paused: boolean;
  logLevel: LogLevel;
  /** Undefined: nobody chose; `act` in the lab, else `observe` until an admin sets another. */
  mode: Mode | undefined;
  lab: boolean | undefined;
  policy: Omit<Policy, "mode">;
  sources: ReadonlyMap<string, SourceConfig>;
  channels: readonly ChannelRule[];
  opsChannel: { slack: string | undefined };
  slack: SlackConfig | undefined;
  people: readonly PersonConfig[];
  roles: RolesConfig;
  tokens: readonly TokenConfig[];
  connectors: {
    virustotal: ({ apiKey: string } & Limits) | undefined;
    abuseipdb: ({ apiKey: string } & Limits) | undefined;
    urlhaus: ({ authKey: string } & Limits) | undefined;
  };
};
export type ReadConfig = { ok: true; config: Config } | { ok: false; problems: Problem[] };

/** Which connectors change something in the world; the lab may not run beside one (product contract 3.5). */
const ACTS: Readonly<Record<keyof Config["connectors"], boolean>> = { virustotal: false, abuseipdb: false, urlhaus: false };
const DEFAULT_URL = {
  virustotal: "https://www.virustotal.com",
  abuseipdb: "https://api.abuseipdb.com",
  urlhaus: "https://urlhaus-api.abuse.ch",
} as const;

/** Environment and air.yaml together, with every error at once. `readFile` gives undefined for a file that is not there. */
export function readConfig(env: Env, readFile: (path: string) => string | undefined): ReadConfig {
  const { settings, problems } = readEnvSettings(env);
  const file = settings.configFile ?? DEFAULT_FILE;
  const text = readFile(file);
  if (text === undefined && settings.configFile) problems.push({ where: "AIR_CONFIG", message: `names ${file}, which cannot be read` });
  const yaml: ReadYaml =
    text === undefined ? { content: AirYaml.parse({}), problems: [], locate: () => file } : readAirYaml(text, file, env);
  problems.push(...yaml.problems);
  // What depends on both is only checked where air.yaml could be read: otherwise half of it would be said to be missing.
  if (yaml.content) problems.push(...contradictions(env, settings, yaml.content, yaml.locate));
  if (problems.length > 0 || !yaml.content) return { ok: false, problems };
  return { ok: true, config: build(settings, yaml.content, text === undefined ? undefined : file) };
}

function contradictions(env: Env, settings: EnvSettings, yaml: AirYaml, locate: ReadYaml["locate"]): Problem[] {
  const problems: Problem[] = [];
  const say = (path: readonly PropertyKey[], message: string) => problems.push({ where: locate(path), message });
  const isSet = (name: string) => Boolean(env[name]?.trim());

  if (isSet("SLACK_BOT_TOKEN") && !isSet("SLACK_CHANNEL") && !yaml.channels.some((channel) => channel.slack)) {
    problems.push({
      where: "SLACK_CHANNEL",
      message: "is missing: set it to a channel id, or list channels in air.yaml, so that air knows where to post",
    });
  }
  for (const [product, keyName, urlName, key] of [
    ["virustotal", "VIRUSTOTAL_API_KEY", "VIRUSTOTAL_URL", yaml.connectors?.virustotal?.apiKey],
    ["abuseipdb", "ABUSEIPDB_API_KEY", "ABUSEIPDB_URL", yaml.connectors?.abuseipdb?.apiKey],
    ["urlhaus", "ABUSECH_AUTH_KEY", "URLHAUS_URL", yaml.connectors?.urlhaus?.authKey],
  ] as const) {
    if (isSet(keyName) || key) continue;
    if (isSet(urlName)) problems.push({ where: keyName, message: `is missing: ${urlName} is set, but nothing is asked without a key` });
    if (yaml.connectors?.[product]) say(["connectors", product], `connectors.${product} needs a key, here or as ${keyName}`);
  }
  const acting = Object.entries(connectorsOf(settings, yaml)).flatMap(([name, connector]) =>
    connector && ACTS[name as keyof typeof ACTS] ? [name] : [],
  );
  if (yaml.lab && acting.length > 0)
    say(["lab"], `lab: true cannot stand beside ${acting.join(" and ")}, which acts on real things: remove one`);

  const secrets = new Map<string, string>();
  for (const [name, source] of Object.entries(yaml.sources)) {
    if (name in BUILT_IN_SOURCES && name !== source.kind)
      say(["sources", name, "kind"], `sources.${name} must be of kind ${name}: that name is built in`);
    if (!source.signingSecret) continue;
    const other = secrets.get(source.signingSecret);
    if (other)
      say(["sources", name, "signingSecret"], `sources.${name} has the signing secret of sources.${other}: each source needs its own`);
    secrets.set(source.signingSecret, name);
  }
  const sourceNames = [...Object.keys(BUILT_IN_SOURCES), ...Object.keys(yaml.sources)];
  const emails = yaml.people.map((person) => person.email);
  for (const [index, email] of emails.entries()) {
    if (emails.indexOf(email) < index) say(["people", index, "email"], `people[${index}].email is the address of another person above`);
  }
  for (const [index, token] of yaml.tokens.entries()) {
    const path = `tokens[${index}]`;
    if (yaml.tokens.findIndex((other) => other.name === token.name || other.sha256 === token.sha256) < index) {
      say(["tokens", index], `${path} has the name or the hash of another token above`);
    }
    for (const [at, role] of token.roles.entries()) {
      const source = role.startsWith("source:") ? role.slice("source:".length) : undefined;
      if (source !== undefined && !sourceNames.includes(source)) {
        say(
          ["tokens", index, "roles", at],
          `${path}.roles[${at}] names a source that is not in sources.${didYouMean(source, sourceNames)}`,
        );
      }
    }
    if (token.mayDecide.length > 0 && !token.person)
      say(["tokens", index], `${path}.mayDecide needs person: a machine decides for somebody`);
    if (token.person && !personOf(yaml, token.person)) {
      say(["tokens", index, "person"], `${path}.person is nobody in people.${didYouMean(token.person, emails)}`);
    }
  }
  for (const [index, rule] of yaml.alertPolicies.entries()) {
    for (const source of rule.match.source ?? []) {
      if (sourceNames.includes(source)) continue;
      say(
        ["alertPolicies", index, "match", "source"],
        `alertPolicies[${index}].match.source is not in sources.${didYouMean(source, sourceNames)}`,
      );
    }
  }
  return problems;
}

const DEFAULT_FILE = "./air.yaml";
const BUILT_IN_SOURCES: Readonly<Record<SourceKind, SourceConfig>> = {
  generic: { kind: "generic", signingSecret: undefined, trusted: false },
  defender: { kind: "defender", signingSecret: undefined, trusted: false },
  guardduty: { kind: "guardduty", signingSecret: undefined, trusted: false },
};
const personOf = (yaml: AirYaml, who: string) => yaml.people.find((person) => person.email === who.toLowerCase() || person.name === who);

function build(settings: EnvSettings, yaml: AirYaml, configFile: string | undefined): Config {
  const { slack, virustotal: _virustotal, abuseipdb: _abuseipdb, urlhaus: _urlhaus, ...plain } = settings;
  const sources = new Map<string, SourceConfig>([
    ...Object.entries(BUILT_IN_SOURCES),
    ...Object.entries(yaml.sources).map(([name, source]): [string, SourceConfig] => [
      name,
      { ...source, signingSecret: source.signingSecret },
    ]),
  ]);
  return {
    ...plain,
    configFile,
    watchedFile: settings.configFile ?? DEFAULT_FILE,
    airUrl: settings.airUrl ?? `http://${reachable(settings.host)}:${settings.port}`,
    mode: yaml.mode,
    lab: yaml.lab,
    policy: policyOf(yaml, sources),
    sources,
    channels: yaml.channels.map(({ when, slack: channel, post, page }) => ({ severity: when?.severity, slack: channel, post, page })),
    opsChannel: { slack: yaml.opsChannel?.slack },
    slack: slack.botToken
      ? { ...slack, botToken: slack.botToken, teams: yaml.slack?.teams ?? [], pace: yaml.slack?.pace ?? { perSecond: 1, burst: 1 } }
      : undefined,
    people: yaml.people.map(({ name, email, slack: slackId, teams }) => ({ name, email, slack: slackId, teams })),
    roles: {
      admin: yaml.roles?.admin ?? [],
      approver: yaml.roles?.approver ?? { device: [], email: [], identity: [], network: [], app: [] },
      responder: yaml.roles?.responder ?? [],
      viewer: yaml.roles?.viewer ?? [],
    },
    tokens: yaml.tokens.map((token) => ({ ...token, person: token.person && personOf(yaml, token.person)?.email })),
    connectors: connectorsOf(settings, yaml),
  };
}

/** The address under which air itself is reached when it listens everywhere. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function policyOf(yaml: AirYaml, sources: ReadonlyMap<string, SourceConfig>): Config["policy"] {
  const perKind: Policy["perKind"] = {};
  for (const [kind, rule] of Object.entries(yaml.policy ?? {})) if (rule) perKind[kind as ActionKindName] = present(rule);
  return {
    organization: yaml.organization ?? { name: "", domains: [], internalRanges: [] },
    deviceGroups: yaml.deviceGroups.map(({ name, match, automation }) => ({ name, automation, ...(match && { match: match.name }) })),
    protected: yaml.protected,
    perKind,
    ceilings: { ...DEFAULT_CEILINGS, ...present(yaml.ceilings ?? {}) },
    alertPolicies: yaml.alertPolicies.map((rule, index) => ({
      name: rule.name ?? `alertPolicies-${index}`,
      match: rule.name && Object.keys(rule.match).length === 0 ? builtInMatch(rule.name) : present(rule.match),
      outcome: rule.suppress ? "suppress" : rule.investigate ? "investigate" : "post",
      show: rule.post ?? false,
      from: `alertPolicies[${index}] in air.yaml`,
      ...(rule.owner ? { owner: rule.owner } : {}),
      // The last day counts.
      ...(rule.until ? { until: new Date(Date.parse(rule.until) + 86_400_000) } : {}),
    })),
    correlation: { ...DEFAULT_CORRELATION, ...present(yaml.correlation ?? {}) },
    storm: { ...DEFAULT_STORM, ...present(yaml.storm ?? {}) },
    trustedSources: new Set([...sources].flatMap(([name, source]) => (source.trusted ? [name] : []))),
  };
}

/** An entry that only names a built-in policy changes what follows from it, not what it matches. */
const builtInMatch = (name: string) => BUILT_IN_POLICIES.find((policy) => policy.name === name)?.match ?? {};

/** The environment's key wins over the file's; limits come from the file. */
function connectorsOf(settings: EnvSettings, { connectors }: AirYaml): Config["connectors"] {
  const virustotal = settings.virustotal.key ?? connectors?.virustotal?.apiKey;
  const abuseipdb = settings.abuseipdb.key ?? connectors?.abuseipdb?.apiKey;
  const urlhaus = settings.urlhaus.key ?? connectors?.urlhaus?.authKey;
  const limits = (product: keyof typeof DEFAULT_URL, perMinute?: number, perDay?: number): Limits => ({
    url: settings[product].url ?? DEFAULT_URL[product],
    perMinute: connectors?.[product]?.perMinute ?? perMinute,
    perDay: connectors?.[product]?.perDay ?? perDay,
  });
  return {
    // What the free keys grant.
    virustotal: virustotal ? { apiKey: virustotal, ...limits("virustotal", 4, 500) } : undefined,
    abuseipdb: abuseipdb ? { apiKey: abuseipdb, ...limits("abuseipdb", undefined, 1000) } : undefined,
    urlhaus: urlhaus ? { authKey: urlhaus, ...limits("urlhaus") } : undefined,
  };
}

/** The configuration as `air doctor` may print it: whether a secret is set, never what it is. */
export function redacted(config: Config): Record<string, unknown> {
  const set = (secret: string | undefined) => (secret === undefined ? undefined : "(set)");
  const { slack, connectors } = config;
  return {
    ...config,
    databaseUrl: config.databaseUrl && withoutPassword(config.databaseUrl),
    apiToken: set(config.apiToken),
    secret: set(config.secret),
    policy: { ...config.policy, trustedSources: [...config.policy.trustedSources] },
    sources: Object.fromEntries(
      [...config.sources].map(([name, source]) => [name, { ...source, signingSecret: set(source.signingSecret) }]),
    ),
    slack: slack && {
      ...slack,
      botToken: set(slack.botToken),
      signingSecret: set(slack.signingSecret),
      appToken: set(slack.appToken),
    },
    tokens: config.tokens.map((token) => ({ ...token, sha256: `${token.sha256.slice(0, 8)}...` })),
    connectors: {
      virustotal: connectors.virustotal && { ...connectors.virustotal, apiKey: set(connectors.virustotal.apiKey) },
      abuseipdb: connectors.abuseipdb && { ...connectors.abuseipdb, apiKey: set(connectors.abuseipdb.apiKey) },
      urlhaus: connectors.urlhaus && { ...connectors.urlhaus, authKey: set(connectors.urlhaus.authKey) },
    },
  };
}

/** Host and database say which database it is; user, password and options (which may hold another password) stay out. */
function withoutPassword(databaseUrl: string): string {
  const url = URL.parse(databaseUrl);
  return url ? `${url.protocol}//${url.host}${url.pathname}` : "(set)";
}

/** Absent instead of undefined: the engine's types distinguish the two. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
