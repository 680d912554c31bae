import type { Air } from "../engine/air.ts";
import type { Person } from "../engine/domain/approval.ts";
import { type Erased, erasePerson } from "../engine/erase-person.ts";
import type { Store } from "../engine/store.ts";
import type { Config } from "./config.ts";
import { readSecret, signer } from "./secret.ts";

/* `air erase person`: in the running air for whoever is its admin, and without one for whoever holds the database. */

/** Where in air.yaml a person still stands; undefined: nowhere, so nothing writes their name again. */
function stillConfigured(config: Config, ids: readonly string[]): string | undefined {
  const mine = new Set(ids.map((id) => id.toLowerCase()));
  const is = (text: string | undefined) => text !== undefined && mine.has(text.toLowerCase());
  const { people, roles, onCall, tokens, policy } = config;
  if (people.some(({ email, slack, teams }) => is(email) || is(slack) || is(teams))) return "people";
  const approvers = Object.values(roles.approver).flatMap((entries) =>
    entries.map((entry) => (typeof entry === "string" ? entry : entry.who)),
  );
  if ([...roles.admin, ...roles.responder, ...roles.viewer, ...approvers].some(is)) return "roles";
  if ([...onCall.chain, ...onCall.layers.flatMap((layer) => layer.people)].some(is)) return "onCall";
  if (tokens.some(({ person }) => is(person))) return "tokens";
  return policy.alertPolicies.some(({ owner }) => is(owner)) ? "alertPolicies" : undefined;
}

export const eraseFor = (air: Air, config: Config, by: Person, asked: { email: string; dryRun: boolean }): Promise<Erased> =>
  erasePerson(air, by, asked, (ids) => stillConfigured(config, ids));

/** Whoever can write into the database may do everything already. */
export function eraseIn(store: Store, config: Config, asked: { email: string; dryRun: boolean }): Promise<Erased> {
  const by: Person = {
    key: "air erase",
    name: "air erase",
    via: "cli",
    identities: [],
    machine: true,
    roles: { viewer: true, responder: true, admin: true, approves: [] },
  };
  const air = { store, clock: { now: () => new Date() }, sign: signer(readSecret(config.secret, config.dataDir)) };
  return erasePerson(air, by, asked, (ids) => stillConfigured(config, ids));
}

/** What came of it, or would. */
export function erasedLines(erased: Erased, dryRun: boolean): string[] {
  const rows = Object.entries(erased.rows);
  const did = dryRun ? "would be replaced" : "was replaced";
  return [
    `The person, known by ${erased.accounts === 0 ? "the address alone" : `the address and ${erased.accounts} other account${erased.accounts === 1 ? "" : "s"}`}, ${did} by ${erased.pseudonym}.`,
    rows.length === 0 ? "No row names them." : `Rows: ${rows.map(([table, number]) => `${table} ${number}`).join(", ")}.`,
    erased.auditLines === 0
      ? "No line of the audit names them."
      : `Lines of the audit: ${erased.auditLines}. ${dryRun ? "An export made afterwards still verifies." : "An export made from now on verifies and says which lines they are; one made before still names the person."}`,
    ...(erased.shared.length > 0
      ? [`Their name is borne by others too (${erased.shared.join(", ")}), so in running text it stays: nobody could tell whose it is.`]
      : []),
    "What stays: alerts and evidence that are about this person, until their incident is older than it is kept for (retention in air.yaml), messages that were posted in a chat, exports and backups that were made, and logs.",
  ];
}
