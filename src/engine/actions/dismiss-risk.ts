import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { directoryCall, findUser, mustFindUser, needCall, riskUnread, unknownUser, userReach } from "./on-user.ts";

const state: ActionKind["state"] = async (target, capabilities, signal) => {
  const user = await findUser(target, capabilities, signal);
  if (!user) return unknownUser(target);
  if (!user.risk) return riskUnread(user);
  return user.risk.state === "atRisk" || user.risk.state === "confirmedCompromised"
    ? { kind: "notReached", text: `${user.email} counts as ${user.risk.state === "atRisk" ? "at risk" : "compromised"}.` }
    : { kind: "reached", text: `${user.email} does not count as at risk.` };
};

export const dismissRisk: ActionKind = {
  kind: "dismiss-risk",
  family: "identity",
  targets: ["user", "mailbox"],
  params: NoParams,
  permission: "IdentityRiskyUser.ReadWrite.All",
  idempotency: "Dismissing a risk that is not there changes nothing.",
  title: (target) => `Dismiss the risk of ${entityName(target)}`,
  effect: (target) => `The directory counts ${entityName(target)} as not at risk, and sign-in rules let it in again.`,
  ifNot: (target) => `${entityName(target)} stays rated as at risk, and sign-in rules that go by it stay in force.`,
  undo: { by: undefined, text: "Cannot be undone: a dismissed risk is not given back. The account can be confirmed as compromised." },
  disruptive: false,
  connector: (target, { identities }) =>
    identities?.dismissRisk
      ? { name: identities.connector }
      : {
          byHand: `Dismiss the risk of ${entityName(target)} by hand: open the risky users in your directory (Entra: Protection, Identity Protection, Risky users), select the account and choose Dismiss user risk.`,
        },
  reach: userReach,
  state,
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { identities, user } = await mustFindUser(target, capabilities, signal);
    return needCall(identities, "dismissRisk")(user.id, comment, key, signal);
  },
  ...directoryCall(state),
};
