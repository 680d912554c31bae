import { NoParams } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import { handwork, quotedName } from "./by-hand.ts";

/** The tenant's own block list has no call in Graph v1.0: Exchange PowerShell only (domain 3.2). */
export const blockSender = handwork({
  kind: "block-sender",
  family: "email",
  targets: ["message", "mailbox", "domain"],
  params: NoParams,
  permission: "Exchange.ManageAsApp",
  idempotency: "A sender is on the list once; entering it again is refused by the list and changes nothing.",
  title: (target) => `Block mail from ${senderOf(target)}`,
  effect: (target) => `Mail from ${senderOf(target)} counts as phishing for 30 days, and nobody here can write to it.`,
  ifNot: (target) => `Mail from ${senderOf(target)} is delivered as before.`,
  undo: { by: undefined, text: "Cannot be undone from here: take it off the tenant's block list." },
  disruptive: false,
  steps: (target) => {
    if (target.kind === "message" && !target.sender)
      return "Block the sender by hand: the alert does not say who sent the message. Read the address in your mail product's explorer, then add it under Tenant Allow/Block Lists, Domains & addresses, Block, with 30 days to expiry.";
    return `Block the sender by hand, in Exchange PowerShell: New-TenantAllowBlockListItems -ListType Sender -Block -Entries ${quotedName(senderOf(target))} -ExpirationDate (Get-Date).AddDays(30), or in the portal under Tenant Allow/Block Lists, Domains & addresses. Not for an address of your own or of a partner whose account was taken: everybody's mail to it would fail too.`;
  },
});

const senderOf = (target: Entity) =>
  target.kind === "message" ? (target.sender ?? `the sender of "${entityName(target)}"`) : entityName(target);
