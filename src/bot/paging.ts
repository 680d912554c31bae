import { createPagerDutySchedule } from "../adapters/pages/pagerduty-schedule.ts";
import { type Named, type Paging, rotaStepOf, rotaTarget } from "../engine/domain/paging.ts";
import type { RotaSource } from "../engine/ports.ts";
import type { Schedules } from "../engine/schedules.ts";
import type { Config } from "./config.ts";
import { isGroup, PERSONAS } from "./people.ts";
import { outsideName, withOutside } from "./second-channel.ts";

const PERSON = "person:";
const targetOf = (entry: string) => (isGroup(entry) ? entry : `${PERSON}${entry.toLowerCase()}`);

/** Whom air tells what, from air.yaml as it is now. */
export function pagingOf(config: Config): Paging {
  const { onCall, roles } = config;
  const inChat = onCall.escalation.length > 0 ? onCall.escalation.map(({ to }) => rotaTarget(to)) : onCall.chain.map(targetOf);
  return {
    chain: withOutside(onCall, inChat),
    ...rotaOf(onCall),
    everyMs: onCall.everyMs,
    timeZone: onCall.timeZone,
    quiet: onCall.quiet,
    togetherMs: onCall.togetherMs,
    ...(onCall.ownerReminderMs ? { ownerReminderMs: onCall.ownerReminderMs } : {}),
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
    isKnown: (target) => isKnown(config, target),
  };
}

/** The rota with targets for addresses. */
function rotaOf({ escalation, layers, source, timeZone }: Config["onCall"]): Pick<Paging, "afterMs" | "rota"> {
  if (escalation.length === 0) return {};
  const named = layers.map((layer) => ({ ...layer, people: layer.people.map(targetOf) }));
  return { afterMs: escalation.map(({ afterMs }) => afterMs), rota: source ? "asked" : { layers: named, timeZone } };
}

/** The product that keeps the rota, where one does. */
export const rotaSourceOf = ({ onCall: { source } }: Config): RotaSource | undefined => source && createPagerDutySchedule(source);

const ROTA_NAMES = { current: "whoever is on call", next: "whoever is next on call", everyone: "everybody of the rota" } as const;

function nameOf({ people }: Config, target: string): Named {
  const step = rotaStepOf(target);
  if (step) return { kind: "group", name: ROTA_NAMES[step], on: {} };
  const outside = outsideName(target);
  if (outside) return outside;
  const [, platform, group] = /^([a-z]+)-group:(.+)$/.exec(target) ?? [];
  if (platform && group) return { kind: "group", name: `group ${group}`, on: { [platform]: group } };
  const key = target.slice(PERSON.length);
  const person = people.find((one) => one.email.toLowerCase() === key);
  if (person) {
    const on = { ...(person.slack ? { slack: person.slack } : {}), ...(person.teams ? { teams: person.teams } : {}) };
    return { kind: "person", name: person.name, on, ...directTo(person.slack) };
  }
  const persona = PERSONAS.find(({ id }) => key === `persona:${id}`);
  // Somebody who is not in `people` is known by the account they spoke through.
  const account = /^slack:(?:.*:)?([uw][a-z0-9]+)$/.exec(key)?.[1]?.toUpperCase();
  const inTeams = /^teams:(\S+)$/.exec(key)?.[1];
  if (inTeams) return { kind: "person", name: inTeams, on: { teams: inTeams } };
  return { kind: "person", name: persona?.name ?? account ?? key, on: account ? { slack: account } : {}, ...directTo(account) };
}

/** Nobody answers to a name that was taken out of air.yaml, or to the pseudonym of somebody who was erased. */
const isKnown = ({ people }: Config, target: string): boolean => {
  if (!target.startsWith(PERSON)) return true;
  const key = target.slice(PERSON.length);
  return (
    /^(slack|teams):/.test(key) ||
    PERSONAS.some(({ id }) => key === `persona:${id}`) ||
    people.some(({ email }) => email.toLowerCase() === key.toLowerCase())
  );
};

/** A member of Slack can be written to at once; in Teams only who has a chat with air. */
const directTo = (slack: string | undefined) => (slack !== undefined && /^[UW][A-Z0-9]+$/.test(slack) ? { direct: ["slack"] } : {});

/** What happens by the clock on the wall, from air.yaml as it is now. */
export function schedulesOf({ schedules: { channel, ...times }, slack, teams }: Config): Schedules {
  return {
    ...times,
    channels: [
      ...(slack && channel.slack ? [`slack:${channel.slack}`] : []),
      ...(teams && channel.teams ? [`teams:${channel.teams}`] : []),
    ],
  };
}
