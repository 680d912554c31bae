import { HttpRefusal } from "../http.ts";
import type { Api } from "../microsoft/api.ts";
import { ACCOUNTS_LICENCE, ACT_ON_ACCOUNTS, READ_ACCOUNTS } from "./accounts.ts";
import { READ_APPS, SWITCH_APPS } from "./apps.ts";
import { PASSWORDS, REVOKE, SWITCH_USERS } from "./identities.ts";
import { missingOf, named, type Permissions } from "./identities-refusal.ts";
import { riskTrouble, WRITE_RISK } from "./risk.ts";
import { READ_ROLES } from "./users-roles.ts";
import { logsTrouble, READ_LOGS } from "./users-sign-ins.ts";

/** What air needs to look accounts and apps up and to act on them. */
export const IDENTITY_PERMISSIONS: Permissions = [
  ...SWITCH_USERS,
  ...READ_ROLES,
  ...READ_LOGS,
  ...WRITE_RISK,
  ...REVOKE,
  ...PASSWORDS,
  ...READ_APPS,
  ...SWITCH_APPS,
];

/** What this tenant's licences leave out: nothing is wrong, and people should know. */
export async function identityLimits(api: Api, signal: AbortSignal): Promise<string[]> {
  const outside = [...READ_ACCOUNTS, ...ACT_ON_ACCOUNTS];
  const missing = await missingOf(api, outside, signal);
  const asked = await Promise.all([logsTrouble(api, signal), riskTrouble(api, signal)].map(quietly));
  return [
    ...asked.flat(),
    ...(missing?.length
      ? [
          `accounts of Active Directory and Okta are not acted on: ${missing.join(" and ")} not granted (they come with ${ACCOUNTS_LICENCE}; without it a person does it by hand)`,
        ]
      : missing === undefined
        ? [`whether ${named(outside)} are granted could not be read from the token`]
        : []),
  ];
}

/** A refusal is said; whatever else happens is the check's to find. */
const quietly = async (trouble: Promise<string | undefined>): Promise<string[]> => {
  try {
    const said = await trouble;
    return said ? [said] : [];
  } catch (error) {
    if (error instanceof HttpRefusal) return [error.message.replace(/ Nothing was done\.$/, "")];
    throw error;
  }
};
