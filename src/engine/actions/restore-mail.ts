import { type Params, RestoreMailParams } from "../domain/action.ts";
import { type Entity, entityName } from "../domain/entity.ts";
import type { MessageFacts } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";
import { paramsOf } from "./action-kind.ts";
import { quotedName } from "./by-hand.ts";
import { begun, copiesOf, mailReach, mailTitle, needMail, removed, stillText, untilMoved } from "./on-mail.ts";

export const restoreMail: ActionKind = {
  kind: "restore-mail",
  family: "email",
  targets: ["message", "mail-cluster"],
  params: RestoreMailParams,
  permission: "SecurityAnalyzedMessage.ReadWrite.All",
  idempotency: "Only copies that are deleted or in junk are moved; what is in the inbox stays there.",
  title: (target) => `Restore ${mailTitle(target)}`,
  effect: () => "It goes back to the inbox of everybody it was taken from.",
  ifNot: (target) => `"${entityName(target)}" stays removed.`,
  undo: { by: "soft-delete-mail", text: "Soft-delete it again." },
  disruptive: false,
  connector: (target, { mail }) =>
    mail
      ? { name: mail.connector }
      : {
          byHand: `Give "${entityName(target)}" back by hand: search for it in your mail product's explorer, select the deleted copies and choose Move to inbox, or let its readers recover it from Recoverable Items. What lies in quarantine is released in Exchange PowerShell: find it with Get-QuarantineMessage${quarantined(target)}, then run Release-QuarantineMessage -Identity <its Identity> -ReleaseToAll.`,
        },
  reach: (target, capabilities, now, signal, params) => mailReach(target, (copies) => away(copies, params), capabilities, now, signal),
  state: async (target, capabilities, signal, about) => {
    const copies = await copiesOf(target, capabilities, signal);
    if (copies.length === 0 || copies.every((copy) => copy.location === "gone")) {
      return { kind: "missing", text: "No mailbox holds it any more, and it can no longer be recovered." };
    }
    const left = away(copies, about?.params);
    return left.length === 0
      ? { kind: "reached", text: "No copy is among the deleted items or in a junk folder." }
      : { kind: "notReached", text: stillText(left, "removed and can be brought back") };
  },
  execute: async (target, capabilities, { comment, key, now, params }, signal) => {
    const copies = away(await copiesOf(target, capabilities, signal), params);
    if (copies.length === 0) return { id: key, state: "done", text: "No copy was left to restore." };
    const ids = copies.map((copy) => copy.id);
    return begun(await needMail(capabilities).restore(ids, comment, key, signal), ids.length, now);
  },
  ...untilMoved((copies, params) => away(copies, params)),
};

/** By what the quarantine's list is narrowed, in quotes that nothing a stranger wrote gets out of. */
const quarantined = (target: Entity): string => {
  if (target.kind !== "message") return "";
  if (target.internetMessageId) return ` -MessageId ${quotedName(target.internetMessageId)}`;
  return target.sender ? ` -SenderAddress ${quotedName(target.sender)}` : "";
};

/** Told from where, only what lies there: a copy the mail product itself judged to be junk is not given back with what air deleted. */
const away = (copies: readonly MessageFacts[], params: Params | undefined) => removed(copies, paramsOf(RestoreMailParams, params).from);
