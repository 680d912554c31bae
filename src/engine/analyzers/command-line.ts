import type { Observation } from "../domain/observation.ts";
import { WEIGHTS } from "../domain/verdict.ts";
import { defineAnalyzer } from "./analyzer.ts";
import type { CommandLineRule } from "./command-line-rules.ts";
import { COMMAND_LINE_RULES } from "./command-line-rules.ts";

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
  const layers = unwrap(line.slice(0, MAX_LENGTH));
  const observations: Observation[] = [];
  const seen = new Set<string>();
  const hit = (rule: Pick<CommandLineRule, "name" | "strength" | "technique" | "does">, text: string, raw: unknown) => {
    // A rule votes once, however often its words are repeated inside.
    if (seen.has(rule.name)) return;
    seen.add(rule.name);
    const strong = rule.strength === "strong";
    observations.push({
      ...shared,
      label: strong ? "malicious" : "suspicious",
      weight: strong ? WEIGHTS.ruleStrong : WEIGHTS.ruleWeak,
      text,
      technique: rule.technique,
      raw,
    });
  };
  for (const [depth, layer] of layers.entries()) {
    const where = depth === 0 ? "The command line" : "The encoded command inside";
    const plain = normalize(layer);
    for (const rule of COMMAND_LINE_RULES) {
      if (rule.matches(plain)) hit(rule, `${where} ${rule.does} (rule ${rule.name}, ${rule.technique}).`, { rule: rule.name, depth });
    }
  }
  if (layers.length > 1) {
    const decoded = layers.at(-1) ?? "";
    hit(
      // attack.mitre.org/techniques/T1027/010; management products encode their scripts, too.
      { name: "encoded-powershell", strength: "weak", technique: "T1027.010", does: "hides what it does by encoding" },
      "The command line hides what it does by encoding (rule encoded-powershell, T1027.010).",
      { rule: "encoded-powershell", decoded: decoded.slice(0, 2000) },
    );
  }
  if (observations.length > 0) return observations;
  return [{ ...shared, label: "neutral", weight: 0, text: "No rule for command lines matches." }];
}

/** The line, then what its encoded command says, and so on inwards. */
function unwrap(line: string): string[] {
  const layers = [line];
  while (layers.length <= MAX_DEPTH) {
    const inner = decodeCommand(layers.at(-1) ?? "");
    if (inner === undefined) break;
    layers.push(inner.slice(0, MAX_LENGTH));
  }
  return layers;
}

/** `cmd` drops carets, PowerShell drops backticks, both drop quotes: attackers put them inside words, so they go before matching. */
function normalize(line: string): string {
  let result = "";
  let space = true;
  for (const character of line.toLowerCase()) {
    if (character === "^" || character === '"' || character === "'" || character === "`") continue;
    const blank = character <= " " || character === "\u00a0";
    if (blank && space) continue;
    result += blank ? " " : character;
    space = blank;
  }
  return result.trimEnd();
}

/** Text of PowerShell's `-EncodedCommand` (base64 of UTF-16LE), which it accepts under every abbreviation down to `-e`. */
function decodeCommand(line: string): string | undefined {
  const lowered = line.toLowerCase();
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
