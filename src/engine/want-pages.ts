import type { Air } from "./air.ts";
import type { Family } from "./domain/action.ts";
import { NOBODY, type Paging } from "./domain/paging.ts";
import { chainNow } from "./on-duty.ts";
import type { Tx } from "./store.ts";

/** Whom a page is for. `on-call`: whoever is first in the chain as it is now, or the next if that one cannot be reached. */
export type PageTo =
  | { kind: "on-call" }
  | { kind: "admins" }
  | { kind: "approvers"; family: Family; except?: readonly string[] }
  | { kind: "person"; key: string }
  /** Whoever reads this channel. */
  | { kind: "channel"; channel: string }
  | { kind: "ops" };

/**
 * Somebody should know. `incidentId` 0: it is about no incident. `step` is why (`suspect`, `unclear`): with action, target and time it is
 * told once. `by` is who caused it: the key of a person, or `air`.
 */
export type PageWish = {
  incidentId: number;
  actionId: number | null;
  step: string;
  to: readonly PageTo[];
  text: string;
  by: string;
  /** Not before then; without it now. */
  dueAt?: Date;
};

/** Stores who is to be told what, and queues the job that tells them, in the transaction of the cause. */
export async function wantPages(tx: Tx, air: Air, wishes: readonly PageWish[], now: Date): Promise<void> {
  const paging = air.paging?.() ?? NOBODY;
  const groups = new Map<number, string | null>();
  for (const { to, actionId } of wishes)
    if (actionId !== null && to.some((one) => one.kind === "approvers"))
      groups.set(actionId, (await tx.action(actionId))?.deviceGroup ?? null);
  const chain = wishes.some(({ to }) => to.some((one) => one.kind === "on-call")) ? await chainNow(tx, air, now) : [];
  const rows = wishes.flatMap(({ to, dueAt, ...wish }) =>
    [...new Set(to.flatMap((one) => targetsOf({ ...paging, chain }, one, wish, groups.get(wish.actionId ?? 0) ?? null)))].map((target) => ({
      ...wish,
      text: wish.text.slice(0, 2000),
      target,
      createdAt: now,
      dueAt: dueAt ?? now,
    })),
  );
  await tx.addPages(rows);
  if (rows.some((row) => row.dueAt <= now)) await tx.enqueue("send-pages", { due: now.toISOString() }, { key: "send-pages" });
}

function targetsOf(paging: Paging, to: PageTo, wish: Pick<PageWish, "step" | "by">, deviceGroup: string | null): readonly string[] {
  switch (to.kind) {
    case "on-call": {
      // Who tried what they may not is not the one to hear of it.
      const others = paging.chain.filter((target) => wish.step !== "suspect" || target !== personTarget(wish.by));
      const [first] = others;
      // With nobody on call somebody has to know all the same.
      return first === undefined ? paging.admins : [first];
    }
    case "admins":
      return paging.admins;
    case "approvers": {
      const except = new Set((to.except ?? []).map(personTarget));
      return paging.approvers(to.family, deviceGroup).filter((target) => !except.has(target));
    }
    case "person":
      return [personTarget(to.key)];
    case "channel":
      return [`ops:${to.channel}`];
    case "ops":
      return paging.ops.map((channel) => `ops:${channel}`);
    default:
      return to satisfies never;
  }
}

const personTarget = (key: string) => `person:${key.toLowerCase()}`;
