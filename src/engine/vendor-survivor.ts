import type { Reads } from "./store.ts";

/** Merged again and again, or in a circle: nobody follows further than this. */
const HOPS = 20;

/**
 * Where a source's incident is now: itself, or the one it was merged into there. Undefined: it was merged into one that air has not read,
 * of which it can say nothing.
 */
export async function vendorSurvivor(reads: Pick<Reads, "vendorIncidents">, source: string, id: string): Promise<string | undefined> {
  let at = id;
  for (let hop = 0; hop < HOPS; hop++) {
    const [row] = await reads.vendorIncidents(source, [at]);
    // Only named by an alert so far: what nobody redirected stands for itself.
    if (!row) return hop === 0 ? at : undefined;
    if (row.redirectTo === null) return row.status === "redirected" ? undefined : at;
    at = row.redirectTo;
  }
  return undefined;
}
