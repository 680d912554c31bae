/** Lower case, or undefined where it is no hash of that many hexadecimal characters. Products write zeros for "not computed". */
export function hashText(value: string | undefined, length: number): string | undefined {
  const text = value?.trim().toLowerCase() ?? "";
  return text.length === length && /^[0-9a-f]+$/.test(text) && !isNoHash(text) ? text : undefined;
}

/** Two files without a hash are not the same file, and a block of zeros stops nothing. */
export const isNoHash = (text: string): boolean => /^0{32,}$/.test(text.trim());
