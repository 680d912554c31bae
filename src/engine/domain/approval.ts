import type { ActionKindName, ActionState, BlastRadius, Family } from "./action.ts";
import type { Actor } from "./actor.ts";
import { deviceName, type Entity, entityName } from "./entity.ts";
import { approvalsOfKind, globMatches, type Policy } from "./policy.ts";

/** A person at the moment of the click, looked up then; never from a cache older than 60 s. */
export type Person = {
  /** One per human, whatever account they used: their e-mail where known. */
  key: string;
  name: string;
  via: "slack" | "teams" | "console" | "http" | "cli";
  /** Every identity known: e-mail addresses, account names, platform ids. */
  identities: readonly string[];
  roles: Roles;
  /** A token, not a human: never counts toward two approvals. */
  machine: boolean;
  /** Why they hold less than they might (a guest, a look-up that failed), as a sentence with the next step. */
  withheld?: string;
  /** They could not be looked up, so that nothing is known about their roles. */
  unchecked?: boolean;
};

export type Roles = {
  viewer: boolean;
  responder: boolean;
  admin: boolean;
  approves: readonly Family[];
  /** A family they approve on devices of these groups only; a family that is not named here they approve everywhere. */
  deviceGroups?: Readonly<Partial<Record<Family, readonly string[]>>>;
  /** By which entries of air.yaml they approve a family. */
  heldBy?: Readonly<Partial<Record<Family, readonly HeldBy[]>>>;
};
/** A group as air.yaml writes it (`slack-group:S0EDR`); null: an entry that names the person. Without `deviceGroups` it holds everywhere. */
export type HeldBy = { group: string | null; deviceGroups?: readonly string[] };
export const NO_ROLES: Roles = { viewer: false, responder: false, admin: false, approves: [] };

/** Who did it, as rows and the audit keep it. */
export const actorOf = (person: Pick<Person, "machine" | "name" | "via" | "key">): Actor =>
  person.machine ? { kind: "machine", name: person.name } : { kind: "person", via: person.via, key: person.key, name: person.name };

/** Addresses and platform ids name one human; the bare part of an address may be anybody's. */
const NAMES_ONE = /@|^[UW][A-Z0-9]{6,}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How rows remember a person who must not count again: by key, and by every identity that names them alone. */
export type Remembered = { key: string; also?: readonly string[] };
export const remembered = (person: Pick<Person, "key" | "identities">) => ({
  key: person.key,
  also: person.identities.filter((identity) => NAMES_ONE.test(identity)).map((identity) => identity.toLowerCase()),
});

/** The same human, though they were entered in `people` in between and go by another key since. */
export const sameHuman = (before: Remembered, person: Pick<Person, "key" | "identities">): boolean =>
  before.key === person.key || remembered(person).also.some((identity) => before.also?.includes(identity) || before.key === identity);

/** Roles include what stands below them: an approver may respond, a responder may look. */
export const mayView = (roles: Roles) => roles.viewer || mayRespond(roles);
export const mayRespond = (roles: Roles) => roles.responder || roles.approves.length > 0 || roles.admin;

/** Where something is done: its family and the automation group of its device; null: on no device, or on one nobody knows. */
type Place = { family: Family; deviceGroup: string | null };

/**
 * Approver of the family, on that device. A scope names device groups, so it says nothing about what happens on no device; what
 * happens on a device of unknown group is outside every scope (authorisation fails closed).
 */
export function mayApprove(roles: Roles, { family, deviceGroup }: Place): boolean {
  if (!roles.approves.includes(family)) return false;
  const scope = roles.deviceGroups?.[family];
  if (scope === undefined) return true;
  return deviceGroup === null || deviceGroup === undefined ? family !== "device" : scope.includes(deviceGroup);
}

/**
 * The group whose member somebody decides as: figures are counted by it, never by person. Who is named in air.yaml alone is one of "people
 * named in air.yaml". Undefined: not known (the bare lab, a token).
 */
export function approverGroup({ heldBy }: Roles, { family, deviceGroup }: Place): string | undefined {
  const holds = (heldBy?.[family] ?? []).filter(
    (one) => !one.deviceGroups || (deviceGroup !== null && one.deviceGroups.includes(deviceGroup)),
  );
  return holds.length === 0 ? undefined : (holds.find((one) => one.group !== null)?.group ?? "people named in air.yaml");
}

/** Built in, without configuration (product contract 6): what a mistake would hurt most. */
export function protectedHits(
  target: Entity,
  facts: { role?: string; privileged?: readonly string[]; unread?: string | undefined },
  policy: Pick<Policy, "protected">,
): string[] {
  const hits: string[] = [];
  if (facts.role === "domain-controller") hits.push("built-in: domain controller");
  if (target.kind === "device" && facts.role === "unknown" && /server/i.test(target.os ?? ""))
    hits.push("built-in: server of unknown role");
  for (const role of facts.privileged ?? []) hits.push(`built-in: holds the role ${role}`);
  // Who may be anybody is treated as the one a mistake would hurt most.
  if (facts.unread) hits.push(`built-in: what it may do could not be read (${facts.unread})`);
  const names = namesOf(target);
  for (const entry of policy.protected) {
    const [kind, ...rest] = entry.split(":");
    const pattern = rest.join(":");
    if (kind === target.kind && names.some((name) => globMatches(pattern, name))) hits.push(`air.yaml: ${entry}`);
  }
  return hits;
}

function namesOf(entity: Entity): string[] {
  const own = entityName(entity);
  if (entity.kind === "device") return [own, deviceName(own), ...(entity.id ? [entity.id] : [])];
  if (entity.kind === "user") return [entity.email, entity.name, entity.id].filter((name) => name !== undefined);
  return [own];
}

/** A domain or address that more of our devices use is somebody's work. */
const COMMON_FROM = 20;
/** Two-person approval (product contract 6): protected assets and large reach; by policy for any kind. */
export function approvalsNeeded(kind: ActionKindName, reach: BlastRadius, policy: Policy): 1 | 2 {
  if (approvalsOfKind(kind, policy) === 2 || reach.protectedHits.length > 0) return 2;
  if (kind === "block-indicator" && (reach.seenFrom ?? 0) > COMMON_FROM) return 2;
  const none = Number.POSITIVE_INFINITY;
  const limit = { device: 10, user: 5, message: 500, file: 10, indicator: none, app: none, key: none }[reach.unit];
  return reach.count > limit ? 2 : 1;
}

/** 1, 2-9, 10-99, 100+: only growth past a band asks again. */
export function reachBand(count: number): 0 | 1 | 2 | 3 {
  if (count >= 100) return 3;
  if (count >= 10) return 2;
  return count >= 2 ? 1 : 0;
}

/**
 * What a button is bound to. Everything a person was shown that would make them decide otherwise, and nothing else;
 * the digest of this object (canonical JSON, SHA-256, first 16 hex characters) is the action's version.
 */
export function versionOf(shown: {
  kind: ActionKindName;
  targetKeys: readonly string[];
  params: Record<string, unknown>;
  reach: Pick<BlastRadius, "count" | "protectedHits">;
  undoable: boolean;
}): Record<string, unknown> {
  return {
    kind: shown.kind,
    target: [...shown.targetKeys].sort(),
    params: shown.params,
    protected: [...shown.reach.protectedHits].sort(),
    undoable: shown.undoable,
    band: reachBand(shown.reach.count),
  };
}

export type Permission = { allowed: true } | { allowed: false; message: string; missing?: string };

/**
 * May this person decide this action? Everything that speaks against it, in the order a person would want to hear it.
 * Authorisation fails closed: no role, no decision.
 */
export function mayDecide(
  person: Person,
  action: Place & { state: ActionState; lab: boolean; protectedHits: readonly string[] },
  incidentEntities: readonly Entity[],
): Permission {
  if (!mayApprove(person.roles, action)) return { allowed: false, ...notApprover(person, action) };
  if (person.machine && action.protectedHits.length > 0) {
    return { allowed: false, message: "A token never decides for a protected asset: a person has to.", missing: "person" };
  }
  const suspect = suspectOf(person, incidentEntities);
  if (suspect) {
    return {
      allowed: false,
      message: `You are named in this incident (${suspect}), so somebody else has to decide.`,
      missing: "not-a-suspect",
    };
  }
  return { allowed: true };
}

/** Which role is missing, in words: none for the family, or none for that device. */
function notApprover(person: Person, { family, deviceGroup }: Place): { message: string; missing: string } {
  const scope = person.roles.approves.includes(family) ? person.roles.deviceGroups?.[family] : undefined;
  if (!scope)
    return { missing: `approver.${family}`, message: needsRole(person, `approver for ${family}`, `approver.${family}`, "Deciding this") };
  const where = deviceGroup === null ? "a device whose group is not known" : `a device of the group ${deviceGroup}`;
  return {
    missing: `approver.${family} in ${deviceGroup ?? "an unknown group"}`,
    message: `This happens on ${where}; you are approver for ${family} only in ${scope.join(", ")}. ${person.withheld ?? `Somebody else has to decide, or an admin changes deviceGroups under roles.approver.${family} in air.yaml.`}`,
  };
}

/** A role is missing: which, and either why it was withheld or where an admin adds it. */
export function needsRole(person: Pick<Person, "withheld">, role: string, place: string, what = "This"): string {
  return person.withheld
    ? `${what} needs the role ${role}. ${person.withheld}`
    : `${what} needs the role ${role}; you do not have it. An admin can add you under roles.${place} in air.yaml.`;
}

/** The entity of the incident that is this person, their account or their mailbox. */
export function suspectOf(person: Pick<Person, "identities">, entities: readonly Entity[]): string | undefined {
  const mine = new Set(person.identities.map((identity) => identity.toLowerCase()));
  for (const entity of entities) {
    const names = entity.kind === "user" ? [entity.email, entity.name, entity.id] : entity.kind === "mailbox" ? [entity.address] : [];
    for (const name of names) {
      if (!name) continue;
      const bare = name.toLowerCase();
      if (mine.has(bare) || mine.has(bare.split("\\").at(-1) ?? bare)) return entityName(entity);
    }
  }
  return undefined;
}
