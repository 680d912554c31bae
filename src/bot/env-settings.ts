import { distance } from "fastest-levenshtein";
import { readBaseUrl } from "../adapters/connectors/base-url.ts";
import { CONNECTOR_VARIABLES } from "./connector-settings.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { Problem } from "./problem.ts";
import { type ProxyConfig, readProxy } from "./proxy.ts";

export type Env = Readonly<Record<string, string | undefined>>;

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const EFFECTIVE = [
  "HOST",
  "PORT",
  "AIR_PUBLIC_URL",
  "DATABASE_URL",
  "AIR_DATA_DIR",
  "AIR_CONFIG",
  "AIR_PLAYBOOKS_DIR",
  "AIR_API_TOKEN",
  "AIR_SECRET",
  "AIR_AUDIT_KEY_FILE",
  "AIR_PAUSED",
  "AIR_HEARTBEAT_URL",
  "AIR_URL",
  "LOG_LEVEL",
  "SLACK_BOT_TOKEN",
  "SLACK_SIGNING_SECRET",
  "SLACK_APP_TOKEN",
  "SLACK_API_URL",
  "SLACK_CHANNEL",
  "MICROSOFT_APP_ID",
  "MICROSOFT_APP_PASSWORD",
  "MICROSOFT_APP_TENANT_ID",
  "MICROSOFT_APP_TYPE",
  "TEAMS_ANONYMOUS",
] as const;
type Name = (typeof EFFECTIVE)[number];

/** Names that can only be meant for air: a typo among them must not pass. AIR_TEST_ is the test runner's. */
const OURS = /^AIR_(?!TEST_)/;
/** Other tools on the machine use these prefixes too (SLACK_WEBHOOK_URL): only what is near to one of our names is taken for a typo. */
const SHARED = /^(SLACK|MICROSOFT_APP|TEAMS|VIRUSTOTAL|ABUSEIPDB|ABUSECH|URLHAUS|THREATFOX|MALWAREBAZAAR|GREYNOISE|MISP)_/;

/** Every variable that does something; the products' are in their own list. */
const KNOWN: readonly string[] = [...EFFECTIVE, ...CONNECTOR_VARIABLES];

const isNear = (name: string) => KNOWN.some((known) => distance(known, name) <= 3 || known.replace("_API_", "_") === name);

/** Without a password: a managed identity. */
export type TeamsBot = { appId: string; password: string | undefined; tenantId: string };

export type EnvSettings = {
  host: string;
  port: number;
  publicUrl: string | undefined;
  airUrl: string | undefined;
  databaseUrl: string | undefined;
  dataDir: string;
  configFile: string | undefined;
  playbooksDir: string | undefined;
  apiToken: string | undefined;
  secret: string | undefined;
  auditKeyFile: string | undefined;
  paused: boolean;
  /** Called each minute while air works; whoever has it can say that air works, so it is a secret. */
  heartbeatUrl: string | undefined;
  logLevel: LogLevel;
  proxy: ProxyConfig | undefined;
  slack: {
    botToken: string | undefined;
    signingSecret: string | undefined;
    appToken: string | undefined;
    apiUrl: string | undefined;
    channel: string | undefined;
  };
  /** The whole bot registration, or none; `anonymous`: a test client on this machine, without any. */
  teams: { bot: TeamsBot | undefined; anonymous: boolean };
  /** One key for the three of abuse.ch. */
};

/** Reads every variable, collecting what is wrong; a wrong one counts as unset so that the rest is still checked. */
export function readEnvSettings(env: Env): { settings: EnvSettings; problems: Problem[] } {
  const problems: Problem[] = [];
  const say = (where: string, message: string) => void problems.push({ where, message });
  // Compose files and service managers set what they do not know to "": that is unset.
  const get = (name: Name): string | undefined => env[name]?.trim() || undefined;
  const word = (name: Name, wrong: (value: string) => string | undefined): string | undefined => {
    const value = get(name);
    const problem = value === undefined ? undefined : wrong(value);
    if (problem) say(name, problem);
    return problem ? undefined : value;
  };
  const address = (name: Name, http: "loopback" | "anywhere"): string | undefined => {
    const value = get(name);
    if (value === undefined) return undefined;
    const read = readBaseUrl(value, { http });
    if ("url" in read) return read.url;
    say(name, read.problem);
    return undefined;
  };
  const token = (name: Name) => word(name, (value) => (/\s/.test(value) ? "must not hold spaces" : undefined));

  for (const name of Object.keys(env)) {
    if (!env[name]?.trim() || KNOWN.includes(name)) continue;
    const meant = didYouMean(name, KNOWN);
    if (OURS.test(name) || (SHARED.test(name) && isNear(name))) say(name, `is no setting of air.${meant}`);
  }

  const port = word("PORT", (value) =>
    /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? undefined : "must be a number from 0 to 65535",
  );
  const paused = word("AIR_PAUSED", (value) => (/^(0|1|true|false)$/i.test(value) ? undefined : "must be 1, or unset"));
  const logLevel = word("LOG_LEVEL", (value) =>
    (LOG_LEVELS as readonly string[]).includes(value.toLowerCase())
      ? undefined
      : `must be one of ${LOG_LEVELS.join(", ")}.${didYouMean(value, LOG_LEVELS)}`,
  );
  const anonymous = word("TEAMS_ANONYMOUS", (value) => (/^(0|1|true|false)$/i.test(value) ? undefined : "must be 1, or unset"));
  const settings: EnvSettings = {
    host:
      word("HOST", (value) => (/^[A-Za-z0-9.:_-]{1,255}$/.test(value) ? undefined : "must be a host name or an address")) ?? "127.0.0.1",
    port: Number(port ?? 3978),
    publicUrl: address("AIR_PUBLIC_URL", "anywhere"),
    airUrl: address("AIR_URL", "anywhere"),
    databaseUrl: word("DATABASE_URL", (value) =>
      /^postgres(ql)?:$/.test(URL.parse(value)?.protocol ?? "")
        ? undefined
        : "must be a postgres:// address; unset it to use the embedded database in AIR_DATA_DIR",
    ),
    dataDir: get("AIR_DATA_DIR") ?? "./.air",
    configFile: get("AIR_CONFIG"),
    playbooksDir: get("AIR_PLAYBOOKS_DIR"),
    apiToken: token("AIR_API_TOKEN"),
    secret: word("AIR_SECRET", (value) => (value.length >= 16 ? undefined : "must be at least 16 characters long: take 32 random bytes")),
    auditKeyFile: get("AIR_AUDIT_KEY_FILE"),
    paused: paused === "1" || paused?.toLowerCase() === "true",
    heartbeatUrl: word("AIR_HEARTBEAT_URL", heartbeatProblem),
    logLevel: LOG_LEVELS.find((level) => level === logLevel?.toLowerCase()) ?? "info",
    proxy: readProxy(env, say),
    slack: {
      botToken: word("SLACK_BOT_TOKEN", (value) =>
        value.startsWith("xapp-")
          ? "holds an app-level token (xapp-): that one belongs into SLACK_APP_TOKEN"
          : (quoted(value) ?? shaped(value, /^(?:xoxe\.)?xoxb-[\w.-]+$/, "a bot token, which begins with xoxb-")),
      ),
      signingSecret: word("SLACK_SIGNING_SECRET", (value) => quoted(value) ?? (/\s/.test(value) ? "must not hold spaces" : undefined)),
      appToken: word("SLACK_APP_TOKEN", (value) =>
        value.startsWith("xoxb-")
          ? "holds a bot token (xoxb-): that one belongs into SLACK_BOT_TOKEN"
          : (quoted(value) ?? shaped(value, /^xapp-[\w.-]+$/, "an app-level token, which begins with xapp-")),
      ),
      apiUrl: address("SLACK_API_URL", "loopback"),
      channel: word("SLACK_CHANNEL", (value) =>
        /^[CGD][A-Z0-9]{2,}$/.test(value)
          ? undefined
          : "must be a channel id (C0...), found at the end of the channel's details; not its name",
      ),
    },
    teams: { bot: teamsBot(get, word, say), anonymous: anonymous === "1" || anonymous?.toLowerCase() === "true" },
  };
  halfSlack(get, say);
  anonymousTeams(settings, say);
  return { settings, problems };
}

/** Monitors tell their senders apart by a path or a query, so both are allowed. */
function heartbeatProblem(value: string): string | undefined {
  const url = URL.parse(value);
  if (!url) return "must be an https:// address";
  const { origin, username, password, hash } = url;
  if (username || password || hash) return "must not hold a user name, a password or #";
  const read = readBaseUrl(origin, { http: "loopback" });
  return "problem" in read ? read.problem : undefined;
}

/** Some ways of setting a variable hand the quotation marks over with what stands in them. */
const quoted = (value: string): string | undefined =>
  /^["'\u201c\u2018`]|["'\u201d\u2019`]$/.test(value) ? "holds quotation marks: give the value without them" : undefined;
/** The value itself is never repeated. */
const shaped = (value: string, shape: RegExp, what: string): string | undefined => (shape.test(value) ? undefined : `must be ${what}`);

/** Half of a bot registration could neither hear nor speak, so it is told what is missing. */
function teamsBot(
  get: (name: Name) => string | undefined,
  word: (name: Name, wrong: (value: string) => string | undefined) => string | undefined,
  say: (where: string, message: string) => void,
): TeamsBot | undefined {
  const type = word("MICROSOFT_APP_TYPE", (value) =>
    /^(SingleTenant|UserAssignedMSI)$/i.test(value)
      ? undefined
      : /^MultiTenant$/i.test(value)
        ? "must be SingleTenant or UserAssignedMSI: Microsoft makes no new multi-tenant bots"
        : "must be SingleTenant or UserAssignedMSI",
  );
  const managed = type?.toLowerCase() === "userassignedmsi";
  const guid = (name: Name, what: string) =>
    word(name, (value) => (/^[A-Za-z0-9-]{1,64}$/.test(value) ? undefined : `must be ${what} (a GUID), not a name or a domain`));
  const appId = guid("MICROSOFT_APP_ID", "the bot's Microsoft App ID");
  const tenantId = guid("MICROSOFT_APP_TENANT_ID", "the tenant's id");
  const password = word("MICROSOFT_APP_PASSWORD", (value) => (/\s/.test(value) ? "must not hold spaces" : undefined));
  const all = ["MICROSOFT_APP_ID", "MICROSOFT_APP_PASSWORD", "MICROSOFT_APP_TENANT_ID", "MICROSOFT_APP_TYPE"] as const;
  const set = all.filter((name) => get(name));
  if (set.length === 0) return undefined;
  const needed = all.filter((name) => name !== "MICROSOFT_APP_TYPE" && !(managed && name === "MICROSOFT_APP_PASSWORD"));
  for (const name of needed)
    if (!get(name)) say(name, `is missing: ${set.join(", ")} ${set.length === 1 ? "is" : "are"} set, and Teams needs ${needed.join(", ")}`);
  if (managed && password)
    say("MICROSOFT_APP_PASSWORD", "has no effect with MICROSOFT_APP_TYPE=UserAssignedMSI: a managed identity has no password");
  if (appId === undefined || tenantId === undefined || (!managed && password === undefined)) return undefined;
  return { appId, tenantId, password: managed ? undefined : password };
}

/** Whoever reaches the port would be believed to be anybody, so nobody else may reach it. */
function anonymousTeams({ teams, host }: EnvSettings, say: (where: string, message: string) => void): void {
  if (!teams.anonymous) return;
  if (teams.bot) say("TEAMS_ANONYMOUS", "contradicts MICROSOFT_APP_ID: with a bot registration every request is checked. Unset it");
  if (!/^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host))
    say(
      "TEAMS_ANONYMOUS",
      "checks nobody's identity, so it is only allowed while HOST is a loopback address: set HOST=127.0.0.1, or unset it",
    );
}

function halfSlack(get: (name: Name) => string | undefined, say: (where: string, message: string) => void): void {
  if (get("SLACK_BOT_TOKEN")) {
    if (get("SLACK_SIGNING_SECRET") || get("SLACK_APP_TOKEN")) return;
    say("SLACK_SIGNING_SECRET", "is missing: SLACK_BOT_TOKEN needs SLACK_SIGNING_SECRET (HTTP) or SLACK_APP_TOKEN (Socket Mode) beside it");
    return;
  }
  const lonely = (["SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "SLACK_API_URL", "SLACK_CHANNEL"] as const).filter((name) => get(name));
  if (lonely.length > 0)
    say("SLACK_BOT_TOKEN", `is missing: ${lonely.join(", ")} ${lonely.length === 1 ? "is" : "are"} set, but Slack needs the bot token`);
}
