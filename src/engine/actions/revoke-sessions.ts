import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { UserFacts } from "../ports.ts";
import type { ActionKind, DesiredState } from "./action-kind.ts";
import { directoryCall, findUser, mustFindUser, unknownUser, userReach } from "./on-user.ts";

const state: ActionKind["state"] = async (target, capabilities, signal, about) => {
  const user = await findUser(target, capabilities, signal);
  if (!user) return unknownUser(target);
  if (user.sessions === 0) return { kind: "reached", text: `${user.email} has no open session.` };
  if (user.sessions === undefined) return uncounted(user, about?.since);
  return revokedSinceLastSignIn(user)
    ? { kind: "reached", text: `The sessions of ${user.email} were revoked, and nobody signed in since.` }
    : { kind: "notReached", text: `${user.email} has ${user.sessions} open ${user.sessions === 1 ? "session" : "sessions"}.` };
};

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
  state,
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { identities, user } = await mustFindUser(target, capabilities, signal);
    return identities.revokeSessions(user.id, comment, key, signal);
  },
  ...directoryCall(state),
};

/** Their clock and ours. */
const SKEW_MS = 60_000;

/** A directory that does not count sessions sets this time at the first password, too: only one from after the proposal is ours. */
function uncounted(user: UserFacts, since: Date | undefined): DesiredState {
  const revokedAt = user.sessionsRevokedAt;
  const at = revokedAt && `${revokedAt.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const ours = revokedAt !== undefined && (since === undefined || revokedAt.getTime() >= since.getTime() - SKEW_MS);
  return ours && revokedSinceLastSignIn(user)
    ? { kind: "reached", text: `Sessions of ${user.email} from before ${at} do not count any more.` }
    : { kind: "notReached", text: `${user.email} may have sessions from after ${at ?? "any time"}.` };
}

/** Directories count sessions late and say the time of revocation at once: what began before it is over. */
function revokedSinceLastSignIn(user: UserFacts): boolean {
  const revokedAt = user.sessionsRevokedAt;
  return revokedAt !== undefined && !user.signIns.some((signIn) => signIn.result === "success" && signIn.at > revokedAt);
}
