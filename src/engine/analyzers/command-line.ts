import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import { defineAnalyzer } from "./analyzer.ts";
import { COMMAND_LINE_RULES, KNOWN_INSTALLS } from "./command-line-rules.ts";
import type { CommandLineRule } from "./command-line-words.ts";
import { weakSign } from "./weak-signs.ts";

/** Windows itself allows no longer line; anything beyond is padding. */
const MAX_LENGTH = 32_768;
/** An encoded line may hold another one; nobody nests deeper for an honest reason. */
const MAX_DEPTH = 3;

export const commandLine = defineAnalyzer({
  name: "command-line",
  about: "Holds the command line, decoded where it is encoded, against rules for what attackers write.",
  kinds: ["process"],
  looks: (process, _capabilities, { now }) => {
    const line = process.commandLine;
    if (!line) return [];
    return [{ key: "command-line/air", source: "air", family: "air-rules", run: () => judgeCommandLine(line, now) }];
  },
});

export function judgeCommandLine(line: string, now: Date): Observation[] {
  const shared = { analyzer: "command-line", source: "air", family: "air-rules", at: now } as const;
  const { hits, decoded } = matchCommandLine(line);
  let weak = 0;
  const observations = hits.map(({ rule, depth }): Observation => {
    const strong = rule.strength === "strong";
    return {
      ...shared,
      label: strong ? "malicious" : "suspicious",
      weight: strong ? WEIGHTS.ruleStrong : weakSign(WEIGHTS.ruleWeak, weak++),
      text: `${depth === 0 ? "The command line" : "The encoded command inside"} ${rule.does} (rule ${rule.name}, ${rule.technique}).`,
      technique: rule.technique,
      raw: { rule: rule.name, depth, source: rule.source },
    };
  });
  if (decoded.length === 0) {
    if (observations.length > 0) return observations;
    return [{ ...shared, label: "neutral", weight: 0, text: "No rule for command lines matches." }];
  }
  // attack.mitre.org/techniques/T1027/010. Ansible, Intune and most remote management encode as well, and what they encode was read:
  // hiding accuses only together with something worth hiding, or where what was hidden hides something again.
  const accuses = observations.length > 0 || decoded.length > 1;
  return [
    ...observations,
    {
      ...shared,
      label: accuses ? "suspicious" : "neutral",
      weight: accuses ? weakSign(WEIGHTS.ruleWeak, weak) : 0,
      text: accuses
        ? "The command line hides what it does by encoding (rule encoded-powershell, T1027.010)."
        : "The command line is encoded; no rule matches what it says inside (rule encoded-powershell, T1027.010).",
      technique: "T1027.010",
      raw: { rule: "encoded-powershell", decoded: (decoded.at(-1) ?? "").slice(0, 2000) },
    },
  ];
}

export type CommandLineHit = { rule: CommandLineRule /** How many encodings deep. */; depth: number };

/** Each rule at most once, however often its words are repeated inside; `decoded` is what the encodings hid, outermost first. */
export function matchCommandLine(line: string): { hits: CommandLineHit[]; decoded: string[] } {
  const layers = unwrap(line.slice(0, MAX_LENGTH));
  const hits = new Map<string, CommandLineHit>();
  for (const [depth, layer] of layers.entries()) {
    const plain = withoutKnownInstalls(normalizeCommandLine(layer));
    for (const rule of COMMAND_LINE_RULES) {
      if (!hits.has(rule.name) && rule.matches(plain)) hits.set(rule.name, { rule, depth });
    }
  }
  return { hits: [...hits.values()], decoded: layers.slice(1) };
}

/** The line, then what its encoded command says, and so on inwards. */
function unwrap(line: string): string[] {
  const layers = [line];
  while (layers.length <= MAX_DEPTH) {
    const outer = layers.at(-1) ?? "";
    const inner = decodeCommand(outer) ?? decodeBase64Call(outer) ?? decodePiped(outer);
    if (inner === undefined) break;
    layers.push(inner.slice(0, MAX_LENGTH));
  }
  return layers;
}

/**
 * `cmd` drops carets, PowerShell drops backticks, both drop quotes: attackers put them inside words, so they go before matching. Text
 * joined from pieces and variables with known values are put together first.
 */
export function normalizeCommandLine(line: string): string {
  const joined = line.toLowerCase().replace(/(['"])[ \t]{0,16}\+[ \t]{0,16}\1/g, "");
  let result = "";
  let space = true;
  for (const character of fillVariables(withoutCarets(joined))) {
    if (character === '"' || character === "'" || character === "`") continue;
    const blank = character <= " " || character === "\u00a0";
    if (blank && space) continue;
    result += blank ? " " : character;
    space = blank;
  }
  return result.trimEnd();
}
const withoutCarets = (line: string) => line.replaceAll("^", "");

/** Values that are the same on every Windows (learn.microsoft.com/windows/deployment/usmt/usmt-recognized-environment-variables). */
const WINDOWS_VARIABLES: ReadonlyMap<string, string> = new Map([
  ["comspec", "c:\\windows\\system32\\cmd.exe"],
  ["systemroot", "c:\\windows"],
  ["windir", "c:\\windows"],
  ["programdata", "c:\\programdata"],
  ["allusersprofile", "c:\\programdata"],
  ["public", "c:\\users\\public"],
  ["systemdrive", "c:"],
]);
/** More than anybody sets in one line; each is filled in at most as long as a line may be. */
const MAX_VARIABLES = 64;
const MAX_NAME = 96;

/**
 * Fills in `%comspec%`, parts of it (`%comspec:~0,1%`), and what the line itself set before (`set a=power&&call %a%shell`). One pass, and
 * what was filled in is not read again, so the result cannot grow without end.
 */
function fillVariables(line: string): string {
  if (!line.includes("%") && !line.includes("!")) return line;
  const variables = new Map(WINDOWS_VARIABLES);
  for (const command of line.split(/[&|]/).slice(0, MAX_VARIABLES)) {
    const at = command.indexOf("set ");
    const equals = command.indexOf("=", at);
    if (at === -1 || equals === -1) continue;
    const name = command
      .slice(at + 4, equals)
      .replaceAll('"', "")
      .trim();
    if (name !== "" && name.length <= 64)
      variables.set(
        name,
        command
          .slice(equals + 1)
          .replaceAll('"', "")
          .trim()
          .slice(0, 512),
      );
  }
  let result = "";
  // Windows takes no line that is longer once filled in, either.
  for (let at = 0; at < line.length && result.length < MAX_LENGTH; at++) {
    const sign = line[at] ?? "";
    const length = sign === "%" || sign === "!" ? line.slice(at + 1, at + 1 + MAX_NAME).indexOf(sign) : -1;
    const value = length < 1 ? undefined : variableValue(line.slice(at + 1, at + 1 + length), variables);
    result += value ?? sign;
    if (value !== undefined) at += length + 1;
  }
  return result;
}
function variableValue(text: string, variables: ReadonlyMap<string, string>): string | undefined {
  const [name = "", part] = text.split(":~", 2);
  const value = variables.get(name.trim());
  if (value === undefined || part === undefined) return value;
  const [start = 0, length] = part.split(",").map(Number);
  if (Number.isNaN(start) || (length !== undefined && Number.isNaN(length))) return undefined;
  const begin = start < 0 ? Math.max(0, value.length + start) : start;
  return length === undefined ? value.slice(begin) : length < 0 ? value.slice(begin, length) : value.slice(begin, begin + length);
}

/** What is left of the line is still judged: only the exact text of a project's own instructions goes. */
const withoutKnownInstalls = (line: string) => KNOWN_INSTALLS.reduce((rest, known) => rest.replaceAll(known, " "), line);

/** Text of PowerShell's `-EncodedCommand` (base64 of UTF-16LE), which it accepts under every abbreviation down to `-e`. */
function decodeCommand(line: string): string | undefined {
  const lowered = withoutCarets(line.toLowerCase()).replaceAll('"', "").replaceAll("`", "");
  if (!lowered.includes("powershell") && !lowered.includes("pwsh")) return undefined;
  const words = line.split(/\s/).filter((part) => part !== "");
  for (const [index, word] of words.entries()) {
    if (!isEncodedFlag(word)) continue;
    const text = words[index + 1]?.replaceAll('"', "").replaceAll("'", "").replaceAll("^", "");
    if (!text || text.length < 8 || !isBase64(text)) continue;
    const decoded = Buffer.from(text, "base64").toString("utf16le");
    if (decoded.length > 0 && isMostlyText(decoded)) return decoded;
  }
  return undefined;
}

/** Text inside `[Convert]::FromBase64String('...')`. */
function decodeBase64Call(line: string): string | undefined {
  const call = "frombase64string(";
  const lowered = line.toLowerCase();
  for (let at = lowered.indexOf(call), tries = 0; at !== -1 && tries < 16; at = lowered.indexOf(call, at + 1), tries++) {
    const decoded = textOf(base64From(line, at + call.length));
    if (decoded !== undefined) return decoded;
  }
  return undefined;
}

/** Text that `base64 -d` is given on the same line. */
function decodePiped(line: string): string | undefined {
  if (!/base64 (-d|-D|--decode)/.test(line)) return undefined;
  return line
    .split(/[\s"'|<>()]/)
    .filter((part) => part.length >= 16 && isBase64(part))
    .slice(0, 16)
    .map(textOf)
    .find((decoded) => decoded !== undefined);
}

function base64From(line: string, from: number): string {
  let start = from;
  while (start < line.length && start < from + 8 && ["'", '"', " ", "("].includes(line[start] ?? "")) start++;
  let end = start;
  while (end < line.length && isBase64(line[end] ?? "")) end++;
  return line.slice(start, end);
}

/** What base64 says, where it says text at all. */
function textOf(base64: string): string | undefined {
  if (base64.length < 16) return undefined;
  const bytes = Buffer.from(base64, "base64");
  return [bytes.toString("utf16le"), bytes.toString("utf8")].find((text) => text.length > 0 && isMostlyText(text));
}

function isEncodedFlag(word: string): boolean {
  const bare = word.replaceAll("^", "").replaceAll('"', "").replaceAll("`", "").toLowerCase();
  // PowerShell takes a slash and the long dashes that word processors make, as well.
  if (!["-", "/", "\u2013", "\u2014", "\u2015"].includes(bare[0] ?? "")) return false;
  const flag = bare.slice(1);
  return flag === "ec" || (flag.length > 0 && "encodedcommand".startsWith(flag));
}

function isBase64(text: string): boolean {
  for (const character of text) {
    const letter = (character >= "a" && character <= "z") || (character >= "A" && character <= "Z");
    if (!letter && !(character >= "0" && character <= "9") && character !== "+" && character !== "/" && character !== "=") return false;
  }
  return true;
}

/** Any bytes decode to *something*; a command is made of characters people type. */
function isMostlyText(text: string): boolean {
  let typed = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if ((code >= 0x20 && code < 0x7f) || code === 9 || code === 10 || code === 13) typed++;
  }
  return typed / text.length > 0.8;
}
