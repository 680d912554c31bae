import { NoParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";
import { begun, copiesOf, inInbox, mailReach, mailTitle, needMail, stillText, untilMoved } from "./on-mail.ts";

export const moveToJunk: ActionKind = {
  kind: "move-to-junk",
  family: "email",
  targets: ["message", "mail-cluster"],
  params: NoParams,
  permission: "SecurityAnalyzedMessage.ReadWrite.All",
  idempotency: "Only copies in an inbox are moved; what is in the junk folder stays there.",
  title: (target) => `Move ${mailTitle(target)} to junk`,
  effect: () => "It leaves the inbox for the junk folder, where its readers still find it; links and pictures are off there.",
  ifNot: (target) => `"${entityName(target)}" stays in the inbox.`,
  undo: { by: "restore-mail", text: "Move it back to the inbox.", params: () => ({ from: "junk" }) },
  disruptive: false,
  connector: (target, { mail }) =>
    mail?.moveToJunk
      ? { name: mail.connector }
      : {
          byHand: `Move "${entityName(target)}" to junk by hand: search for it in your mail product's explorer by subject and sender, select every copy in Inbox, and choose Move to junk.`,
        },
  reach: (target, capabilities, now, signal) => mailReach(target, inInbox, capabilities, now, signal),
  state: async (target, capabilities, signal) => {
    const copies = await copiesOf(target, capabilities, signal);
    if (copies.length === 0 || copies.every((copy) => copy.location === "gone")) {
      return { kind: "missing", text: "No mailbox holds it any more." };
    }
    const open = inInbox(copies);
    return open.length === 0
      ? { kind: "reached", text: "No copy is in an inbox." }
      : { kind: "notReached", text: stillText(open, "in an inbox") };
  },
  execute: async (target, capabilities, { comment, key, now }, signal) => {
    const mail = needMail(capabilities);
    if (!mail.moveToJunk) throw new ConnectorError("refused", `${mail.connector} has no call that moves mail to junk; nothing was done.`);
    const ids = inInbox(await copiesOf(target, capabilities, signal)).map((copy) => copy.id);
    if (ids.length === 0) return { id: key, state: "done", text: "No copy was left to move." };
    return begun(await mail.moveToJunk(ids, comment, key, signal), ids.length, now);
  },
  ...untilMoved(inInbox),
};
