import { openDatabase } from "../db/connect.ts";
import { conversationStore } from "../db/store/conversations.ts";
import type { Conversation } from "../engine/ports.ts";
import type { Config } from "./config.ts";
import type { Finding } from "./doctor.ts";

const what = "Teams";

/** Is there a token, who may speak, and has each channel been heard of? */
export async function examineTeams(config: Config): Promise<Finding[]> {
  const { teams } = config;
  if (!teams) return [];
  const channels = [...new Set([...config.channels.map((rule) => rule.teams), config.opsChannel.teams].flatMap((one) => one ?? []))];
  return [
    await credentials(teams.bot),
    {
      what,
      ok: true,
      text:
        teams.tenants.length > 0 ? `people of ${teams.tenants.join(", ")} may speak to air` : "anybody on this machine may speak to air",
    },
    ...(channels.length === 0
      ? [{ what, ok: false, text: "no channel is named, so no card is posted there: add teams: 19:... to channels in air.yaml" }]
      : await heardOf(config, channels)),
    ...nobody(config),
  ];
}

async function credentials(bot: NonNullable<Config["teams"]>["bot"]): Promise<Finding> {
  if (!bot) return { what, ok: true, text: "TEAMS_ANONYMOUS: nobody's identity is checked. For a test client on this machine only" };
  // Microsoft's SDK is loaded only where it is needed.
  const { checkToken } = await import("../adapters/teams/doctor.ts");
  const trouble = await checkToken(bot);
  return trouble === undefined ? { what, ok: true, text: "Entra ID gives air a token" } : { what, ok: false, text: trouble };
}

/** Teams itself is not asked: what it told air is in the rows. */
async function heardOf(config: Config, channels: readonly string[]): Promise<Finding[]> {
  const found = await rows(config, channels);
  if (found === undefined)
    return [{ what, ok: true, text: "air is running on its database: whether it reaches each channel, it says itself" }];
  return channels.map((channel) => {
    const row = found.get(channel);
    const where = `channel ${channel}`;
    if (row?.removedAt) return { what: where, ok: false, text: "air was removed from its team. Add the app there again" };
    if (row) return { what: where, ok: true, text: `air was heard in it${row.name ? ` (${row.name})` : ""}` };
    if (config.teams && config.teams.tenants.length > 1)
      return {
        what: where,
        ok: false,
        text: "nothing was heard from it yet, and air serves several tenants, so it posts nothing there. Say @air whoami in it",
      };
    return found.size > 0 || found.any
      ? { what: where, ok: true, text: "nothing was heard from it yet; air posts through another conversation of the tenant" }
      : {
          what: where,
          ok: false,
          text: "Teams has not spoken to air yet. Add the app to the channel's team (air teams package), and say @air whoami there",
        };
  });
}

async function rows(config: Config, channels: readonly string[]): Promise<(Map<string, Conversation> & { any: boolean }) | undefined> {
  try {
    const database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir });
    try {
      const store = conversationStore(database, "teams");
      const known = new Map<string, Conversation>();
      for (const channel of channels) {
        const row = await store.find(channel);
        if (row) known.set(channel, row);
      }
      return Object.assign(known, { any: (await store.newest()) !== undefined });
    } finally {
      await database.close();
    }
  } catch {
    return undefined;
  }
}

/** In Teams people are known by their account alone. */
function nobody({ people, roles }: Config): Finding[] {
  const named = [
    ...roles.admin,
    ...roles.responder,
    ...Object.values(roles.approver)
      .flat()
      .map((entry) => (typeof entry === "string" ? entry : entry.who)),
  ];
  const without = people.filter((one) => !one.teams && named.includes(one.email)).map((one) => one.name);
  return without.length === 0
    ? []
    : [
        {
          what,
          ok: true,
          text: `${without.join(", ")}: in roles, but without teams: in people, so they can do nothing in Teams. @air whoami tells each their line`,
        },
      ];
}
