import type { Entity } from "../domain/entity.ts";
import type { MessageFacts } from "../ports.ts";
import { unique } from "./wording.ts";

/** What the mail analyzers share: which copies count, and how they are named. */

/** Copies one look reads; counts beyond it would change no verdict. */
export const MAX_COPIES = 10_000;
/** Things of one kind taken up as evidence from one look; a campaign of thousands is a mail cluster. */
export const MAX_FOUND = 20;

/**
 * The different texts of some copies, each cut to what is read of it: comparing the megabytes a stranger may send takes longer than
 * reading their beginning.
 */
export const textsOf = (copies: readonly MessageFacts[]): string[] =>
  unique(copies.flatMap(({ text }) => (text ? [text.slice(0, MAX_TEXT)] : []))).slice(0, MAX_TEXTS);
/** What a reader sees before the quoted history begins. */
const MAX_TEXT = 8000;
/** Copies of one sending have one text; more than this many different ones are read by nobody. */
const MAX_TEXTS = 3;

/** In a place where its owner may still open it. */
export const isReadable = (copy: MessageFacts) => copy.location === "inbox" || copy.location === "junk";

/** A copy is addressed by the id its product knows the message by, and by whose mailbox it lies in. */
export const toMessage = (copy: MessageFacts): Entity => ({
  kind: "message",
  networkMessageId: copy.networkMessageId ?? copy.id,
  ...(copy.subject ? { subject: copy.subject.slice(0, 4096) } : {}),
  ...(copy.sender ? { sender: copy.sender.slice(0, 1024) } : {}),
  ...(copy.recipient ? { recipient: copy.recipient.slice(0, 1024) } : {}),
});

/** What the mail product calls a message, in the two classes of domain facts 2.2. */
export function threatOf(copy: MessageFacts): "strong" | "weak" | undefined {
  const words = (copy.threats ?? []).slice(0, 50).map((word) => word.toLowerCase().replace(/[^a-z]/g, ""));
  if (words.some((word) => STRONG_THREATS.has(word))) return "strong";
  return words.some((word) => WEAK_THREATS.has(word)) ? "weak" : undefined;
}
const STRONG_THREATS = new Set(["malware", "highconfidencephish", "highconfphish", "maliciousurl", "maliciousfile"]);
const WEAK_THREATS = new Set(["phish", "phishing", "normalphish", "spam", "highconfidencespam"]);
