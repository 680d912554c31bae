import { randomUUID } from "node:crypto";
import type { GraphAnswer, GraphCore, GraphRequest } from "./router.ts";

type Account = {
  id: string;
  userPrincipalName: string;
  mail: string | null;
  displayName: string;
  userType: string;
  accountEnabled: boolean;
  signInSessionsValidFromDateTime: string;
  lastPasswordChangeDateTime: string;
  securityIdentifier: string;
  onPremisesSyncEnabled: boolean | null;
  onPremisesSecurityIdentifier: string | null;
  onPremisesSamAccountName: string | null;
  onPremisesDomainName: string | null;
  passwordProfile: { forceChangePasswordNextSignIn: boolean };
  proxyAddresses: string[];
  /** Directory roles: held by a group or itself, only over a part of the directory, or only eligible. */
  roles: string[];
  scopedRoles: string[];
  eligibleRoles: string[];
  risk: { riskLevel: string; riskState: string } | null;
  signIns: Record<string, unknown>[];
  audits: Record<string, unknown>[];
};
type Outside = {
  id: string;
  displayName: string;
  domain: string;
  onPremisesSecurityIdentifier: string;
  cloudSecurityIdentifier: string | null;
  isEnabled: boolean;
  accounts: { provider: string; identifier: string; actions: string[] }[];
};
type App = {
  id: string;
  appId: string;
  displayName: string;
  accountEnabled: boolean;
  verifiedPublisher: { displayName: string } | null;
  appOwnerOrganizationId?: string;
  grants: { id?: string; consentType: string; principalId: string | null; scope: string; resourceId: string }[];
  /** Names of permissions it holds as itself. */
  appRoles: string[];
};

export const IDENTITY_ROLES = [
  "User.Read.All",
  "User.EnableDisableAccount.All",
  "User.RevokeSessions.All",
  "User-PasswordProfile.ReadWrite.All",
  "RoleManagement.Read.Directory",
  "AuditLog.Read.All",
  "IdentityRiskyUser.ReadWrite.All",
  "SecurityIdentitiesAccount.Read.All",
  "SecurityIdentitiesActions.ReadWrite.All",
  "Application.ReadWrite.All",
  "DelegatedPermissionGrant.ReadWrite.All",
  "AppRoleAssignment.ReadWrite.All",
];
const LONG_AGO = "2025-01-01T00:00:00Z";
const RESOURCE = "99999999-0000-4000-8000-000000000001";

/** Accounts, their roles, risk and logs, those outside the directory, and apps. */
export function graphIdentityEndpoints(core: GraphCore) {
  const { failure, lacks, page } = core;
  const accounts: Account[] = [];
  const outside: Outside[] = [];
  const apps: App[] = [];
  /** What really changed, in order: "disable mia@contoso.example". */
  const effects: string[] = [];
  const product = {
    p1: true,
    p2: true,
    /** Accounts with a role are out of an app's reach. */
    protectsRoles: true,
    /** So many milliseconds a change does not show when it is read. */
    lagMs: 0,
    /** Signs in to Entra only what is in the directory: synchronised accounts follow at once. */
    sync: true,
  };
  const older = new Map<string, { until: number; account: Account }>();

  const missing = (what: string) => failure(404, "Request_ResourceNotFound", `Resource '${what}' does not exist.`);
  const changing = (account: Account) => {
    if (product.lagMs > 0) older.set(account.id, { until: core.clock().getTime() + product.lagMs, account: structuredClone(account) });
  };
  const shown = (account: Account): Account => {
    const old = older.get(account.id);
    return old && core.clock().getTime() < old.until ? old.account : account;
  };
  const isProtected = (account: Account) => product.protectsRoles && account.roles.length > 0;
  const denied = () => failure(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
  const selected = (thing: object, { query }: GraphRequest) => {
    const names = query.get("$select")?.split(",");
    return names ? Object.fromEntries(Object.entries(thing).filter(([name]) => names.includes(name))) : thing;
  };
  const matches = (account: Account, filter: string): boolean =>
    filter.split(/ or (?=(?:[^']*'[^']*')*[^']*$)/).some((part) => {
      const proxy = /^proxyAddresses\/any\(p:p eq '(.*)'\)$/.exec(part)?.[1];
      if (proxy !== undefined) return account.proxyAddresses.some((one) => one.toLowerCase() === proxy.replaceAll("''", "'").toLowerCase());
      const [, name, value] = /^(\w+) eq '(.*)'$/.exec(part) ?? [];
      if (!name) throw new Error(`the fake knows no such filter: ${part}`);
      const own = (account as unknown as Record<string, unknown>)[name];
      return typeof own === "string" && own.toLowerCase() === value?.replaceAll("''", "'").toLowerCase();
    });

  function users(request: GraphRequest): GraphAnswer | undefined {
    const { method, path, query, body } = request;
    if (method === "GET" && path === "/users") {
      const refused = lacks("User.Read.All");
      if (refused) return refused;
      const filter = query.get("$filter") ?? "";
      const advanced = /onPremisesSamAccountName/.test(filter);
      if (advanced && (request.headers.consistencylevel !== "eventual" || query.get("$count") !== "true"))
        return failure(400, "Request_UnsupportedQuery", "Unsupported Query.");
      return page(
        accounts.filter((account) => matches(account, filter)).map((account) => selected(shown(account), request)),
        request,
      );
    }
    const [, key = "", rest = ""] = /^\/users\/([^/]+)(\/.*)?$/.exec(path) ?? [];
    if (!key) return undefined;
    const account = accounts.find(({ id, userPrincipalName }) => [id, userPrincipalName.toLowerCase()].includes(key.toLowerCase()));
    if (method === "GET" && rest === "") {
      const password = query.get("$select") === "passwordProfile";
      const refused = lacks(password ? "User-PasswordProfile.ReadWrite.All" : "User.Read.All");
      if (refused) return refused;
      return account ? { status: 200, body: selected(shown(account), request) } : missing(key);
    }
    if (method === "GET" && rest.startsWith("/transitiveMemberOf/")) {
      const roles = account?.roles.map((displayName) => ({ id: displayName, displayName })) ?? [];
      return lacks("RoleManagement.Read.Directory") ?? page(roles, request);
    }
    if (method === "PATCH" && rest === "") {
      const password = "passwordProfile" in body;
      const refused = lacks(password ? "User-PasswordProfile.ReadWrite.All" : "User.EnableDisableAccount.All");
      if (refused) return refused;
      if (!account) return missing(key);
      if (isProtected(account)) return denied();
      if (password && account.onPremisesSyncEnabled)
        return failure(
          400,
          "Request_BadRequest",
          "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.",
        );
      changing(account);
      if (password) account.passwordProfile.forceChangePasswordNextSignIn = true;
      else if (account.accountEnabled !== body.accountEnabled) {
        account.accountEnabled = body.accountEnabled === true;
        effects.push(`${account.accountEnabled ? "enable" : "disable"} ${account.userPrincipalName}`);
      }
      if (password) effects.push(`password ${account.userPrincipalName}`);
      return { status: 204 };
    }
    if (method === "POST" && rest === "/revokeSignInSessions") {
      const refused = lacks("User.RevokeSessions.All");
      if (refused) return refused;
      if (!account) return missing(key);
      if (isProtected(account)) return denied();
      changing(account);
      account.signInSessionsValidFromDateTime = core.clock().toISOString();
      effects.push(`revoke ${account.userPrincipalName}`);
      return { status: 200, body: { "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Edm.Boolean", value: true } };
    }
    return undefined;
  }

  function roles(request: GraphRequest): GraphAnswer | undefined {
    const [, which] = /^\/roleManagement\/directory\/(roleAssignments|roleEligibilityScheduleInstances)$/.exec(request.path) ?? [];
    if (!which) return undefined;
    const refused = lacks("RoleManagement.Read.Directory");
    if (refused) return refused;
    const [, id] = /^principalId eq '(.*)'$/.exec(request.query.get("$filter") ?? "") ?? [];
    const account = accounts.find((one) => one.id === id);
    const names =
      which === "roleAssignments" ? [...(account?.roles ?? []), ...(account?.scopedRoles ?? [])] : (account?.eligibleRoles ?? []);
    return page(
      names.map((displayName) => ({ roleDefinitionId: displayName, roleDefinition: { id: displayName, displayName } })),
      request,
    );
  }

  function risk(request: GraphRequest): GraphAnswer | undefined {
    const { method, path, body } = request;
    const [, rest] = /^\/identityProtection\/riskyUsers(?:\/([^/]+))?$/.exec(path) ?? ["", null];
    if (rest === null) return undefined;
    const refused = lacks("IdentityRiskyUser.ReadWrite.All", ...(method === "GET" ? ["IdentityRiskyUser.Read.All"] : []));
    if (refused) return refused;
    if (!product.p2) return failure(403, "Forbidden", "Your tenant is not licensed for this feature.");
    if (method === "GET" && rest === undefined)
      return page(
        accounts.filter((account) => account.risk),
        request,
      );
    if (method === "GET") {
      const found = accounts.find((account) => account.id === rest);
      return found?.risk ? { status: 200, body: { id: found.id, ...shown(found).risk } } : missing(rest ?? "");
    }
    for (const id of body.userIds as string[]) {
      const account = accounts.find((one) => one.id === id);
      if (!account) return missing(id);
      changing(account);
      account.risk =
        rest === "dismiss" ? { riskLevel: "none", riskState: "dismissed" } : { riskLevel: "high", riskState: "confirmedCompromised" };
      effects.push(`${rest} ${account.userPrincipalName}`);
    }
    return { status: 204 };
  }

  function logs(request: GraphRequest): GraphAnswer | undefined {
    const { path, query } = request;
    if (path !== "/auditLogs/signIns" && path !== "/auditLogs/directoryAudits") return undefined;
    const refused = lacks("AuditLog.Read.All");
    if (refused) return refused;
    if (!product.p1)
      return failure(
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
      );
    const [, id] = /^(?:userId|initiatedBy\/user\/id) eq '(.*)' and /.exec(query.get("$filter") ?? "") ?? [];
    const account = accounts.find((one) => one.id === id);
    return page((path === "/auditLogs/signIns" ? account?.signIns : account?.audits) ?? [], request, 1000);
  }

  function identityAccounts(request: GraphRequest): GraphAnswer | undefined {
    const { method, path, query, body } = request;
    const [, id, call] = /^\/security\/identities\/identityAccounts(?:\/([^/]+))?(\/invokeAction)?$/.exec(path) ?? [];
    if (!path.startsWith("/security/identities/identityAccounts")) return undefined;
    const refused = lacks(call ? "SecurityIdentitiesActions.ReadWrite.All" : "SecurityIdentitiesAccount.Read.All");
    if (refused) return refused;
    const identity = outside.find((one) => one.id === id);
    if (method === "GET" && id === undefined) {
      const [, name = "", value] = /^(\w+) eq '(.*)'$/.exec(query.get("$filter") ?? "") ?? [];
      return page(
        outside.filter((one) => (one as unknown as Record<string, unknown>)[name] === value),
        request,
      );
    }
    if (!identity) return missing(id ?? "");
    if (method === "GET") return { status: 200, body: identity };
    const { action, identityProvider, accountId } = body as Record<string, string>;
    const account = identity.accounts.find(({ provider }) => provider.toLowerCase() === identityProvider?.toLowerCase());
    const served: Record<string, string[]> = {
      activedirectory: ["disable", "enable", "forcePasswordReset"],
      okta: ["disable", "enable", "revokeAllSessions"],
    };
    if (!account || account.identifier !== accountId || !served[identityProvider?.toLowerCase() ?? ""]?.includes(action ?? ""))
      return failure(400, "BadRequest", "The action is not supported for this account.");
    if (action === "disable" || action === "enable") {
      const enabled = action === "enable";
      if (identity.isEnabled !== enabled) effects.push(`${identityProvider} ${action} ${identity.displayName}`);
      identity.isEnabled = enabled;
    } else effects.push(`${identityProvider} ${action} ${identity.displayName}`);
    return { status: 200, body: { value: { accountId, action, provider: identityProvider, correlationId: randomUUID() } } };
  }

  const grantsOf = (app: App) => app.grants.map((grant) => Object.assign(grant, { id: grant.id ?? randomUUID(), clientId: app.id }));
  const idOf = (app: App, role: string) => `assigned-${app.id}-${role}`;

  /** Consents are made and removed apart from the app they belong to. */
  function consents({ method, path, body }: GraphRequest): GraphAnswer | undefined {
    const [, id] = /^\/oauth2PermissionGrants(?:\/([^/]+))?$/.exec(path) ?? ["", null];
    if (id !== null) {
      const refused = lacks("DelegatedPermissionGrant.ReadWrite.All");
      if (refused) return refused;
      const app = apps.find((one) => (id === undefined ? one.id === body.clientId : grantsOf(one).some((grant) => grant.id === id)));
      if (!app) return missing(id ?? String(body.clientId));
      if (method === "DELETE") {
        app.grants = app.grants.filter((grant) => grant.id !== id);
        effects.push(`remove a consent of ${app.displayName}`);
        return { status: 204 };
      }
      const given = body as unknown as App["grants"][number];
      if (method === "PATCH") {
        Object.assign(app.grants.find((grant) => grant.id === id) ?? {}, { scope: given.scope });
        effects.push(`widen a consent of ${app.displayName}`);
        return { status: 204 };
      }
      const { consentType, principalId = null, resourceId, scope } = given;
      if (app.grants.some((one) => one.consentType === consentType && one.principalId === principalId && one.resourceId === resourceId))
        return failure(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.");
      app.grants.push({ id: randomUUID(), consentType, principalId, resourceId, scope });
      effects.push(`restore a consent of ${app.displayName}`);
      return { status: 201, body: app.grants.at(-1) };
    }
    const [, resource, assigned] = /^\/servicePrincipals\/([^/]+)\/appRoleAssignedTo(?:\/([^/]+))?$/.exec(path) ?? [];
    if (resource === undefined) return undefined;
    const refused = lacks("AppRoleAssignment.ReadWrite.All");
    if (refused) return refused;
    const app = apps.find((one) => (assigned ? one.appRoles.some((role) => idOf(one, role) === assigned) : one.id === body.principalId));
    if (!app || resource !== RESOURCE) return missing(assigned ?? resource);
    if (method === "DELETE") {
      app.appRoles = app.appRoles.filter((role) => idOf(app, role) !== assigned);
      effects.push(`remove a consent of ${app.displayName}`);
      return { status: 204 };
    }
    const role = String(body.appRoleId).replace(/^role-/, "");
    if (app.appRoles.includes(role)) return failure(400, "Request_BadRequest", "Permission being assigned already exists on the object");
    app.appRoles.push(role);
    effects.push(`restore a consent of ${app.displayName}`);
    return { status: 201, body: { id: idOf(app, role), appRoleId: body.appRoleId, principalId: app.id, resourceId: RESOURCE } };
  }

  function principals(request: GraphRequest): GraphAnswer | undefined {
    const { method, path, query, body } = request;
    if (method === "GET" && path === "/servicePrincipals") {
      const [, name] = /^displayName eq '(.*)'$/.exec(query.get("$filter") ?? "") ?? [];
      const found = apps.filter(({ displayName }) => displayName.toLowerCase() === name?.replaceAll("''", "'").toLowerCase());
      return (
        lacks("Application.Read.All", "Application.ReadWrite.All") ??
        page(
          found.map((app) => selected(app, request)),
          request,
        )
      );
    }
    const [, appId, id, rest = ""] = /^\/servicePrincipals(?:\(appId='(.*)'\)|\/([^/]+))(\/.*)?$/.exec(path) ?? [];
    if (!appId && !id) return undefined;
    if (method === "GET" && id === RESOURCE) {
      const names = [...new Set(apps.flatMap(({ appRoles }) => appRoles))];
      return { status: 200, body: { id, appRoles: names.map((value) => ({ id: `role-${value}`, value })) } };
    }
    const app = apps.find((one) => one.appId === appId || one.id === id);
    if (method === "PATCH") {
      const refused = lacks("Application.ReadWrite.All");
      if (refused) return refused;
      if (!app) return missing(id ?? "");
      const enabled = body.accountEnabled === true;
      if (app.accountEnabled !== enabled) effects.push(`${enabled ? "enable" : "disable"} ${app.displayName}`);
      app.accountEnabled = enabled;
      return { status: 204 };
    }
    if (!app) return missing(appId ?? id ?? "");
    if (rest === "/oauth2PermissionGrants")
      return lacks("DelegatedPermissionGrant.Read.All", "DelegatedPermissionGrant.ReadWrite.All") ?? page(grantsOf(app), request);
    const refused = lacks("Application.Read.All", "Application.ReadWrite.All");
    if (refused) return refused;
    if (rest === "/appRoleAssignments")
      return page(
        app.appRoles.map((name) => ({
          id: idOf(app, name),
          principalId: app.id,
          appRoleId: `role-${name}`,
          resourceId: RESOURCE,
          resourceDisplayName: "Microsoft Graph",
        })),
        request,
      );
    return { status: 200, body: selected(app, request) };
  }

  return {
    product,
    accounts,
    outside,
    apps,
    effects,
    answer: (request: GraphRequest) =>
      users(request) ??
      roles(request) ??
      risk(request) ??
      logs(request) ??
      identityAccounts(request) ??
      consents(request) ??
      principals(request),
    add: (userPrincipalName: string, more: Partial<Account> = {}): Account => {
      const id = more.id ?? randomUUID();
      const account: Account = {
        id,
        userPrincipalName,
        mail: userPrincipalName,
        displayName: userPrincipalName.split("@")[0] ?? userPrincipalName,
        userType: "Member",
        accountEnabled: true,
        signInSessionsValidFromDateTime: LONG_AGO,
        lastPasswordChangeDateTime: LONG_AGO,
        securityIdentifier: `S-1-12-1-${accounts.length + 1}-2-3-4`,
        onPremisesSyncEnabled: null,
        onPremisesSecurityIdentifier: null,
        onPremisesSamAccountName: null,
        onPremisesDomainName: null,
        passwordProfile: { forceChangePasswordNextSignIn: false },
        proxyAddresses: [`SMTP:${userPrincipalName}`],
        roles: [],
        scopedRoles: [],
        eligibleRoles: [],
        risk: null,
        signIns: [],
        audits: [],
        ...more,
      };
      accounts.push(account);
      return account;
    },
    addOutside: (displayName: string, more: Partial<Outside> = {}): Outside => {
      const identity: Outside = {
        id: randomUUID(),
        displayName,
        domain: "corp.contoso.example",
        onPremisesSecurityIdentifier: `S-1-5-21-1-2-3-${1000 + outside.length}`,
        cloudSecurityIdentifier: null,
        isEnabled: true,
        accounts: [{ provider: "ActiveDirectory", identifier: randomUUID(), actions: [] }],
        ...more,
      };
      outside.push(identity);
      return identity;
    },
    addApp: (displayName: string, more: Partial<App> = {}): App => {
      const app: App = {
        id: randomUUID(),
        appId: randomUUID(),
        displayName,
        accountEnabled: true,
        verifiedPublisher: null,
        grants: [],
        appRoles: [],
        ...more,
      };
      apps.push(app);
      return app;
    },
    reset: () => {
      for (const list of [accounts, outside, apps, effects]) list.splice(0);
      older.clear();
      Object.assign(product, { p1: true, p2: true, protectsRoles: true, lagMs: 0, sync: true });
    },
  };
}
