import postgres from "postgres";
import { z } from "zod";
import { checkAppToken, checkChannels, checkGroups, checkSlack } from "../adapters/slack/doctor.ts";
import { openDatabase } from "../db/connect.ts";
import { DirectoryInUse } from "../db/lock-directory.ts";
import { FAMILIES } from "../engine/domain/action.ts";
import { ConnectorError, type GroupMember, type Log } from "../engine/ports.ts";
import { askAir } from "./ask-air.ts";
import type { Config } from "./config.ts";
import { loadPlaybooks } from "./load-playbooks.ts";
import { realConnectors } from "./main.ts";
import { examinePages } from "./pages-doctor.ts";
import { rotaSourceOf } from "./paging.ts";
import { allEntries, groupId, isGroup, isSlackGroup, isTeamsGroup } from "./people.ts";
import { shiftWarnings } from "./shift-warnings.ts";
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
    ...shiftWarnings(config, new Date()).map((text) => ({ what: "on shift", ok: true, text: `warning: ${text}` })),
    ...(await rotaElsewhere(config)),
    ...(await groups(config, log)),
    ...(await teamsGroups(config)),
    ...(await examinePages(config)),
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
  const { appToken } = config.slack;
  const socket = appToken === undefined ? undefined : await checkAppToken({ appToken, apiUrl: config.slack.apiUrl }, log);
  const named = [config.slack.channel, config.opsChannel.slack, ...config.channels.map((rule) => rule.slack)];
  const channels = await checkChannels(settings, [...new Set(named.flatMap((channel) => channel ?? []))], log);
  return [
    ...(trouble.length === 0
      ? [{ what: "Slack", ok: true, text: "token, scopes and clock are good" }]
      : trouble.map((text) => ({ what: "Slack", ok: false, text }))),
    ...(appToken === undefined
      ? []
      : [{ what: "Slack app token", ok: socket === undefined, text: socket ?? "Slack takes it: Socket Mode can connect" }]),
    ...channels.map((one) => ({
      what: `channel ${one.channel}`,
      ok: one.trouble === undefined,
      text: one.trouble ?? "air may post in it",
    })),
  ];
}

/** What the running air itself has met: a channel it could not post to, another air on the same Slack app. */
async function running(config: Config): Promise<Finding[]> {
  const what = "running air";
  // With names for who may look; without a token only what anybody may read.
  const named = config.apiToken
    ? await askAir<{ items: { text: string }[] }>(config, "/v1/troubles").then(
        ({ items }) => items.map(({ text }) => text),
        () => undefined,
      )
    : undefined;
  if (named) return named.map((text) => ({ what, ok: false, text }));
  try {
    const response = await fetch(new URL("/readyz", config.airUrl), { signal: AbortSignal.timeout(2_000), redirect: "error" });
    const { degraded } = z.object({ degraded: z.array(z.string()).default([]) }).parse(await response.json());
    const ops = config.opsChannel.slack || config.opsChannel.teams ? " and the ops channel say" : " says";
    const more = `The console${ops} more; with AIR_API_TOKEN set here, so does this.`;
    return degraded.map((text) => ({ what, ok: false, text: `${text}. ${more}` }));
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

/** The rota another product keeps: does it answer, and does it name people a chat could mention? */
async function rotaElsewhere(config: Config): Promise<Finding[]> {
  const source = rotaSourceOf(config);
  if (!source) return [];
  const now = new Date();
  try {
    const shifts = await source.shifts(now, new Date(now.getTime() + 28 * 86_400_000), AbortSignal.timeout(10_000));
    const unknown = [...new Set(shifts.map(({ email }) => email))].filter((email) => !config.people.some((one) => one.email === email));
    if (shifts.length === 0)
      return [
        { what: source.name, ok: false, text: "names nobody in the next four weeks. Does the schedule stand in an escalation policy?" },
      ];
    if (unknown.length > 0)
      return [
        { what: source.name, ok: false, text: `${unknown.join(", ")}: on call there, but not in people, so nobody would be mentioned` },
      ];
    return [{ what: source.name, ok: true, text: "answers, and everybody on call in the next four weeks is in people" }];
  } catch (error) {
    return [{ what: source.name, ok: false, text: error instanceof ConnectorError ? error.message : "did not answer in 10 s" }];
  }
}

async function groups(config: Config, log: Log): Promise<Finding[]> {
  const named = [...new Set(allEntries(config.roles).filter(isSlackGroup))];
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

/** Who holds a role by a group of Entra ID, as the directory says it. */
async function teamsGroups(config: Config): Promise<Finding[]> {
  const named = [...new Set(allEntries(config.roles).filter(isTeamsGroup))];
  const directory =
    named.length === 0 ? undefined : realConnectors(config, { now: () => new Date() }).find((one) => one.directory)?.directory;
  if (!directory) return [];
  return Promise.all(
    named.map(async (entry): Promise<Finding> => {
      try {
        const members = await directory.members(groupId(entry), AbortSignal.timeout(10_000));
        return { what: entry, ok: true, text: membersSaid(members, config) };
      } catch (error) {
        const why = error instanceof ConnectorError ? error.message : "Microsoft Graph did not answer in 10 s.";
        return { what: entry, ok: false, text: `cannot be read, so nobody holds a role by it. ${why}` };
      }
    }),
  );
}

const MOST_NAMED = 20;
function membersSaid(members: readonly GroupMember[], { people }: Config): string {
  const inside = members.filter((one) => !one.outside);
  const nameless = inside.filter((one) => one.addresses.length === 0 && !people.some(({ teams }) => teams === one.id)).length;
  const names = inside.map((one) => one.addresses[0] ?? people.find(({ teams }) => teams === one.id)?.email ?? one.id);
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : "";
  return [
    `${inside.length} ${inside.length === 1 ? "member" : "members"}${names.length > 0 ? `: ${names.slice(0, MOST_NAMED).join(", ")}${more}` : ""}`,
    ...(members.length > inside.length
      ? [`guests and disabled accounts in it, who hold nothing by it: ${members.length - inside.length}`]
      : []),
    ...(nameless > 0
      ? [
          `people in it whose address air cannot read and who have no teams: in people, who hold nothing by it: ${nameless} (the app registration needs User.Read.All)`,
        ]
      : []),
  ].join("; ");
}

async function connectors(config: Config): Promise<Finding[]> {
  const list = realConnectors(config, { now: () => new Date() });
  if (list.length === 0)
    return [
      {
        what: "connectors",
        ok: true,
        text:
          config.lab !== false
            ? "none configured: the lab answers"
            : "none configured, and the lab is off: nothing is looked up and nothing can be done",
      },
    ];
  const looked = await Promise.all(
    list.map(async (connector): Promise<Finding[]> => {
      const what = connector.name;
      try {
        await connector.check(AbortSignal.timeout(10_000));
        const limits = (await connector.limits?.(AbortSignal.timeout(10_000))) ?? [];
        const answers = connector.feed ? `answers; asked for alerts every ${connector.feed.everyMs / 1000} s while air runs` : "answers";
        return [answers, ...limits].map((text) => ({ what, ok: true, text }));
      } catch (error) {
        const text = error instanceof ConnectorError ? error.message : "did not answer in 10 s. Check the network and its _URL.";
        return [{ what, ok: false, text }];
      }
    }),
  );
  return looked.flat();
}
