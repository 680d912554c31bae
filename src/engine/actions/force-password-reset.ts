import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { directoryCall, findUser, mustFindUser, needCall, unknownUser, userReach } from "./on-user.ts";

const state: ActionKind["state"] = async (target, capabilities, signal, about) => {
  const user = await findUser(target, capabilities, signal);
  if (!user) return unknownUser(target);
  if (about?.since && user.passwordChangedAt && user.passwordChangedAt >= about.since)
    return { kind: "reached", text: `${user.email} has set a new password.` };
  if (user.mustChangePassword === undefined)
    return { kind: "unreadable", text: `The directory does not say whether ${user.email} has to set a new password.` };
  return user.mustChangePassword
    ? { kind: "reached", text: `${user.email} has to set a new password at the next sign-in.` }
    : { kind: "notReached", text: `${user.email} may keep the password.` };
};

export const forcePasswordReset: ActionKind = {
  kind: "force-password-reset",
  family: "identity",
  targets: ["user", "mailbox"],
  params: NoParams,
  permission: "User-PasswordProfile.ReadWrite.All",
  idempotency:
    "An account that has to change its password still has to after a second call; a password changed since the proposal counts as done.",
  title: (target) => `Make ${entityName(target)} set a new password`,
  effect: (target) =>
    `${entityName(target)} has to set a new password at the next sign-in. Whoever signs in first with the old one sets it, so revoke sessions and ask for a second factor too.`,
  ifNot: (target) => `The password of ${entityName(target)} stays valid for whoever knows it.`,
  undo: { by: undefined, text: "Cannot be undone: once a new password is set, the old one is gone." },
  disruptive: true,
  connector: (target, { identities }) =>
    identities?.forcePasswordReset
      ? { name: identities.connector }
      : {
          byHand: `Reset the password of ${entityName(target)} by hand: open the account in your directory (Entra: Users, the account, Reset password; Active Directory: Reset password, user must change password at next logon), and give the new one to its owner in person or by phone.`,
        },
  reach: userReach,
  state,
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { identities, user } = await mustFindUser(target, capabilities, signal);
    return needCall(identities, "forcePasswordReset")(user.id, comment, key, signal);
  },
  ...directoryCall(state),
};
