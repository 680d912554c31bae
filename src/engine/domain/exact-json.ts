/** More digits than a double keeps: 2^53 has 16. */
const MAY_BE_LONG = /\d{16}/;

/**
 * `JSON.parse` for what others send: a whole number too long for a double stays its digits, as text. Read as a number, two ids that differ in
 * their last digits become one, and the second alert is taken for the first. `also` sees every value after that, as a reviver does.
 *
 * @throws SyntaxError
 */
export function parseExact(text: string, also?: (key: string, value: unknown) => unknown): unknown {
  if (!MAY_BE_LONG.test(text)) return JSON.parse(text, also) as unknown;
  return JSON.parse(text, (key, value: unknown, context?: { source?: string }) => {
    const exact =
      typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "") ? context?.source : value;
    return also ? also(key, exact) : exact;
  }) as unknown;
}
