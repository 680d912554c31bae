import { BUILT_IN_KINDS, type BuiltInKind } from "../adapters/alerts/all.ts";
import type { AlertMap } from "../adapters/alerts/mapped.ts";
import { type ActionKindName, FAMILIES, type Family } from "../engine/domain/action.ts";
import type { Severity } from "../engine/domain/alert.ts";
import { BUILT_IN_POLICIES } from "../engine/domain/alert-policy.ts";
import { NO_GROUP } from "../engine/domain/automation.ts";
import { asExclusions, type IntakeExclusions } from "../engine/domain/intake-exclusions.ts";
import { ROTA_STEPS, type RotaStep } from "../engine/domain/paging.ts";
import {
  DEFAULT_AUTOMATION,
  DEFAULT_CEILINGS,
  DEFAULT_CORRELATION,
  DEFAULT_STORM,
  type Mode,
  type Policy,
} from "../engine/domain/policy.ts";
import type { QuietHours } from "../engine/domain/quiet-hours.ts";
import type { Retention } from "../engine/domain/retention.ts";
import type { RotaLayer } from "../engine/domain/rota.ts";
import { type ReadYaml, readAirYaml } from "./air-yaml.ts";
import { AirYaml } from "./air-yaml-shape.ts";
import { actingOf, type Connected, readConnectors, withoutSecrets } from "./connector-settings.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type Env, type EnvSettings, type LogLevel, readEnvSettings, type TeamsBot } from "./env-settings.ts";
import type { LastConfig } from "./last-shape.ts";
import type { Problem } from "./problem.ts";
import type { ProxyConfig } from "./proxy.ts";
import { quietHoursOf, TOGETHER_MS } from "./quiet-shape.ts";
import { retentionOf, scheduledAt } from "./schedules-shape.ts";

export type SourceConfig = {
  kind: BuiltInKind | "mapped";
  /** Of a source of kind `mapped`: where its alerts keep what air asks for. */
  map?: AlertMap | undefined;
  signingSecret: string | undefined;
  trusted: boolean;
};
export type ChannelRule = {
  severity: readonly Severity[] | undefined;
  slack: string | undefined;
  teams: string | undefined;
  post: "needed" | "all";
  page: boolean;
};
export type PersonConfig = { name: string; email: string; slack: string | undefined; teams: string | undefined };
/** An address, `slack-group:S0EDR` or `teams-group:<object id>`; limited to devices of some groups where it says so. */
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
  /** People who follow each other, by address; empty: there is no rota of our own. */
  layers: readonly RotaLayer[];
  /** The rota another product keeps. */
  source: { schedule: string; apiToken: string; region: "us" | "eu" } | undefined;
  /** Whom of the rota air tells, and how long after the deadline. */
  escalation: readonly { to: RotaStep; afterMs: number }[];
  everyMs: number;
  timeZone: string;
  /** When nobody is told of what can wait. */
  quiet: readonly QuietHours[];
  /** After a message to somebody, what else comes for them within this time is one message; 0: each by itself. */
  togetherMs: number;
  /** How long an owner may do nothing before they are reminded; undefined: never. */
  ownerReminderMs: { urgent: number; other: number } | undefined;
  /** The ways that are no chat. */
  webhook: LastConfig["webhook"];
  pagerduty: LastConfig["pagerduty"];
  mail: LastConfig["mail"];
};
export type SchedulesConfig = ReturnType<typeof scheduledAt> & {
  /** Where digest and report go; without either where what has no channel of its own goes. */
  channel: { slack: string | undefined; teams: string | undefined };
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
export type TeamsConfig = {
  /** Undefined: a test client on this machine, whose requests nobody signs. */
  bot: TeamsBot | undefined;
  /** Tenants whose people may talk to air; empty: any (only without a bot). */
  tenants: readonly string[];
  pace: { perSecond: number; burst: number };
};

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
  /** Who watches air from outside; never shown whole. */
  heartbeatUrl: string | undefined;
  logLevel: LogLevel;
  /** The way out of the network, where there is one. */
  proxy: ProxyConfig | undefined;
  /** Undefined: nobody chose; `act` in the lab, else `observe` until an admin sets another. */
  mode: Mode | undefined;
  lab: boolean | undefined;
  policy: Omit<Policy, "mode">;
  sources: ReadonlyMap<string, SourceConfig>;
  channels: readonly ChannelRule[];
  opsChannel: { slack: string | undefined; teams: string | undefined };
  slack: SlackConfig | undefined;
  teams: TeamsConfig | undefined;
  people: readonly PersonConfig[];
  roles: RolesConfig;
  tokens: readonly TokenConfig[];
  onCall: OnCallConfig;
  /** When what happens by the clock, in `onCall.timeZone`; undefined: off. */
  schedules: SchedulesConfig;
  retention: Retention;
  connectors: Connected;
};
export type ReadConfig = { ok: true; config: Config } | { ok: false; problems: Problem[] };

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
  const products = readConnectors(yaml.content?.connectors ?? {}, env, yaml.locate);
  problems.push(...products.faults);
  if (yaml.content)
    problems.push(...products.problems, ...contradictions(env, settings, yaml.content, actingOf(products.connected), yaml.locate));
  if (problems.length > 0 || !yaml.content) return { ok: false, problems };
  return { ok: true, config: build(settings, yaml.content, products.connected, text === undefined ? undefined : file) };
}

function contradictions(env: Env, settings: EnvSettings, yaml: AirYaml, acting: readonly string[], locate: ReadYaml["locate"]): Problem[] {
  const problems: Problem[] = [];
  const say = (path: readonly PropertyKey[], message: string) => problems.push({ where: locate(path), message });
  const isSet = (name: string) => Boolean(env[name]?.trim());

  if (isSet("SLACK_BOT_TOKEN") && !isSet("SLACK_CHANNEL") && !yaml.channels.some((channel) => channel.slack)) {
    problems.push({
      where: "SLACK_CHANNEL",
      message: "is missing: set it to a channel id, or list channels in air.yaml, so that air knows where to post",
    });
  }
  if (yaml.lab && acting.length > 0)
    say(["lab"], `lab: true cannot stand beside ${acting.join(" and ")}, which acts on real things: remove one`);

  if (settings.teams.anonymous && acting.length > 0)
    problems.push({
      where: "TEAMS_ANONYMOUS",
      message: `checks nobody's identity, so it cannot stand beside ${acting.join(" and ")}, which acts on real things: give Teams a bot registration (MICROSOFT_APP_ID), or unset it`,
    });
  problems.push(...lonelyTeams(settings, yaml, locate));

  const secrets = new Map<string, string>();
  for (const [name, source] of Object.entries(yaml.sources)) {
    if (BUILT_IN_SOURCES.has(name) && name !== source.kind)
      say(["sources", name, "kind"], `sources.${name} must be of kind ${name}: that name is built in`);
    if (!source.signingSecret) continue;
    const other = secrets.get(source.signingSecret);
    if (other)
      say(["sources", name, "signingSecret"], `sources.${name} has the signing secret of sources.${other}: each source needs its own`);
    secrets.set(source.signingSecret, name);
  }
  const sourceNames = [...new Set([...BUILT_IN_SOURCES.keys(), ...Object.keys(yaml.sources)])];
  const emails = yaml.people.map((person) => person.email);
  for (const [index, email] of emails.entries()) {
    if (emails.indexOf(email) < index) say(["people", index, "email"], `people[${index}].email is the address of another person above`);
  }
  problems.push(...sharedAccounts(yaml, locate), ...unknownDeviceGroups(yaml, locate));
  if (!acting.includes("graph")) problems.push(...unaskedGroups(yaml, locate));
  problems.push(...mailProblems(yaml, locate));
  problems.push(...onCallProblems(yaml, { slack: isSet("SLACK_BOT_TOKEN"), teams: settings.teams.bot !== undefined }, locate));
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

/** Channels of a Teams that is not connected would stay empty, and nobody would know why. */
function lonelyTeams({ teams }: EnvSettings, yaml: AirYaml, locate: ReadYaml["locate"]): Problem[] {
  if (teams.bot || teams.anonymous) return [];
  const paths: (string | number)[][] = [
    ...yaml.channels.flatMap((rule, index) => (rule.teams ? [["channels", index, "teams"]] : [])),
    ...(yaml.opsChannel?.teams ? [["opsChannel", "teams"]] : []),
    ...(yaml.schedules?.channel?.teams ? [["schedules", "channel", "teams"]] : []),
    ...(yaml.teams ? [["teams"]] : []),
  ];
  return paths.map((path) => ({
    where: locate(path),
    message: `${path
      .map((part) => (typeof part === "number" ? `[${part}]` : part))
      .join(".")
      .replaceAll(
        ".[",
        "[",
      )} has no effect without MICROSOFT_APP_ID, MICROSOFT_APP_PASSWORD and MICROSOFT_APP_TENANT_ID: set them, or remove it`,
  }));
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

/** Who is in a group of Entra ID only Microsoft Graph can say. */
function unaskedGroups({ roles }: AirYaml, locate: ReadYaml["locate"]): Problem[] {
  if (!roles) return [];
  const lists: [readonly PropertyKey[], readonly unknown[]][] = [
    ...(["admin", "responder", "viewer"] as const).map((role): [PropertyKey[], readonly unknown[]] => [["roles", role], roles[role]]),
    ...FAMILIES.map((family): [PropertyKey[], readonly unknown[]] => [["roles", "approver", family], roles.approver?.[family] ?? []]),
  ];
  return lists.flatMap(([path, entries]) =>
    entries.flatMap((entry, index): Problem[] => {
      const scoped = typeof entry === "object" && entry !== null && "who" in entry;
      if (!String(scoped ? entry.who : entry).startsWith("teams-group:")) return [];
      const where = locate([...path, index, ...(scoped ? ["who"] : [])]);
      return [
        {
          where,
          message: `${path.join(".")}[${index}]${scoped ? ".who" : ""}: who is in a teams-group only Microsoft Graph can say: add connectors.graph (the app registration needs GroupMember.Read.All), or list the people's addresses`,
        },
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
const BUILT_IN_SOURCES: ReadonlyMap<string, SourceConfig> = new Map(
  BUILT_IN_KINDS.map((kind) => [kind, { kind, signingSecret: undefined, trusted: false }]),
);
const personOf = (yaml: AirYaml, who: string) => yaml.people.find((person) => person.email === who.toLowerCase() || person.name === who);

function build(settings: EnvSettings, yaml: AirYaml, connectors: Connected, configFile: string | undefined): Config {
  const { slack, teams, ...plain } = settings;
  const sources = new Map<string, SourceConfig>([
    ...BUILT_IN_SOURCES,
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
    channels: yaml.channels.map(({ when, slack: channel, teams: elsewhere, post, page }) => ({
      severity: when?.severity,
      slack: channel,
      teams: elsewhere,
      post,
      page,
    })),
    opsChannel: { slack: yaml.opsChannel?.slack, teams: yaml.opsChannel?.teams },
    slack: slack.botToken
      ? { ...slack, botToken: slack.botToken, teams: yaml.slack?.teams ?? [], pace: yaml.slack?.pace ?? { perSecond: 1, burst: 1 } }
      : undefined,
    teams: teamsOf(teams, yaml),
    people: yaml.people.map(({ name, email, slack: slackId, teams }) => ({ name, email, slack: slackId, teams })),
    roles: {
      admin: yaml.roles?.admin ?? [],
      approver: yaml.roles?.approver ?? { device: [], email: [], identity: [], network: [], app: [] },
      responder: yaml.roles?.responder ?? [],
      viewer: yaml.roles?.viewer ?? [],
    },
    tokens: yaml.tokens.map((token) => ({ ...token, person: token.person && personOf(yaml, token.person)?.email })),
    onCall: onCallOf(yaml),
    schedules: {
      ...scheduledAt(yaml.schedules),
      channel: { slack: yaml.schedules?.channel?.slack, teams: yaml.schedules?.channel?.teams },
    },
    retention: retentionOf(yaml.retention),
    connectors,
  };
}

/** The limits of Teams are three posts a second for twenty seconds, and less for longer; see adapters/teams/windows.ts. */
function teamsOf({ bot, anonymous }: EnvSettings["teams"], yaml: AirYaml): TeamsConfig | undefined {
  if (!bot && !anonymous) return undefined;
  const tenants = yaml.teams?.tenants ?? (bot ? [bot.tenantId.toLowerCase()] : []);
  return { bot, tenants, pace: yaml.teams?.pace ?? { perSecond: 3, burst: 3 } };
}

function onCallOf({ onCall }: AirYaml): OnCallConfig {
  const chain = [onCall?.person ?? onCall?.group, onCall?.then].filter((who) => who !== undefined);
  const everyMs = onCall?.every ?? 10 * 60_000;
  const rota = onCall?.layers !== undefined || onCall?.source !== undefined;
  return {
    chain: [...new Set(chain)],
    layers: (onCall?.layers ?? []).map(({ rotation, handover: { weekday, minute }, restrict, ...layer }) => ({
      ...layer,
      everyDays: rotation,
      handover: present({ weekday, minute }),
      ...(restrict ? { restrict: present(restrict) } : {}),
    })),
    source: onCall?.source?.pagerduty,
    escalation: !rota
      ? []
      : (onCall?.escalation?.map(({ to, after }) => ({ to, afterMs: after })) ??
        ROTA_STEPS.map((to, index) => ({ to, afterMs: index * everyMs }))),
    everyMs,
    timeZone: onCall?.timeZone ?? "UTC",
    ownerReminderMs: ownerReminderOf(onCall?.ownerReminder),
    quiet: quietHoursOf(onCall?.quiet ?? [], onCall?.timeZone ?? "UTC"),
    togetherMs: onCall?.together ?? TOGETHER_MS,
    webhook: onCall?.last?.webhook,
    pagerduty: onCall?.last?.pagerduty,
    mail: onCall?.last?.mail,
  };
}

/** High and critical ones wait for nobody half a morning. */
function ownerReminderOf(asked: number | "off" | undefined): OnCallConfig["ownerReminderMs"] {
  if (asked === "off") return undefined;
  return { urgent: asked ?? 30 * 60_000, other: asked ?? 4 * 3_600_000 };
}

/** A group has no address of its own. */
function mailProblems({ onCall }: AirYaml, locate: ReadYaml["locate"]): Problem[] {
  if (
    !onCall?.last?.mail ||
    onCall.last.mail.to ||
    onCall.layers ||
    onCall.source ||
    [onCall.person, onCall.then].some((who) => who?.includes("@"))
  )
    return [];
  return [
    {
      where: locate(["onCall", "last", "mail"]),
      message: "onCall.last.mail.to is missing: a group has no address, so say whom to write to",
    },
  ];
}

/** Who is on call has to be somebody a chat can mention. */
function onCallProblems({ onCall, people }: AirYaml, chats: { slack: boolean; teams: boolean }, locate: ReadYaml["locate"]): Problem[] {
  const named: [key: string, path: PropertyKey[], who: string | undefined][] = [
    ...(["person", "then"] as const).map((key): [string, PropertyKey[], string | undefined] => [key, [key], onCall?.[key]]),
    ...(onCall?.layers ?? []).flatMap((layer, at) =>
      layer.people.map((who, index): [string, PropertyKey[], string] => [
        `layers[${at}].people[${index}]`,
        ["layers", at, "people", index],
        who,
      ]),
    ),
  ];
  return named.flatMap(([key, path, who]) => {
    if (who === undefined || !who.includes("@")) return [];
    const person = people.find((one) => one.email === who);
    const where = locate(["onCall", ...path]);
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
    const needed = [...(chats.slack ? (["slack"] as const) : []), ...(chats.teams ? (["teams"] as const) : [])];
    if (needed.length === 0 || needed.some((chat) => person[chat])) return [];
    const add = needed.map((chat) => (chat === "slack" ? "slack: U0..." : "teams: <object id>")).join(" or ");
    return [{ where, message: `onCall.${key} has no ${needed.join(" or ")} account in people, so nobody would be mentioned: add ${add}` }];
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
    automation: automationOf(yaml),
    ...(yaml.exclude ? { exclude: excludeOf(yaml.exclude) } : {}),
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

const excludeOf = ({ mailboxes, simulations }: NonNullable<AirYaml["exclude"]>): IntakeExclusions => ({
  mailboxes,
  simulations: simulations ?? { senders: [], domains: [], urls: [] },
});

/** What is not investigated on its own is left alone as evidence of something else, too. */
function automationOf({ automation, exclude }: AirYaml): Policy["automation"] {
  const own = { ...DEFAULT_AUTOMATION, ...present(automation ?? {}) };
  if (!exclude) return own;
  const more = asExclusions(excludeOf(exclude));
  const { mailboxes, senders, urls } = own.exclude;
  return {
    ...own,
    exclude: {
      ...own.exclude,
      mailboxes: [...mailboxes, ...more.mailboxes],
      senders: [...senders, ...more.senders],
      urls: [...urls, ...more.urls],
    },
  };
}

/** An entry that only names a built-in policy changes what follows from it, not what it matches. */
const builtInMatch = (name: string) => BUILT_IN_POLICIES.find((policy) => policy.name === name)?.match ?? {};

/** The configuration as `air doctor` may print it: whether a secret is set, never what it is. */
export function redacted(config: Config): Record<string, unknown> {
  const set = (secret: string | undefined) => (secret === undefined ? undefined : "(set)");
  const { slack, teams, connectors } = config;
  return {
    ...config,
    databaseUrl: config.databaseUrl && withoutPassword(config.databaseUrl),
    proxy: config.proxy && {
      ...config.proxy,
      http: config.proxy.http && withoutPassword(config.proxy.http, "origin"),
      https: config.proxy.https && withoutPassword(config.proxy.https, "origin"),
    },
    apiToken: set(config.apiToken),
    secret: set(config.secret),
    heartbeatUrl: config.heartbeatUrl && withoutPassword(config.heartbeatUrl, "origin"),
    policy: { ...config.policy, trustedSources: [...config.policy.trustedSources] },
    sources: Object.fromEntries(
      [...config.sources].map(([name, source]) => [name, { ...source, signingSecret: set(source.signingSecret) }]),
    ),
    teams: teams && { ...teams, bot: teams.bot && { ...teams.bot, password: set(teams.bot.password) } },
    slack: slack && {
      ...slack,
      botToken: set(slack.botToken),
      signingSecret: set(slack.signingSecret),
      appToken: set(slack.appToken),
    },
    onCall: {
      ...config.onCall,
      source: config.onCall.source && { ...config.onCall.source, apiToken: "(set)" },
      webhook: config.onCall.webhook && { url: withoutPassword(config.onCall.webhook.url, "origin"), secret: "(set)" },
      pagerduty: config.onCall.pagerduty && { url: withoutPassword(config.onCall.pagerduty.url, "origin"), routingKey: "(set)" },
      mail: config.onCall.mail && { ...config.onCall.mail, password: set(config.onCall.mail.password) },
    },
    tokens: config.tokens.map((token) => ({ ...token, sha256: `${token.sha256.slice(0, 8)}...` })),
    connectors: withoutSecrets(connectors),
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
