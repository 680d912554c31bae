import { HttpRefusal } from "../http.ts";
import type { Api } from "../microsoft/api.ts";

/** Each entry lists what grants the same, the least first. */
export type Permissions = readonly (readonly string[])[];

export const named = (needed: Permissions) => needed.map(([least]) => least).join(" and ");

/** In the words of Entra and of Identity Protection: "doesn't have premium license", "Tenant does not meet license requirement". */
export const isUnlicensed = (error: unknown): error is HttpRefusal =>
  error instanceof HttpRefusal && (error.status === 403 || error.status === 400) && /licen[sc]e|NonPremiumTenant/i.test(error.said);

/** Which of them the token does not hold; undefined where the token does not say. */
export async function missingOf(api: Api, needed: Permissions, signal: AbortSignal): Promise<string[] | undefined> {
  const roles = await api.roles(signal);
  return roles && needed.filter((any) => !any.some((role) => roles.includes(role))).map(([least]) => least ?? "");
}

/**
 * Why something was not read or done, as a part of a sentence that stays the same from one call to the next: no trace ids. Undefined: not a
 * refusal, so it is worth another try.
 */
export function whyUnread(error: unknown, needed: Permissions, licence: string): string | undefined {
  if (isUnlicensed(error)) return `${licence} is needed`;
  if (!(error instanceof HttpRefusal)) return undefined;
  return error.status === 403 ? `air's app registration needs ${named(needed)}` : "Microsoft Graph refuses the question";
}
