import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";
import { begun, copiesOf, mailReach, mailTitle, needMail, remaining, stillText, untilMoved } from "./on-mail.ts";

export const hardDeleteMail: ActionKind = {
  kind: "hard-delete-mail",
  family: "email",
  targets: ["message", "mail-cluster"],
  params: NoParams,
  permission: "SecurityAnalyzedMessage.ReadWrite.All",
  idempotency: "Only copies that are still somewhere are deleted; what is gone cannot be deleted twice.",
  title: (target) => `Delete ${mailTitle(target)} for good`,
  effect: () => "It leaves the mailboxes, the deleted items and Recoverable Items: nobody can bring it back or examine it any more.",
  ifNot: (target) => `"${entityName(target)}" stays where it is.`,
  undo: {
    by: undefined,
    text: "Cannot be undone: mail that was deleted for good is in no mailbox any more. Soft-delete can be taken back.",
  },
  disruptive: true,
  connector: (target, { mail }) =>
    mail?.hardDelete
      ? { name: mail.connector }
      : {
          byHand: `Delete "${entityName(target)}" for good by hand: search for it in your mail product's explorer by subject and sender, select every copy, and choose Hard delete. Keep one copy as evidence first.`,
        },
  reach: (target, capabilities, now, signal) => mailReach(target, remaining, capabilities, now, signal),
  state: async (target, capabilities, signal) => {
    const copies = await copiesOf(target, capabilities, signal);
    if (copies.length === 0) return { kind: "missing", text: "The mail product knows no copy of it." };
    const left = remaining(copies);
    return left.length === 0
      ? { kind: "reached", text: "No mailbox holds a copy any more." }
      : { kind: "notReached", text: stillText(left, "in a mailbox or can be recovered") };
  },
  execute: async (target, capabilities, { comment, key, now }, signal) => {
    const mail = needMail(capabilities);
    if (!mail.hardDelete)
      throw new ConnectorError("refused", `${mail.connector} has no call that deletes mail for good; nothing was done.`);
    const ids = remaining(await copiesOf(target, capabilities, signal)).map((copy) => copy.id);
    if (ids.length === 0) return { id: key, state: "done", text: "No copy was left to delete." };
    return begun(await mail.hardDelete(ids, comment, key, signal), ids.length, now);
  },
  ...untilMoved(remaining),
};
