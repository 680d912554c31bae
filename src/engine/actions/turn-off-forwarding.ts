import { ForwardingParams } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { ConnectorError } from "../ports.ts";
import { type ActionKind, paramsOf } from "./action-kind.ts";
import { quotedName } from "./by-hand.ts";
import { mailboxReach, rulesOf, unknownMailbox } from "./on-mailbox.ts";

/**
 * Deletes one inbox rule that sends mail on. Forwarding set on the mailbox itself has no public call outside Exchange's cmdlets
 * (domain 3.2): that a person turns off.
 */
export const turnOffForwarding: ActionKind = {
  kind: "turn-off-forwarding",
  family: "email",
  targets: ["mailbox", "user"],
  params: ForwardingParams,
  permission: "MailboxSettings.ReadWrite",
  idempotency: "The rule is named by its id: once it is gone a second call finds nothing to delete.",
  title: (target) => `Turn off the forwarding of ${entityName(target)}`,
  effect: (target) => `The inbox rule that sends mail of ${entityName(target)} on is deleted; air keeps a copy of it.`,
  ifNot: (target) => `Mail to ${entityName(target)} goes on being sent elsewhere, whatever its owner does with the password.`,
  undo: { by: "restore-forwarding", text: "Make the deleted rule again as it was.", params: (_params, saved) => (saved ? { saved } : {}) },
  disruptive: false,
  connector: (target, { mail }, params) => {
    const { rule } = paramsOf(ForwardingParams, params);
    const name = entityName(target);
    const mailbox = quotedName(name);
    if (rule !== undefined && mail?.inboxRules && mail.deleteInboxRule) return { name: mail.connector };
    return {
      byHand:
        rule === undefined
          ? `Turn off the forwarding of ${name} by hand: note where it leads, then run Set-Mailbox -Identity ${mailbox} -ForwardingSmtpAddress $null -ForwardingAddress $null -DeliverToMailboxAndForward $false in Exchange PowerShell, and delete inbox rules that forward (Get-InboxRule -Mailbox ${mailbox}, Remove-InboxRule).`
          : `Delete the inbox rule by hand: note what it says, then run Remove-InboxRule -Mailbox ${mailbox} -Identity ${quotedName(rule)} in Exchange PowerShell, or delete it in the mailbox under Settings, Mail, Rules.`,
    };
  },
  reach: mailboxReach,
  state: async (target, capabilities, signal, about) => {
    const { rule } = paramsOf(ForwardingParams, about?.params);
    if (rule === undefined) return { kind: "unreadable", text: "Which rule is meant is not said." };
    const found = await rulesOf(target, capabilities, signal);
    if (!found) return unknownMailbox(target);
    const there = found.rules.find(({ id }) => id === rule);
    if (!there) return { kind: "reached", text: `${found.address} has no such inbox rule.` };
    const to = there.forwardsTo ? ` and sends mail on to ${there.forwardsTo}` : "";
    return { kind: "notReached", text: `The rule "${there.name}" of ${found.address} is there${to}.`, saved: there.saved };
  },
  execute: async (target, capabilities, { comment, key, params }, signal) => {
    const { rule } = paramsOf(ForwardingParams, params);
    if (rule === undefined) throw new ConnectorError("refused", "params.rule: which inbox rule is not said; nothing was done.");
    const found = await rulesOf(target, capabilities, signal);
    if (!found) throw new ConnectorError("refused", `No mailbox of ${entityName(target)} is known; nothing was done.`);
    if (!found.mail.deleteInboxRule)
      throw new ConnectorError("refused", `${found.mail.connector} has no call that deletes an inbox rule; nothing was done.`);
    if (!found.rules.some(({ id }) => id === rule)) return { id: key, state: "done", text: "The rule was gone already." };
    return found.mail.deleteInboxRule(found.address, rule, comment, key, signal);
  },
  follow: async (ticket) => ({ id: ticket, state: "done" }),
};
