import { type ActionKindName, FAMILIES, type Family } from "../engine/domain/action.ts";
import type { Severity } from "../engine/domain/alert.ts";
import { BUILT_IN_POLICIES } from "../engine/domain/alert-policy.ts";
import { NO_GROUP } from "../engine/domain/automation.ts";
import {
  DEFAULT_AUTOMATION,
  DEFAULT_CEILINGS,
  DEFAULT_CORRELATION,
  DEFAULT_STORM,
  type Mode,
  type Policy,
} from "../engine/domain/policy.ts";
import { type ReadYaml, readAirYaml } from "./air-yaml.ts";
import { AirYaml } from "./air-yaml-shape.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type Env, type EnvSettings, type LogLevel, readEnvSettings } from "./env-settings.ts";
import type { Problem } from "./problem.ts";

export type SourceKind = "generic" | "defender" | "guardduty";
export type SourceConfig = { kind: SourceKind; signingSecret: string | undefined; trusted: boolean };
export type ChannelRule = { severity: readonly Severity[] | undefined; slack: string | undefined; post: "needed" | "all"; page: boolean };
export type PersonConfig = { name: string; email: string; slack: string | undefined; teams: string | undefined };
/** An address, or `slack-group:S0EDR`; limited to devices of some groups where it says so. */
export type ApproverEntry = string | { who: string; deviceGroups: readonly string[] };
/** Entries are addresses in lower case, or `slack-group:S0EDR`. */
export type RolesConfig = {
  admin: readonly string[];
  approver: Readonly<Record<Family, readonly ApproverEntry[]>>;
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
export type OnCallConfig = {
  /** Who is told one after the other: addresses in `people`, or `slack-group:S0SOC`. */
  chain: readonly string[];
  everyMs: number;
  timeZone: string;
  webhook: { url: string; secret: string } | undefined;
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
export type DefenderConfig = { tenantId: string; clientId: string; clientSecret: string; url: string; loginUrl: string };
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
  onCall: OnCallConfig;
  connectors: {
    virustotal: ({ apiKey: string } & Limits) | undefined;
    abuseipdb: ({ apiKey: string } & Limits) | undefined;
    urlhaus: ({ authKey: string } & Limits) | undefined;
    defender: DefenderConfig | undefined;
  };
};
export type ReadConfig = { ok: true; config: Config } | { ok: false; problems: Problem[] };

/** Which connectors change something in the world; the lab may not run beside one (product contract 3.5). */
const ACTS: Readonly<Record<keyof Config["connectors"], boolean>> = {
  virustotal: false,
  abuseipdb: false,
  urlhaus: false,
  defender: true,
};
const DEFAULT_URL = {
  virustotal: "https://www.virustotal.com",
  abuseipdb: "https://api.abuseipdb.com",
  urlhaus: "https://urlhaus-api.abuse.ch",
} as const;
const DEFENDER_URL = "https://api.security.microsoft.com";
const LOGIN_URL = "https://login.microsoftonline.com";

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
  for (const name of ["DEFENDER_URL", "ENTRA_LOGIN_URL"] as const) {
    if (isSet(name) && !yaml.connectors?.defender)
      problems.push({ where: name, message: "has no effect without connectors.defender in air.yaml: unset it, or connect Defender there" });
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
  problems.push(...sharedAccounts(yaml, locate), ...unknownDeviceGroups(yaml, locate));
  problems.push(...onCallProblems(yaml, isSet("SLACK_BOT_TOKEN"), locate));
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

/** One account that is two people would be two approvals by one person. */
function sharedAccounts({ people }: AirYaml, locate: ReadYaml["locate"]): Problem[] {
  return (["slack", "teams"] as const).flatMap((platform) =>
    people.flatMap((person, index) => {
      const account = person[platform]?.toLowerCase();
      if (account === undefined || people.findIndex((other) => other[platform]?.toLowerCase() === account) === index) return [];
      return [
        { where: locate(["people", index, platform]), message: `people[${index}].${platform} is the account of another person above` },
      ];
    }),
  );
}

/** A scope that names no group of air.yaml, or stands where nothing happens on a device, would not limit what it seems to limit. */
function unknownDeviceGroups(yaml: AirYaml, locate: ReadYaml["locate"]): Problem[] {
  const known = yaml.deviceGroups.map(({ name }) => name);
  const problems: Problem[] = [];
  for (const [index, name] of known.entries()) {
    if (known.indexOf(name) < index)
      problems.push({
        where: locate(["deviceGroups", index, "name"]),
        message: `deviceGroups[${index}].name is the name of another group above`,
      });
    if (name === NO_GROUP)
      problems.push({
        where: locate(["deviceGroups", index, "name"]),
        message: `deviceGroups[${index}].name: "${NO_GROUP}" is what devices of no group are called`,
      });
  }
  for (const family of FAMILIES) {
    for (const [index, entry] of (yaml.roles?.approver?.[family] ?? []).entries()) {
      if (typeof entry === "string") continue;
      const path = ["roles", "approver", family, index, "deviceGroups"];
      const name = `roles.approver.${family}[${index}].deviceGroups`;
      if (family !== "device") {
        problems.push({ where: locate(path), message: `${name} has no effect: only actions of the family device happen on a device` });
        continue;
      }
      for (const [at, group] of entry.deviceGroups.entries()) {
        if (known.includes(group)) continue;
        const none = known.length === 0 ? ", which are none yet: add deviceGroups first" : "";
        problems.push({
          where: locate([...path, at]),
          message: `${name}[${at}] is not in deviceGroups${none}.${didYouMean(group, known)}`,
        });
      }
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
  const { slack, virustotal: _virustotal, abuseipdb: _abuseipdb, urlhaus: _urlhaus, defender: _defender, ...plain } = settings;
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
    onCall: onCallOf(yaml),
    connectors: connectorsOf(settings, yaml),
  };
}

function onCallOf({ onCall }: AirYaml): OnCallConfig {
  const chain = [onCall?.person ?? onCall?.group, onCall?.then].filter((who) => who !== undefined);
  return {
    chain: [...new Set(chain)],
    everyMs: onCall?.every ?? 10 * 60_000,
    timeZone: onCall?.timeZone ?? "UTC",
    webhook: onCall?.last?.webhook,
  };
}

/** Who is on call has to be somebody a chat can mention. */
function onCallProblems({ onCall, people }: AirYaml, slack: boolean, locate: ReadYaml["locate"]): Problem[] {
  return (["person", "then"] as const).flatMap((key) => {
    const who = onCall?.[key];
    if (who === undefined || !who.includes("@")) return [];
    const person = people.find((one) => one.email === who);
    const where = locate(["onCall", key]);
    if (!person)
      return [
        {
          where,
          message: `onCall.${key} is nobody in people.${didYouMean(
            who,
            people.map((one) => one.email),
          )}`,
        },
      ];
    return slack && !person.slack
      ? [{ where, message: `onCall.${key} has no slack account in people, so nobody would be mentioned: add slack: U0...` }]
      : [];
  });
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
    requesterMayApprove: yaml.decisions?.requesterMayApprove ?? false,
    ...(yaml.deadlines ? { deadlines: present(yaml.deadlines) } : {}),
    automation: { ...DEFAULT_AUTOMATION, ...present(yaml.automation ?? {}) },
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
    defender: connectors?.defender && {
      ...connectors.defender,
      url: settings.defender.url ?? connectors.defender.url ?? DEFENDER_URL,
      loginUrl: settings.defender.loginUrl ?? connectors.defender.loginUrl ?? LOGIN_URL,
    },
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
    onCall: {
      ...config.onCall,
      webhook: config.onCall.webhook && { url: withoutPassword(config.onCall.webhook.url, "origin"), secret: "(set)" },
    },
    tokens: config.tokens.map((token) => ({ ...token, sha256: `${token.sha256.slice(0, 8)}...` })),
    connectors: {
      virustotal: connectors.virustotal && { ...connectors.virustotal, apiKey: set(connectors.virustotal.apiKey) },
      abuseipdb: connectors.abuseipdb && { ...connectors.abuseipdb, apiKey: set(connectors.abuseipdb.apiKey) },
      urlhaus: connectors.urlhaus && { ...connectors.urlhaus, authKey: set(connectors.urlhaus.authKey) },
      defender: connectors.defender && { ...connectors.defender, clientSecret: set(connectors.defender.clientSecret) },
    },
  };
}

/** Host and database say which database it is; user, password and options (which may hold another password) stay out. */
function withoutPassword(address: string, keep: "path" | "origin" = "path"): string {
  const url = URL.parse(address);
  return url ? `${url.protocol}//${url.host}${keep === "path" ? url.pathname : ""}` : "(set)";
}

/** Absent instead of undefined: the engine's types distinguish the two. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
