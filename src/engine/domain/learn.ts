import type { ActionState } from "./action.ts";
import { CLUSTER_KEEPS, type Entity, type EntityOf } from "./entity.ts";

/*
 * The same thing is seen again, and its source says more of it: mails that came since, a name it had not given before. What is known is kept, what
 * is new is added; nothing that was said is replaced, so that a later alert cannot make another thing of it.
 */

/** Names by which a product finds it. A path or a signer is none: those decide what may happen to it, and are the first source's word. */
export const LEARNED_NAMES = ["id", "email", "sha1", "md5", "networkMessageId", "internetMessageId"] as const;

/** `known` with what `seen`, the same thing, adds to it; `known` itself where that is nothing. */
export function learned<E extends Entity>(known: E, seen: Entity): E {
  if (known.kind !== seen.kind) return known;
  if (known.kind === "mail-cluster") return grownCluster(known, seen as EntityOf<"mail-cluster">) as E;
  const [before, after] = [known, seen] as Record<string, unknown>[] as [Record<string, unknown>, Record<string, unknown>];
  const names = LEARNED_NAMES.filter((name) => before[name] === undefined && after[name] !== undefined);
  return names.length === 0 ? known : { ...known, ...Object.fromEntries(names.map((name) => [name, after[name]])) };
}

/** All mails of both, the known ones first; how many are not kept is counted, never forgotten. */
function grownCluster(known: EntityOf<"mail-cluster">, seen: EntityOf<"mail-cluster">): EntityOf<"mail-cluster"> {
  const all = [...new Set([...(known.messageIds ?? []), ...(seen.messageIds ?? [])])];
  const cut = Math.max(0, all.length - CLUSTER_KEEPS);
  // The cut ones come again with each sight, so that they are not added up.
  const unlisted = Math.max(known.unlisted ?? 0, (seen.unlisted ?? 0) + cut);
  const messageIds = all.slice(0, CLUSTER_KEEPS);
  if (messageIds.length === (known.messageIds?.length ?? 0) && unlisted === (known.unlisted ?? 0)) return known;
  return { ...known, ...(messageIds.length > 0 ? { messageIds } : {}), ...(unlisted > 0 ? { unlisted } : {}) };
}

/** The part of it that none of these is about; undefined: they are about all of it. Only a list of mails has parts. */
export function leftOf(entity: Entity, targets: readonly Entity[]): Entity | undefined {
  const dealt = new Set(targets.flatMap((target) => (target.kind === "mail-cluster" ? (target.messageIds ?? []) : [])));
  if (entity.kind !== "mail-cluster" || entity.messageIds === undefined) return undefined;
  const messageIds = entity.messageIds.filter((id) => !dealt.has(id));
  if (messageIds.length === entity.messageIds.length) return entity;
  return messageIds.length === 0 ? undefined : { ...entity, messageIds };
}

/** What was asked about a thing before, as far as its growth is concerned. */
export type AskedBefore = {
  id: number;
  state: ActionState;
  target: Entity;
  /** A person chose the target, or no product was found for it as it was named: only the latter is named anew. */
  byPerson: boolean;
  unreached: boolean;
};
/** `grows`: the action that waits is about more now. `rest`: what was decided stays as it was, and this is asked by itself. */
export type Growth = { grows: number; target: Entity } | { rest: Entity };

/**
 * The thing grew since actions on it were proposed. What waits for a decision takes in what is new; beside what was decided, what it did not
 * cover is asked. After a rejection nothing is: a person said no to the whole of it.
 */
export function growthOf(entity: Entity, before: readonly AskedBefore[]): Growth | undefined {
  const waiting = before.find(({ state, byPerson }) => !byPerson && (state === "pending" || state === "observed"));
  if (waiting) {
    const others = before.filter((one) => one !== waiting).map(({ target }) => target);
    const news = entity.kind === "mail-cluster" && entity.messageIds ? leftOf(entity, others) : entity;
    const target = news === undefined ? waiting.target : learned(waiting.target, news);
    return target === waiting.target || !(target.kind === "mail-cluster" || waiting.unreached) ? undefined : { grows: waiting.id, target };
  }
  const last = before.toSorted((a, b) => a.id - b.id).at(-1);
  if (!last || last.state === "rejected") return undefined;
  const rest = leftOf(
    entity,
    before.map(({ target }) => target),
  );
  return rest && { rest };
}

/** What a card says of it, as one line. */
export function growthText(before: Entity, after: Entity): string {
  if (before.kind === "mail-cluster" && after.kind === "mail-cluster") {
    const [old = 0, now = 0] = [before.messageIds?.length, after.messageIds?.length];
    const more = now - old;
    const unlisted = (after.unlisted ?? 0) > (before.unlisted ?? 0) ? unlistedText(after.unlisted ?? 0) : undefined;
    const grown =
      more > 0 ? `the cluster has grown by ${more} ${more === 1 ? "message" : "messages"}: ${now} instead of ${old}` : undefined;
    return [grown, unlisted].filter((text) => text !== undefined).join("; ");
  }
  return `a source names it by ${LEARNED_NAMES.filter((name) => name in after && !(name in before)).join(" and ")} now`;
}

/** What is beyond the list is nobody's to forget. */
export const unlistedText = (unlisted: number): string =>
  `at least ${unlisted} further ${unlisted === 1 ? "message belongs" : "messages belong"} to the cluster and ${unlisted === 1 ? "is" : "are"} not touched: air keeps ${CLUSTER_KEEPS} of one, search for the rest in the mail product`;
