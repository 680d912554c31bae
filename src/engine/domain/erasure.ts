/*
 * Taking a person out of what was written. Pure: what they are known by and a value go in, the value without them comes out. Whatever
 * stands for them stays a different somebody: the same pseudonym everywhere, so that two approvals stay two people.
 */

/** `ids`: addresses and accounts, compared without regard to case. `names`: as they are written. */
export type KnownBy = { ids: readonly string[]; names: readonly string[]; pseudonym: string };

/** Shorter ones are part of too many words. */
const SHORTEST = 3;

/** A function that replaces them in a text; where they are not in it, the same text comes out. */
function replacer({ ids, names, pseudonym }: KnownBy): (text: string) => string {
  const whole = (words: readonly string[], flags: string): RegExp | undefined => {
    const long = words.filter((word) => word.length >= SHORTEST).toSorted((a, b) => b.length - a.length);
    if (long.length === 0) return undefined;
    const any = long.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
    return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${any})(?![\\p{L}\\p{N}_])`, flags);
  };
  const [byId, byName] = [whole(ids, "giu"), whole(names, "gu")];
  return (text) => {
    const without = byId ? text.replace(byId, pseudonym) : text;
    return byName ? without.replace(byName, pseudonym) : without;
  };
}

/** The same value without them, however deep they stand in it; also where they are the name of a field. */
export function eraseFrom(value: unknown, known: KnownBy): unknown {
  const replace = replacer(known);
  const keys = new Set(known.ids.map((id) => id.toLowerCase()));
  const isMine = (one: unknown) =>
    typeof one === "object" && one !== null && "key" in one && typeof one.key === "string" && keys.has(one.key.toLowerCase());
  const walk = (one: unknown): unknown => {
    if (typeof one === "string") return replace(one);
    if (Array.isArray(one)) return one.map(walk);
    if (typeof one !== "object" || one === null) return one;
    // A line of the audit has the name of its actor beside the actor.
    const mine = isMine(one) || ("actor" in one && isMine(one.actor));
    return Object.fromEntries(
      Object.entries(one).map(([field, inner]) => [
        replace(field),
        // Whoever bears the key bears the name beside it, whatever that is.
        mine && typeof inner === "string" && (field === "name" || field === "by") ? known.pseudonym : walk(inner),
      ]),
    );
  };
  return walk(value);
}
