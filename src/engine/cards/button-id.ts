import { z } from "zod";

/**
 * What a button means, written to and read from one string (product contract 6 "bound to what was shown").
 *
 *   decide  `ACT-105.3f9c2a7b.approve.5d1c0b9a8e7f6a5b`  action, version shown, decision, truncated HMAC under AIR_SECRET
 *   many    `MANY.approve.2x-1-1.9f2c....reason.mac`     a bulk decision: its actions (steps between the ids, base 36), the digest of what
 *                                                        was shown of them, the reason, truncated HMAC
 *   say     `say:status INV-42`                          a command, with the rights of whoever presses it
 *
 * The mac is derived, not stored: it proves what was shown and by which air. Signing needs no Node here, so it is handed in.
 */
export const DECISIONS = [
  "approve",
  "reject",
  "agree",
  "disagree",
  "done",
  "notNeeded",
  "undo",
  "break-glass",
  "confirm",
  "cancel",
] as const;
export type ButtonDecision = (typeof DECISIONS)[number];

export type ButtonMeaning =
  | { kind: "decide"; action: number; version: string; decision: ButtonDecision }
  | { kind: "many"; decision: "approve" | "reject"; actions: readonly number[]; digest: string; reason: string }
  | { kind: "say"; text: string };

/** What a platform takes as the value of a button, with room to spare (Slack: 2,000). */
export const LONGEST_VALUE = 1_900;

/** HMAC-SHA256 of the text under AIR_SECRET, as 16 hexadecimal characters. */
export type Sign = (text: string) => string;

const Mac = z.string().regex(/^[0-9a-f]{16}$/);
const Many = z.tuple([
  z.literal("MANY"),
  z.enum(["approve", "reject"]),
  z.string().regex(/^[0-9a-z]{1,9}(-[0-9a-z]{1,9}){0,199}$/),
  z.string().regex(/^[0-9a-f]{8,64}$/),
  z.string(),
  Mac,
]);
const Parts = z.tuple([z.string().regex(/^ACT-\d{1,15}$/), z.string().regex(/^[0-9a-f]{8,64}$/), z.enum(DECISIONS), Mac]);

export function writeButton(meaning: ButtonMeaning, sign: Sign): string {
  if (meaning.kind === "say") return `say:${meaning.text}`;
  if (meaning.kind === "many") {
    const body = `MANY.${meaning.decision}.${writeIds(meaning.actions)}.${meaning.digest}.${writeText(meaning.reason)}`;
    return `${body}.${sign(`button:${body}`)}`;
  }
  const body = `ACT-${meaning.action}.${meaning.version}.${meaning.decision}`;
  return `${body}.${sign(`button:${body}`)}`;
}

/** `undefined`: not a button of this air (another secret, cut, forged). */
export function readButton(raw: string, sign: Sign, same: (a: string, b: string) => boolean): ButtonMeaning | undefined {
  if (raw.startsWith("say:")) return { kind: "say", text: raw.slice(4).slice(0, 500) };
  if (raw.startsWith("MANY.")) return readMany(raw, sign, same);
  const parts = Parts.safeParse(raw.split("."));
  if (!parts.success) return undefined;
  const [action, version, decision, mac] = parts.data;
  if (!same(sign(`button:${action}.${version}.${decision}`), mac)) return undefined;
  return { kind: "decide", action: Number(action.slice(4)), version, decision };
}

/** It has the form of a decision, whoever signed it: another air that uses the same chat app makes such buttons, too. */
export const looksLikeDecision = (raw: string): boolean =>
  Parts.safeParse(raw.split(".")).success || (raw.startsWith("MANY.") && Many.safeParse(raw.split(".")).success);

function readMany(raw: string, sign: Sign, same: (a: string, b: string) => boolean): ButtonMeaning | undefined {
  const parts = Many.safeParse(raw.split("."));
  if (!parts.success) return undefined;
  const [, decision, ids, digest, reason, mac] = parts.data;
  if (!same(sign(`button:MANY.${decision}.${ids}.${digest}.${reason}`), mac)) return undefined;
  return { kind: "many", decision, actions: readIds(ids), digest, reason: decodeURIComponent(reason) };
}

/** Ids in order are close together, so the steps between them are short. */
const writeIds = (ids: readonly number[]) =>
  ids
    .toSorted((a, b) => a - b)
    .map((id, index, sorted) => (id - (sorted[index - 1] ?? 0)).toString(36))
    .join("-");
function readIds(text: string): number[] {
  let last = 0;
  return text.split("-").map((step) => {
    last += Number.parseInt(step, 36);
    return last;
  });
}
/** The dot parts the value. */
const writeText = (text: string) => encodeURIComponent(text.toWellFormed()).replaceAll(".", "%2E");
