import { type Air, actionId } from "./air.ts";
import type { Entity } from "./domain/entity.ts";
import { didNothing } from "./holding.ts";
import { targetDigest } from "./propose-actions.ts";

/** Which block action of air put it on the list, by name; undefined: none did, or it was taken back since. */
export async function blockedBy(air: Pick<Air, "store">, entity: Entity, lab: boolean): Promise<string | undefined> {
  const rows = await air.store.blocksOf(targetDigest("block-indicator", entity), lab);
  // Of one that found it there already the list was told by somebody else; a person who blocked it by hand has said that it is bad.
  const own = rows.findLast((row) => !didNothing(row) && row.requestedBy === null);
  return own && actionId(own.id);
}
