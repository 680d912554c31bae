import type { Api } from "../microsoft/api.ts";
import { READ_APPS, SWITCH_APPS } from "./apps.ts";
import { CHANGE_CONSENTS } from "./apps-consents.ts";
import { HUNTING_PERMISSION } from "./hunting.ts";
import { PASSWORDS, REVOKE, SWITCH_USERS } from "./identities.ts";
import { missingOf, type Permissions } from "./identities-refusal.ts";
import { REMEDIATE_PERMISSION } from "./mail-remediate.ts";
import { READ_MAIL } from "./messages.ts";
import { READ_RISK, WRITE_RISK } from "./risk.ts";
import { READ_USERS } from "./users.ts";
import { READ_ROLES } from "./users-roles.ts";
import { READ_LOGS } from "./users-sign-ins.ts";

/** `reads`: what grants the half of it, and what is left out then. */
type Need = { part: string; needed: readonly string[]; without: string; reads?: { needed: readonly string[]; without: string } };
/** The alternatives of one permission: who has any of them has it. */
const one = (needed: Permissions, at = 0): readonly string[] => needed[at] ?? [];

/**
 * Beside the alerts, what each part of the product needs, and what does not work without it: one permission a line, so that only what the missing
 * one takes away is said. A tenant may want alerts and nothing else.
 */
const NEEDS: readonly Need[] = [
  { part: "accounts", needed: one(READ_USERS), without: "no account is looked up, so nothing is done with one" },
  { part: "accounts", needed: one(SWITCH_USERS), without: "no account is disabled or enabled" },
  { part: "accounts", needed: one(READ_ROLES), without: "roles stay unread, so every account counts as protected" },
  { part: "accounts", needed: one(READ_LOGS), without: "sign-ins and what an account changed stay unread" },
  {
    part: "accounts",
    needed: one(WRITE_RISK),
    without: "risk stays unread, and nobody is confirmed as compromised",
    reads: { needed: one(READ_RISK), without: "nobody is confirmed as compromised, and no risk is dismissed" },
  },
  { part: "accounts", needed: one(REVOKE), without: "no sessions are ended" },
  { part: "accounts", needed: one(PASSWORDS), without: "nobody is made to set a new password" },
  { part: "apps", needed: one(READ_APPS, 0), without: "no app is looked up, so nothing is done with one" },
  { part: "apps", needed: one(READ_APPS, 1), without: "what people allowed an app stays unread, so it counts as protected" },
  { part: "apps", needed: one(SWITCH_APPS), without: "no app is disabled or enabled" },
  { part: "apps", needed: one(CHANGE_CONSENTS, 0), without: "what people allowed an app is not taken back" },
  { part: "apps", needed: one(CHANGE_CONSENTS, 1), without: "what an app may do as itself is not taken back" },
  {
    part: "mail",
    needed: [REMEDIATE_PERMISSION],
    without: "mail is neither found nor moved",
    reads: { needed: [READ_MAIL], without: "mail is found, and not moved" },
  },
  {
    part: "mail",
    needed: ["MailboxSettings.ReadWrite"],
    without: "inbox rules are neither read nor removed",
    reads: { needed: ["MailboxSettings.Read"], without: "inbox rules are read, and not removed" },
  },
  { part: "hunting", needed: [HUNTING_PERMISSION], without: "where else a thing was seen, and who pressed a link, stays unknown" },
];

/** What it lacks of a need: which permission, and what that takes away; undefined: nothing, or the token does not say. */
async function lackOf(
  api: Api,
  { needed, without, reads }: Need,
  signal: AbortSignal,
): Promise<{ name: string; without: string } | undefined> {
  const [name] = (await missingOf(api, [needed], signal)) ?? [];
  if (name === undefined) return undefined;
  const half = reads && (await missingOf(api, [reads.needed], signal))?.length === 0;
  return { name, without: half ? reads.without : without };
}

/** Which application permissions the app registration lacks, by part, as sentences, and by name; nothing where the token does not say. */
export async function lackingParts(api: Api, signal: AbortSignal): Promise<{ lines: string[]; lacking: ReadonlySet<string> }> {
  const looked = await Promise.all(NEEDS.map(async (need) => ({ part: need.part, lack: await lackOf(api, need, signal) })));
  const short = looked.flatMap(({ part, lack }) => (lack ? [{ part, ...lack }] : []));
  const parts = Map.groupBy(short, ({ part }) => part);
  const lines = [...parts].map(([part, lacks]) => {
    const what = lacks.map(({ name, without }) => `${name} (${without})`);
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
  return { lines: told, lacking: new Set(short.map(({ name }) => name)) };
}
