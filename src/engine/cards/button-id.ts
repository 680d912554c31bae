import { z } from "zod";

/**
 * What a button means, written to and read from one string (product contract 6 "bound to what was shown").
 *
 *   decide  `ACT-105.3f9c2a7b.approve.5d1c0b9a8e7f6a5b`  action, version shown, decision, truncated HMAC under AIR_SECRET
 *   say     `say:status INV-42`                          a command, with the rights of whoever presses it
 *
 * The mac is derived, not stored: it proves what was shown and by which air. Signing needs no Node here, so it is handed in.
 */
export const DECISIONS = ["approve", "reject", "agree", "disagree", "done", "notNeeded", "undo"] as const;
export type ButtonDecision = (typeof DECISIONS)[number];

export type ButtonMeaning = { kind: "decide"; action: number; version: string; decision: ButtonDecision } | { kind: "say"; text: string };

/** HMAC-SHA256 of the text under AIR_SECRET, as 16 hexadecimal characters. */
export type Sign = (text: string) => string;

const Parts = z.tuple([
  z.string().regex(/^ACT-\d{1,15}$/),
  z.string().regex(/^[0-9a-f]{8,64}$/),
  z.enum(DECISIONS),
  z.string().regex(/^[0-9a-f]{16}$/),
]);

export function writeButton(meaning: ButtonMeaning, sign: Sign): string {
  if (meaning.kind === "say") return `say:${meaning.text}`;
  const body = `ACT-${meaning.action}.${meaning.version}.${meaning.decision}`;
  return `${body}.${sign(`button:${body}`)}`;
}

/** `undefined`: not a button of this air (another secret, cut, forged). */
export function readButton(raw: string, sign: Sign, same: (a: string, b: string) => boolean): ButtonMeaning | undefined {
  if (raw.startsWith("say:")) return { kind: "say", text: raw.slice(4).slice(0, 500) };
  const parts = Parts.safeParse(raw.split("."));
  if (!parts.success) return undefined;
  const [action, version, decision, mac] = parts.data;
  if (!same(sign(`button:${action}.${version}.${decision}`), mac)) return undefined;
  return { kind: "decide", action: Number(action.slice(4)), version, decision };
}
