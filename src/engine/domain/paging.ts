import type { ActionState, Family } from "./action.ts";

/*
 * Whom air tells what, and when. A target is text in a row: `person:mia@contoso.com`, `slack-group:S0SOC` (a group of that platform),
 * `webhook`, `ops:slack:C0OPS` (a channel).
 */

/** Somebody by name, with what they are on each platform; a platform that is not in it cannot mention them. */
export type Named = { kind: "person" | "group"; name: string; on: Readonly<Record<string, string>> };

export type Paging = {
  /** Who is told at the deadline, then after each interval; the last may be `webhook`. Empty: nobody is on call. */
  chain: readonly string[];
  everyMs: number;
  admins: readonly string[];
  /** Whoever may decide on a device of this group; null: on no device, or on one nobody knows. */
  approvers: (family: Family, deviceGroup: string | null) => readonly string[];
  /** Channels that hear of air itself. */
  ops: readonly string[];
  /** Where the hours people type are meant: an IANA name. */
  timeZone: string;
  nameOf: (target: string) => Named;
};

export const WEBHOOK = "webhook";
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

/** The steps of the escalation: at the deadline, after an interval, and last. */
export const CHAIN_STEPS = ["deadline", "deadline-second", "deadline-last"] as const;
export const isChainStep = (step: string) => (CHAIN_STEPS as readonly string[]).includes(step);

/** Steps that are about a decision somebody still has to make. */
const asksToDecide = (step: string) => isChainStep(step) || step === "reminder" || step === "second";
/** What has happened has happened, whatever was decided since. */
const TELLS: ReadonlySet<string> = new Set(["suspect", "unclear", "failed", "ends-soon"]);

const stepOf = (target: string, index: number): (typeof CHAIN_STEPS)[number] =>
  target === WEBHOOK ? "deadline-last" : index === 0 ? "deadline" : "deadline-second";

type Told = { step: string; dueAt: Date; sentAt: Date | null; trouble: string | null };

/** It did not reach anybody (yet), and why is known. */
const isUndelivered = (page: Pick<Told, "sentAt" | "trouble">) => page.sentAt === null && page.trouble !== null;

/**
 * The step of the chain that is due for an action nobody has answered: at its deadline, then an interval after the one before was sent, at
 * once where that one could not be delivered. Undefined: nothing is due, one is on its way, or all were told.
 */
export function nextInChain(
  paging: Pick<Paging, "chain" | "everyMs">,
  told: readonly Told[],
  deadline: Date,
  now: Date,
): { step: string; target: string; dueAt: Date } | undefined {
  let before: Told | undefined;
  for (const [index, target] of paging.chain.entries()) {
    const step = stepOf(target, index);
    const row = told.find((page) => page.step === step);
    if (row) {
      if (row.sentAt === null && row.trouble === null) return undefined;
      before = row;
      continue;
    }
    const dueAt = before === undefined ? deadline : before.sentAt === null ? now : new Date(before.sentAt.getTime() + paging.everyMs);
    return dueAt <= now ? { step, target, dueAt } : undefined;
  }
  return undefined;
}

/** The chain was gone through, and its last step reached nobody. */
export function chainFailed(paging: Pick<Paging, "chain">, told: readonly Told[]): boolean {
  const last = paging.chain.length - 1;
  return told.some((page) => page.step === stepOf(paging.chain[last] ?? "", last) && isUndelivered(page));
}

/** Why nobody needs to be told this any more; undefined: it still stands. */
export function notNeeded(
  page: { step: string; createdAt: Date },
  action: { state: ActionState; decidedAt: Date | null; endedAt: Date | null } | undefined,
  incident: { ackedBy: string | null; ackedAt: Date | null } | undefined,
): string | undefined {
  if (isChainStep(page.step) && incident?.ackedAt && incident.ackedAt >= page.createdAt)
    return `${incident.ackedBy ?? "Somebody"} acknowledged it before it was sent`;
  if (!action || action.state === "pending" || TELLS.has(page.step)) return undefined;
  const over = action.decidedAt ?? action.endedAt;
  return asksToDecide(page.step) || (over !== null && page.createdAt < over) ? "It was decided before it was sent" : undefined;
}
