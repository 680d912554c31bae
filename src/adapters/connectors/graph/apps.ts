import { z } from "zod";
import type { EntityOf } from "../../../engine/domain/entity.ts";
import type { AppCapability, AppConsent, AppFacts, Clock, Ticket } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { type Api, quoted } from "../microsoft/api.ts";
import { Assignment, appConsents, delegatedKey, Grant, roleKey } from "./apps-consents.ts";
import { named, type Permissions, whyUnread } from "./identities-refusal.ts";
import { graphTickets } from "./identities-ticket.ts";

export const READ_APPS: Permissions = [
  ["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
  ["DelegatedPermissionGrant.Read.All", "DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
];
export const SWITCH_APPS: Permissions = [["Application.ReadWrite.All", "Directory.ReadWrite.All"]];

const text = z.string().nullish();
const Principal = z.object({
  id: z.string().min(1).max(200),
  appId: text,
  displayName: text,
  accountEnabled: z.boolean().nullish(),
  appOwnerOrganizationId: text,
  verifiedPublisher: z.object({ displayName: text }).nullish(),
});
type Principal = z.infer<typeof Principal>;
const Resource = z.object({ appRoles: z.array(z.object({ id: text, value: text })).nullish() });

const SELECT = Object.keys(Principal.shape).join(",");
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Roles of Microsoft's own services change with their releases only. */
const MOST_RESOURCES = 50;

const scopesIn = (scope: string | null | undefined) => (scope ?? "").split(/\s+/).filter((part) => part !== "");

/** The tenants Microsoft keeps its own services in: one switched off may stop mail or sign-in for everybody. */
const OF_MICROSOFT = new Set(["f8cdef31-a31e-4b4a-93e4-5f571e91255a", "72f988bf-86f1-41af-91ab-2d7cd011db47"]);

/** Signing in and reading are all these allow; everything else counts as being able to change or send something. */
const SIGN_IN = new Set(["openid", "profile", "email", "offline_access"]);
const onlyReads = (permission: string) => SIGN_IN.has(permission.toLowerCase()) || /\.read(basic)?(\.|$)/i.test(permission);

/** Apps as this tenant knows them: service principals, and what they were allowed. `ownAppId`: the one air signs in as. */
export function graphApps(api: Api, clock: Clock, ownAppId: string): AppCapability {
  const tickets = graphTickets(clock);
  const changes = appConsents(api);
  const roleNames = new Map<string, Map<string, string>>();
  const about = (signal: AbortSignal) => ({ permission: "Application.Read.All", what: "this app", signal });
  const read = (answer: unknown): Principal => {
    const principal = Principal.safeParse(answer).data;
    if (!principal) throw api.unknownShape();
    return principal;
  };

  async function principalOf(app: EntityOf<"oauth-app">, signal: AbortSignal): Promise<Principal | undefined> {
    const { id, name } = app;
    if (id !== undefined && GUID.test(id)) {
      // Alerts name the app's own id, people often that of its entry in the tenant.
      for (const path of [`/servicePrincipals(appId='${id}')`, `/servicePrincipals/${id}`]) {
        const answer = await api.get(`${path}?$select=${SELECT}`, about(signal));
        if (answer !== undefined) return read(answer);
      }
      return undefined;
    }
    const called = name ?? id;
    if (called === undefined) return undefined;
    const parameters = { $filter: `displayName eq ${quoted(called)}`, $select: SELECT };
    const found = (await api.list("/servicePrincipals", parameters, about(signal), { page: 0, mostPages: 2 })).map(read);
    // Anybody may give an app any name.
    if (found.length > 1)
      throw new ConnectorError(
        "refused",
        `${found.length} apps are called like this (${found
          .slice(0, 3)
          .map((one) => one.appId ?? one.id)
          .join(", ")}). Name the app by its id. Nothing was done.`,
      );
    return found[0];
  }

  async function namesIn(resource: string, signal: AbortSignal): Promise<Map<string, string>> {
    const known = roleNames.get(resource);
    if (known) return known;
    const answer = await api.get(`/servicePrincipals/${encodeURIComponent(resource)}?$select=appRoles`, about(signal));
    const roles = Resource.safeParse(answer).data?.appRoles ?? [];
    const names = new Map(roles.flatMap(({ id, value }) => (id && value ? [[id, value] as const] : [])));
    if (roleNames.size >= MOST_RESOURCES) roleNames.clear();
    roleNames.set(resource, names);
    return names;
  }

  async function grantsOf(id: string, signal: AbortSignal): Promise<Grant[]> {
    const asked = { permission: "DelegatedPermissionGrant.Read.All", what: "what the app was allowed", signal };
    const rows = z
      .array(Grant)
      .safeParse(await api.list(`/servicePrincipals/${encodeURIComponent(id)}/oauth2PermissionGrants`, {}, asked, { page: 0 })).data;
    if (!rows) throw api.unknownShape();
    return rows;
  }

  async function delegated(id: string, signal: AbortSignal): Promise<{ names: string[]; users?: number }> {
    const rows = await grantsOf(id, signal);
    const names = rows.flatMap(({ scope }) => scopesIn(scope));
    const everybody = rows.some(({ consentType }) => consentType?.toLowerCase() === "allprincipals");
    return { names, ...(everybody ? {} : { users: new Set(rows.flatMap(({ principalId }) => principalId ?? [])).size }) };
  }

  async function assignmentsOf(id: string, signal: AbortSignal): Promise<{ row: Assignment; grant: { name: string; writes: boolean } }[]> {
    const rows = z
      .array(Assignment)
      .safeParse(await api.list(`/servicePrincipals/${encodeURIComponent(id)}/appRoleAssignments`, {}, about(signal), { page: 0 })).data;
    if (!rows) throw api.unknownShape();
    const grants: { row: Assignment; grant: { name: string; writes: boolean } }[] = [];
    for (const row of rows) {
      const { appRoleId, resourceId, resourceDisplayName } = row;
      const name = resourceId && appRoleId ? (await namesIn(resourceId, signal)).get(appRoleId) : undefined;
      // A permission without a name may allow anything.
      const grant = name
        ? { name: `${name} (as itself)`, writes: !onlyReads(name) }
        : { name: `a permission of ${resourceDisplayName ?? "another app"} (as itself)`, writes: true };
      grants.push({ row, grant });
    }
    return grants;
  }
  const application = async (id: string, signal: AbortSignal) => (await assignmentsOf(id, signal)).map(({ grant }) => grant);

  /** Each consent with its own row; unreadable as a whole where one part is: what is not read would be lost. */
  async function consents(id: string, signal: AbortSignal): Promise<AppConsent[]> {
    const [people, itself, stays] = await Promise.all([grantsOf(id, signal), assignmentsOf(id, signal), changes.lacking(signal)]);
    return [
      ...people.map(
        (row): AppConsent => ({
          key: delegatedKey(row),
          by: row.consentType?.toLowerCase() === "allprincipals" ? "everybody" : "person",
          grants: scopesIn(row.scope).map((name) => ({ name, writes: !onlyReads(name) })),
          saved: { ...row },
          ...(stays.delegated ? { stays: stays.delegated } : {}),
        }),
      ),
      ...itself.map(
        ({ row, grant }): AppConsent => ({
          key: roleKey(row),
          by: "itself",
          grants: [grant],
          saved: { ...row },
          ...(stays.itself ? { stays: stays.itself } : {}),
        }),
      ),
    ];
  }

  async function factsOf(principal: Principal, signal: AbortSignal): Promise<AppFacts> {
    const [byPeople, byItself] = await Promise.allSettled([delegated(principal.id, signal), application(principal.id, signal)]);
    let unread: string | undefined;
    for (const part of [byPeople, byItself]) {
      if (part.status === "fulfilled") continue;
      unread = whyUnread(part.reason, READ_APPS, "a larger Microsoft Entra ID licence");
      if (unread === undefined) throw part.reason;
    }
    const people = byPeople.status === "fulfilled" ? byPeople.value : undefined;
    const grants = [
      ...(people?.names ?? []).map((name) => ({ name, writes: !onlyReads(name) })),
      ...(byItself.status === "fulfilled" ? byItself.value : []),
    ];
    const publisher = principal.verifiedPublisher?.displayName;
    return {
      id: principal.id,
      name: principal.displayName ?? principal.appId ?? principal.id,
      // The directory leaves it out where it was never switched off.
      enabled: principal.accountEnabled ?? true,
      ...(publisher ? { publisher } : {}),
      grants: [...new Map(grants.map((grant) => [grant.name, grant])).values()],
      ...(people?.users === undefined ? {} : { users: people.users }),
      ...(unread ? { unread } : {}),
    };
  }

  const change = async (id: string, enabled: boolean, signal: AbortSignal): Promise<Ticket> => {
    const asked = { permission: named(SWITCH_APPS), what: "this app", signal };
    await api.patch(`/servicePrincipals/${encodeURIComponent(id)}`, { accountEnabled: enabled }, asked);
    return tickets.done();
  };

  /** What air itself stands on is never switched off (product contract 6), nor what everybody stands on without a person who knows. */
  async function mustBeOrdinary(id: string, signal: AbortSignal, where = "Properties, Enabled for users to sign in: No"): Promise<void> {
    const answer = await api.get(`/servicePrincipals/${encodeURIComponent(id)}?$select=${SELECT}`, about(signal));
    const { appId, appOwnerOrganizationId: owner } = answer === undefined ? {} : read(answer);
    if (appId?.toLowerCase() === ownAppId.toLowerCase())
      throw new ConnectorError("refused", "This is air's own app registration, which air never acts on. Nothing was done.");
    if (owner && OF_MICROSOFT.has(owner.toLowerCase()))
      throw new ConnectorError(
        "refused",
        `This app is one of Microsoft's own services, and without it mail or sign-in may stop for everybody. Do it by hand if you are sure: Entra, Enterprise applications, the app, ${where}. Nothing was done.`,
      );
  }

  return {
    connector: "graph",
    setsState: true,
    async find(app, signal) {
      const principal = await principalOf(app, signal);
      return principal && factsOf(principal, signal);
    },
    async disable(id, _comment, _key, signal) {
      await mustBeOrdinary(id, signal);
      return change(id, false, signal);
    },
    enable: (id, _comment, _key, signal) => change(id, true, signal),
    consents,
    async removeConsent(id, consent, _comment, _key, signal) {
      await mustBeOrdinary(id, signal, "Permissions, Review permissions");
      await changes.remove(consent, signal);
      return tickets.done();
    },
    async restoreConsent(id, consent, _comment, _key, signal) {
      await mustBeOrdinary(id, signal, "Permissions, Grant admin consent");
      await changes.restore(id, consent, signal);
      return tickets.done();
    },
    follow: tickets.follow,
  };
}
