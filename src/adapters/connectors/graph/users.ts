import { z } from "zod";
import type { EntityOf } from "../../../engine/domain/entity.ts";
import { ConnectorError } from "../../../engine/ports.ts";
import { type Api, quoted } from "../microsoft/api.ts";
import type { Permissions } from "./identities-refusal.ts";

const Account = z.object({
  id: z.string().min(1).max(200),
  userPrincipalName: z.string().nullish(),
  mail: z.string().nullish(),
  displayName: z.string().nullish(),
  userType: z.string().nullish(),
  accountEnabled: z.boolean().nullish(),
  signInSessionsValidFromDateTime: z.string().nullish(),
  lastPasswordChangeDateTime: z.string().nullish(),
  securityIdentifier: z.string().nullish(),
  onPremisesSyncEnabled: z.boolean().nullish(),
  onPremisesSecurityIdentifier: z.string().nullish(),
  onPremisesSamAccountName: z.string().nullish(),
  onPremisesDomainName: z.string().nullish(),
});
export type Account = z.infer<typeof Account>;

export const READ_USERS: Permissions = [["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]];
const SELECT = Object.keys(Account.shape).join(",");
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const SID = /^S-1-\d+(-\d+)+$/i;
/** Some properties are only found by the directory's index. */
const BY_INDEX = { ConsistencyLevel: "eventual" };

export const addressOf = (account: Account) =>
  // A guest's own name is a rewritten address nobody knows it by.
  (/#EXT#/i.test(account.userPrincipalName ?? "") ? account.mail : undefined) ?? account.userPrincipalName ?? account.mail ?? account.id;

/** Accounts of Entra ID, by what alerts call them. */
export function graphUsers(api: Api) {
  const about = (signal: AbortSignal) => ({ permission: "User.Read.All", what: "this account", signal });
  const read = (answer: unknown): Account => {
    const account = Account.safeParse(answer).data;
    if (!account) throw api.unknownShape();
    return account;
  };

  async function byKey(key: string, signal: AbortSignal): Promise<Account | undefined> {
    // A name that begins with $ would be read as a part of the address.
    const path = key.startsWith("$") ? `/users(${encodeURIComponent(quoted(key))})` : `/users/${encodeURIComponent(key)}`;
    const answer = await api.get(`${path}?$select=${SELECT}`, about(signal));
    return answer === undefined ? undefined : read(answer);
  }

  async function where(filter: string, called: string, signal: AbortSignal, byIndex = false): Promise<Account | undefined> {
    const parameters = { $filter: filter, $select: SELECT, ...(byIndex ? { $count: "true" } : {}) };
    const asked = byIndex ? { ...about(signal), headers: BY_INDEX } : about(signal);
    const found = (await api.list("/users", parameters, asked, { page: 0, mostPages: 2 })).map(read);
    if (found.length > 1) {
      throw new ConnectorError(
        "refused",
        `Microsoft Entra ID knows ${found.length} accounts called ${called} (${found
          .slice(0, 3)
          .map(({ id }) => id)
          .join(", ")}). Name the account by its id. Nothing was done.`,
      );
    }
    return found[0];
  }

  async function byAddress(address: string, signal: AbortSignal): Promise<Account | undefined> {
    const known = await byKey(address, signal);
    if (known) return known;
    const filter = `mail eq ${quoted(address)} or proxyAddresses/any(p:p eq ${quoted(`smtp:${address}`)})`;
    return where(filter, address, signal);
  }

  /** CONTOSO\mia, or mia as Active Directory writes it; never a display name, which everybody chooses freely. */
  async function bySamName(name: string, signal: AbortSignal): Promise<Account | undefined> {
    const [domain, sam] = name.includes("\\") ? (name.split("\\", 2) as [string, string]) : [undefined, name];
    if (sam === "") return undefined;
    const found = await where(`onPremisesSamAccountName eq ${quoted(sam)}`, name, signal, true);
    if (!found || domain === undefined || domain === "") return found;
    // The short name of a domain is nearly always the first label of the long one; another domain's account is not the one that is meant.
    const full = found.onPremisesDomainName?.toLowerCase() ?? "";
    return full === domain.toLowerCase() || full.split(".")[0] === domain.toLowerCase().split(".")[0] ? found : undefined;
  }

  async function bySid(sid: string, signal: AbortSignal): Promise<Account | undefined> {
    const property = /^S-1-12-/i.test(sid) ? "securityIdentifier" : "onPremisesSecurityIdentifier";
    return where(`${property} eq ${quoted(sid)}`, sid, signal);
  }

  const byName = (name: string, signal: AbortSignal) => {
    if (GUID.test(name)) return byKey(name, signal);
    if (SID.test(name)) return bySid(name, signal);
    return name.includes("@") ? byAddress(name, signal) : bySamName(name, signal);
  };

  return {
    byId: byKey,
    /** The strongest name first; the next only where the directory does not know the one before. */
    async find(user: EntityOf<"user"> | EntityOf<"mailbox">, signal: AbortSignal): Promise<Account | undefined> {
      const names = user.kind === "mailbox" ? [user.address] : [user.id, user.email, user.name];
      for (const name of names.map((text) => text?.trim())) {
        const found = name ? await byName(name, signal) : undefined;
        if (found) return found;
      }
      return undefined;
    },
  };
}
