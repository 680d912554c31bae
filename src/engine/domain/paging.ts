import type { ActionState, Family } from "./action.ts";
import { OUTSIDE_STEPS, outsideKind, readFollowUp } from "./outside-pages.ts";
import type { QuietHours } from "./quiet-hours.ts";
import type { Rota } from "./rota.ts";

/*
 * Whom air tells what, and when. A target is text in a row: `person:mia@contoso.com`, `slack-group:S0SOC` (a group of that platform),
 * `ops:slack:C0OPS` (a channel), or a way that is no chat (outside-pages.ts): `webhook`, `mail:mia@contoso.com`, `pagerduty`.
 * `rota:current`, `rota:next` and `rota:everyone` are whoever the rota says at that moment; a row has them only where it says nobody.
 */

/**
 * Somebody by name, with what they are on each platform; a platform that is not in it cannot mention them. `direct`: where their account can
 * be written to as it is; elsewhere they have to have spoken to air first.
 */
export type Named = { kind: "person" | "group"; name: string; on: Readonly<Record<string, string>>; direct?: readonly string[] };

export type Paging = {
  /** Who is told at the deadline, then after each interval; ways that are no chat stand last. Empty: nobody is on call. */
  chain: readonly string[];
  everyMs: number;
  /** How long after the deadline the first of `chain` are told; the others, and without it all, come `everyMs` after the one before. */
  afterMs?: readonly number[];
  /** Whom `rota:current` and its like mean, as targets; `asked`: another product keeps it, and what it said is in a row. */
  rota?: Rota | "asked";
  /**
   * How long an owner may do nothing where a decision waits before they are reminded, and as long again before it goes back to everybody;
   * undefined: never.
   */
  ownerReminderMs?: { urgent: number; other: number };
  admins: readonly string[];
  /** Whoever may decide on a device of this group; null: on no device, or on one nobody knows. */
  approvers: (family: Family, deviceGroup: string | null) => readonly string[];
  /** Channels that hear of air itself. */
  ops: readonly string[];
  /** Where the hours people type are meant: an IANA name. */
  timeZone: string;
  /** When nobody is told of what can wait; undefined: always somebody is. */
  quiet?: readonly QuietHours[];
  /** After a message to somebody, what else is for them within this time is one message; undefined or 0: each is told by itself. */
  togetherMs?: number;
  nameOf: (target: string) => Named;
  /** Is somebody of that name in air.yaml, or known by the account they speak through? Without it everybody is. */
  isKnown?: (target: string) => boolean;
};

export const isOps = (target: string) => target.startsWith("ops:");
/** The channel of an `ops:` target. */
export const opsChannel = (target: string) => target.slice("ops:".length);

export const NOBODY: Paging = {
  chain: [],
  everyMs: 10 * 60_000,
  admins: [],
  approvers: () => [],
  ops: [],
  timeZone: "UTC",
  nameOf: (target) => ({ kind: "person", name: target.replace(/^[a-z-]+:/, ""), on: {} }),
};

export const ROTA_STEPS = ["current", "next", "everyone"] as const;
export type RotaStep = (typeof ROTA_STEPS)[number];
export const rotaTarget = (step: RotaStep) => `rota:${step}`;
/** Undefined: it names somebody, and no part of the rota. */
export const rotaStepOf = (target: string): RotaStep | undefined => ROTA_STEPS.find((step) => target === rotaTarget(step));

/** As many steps as an escalation may have in chat. */
export const MOST_STEPS = 9;
const LATER_STEPS = ["deadline-second", ...Array.from({ length: MOST_STEPS - 2 }, (_, index) => `deadline-${index + 3}`)];
/** The steps of the escalation: at the deadline, after an interval, and last. */
export const CHAIN_STEPS: readonly string[] = ["deadline", ...LATER_STEPS, ...Object.values(OUTSIDE_STEPS)];
export const isChainStep = (step: string) => CHAIN_STEPS.includes(step);

/** Steps that are about a decision somebody still has to make. */
export const asksToDecide = (step: string) => isChainStep(step) || step === "reminder" || step === "second";
/** What has happened has happened, whatever was decided since. */
const TELLS: ReadonlySet<string> = new Set(["suspect", "unclear", "failed", "ends-soon"]);

/** What a step of a deadline's chain is called in its row. */
export const stepOf = (target: string, index: number): string => {
  const outside = outsideKind(target);
  return outside ? OUTSIDE_STEPS[outside] : index === 0 ? "deadline" : (LATER_STEPS[index - 1] ?? "deadline-second");
};

/** How long after the deadline a step of the chain is told, where each of those before could be. */
export function toldAfterMs({ afterMs = [0], everyMs }: Pick<Paging, "everyMs" | "afterMs">, index: number): number {
  return afterMs[index] ?? (afterMs.at(-1) ?? 0) + (index - afterMs.length + 1) * everyMs;
}

/** Why nobody needs to be told this any more; undefined: it still stands. */
export function notNeeded(
  page: { step: string; createdAt: Date; callId?: number | null },
  action: { state: ActionState; decidedAt: Date | null; endedAt: Date | null } | undefined,
  incident: { ackedBy: string | null; ackedAt: Date | null } | undefined,
): string | undefined {
  if ((isChainStep(page.step) || page.callId != null) && incident?.ackedAt && incident.ackedAt >= page.createdAt)
    return `${incident.ackedBy ?? "Somebody"} acknowledged it before it was sent`;
  const follows = readFollowUp(page.step);
  // That it is over is said however it came to be over; what was acknowledged before it was over is not worth saying any more.
  if (follows?.became === "resolved" || !action || action.state === "pending" || TELLS.has(page.step)) return undefined;
  const over = action.decidedAt ?? action.endedAt;
  return asksToDecide(page.step) || (over !== null && page.createdAt < over) ? "It was decided before it was sent" : undefined;
}
