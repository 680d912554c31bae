import type { BlastRadius } from "../domain/action.ts";
import type { Entity } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { DesiredState } from "./action-kind.ts";
import { needMail } from "./on-mail.ts";

/** What the actions on how a mailbox is set up have in common; an account stands for the mailbox it owns. */
async function addressOf(target: Entity, { identities }: Capabilities, signal: AbortSignal): Promise<string> {
  if (target.kind === "mailbox") return target.address;
  if (target.kind !== "user")
    throw new ConnectorError("refused", `This can only be done to a mailbox, not to a ${target.kind}; nothing was done.`);
  // A source may know the person only by another name; the directory knows the address.
  const address = target.email ?? (await identities?.find(target, signal))?.email;
  if (address) return address;
  throw new ConnectorError("refused", `No mail address of ${entityName(target)} is known; nothing was done.`);
}

/** The inbox rules of a mailbox, where the mail product tells of them; undefined: it knows no such mailbox. */
export async function rulesOf(target: Entity, capabilities: Capabilities, signal: AbortSignal) {
  const mail = needMail(capabilities);
  if (!mail.inboxRules) throw new ConnectorError("refused", `${mail.connector} has no call that reads inbox rules; nothing was done.`);
  const address = await addressOf(target, capabilities, signal);
  const rules = await mail.inboxRules(address, signal);
  return rules && { mail, address, rules };
}

export const unknownMailbox = (target: Entity): DesiredState => ({
  kind: "missing",
  text: `The mail product knows no mailbox of ${entityName(target)}.`,
});

export async function mailboxReach(target: Entity, capabilities: Capabilities, now: Date, signal: AbortSignal): Promise<BlastRadius> {
  const found = await rulesOf(target, capabilities, signal);
  const radius: BlastRadius = { count: 1, unit: "user", facts: [], protectedHits: [], readAt: now.toISOString() };
  if (!found) return { ...radius, facts: ["the mail product knows no such mailbox"] };
  const { rules } = found;
  const forwarding = rules.filter(({ forwardsTo }) => forwardsTo);
  return {
    ...radius,
    facts: [
      `the mailbox ${found.address} has ${rules.length} inbox ${rules.length === 1 ? "rule" : "rules"}, ${forwarding.length} of them send mail on`,
      ...forwarding.slice(0, 5).map(({ name, forwardsTo }) => `"${name}" sends mail on to ${forwardsTo}`),
    ],
  };
}
