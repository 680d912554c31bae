/*
 * What the rules for command lines are made of. The text is written by attackers, so nothing here may take more than time linear in its
 * length: `includes` and word look-ups only, no pattern with a quantifier inside a quantifier.
 */

export type CommandLineRule = {
  name: string;
  /** `strong`: only attackers write it. `weak`: administrators do, too. */
  strength: "strong" | "weak";
  /** ATT&CK technique. */
  technique: string;
  /** Public page that describes the behaviour: ATT&CK, LOLBAS or the vendor. */
  source: string;
  /** "deletes the volume shadow copies": completes "This command line ...". */
  does: string;
  matches: (line: string) => boolean;
};

export const attack = (technique: string) => `https://attack.mitre.org/techniques/${technique.replace(".", "/")}/`;
export const lolbas = (page: string) => `https://lolbas-project.github.io/lolbas/${page}/`;

export const all = (line: string, ...parts: string[]) => parts.every((part) => line.includes(part));
export const any = (line: string, ...parts: string[]) => parts.some((part) => line.includes(part));

const isWordCharacter = (character: string | undefined) =>
  character !== undefined &&
  ((character >= "a" && character <= "z") || (character >= "0" && character <= "9") || character === "_" || character === "-");
/** The word by itself: `iex` but not `iexplore`. */
export function word(line: string, wanted: string): boolean {
  for (let at = line.indexOf(wanted); at !== -1; at = line.indexOf(wanted, at + 1)) {
    if (!isWordCharacter(line[at - 1]) && !isWordCharacter(line[at + wanted.length])) return true;
  }
  return false;
}
export const anyWord = (line: string, ...wanted: string[]) => wanted.some((each) => word(line, each));
/** The program by its name, with or without its ending: `sc stop x`, `C:\Windows\System32\sc.exe stop x`, but not `--sc`. */
export const runs = (line: string, ...programs: string[]) =>
  programs.some((program) => word(line, program) || word(line, `${program}.exe`));

export const hasWeb = (line: string) => any(line, "http://", "https://", "ftp://", "\\\\http");
export const runsText = (line: string) =>
  word(line, "iex") || any(line, "invoke-expression", "[scriptblock]::create", "assembly]::load", ".invokecommand.invokescript");
export const fetches = (line: string) =>
  any(
    line,
    "downloadstring",
    "downloadfile",
    "downloaddata",
    "invoke-webrequest",
    "invoke-restmethod",
    "start-bitstransfer",
    "net.webclient",
    "net.http.httpclient",
    "msxml2.xmlhttp",
  ) || anyWord(line, "iwr", "irm");

/** Where any account may put a file without asking: attack.mitre.org/techniques/T1204/002 and T1036/005 name them as usual landing places. */
const OPEN_FOLDERS = [
  "\\appdata\\local\\temp\\",
  "\\appdata\\roaming\\",
  "\\users\\public\\",
  "\\downloads\\",
  "\\windows\\temp\\",
  "\\perflogs\\",
  "\\$recycle.bin\\",
  "%temp%\\",
  "%tmp%\\",
  "%appdata%\\",
  "%public%\\",
  "$env:temp\\",
  "$env:appdata\\",
  "$env:public\\",
  "/tmp/",
  "/var/tmp/",
  "/dev/shm/",
];
export const inOpenFolder = (line: string) => any(line, ...OPEN_FOLDERS);

const SHELL_TARGETS = new Set(["sh", "bash", "zsh", "dash", "cmd", "powershell", "pwsh"]);
/** They run what they are given, unless told on the line what to do with it (`python3 -m json.tool`). */
const LANGUAGE_TARGETS = new Set(["python", "python3", "perl", "node", "ruby", "php"]);
/** `... | bash`, `... |sudo -E sh -`, `bash <(...)`, `sh -c $(...)`. */
export function pipesIntoShell(line: string): boolean {
  for (let at = line.indexOf("|"); at !== -1; at = line.indexOf("|", at + 1)) {
    const words = line
      .slice(at + 1, at + 60)
      .split(" ")
      .filter((part) => part !== "" && part !== "sudo");
    const start = words.findIndex((part) => !part.startsWith("-"));
    const program = baseOf(words[start] ?? "").replace(/[;&)].*$/, "");
    if (SHELL_TARGETS.has(program)) return true;
    if (LANGUAGE_TARGETS.has(program) && !/^-[a-z]*[mcenp]/.test(words[start + 1] ?? "")) return true;
  }
  return any(line, "bash <(", "sh <(", "sh -c $(", "bash -c $(", "sh -c `");
}

const baseOf = (path: string) => (path.split(/[\\/]/).at(-1) ?? "").replace(/\.exe$/, "");
/** What the line starts, where its path holds no blank: `reg` of `C:\Windows\reg.exe add`. */
export const startsWith = (line: string, ...programs: string[]) => programs.includes(baseOf(line.slice(0, 300).split(" ", 1)[0] ?? ""));

/** What follows the first such word, to the end of the line. */
export function behind(line: string, wanted: string): string {
  const at = line.indexOf(wanted);
  return at === -1 ? "" : line.slice(at + wanted.length);
}

/** `reg add`, PowerShell, WMI and script hosts all write to the registry. */
export const writesRegistry = (line: string) =>
  (runs(line, "reg") && anyWord(line, "add", "copy", "import")) ||
  any(line, "set-itemproperty", "new-itemproperty", "registry]::setvalue", ".regwrite", "stdregprov");
export const deletesRegistry = (line: string) =>
  (runs(line, "reg") && word(line, "delete")) || any(line, "remove-itemproperty", "remove-item ", ".regdelete");
/** The number written: `/d 0x0`, `/d 00000000` and `-value 0` are all 0. */
export function writesNumber(line: string, ...wanted: number[]): boolean {
  return [" /d ", " -d ", " -value ", " uvalue="].some((flag) => {
    const text = behind(line, flag)
      .slice(0, 24)
      .trimStart()
      .split(/[ ;,})]/, 1)[0];
    return text !== undefined && text !== "" && wanted.includes(Number(text));
  });
}

/** An address on the internet in place of a name: `http://203.0.113.9/a`. Those of our own networks are left out. */
export function hasBareAddress(line: string): boolean {
  for (const [, first = "", second = ""] of line.matchAll(/(?:https?|ftp):\/\/(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}(?![\d.])/g)) {
    if (!isOwn(Number(first), Number(second))) return true;
  }
  return false;
}
/** The same as the server of a share: `\\203.0.113.9\a`. */
export function hasBareShare(line: string): boolean {
  for (const [, first = "", second = ""] of line.matchAll(/\\\\(\d{1,3})\.(\d{1,3})\.\d{1,3}\.\d{1,3}(?![\d.])/g)) {
    if (!isOwn(Number(first), Number(second))) return true;
  }
  return false;
}
const isOwn = (first: number, second: number) =>
  [0, 10, 127].includes(first) ||
  (first === 192 && second === 168) ||
  (first === 172 && second >= 16 && second <= 31) ||
  (first === 169 && second === 254);

/** Names a program or script Windows runs; packages an installer takes are not among them. */
export const namesProgram = (line: string) => /\.(exe|dll|scr|ps1|bat|cmd|vbs|vbe|js|jse|hta|sct|cpl|pif|wsf)(?![a-z0-9_.\\/-])/.test(line);

/** Makers and names of what protects a device, as they stand in lists of installed products and services. */
const PROTECTION = [
  "antivirus",
  "anti-virus",
  "antimalware",
  "endpoint security",
  "endpoint protection",
  "avast",
  "avg",
  "avira",
  "bitdefender",
  "carbon black",
  "cortex xdr",
  "crowdstrike",
  "cybereason",
  "cylance",
  "elastic endpoint",
  "eset",
  "f-secure",
  "fortiedr",
  "huntress",
  "kaspersky",
  "malwarebytes",
  "mcafee",
  "norton",
  "sentinel agent",
  "sentinelone",
  "sophos",
  "symantec",
  "sysmon",
  "trellix",
  "trend micro",
  "webroot",
  "windefend",
  "windows defender",
  "withsecure",
];
export const namesProtection = (line: string) => anyWord(line, ...PROTECTION);
