import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { keyReach, keyState, mustFindKey } from "./on-access-key.ts";

export const enableAccessKey: ActionKind = {
  kind: "enable-access-key",
  family: "app",
  targets: ["access-key"],
  params: NoParams,
  permission: "iam:UpdateAccessKey and iam:ListAccessKeys",
  idempotency: "Setting an active key to active changes nothing.",
  title: (target) => `Activate the access key ${entityName(target)}`,
  effect: (target) => `Calls signed with ${entityName(target)} are accepted again, whoever makes them.`,
  ifNot: (target) => `${entityName(target)} stays inactive, and programs that use it fail.`,
  undo: { by: "disable-access-key", text: "Deactivate the key again." },
  disruptive: false,
  connector: (target, { accessKeys }) =>
    accessKeys
      ? { name: accessKeys.connector }
      : {
          byHand: `Activate ${entityName(target)} by hand: set it to Active in your cloud account (AWS: IAM, Users, Security credentials; or aws iam update-access-key --access-key-id <id> --status Active --user-name <owner>). A key that leaked is better replaced.`,
        },
  reach: keyReach,
  state: (target, capabilities, signal) => keyState(target, true, capabilities, signal),
  execute: async (target, capabilities, { comment, key }, signal) => {
    const { keys, accessKey } = await mustFindKey(target, capabilities, signal);
    return keys.enable(accessKey.id, comment, key, signal);
  },
  follow: async (ticket) => ({ id: ticket, state: "done" }),
};
