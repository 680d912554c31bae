import postgres from "postgres";
import { checkSlack } from "../adapters/slack/doctor.ts";
import { openDatabase } from "../db/connect.ts";
import { DirectoryInUse } from "../db/lock-directory.ts";
import { ConnectorError, type Log } from "../engine/ports.ts";
import type { Config } from "./config.ts";
import { loadPlaybooks } from "./load-playbooks.ts";
import { realConnectors } from "./main.ts";

export type Finding = { what: string; ok: boolean; text: string };

/** Looks at everything air depends on; each failure ends with the next step. */
export async function examine(config: Config, log: Log): Promise<Finding[]> {
  return [await database(config), playbooks(config), ...(await slack(config, log)), ...(await connectors(config))];
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
  const trouble = await checkSlack({ botToken: config.slack.botToken, apiUrl: config.slack.apiUrl }, log);
  return trouble.length === 0
    ? [{ what: "Slack", ok: true, text: "token and scopes are good" }]
    : trouble.map((text) => ({ what: "Slack", ok: false, text }));
}

async function connectors(config: Config): Promise<Finding[]> {
  const list = realConnectors(config, { now: () => new Date() });
  if (list.length === 0) return [{ what: "connectors", ok: true, text: "none configured: the lab answers" }];
  return Promise.all(
    list.map(async (connector): Promise<Finding> => {
      try {
        await connector.check(AbortSignal.timeout(10_000));
        return { what: connector.name, ok: true, text: "answers" };
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
