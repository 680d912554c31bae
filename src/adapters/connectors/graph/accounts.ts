import { z } from "zod";
import { HttpRefusal } from "../http.ts";
import { type Api, quoted } from "../microsoft/api.ts";
import { type Permissions, whyUnread } from "./identities-refusal.ts";

export const READ_ACCOUNTS: Permissions = [["SecurityIdentitiesAccount.Read.All"]];
export const ACT_ON_ACCOUNTS: Permissions = [["SecurityIdentitiesActions.ReadWrite.All"]];
export const ACCOUNTS_LICENCE = "Microsoft Defender for Identity";

const Identity = z.object({
  id: z.string().min(1).max(200),
  displayName: z.string().nullish(),
  domain: z.string().nullish(),
  onPremisesSecurityIdentifier: z.string().nullish(),
  isEnabled: z.boolean().nullish(),
  // The published samples say `provider` where the type says `identityProvider`.
  accounts: z
    .array(z.object({ identifier: z.string().nullish(), identityProvider: z.string().nullish(), provider: z.string().nullish() }))
    .nullish(),
});
export type Identity = z.infer<typeof Identity>;
export type Provider = "activeDirectory" | "okta";
export type AccountAction = "disable" | "enable" | "forcePasswordReset" | "revokeAllSessions";

export const accountIn = (identity: Identity | undefined, provider: Provider): string | undefined =>
  identity?.accounts?.find((account) => (account.identityProvider ?? account.provider)?.toLowerCase() === provider.toLowerCase())
    ?.identifier ?? undefined;

/** Accounts outside Entra ID that Defender for Identity sees: Active Directory and Okta (domain facts 3.3). */
export function graphAccounts(api: Api) {
  const path = "/security/identities/identityAccounts";
  const about = (signal: AbortSignal) => ({ permission: "SecurityIdentitiesAccount.Read.All", what: "this account", signal });
  const read = (answer: unknown): Identity => {
    const identity = Identity.safeParse(answer).data;
    if (!identity) throw api.unknownShape();
    return identity;
  };
  return {
    /** `why`: it cannot be told whether there is one. */
    async bySid(sid: string, signal: AbortSignal): Promise<{ identity?: Identity; why?: string }> {
      const property = /^S-1-12-/i.test(sid) ? "cloudSecurityIdentifier" : "onPremisesSecurityIdentifier";
      try {
        const found = (await api.list(path, { $filter: `${property} eq ${quoted(sid)}` }, about(signal), { page: 0 })).map(read);
        // One account's number belongs to one account; of two none is guessed.
        return found.length === 1 && found[0] ? { identity: found[0] } : {};
      } catch (error) {
        if (error instanceof HttpRefusal && error.status === 404) return {};
        const why = whyUnread(error, READ_ACCOUNTS, ACCOUNTS_LICENCE);
        if (why === undefined) throw error;
        return { why };
      }
    },
    async byId(id: string, signal: AbortSignal): Promise<Identity | undefined> {
      const answer = await api.get(`${path}/${encodeURIComponent(id)}`, about(signal));
      return answer === undefined ? undefined : read(answer);
    },
    async act(identity: Identity, provider: Provider, action: AccountAction, signal: AbortSignal): Promise<void> {
      const body = { accountId: accountIn(identity, provider), action, identityProvider: provider };
      const asked = { permission: "SecurityIdentitiesActions.ReadWrite.All", what: "this account", signal };
      await api.post(`${path}/${encodeURIComponent(identity.id)}/invokeAction`, body, asked);
    },
  };
}
