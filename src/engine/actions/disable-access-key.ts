import { isTemporaryKey } from "../domain/access-key.ts";
import { NoParams } from "../domain/action.ts";
import { type Entity, entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { keyReach, keyState, mustFindKey } from "./on-access-key.ts";

export const disableAccessKey: ActionKind = {
  kind: "disable-access-key",
  family: "app",
  targets: ["access-key"],
  params: NoParams,
  permission: "iam:UpdateAccessKey and iam:ListAccessKeys",
  idempotency: "Setting an inactive key to inactive changes nothing.",
  title: (target) => `Deactivate the access key ${entityName(target)}`,
  effect: (target) => `Every call signed with ${entityName(target)} is refused; sessions already made from it last until they expire.`,
  ifNot: (target) => `Whoever holds ${entityName(target)} can go on using it.`,
  undo: { by: "enable-access-key", text: "Activate the key again: it is kept, not deleted." },
  disruptive: true,
  connector: (target, { accessKeys }) => {
    if (isTemporary(target)) {
      return {
        byHand: `${entityName(target)} is a temporary key, which cannot be switched off: revoke the sessions of the role or user it was made for (AWS: IAM, Roles, the role, Revoke sessions; for a user, deny what is older by aws:TokenIssueTime), and switch off the long-lived key it was made with.`,
      };
    }
    return accessKeys
      ? { name: accessKeys.connector }
      : {
          byHand: `Deactivate ${entityName(target)} by hand: find whose it is in your cloud account, and set it to Inactive, not deleted (AWS: IAM, Users, Security credentials; or aws iam update-access-key --access-key-id <id> --status Inactive --user-name <owner>). Revoke sessions made from it too.`,
        };
  },
  reach: keyReach,
  state: (target, capabilities, signal) => keyState(target, false, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { keys, accessKey } = await mustFindKey(target, capabilities, signal);
    return keys.disable(accessKey.id, comment, key, signal);
  },
  // The cloud answers at once and its other regions follow in seconds; the state is read again afterwards.
  follow: async (ticket) => ({ id: ticket, state: "done" }),
};

const isTemporary = (target: Entity) => target.kind === "access-key" && isTemporaryKey(target);
