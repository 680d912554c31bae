import { FAMILIES, type Family } from "../engine/domain/action.ts";
import { type HeldBy, NO_ROLES, type Person, type Roles } from "../engine/domain/approval.ts";
import { readMention } from "../engine/domain/mention.ts";
import { globMatches } from "../engine/domain/policy.ts";
import type { Deciders } from "../engine/domain/who-may.ts";
import type { GroupMember } from "../engine/ports.ts";
import type { ApproverEntry, Config, PersonConfig, RolesConfig, TokenConfig } from "./config.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { TeamsGroups } from "./teams-groups.ts";

/**
 * Who somebody is and what they may do, from air.yaml, Slack's user groups and the groups of Entra ID, asked anew at every click. Whoever is not found may do
 * nothing.
 *
 * One human is one key, whatever they act through: the e-mail address in `people`; who is not in `people` can act through one chat account
 * only, and that is the key. Where an account's id says one person and its address another, the account holds no role.
 *
 * The lab without any roles is the one exception: nothing real can happen there, so that a team can try air in its own workspace,
 * every full member holds every role for it.
 */
export type People = {
  persona: (id: string | undefined) => Person;
  /** By name, e-mail address, or a first name that one person has: whom an incident may be assigned to. */
  find: (text: string) => { name: string; key: string } | undefined;
  /** Everybody `find` knows, by name. */
  names: () => readonly string[];
  /** Nobody is named in `people`: whoever is in the chat may be meant. */
  anybody: () => boolean;
  /** A full member of the workspace by `slack:U0MIA`, or as Slack or Teams write a mention; who cannot be looked up is nobody. */
  colleague: (account: string) => Promise<{ name: string; key?: string } | undefined>;
  /** Somebody in `people`, with the roles their accounts bring: Slack's user groups where Slack is connected, those of Entra ID. */
  byEmail: (email: string, via: Person["via"]) => Promise<Person | undefined>;
  /** What somebody of this key may do now; undefined: that cannot be said now. */
  byKey: (key: string) => Promise<Pick<Person, "roles"> | undefined>;
  fromSlack: (user: { userId: string }) => Promise<Person>;
  fromTeams: (user: { userId: string; name: string }) => Promise<Person>;
  fromToken: (token: TokenConfig) => Promise<Person>;
  /** The holder of AIR_API_TOKEN: admin, decides only in the lab. */
  apiToken: () => Person;
  /** Who may decide on a device of this group now; null: on no device, or on one nobody knows. */
  deciders: (family: Family, lab: boolean, deviceGroup: string | null) => Deciders;
};

/** What a connected chat says about its people. Each throws when it cannot say, within the time a press allows. */
export type Directory = {
  lookUpPerson: (userId: string) => Promise<Profile>;
  lookUpGroup: (groupId: string) => Promise<ReadonlySet<string>>;
};
type Profile = { email?: string; name: string /** A full member, no guest, bot or stranger. */; member: boolean };

const EVERY: Roles = { viewer: true, responder: true, admin: true, approves: FAMILIES };
const APPROVER: Roles = { viewer: true, responder: true, admin: false, approves: FAMILIES };
const VIEWER: Roles = { ...NO_ROLES, viewer: true };

/** Whom the bare lab lets one act as; two approvers, so that two-person approval can be tried. */
export const PERSONAS: readonly { id: string; name: string; about: string; roles: Roles }[] = [
  { id: "mia", name: "Mia Keller", about: "approver", roles: APPROVER },
  { id: "noor", name: "Noor Haddad", about: "another approver", roles: APPROVER },
  { id: "ada", name: "Ada Admin", about: "admin", roles: EVERY },
  { id: "vic", name: "Vic Viewer", about: "viewer, may only look", roles: VIEWER },
];

const UNCHECKED = "air could not check who you are now; try again in a moment.";
const OUTSIDER = "Guests, bots, deactivated accounts and people of other workspaces hold no role in air.";
const NO_ADDRESS =
  "Slack does not tell air your confirmed e-mail address, so air cannot tell who you are. An admin adds your Slack account to people in air.yaml, or the scope users:read.email to the app.";
const CONTRADICTION =
  "Your Slack account and your e-mail address belong to two different people in air.yaml. An admin sets slack: in people to your account.";

const NO_ADDRESS_IN_ENTRA =
  "Microsoft Graph does not tell air your address, so air cannot tell you from others. An admin adds your Teams account to people in air.yaml, or the permission User.Read.All to the app registration.";
const CONTRADICTION_IN_ENTRA =
  "Your Teams account and your address in Entra ID belong to two different people in air.yaml. An admin sets teams: in people to your account.";

const SLACK_GROUP = "slack-group:";
const TEAMS_GROUP = "teams-group:";
export const isSlackGroup = (entry: string): boolean => entry.startsWith(SLACK_GROUP);
export const isTeamsGroup = (entry: string): boolean => entry.startsWith(TEAMS_GROUP);
export const isGroup = (entry: string): boolean => isSlackGroup(entry) || isTeamsGroup(entry);
/** Both prefixes are of one length. */
export const groupId = (entry: string): string => entry.slice(SLACK_GROUP.length);
const whoOf = (entry: ApproverEntry): string => (typeof entry === "string" ? entry : entry.who);
/** Every entry of every role, as written. */
export const allEntries = (roles: RolesConfig): string[] => [
  ...roles.admin,
  ...roles.responder,
  ...roles.viewer,
  ...FAMILIES.flatMap((family) => roles.approver[family].map(whoOf)),
];
/** Entries of roles that act and name an address nobody in `people` has: a typing mistake, or somebody known by their Slack account only. */
export function strangers({ roles, people, slack }: Pick<Config, "roles" | "people" | "slack">): string[] {
  const emails = people.map((one) => one.email);
  const lists: [string, readonly string[]][] = [
    ["roles.admin", roles.admin],
    ["roles.responder", roles.responder],
    ...FAMILIES.map((family): [string, string[]] => [`roles.approver.${family}`, roles.approver[family].map(whoOf)]),
  ];
  const only = slack ? "only the Slack account with that confirmed address holds it" : "nobody holds it";
  return lists.flatMap(([name, entries]) =>
    entries
      .filter((entry) => !isGroup(entry) && !emails.includes(entry))
      .map((entry) => `${name}: ${entry} is nobody in people, so ${only}.${didYouMean(entry, emails)}`),
  );
}
export const approverText = (entry: ApproverEntry): string =>
  typeof entry === "string" ? entry : `${entry.who} (only in ${entry.deviceGroups.join(", ")})`;

/** `teamsGroups`: undefined where no directory is connected; air.yaml names none of its groups then. */
export function createPeople(
  config: () => Config,
  labOn: boolean,
  directory: () => Directory | undefined = () => undefined,
  teamsGroups?: TeamsGroups,
): People {
  const openLab = () => labOn && allEntries(config().roles).length === 0;
  const wantedGroups = (isOne: (entry: string) => boolean) => [...new Set(allEntries(config().roles).filter(isOne))];

  /** What a Slack account says about its holder, all of it asked at once so that one budget holds for everything. */
  async function fromDirectory(userId: string): Promise<{ profile: Profile | undefined; groups: Groups }> {
    const chat = directory();
    if (!chat) return { profile: undefined, groups: NO_GROUPS };
    const wanted = wantedGroups(isSlackGroup);
    const [profile, ...members] = await Promise.allSettled([
      chat.lookUpPerson(userId),
      ...wanted.map((entry) => chat.lookUpGroup(groupId(entry))),
    ]);
    return {
      profile: profile.status === "fulfilled" ? profile.value : undefined,
      groups: {
        held: new Set(wanted.filter((_, index) => members[index]?.status === "fulfilled" && members[index].value.has(userId))),
        unchecked: members.some((one) => one.status === "rejected"),
        wanted: wanted.length > 0,
      },
    };
  }

  /** What the groups of Entra ID say about an account. Begun before anybody waits, for the same budget. */
  async function askEntra(): Promise<(account: string | undefined) => { member: GroupMember | undefined; groups: Groups }> {
    const wanted = wantedGroups(isTeamsGroup);
    const ask = teamsGroups ?? (() => Promise.reject(new Error("no directory is connected")));
    const answers = await Promise.allSettled(wanted.map((entry) => ask(groupId(entry))));
    return (account) => {
      if (account === undefined) return { member: undefined, groups: NO_GROUPS };
      const found = answers.map((answer) => (answer.status === "fulfilled" ? answer.value.get(account) : undefined));
      const member = found.find((one) => one !== undefined);
      return {
        member,
        groups: {
          held: new Set(wanted.filter((_, index) => found[index] !== undefined && member?.outside !== true)),
          unchecked: answers.some((one) => one.status === "rejected"),
          wanted: wanted.length > 0,
        },
      };
    };
  }

  /** What the Teams account of somebody in `people` brings. */
  function broughtByTeams(listed: PersonConfig, entra: Awaited<ReturnType<typeof askEntra>>): Brought {
    const { member, groups } = entra(listed.teams);
    const addresses = member?.addresses ?? [];
    if (member?.outside) return { groups: NO_GROUPS, addresses, withheld: OUTSIDER };
    if (belongsToAnother(config().people, listed, addresses)) return { groups: NO_GROUPS, addresses, withheld: CONTRADICTION_IN_ENTRA };
    return { groups, addresses, ...(groups.unchecked ? { withheld: UNCHECKED } : {}) };
  }

  /** What the Slack account of somebody in `people` brings. What cannot be known adds nothing. */
  async function broughtBySlack(listed: PersonConfig): Promise<Brought> {
    if (!listed.slack || !directory()) return { groups: NO_GROUPS, addresses: [] };
    const { profile, groups } = await fromDirectory(listed.slack);
    const wanted = (withheld: string) => (groups.wanted ? { withheld } : {});
    if (!profile) return { groups: NO_GROUPS, addresses: [], ...wanted(UNCHECKED) };
    const addresses = profile.email === undefined ? [] : [profile.email];
    if (!profile.member) return { groups: NO_GROUPS, addresses, ...wanted(OUTSIDER) };
    if (claimant(config().people, listed.slack, profile.email).contradiction)
      return { groups: NO_GROUPS, addresses, withheld: CONTRADICTION };
    return { groups, addresses, ...(groups.unchecked ? { withheld: UNCHECKED } : {}) };
  }

  const colleague: People["colleague"] = async (account) => {
    const mention = readMention(account);
    if (mention) {
      const { account: userId, name } = mention;
      const found = all.find(account);
      if (found) return found;
      const person = await all.fromTeams({ userId, name });
      if (!person.key.startsWith("teams:")) return { name: person.name, key: person.key };
      return all.anybody() && name !== "" && person.withheld !== OUTSIDER ? { name } : undefined;
    }
    const userId = /^(?:slack:|<@)([UW][A-Z0-9]+)(?:\|[^>]*)?>?$/.exec(account.trim())?.[1];
    const profile =
      userId === undefined
        ? undefined
        : await directory()
            ?.lookUpPerson(userId)
            .catch(() => undefined);
    if (!userId || !profile?.member) return undefined;
    const { listed, contradiction } = claimant(config().people, userId, profile.email);
    return { name: listed?.name ?? profile.name, ...(listed && !contradiction ? { key: listed.email } : {}) };
  };

  const byEmail: People["byEmail"] = async (email, via) => {
    const { people, roles } = config();
    const listed = people.find((one) => one.email === email.toLowerCase());
    if (!listed) return undefined;
    const [slack, entra] = await Promise.all([broughtBySlack(listed), askEntra()]);
    const teams = broughtByTeams(listed, entra);
    const person = known(listed, via);
    const withheld = slack.withheld ?? teams.withheld;
    return {
      ...person,
      identities: withAddresses(person.identities, [...slack.addresses, ...teams.addresses]),
      // Groups add to the roles given by address.
      roles: rolesOf(roles, listed.email, [slack.groups, teams.groups]),
      ...(withheld === undefined ? {} : { withheld }),
    };
  };

  const all: People = {
    persona: (id) => {
      const persona = PERSONAS.find((one) => one.id === id) ?? PERSONAS[0];
      if (!persona) throw new Error("The lab has no personas.");
      return {
        key: `persona:${persona.id}`,
        name: persona.name,
        via: "console",
        identities: [`persona:${persona.id}`],
        roles: persona.roles,
        machine: false,
      };
    },
    byEmail,
    find: (text) => {
      const mention = readMention(text);
      const wanted = (mention?.name ?? text).trim().toLowerCase();
      const { people } = config();
      // A name shows who is meant only where no account says otherwise.
      const person =
        people.find((one) => mention !== undefined && one.teams === mention.account) ??
        people.find(
          (one) => (one.email.toLowerCase() === wanted || one.name.toLowerCase() === wanted) && !(mention && one.teams !== undefined),
        );
      if (person) return { name: person.name, key: person.email };
      const persona = openLab() ? PERSONAS.find((one) => one.id === wanted || one.name.toLowerCase() === wanted) : undefined;
      if (persona) return { name: persona.name, key: `persona:${persona.id}` };
      // A first name says who is meant only where one person has it; the name in a mention proves nothing.
      const [only, ...others] = mention ? [] : people.filter((one) => one.name.toLowerCase().split(/\s+/)[0] === wanted);
      return only && others.length === 0 ? { name: only.name, key: only.email } : undefined;
    },
    colleague,
    anybody: () => config().people.length === 0,
    names: () => [...new Set([...config().people.map((one) => one.name), ...(openLab() ? PERSONAS.map((one) => one.name) : [])])],
    fromSlack: async ({ userId }) => {
      const { people, roles } = config();
      const [{ profile, groups }, entra] = await Promise.all([fromDirectory(userId), askEntra()]);
      const stranger: Person = {
        // Not the address, which its holder can change between two approvals; ids are unique among all workspaces.
        key: `slack:${userId}`,
        name: profile?.name ?? userId,
        via: "slack",
        identities: withAddress([userId], profile?.email),
        roles: NO_ROLES,
        machine: false,
      };
      if (!profile) return { ...stranger, withheld: UNCHECKED, unchecked: true };
      if (!profile.member) return { ...stranger, withheld: OUTSIDER };
      const { listed, contradiction } = claimant(people, userId, profile.email);
      const person: Person = listed
        ? { ...known(listed, "slack"), identities: withAddress([...known(listed, "slack").identities, userId], profile.email) }
        : stranger;
      if (contradiction) return { ...person, withheld: CONTRADICTION };
      if (openLab()) return { ...person, roles: EVERY };
      const address = listed?.email ?? profile.email;
      // Without an address nobody could say whether they are an entity of the incident, or somebody who has approved already.
      if (!address) return { ...person, withheld: NO_ADDRESS };
      const teams = listed && broughtByTeams(listed, entra);
      const withheld = groups.unchecked ? UNCHECKED : teams?.withheld;
      return {
        ...person,
        identities: withAddresses(person.identities, teams?.addresses ?? []),
        roles: rolesOf(roles, address, [groups, teams?.groups ?? NO_GROUPS]),
        ...(withheld === undefined ? {} : { withheld }),
      };
    },
    fromTeams: async ({ userId, name }) => {
      const account = userId.toLowerCase();
      const { people, roles } = config();
      const listed = people.find((one) => one.teams === account);
      const [own, entra] = await Promise.all([listed && byEmail(listed.email, "teams"), askEntra()]);
      const { member, groups } = entra(account);
      const addresses = member?.addresses ?? [];
      if (listed && own) {
        const person = { ...own, identities: [...new Set([...own.identities, userId])] };
        if (openLab()) return { ...person, roles: EVERY };
        // Not only the groups: at this door nobody can say which of the two it is.
        return belongsToAnother(people, listed, addresses) ? { ...person, roles: NO_ROLES, withheld: CONTRADICTION_IN_ENTRA } : person;
      }
      // Known by their account alone: what their profile says they can change themselves.
      const stranger: Person = {
        key: `teams:${userId}`,
        name,
        via: "teams",
        identities: withAddresses([userId], addresses),
        roles: NO_ROLES,
        machine: false,
      };
      if (openLab()) return { ...stranger, roles: EVERY };
      if (!member) return groups.unchecked ? { ...stranger, withheld: UNCHECKED } : stranger;
      if (member.outside) return { ...stranger, withheld: OUTSIDER };
      const claimed = people.filter((one) => addresses.includes(one.email));
      const [only] = claimed;
      if (claimed.length > 1 || only?.teams) return { ...stranger, withheld: CONTRADICTION_IN_ENTRA };
      // Without an address nobody could say whether they are an entity of the incident, or somebody who has approved already.
      if (addresses.length === 0) return { ...stranger, withheld: NO_ADDRESS_IN_ENTRA };
      const person: Person = only
        ? { ...known(only, "teams"), identities: withAddresses([...known(only, "teams").identities, userId], addresses) }
        : stranger;
      // What is given by address is theirs in Teams once people names their account; the group's is theirs by the account itself.
      return { ...person, roles: rolesOf(roles, undefined, [groups]), ...(groups.unchecked ? { withheld: UNCHECKED } : {}) };
    },
    fromToken: async (token) => {
      const behind = token.person ? await byEmail(token.person, "http") : undefined;
      const deviceGroups = behind?.roles.deviceGroups;
      return {
        key: behind?.key ?? `token:${token.name}`,
        name: behind ? `${token.name} (for ${behind.name})` : token.name,
        via: "http",
        identities: behind?.identities ?? [],
        roles: {
          viewer: token.roles.some((role) => role === "viewer" || role === "responder" || role === "admin"),
          responder: token.roles.some((role) => role === "responder" || role === "admin"),
          admin: token.roles.includes("admin"),
          approves: FAMILIES.filter((family) => token.mayDecide.includes(family) && behind?.roles.approves.includes(family)),
          ...(deviceGroups ? { deviceGroups } : {}),
        },
        machine: true,
        ...(behind?.withheld ? { withheld: behind.withheld } : {}),
      };
    },
    apiToken: () => ({
      key: "token:AIR_API_TOKEN",
      name: "AIR_API_TOKEN",
      via: "http",
      identities: [],
      roles: labOn ? EVERY : { ...EVERY, approves: [] },
      machine: true,
    }),
    deciders: (family, lab, deviceGroup) => {
      if (lab && openLab()) return { anyone: true, names: [] };
      const { roles, people, slack } = config();
      const holders = roles.approver[family]
        .filter((entry) => typeof entry === "string" || (deviceGroup !== null && entry.deviceGroups.includes(deviceGroup)))
        .map(whoOf)
        // Nobody can be found in a user group while Slack is not connected.
        .filter((who) => !isSlackGroup(who) || slack !== undefined);
      const names = holders.map((who) =>
        isGroup(who) ? `members of ${groupWords(who)}` : (people.find((one) => one.email === who)?.name ?? who),
      );
      const known = holders
        .filter((who) => !isGroup(who))
        .map((who) => {
          const one = people.find((person) => person.email === who);
          return {
            key: who,
            name: one?.name ?? who,
            identities: withAddress(
              [one?.slack, one?.teams].filter((name) => name !== undefined),
              who,
            ),
          };
        });
      return { anyone: false, names: [...new Set(names)], known };
    },
    byKey: async (key) => {
      const [, chat, account = ""] = /^(slack|teams|persona):(.+)$/.exec(key) ?? [];
      // Where everybody holds every role there is nothing to lose.
      if (openLab()) return undefined;
      if (chat === "persona") return all.persona(account);
      const person =
        chat === "slack"
          ? await all.fromSlack({ userId: account })
          : chat === "teams"
            ? await all.fromTeams({ userId: account, name: account })
            : key.includes("@")
              ? ((await byEmail(key, "http")) ?? { roles: NO_ROLES })
              : undefined;
      return person && "withheld" in person && person.withheld === UNCHECKED ? undefined : person;
    },
  };
  return all;
}

/** `slack-group:S0EDR` as people say it. */
const groupWords = (group: string) => group.replace(/^slack-group:/, "the Slack group ").replace(/^teams-group:/, "the Entra ID group ");

/** The groups of air.yaml an account is in, as written there, as far as it could be checked. */
type Groups = { held: ReadonlySet<string>; unchecked: boolean; wanted: boolean };
const NO_GROUPS: Groups = { held: new Set(), unchecked: false, wanted: false };
/** What an account of somebody adds to them. */
type Brought = { groups: Groups; addresses: readonly string[]; withheld?: string };

/** An address that is another person's of `people`: then the account is theirs, or air.yaml is wrong. */
const belongsToAnother = (people: readonly PersonConfig[], listed: PersonConfig, addresses: readonly string[]): boolean =>
  people.some((one) => one !== listed && addresses.includes(one.email));

/** Whom of `people` a Slack account belongs to; contradictory: its id says one person and its address another. */
function claimant(
  people: readonly PersonConfig[],
  userId: string,
  email: string | undefined,
): { listed: PersonConfig | undefined; contradiction: boolean } {
  const byId = people.find((one) => one.slack === userId);
  const byAddress = email === undefined ? undefined : people.find((one) => one.email === email);
  const contradiction = byId ? byAddress !== undefined && byAddress !== byId : byAddress?.slack !== undefined;
  return { listed: byId ?? byAddress, contradiction };
}

const known = (person: PersonConfig, via: Person["via"]): Person => ({
  key: person.email,
  name: person.name,
  via,
  identities: withAddress(
    [person.slack, person.teams].filter((identity) => identity !== undefined),
    person.email,
  ),
  roles: NO_ROLES,
  machine: false,
});

/** An address is two identities: sources name accounts with and without their domain. */
const withAddress = (identities: readonly string[], email: string | undefined): string[] => [
  ...new Set([...identities, ...(email ? [email, email.split("@")[0] ?? email] : [])]),
];

const withAddresses = (identities: readonly string[], addresses: readonly string[]): string[] =>
  addresses.reduce((all, one) => withAddress(all, one), [...identities]);

/** `address` undefined: only what groups give. */
function rolesOf(roles: RolesConfig, address: string | undefined, groups: readonly Groups[]): Roles {
  const holds = (entry: string) => (isGroup(entry) ? groups.some(({ held }) => held.has(entry)) : entry === address);
  const entries = (family: Family) => roles.approver[family].filter((entry) => holds(whoOf(entry)));
  const approves = FAMILIES.filter((family) => entries(family).length > 0);
  // Several entries add up, and one without a limit lifts the others'.
  const limited = approves.filter((family) => entries(family).every((entry) => typeof entry !== "string"));
  const scope = (family: Family) => [...new Set(entries(family).flatMap((entry) => (typeof entry === "string" ? [] : entry.deviceGroups)))];
  return {
    // A pattern may only let people look (product contract 3.4).
    viewer: roles.viewer.some((entry) => holds(entry) || (!isGroup(entry) && address !== undefined && globMatches(entry, address))),
    responder: roles.responder.some(holds),
    admin: roles.admin.some(holds),
    approves,
    ...(limited.length > 0 ? { deviceGroups: Object.fromEntries(limited.map((family) => [family, scope(family)])) } : {}),
    ...(approves.length > 0 ? { heldBy: Object.fromEntries(approves.map((family) => [family, entries(family).map(heldBy)])) } : {}),
  };
}

const heldBy = (entry: ApproverEntry): HeldBy => ({
  group: isGroup(whoOf(entry)) ? whoOf(entry) : null,
  ...(typeof entry === "string" ? {} : { deviceGroups: entry.deviceGroups }),
});
