import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { UserFacts } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";
import { findUser, mustFindUser, unknownUser, userReach } from "./on-user.ts";

export const revokeSessions: ActionKind = {
  kind: "revoke-sessions",
  family: "identity",
  targets: ["user", "mailbox"],
  params: NoParams,
  permission: "User.RevokeSessions.All",
  idempotency: "A second call only moves the time before which sessions count as over.",
  title: (target) => `Revoke the sessions of ${entityName(target)}`,
  effect: (target) =>
    `${entityName(target)} has to sign in again everywhere; it takes minutes, and access already granted lasts up to an hour.`,
  ifNot: (target) => `Whoever holds a session of ${entityName(target)} keeps it.`,
  undo: { by: undefined, text: "Sessions cannot be given back; people sign in again." },
  disruptive: true,
  connector: (target, { identities }) =>
    identities
      ? { name: identities.connector }
      : {
          byHand: `Revoke the sessions of ${entityName(target)} by hand: open the account in your directory and choose Revoke sessions (Entra: Users, the account, Revoke sessions).`,
        },
  reach: userReach,
  state: async (target, capabilities, signal) => {
    const user = await findUser(target, capabilities, signal);
    if (!user) return unknownUser(target);
    if (user.sessions === 0) return { kind: "reached", text: `${user.email} has no open session.` };
    return revokedSinceLastSignIn(user)
      ? { kind: "reached", text: `The sessions of ${user.email} were revoked, and nobody signed in since.` }
      : { kind: "notReached", text: `${user.email} has ${user.sessions} open ${user.sessions === 1 ? "session" : "sessions"}.` };
  },
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { identities, user } = await mustFindUser(target, capabilities, signal);
    return identities.revokeSessions(user.id, comment, key, signal);
  },
  follow: async (ticket) => ({ id: ticket, state: "done" }),
};

/** Directories count sessions late and say the time of revocation at once: what began before it is over. */
function revokedSinceLastSignIn(user: UserFacts): boolean {
  const revokedAt = user.sessionsRevokedAt;
  return revokedAt !== undefined && !user.signIns.some((signIn) => signIn.result === "success" && signIn.at > revokedAt);
}
