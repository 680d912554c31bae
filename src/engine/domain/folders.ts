import { DEFAULT_AUTOMATION, type FolderLists, globMatches } from "./policy.ts";

/*
 * Which folder a file lies in (domain facts 2.5). The path is an attacker's text: it is brought into the one form Windows itself would make
 * of it, and what cannot be brought there is `unclear`, which asks. It must never look less core than it is.
 */

export type Folder =
  | { kind: "temp" | "core" /** The pattern that said so, as it reads on a card. */; under: string }
  | { kind: "other" }
  /** A path is there, and where it leads cannot be told from it. */
  | { kind: "unclear"; because: string };

/** undefined: there is no path. */
export function folderOf(path: string | undefined, lists: FolderLists = DEFAULT_AUTOMATION): Folder | undefined {
  if (!path?.trim()) return undefined;
  const plain = plainPath(path);
  if ("unclear" in plain) return { kind: "unclear", because: plain.unclear };
  const under = (patterns: readonly string[]) => patterns.find((pattern) => liesUnder(pattern, plain.path));
  const temp = under(lists.tempFolders);
  // A short name is some folder's other name: where only a `*` stands for it, its real name would fit as well.
  if (temp) return { kind: "temp", under: shown(temp) };
  const core = under(lists.coreFolders);
  if (core) return { kind: "core", under: shown(core) };
  return plain.shortName ? { kind: "unclear", because: "it holds a short (8.3) name" } : { kind: "other" };
}

// `\windows` itself is as core as what lies in it.
const liesUnder = (pattern: string, path: string) => globMatches(pattern, path) || globMatches(pattern.replace(/\\\*$/, ""), path);
const shown = (pattern: string) => pattern.replace(/\\\*$/, "");

/** Folders Windows names by a variable; any other variable may be anything. */
const VARIABLES: Readonly<Record<string, string>> = {
  systemroot: "\\windows",
  windir: "\\windows",
  programfiles: "\\program files",
  "programfiles(x86)": "\\program files (x86)",
  programw6432: "\\program files",
};
const LONGEST = 32_767;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are looked for because no file name holds them.
const IMPOSSIBLE = /[\u0000-\u001f"<>|?*]/;
/** Letters that become other, plain letters when they are made lower case, and not in the file system. */
const TURNS_PLAIN = /[\u0130\u212a]/;

/**
 * A path as the file system means it: no drive, backslashes, lower case, no empty, `.` or `..` segments, no data stream. `shortName`: one
 * of its segments is an 8.3 name, which stands for a name that is not known.
 */
export function plainPath(given: string): { path: string; shortName: boolean; stream: boolean } | { unclear: string } {
  if (given.length > LONGEST) return { unclear: "the path is too long" };
  let path = given.trim().replaceAll("/", "\\");
  // `\\?\` and `\\.\` before a drive, `\??\` of the kernel. Behind them Windows takes `..` to the letter, so it is not resolved either.
  const literal = /^\\\\[?.]\\|^\\\?\?\\/.exec(path);
  if (literal) path = path.slice(literal[0].length);
  else if (/^\\\.?\\/.test(path)) return { unclear: "it may lie on another computer" };
  path = path.replace(/\\(?:\.?\\)+/g, "\\");
  const lower = path.toLowerCase();
  const variable = /^%([^%\\]+)%(?=\\|$)/.exec(lower);
  const volume =
    /^\\?(?:device\\harddiskvolume(?:shadowcopy)?\d+|volume\{[0-9a-f-]{36}\}|globalroot\\device\\harddiskvolume(?:shadowcopy)?\d+)(?=\\|$)/.exec(
      lower,
    );
  if (variable) {
    const folder = VARIABLES[variable[1] ?? ""];
    if (!folder) return { unclear: "it begins with a variable" };
    path = `${folder}${path.slice(variable[0].length)}`;
  } else if (/^\\systemroot(?=\\|$)/.test(lower)) path = `\\windows${path.slice("\\systemroot".length)}`;
  else if (volume) path = path.slice(volume[0].length) || "\\";
  else if (/^[a-z]:/.test(lower)) path = path.slice(2);
  else if (literal || /^\\(device|globalroot|global\?\?)(\\|$)/.test(lower)) return { unclear: "it names a device, not a folder" };
  if (!path.startsWith("\\")) return { unclear: "it is not a whole path" };
  if (IMPOSSIBLE.test(path)) return { unclear: "it holds what no path holds" };
  if (TURNS_PLAIN.test(path)) return { unclear: "it holds letters that only look plain" };
  if (path.includes("%")) return { unclear: "it holds a variable" };

  const segments: string[] = [];
  const parts = path.split("\\").filter((segment) => segment !== "" && segment !== ".");
  let stream = false;
  for (const [index, segment] of parts.entries()) {
    if (segment === "..") {
      if (literal) return { unclear: "it holds .. where Windows takes that for a name" };
      segments.pop();
      continue;
    }
    const last = index === parts.length - 1;
    const colon = segment.indexOf(":");
    // A stream hangs on a file or folder, and lies where that lies; in the middle it is a way to write a folder otherwise.
    if (colon >= 0 && !last) return { unclear: "it holds a data stream in the middle" };
    if (colon >= 0) stream = true;
    const name = colon >= 0 ? segment.slice(0, colon) : segment;
    // Windows drops them in some places and not in others: `\windows.\system32`, `\windows \system32`.
    if (/[. ]$/.test(name)) return { unclear: "a name in it ends in a dot or a space" };
    if (name !== "") segments.push(name.toLowerCase());
  }
  return { path: `\\${segments.join("\\")}`, shortName: segments.some((segment) => /~\d/.test(segment)), stream };
}
