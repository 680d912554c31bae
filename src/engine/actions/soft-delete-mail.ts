import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { begun, copiesOf, mailReach, mailTitle, needMail, readable, stillText, untilMoved } from "./on-mail.ts";

export const softDeleteMail: ActionKind = {
  kind: "soft-delete-mail",
  family: "email",
  targets: ["message", "mail-cluster"],
  params: NoParams,
  permission: "SecurityAnalyzedMessage.ReadWrite.All",
  idempotency: "Only copies in an inbox or junk folder are removed; what is already there is answered as such.",
  title: (target) => `Soft-delete ${mailTitle(target)}`,
  effect: () => "It leaves the mailboxes and stays in Recoverable Items, from where it can be given back.",
  ifNot: (target) => `"${entityName(target)}" stays where people can open it.`,
  undo: { by: "restore-mail", text: "Move it back to the inbox while it is retained.", params: () => ({ from: "deleted" }) },
  disruptive: false,
  connector: (target, { mail }) =>
    mail
      ? { name: mail.connector }
      : {
          byHand: `Remove "${entityName(target)}" by hand: search for it in your mail product's explorer by subject and sender, select every copy in Inbox and Junk, and choose Soft delete.`,
        },
  reach: (target, capabilities, now, signal) => mailReach(target, readable, capabilities, now, signal),
  state: async (target, capabilities, signal) => {
    const copies = await copiesOf(target, capabilities, signal);
    if (copies.length === 0 || copies.every((copy) => copy.location === "gone")) {
      return { kind: "missing", text: "No mailbox holds it any more." };
    }
    const open = readable(copies);
    return open.length === 0
      ? { kind: "reached", text: "No copy is in an inbox or junk folder." }
      : { kind: "notReached", text: stillText(open, "in an inbox or junk folder") };
  },
  execute: async (target, capabilities, { comment, key, now }, signal) => {
    const copies = readable(await copiesOf(target, capabilities, signal));
    if (copies.length === 0) return { id: key, state: "done", text: "No copy was left to remove." };
    const ids = copies.map((copy) => copy.id);
    return begun(await needMail(capabilities).softDelete(ids, comment, key, signal), ids.length, now);
  },
  ...untilMoved(readable),
};
