import { type Params, RestoreForwardingParams, type Saved } from "../domain/action.ts";
import { entityName } from "../domain/entity.ts";
import { ConnectorError } from "../ports.ts";
import { type ActionKind, paramsOf } from "./action-kind.ts";
import { quotedName } from "./by-hand.ts";
import { mailboxReach, rulesOf, unknownMailbox } from "./on-mailbox.ts";

/** Makes a deleted inbox rule again from what was kept of it: the only way back there is (domain 3.2). */
export const restoreForwarding: ActionKind = {
  kind: "restore-forwarding",
  family: "email",
  targets: ["mailbox", "user"],
  params: RestoreForwardingParams,
  permission: "MailboxSettings.ReadWrite",
  idempotency: "A rule that says the same is not made a second time.",
  title: (target) => `Restore the forwarding of ${entityName(target)}`,
  effect: (target) => `The deleted inbox rule of ${entityName(target)} is made again as it was, and mail is sent on again.`,
  ifNot: (target) => `Mail to ${entityName(target)} is no longer sent on by that rule.`,
  undo: { by: undefined, text: "Turn the forwarding off again: the rule has a new id by then, so that is an action of its own." },
  disruptive: false,
  connector: (target, { mail }) =>
    mail?.inboxRules && mail.createInboxRule
      ? { name: mail.connector }
      : {
          byHand: `Restore the forwarding of ${entityName(target)} by hand: make the inbox rule again as it is noted with the action (New-InboxRule -Mailbox ${quotedName(entityName(target))} in Exchange PowerShell, or the mailbox's Settings, Mail, Rules).`,
        },
  reach: mailboxReach,
  state: async (target, capabilities, signal, about) => {
    const { saved } = paramsOf(RestoreForwardingParams, about?.params);
    if (!saved) return { kind: "unreadable", text: "No rule was kept that could be made again." };
    const found = await rulesOf(target, capabilities, signal);
    if (!found) return unknownMailbox(target);
    return found.rules.some((rule) => saysTheSame(rule.saved, saved))
      ? { kind: "reached", text: `${found.address} has the rule.` }
      : { kind: "notReached", text: `${found.address} does not have the rule.` };
  },
  execute: async (target, capabilities, { comment, key, params }, signal) => {
    const saved = keptRule(params);
    const found = await rulesOf(target, capabilities, signal);
    if (!found) throw new ConnectorError("refused", `No mailbox of ${entityName(target)} is known; nothing was done.`);
    if (!found.mail.createInboxRule)
      throw new ConnectorError("refused", `${found.mail.connector} has no call that makes an inbox rule; nothing was done.`);
    if (found.rules.some((rule) => saysTheSame(rule.saved, saved))) return { id: key, state: "done", text: "The rule was there already." };
    return found.mail.createInboxRule(found.address, saved, comment, key, signal);
  },
  follow: async (ticket) => ({ id: ticket, state: "done" }),
};

function keptRule(params: Params | undefined): Saved {
  const { saved } = paramsOf(RestoreForwardingParams, params);
  if (saved) return saved;
  throw new ConnectorError("refused", "params.saved: no rule was kept that could be made again; nothing was done.");
}

/** Everything but the id and its place among the rules, which a product gives anew; the order of fields says nothing. */
function saysTheSame(a: Saved, b: Saved): boolean {
  return flat({ ...a, id: null, sequence: null }) === flat({ ...b, id: null, sequence: null });
}
const flat = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
