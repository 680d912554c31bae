import { z } from "zod";
import { didYouMean } from "./did-you-mean.ts";

/** An object with these keys only; one line of message per unknown key, in the order of the issue's `keys`. */
export function section<T extends z.ZodRawShape>(shape: T) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => `unknown key "${key}".${didYouMean(key, known) || ` Known here: ${known.join(", ")}.`}`).join("\n")
        : undefined,
  });
}

export const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, {
    error: ({ input }) =>
      `must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}.${typeof input === "string" ? didYouMean(input, words) : ""}`,
  });
