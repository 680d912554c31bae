/** Every control character but tab and line feed, and the characters that hide or turn text around. */
const HIDDEN = /(?![\t\n])[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/**
 * Hidden and direction-changing characters spelled out: overrides make "gpj.exe" read as "exe.jpg", and control characters are refused
 * by a chat or hide text. Every renderer passes each text through here once.
 */
export const visible = (text: string): string =>
  text
    .replace(/\r\n?/g, "\n")
    .toWellFormed()
    .replace(HIDDEN, (point) => `[U+${point.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
