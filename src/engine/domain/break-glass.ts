import type { ActionKindName, ActionState } from "./action.ts";
import { type Person, type Remembered, sameHuman } from "./approval.ts";

/*
 * Breaking the glass (product contract 6): where two have to agree and nobody else answers, one person may contain a threat alone. Only what
 * contains and can be taken back, only after the wait, never by a machine, and somebody else looks at it afterwards.
 */

/** This long the second person has. */
const SECOND_HAS_MS = 15 * 60_000;
/** What one person did alone ends by itself after this, unless a second one confirms it. */
export const ALONE_LASTS_MS = 4 * 3_600_000;

/** "Isolate, disable, revoke": it contains a threat, and it is given back; sessions are not, people sign in again. */
const CONTAINS: ReadonlySet<ActionKindName> = new Set([
  "isolate-device",
  "disable-user",
  "disable-app",
  "remove-app-consent",
  "disable-access-key",
  "revoke-sessions",
]);

export type GlassFacts = {
  kind: ActionKindName;
  state: ActionState;
  approvalsNeeded: number;
  undoable: boolean;
  undoes: number | null;
  byHand: string | null;
  expiresAt: Date;
  requestedBy: Remembered | null;
};
/** Approvals of the version that is shown. */
export type GivenApproval = { person: string; also?: readonly string[]; at: Date };

/** May the glass be broken on this action at all, by anybody, now? `from`: from then on. */
export type Glass = { open: true } | { open: false; why: string; from?: Date };

export function glassOf(action: GlassFacts, given: readonly GivenApproval[], now: Date): Glass {
  if (action.state !== "pending" || now >= action.expiresAt) return { open: false, why: "it waits for no decision" };
  if (action.approvalsNeeded < 2) return { open: false, why: "one person decides it: approve it" };
  if (!mayBeAlone(action)) return { open: false, why: "only what contains a threat and can be taken back may be done by one person alone" };
  const first = Math.min(...given.map((one) => one.at.getTime()));
  if (given.length === 0) return { open: false, why: "nobody approved it yet: approve it first, then a second person has 15 minutes" };
  const from = new Date(first + SECOND_HAS_MS);
  if (now < from) return { open: false, why: `the second person still has time until ${from.toISOString().slice(11, 16)} UTC`, from };
  return { open: true };
}

const mayBeAlone = (action: GlassFacts): boolean =>
  CONTAINS.has(action.kind) && action.undoes === null && action.byHand === null && (action.undoable || action.kind === "revoke-sessions");

/** When a card begins to offer it: the second person's time after the first approval; undefined: never. */
export const glassOpensAt = (action: GlassFacts, first: Date): Date | undefined =>
  action.approvalsNeeded > 1 && mayBeAlone(action) ? new Date(first.getTime() + SECOND_HAS_MS) : undefined;

/** May this person break it? Undefined: yes. Whoever could be the second approver approves instead. */
export function notTheBreaker(
  person: Pick<Person, "key" | "identities" | "machine">,
  action: Pick<GlassFacts, "requestedBy">,
  given: readonly GivenApproval[],
): string | undefined {
  if (person.machine) return "A token never breaks the glass: a person has to.";
  if (action.requestedBy && sameHuman(action.requestedBy, person)) return "You asked for it: somebody else has to decide.";
  if (!given.some((one) => sameHuman({ key: one.person, ...(one.also ? { also: one.also } : {}) }, person)))
    return "You are the second person: approve it, nothing has to be broken.";
  return undefined;
}

/** May this person confirm what another one did alone? Undefined: yes. */
export function notTheSecond(
  person: Pick<Person, "key" | "identities" | "machine">,
  action: { breakGlass: Remembered | null; requestedBy: Remembered | null },
): string | undefined {
  if (person.machine) return "A token is no second person: a person has to.";
  if (action.breakGlass && sameHuman(action.breakGlass, person)) return "You did it alone: a second person has to confirm it.";
  if (action.requestedBy && sameHuman(action.requestedBy, person)) return "You asked for it: somebody else has to confirm it.";
  return undefined;
}
