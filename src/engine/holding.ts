import canonicalize from "canonicalize";
import { actionKinds } from "./actions/all.ts";
import { readStored } from "./domain/action.ts";
import { leftOf } from "./domain/learn.ts";
import type { ActionRow } from "./store.ts";

/*
 * Several actions may want the same state of one target: the first one made it so, a later one found it so. Each of them holds it, and air
 * does not take back by itself what another one still holds.
 */

const DONE: ReadonlySet<string> = new Set(["succeeded", "byHand"]);
const WAS_DONE: ReadonlySet<string> = new Set(["succeeded", "byHand", "undoing", "undone"]);
const UNDER_WAY: ReadonlySet<string> = new Set(["approved", "executing"]);

/** They want the same of the same thing. */
export const sameWish = (
  one: ActionRow,
  other: Pick<ActionRow, "kind" | "targetDigest" | "params" | "lab"> & { target?: ActionRow["target"] },
): boolean =>
  one.kind === other.kind &&
  one.targetDigest === other.targetDigest &&
  // What came into a cluster later is asked by itself: no mail of the two is the same.
  !(other.target && apart(one.target, other.target)) &&
  one.lab === other.lab &&
  canonicalize(readStored(one.params).params) === canonicalize(readStored(other.params).params);

const apart = (one: ActionRow["target"], other: ActionRow["target"]): boolean =>
  one.kind === "mail-cluster" && one.messageIds !== undefined && leftOf(one, [other]) === one;

/** Carried out, and it found its state already reached: there is nothing of it to take back. */
export const didNothing = (action: Pick<ActionRow, "kind" | "state" | "undoable" | "attempts">): boolean =>
  action.state === "succeeded" && !action.undoable && action.attempts === 0 && actionKinds[action.kind].undo.by !== undefined;

/** Other actions that want the same and were carried out, and nothing took it back since. `rows`: every action on that target. */
export function othersStanding(rows: readonly ActionRow[], action: ActionRow): ActionRow[] {
  const takesBack = rows.filter((row) => row.kind === actionKinds[action.kind].undo.by && WAS_DONE.has(row.state));
  return rows.filter(
    (row) => row.id !== action.id && DONE.has(row.state) && sameWish(row, action) && !takesBack.some((undo) => cameAfter(undo, row, rows)),
  );
}

function cameAfter(undo: ActionRow, held: ActionRow, rows: readonly ActionRow[]): boolean {
  const original = rows.find((row) => row.id === undo.undoes);
  if (original && !sameWish(original, held)) return false;
  const [done, since] = [(undo.executingAt ?? undo.endedAt)?.getTime() ?? 0, held.endedAt?.getTime() ?? 0];
  return done > since || (done === since && undo.id > held.id);
}

/** Until when it wants its state; undefined: for good. */
const holdsUntil = (action: ActionRow): Date | undefined =>
  action.undoAfterMs === null || action.endedAt === null ? undefined : new Date(action.endedAt.getTime() + action.undoAfterMs);

/** What speaks against the end of an action: another one that holds it, until then or for good; or one that is about to. */
export type Keeper = { by: ActionRow; until: Date | undefined } | "under way";

/** Whoever holds it longest counts. */
export function keeperOf(rows: readonly ActionRow[], action: ActionRow, now: Date): Keeper | undefined {
  const lasting = othersStanding(rows, action)
    .map((by) => ({ by, until: holdsUntil(by) }))
    .filter(({ until }) => until === undefined || until > now)
    .sort((one, other) => (other.until?.getTime() ?? Number.POSITIVE_INFINITY) - (one.until?.getTime() ?? Number.POSITIVE_INFINITY));
  const forGood = lasting.find(({ until }) => until === undefined);
  if (forGood) return forGood;
  if (rows.some((row) => row.id !== action.id && UNDER_WAY.has(row.state) && sameWish(row, action))) return "under way";
  return lasting[0];
}

/** Who wanted it, for people. */
export const wanter = (action: ActionRow): string => action.requestedBy?.name ?? action.decision?.by ?? "Automation";
