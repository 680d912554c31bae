import postgres from "postgres";
import { z } from "zod";
import { checkChannels, checkGroups, checkSlack } from "../adapters/slack/doctor.ts";
import { openDatabase } from "../db/connect.ts";
import { DirectoryInUse } from "../db/lock-directory.ts";
import { FAMILIES } from "../engine/domain/action.ts";
import { ConnectorError, type Log } from "../engine/ports.ts";
import type { Config } from "./config.ts";
import { loadPlaybooks } from "./load-playbooks.ts";
import { realConnectors } from "./main.ts";
import { allEntries, groupId, isGroup } from "./people.ts";
import { examineTeams } from "./teams-doctor.ts";

export type Finding = { what: string; ok: boolean; text: string };

/** Looks at everything air depends on; each failure ends with the next step. */
export async function examine(config: Config, log: Log): Promise<Finding[]> {
  return [
    await database(config),
    playbooks(config),
    ...(await slack(config, log)),
    ...(await examineTeams(config)),
    ...(await running(config)),
    ...(await connectors(config)),
    ...roles(config),
    ...(await groups(config, log)),
  ];
}

async function database(config: Config): Promise<Finding> {
  const what = config.databaseUrl ? "PostgreSQL" : "embedded database";
  try {
    if (config.databaseUrl) return { what, ...(await postgresVersion(config.databaseUrl)) };
    const opened = await openDatabase({ dataDir: config.dataDir });
    await opened.close();
    return { what, ok: true, text: "opens, migrations applied" };
  } catch (error) {
    if (error instanceof DirectoryInUse) return { what, ok: true, text: "in use: air is running on it" };
    const code = (error as { code?: string }).code;
    return {
      what,
      ok: false,
      text: config.databaseUrl
        ? `cannot be reached (${code ?? "no answer"}). Check DATABASE_URL: host, port, user, password and that the database exists.`
        : `cannot be opened in AIR_DATA_DIR (${code ?? (error instanceof Error ? error.message : "unknown")}). Check that the folder may be written to.`,
    };
  }
}

async function postgresVersion(url: string): Promise<{ ok: boolean; text: string }> {
  const one = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
  try {
    const [row] = await one<{ version: string; migrated: boolean }[]>`
      select current_setting('server_version_num') as version, to_regclass('drizzle.__drizzle_migrations') is not null as migrated`;
    const major = Math.floor(Number(row?.version ?? 0) / 10_000);
    if (major < 15) return { ok: false, text: `is version ${major}; air needs 15 or newer` };
    return {
      ok: true,
      text: `version ${major}, ${row?.migrated ? "migrations applied" : "not migrated yet: run air migrate, or just start air"}`,
    };
  } finally {
    await one.end({ timeout: 2 });
  }
}

function playbooks(config: Config): Finding {
  try {
    return { what: "playbooks", ok: true, text: `${loadPlaybooks(config.playbooksDir).length} loaded` };
  } catch (error) {
    return { what: "playbooks", ok: false, text: error instanceof Error ? error.message : String(error) };
  }
}

async function slack(config: Config, log: Log): Promise<Finding[]> {
  if (!config.slack) return [];
  const settings = { botToken: config.slack.botToken, apiUrl: config.slack.apiUrl };
  const trouble = await checkSlack(settings);
  const named = [config.slack.channel, config.opsChannel.slack, ...config.channels.map((rule) => rule.slack)];
  const channels = await checkChannels(settings, [...new Set(named.flatMap((channel) => channel ?? []))], log);
  return [
    ...(trouble.length === 0
      ? [{ what: "Slack", ok: true, text: "token, scopes and clock are good" }]
      : trouble.map((text) => ({ what: "Slack", ok: false, text }))),
    ...channels.map((one) => ({
      what: `channel ${one.channel}`,
      ok: one.trouble === undefined,
      text: one.trouble ?? "air may post in it",
    })),
  ];
}

/** What the running air itself has met: a channel it could not post to, another air on the same Slack app. */
async function running(config: Config): Promise<Finding[]> {
  try {
    const response = await fetch(new URL("/readyz", config.airUrl), { signal: AbortSignal.timeout(2_000), redirect: "error" });
    const { degraded } = z.object({ degraded: z.array(z.string()).default([]) }).parse(await response.json());
    return degraded.map((text) => ({ what: "running air", ok: false, text: `${text}. The console and the ops channel say more.` }));
  } catch {
    // Not running, or not here: there is nothing it could have met.
    return [];
  }
}

/** Who may do nothing yet, and who is named but not known. */
function roles(config: Config): Finding[] {
  const what = "roles";
  const named = allEntries(config.roles);
  const lab = config.lab ?? realConnectors(config, { now: () => new Date() }).length === 0;
  if (named.length === 0) {
    return lab
      ? [
          {
            what,
            ok: true,
            text: "none: in the lab every full member may do everything. Name roles in air.yaml before products are connected",
          },
        ]
      : [
          {
            what,
            ok: false,
            text: "none: nobody may look or decide, and cards have no buttons. Add roles to air.yaml, beginning with admin and approver",
          },
        ];
  }
  const { admin, approver, responder, viewer } = config.roles;
  const all: [string, readonly unknown[]][] = [
    ["admin", admin],
    ...FAMILIES.map((family): [string, readonly unknown[]] => [`approver.${family}`, approver[family]]),
    ["responder", responder],
    ["viewer", viewer],
  ];
  const empty = all.flatMap(([role, entries]) => (entries.length === 0 ? [role] : []));
  const mails = new Set(config.people.map((person) => person.email));
  const unlisted = [...new Set(named)].filter((entry) => !isGroup(entry) && !entry.includes("*") && !mails.has(entry));
  return [
    {
      what,
      ok: true,
      text:
        empty.length === 0
          ? "each is held by somebody"
          : `nobody is named for ${empty.join(", ")}${empty.some((role) => role.startsWith("approver")) ? ". What only these could decide has no buttons" : ""}`,
    },
    ...(unlisted.length === 0
      ? []
      : [
          {
            what,
            ok: true,
            text: `${unlisted.join(", ")}: in roles, but not in people. They act in Slack only; add them to people (name, email, slack) for the console and for tokens`,
          },
        ]),
  ];
}

async function groups(config: Config, log: Log): Promise<Finding[]> {
  const named = [...new Set(allEntries(config.roles).filter(isGroup))];
  if (named.length === 0) return [];
  if (!config.slack)
    return [
      { what: "roles", ok: false, text: `${named.join(", ")}: Slack is not connected, so nobody holds a role by it. Set SLACK_BOT_TOKEN` },
    ];
  const looked = await checkGroups({ botToken: config.slack.botToken, apiUrl: config.slack.apiUrl }, named.map(groupId), log);
  return looked.map(({ group, members, trouble, editors }) => ({
    what: `slack-group:${group}`,
    ok: trouble === undefined,
    text:
      trouble === undefined
        ? `${members} ${members === 1 ? "member" : "members"}${editors ? `; ${editors}` : ""}`
        : `cannot be read, so nobody holds a role by it. ${trouble}`,
  }));
}

async function connectors(config: Config): Promise<Finding[]> {
  const list = realConnectors(config, { now: () => new Date() });
  if (list.length === 0) return [{ what: "connectors", ok: true, text: "none configured: the lab answers" }];
  return Promise.all(
    list.map(async (connector): Promise<Finding> => {
      try {
        await connector.check(AbortSignal.timeout(10_000));
        const limits = (await connector.limits?.(AbortSignal.timeout(10_000))) ?? [];
        return { what: connector.name, ok: true, text: ["answers", ...limits].join("; ") };
      } catch (error) {
        return {
          what: connector.name,
          ok: false,
          text: error instanceof ConnectorError ? error.message : "did not answer in 10 s. Check the network and its _URL.",
        };
      }
    }),
  );
}
