/** As many as one command line may name; who writes more wants something else read. */
const MOST = 10;
const LONGEST_LINE = 32_768;
/** `http`, `hxxps` and `fxp`; a dot or colon in brackets is how people write what nothing is to fetch. */
const LINK = /\b(?:h(?:tt|xx)ps?|f(?:t|x)p)(?::|\[:\])\/\/(?:\[[.:]\]|[^\s"'`<>|^()[\]{}])+/gi;

/** The links a command line names, each once, and written as links again where they were defanged. */
export function linksIn(line: string): string[] {
  const found = (line.slice(0, LONGEST_LINE).match(LINK) ?? []).map((said) =>
    said
      .replace(/^hxxp/i, "http")
      .replace(/^fxp/i, "ftp")
      .replaceAll("[.]", ".")
      .replaceAll("[:]", ":")
      .replace(/[.,;:!?&]+$/, ""),
  );
  // A variable of the shell's stands for a host nobody knows.
  return [...new Set(found)].filter((link) => /^[^$%*]+$/.test(URL.parse(link)?.hostname ?? "")).slice(0, MOST);
}
