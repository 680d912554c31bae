import type { BlastRadius, Params } from "../domain/action.ts";
import type { Entity, EntityOf } from "../domain/entity.ts";
import { entityName } from "../domain/entity.ts";
import { unlistedText } from "../domain/learn.ts";
import type { Capabilities, MailCapability, MessageFacts, Ticket } from "../ports.ts";
import { ConnectorError } from "../ports.ts";
import type { ActionKind } from "./action-kind.ts";

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
  copies.filter(
    ({ location, placeUnsaid }) =>
      // What may lie there is asked for too: moved to where it is already it does no harm.
      (placeUnsaid && from !== "junk") || (from === undefined ? location === "deleted" || location === "junk" : location === from),
  );
/** What a hard delete takes: everything that is still somewhere. */
export const remaining = (copies: readonly MessageFacts[]) =>
  copies.filter(({ location }) => location !== "gone" && location !== "quarantine");
export const inInbox = (copies: readonly MessageFacts[]) => copies.filter(({ location }) => location === "inbox");

const unsaidText = (count: number) => `Where ${count === 1 ? "1 copy lies" : `${count} copies lie`} now, the mail product does not say.`;

/** What still lies where it should not, in words; what the product does not say is said so, and is no copy that stayed. */
export function stillText(open: readonly MessageFacts[], where: string): string {
  const unsaid = open.filter(({ placeUnsaid }) => placeUnsaid).length;
  const there = open.length - unsaid;
  return [
    ...(there > 0 || unsaid === 0 ? [`${there} ${there === 1 ? "copy is" : "copies are"} ${where}.`] : []),
    ...(unsaid > 0 ? [unsaidText(unsaid)] : []),
  ].join(" ");
}

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
      ...(target.kind === "mail-cluster" && target.unlisted ? [unlistedText(target.unlisted)] : []),
      ...(all.length > copies.length ? [`${all.length - copies.length} further copies lie elsewhere and are not touched`] : []),
      ...(clickers.length > 0 || all.every((copy) => copy.clicksKnown !== false) ? [pressed(clickers)] : []),
      ...(all.some((copy) => copy.clicksKnown === false) ? ["who pressed a link cannot be read"] : []),
    ],
    protectedHits: [],
    readAt: now.toISOString(),
  };
}

const pressed = (clickers: readonly string[]) =>
  clickers.length > 0
    ? `a link was pressed by ${clickers.slice(0, 3).join(", ")}${clickers.length > 3 ? " and others" : ""}`
    : "nobody pressed a link";

/** Of a call nobody heard the answer of, so long it is watched whether the mail moves: accepted requests have begun by then. */
const UNHEARD_MS = 30 * 60_000;

/** Mail under way: since when, and how many copies; none where the call's answer was lost. */
type Moving = { since: Date; copies: number | undefined };
const writeMoving = ({ since, copies }: Moving) => `moving since ${since.toISOString()}${copies === undefined ? "" : ` of ${copies}`}`;
function readMoving(ticket: string): Moving | undefined {
  const [, since = "", copies] = /^moving since (\S+)(?: of (\d+))?$/.exec(ticket) ?? [];
  const at = new Date(since);
  return Number.isNaN(at.getTime()) ? undefined : { since: at, copies: copies === undefined ? undefined : Number(copies) };
}

/** A request that was taken and is carried out in its own time: what follows is read from the mailboxes. */
export const begun = (ticket: Ticket, copies: number, now: Date): Ticket =>
  ticket.state === "pending" ? { ...ticket, id: writeMoving({ since: now, copies }), waiting: false } : ticket;

type Left = (copies: readonly MessageFacts[], params: Params | undefined) => MessageFacts[];

/**
 * Mail products give no status to poll (domain 3.2): where the copies lie is read again. `left`: which of them are still to be moved. What
 * is not where it should be when its time is over is said with numbers, and never repeated.
 */
export const untilMoved = (left: Left): Pick<ActionKind, "follow" | "watch"> => ({
  follow: async (ticket, capabilities, signal, params, about) => {
    const moving = readMoving(ticket);
    if (!moving || !about) return { id: ticket, state: "done" };
    const still = left(await copiesOf(about.target, capabilities, signal), params);
    const open = still.length;
    if (open === 0) return { id: ticket, state: "done" };
    const { since, copies } = moving;
    const unsaid = still.filter(({ placeUnsaid }) => placeUnsaid).length;
    const stayed = open - unsaid;
    const text = [
      ...(copies === undefined
        ? [`No answer came to the request${stayed > 0 ? `, and ${stayed} ${stayed === 1 ? "copy has" : "copies have"} not moved` : ""}.`]
        : unsaid > 0 && copies <= open
          ? []
          : [`${Math.max(0, copies - open)} of ${copies} ${copies === 1 ? "copy" : "copies"} moved.`]),
      ...(unsaid > 0 ? [unsaidText(unsaid)] : []),
    ].join(" ");
    const within = copies === undefined ? UNHEARD_MS : (capabilities.mail?.takesUpToMs ?? 0);
    if (about.now.getTime() - since.getTime() <= within)
      return { id: ticket, state: "pending", waiting: false, text: `${text} It is read back until all have.` };
    throw new ConnectorError("unclear", text);
  },
  watch: ({ mail }, since) =>
    mail?.takesUpToMs === undefined
      ? undefined
      : {
          id: writeMoving({ since, copies: undefined }),
          state: "pending",
          waiting: false,
          text: "No answer came, so air watches whether the mail moves.",
        },
});
