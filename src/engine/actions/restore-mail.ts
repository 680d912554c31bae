import { entityName } from "../domain/entity.ts";
import type { ActionKind } from "./action-kind.ts";
import { copiesOf, deleted, mailReach, needMail } from "./on-mail.ts";

export const restoreMail: ActionKind = {
  kind: "restore-mail",
  family: "email",
  targets: ["message", "mail-cluster"],
  title: (target) => `Restore "${entityName(target)}"${target.kind === "message" && target.recipient ? ` of ${target.recipient}` : ""}`,
  effect: () => "It goes back to the inbox of everybody it was removed from.",
  ifNot: (target) => `"${entityName(target)}" stays removed.`,
  undo: { by: "soft-delete-mail", text: "Soft-delete it again." },
  disruptive: false,
  connector: (target, { mail }) =>
    mail
      ? { name: mail.connector }
      : {
          byHand: `Give "${entityName(target)}" back by hand: search for it in your mail product's explorer, select the deleted copies and choose Move to inbox, or let its readers recover it from Recoverable Items.`,
        },
  reach: (target, capabilities, now, signal) => mailReach(target, deleted, capabilities, now, signal),
  state: async (target, capabilities, signal) => {
    const copies = await copiesOf(target, capabilities, signal);
    if (copies.length === 0 || copies.every((copy) => copy.location === "gone")) {
      return { kind: "missing", text: "No mailbox holds it any more, and it can no longer be recovered." };
    }
    const away = deleted(copies).length;
    return away === 0
      ? { kind: "reached", text: "No copy is among the deleted items." }
      : { kind: "notReached", text: `${away} ${away === 1 ? "copy is" : "copies are"} deleted and can be recovered.` };
  },
  execute: async (target, capabilities, { comment, key }, signal) => {
    const copies = deleted(await copiesOf(target, capabilities, signal));
    if (copies.length === 0) return { id: key, state: "done", text: "No copy was left to restore." };
    return needMail(capabilities).restore(
      copies.map((copy) => copy.id),
      comment,
      key,
      signal,
    );
  },
  follow: async (ticket) => ({ id: ticket, state: "done" }),
};
