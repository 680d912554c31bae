import type { Person } from "./domain/approval.ts";
import { mailAddress } from "./domain/outside-pages.ts";
import type { PageRow } from "./store.ts";

/** Every target that is this person. */
export const targetsOfPerson = (person: Pick<Person, "key" | "identities">): string[] => [
  ...new Set([person.key, ...person.identities.filter((identity) => identity.includes("@"))].map((name) => `person:${name.toLowerCase()}`)),
];

export function isToldTo(target: string, own: readonly string[]): boolean {
  const address = mailAddress(target);
  return own.includes(target) || (address !== undefined && own.includes(`person:${address}`));
}

/** air told them to look at it. Somebody who could not be looked up, or holds less than they might, is nobody it knows. */
export function wasTold(person: Person, rows: readonly Pick<PageRow, "target" | "sentAt" | "droppedAt" | "attempts">[]): boolean {
  if (person.unchecked || person.withheld !== undefined || person.machine) return false;
  const own = targetsOfPerson(person);
  // It may be pressed before air has noted that the chat took it.
  const isShown = ({ sentAt, droppedAt, attempts }: Pick<PageRow, "sentAt" | "droppedAt" | "attempts">) =>
    sentAt !== null || (attempts > 0 && droppedAt === null);
  return rows.some((page) => isShown(page) && isToldTo(page.target, own));
}
