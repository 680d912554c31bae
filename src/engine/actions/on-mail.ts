import type { BlastRadius } from "../domain/action.ts";
import type { Entity, EntityOf } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import type { Capabilities, MailCapability, MessageFacts } from "../ports.ts";
import { ConnectorError } from "../ports.ts";

/** What the actions on mail have in common: which copies are meant, and where they lie. */
export function needMail(capabilities: Capabilities): MailCapability {
  if (capabilities.mail) return capabilities.mail;
  throw new ConnectorError("refused", "No product that acts on mail is connected; nothing was done.");
}

function mailOf(target: Entity): EntityOf<"message"> | EntityOf<"mail-cluster"> {
  if (target.kind === "message" || target.kind === "mail-cluster") return target;
  throw new ConnectorError("refused", `This can only be done to mail, not to a ${target.kind}; nothing was done.`);
}

export const copiesOf = (target: Entity, capabilities: Capabilities, signal: AbortSignal): Promise<MessageFacts[]> =>
  needMail(capabilities).find(mailOf(target), signal);

/** Where a reader still meets it; only these are removed (domain 6.4). */
export const readable = (copies: readonly MessageFacts[]) => copies.filter((copy) => copy.location === "inbox" || copy.location === "junk");
/** Where air or a person put it away, and from where it can be brought back. */
export const removed = (copies: readonly MessageFacts[], from?: "deleted" | "junk") =>
  copies.filter(({ location }) => (from === undefined ? location === "deleted" || location === "junk" : location === from));
/** What a hard delete takes: everything that is still somewhere. */
export const remaining = (copies: readonly MessageFacts[]) =>
  copies.filter(({ location }) => location !== "gone" && location !== "quarantine");
export const inInbox = (copies: readonly MessageFacts[]) => copies.filter(({ location }) => location === "inbox");

export const mailTitle = (target: Entity) =>
  `"${entityName(target)}"${target.kind === "message" && target.recipient ? ` of ${target.recipient}` : ""}`;

export async function mailReach(
  target: Entity,
  pick: (copies: readonly MessageFacts[]) => MessageFacts[],
  capabilities: Capabilities,
  now: Date,
  signal: AbortSignal,
): Promise<BlastRadius> {
  const all = await copiesOf(target, capabilities, signal);
  const copies = pick(all);
  const mailboxes = [...new Set(copies.map((copy) => copy.recipient))];
  const clickers = [...new Set(all.flatMap((copy) => copy.clicks.map((click) => click.user)))];
  const shown = mailboxes.slice(0, 3).join(", ");
  const places = mailboxes.length > 3 ? `${shown} and ${mailboxes.length - 3} more` : shown;
  return {
    count: copies.length,
    unit: "message",
    facts: [
      `${copies.length} ${copies.length === 1 ? "message" : "messages"} in ${mailboxes.length} ${mailboxes.length === 1 ? "mailbox" : "mailboxes"}${places ? `: ${places}` : ""}`,
      ...(all.length > copies.length ? [`${all.length - copies.length} further copies lie elsewhere and are not touched`] : []),
      clickers.length > 0
        ? `a link was pressed by ${clickers.slice(0, 3).join(", ")}${clickers.length > 3 ? " and others" : ""}`
        : "nobody pressed a link",
    ],
    protectedHits: [],
    readAt: now.toISOString(),
  };
}
