import { Refusal } from "../../engine/domain/errors.ts";
import { fieldPath } from "./field-path.ts";

const MAX_DEPTH = 64;
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/**
 * A copy of a JSON value that every database can keep. PostgreSQL refuses NUL in text and lone surrogates in jsonb; losing the
 * alert over one such character would let an attacker choose which alerts are stored, so the character becomes visible text instead.
 */
export function sanitize(value: unknown): unknown {
  return copy(value, []);
}

// Recursion is safe here: the depth limit bounds the stack.
function copy(value: unknown, path: PropertyKey[]): unknown {
  switch (typeof value) {
    case "string":
      return storableText(value);
    case "number":
    case "boolean":
      return value;
    case "undefined":
      return null;
    case "object":
      break;
    default:
      throw new Refusal("invalid", `a ${typeof value} is not JSON`, { field: fieldPath(path) });
  }
  if (value === null) return null;
  if (path.length >= MAX_DEPTH) {
    throw new Refusal("invalid", `nested deeper than ${MAX_DEPTH} levels`, { field: fieldPath(path.slice(0, 8)) });
  }
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => copy(item, [...path, index]));
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    if (FORBIDDEN_KEYS.has(key)) throw new Refusal("invalid", `the key ${key} is not allowed`, { field: fieldPath([...path, key]) });
    if (item === undefined) continue;
    let name = storableText(key);
    // Two keys that differ only in an unstorable character must not swallow each other.
    while (name !== key && Object.hasOwn(result, name)) name += "_";
    result[name] = copy(item, [...path, name]);
  }
  return result;
}

/** NUL and halves of surrogate pairs, written out as `\u0000` and the like. */
function storableText(text: string): string {
  if (text.isWellFormed() && !text.includes("\0")) return text;
  return text.replace(/\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
