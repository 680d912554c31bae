import type { Named, Paging } from "../engine/domain/paging.ts";
import { WEBHOOK } from "../engine/domain/paging.ts";
import type { Config } from "./config.ts";
import { isGroup, PERSONAS } from "./people.ts";

const PERSON = "person:";
const targetOf = (entry: string) => (isGroup(entry) ? entry : `${PERSON}${entry.toLowerCase()}`);

/** Whom air tells what, from air.yaml as it is now. */
export function pagingOf(config: Config): Paging {
  const { onCall, roles } = config;
  return {
    chain: [...onCall.chain.map(targetOf), ...(onCall.webhook && onCall.chain.length > 0 ? [WEBHOOK] : [])],
    everyMs: onCall.everyMs,
    timeZone: onCall.timeZone,
    admins: roles.admin.map(targetOf),
    approvers: (family, deviceGroup) =>
      roles.approver[family].flatMap((entry) => {
        if (typeof entry === "string") return [targetOf(entry)];
        return deviceGroup !== null && entry.deviceGroups.includes(deviceGroup) ? [targetOf(entry.who)] : [];
      }),
    ops: [
      ...(config.slack && config.opsChannel.slack ? [`slack:${config.opsChannel.slack}`] : []),
      ...(config.teams && config.opsChannel.teams ? [`teams:${config.opsChannel.teams}`] : []),
    ],
    nameOf: (target) => nameOf(config, target),
  };
}

function nameOf({ people }: Config, target: string): Named {
  if (target === WEBHOOK) return { kind: "group", name: "the webhook", on: {} };
  const [, platform, group] = /^([a-z]+)-group:(.+)$/.exec(target) ?? [];
  if (platform && group) return { kind: "group", name: `group ${group}`, on: { [platform]: group } };
  const key = target.slice(PERSON.length);
  const person = people.find((one) => one.email.toLowerCase() === key);
  if (person) {
    const on = { ...(person.slack ? { slack: person.slack } : {}), ...(person.teams ? { teams: person.teams } : {}) };
    return { kind: "person", name: person.name, on };
  }
  const persona = PERSONAS.find(({ id }) => key === `persona:${id}`);
  // Somebody who is not in `people` is known by the account they spoke through.
  const account = /^slack:(?:.*:)?([uw][a-z0-9]+)$/.exec(key)?.[1]?.toUpperCase();
  const inTeams = /^teams:(\S+)$/.exec(key)?.[1];
  if (inTeams) return { kind: "person", name: inTeams, on: { teams: inTeams } };
  return { kind: "person", name: persona?.name ?? account ?? key, on: account ? { slack: account } : {} };
}
