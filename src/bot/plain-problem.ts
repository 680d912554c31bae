import type { z } from "zod";
import { Refusal } from "../engine/domain/errors.ts";
import { didYouMean } from "./did-you-mean.ts";

const CALLED: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
};

/** The first fault of a body as a sentence that names the field and what it takes, instead of the validator's own words. */
export function bodyRefusal(error: z.ZodError, value: unknown, known: readonly string[] = []): Refusal {
  const [issue] = error.issues;
  if (!issue) return new Refusal("invalid", "is not valid", { field: "body" });
  const field = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const [first = ""] = issue.keys;
    return new Refusal("invalid", `is not known here.${didYouMean(first, known)}`, {
      field: [...issue.path, issue.keys.join(", ")].join("."),
    });
  }
  return new Refusal("invalid", said(issue, at(value, issue.path)), { field: field || "body" });
}

/** One issue in plain words. A message somebody wrote for it is kept. */
function said(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      if (value === undefined) return `is required: ${CALLED[issue.expected] ?? issue.expected}`;
      return `must be ${CALLED[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return value === undefined
        ? `is required: one of ${issue.values.map(String).join(", ")}`
        : `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`;
    case "too_big":
    case "too_small":
      return sizeSaid(issue);
    case "invalid_union":
      return own(issue.message) ?? "does not have a shape air knows";
    default:
      return own(issue.message) ?? "is not valid";
  }
}

/** What is too large or too small, in plain words. */
export function sizeSaid(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): string {
  const mine = own(issue.message);
  if (mine !== undefined) return mine;
  const [most, limit] = issue.code === "too_big" ? (["most", issue.maximum] as const) : (["least", issue.minimum] as const);
  const things = issue.origin === "string" ? "characters" : issue.origin === "array" ? "entries" : undefined;
  if (things && issue.code === "too_small" && Number(limit) === 1) return "must not be empty";
  if (things) return `must have at ${most} ${limit} ${things}`;
  return issue.inclusive === false ? `must be ${issue.code === "too_big" ? "less" : "more"} than ${limit}` : `must be at ${most} ${limit}`;
}

/** What the validator says by itself begins like this. */
const own = (message: string): string | undefined =>
  /^(Invalid|Too (big|small)|Unrecognized|Expected)/.test(message) ? undefined : message;

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
