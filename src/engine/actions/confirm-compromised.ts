import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { directoryCall, findUser, mustFindUser, needCall, riskUnread, unknownUser, userReach } from "./on-user.ts";

const state: ActionKind["state"] = async (target, capabilities, signal) => {
  const user = await findUser(target, capabilities, signal);
  if (!user) return unknownUser(target);
  if (!user.risk) return riskUnread(user);
  return user.risk.state === "confirmedCompromised"
    ? { kind: "reached", text: `${user.email} is confirmed as compromised.` }
    : { kind: "notReached", text: `${user.email} is not confirmed as compromised.` };
};

export const confirmCompromised: ActionKind = {
  kind: "confirm-compromised",
  family: "identity",
  targets: ["user", "mailbox"],
  params: NoParams,
  permission: "IdentityRiskyUser.ReadWrite.All",
  idempotency: "Confirming a confirmed account changes nothing.",
  title: (target) => `Confirm ${entityName(target)} as compromised`,
  effect: (target) =>
    `The directory rates ${entityName(target)} as high risk: sign-in rules that go by risk now block it or ask for a new password.`,
  ifNot: (target) => `Sign-in rules that go by risk treat ${entityName(target)} as before.`,
  undo: { by: "dismiss-risk", text: "Dismiss the risk: the account then counts as not at risk, also for what was seen before." },
  disruptive: true,
  connector: (target, { identities }) =>
    identities?.confirmCompromised
      ? { name: identities.connector }
      : {
          byHand: `Confirm ${entityName(target)} by hand: open the risky users in your directory (Entra: Protection, Identity Protection, Risky users), select the account and choose Confirm user compromised.`,
        },
  reach: userReach,
  state,
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { identities, user } = await mustFindUser(target, capabilities, signal);
    return needCall(identities, "confirmCompromised")(user.id, comment, key, signal);
  },
  ...directoryCall(state),
};
