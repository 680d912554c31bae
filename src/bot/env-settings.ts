import { distance } from "fastest-levenshtein";
import { readBaseUrl } from "./base-url.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { Problem } from "./problem.ts";

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
  "AIR_URL",
  "LOG_LEVEL",
  "SLACK_BOT_TOKEN",
  "SLACK_SIGNING_SECRET",
  "SLACK_APP_TOKEN",
  "SLACK_API_URL",
  "SLACK_CHANNEL",
  "VIRUSTOTAL_API_KEY",
  "VIRUSTOTAL_URL",
  "ABUSEIPDB_API_KEY",
  "ABUSEIPDB_URL",
  "ABUSECH_AUTH_KEY",
  "URLHAUS_URL",
  "DEFENDER_URL",
  "ENTRA_LOGIN_URL",
] as const;
type Name = (typeof EFFECTIVE)[number];

/** Known, and refused when set: a setting accepted in silence is believed to work. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  AIR_HEARTBEAT_URL: "air sends no heartbeat yet",
  MICROSOFT_APP_ID: "Teams is not available yet",
  MICROSOFT_APP_PASSWORD: "Teams is not available yet",
  MICROSOFT_APP_TENANT_ID: "Teams is not available yet",
  MICROSOFT_APP_TYPE: "Teams is not available yet",
  TEAMS_ANONYMOUS: "Teams is not available yet",
  GRAPH_TENANT_ID: "Microsoft Graph is not polled yet",
  GRAPH_CLIENT_ID: "Microsoft Graph is not polled yet",
  GRAPH_CLIENT_SECRET: "Microsoft Graph is not polled yet",
  GRAPH_URL: "Microsoft Graph is not polled yet",
  THREATFOX_URL: "ThreatFox is not connected yet",
  MALWAREBAZAAR_URL: "MalwareBazaar is not connected yet",
};

/** Names that can only be meant for air: a typo among them must not pass. AIR_TEST_ is the test runner's. */
const OURS = /^AIR_(?!TEST_)/;
/** Other tools on the machine use these prefixes too (SLACK_WEBHOOK_URL): only what is near to one of our names is taken for a typo. */
const SHARED = /^(SLACK|VIRUSTOTAL|ABUSEIPDB|ABUSECH|URLHAUS)_/;

const isNear = (name: string) => EFFECTIVE.some((known) => distance(known, name) <= 3 || known.replace("_API_", "_") === name);

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
  logLevel: LogLevel;
  slack: {
    botToken: string | undefined;
    signingSecret: string | undefined;
    appToken: string | undefined;
    apiUrl: string | undefined;
    channel: string | undefined;
  };
  virustotal: { key: string | undefined; url: string | undefined };
  abuseipdb: { key: string | undefined; url: string | undefined };
  urlhaus: { key: string | undefined; url: string | undefined };
  defender: { url: string | undefined; loginUrl: string | undefined };
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

  for (const [name, reason] of Object.entries(WITHOUT_EFFECT)) {
    if (env[name]?.trim()) say(name, `has no effect in this version: ${reason}. Unset it.`);
  }
  for (const name of Object.keys(env)) {
    if (!env[name]?.trim() || (EFFECTIVE as readonly string[]).includes(name) || name in WITHOUT_EFFECT) continue;
    const meant = didYouMean(name, EFFECTIVE);
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
    logLevel: LOG_LEVELS.find((level) => level === logLevel?.toLowerCase()) ?? "info",
    slack: {
      botToken: word("SLACK_BOT_TOKEN", (value) =>
        value.startsWith("xapp-") ? "holds an app-level token (xapp-): that one belongs into SLACK_APP_TOKEN" : undefined,
      ),
      signingSecret: token("SLACK_SIGNING_SECRET"),
      appToken: word("SLACK_APP_TOKEN", (value) =>
        value.startsWith("xoxb-") ? "holds a bot token (xoxb-): that one belongs into SLACK_BOT_TOKEN" : undefined,
      ),
      apiUrl: address("SLACK_API_URL", "loopback"),
      channel: word("SLACK_CHANNEL", (value) =>
        /^[CGD][A-Z0-9]{2,}$/.test(value)
          ? undefined
          : "must be a channel id (C0...), found at the end of the channel's details; not its name",
      ),
    },
    virustotal: { key: token("VIRUSTOTAL_API_KEY"), url: address("VIRUSTOTAL_URL", "loopback") },
    abuseipdb: { key: token("ABUSEIPDB_API_KEY"), url: address("ABUSEIPDB_URL", "loopback") },
    urlhaus: { key: token("ABUSECH_AUTH_KEY"), url: address("URLHAUS_URL", "loopback") },
    defender: { url: address("DEFENDER_URL", "loopback"), loginUrl: address("ENTRA_LOGIN_URL", "loopback") },
  };
  halfSlack(get, say);
  return { settings, problems };
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
