import { HttpRefusal } from "../http.ts";
import type { Api } from "../microsoft/api.ts";
import { ACCOUNTS_LICENCE, ACT_ON_ACCOUNTS, READ_ACCOUNTS } from "./accounts.ts";
import { missingOf, named } from "./identities-refusal.ts";
import { riskTrouble } from "./risk.ts";
import { logsTrouble } from "./users-sign-ins.ts";

/** What this tenant's licences leave out: nothing is wrong, and people should know. What needs a `lacking` permission is not asked for. */
export async function identityLimits(api: Api, lacking: ReadonlySet<string>, signal: AbortSignal): Promise<string[]> {
  const outside = [...READ_ACCOUNTS, ...ACT_ON_ACCOUNTS];
  const missing = await missingOf(api, outside, signal);
  const questions = [
    ...(lacking.has("AuditLog.Read.All") ? [] : [logsTrouble(api, signal)]),
    ...(lacking.has("IdentityRiskyUser.ReadWrite.All") ? [] : [riskTrouble(api, signal)]),
  ];
  const asked = await Promise.all(questions.map(quietly));
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
