import { DelegationParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { paramsOf } from "./action-kind.ts";
import { handwork, quotedName } from "./by-hand.ts";

export const removeDelegation = handwork({
  kind: "remove-delegation",
  family: "email",
  targets: ["mailbox", "user"],
  params: DelegationParams,
  permission: "Exchange.ManageAsApp",
  idempotency: "A right that was taken away cannot be taken away again.",
  title: (target, params) => {
    const { delegate } = DelegationParams.safeParse(params ?? {}).data ?? {};
    return delegate ? `Take the mailbox of ${entityName(target)} away from ${delegate}` : `Remove the delegates of ${entityName(target)}`;
  },
  effect: (target) => `Whom the mailbox of ${entityName(target)} was opened to can no longer read it or send in its name.`,
  ifNot: (target) => `Whoever was let into the mailbox of ${entityName(target)} goes on reading it; a new password changes nothing.`,
  undo: { by: undefined, text: "Cannot be undone from here: give the right again as it was noted." },
  disruptive: false,
  steps: (target, params) => {
    const mailbox = quotedName(entityName(target));
    const { delegate } = paramsOf(DelegationParams, params);
    const who = delegate ? quotedName(delegate) : "<delegate>";
    return `Remove the delegation by hand in Exchange PowerShell: note who has access with Get-MailboxPermission ${mailbox} and Get-RecipientPermission ${mailbox}, then run Remove-MailboxPermission ${mailbox} -User ${who} -AccessRights FullAccess and Remove-RecipientPermission ${mailbox} -Trustee ${who} -AccessRights SendAs; for a folder, Remove-MailboxFolderPermission.`;
  },
});
