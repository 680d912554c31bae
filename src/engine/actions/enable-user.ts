import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { directoryCall, findUser, mustFindUser, unknownUser, userReach } from "./on-user.ts";

const state: ActionKind["state"] = async (target, capabilities, signal) => {
  const user = await findUser(target, capabilities, signal);
  if (!user) return unknownUser(target);
  return user.enabled ? { kind: "reached", text: `${user.email} is enabled.` } : { kind: "notReached", text: `${user.email} is disabled.` };
};

export const enableUser: ActionKind = {
  kind: "enable-user",
  family: "identity",
  targets: ["user", "mailbox"],
  params: NoParams,
  permission: "User.EnableDisableAccount.All and User.Read.All",
  idempotency: "Enabling an enabled account changes nothing.",
  title: (target) => `Enable ${entityName(target)}`,
  effect: (target) => `${entityName(target)} can sign in again.`,
  ifNot: (target) => `${entityName(target)} stays disabled and cannot work.`,
  undo: { by: "disable-user", text: "Disable the account again." },
  disruptive: false,
  connector: (target, { identities }) =>
    identities
      ? { name: identities.connector }
      : {
          byHand: `Enable ${entityName(target)} by hand: open the account in your directory and allow sign-in (Entra: Users, the account, Edit properties, Account enabled on).`,
        },
  reach: userReach,
  state,
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { identities, user } = await mustFindUser(target, capabilities, signal);
    return identities.enable(user.id, comment, key, signal);
  },
  ...directoryCall(state),
};
