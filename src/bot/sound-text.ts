import { Refusal } from "../engine/domain/errors.ts";

/** How people call what they typed. */
const SUBJECT: Readonly<Record<string, string>> = { text: "What was typed", reason: "The reason", body: "The body" };

/**
 * What a person or a program types ends in the database, which keeps neither a NUL character nor half of a surrogate pair: such text is
 * refused at the edge, wherever in a body it stands. Alerts are not: what they hold is evidence and is kept written out.
 *
 * @throws Refusal invalid, with the field
 */
export function mustBeSound(value: unknown, path: readonly string[] = []): void {
  const field = path.join(".").slice(0, 100) || "body";
  const refused = () =>
    new Refusal("invalid", `${SUBJECT[field] ?? field} must not hold a NUL character or half of a character`, { field });
  if (typeof value === "string") {
    if (!isSound(value)) throw refused();
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) mustBeSound(item, [...path, String(index)]);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (!isSound(key)) throw refused();
      mustBeSound(item, [...path, key]);
    }
  }
}

export const isSound = (text: string): boolean => text.isWellFormed() && !text.includes("\0");
