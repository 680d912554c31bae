import { FAMILIES, type Family } from "../engine/domain/action.ts";
import { NO_ROLES, type Person, type Roles } from "../engine/domain/approval.ts";
import { globMatches } from "../engine/domain/policy.ts";
import type { ApproverEntry, Config, PersonConfig, RolesConfig, TokenConfig } from "./config.ts";
import { didYouMean } from "./did-you-mean.ts";

/**
 * Who somebody is and what they may do, from air.yaml and the chat's user groups, asked anew at every click. Whoever is not found may do
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
  /** By name or e-mail address: whom an incident may be assigned to. */
  find: (text: string) => { name: string } | undefined;
  /** Everybody `find` knows, by name. */
  names: () => readonly string[];
  /** Somebody in `people`, with the roles their Slack account brings where Slack is connected. */
  byEmail: (email: string, via: Person["via"]) => Promise<Person | undefined>;
  fromSlack: (user: { userId: string }) => Promise<Person>;
  fromTeams: (user: { userId: string; name: string }) => Promise<Person>;
  fromToken: (token: TokenConfig) => Promise<Person>;
  /** The holder of AIR_API_TOKEN: admin, decides only in the lab. */
  apiToken: () => Person;
  /** Who may decide on a device of this group now; null: on no device, or on one nobody knows. */
  deciders: (family: Family, lab: boolean, deviceGroup: string | null) => { anyone: boolean; names: string[] };
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

const UNCHECKED = "air could not check who you are now; try again in a moment. Nothing was done.";
const OUTSIDER = "Guests, bots, deactivated accounts and people of other workspaces hold no role in air.";
const NO_ADDRESS =
  "Slack does not tell air your confirmed e-mail address, so air cannot tell who you are. An admin adds your Slack account to people in air.yaml, or the scope users:read.email to the app.";
const CONTRADICTION =
  "Your Slack account and your e-mail address belong to two different people in air.yaml. An admin sets slack: in people to your account.";

const GROUP = "slack-group:";
export const isGroup = (entry: string): boolean => entry.startsWith(GROUP);
export const groupId = (entry: string): string => entry.slice(GROUP.length);
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

export function createPeople(config: () => Config, labOn: boolean, directory: () => Directory | undefined = () => undefined): People {
  const openLab = () => labOn && allEntries(config().roles).length === 0;

  /** What a Slack account says about its holder, all of it asked at once so that one budget holds for everything. */
  async function fromDirectory(userId: string): Promise<{ profile: Profile | undefined; groups: Groups }> {
    const chat = directory();
    if (!chat) return { profile: undefined, groups: NO_GROUPS };
    const wanted = [...new Set(allEntries(config().roles).filter(isGroup))].map(groupId);
    const [profile, ...members] = await Promise.allSettled([chat.lookUpPerson(userId), ...wanted.map((id) => chat.lookUpGroup(id))]);
    return {
      profile: profile.status === "fulfilled" ? profile.value : undefined,
      groups: {
        held: new Set(wanted.filter((_, index) => members[index]?.status === "fulfilled" && members[index].value.has(userId))),
        unchecked: members.some((one) => one.status === "rejected"),
        wanted: wanted.length > 0,
      },
    };
  }

  const byEmail: People["byEmail"] = async (email, via) => {
    const { people, roles } = config();
    const listed = people.find((one) => one.email === email.toLowerCase());
    if (!listed) return undefined;
    const person = { ...known(listed, via), roles: rolesOf(roles, listed.email, NO_GROUPS) };
    if (!listed.slack || !directory()) return person;
    const { profile, groups } = await fromDirectory(listed.slack);
    // Groups add to the roles given by address. What cannot be known adds nothing.
    if (!profile) return groups.wanted ? { ...person, withheld: UNCHECKED } : person;
    const identities = withAddress(person.identities, profile.email);
    if (!profile.member) return { ...person, identities, ...(groups.wanted ? { withheld: OUTSIDER } : {}) };
    if (claimant(people, listed.slack, profile.email).contradiction) return { ...person, identities, withheld: CONTRADICTION };
    return { ...person, identities, roles: rolesOf(roles, listed.email, groups), ...(groups.unchecked ? { withheld: UNCHECKED } : {}) };
  };

  return {
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
      const wanted = text.trim().toLowerCase();
      const person = config().people.find((one) => one.email.toLowerCase() === wanted || one.name.toLowerCase() === wanted);
      const persona = openLab() ? PERSONAS.find((one) => one.id === wanted || one.name.toLowerCase() === wanted) : undefined;
      return person ? { name: person.name } : persona && { name: persona.name };
    },
    names: () => [...new Set([...config().people.map((one) => one.name), ...(openLab() ? PERSONAS.map((one) => one.name) : [])])],
    fromSlack: async ({ userId }) => {
      const { people, roles } = config();
      const { profile, groups } = await fromDirectory(userId);
      const stranger: Person = {
        // Not the address, which its holder can change between two approvals; ids are unique among all workspaces.
        key: `slack:${userId}`,
        name: profile?.name ?? userId,
        via: "slack",
        identities: withAddress([userId], profile?.email),
        roles: NO_ROLES,
        machine: false,
      };
      if (!profile) return { ...stranger, withheld: UNCHECKED };
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
      return { ...person, roles: rolesOf(roles, address, groups), ...(groups.unchecked ? { withheld: UNCHECKED } : {}) };
    },
    fromTeams: async ({ userId, name }) => {
      const listed = config().people.find((one) => one.teams === userId.toLowerCase());
      // Known by their account alone: what their profile says they can change themselves.
      const stranger: Person = { key: `teams:${userId}`, name, via: "teams", identities: [userId], roles: NO_ROLES, machine: false };
      const person = (listed && (await byEmail(listed.email, "teams"))) ?? stranger;
      const known = { ...person, identities: [...new Set([...person.identities, userId])] };
      return openLab() ? { ...known, roles: EVERY } : known;
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
      const names = roles.approver[family]
        .filter((entry) => typeof entry === "string" || (deviceGroup !== null && entry.deviceGroups.includes(deviceGroup)))
        .map(whoOf)
        // Nobody can be found in a group while Slack is not connected.
        .filter((who) => !isGroup(who) || slack !== undefined)
        .map((who) => (isGroup(who) ? `members of ${who}` : (people.find((one) => one.email === who)?.name ?? who)));
      return { anyone: false, names: [...new Set(names)] };
    },
  };
}

/** The groups of air.yaml an account is in, as far as it could be checked. */
type Groups = { held: ReadonlySet<string>; unchecked: boolean; wanted: boolean };
const NO_GROUPS: Groups = { held: new Set(), unchecked: false, wanted: false };

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

function rolesOf(roles: RolesConfig, address: string, { held }: Groups): Roles {
  const holds = (entry: string) => (isGroup(entry) ? held.has(groupId(entry)) : entry === address);
  const entries = (family: Family) => roles.approver[family].filter((entry) => holds(whoOf(entry)));
  const approves = FAMILIES.filter((family) => entries(family).length > 0);
  // Several entries add up, and one without a limit lifts the others'.
  const limited = approves.filter((family) => entries(family).every((entry) => typeof entry !== "string"));
  const scope = (family: Family) => [...new Set(entries(family).flatMap((entry) => (typeof entry === "string" ? [] : entry.deviceGroups)))];
  return {
    // A pattern may only let people look (product contract 3.4).
    viewer: roles.viewer.some((entry) => holds(entry) || (!isGroup(entry) && globMatches(entry, address))),
    responder: roles.responder.some(holds),
    admin: roles.admin.some(holds),
    approves,
    ...(limited.length > 0 ? { deviceGroups: Object.fromEntries(limited.map((family) => [family, scope(family)])) } : {}),
  };
}
