import { FAMILIES, type Family } from "../engine/domain/action.ts";
import { NO_ROLES, type Person, type Roles } from "../engine/domain/approval.ts";
import { globMatches } from "../engine/domain/policy.ts";
import type { Config, PersonConfig, TokenConfig } from "./config.ts";

/**
 * Who somebody is and what they may do, from air.yaml, asked anew at every click. Whoever is not found may do nothing.
 *
 * The lab without any roles is the one exception: nothing real can happen there, so that a team can try air in its own workspace,
 * every full member holds every role for it.
 */
export type People = {
  persona: (id: string | undefined) => Person;
  /** By name or e-mail address: whom an incident may be assigned to. */
  find: (text: string) => { name: string } | undefined;
  byEmail: (email: string, via: Person["via"]) => Person | undefined;
  fromSlack: (user: { userId: string; teamId: string }, profile: { email?: string; name: string; member: boolean }) => Person;
  fromToken: (token: TokenConfig) => Person;
  /** The holder of AIR_API_TOKEN: admin, decides only in the lab. */
  apiToken: () => Person;
  deciders: (family: Family, lab: boolean) => { anyone: boolean; names: string[] };
};

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

export function createPeople(config: () => Config, labOn: boolean): People {
  const rolesOf = (email: string): Roles => {
    const { roles } = config();
    const mail = email.toLowerCase();
    const named = (list: readonly string[]) => list.some((entry) => entry.toLowerCase() === mail);
    return {
      // A pattern may only let people look (product contract 3.4).
      viewer: roles.viewer.some((entry) => globMatches(entry, mail)),
      responder: named(roles.responder),
      admin: named(roles.admin),
      approves: FAMILIES.filter((family) => named(roles.approver[family] ?? [])),
    };
  };
  const noRoles = () => {
    const { roles } = config();
    return (
      roles.admin.length +
        roles.responder.length +
        roles.viewer.length +
        FAMILIES.flatMap((family) => roles.approver[family] ?? []).length ===
      0
    );
  };
  const openLab = () => labOn && noRoles();
  const known = (person: PersonConfig, via: Person["via"]): Person => ({
    key: person.email.toLowerCase(),
    name: person.name,
    via,
    identities: [person.email, person.email.split("@")[0], person.slack, person.teams].filter((identity): identity is string =>
      Boolean(identity),
    ),
    roles: rolesOf(person.email),
    machine: false,
  });
  const byEmail: People["byEmail"] = (email, via) => {
    const person = config().people.find((one) => one.email.toLowerCase() === email.toLowerCase());
    return person && known(person, via);
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
    fromSlack: (user, profile) => {
      const key = `slack:${user.teamId}:${user.userId}`;
      const stranger: Person = {
        key,
        name: profile.name,
        via: "slack",
        identities: [user.userId, ...(profile.email ? [profile.email] : [])],
        roles: NO_ROLES,
        machine: false,
      };
      if (!profile.member) return stranger;
      const listed =
        config().people.find((one) => one.slack === user.userId) ??
        (profile.email ? config().people.find((one) => one.email.toLowerCase() === profile.email?.toLowerCase()) : undefined);
      if (listed) {
        const person = known(listed, "slack");
        return {
          ...person,
          identities: [...person.identities, user.userId, ...(profile.email ? [profile.email] : [])],
          roles: openLab() ? EVERY : person.roles,
        };
      }
      // Not in `people`, but the workspace vouches for the address: roles may name it all the same.
      if (profile.email)
        return {
          ...stranger,
          key: profile.email.toLowerCase(),
          identities: [...stranger.identities, profile.email.split("@")[0] ?? ""],
          roles: openLab() ? EVERY : rolesOf(profile.email),
        };
      return { ...stranger, roles: openLab() ? EVERY : NO_ROLES };
    },
    fromToken: (token) => {
      const behind = token.person ? byEmail(token.person, "http") : undefined;
      const may = (family: Family) => token.mayDecide.includes(family) && (behind?.roles.approves.includes(family) ?? false);
      return {
        key: behind?.key ?? `token:${token.name}`,
        name: behind ? `${token.name} (for ${behind.name})` : token.name,
        via: "http",
        identities: behind?.identities ?? [],
        roles: {
          viewer: token.roles.some((role) => role === "viewer" || role === "responder" || role === "admin"),
          responder: token.roles.some((role) => role === "responder" || role === "admin"),
          admin: token.roles.includes("admin"),
          approves: FAMILIES.filter(may),
        },
        machine: true,
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
    deciders: (family, lab) => {
      if (lab && openLab()) return { anyone: true, names: [] };
      const { roles, people } = config();
      return {
        anyone: false,
        names: (roles.approver[family] ?? []).map(
          (entry) => people.find((one) => one.email.toLowerCase() === entry.toLowerCase())?.name ?? entry,
        ),
      };
    },
  };
}
