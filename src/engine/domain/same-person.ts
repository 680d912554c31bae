import { mailAddress } from "./outside-pages.ts";
import type { Named } from "./paging.ts";

/* One person may stand behind several targets: an address, an account of a chat, the mail to that address. */

type NameOf = (target: string) => Named;

/** Whether two targets reach one person. A group is nobody in particular. */
export function isSamePerson(one: string, other: string, nameOf: NameOf): boolean {
  if (one === other) return true;
  const [a, b] = [keyOf(one), keyOf(other)];
  if (a === undefined || b === undefined) return false;
  if (a === b) return true;
  const [named, other2] = [nameOf(`person:${a}`), nameOf(`person:${b}`)];
  return Object.entries(named.on).some(([platform, account]) => account !== "" && other2.on[platform] === account);
}

/** Undefined: it is no person. */
function keyOf(target: string): string | undefined {
  const key = target.startsWith("person:") ? target.slice("person:".length) : mailAddress(target);
  return key === "" ? undefined : key;
}

/** Each person once, by the first of their targets. */
export const oncePerPerson = (targets: Iterable<string>, nameOf: NameOf): string[] => {
  const once: string[] = [];
  for (const target of targets) if (!once.some((known) => isSamePerson(known, target, nameOf))) once.push(target);
  return once;
};
