import type { z } from "zod";

const WANTED: Readonly<Record<string, string>> = {
  string: "must be text",
  number: "must be a number",
  int: "must be a whole number",
  boolean: "must be true or false",
  array: "must be a list",
  object: "must be an object",
};

/** What is wrong, in the words of a caller of /v1: the schema's own message where it has one, none of the library's. */
export function issueWords(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case "invalid_type":
      if (issue.message.endsWith("received undefined")) return "is required";
      return issue.message.startsWith("Invalid input") ? (WANTED[issue.expected] ?? "is not valid") : issue.message;
    case "too_big":
      return issue.origin === "string" && issue.message.startsWith("Too big")
        ? `at most ${issue.maximum} characters`
        : ownWords(issue.message);
    case "too_small":
      return issue.origin === "string" && issue.message.startsWith("Too small") ? "must not be empty" : ownWords(issue.message);
    default:
      return ownWords(issue?.message);
  }
}

const ownWords = (message: string | undefined) =>
  !message || /^(Invalid|Too (big|small)|Unrecognized)/.test(message) ? "is not valid" : message;
