import { z } from "zod";
import type { Clock, IdentityCapability, Ticket, UserFacts } from "../../../engine/ports.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { HttpRefusal } from "../http.ts";
import type { Api } from "../microsoft/api.ts";
import { ACT_ON_ACCOUNTS, type AccountAction, accountIn, graphAccounts, type Identity, type Provider } from "./accounts.ts";
import type { Sleep } from "./identities-ration.ts";
import { isUnlicensed, missingOf, named, type Permissions } from "./identities-refusal.ts";
import { graphTickets } from "./identities-ticket.ts";
import { graphRisk, RISK_LICENCE, WRITE_RISK } from "./risk.ts";
import { type Account, addressOf, graphUsers, READ_USERS, SID } from "./users.ts";
import { rolesOf } from "./users-roles.ts";
import { graphLogs } from "./users-sign-ins.ts";

export const SWITCH_USERS: Permissions = [
  ["User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All"],
  ...READ_USERS,
];
export const REVOKE: Permissions = [["User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"]];
export const PASSWORDS: Permissions = [["User-PasswordProfile.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"]];
const READ_PASSWORDS = [
  "User-PasswordProfile.Read.All",
  "User-PasswordProfile.ReadWrite.All",
  "User.ReadWrite.All",
  "Directory.ReadWrite.All",
];

/** An account Entra ID does not know is named by its identity in Defender for Identity. */
const OUTSIDE = "identity:";
const Password = z.object({ passwordProfile: z.object({ forceChangePasswordNextSignIn: z.boolean().nullish() }).nullish() });

export type IdentitySettings = { clock: Clock; gapMs?: number | undefined; sleep?: Sleep | undefined };
type Target = { kind: "entra"; account: Account } | { kind: "outside"; identity: Identity };

/** Accounts of Entra ID, and through Defender for Identity those of Active Directory and Okta. */
export function graphIdentities(api: Api, settings: IdentitySettings): IdentityCapability {
  const { clock } = settings;
  const users = graphUsers(api);
  const accounts = graphAccounts(api);
  const risk = graphRisk(api, settings);
  const logs = graphLogs(api, settings);
  const tickets = graphTickets(clock);

  const sidOf = (account: Account) =>
    account.onPremisesSyncEnabled
      ? account.onPremisesSecurityIdentifier
      : (account.securityIdentifier ?? account.onPremisesSecurityIdentifier);

  /** Only where the token says that it may be read: most have no such permission, and then nothing is said of it. */
  async function mustChange(id: string, signal: AbortSignal): Promise<boolean | undefined> {
    const roles = await api.roles(signal);
    if (!roles?.some((role) => READ_PASSWORDS.includes(role))) return undefined;
    try {
      const asked = { permission: "User-PasswordProfile.ReadWrite.All", what: "this account", signal };
      const answer = await api.get(`/users/${encodeURIComponent(id)}?$select=passwordProfile`, asked);
      return Password.safeParse(answer).data?.passwordProfile?.forceChangePasswordNextSignIn ?? undefined;
    } catch (error) {
      if (error instanceof HttpRefusal) return undefined;
      throw error;
    }
  }

  async function factsOf(account: Account, patient: boolean, signal: AbortSignal): Promise<UserFacts> {
    if (typeof account.accountEnabled !== "boolean")
      throw new ConnectorError(
        "refused",
        "Microsoft Graph does not say whether accounts are enabled: air's app registration needs User.Read.All.",
      );
    const sid = account.onPremisesSyncEnabled ? account.onPremisesSecurityIdentifier : undefined;
    const [roles, seen, log, mustChangePassword, outside] = await Promise.all([
      rolesOf(api, account.id, signal),
      risk.read(account.id, patient, signal),
      logs(account.id, patient, signal),
      mustChange(account.id, signal),
      sid ? accounts.bySid(sid, signal) : undefined,
    ]);
    const unread = { ...(roles.unread ? { roles: roles.unread } : {}), ...(seen.unread ? { risk: seen.unread } : {}), ...log.unread };
    const [revokedAt, changedAt] = [account.signInSessionsValidFromDateTime, account.lastPasswordChangeDateTime].map(dateOf);
    return {
      id: account.id,
      email: addressOf(account),
      name: account.displayName ?? addressOf(account),
      // What synchronisation brings back is not switched off.
      enabled:
        account.accountEnabled || (accountIn(outside?.identity, "activeDirectory") !== undefined && outside?.identity?.isEnabled === true),
      privileged: roles.privileged,
      signIns: log.signIns,
      ...(log.activities ? { activities: log.activities } : {}),
      ...(revokedAt ? { sessionsRevokedAt: revokedAt } : {}),
      ...(changedAt ? { passwordChangedAt: changedAt } : {}),
      ...(seen.risk ? { risk: seen.risk } : {}),
      ...(mustChangePassword === undefined ? {} : { mustChangePassword }),
      ...(Object.keys(unread).length > 0 ? { unread } : {}),
    };
  }

  const outsideFacts = (identity: Identity): UserFacts => {
    const name = identity.displayName ?? identity.onPremisesSecurityIdentifier ?? identity.id;
    return {
      id: `${OUTSIDE}${identity.id}`,
      email: identity.domain ? `${name}@${identity.domain}` : name,
      name,
      enabled: identity.isEnabled ?? true,
      privileged: [],
      signIns: [],
      unread: {
        roles: "groups of Active Directory and Okta cannot be read by Microsoft Graph",
        signIns: "the account is not in Microsoft Entra ID",
        risk: "the account is not in Microsoft Entra ID",
        activities: "the account is not in Microsoft Entra ID",
      },
    };
  };

  async function targetOf(id: string, signal: AbortSignal): Promise<Target> {
    if (id.startsWith(OUTSIDE)) {
      const identity = await accounts.byId(id.slice(OUTSIDE.length), signal);
      if (identity) return { kind: "outside", identity };
    } else {
      const account = await users.byId(id, signal);
      if (account) return { kind: "entra", account };
    }
    throw new ConnectorError("refused", "Microsoft Graph does not know this account any more. Nothing was done.");
  }

  /** A 403 means one of two things, and only one of them is mended by a permission. */
  async function changing<T>(
    needed: Permissions,
    account: Account,
    licence: string,
    signal: AbortSignal,
    go: () => Promise<T>,
  ): Promise<T> {
    try {
      return await go();
    } catch (error) {
      if (isUnlicensed(error))
        throw new HttpRefusal(error.status, `This needs ${licence}, which the tenant does not have. Nothing was done.`, error.said);
      if (!(error instanceof HttpRefusal) || error.status !== 403) throw error;
      const missing = await missingOf(api, needed, signal).catch(() => undefined);
      const says = error.said ? ` Microsoft Graph says: ${error.said}.` : "";
      if (missing === undefined || missing.length > 0) {
        const which = missing === undefined ? named(needed) : missing.join(" and ");
        throw new HttpRefusal(
          403,
          `Microsoft Graph does not let air do this: the app registration lacks ${which}. An administrator adds it under API permissions, Microsoft Graph, as an application permission, and grants consent.${says} Nothing was done.`,
          error.said,
        );
      }
      const { privileged } = await rolesOf(api, account.id, signal).catch(() => ({ privileged: [] as string[] }));
      const holds =
        privileged.length > 0 ? `holds ${privileged.slice(0, 3).join(", ")}` : "holds a directory role, or is in a group that may";
      throw new HttpRefusal(
        403,
        `Microsoft Entra ID protects this account: ${addressOf(account)} ${holds}, and an app with permissions alone may not change it. A Privileged Role Administrator gives air's app a directory role of its own (Privileged Authentication Administrator covers every account), or a person does it by hand.${says} Nothing was done.`,
        error.said,
      );
    }
  }

  const patch = (account: Account, body: Record<string, unknown>, needed: Permissions, signal: AbortSignal) =>
    changing(needed, account, "a larger licence", signal, () =>
      api.patch(`/users/${encodeURIComponent(account.id)}`, body, { permission: named(needed), what: "this account", signal }),
    );

  /** What Okta has of it, where air may act there at all. */
  async function linked(account: Account, signal: AbortSignal): Promise<{ identity?: Identity; why?: string }> {
    const sid = sidOf(account);
    const missing = await missingOf(api, ACT_ON_ACCOUNTS, signal);
    if (missing?.length) return { why: `air's app registration needs ${named(ACT_ON_ACCOUNTS)}` };
    if (!sid) return {};
    try {
      return await accounts.bySid(sid, signal);
    } catch (error) {
      // Where everything that is certain lies in the cloud, another service being down holds nothing up.
      if (account.onPremisesSyncEnabled) throw error;
      return {};
    }
  }

  /** The step in the cloud after one elsewhere: what was done there is not hidden behind a refusal here. */
  async function thenCloud(did: readonly Provider[], what: string, go: () => Promise<unknown>): Promise<Ticket> {
    try {
      await go();
    } catch (error) {
      if (did.length === 0 || !(error instanceof HttpRefusal)) throw error;
      // Synchronisation carries it to the cloud; it is read back until it does.
      if (did.includes("activeDirectory") && /on-premises mastered|Directory Sync/i.test(error.said)) return tickets.done();
      const where = did.map((provider) => PROVIDERS[provider]).join(" and ");
      const why = error.message.replace(/ Nothing was done\.$/, "");
      return { id: "half", state: "failed", text: `${what} in ${where}, but not in the cloud: ${why}` };
    }
    return tickets.done();
  }

  /**
   * First where the account comes from, then in the cloud: the other way round the next synchronisation would take it back, and a refusal
   * after the first step would leave half of it done.
   */
  async function switchAccount(id: string, on: boolean, signal: AbortSignal): Promise<Ticket> {
    const action: AccountAction = on ? "enable" : "disable";
    const target = await targetOf(id, signal);
    if (target.kind === "outside") {
      const did = await actOutside(target.identity, action, ["activeDirectory", "okta"], signal);
      if (did.length === 0) throw noCall(target.identity, action);
      return tickets.done();
    }
    const { account } = target;
    const { identity, why } = await linked(account, signal);
    if (account.onPremisesSyncEnabled && accountIn(identity, "activeDirectory") === undefined)
      throw new ConnectorError("refused", bySync(account, on ? "Enable-ADAccount" : "Disable-ADAccount", why));
    const missing = await missingOf(api, SWITCH_USERS, signal);
    const elsewhere: Provider[] = account.onPremisesSyncEnabled ? ["activeDirectory", "okta"] : ["okta"];
    // Where the cloud would refuse it, nothing is begun elsewhere.
    const did = missing?.length && !account.onPremisesSyncEnabled ? [] : await actOutside(identity, action, elsewhere, signal);
    return thenCloud(did, `The account was ${on ? "enabled" : "disabled"}`, () =>
      patch(account, { accountEnabled: on }, SWITCH_USERS, signal),
    );
  }

  async function actOutside(
    identity: Identity | undefined,
    action: AccountAction,
    providers: readonly Provider[],
    signal: AbortSignal,
  ): Promise<Provider[]> {
    const did: Provider[] = [];
    for (const provider of providers) {
      if (!identity || accountIn(identity, provider) === undefined) continue;
      const isThere = (action === "enable") === identity.isEnabled && (action === "enable" || action === "disable");
      if (provider !== "activeDirectory" || !isThere) await accounts.act(identity, provider, action, signal);
      did.push(provider);
    }
    return did;
  }

  return {
    connector: "graph",
    setsState: true,
    async find(user, signal, { patient = false } = {}) {
      const account = await users.find(user, signal);
      if (account) return factsOf(account, patient, signal);
      const sid = user.kind === "user" ? [user.id, user.name].find((text) => text !== undefined && SID.test(text.trim())) : undefined;
      const outside = sid ? (await accounts.bySid(sid.trim(), signal)).identity : undefined;
      return outside && outsideFacts(outside);
    },
    disable: (id, _comment, _key, signal) => switchAccount(id, false, signal),
    enable: (id, _comment, _key, signal) => switchAccount(id, true, signal),
    async revokeSessions(id, _comment, _key, signal) {
      const target = await targetOf(id, signal);
      if (target.kind === "outside") {
        const did = await actOutside(target.identity, "revokeAllSessions", ["okta"], signal);
        if (did.length === 0) throw noCall(target.identity, "revokeAllSessions");
        return tickets.done();
      }
      const { account } = target;
      const { identity } = await linked(account, signal);
      const did = await actOutside(identity, "revokeAllSessions", ["okta"], signal);
      const asked = { permission: named(REVOKE), what: "this account", signal };
      return thenCloud(did, "Sessions were ended", () =>
        changing(REVOKE, account, "a larger licence", signal, () =>
          api.post(`/users/${encodeURIComponent(account.id)}/revokeSignInSessions`, {}, asked),
        ),
      );
    },
    async confirmCompromised(id, _comment, _key, signal) {
      const account = inEntra(await targetOf(id, signal));
      await changing(WRITE_RISK, account, RISK_LICENCE, signal, () => risk.write(account.id, "confirmCompromised", signal));
      return tickets.done();
    },
    async dismissRisk(id, _comment, _key, signal) {
      const account = inEntra(await targetOf(id, signal));
      await changing(WRITE_RISK, account, RISK_LICENCE, signal, () => risk.write(account.id, "dismiss", signal));
      return tickets.done();
    },
    async forcePasswordReset(id, _comment, _key, signal) {
      const target = await targetOf(id, signal);
      if (target.kind === "entra" && !target.account.onPremisesSyncEnabled) {
        await patch(target.account, { passwordProfile: { forceChangePasswordNextSignIn: true } }, PASSWORDS, signal);
        return tickets.done();
      }
      const { identity, why } =
        target.kind === "outside" ? { identity: target.identity, why: undefined } : await linked(target.account, signal);
      const did = await actOutside(identity, "forcePasswordReset", ["activeDirectory"], signal);
      if (did.length > 0) return tickets.done();
      if (target.kind === "outside") throw noCall(target.identity, "forcePasswordReset");
      throw new ConnectorError("refused", bySync(target.account, "Set-ADUser -ChangePasswordAtLogon $true", why));
    },
    follow: tickets.follow,
  };
}

const PROVIDERS: Readonly<Record<Provider, string>> = { activeDirectory: "Active Directory", okta: "Okta" };
const dateOf = (text: string | null | undefined): Date | undefined => {
  const at = new Date(text ?? Number.NaN);
  return Number.isNaN(at.getTime()) ? undefined : at;
};

function inEntra(target: Target): Account {
  if (target.kind === "entra") return target.account;
  throw new ConnectorError("refused", "Only accounts of Microsoft Entra ID have a risk, and this one is not there. Nothing was done.");
}

const noCall = (identity: Identity, action: AccountAction) => {
  const what = {
    disable: "disable",
    enable: "enable",
    forcePasswordReset: "reset the password of",
    revokeAllSessions: "end the sessions of",
  }[action];
  return new ConnectorError(
    "refused",
    `Microsoft Graph has no call to ${what} ${identity.displayName ?? "this account"}: it is in none of the directories where it could. Do it by hand where the account lives. Nothing was done.`,
  );
};

/** Steps for a person. The number of an account is no text an attacker chose, unlike its names. */
function bySync(account: Account, command: string, why: string | undefined): string {
  const sid = SID.test(account.onPremisesSecurityIdentifier ?? "") ? `'${account.onPremisesSecurityIdentifier}'` : "<the account>";
  const [verb, ...rest] = command.split(" ");
  const line = [verb, "-Identity", sid, ...rest].join(" ");
  return `${addressOf(account)} comes from Active Directory, so what is changed in the cloud alone is taken back by the next synchronisation, and air does not find the account among those of Defender for Identity${why ? ` (${why})` : ""}. Do it by hand: 1. on a domain controller run ${line}; 2. on the server of Entra Connect run Start-ADSyncSyncCycle -PolicyType Delta; 3. look in Entra (Users, the account) whether it shows. Nothing was done.`;
}
