/*
 * Queries are put together from our own words and from values attackers chose: subjects, addresses, links. A value only ever gets into a
 * query through `kqlText`.
 */

/** Characters that mean the same inside and outside a string. */
const PLAIN = /^[A-Za-z0-9 @._:/?=&%+,;#~()[\]-]*$/;

/**
 * A string literal of KQL. Anything but plain characters travels as base64, whose alphabet can neither end a literal nor begin an
 * escape, and which needs no knowledge of what the parser takes for a quote, an escape or a new line.
 */
export const kqlText = (value: string): string =>
  PLAIN.test(value) ? `"${value}"` : `base64_decode_tostring("${Buffer.from(value.toWellFormed(), "utf8").toString("base64")}")`;

/** `("a", "b")`, for `in` and `in~`. */
export const kqlList = (values: readonly string[]): string => `(${values.map(kqlText).join(", ")})`;
