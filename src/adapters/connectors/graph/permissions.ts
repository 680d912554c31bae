import type { Api } from "../microsoft/api.ts";
import { READ_APPS, SWITCH_APPS } from "./apps.ts";
import { CHANGE_CONSENTS } from "./apps-consents.ts";
import { HUNTING_PERMISSION } from "./hunting.ts";
import { PASSWORDS, REVOKE, SWITCH_USERS } from "./identities.ts";
import { missingOf, type Permissions } from "./identities-refusal.ts";
import { REMEDIATE_PERMISSION } from "./mail-remediate.ts";
import { WRITE_RISK } from "./risk.ts";
import { READ_ROLES } from "./users-roles.ts";
import { READ_LOGS } from "./users-sign-ins.ts";

/** Beside the alerts, what each part of the product needs, and what does not work without it. A tenant may want alerts and nothing else. */
const NEEDS: readonly { part: string; needed: Permissions; without: string }[] = [
  { part: "accounts", needed: SWITCH_USERS, without: "no account is looked up, disabled or enabled" },
  { part: "accounts", needed: READ_ROLES, without: "roles stay unread, so every account counts as protected" },
  { part: "accounts", needed: READ_LOGS, without: "sign-ins and what an account changed stay unread" },
  { part: "accounts", needed: WRITE_RISK, without: "risk stays unread, and nobody is confirmed as compromised" },
  { part: "accounts", needed: REVOKE, without: "no sessions are ended" },
  { part: "accounts", needed: PASSWORDS, without: "nobody is made to set a new password" },
  { part: "apps", needed: READ_APPS, without: "what an app was allowed stays unread, so it counts as protected" },
  { part: "apps", needed: SWITCH_APPS, without: "no app is disabled or enabled" },
  { part: "apps", needed: CHANGE_CONSENTS, without: "what it covers of an app's consents stays where it is" },
  { part: "mail", needed: [[REMEDIATE_PERMISSION]], without: "mail is neither found nor moved" },
  { part: "mail", needed: [["MailboxSettings.ReadWrite"]], without: "inbox rules are neither read nor removed" },
  { part: "hunting", needed: [[HUNTING_PERMISSION]], without: "where else a thing was seen, and who pressed a link, stays unknown" },
];

/** Which application permissions the app registration lacks, by part, as sentences, and by name; nothing where the token does not say. */
export async function lackingParts(api: Api, signal: AbortSignal): Promise<{ lines: string[]; lacking: ReadonlySet<string> }> {
  const looked = await Promise.all(NEEDS.map(async (need) => ({ ...need, missing: (await missingOf(api, need.needed, signal)) ?? [] })));
  const short = looked.filter(({ missing }) => missing.length > 0);
  const parts = Map.groupBy(short, ({ part }) => part);
  const lines = [...parts].map(([part, needs]) => {
    const what = needs.map(({ missing, without }) => `${missing.join(" and ")} (${without})`);
    return `${part}: the app registration lacks ${what.join(", ")}`;
  });
  const told =
    lines.length > 0
      ? [
          "alerts: fine",
          ...lines,
          "add what you want under API permissions, Microsoft Graph, as application permissions, and grant consent",
        ]
      : [];
  return { lines: told, lacking: new Set(short.flatMap(({ missing }) => missing)) };
}
