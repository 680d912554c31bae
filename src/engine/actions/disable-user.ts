import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { directoryCall, findUser, mustFindUser, unknownUser, userReach } from "./on-user.ts";

const state: ActionKind["state"] = async (target, capabilities, signal) => {
  const user = await findUser(target, capabilities, signal);
  if (!user) return unknownUser(target);
  return user.enabled ? { kind: "notReached", text: `${user.email} is enabled.` } : { kind: "reached", text: `${user.email} is disabled.` };
};

export const disableUser: ActionKind = {
  kind: "disable-user",
  family: "identity",
  targets: ["user", "mailbox"],
  params: NoParams,
  permission: "User.EnableDisableAccount.All and User.Read.All",
  idempotency: "Disabling a disabled account changes nothing.",
  title: (target) => `Disable ${entityName(target)}`,
  effect: (target) => `${entityName(target)} can no longer sign in anywhere; sessions that are open end when their tokens do.`,
  ifNot: (target) => `${entityName(target)} can go on signing in, and so can whoever holds the password.`,
  undo: { by: "enable-user", text: "Enable the account again." },
  disruptive: true,
  connector: (target, { identities }) =>
    identities
      ? { name: identities.connector }
      : {
          byHand: `Disable ${entityName(target)} by hand: open the account in your directory and block sign-in (Entra: Users, the account, Edit properties, Account enabled off).`,
        },
  reach: userReach,
  state,
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { identities, user } = await mustFindUser(target, capabilities, signal);
    return identities.disable(user.id, comment, key, signal);
  },
  ...directoryCall(state),
};
