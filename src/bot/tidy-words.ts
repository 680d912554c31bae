import { readId } from "./read-id.ts";

/** What stands around an id in a sentence: `(ACT-2).`, "`INC-1`", `#42`. */
const AROUND = /^[\s`"'“”‘’#*_~(<[{]+|[\s`"'“”‘’.,;:!?*_~)>\]}]+$/gu;
/** Every dash a phone makes of a hyphen. */
const DASHES = /[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/gu;
const UNSEEN = /\p{Cf}/gu;

/** The id in a word as people write it; undefined: there is none in it. */
function writtenId(word: string): string | undefined {
  const plain = word.replace(UNSEEN, "").replace(DASHES, "-").replace(AROUND, "");
  return readId(plain) ? plain : undefined;
}

const hasKind = (word: string) => /^[a-z]/i.test(word);

/**
 * What was typed, as words: without the `:` behind a mention, and with the ids at its beginning as ids are. What follows them is left alone:
 * it may be a reason.
 */
export function tidyWords(text: string): string[] {
  const words = text
    .replace(/^[\s:,;.!\u2010-\u2015-]+/u, "")
    .trim()
    .split(/\s+/u);
  const [first = "", ...rest] = words;
  const tidied = [writtenId(first) ?? first.replace(UNSEEN, "")];
  let ids = true;
  for (const [index, word] of rest.entries()) {
    const id: string | undefined = ids ? writtenId(word) : undefined;
    // A bare number is an id only where one is asked for: the first word behind the command.
    ids = id !== undefined && (index === 0 || hasKind(id));
    tidied.push(ids && id !== undefined ? id : word);
  }
  return tidied;
}
